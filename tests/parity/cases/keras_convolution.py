"""Convolutions: plain, transposed, depthwise and separable, of one to three dimensions."""

from __future__ import annotations

from typing import Any

from catalogue import case, functional, grid, of_layer
from keras import layers

SAME, FIRST = {"padding": "same"}, {"data_format": "channels_first"}

grid(
    globals(),
    "conv1d",
    of_layer(layers.Conv1D, (9, 4), filters=6, kernel_size=3),
    {
        "strided": {**SAME, "strides": 2},
        "causal_dilated": {"padding": "causal", "dilation_rate": 2},
        "groups": {"groups": 2},
        "any_steps": {"shape": (None, 4), **SAME},
    },
)

grid(
    globals(),
    "conv2d",
    of_layer(layers.Conv2D, (8, 8, 4), filters=6, kernel_size=3),
    {
        "valid": {},
        "without_bias": {"use_bias": False},
        "pointwise_strided": {"kernel_size": 1, "strides": 2},
        "rectangular": {"kernel_size": (2, 5), **SAME},
        "strided_uneven": {"shape": (7, 9, 4), "strides": (1, 3), **SAME},
        "dilated": {"dilation_rate": 2},
        "same_dilated": {"dilation_rate": (1, 3), **SAME},
        "kernel_beyond_image": {"shape": (2, 2, 4), "kernel_size": 5, **SAME},
        "any_size": {"shape": (None, None, 4), "strides": 2, **SAME},
        "groups_strided": {"groups": 2, "strides": 2, **SAME},
        "groups_depthwise": {"groups": 4, "filters": 4},
        "channels_first_groups": {"shape": (4, 8, 8), "groups": 2, **FIRST},
    },
)

grid(
    globals(),
    "conv2d_then",
    of_layer(layers.Conv2D, (6, 6, 3), filters=4, kernel_size=3),
    {name: {"activation": name} for name in ("relu6", "leaky_relu", "tanh", "silu")},
)

grid(
    globals(),
    "conv3d",
    of_layer(layers.Conv3D, (5, 6, 6, 2), filters=4, kernel_size=3),
    {
        "strided_same": {"strides": (1, 2, 2), **SAME},
        "dilated": {"dilation_rate": 2},
        "groups": {"groups": 2},
        "channels_first": {"shape": (2, 5, 6, 6), **FIRST},
    },
)

grid(
    globals(),
    "conv1d_transpose",
    of_layer(layers.Conv1DTranspose, (5, 3), filters=4, kernel_size=3),
    {
        "strided": {"strides": 2, **SAME},
        "output_padding": {"strides": 3, "output_padding": 1},
    },
)

grid(
    globals(),
    "conv2d_transpose",
    of_layer(layers.Conv2DTranspose, (5, 5, 3), filters=4, kernel_size=3),
    {
        "valid": {},
        "strided_valid": {"strides": 2},
        "stride_beyond_kernel": {"strides": 3, "kernel_size": 2},
        "output_padding": {"strides": 2, "output_padding": (1, 0), **SAME},
        "any_size": {"shape": (None, None, 3), "strides": 2, **SAME},
        "relu": {"strides": 2, **SAME, "activation": "relu"},
    },
)

grid(
    globals(),
    "conv3d_transpose",
    of_layer(layers.Conv3DTranspose, (3, 4, 4, 2), filters=3, kernel_size=3),
    {
        "strided_same": {"strides": 2, **SAME},
        "output_padding": {"strides": 2, "output_padding": 1},
    },
)

grid(
    globals(),
    "depthwise_conv1d",
    of_layer(layers.DepthwiseConv1D, (9, 4), kernel_size=3),
    {
        "multiplier_dilated": {"depth_multiplier": 2, "dilation_rate": 2},
        "strided_same": {"strides": 2, **SAME},
        "channels_first": {"shape": (4, 9), **FIRST},
    },
)

grid(
    globals(),
    "depthwise_conv2d",
    of_layer(layers.DepthwiseConv2D, (8, 8, 4), kernel_size=3),
    {
        "same_dilated": {"dilation_rate": 2, **SAME},
        "strided_dilated": {"strides": 2, "dilation_rate": 2, **SAME},
        "multiplier": {"depth_multiplier": 2},
        "any_size": {"shape": (None, None, 4), "strides": 2, **SAME},
        "channels_first": {"shape": (4, 8, 8), **SAME, **FIRST},
    },
)

grid(
    globals(),
    "separable_conv1d",
    of_layer(layers.SeparableConv1D, (9, 4), filters=6, kernel_size=3),
    {
        "multiplier_dilated": {"depth_multiplier": 2, "dilation_rate": 2},
        "strided_same": {"strides": 2, **SAME},
    },
)

grid(
    globals(),
    "separable_conv2d",
    of_layer(layers.SeparableConv2D, (8, 8, 4), filters=6, kernel_size=3),
    {
        "strided_same": {"strides": 2, **SAME},
        "dilated": {"dilation_rate": 2},
        "multiplier": {"depth_multiplier": 2, "activation": "relu"},
    },
)


@case
def conv2d_batch_norm_relu() -> Any:
    """The block that every converter fuses."""
    return functional(
        layers.Conv2D(6, 3, use_bias=False, padding="same"), layers.BatchNormalization(), layers.ReLU(), shape=(8, 8, 3)
    )


@case
def depthwise_conv2d_batch_norm_relu6() -> Any:
    return functional(
        layers.ZeroPadding2D(((0, 1), (0, 1))),
        layers.DepthwiseConv2D(3, strides=2, use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(6.0),
        shape=(8, 8, 4),
    )
