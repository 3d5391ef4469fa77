"""Merging: sums, products, extremes, joins and dot products of several inputs."""

from __future__ import annotations

from typing import Any

import keras
from catalogue import grid
from keras import layers


def _merged(layer: Any, *shapes: tuple[int | None, ...], dtype: str = "float32") -> Any:
    inputs = [keras.Input(shape, dtype=dtype, name=name) for name, shape in zip("abc", shapes, strict=False)]
    return keras.Model(inputs, layer(inputs))


def _alike(layer: Any) -> Any:
    return _merged(layer, (4, 3), (4, 3), (4, 3))


def _broadcast(layer: Any) -> Any:
    """The ranks differ too: an image, a vector of channels."""
    return _merged(layer, (4, 5, 3), (3,))


def _pair(layer: Any, a: tuple[int | None, ...] = (4, 3), b: tuple[int | None, ...] = (4, 3), **options: Any) -> Any:
    return _merged(layer(**options), a, b)


LAYERS: dict[str, dict[str, Any]] = {
    "add": {"layer": layers.Add()},
    "multiply": {"layer": layers.Multiply()},
    "average": {"layer": layers.Average()},
    "maximum": {"layer": layers.Maximum()},
    "minimum": {"layer": layers.Minimum()},
}
grid(globals(), "three", _alike, {**LAYERS, "concatenate": {"layer": layers.Concatenate()}})
grid(globals(), "broadcast", _broadcast, {"add": {"layer": layers.Add()}, "maximum": {"layer": layers.Maximum()}})
grid(globals(), "subtract", _pair, {"row": {"layer": layers.Subtract, "b": (1, 3)}})
grid(
    globals(),
    "concatenate",
    _pair,
    {
        "first_axis": {"layer": layers.Concatenate, "axis": 1, "b": (2, 3)},
        "images": {"layer": layers.Concatenate, "axis": -1, "a": (4, 4, 2), "b": (4, 4, 5)},
        "any_steps": {"layer": layers.Concatenate, "axis": 1, "a": (None, 3), "b": (2, 3)},
    },
)
grid(
    globals(),
    "dot",
    _pair,
    {
        "cosine": {"layer": layers.Dot, "axes": 1, "a": (6,), "b": (6,), "normalize": True},
        "matrices": {"layer": layers.Dot, "axes": (2, 1), "a": (4, 3), "b": (3, 5)},
        "transposed": {"layer": layers.Dot, "axes": 2, "a": (4, 3), "b": (5, 3)},
        "matrix_vector": {"layer": layers.Dot, "axes": (2, 1), "a": (4, 3), "b": (3,)},
    },
)


def _integers(layer: Any) -> Any:
    return _merged(layer, (6,), (6,), dtype="int32")


grid(
    globals(),
    "integers",
    _integers,
    {
        "add": {"layer": layers.Add(dtype="int32")},
        "concatenate": {"layer": layers.Concatenate(dtype="int32")},
    },
)
