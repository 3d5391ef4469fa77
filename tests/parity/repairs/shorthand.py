"""Examples in one line each: a function of drawn arrays, with the sizes that are unknown when it is traced."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from examples import example


def declare(rules: str, name: str, call: Callable[..., Any], *arrays: Any, unknown: Sequence[int] = (0,)) -> None:
    """Declare `call` as an example of the rules (names apart by spaces), `name` saying which; axes `unknown` of all are None."""

    def make() -> tuple[Any, list[Any]]:
        values = [np.asarray(array) for array in arrays]
        specs = [
            tf.TensorSpec([None if axis in unknown else size for axis, size in enumerate(value.shape)], value.dtype)
            for value in values
        ]
        return tf.function(call, input_signature=specs), values

    make.__name__ = name
    example(*rules.split())(make)


def drawn(*shape: int, seed: int = 0, dtype: Any = np.float32) -> Any:
    """Return numbers of a normal distribution."""
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)
