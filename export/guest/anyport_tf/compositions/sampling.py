"""Images read at points that are data: crops, projective transforms; each point by one to four gathers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from ..rules import Inapplicable, attribute
from .shapes import Size, product, reshaped, sizes, vector

Operation = Any
Tensor = Any


def crop_and_resize(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Boxes of images, each resized to one size; what lies outside the image is `extrapolation_value`."""
    images, boxes, owners, wanted = inputs
    images = tf.cast(images, tf.float32)
    _, height, width, _ = sizes(images)
    static = operation.outputs[0].shape.as_list()[1:3] if operation.outputs[0].shape.rank else [None, None]
    rows, columns = (a if b is None else b for a, b in zip(vector(wanted, 2), static, strict=True))
    top, left, bottom, right = tf.unstack(boxes, axis=1)
    y, x = _steps(top, bottom, height, rows), _steps(left, right, width, columns)
    inside = tf.logical_and(_within(y, height)[:, :, None], _within(x, width)[:, None, :])[..., None]
    if attribute(operation, "method") == "nearest":
        value = _read(images, owners, _away_from_zero(y), _away_from_zero(x))
    else:
        value = _between(images, owners, y, x)
    return tf.where(inside, value, attribute(operation, "extrapolation_value"))


def _steps(low: Tensor, high: Tensor, number: Size, count: Size) -> Tensor:
    """Return `[boxes, count]` positions from one side of each box to the other; the middle where there is but one."""
    last = tf.cast(number - 1, tf.float32)
    middle = (0.5 * (low + high) * last)[:, None]
    if isinstance(count, int) and count == 1:
        return middle
    step = (high - low) * last / tf.cast(count - 1, tf.float32)
    spread = (low * last)[:, None] + tf.range(tf.cast(count, tf.float32)) * step[:, None]
    return spread if isinstance(count, int) else tf.where(tf.equal(count, 1), middle, spread)


def _within(position: Tensor, number: Size) -> Tensor:
    return tf.logical_and(position >= 0, position <= tf.cast(number - 1, tf.float32))


def _away_from_zero(position: Tensor) -> Tensor:
    """Return the nearest integers, halves away from 0 (as C's `round`)."""
    size = tf.abs(position)
    low = tf.floor(size)
    nearest = tf.where(size - low >= 0.5, low + 1, low)
    return tf.where(position < 0, -nearest, nearest)


