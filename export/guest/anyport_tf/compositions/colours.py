"""Colours in arithmetic: hue, saturation, value and back, contrast, boxes drawn; channels last, any rank."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from .shapes import rank, size, sizes

Operation = Any
Tensor = Any


def rgb_to_hsv(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    return tf.stack(_hsv(inputs[0]), axis=-1)


def hsv_to_rgb(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    return _rgb(*tf.unstack(inputs[0], 3, axis=-1))


def _hsv(rgb: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return hue in [0, 1), saturation and value; grey has hue 0."""
    red, green, blue = tf.unstack(rgb, 3, axis=-1)
    value = tf.maximum(tf.maximum(red, green), blue)
    spread = value - tf.minimum(tf.minimum(red, green), blue)
    zero, one = tf.zeros([], rgb.dtype), tf.ones([], rgb.dtype)
    saturation = tf.where(value > 0, spread / tf.where(value > 0, value, one), zero)
    part = 1 / (6 * tf.where(spread > 0, spread, one))
    hue = tf.where(
        tf.equal(red, value),
        part * (green - blue),
        tf.where(tf.equal(green, value), part * (blue - red) + 2 / 6, part * (red - green) + 4 / 6),
    )
    hue = tf.where(spread > 0, hue, zero)
    return tf.where(hue < 0, hue + 1, hue), saturation, value


def _rgb(hue: Tensor, saturation: Tensor, value: Tensor) -> Tensor:
    turn = 6 * hue
    shares = (tf.abs(turn - 3) - 1, 2 - tf.abs(turn - 2), 2 - tf.abs(turn - 4))
    channels = [(1 - saturation + saturation * tf.clip_by_value(share, 0.0, 1.0)) * value for share in shares]
    return tf.stack(channels, axis=-1)


def adjust_contrast(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """The distance of each element from its channel's mean over the image, times a factor."""
    x, factor = inputs
    mean = tf.reduce_mean(tf.cast(x, tf.float32), [rank(x) - 3, rank(x) - 2], keepdims=True)
    return tf.cast((tf.cast(x, tf.float32) - mean) * factor + mean, x.dtype)


def adjust_hue(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """The hue moved by `delta` turns."""
    x, delta = inputs
    hue, saturation, value = _hsv(tf.cast(x, tf.float32))
    hue = hue + delta
    return tf.cast(_rgb(hue - tf.floor(hue), saturation, value), x.dtype)


def adjust_saturation(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """The saturation times a factor, at most 1."""
    x, scale = inputs
    hue, saturation, value = _hsv(tf.cast(x, tf.float32))
    return tf.cast(_rgb(hue, tf.clip_by_value(saturation * scale, 0.0, 1.0), value), x.dtype)


PALETTE = [
    [1, 1, 0, 1], [0, 0, 1, 1], [1, 0, 0, 1], [0, 1, 0, 1], [0.5, 0, 0.5, 1],
    [0.5, 0.5, 0, 1], [0.5, 0, 0, 1], [0, 0, 0.5, 1], [0, 1, 1, 1], [1, 0, 1, 1],
]  # fmt: skip
"""The colours of the first boxes where none are given (TensorFlow's)."""


def draw_boxes(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Each element takes the colour of the last box whose edge, one element wide, goes through it."""
    images, boxes, *given = inputs
    _, height, width, channels = sizes(images)
    colours = tf.cast(given[0], images.dtype) if given else tf.constant(PALETTE, images.dtype)[:, :channels]
    if given:
        colours = colours[:, :channels]
    count = size(boxes, 1)
    last_row, last_column = (tf.cast(number - 1, tf.float32) for number in (height, width))
    top, left, bottom, right = (
        tf.cast(tf.cast(side * last, tf.int32), tf.float32)[:, :, None]
        for side, last in zip(
            tf.unstack(tf.cast(boxes, tf.float32), 4, axis=2),
            (last_row, last_column, last_row, last_column),
            strict=True,
        )
    )
    rows, columns = tf.range(tf.cast(height, tf.float32)), tf.range(tf.cast(width, tf.float32))
    on_rows = tf.logical_or(tf.equal(rows, top), tf.equal(rows, bottom))
    on_columns = tf.logical_or(tf.equal(columns, left), tf.equal(columns, right))
    between_rows = tf.logical_and(rows >= top, rows <= bottom)
    between_columns = tf.logical_and(columns >= left, columns <= right)
    seen = tf.logical_or(
        tf.logical_and(on_rows[..., None], between_columns[:, :, None, :]),
        tf.logical_and(between_rows[..., None], on_columns[:, :, None, :]),
    )
    numbers = tf.range(tf.cast(count, tf.float32))[:, None, None] + 1
    which = tf.cast(tf.reduce_max(tf.where(seen, numbers, 0.0), axis=1), tf.int32)
    colour = tf.gather(colours, tf.math.floormod(tf.maximum(which - 1, 0), size(colours, 0)))
    return tf.where((which > 0)[..., None], colour, images)


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "rgb-to-hsv-as-arithmetic": (("RGBToHSV",), rgb_to_hsv),
    "hsv-to-rgb-as-arithmetic": (("HSVToRGB",), hsv_to_rgb),
    "adjust-contrast-as-arithmetic": (("AdjustContrastv2",), adjust_contrast),
    "adjust-hue-as-arithmetic": (("AdjustHue",), adjust_hue),
    "adjust-saturation-as-arithmetic": (("AdjustSaturation",), adjust_saturation),
    "draw-boxes-as-where": (("DrawBoundingBoxes", "DrawBoundingBoxesV2"), draw_boxes),
}
"""Rule → the ops that it is about, and what they become."""
