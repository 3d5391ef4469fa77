"""Pooling: largest and average, over windows, everything, or to a given size, of one to three dimensions."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from catalogue import case, functional, grid, of_layer
from keras import layers

SAME, FIRST = {"padding": "same"}, {"data_format": "channels_first"}

WINDOWS_1D: dict[str, dict[str, Any]] = {
    "overlapping_same": {"pool_size": 3, "strides": 2, **SAME},
}
WINDOWS_2D: dict[str, dict[str, Any]] = {
    "overlapping_same": {"pool_size": 3, "strides": 2, **SAME},
    "rectangular": {"pool_size": (1, 3), "strides": (2, 1)},
    "any_size": {"shape": (None, None, 3), **SAME},
    "channels_first": {"shape": (3, 7, 9), **SAME, **FIRST},
}
WINDOWS_3D: dict[str, dict[str, Any]] = {
    "overlapping_same": {"pool_size": 3, "strides": (1, 2, 2), **SAME},
}
grid(globals(), "max_pooling1d", of_layer(layers.MaxPooling1D, (9, 3), pool_size=2), WINDOWS_1D)
grid(globals(), "average_pooling1d", of_layer(layers.AveragePooling1D, (9, 3), pool_size=2), WINDOWS_1D)
grid(globals(), "max_pooling2d", of_layer(layers.MaxPooling2D, (7, 9, 3), pool_size=2), WINDOWS_2D)
grid(globals(), "average_pooling2d", of_layer(layers.AveragePooling2D, (7, 9, 3), pool_size=2), WINDOWS_2D)
grid(globals(), "max_pooling3d", of_layer(layers.MaxPooling3D, (5, 6, 7, 2), pool_size=2), WINDOWS_3D)
grid(globals(), "average_pooling3d", of_layer(layers.AveragePooling3D, (5, 6, 7, 2), pool_size=2), WINDOWS_3D)

IMAGES: dict[str, dict[str, Any]] = {
    "plain": {},
    "kept_dims_channels_first": {"shape": (3, 7, 9), "keepdims": True, **FIRST},
}
STEPS: dict[str, dict[str, Any]] = {"kept_dims": {"keepdims": True}}
VOLUMES: dict[str, dict[str, Any]] = {"plain": {}}
grid(globals(), "global_max_pooling1d", of_layer(layers.GlobalMaxPooling1D, (9, 3)), STEPS)
grid(globals(), "global_average_pooling1d", of_layer(layers.GlobalAveragePooling1D, (9, 3)), STEPS)
grid(globals(), "global_max_pooling2d", of_layer(layers.GlobalMaxPooling2D, (7, 9, 3)), IMAGES)
grid(globals(), "global_average_pooling2d", of_layer(layers.GlobalAveragePooling2D, (7, 9, 3)), IMAGES)
grid(globals(), "global_max_pooling3d", of_layer(layers.GlobalMaxPooling3D, (4, 5, 6, 2)), VOLUMES)
grid(globals(), "global_average_pooling3d", of_layer(layers.GlobalAveragePooling3D, (4, 5, 6, 2)), VOLUMES)


def _padded_steps() -> dict[str, Any]:
    x = np.random.default_rng(0).normal(size=(8, 9, 3)).astype(np.float32)
    x[::2, 5:] = 0
    return {"x": x}


@case(samples=_padded_steps)
def global_average_pooling1d_masked() -> Any:
    return functional(layers.Masking(), layers.GlobalAveragePooling1D(keepdims=True), shape=(9, 3))


def _adaptive(kind: str) -> None:
    for dims, shape, uneven in ((1, (9, 2), 4), (2, (7, 9, 2), (3, 4)), (3, (4, 5, 6, 2), (2, 3, 4))):
        layer = getattr(layers, f"Adaptive{kind.title()}Pooling{dims}D")
        options: dict[str, Any] = {"uneven": {"output_size": uneven}}
        if dims == 2:
            options["channels_first"] = {"shape": (2, 6, 8), "output_size": (3, 4), **FIRST}
        grid(globals(), f"adaptive_{kind}_pooling{dims}d", of_layer(layer, shape), options)


_adaptive("average")
_adaptive("max")


@case
def pooling_of_padding() -> Any:
    """What is beyond the edge counts neither for the largest (all below zero here) nor for the average."""
    x = keras.Input((5, 5, 2), name="x")
    below = -keras.ops.abs(x) - 1.0
    pool = {"pool_size": 3, "strides": 2, "padding": "same"}
    return keras.Model(
        x, {"largest": layers.MaxPooling2D(**pool)(below), "average": layers.AveragePooling2D(**pool)(below)}
    )
