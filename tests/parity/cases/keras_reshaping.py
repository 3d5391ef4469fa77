"""Reshaping: new shapes and orders, repeats, edges cut off and padded, images enlarged."""

from __future__ import annotations

from catalogue import grid, of_layer
from keras import layers

FIRST = {"data_format": "channels_first"}

grid(
    globals(),
    "reshape",
    of_layer(layers.Reshape, (4, 6)),
    {
        "plain": {"target_shape": (3, 8)},
        "more_axes": {"target_shape": (2, 2, 1, 6)},
        "any_steps": {"shape": (None, 6), "target_shape": (-1, 3)},
        "any_steps_kept": {"shape": (None, 6), "target_shape": (-1, 2, 3)},
    },
)
grid(
    globals(),
    "permute",
    of_layer(layers.Permute, (4, 6)),
    {
        "four": {"shape": (2, 3, 4, 5), "dims": (4, 2, 1, 3)},
        "any_size": {"shape": (None, None, 3), "dims": (3, 2, 1)},
    },
)
grid(
    globals(),
    "flatten",
    of_layer(layers.Flatten, (3, 4, 5)),
    {"channels_first": FIRST, "integers": {"dtype": "int32"}},
)
grid(globals(), "repeat_vector", of_layer(layers.RepeatVector, (6,)), {"plain": {"n": 3}})

grid(
    globals(),
    "cropping1d",
    of_layer(layers.Cropping1D, (7, 3)),
    {"any_steps": {"shape": (None, 3), "cropping": (1, 2)}},
)
grid(
    globals(),
    "cropping2d",
    of_layer(layers.Cropping2D, (6, 7, 3)),
    {
        "any_size": {"shape": (None, None, 3), "cropping": 1},
        "channels_first": {"shape": (3, 6, 7), "cropping": ((0, 1), (2, 0)), **FIRST},
    },
)
grid(
    globals(),
    "cropping3d",
    of_layer(layers.Cropping3D, (4, 5, 6, 2)),
    {
        "plain": {"cropping": ((1, 0), (1, 2), (0, 3))},
    },
)
grid(
    globals(),
    "zero_padding1d",
    of_layer(layers.ZeroPadding1D, (5, 3)),
    {
        "plain": {"padding": (1, 2)},
    },
)
grid(
    globals(),
    "zero_padding2d",
    of_layer(layers.ZeroPadding2D, (4, 5, 3)),
    {
        "any_size": {"shape": (None, None, 3), "padding": 1},
        "channels_first": {"shape": (3, 4, 5), "padding": (1, 2), **FIRST},
    },
)
grid(
    globals(),
    "zero_padding3d",
    of_layer(layers.ZeroPadding3D, (3, 4, 5, 2)),
    {
        "plain": {"padding": ((1, 0), (1, 2), (0, 3))},
    },
)
grid(
    globals(),
    "up_sampling1d",
    of_layer(layers.UpSampling1D, (5, 3)),
    {"any_steps": {"shape": (None, 3), "size": 3}},
)
grid(
    globals(),
    "up_sampling2d",
    of_layer(layers.UpSampling2D, (4, 5, 3)),
    {
        **{name: {"interpolation": name} for name in ("nearest", "bilinear", "bicubic", "lanczos3", "lanczos5")},
        "bilinear_uneven": {"size": (3, 2), "interpolation": "bilinear"},
        "nearest_any_size": {"shape": (None, None, 3)},
        "nearest_channels_first": {"shape": (3, 4, 5), **FIRST},
    },
)
grid(
    globals(),
    "up_sampling3d",
    of_layer(layers.UpSampling3D, (2, 3, 4, 2)),
    {"plain": {"size": (2, 1, 3)}},
)