def _between(images: Tensor, owners: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Return what lies between the four elements about each point of a grid (`y` [N, rows], `x` [N, columns])."""
    top, left = tf.floor(y), tf.floor(x)
    down, across = (y - top)[:, :, None, None], (x - left)[:, None, :, None]
    # A point on an element takes nothing of the next one, which need not be there.
    bottom, right = -tf.floor(-y), -tf.floor(-x)
    upper = _mixed(_read(images, owners, top, left), _read(images, owners, top, right), across)
    lower = _mixed(_read(images, owners, bottom, left), _read(images, owners, bottom, right), across)
    return _mixed(upper, lower, down)


def _mixed(a: Tensor, b: Tensor, part: Tensor) -> Tensor:
    return a + (b - a) * part


def _read(images: Tensor, owners: Tensor, y: Tensor, x: Tensor) -> Tensor:
    """Return `[N, rows, columns, channels]` of the images `owners` [N] at a grid of whole positions."""
    _, height, width, _ = sizes(images)
    rows = tf.cast(owners, tf.int32)[:, None] * height + _clipped(y, height)
    return _flat(images, rows[:, :, None] * width + _clipped(x, width)[:, None, :])


def _clipped(position: Tensor, number: Size) -> Tensor:
    """Return float positions as indices; what lies outside is read at the edge, and the value not used."""
    bounded = tf.maximum(tf.minimum(position, tf.cast(number - 1, tf.float32)), 0)
    return tf.cast(bounded, tf.int32)


def _flat(images: Tensor, places: Tensor) -> Tensor:
    """Return what stands at `places` among all the images' elements, channels last."""
    batch, height, width, channels = sizes(images)
    return tf.gather(reshaped(images, [product([batch, height, width]), channels]), places)


def projective_transform(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Each output element read where its image's transform says, under one of four conventions about the outside."""
    images, transforms, shape, *fill = inputs
    dtype = images.dtype
    values = images if dtype.is_floating and dtype.size >= 4 else tf.cast(images, tf.float32)
    _, height, width, _ = sizes(images)
    rows, columns = vector(shape, 2)
    y, x, defined = _projected(transforms, rows, columns)
    if (mode := attribute(operation, "fill_mode") or "CONSTANT") != "CONSTANT":
        if mode not in OUTSIDE:
            raise Inapplicable(f"its fill mode is {mode}")
        y, x = OUTSIDE[mode](y, height), OUTSIDE[mode](x, width)
    outside = tf.cast(fill[0] if fill else 0.0, values.dtype)
    read = _reader(values, outside)
    if attribute(operation, "interpolation") == "NEAREST":
        made = read(_away_from_zero(y), _away_from_zero(x))
    else:
        top, left = tf.floor(y), tf.floor(x)
        down, across = (y - top)[..., None], (x - left)[..., None]
        upper = (1 - across) * read(top, left) + across * read(top, left + 1)
        lower = (1 - across) * read(top + 1, left) + across * read(top + 1, left + 1)
        made = (1 - down) * upper + down * lower
    return tf.cast(tf.where(defined[..., None], made, outside), dtype)


def _projected(transforms: Tensor, rows: Size, columns: Size) -> tuple[Tensor, Tensor, Tensor]:
    """Return where each output element comes from, `[N, rows, columns]` each, and whether that is anywhere."""
    a0, a1, a2, b0, b1, b2, c0, c1 = (part[:, None, None] for part in tf.unstack(transforms, 8, axis=1))
    y = tf.range(tf.cast(rows, tf.float32))[:, None]
    x = tf.range(tf.cast(columns, tf.float32))
    depth = _plus(c0 * x + c1 * y, tf.ones_like(c0))
    defined = tf.not_equal(depth, 0)
    depth = tf.where(defined, depth, 1.0)
    return _plus(b0 * x + b1 * y, b2) / depth, _plus(a0 * x + a1 * y, a2) / depth, defined


def _plus(total: Tensor, offset: Tensor) -> Tensor:
    """Return the sum, with one more axis meanwhile.

    Of three numbers in a row TensorFlow's optimiser adds the smallest tensors first; what lies halfway between two elements,
    but for the rounding, would then go to the other one.
    """
    return tf.squeeze(total[..., None] + offset[..., None], -1)


def _reader(images: Tensor, fill: Tensor) -> Callable[[Tensor, Tensor], Tensor]:
    """Return a function of whole positions `[N or 1, rows, columns]` to values, `fill` outside the image."""
    batch, height, width, _ = sizes(images)
    first = (tf.range(batch) * product([height, width]))[:, None, None]

    def read(y: Tensor, x: Tensor) -> Tensor:
        inside = tf.logical_and(_within(y, height), _within(x, width))
        places = first + _clipped(y, height) * width + _clipped(x, width)
        return tf.where(inside[..., None], _flat(images, places), fill)

    return read


def _reflected(position: Tensor, number: Size) -> Tensor:
    """`dcba|abcd|dcba`."""
    length = tf.cast(number, tf.float32)
    around = position - 2 * length * tf.floor(position / (2 * length))
    return _held(tf.where(around >= length, 2 * length - 1 - around, around), number)


def _wrapped(position: Tensor, number: Size) -> Tensor:
    """`abcd|abcd|abcd`, by TensorFlow's count of turns, which takes the length less one."""
    length, last = tf.cast(number, tf.float32), tf.maximum(tf.cast(number - 1, tf.float32), 1)
    before = position + length * (tf.floor(-position / last) + 1)
    behind = position - length * tf.floor(position / last)
    return _held(tf.where(position < 0, before, tf.where(position > last, behind, position)), number)


def _held(position: Tensor, number: Size) -> Tensor:
    """`aaaa|abcd|dddd`."""
    return tf.maximum(tf.minimum(position, tf.cast(number - 1, tf.float32)), 0)


OUTSIDE: Mapping[str, Callable[[Tensor, Size], Tensor]] = {"REFLECT": _reflected, "WRAP": _wrapped, "NEAREST": _held}
"""Fill mode → where a position outside the image is read."""


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "crop-and-resize-as-gather": (("CropAndResize",), crop_and_resize),
    "projective-transform-as-gather": (
        ("ImageProjectiveTransformV2", "ImageProjectiveTransformV3"),
        projective_transform,
    ),
}
"""Rule → the ops that it is about, and what they become."""
