"""A model of layers in a row, read from `layers.json` beside this file's copy: a Python source for `test_mixtures.py`.

`layers.json`: `{"shape": […], "layers": [[CLASS, CONFIG], …], "join": INDEX or null}`, the shape without the batch; with
`join` the output of the layer of that index comes back behind the last.  Where a layer wants another rank than what comes
in, it is reshaped: images are read as sequences, sequences as vectors, and the other way round.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import keras
import numpy as np

SPEC = json.loads((Path(__file__).parent / "layers.json").read_text(encoding="utf-8"))


def build() -> Any:
    keras.utils.set_random_seed(0)
    inputs = value = keras.Input(SPEC["shape"], name="x")
    made = []
    for kind, config, rank in SPEC["layers"]:
        layer = getattr(keras.layers, kind)(**config)
        value = layer(_of_rank(value, rank)) if kind != "MultiHeadAttention" else _attend(layer, _of_rank(value, rank))
        made.append(value)
    if SPEC["join"] is not None:
        value = keras.layers.Concatenate()([keras.layers.Flatten()(value), keras.layers.Flatten()(made[SPEC["join"]])])
    model = keras.Model(inputs, value, name="mixture")
    rng = np.random.default_rng(0)
    for variable in model.variables:
        value = variable.numpy()
        if value.dtype.kind == "f":
            low, high = (0.5, 1.5) if "variance" in variable.path or "gamma" in variable.path else (-0.5, 0.5)
            variable.assign(rng.uniform(low, high, value.shape).astype(value.dtype))
    return model


def _attend(layer: Any, value: Any) -> Any:
    return layer(value, value)


def _of_rank(value: Any, rank: int | None) -> Any:
    """Return the value with this many axes after the batch; None: any will do."""
    shape = value.shape[1:]
    if rank is None or len(shape) == rank:
        return value
    count = math.prod(shape)
    if rank == 1:
        return keras.layers.Flatten()(value)
    if rank == 2:
        return keras.layers.Reshape((shape[0], count // shape[0]) if len(shape) > 2 else (count, 1))(value)
    places = count // shape[-1] if len(shape) > 1 else count
    return keras.layers.Reshape((*_square(places), count // places))(value)


def _square(count: int) -> tuple[int, int]:
    """Return two factors of a number, as near to each other as may be."""
    first = next(factor for factor in range(math.isqrt(count), 0, -1) if count % factor == 0)
    return first, count // first
