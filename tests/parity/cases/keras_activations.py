"""Activations: every function of `keras.activations`, after a layer and within one, and the layers that activate."""

from __future__ import annotations

import functools
from typing import Any

import keras
import numpy as np
from catalogue import case, functional, grid, of_call, of_layer, seeded
from keras import activations, layers

NAMES = (
    "celu", "elu", "exponential", "gelu", "glu", "hard_shrink", "hard_sigmoid", "hard_silu", "hard_tanh", "leaky_relu",
    "linear", "log_sigmoid", "log_softmax", "mish", "relu", "relu6", "selu", "sigmoid", "silu", "soft_shrink",
    "softmax", "softplus", "softsign", "sparse_plus", "sparse_sigmoid", "sparsemax", "squareplus", "tanh",
    "tanh_shrink",
)  # fmt: skip


def _wide() -> dict[str, Any]:
    """Values on both sides of every threshold, where functions saturate, and zero."""
    x = np.random.default_rng(0).normal(0.0, 4.0, (8, 6)).astype(np.float32)
    x[0] = [0.0, -0.0, 20.0, -20.0, 1e-3, -1e-3]
    return {"x": x}


def _activated(name: str) -> Any:
    x = keras.Input((6,), name="x")
    return seeded(
        keras.Model(x, {"after": layers.Activation(name)(x), "within": layers.Dense(4, activation=name)(x)}, name=name)
    )


grid(globals(), "activation", _activated, {name: {"name": name} for name in NAMES}, samples=_wide)


def _called(function: str, **options: Any) -> Any:
    call = functools.partial(getattr(activations, function), **options)
    return of_call(call, keras.Input((6,), name="x"))


grid(
    globals(),
    "activation",
    _called,
    {
        "threshold": {"function": "threshold", "threshold": 0.5, "default_value": -2.0},
        "relu_capped": {"function": "relu", "negative_slope": 0.1, "max_value": 3.0, "threshold": 0.5},
        "gelu_approximate": {"function": "gelu", "approximate": True},
    },
    samples=_wide,
)


def _along_first(function: str) -> Any:
    call = functools.partial(getattr(activations, function), axis=1)
    return of_call(call, keras.Input((4, 3), name="x"))


grid(
    globals(),
    "activation_along_first",
    _along_first,
    {name: {"function": name} for name in ("softmax", "log_softmax", "glu")},
)

grid(
    globals(),
    "relu_layer",
    of_layer(layers.ReLU, (6,)),
    {
        "six": {"max_value": 6.0},
        "leaky_capped": {"negative_slope": 0.1, "max_value": 3.0},
        "threshold": {"threshold": 1.0},
    },
    samples=_wide,
)
grid(
    globals(),
    "leaky_relu_layer",
    of_layer(layers.LeakyReLU, (6,)),
    {"slope": {"negative_slope": 0.05}},
    samples=_wide,
)
grid(
    globals(),
    "elu_layer",
    of_layer(layers.ELU, (6,)),
    {"alpha": {"alpha": 0.5}},
    samples=_wide,
)
grid(
    globals(),
    "prelu",
    of_layer(layers.PReLU, (6,)),
    {
        "of_images": {"shape": (4, 4, 3)},
        "shared": {"shape": (4, 4, 3), "shared_axes": [1, 2]},
    },
)
grid(
    globals(),
    "softmax_layer",
    of_layer(layers.Softmax, (4, 5, 3)),
    {"axis": {"axis": 1}, "axes": {"axis": (1, 2)}},
)


@case
def softmax_masked() -> Any:
    x, kept = keras.Input((6,), name="x"), keras.Input((6,), dtype="bool", name="kept")
    return keras.Model([x, kept], layers.Softmax()(x, mask=kept))


@case
def activation_of_own() -> Any:
    """A function of one's own in place of a name."""
    return functional(layers.Dense(4, activation=lambda x: x * keras.ops.sigmoid(1.702 * x)), shape=(6,))
