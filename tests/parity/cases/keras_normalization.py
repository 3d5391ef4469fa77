"""Normalization: by batch statistics, by layer, group, unit and root mean square, and of weights."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from catalogue import case, functional, grid, of_layer, seeded
from keras import layers

grid(
    globals(),
    "batch_normalization",
    of_layer(layers.BatchNormalization, (6, 6, 4)),
    {
        "images": {},
        "features": {"shape": (6,)},
        "volumes": {"shape": (3, 4, 5, 2)},
        "first_axis": {"axis": 1},
        "without_center": {"center": False},
        "neither": {"scale": False, "center": False, "epsilon": 0.1},
    },
)


def _padded_steps() -> dict[str, Any]:
    x = np.random.default_rng(0).normal(size=(8, 5, 3)).astype(np.float32)
    x[::2, 3:] = 0
    return {"x": x}


@case(samples=_padded_steps)
def batch_normalization_masked() -> Any:
    return functional(layers.Masking(), layers.BatchNormalization(), layers.GlobalAveragePooling1D(), shape=(5, 3))


grid(
    globals(),
    "layer_normalization",
    of_layer(layers.LayerNormalization, (5, 6)),
    {
        "plain": {},
        "first_axis": {"axis": 1},
        "axes": {"shape": (4, 5, 3), "axis": [1, 2, 3]},
        "outer_axes": {"shape": (4, 5, 3), "axis": [1, 3]},
        "without_center": {"center": False, "epsilon": 0.1},
        "any_steps": {"shape": (None, 6)},
    },
)
grid(
    globals(),
    "group_normalization",
    of_layer(layers.GroupNormalization, (4, 4, 6), groups=3),
    {
        "images": {},
        "steps": {"shape": (5, 6)},
        "instance": {"groups": -1},
        "first_axis": {"shape": (6, 4, 4), "axis": 1},
        "any_size": {"shape": (None, None, 6)},
    },
)
grid(
    globals(),
    "rms_normalization",
    of_layer(layers.RMSNormalization, (5, 6)),
    {"plain": {}, "last_axes": {"shape": (4, 5, 3), "axis": [-2, -1]}, "epsilon": {"epsilon": 0.1}},
)
grid(
    globals(),
    "unit_normalization",
    of_layer(layers.UnitNormalization, (5, 6)),
    {"plain": {}, "axes": {"axis": [1, 2]}},
)


def _normalized(layer: Any, shape: tuple[int, ...]) -> Any:
    return functional(layers.SpectralNormalization(layer, power_iterations=2), shape=shape)


grid(
    globals(),
    "spectral_normalization",
    _normalized,
    {
        "dense": {"layer": layers.Dense(4), "shape": (6,)},
        "conv2d": {"layer": layers.Conv2D(4, 3, padding="same"), "shape": (6, 6, 3)},
    },
)


@case
def layer_normalization_by_hand() -> Any:
    """The same with moments, as papers write it."""
    x = keras.Input((5, 6), name="x")
    mean, variance = keras.ops.moments(x, axes=-1, keepdims=True)
    return seeded(keras.Model(x, layers.Dense(4)((x - mean) * keras.ops.rsqrt(variance + 1e-6))))
