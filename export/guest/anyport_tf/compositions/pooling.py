"""Pools and other windows that take a largest value: of volumes, with places, with weights, of any dtype; channels last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..rules import Inapplicable, attribute, value_of
from .shapes import fixed, lowest, padded, product, reshaped, size, sizes
from .windows import Window, frames, patches, spatial_padding, spread, taps, volume

Operation = Any
Tensor = Any

MOST_TAPS = 64
"""A window of more elements is gathered instead of sliced once for each of its elements."""


def pool3d(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """A pool over height and width, then one over depth: largest values and means (of what is there) both separate."""
    (x,) = inputs
    _channels_last(operation)
    pool = tf.raw_ops.MaxPool if operation.type == "MaxPool3D" else tf.raw_ops.AvgPool
    lengths, strides = attribute(operation, "ksize"), attribute(operation, "strides")
    padding = attribute(operation, "padding")
    if lengths[0] != 1 or lengths[4] != 1:
        raise Inapplicable("it pools over batch or channels")
    batch, depth, *_, channels = sizes(x)
    value = _value(operation, x)
    if max(lengths[2:4] + strides[2:4]) > 1:
        value = _value(operation, frames(x))
        value = pool(**value, ksize=[1, *lengths[2:4], 1], strides=[1, *strides[2:4], 1], padding=padding)
        x = volume(value, batch, depth)
    if lengths[1] == strides[1] == 1:
        return tf.identity(x)
    height, width = sizes(x)[2:4]
    rows = reshaped(x, [batch, depth, product([height, width]), channels])
    made = pool(**_value(operation, rows), ksize=[1, lengths[1], 1, 1], strides=[1, strides[1], 1, 1], padding=padding)
    return reshaped(made, [batch, size(made, 1), height, width, channels])


def _value(operation: Operation, x: Tensor) -> dict[str, Tensor]:
    """The two pools call what they take by different names."""
    return {"input" if operation.type == "MaxPool3D" else "value": x}


def max_pool_as_slices(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """The largest of the slices that the elements of the window see, first down, then across: any dtype, any window."""
    x = inputs[0]
    _channels_last(operation)
    windows = _pool_windows(operation, inputs)
    pairs = spatial_padding(operation, sizes(x)[1:3], windows)
    x = padded(x, [(0, 0), *pairs, (0, 0)], lowest(x.dtype))
    for axis, window in enumerate(windows):
        best, *others = taps(x, axis + 1, window)
        for other in others:
            best = tf.maximum(best, other)
        x = best
    return tf.identity(x)


def max_pool_v2(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`MaxPool`, with the window and strides as attributes."""
    x, lengths, strides = inputs[0], value_of(inputs[1]), value_of(inputs[2])
    if lengths is None or strides is None:
        raise Inapplicable("its window is not constant")
    return tf.raw_ops.MaxPool(
        input=x,
        ksize=[int(length) for length in lengths],
        strides=[int(stride) for stride in strides],
        padding=attribute(operation, "padding"),
        data_format=attribute(operation, "data_format"),
    )


def max_pool_with_argmax(operation: Operation, inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """The largest of each window's patch, and its place: that of the window plus the offset of the element."""
    (x,) = inputs
    windows = _pool_windows(operation, inputs)
    batch, height, width, channels = sizes(x)
    pairs = spatial_padding(operation, [height, width], windows)
    seen = patches(x, windows, pairs, lowest(x.dtype))
    element = tf.argmax(seen, axis=3, output_type=tf.int32)
    down, across = windows
    row, column = np.indices((down.length, across.length), np.int32).reshape(2, -1)
    inside = tf.gather(tf.constant(row) * width + tf.constant(column), element)
    rows = tf.range(size(seen, 1)) * down.stride - pairs[0][0]
    columns = tf.range(size(seen, 2)) * across.stride - pairs[1][0]
    corner = (rows[:, None] * width + columns)[:, :, None]
    places = (inside + corner) * channels + tf.range(channels)
    if attribute(operation, "include_batch_in_index"):
        places += (tf.range(batch) * product([height, width, channels]))[:, None, None, None]
    return tf.reduce_max(seen, axis=3), tf.cast(places, operation.outputs[1].dtype)


def dilation2d(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """The largest over each window of value plus weight; what is beyond the edge is below everything."""
    x, kernel = inputs
    height, width, channels = (fixed(kernel, axis) for axis in range(3))
    strides, rates = attribute(operation, "strides"), attribute(operation, "rates")
    windows = [
        Window(length=length, stride=stride, dilation=rate)
        for length, stride, rate in zip((height, width), strides[1:3], rates[1:3], strict=True)
    ]
    pairs = spatial_padding(operation, sizes(x)[1:3], windows)
    if height * width > MOST_TAPS:
        seen = patches(x, windows, pairs, lowest(x.dtype))
        return tf.reduce_max(seen + tf.reshape(kernel, [height * width, channels]), axis=3)
    x = padded(x, [(0, 0), *pairs, (0, 0)], lowest(x.dtype))
    best = None
    for row, across in enumerate(taps(x, 1, windows[0])):
        for column, seen in enumerate(taps(across, 2, windows[1])):
            value = seen + kernel[row, column]
            best = value if best is None else tf.maximum(best, value)
    return best


def extract_patches(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Two gathers, along height and along width; elements and channels of a patch in one axis."""
    (x,) = inputs
    lengths, strides, rates = (attribute(operation, name)[1:3] for name in ("ksizes", "strides", "rates"))
    windows = [
        Window(length=length, stride=stride, dilation=rate)
        for length, stride, rate in zip(lengths, strides, rates, strict=True)
    ]
    pairs = spatial_padding(operation, sizes(x)[1:3], windows)
    seen = patches(x, windows, pairs)
    batch, rows, columns, elements, channels = sizes(seen)
    return reshaped(seen, [batch, rows, columns, elements * channels])


def extract_volume_patches(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Patches of the frames, then the depth's taps of these, in one axis with the channels."""
    (x,) = inputs
    lengths, strides = (attribute(operation, name)[1:4] for name in ("ksizes", "strides"))
    depth, *plane = (Window(length=n, stride=stride) for n, stride in zip(lengths, strides, strict=True))
    pairs = spatial_padding(operation, sizes(x)[1:4], [depth, *plane])
    x = padded(x, [(0, 0), pairs[0], (0, 0), (0, 0), (0, 0)])
    seen = patches(frames(x), plane, pairs[1:])
    _, rows, columns, elements, channels = sizes(seen)
    flat = reshaped(seen, [product([size(x, 0), size(x, 1)]), rows, columns, elements * channels])
    return tf.concat(taps(volume(flat, size(x, 0), size(x, 1)), 1, depth), axis=-1)


def max_pool_gradient(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Each output's gradient goes to the first element of its window that is the largest."""
    x, _, gradient = inputs
    _channels_last(operation)
    windows = _pool_windows(operation, inputs[:1])
    pairs = spatial_padding(operation, sizes(x)[1:3], windows)
    seen = patches(x, windows, pairs, lowest(x.dtype))
    elements = fixed(seen, 3)
    chosen = tf.argmax(seen, axis=3, output_type=tf.int32)
    return _put_back(
        lambda element: tf.where(tf.equal(chosen, element), gradient, 0), elements, windows, pairs, x, gradient
    )


def average_pool_gradient(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Each output's gradient goes in equal parts to the elements of its window that are there."""
    shape, gradient = inputs
    _channels_last(operation)
    windows = _pool_windows(operation, inputs[:1])
    like = tf.zeros(shape, gradient.dtype)
    like.set_shape(operation.outputs[0].shape)
    pairs = spatial_padding(operation, sizes(like)[1:3], windows)
    ones = tf.ones_like(like[:1, :, :, :1])
    there = tf.reduce_sum(patches(ones, windows, pairs), axis=3)
    part = gradient / there
    return _put_back(lambda element: part, windows[0].length * windows[1].length, windows, pairs, like, gradient)


def _put_back(
    part: Callable[[int], Tensor],
    elements: int,
    windows: Sequence[Window],
    pairs: Sequence[tuple[Any, Any]],
    x: Tensor,
    gradient: Tensor,
) -> Tensor:
    """Sum what each element of the windows gets, put where the windows see it."""
    if elements > MOST_TAPS:
        raise Inapplicable(f"its window has more than {MOST_TAPS} elements")
    total: Tensor = None
    _, height, width, _ = sizes(x)
    for element in range(elements):
        row, column = divmod(element, windows[1].length)
        total = _at(part(element), windows, (row, column), (height, width), pairs, total)
    (top, _), (left, _) = pairs
    return total[:, top : top + height, left : left + width]


def _at(value: Tensor, windows: Any, element: Any, whole: Any, pairs: Any, total: Any) -> Tensor:
    """Add `value`, spread by the strides, where an element of the window lies in the padded image."""
    amounts = [(0, 0)]
    for axis, window in enumerate(windows):
        value = spread(value, axis + 1, window.stride)
        before = element[axis] * window.dilation
        amounts.append((before, whole[axis] + pairs[axis][0] + pairs[axis][1] - before - size(value, axis + 1)))
    value = padded(value, [*amounts, (0, 0)])
    return value if total is None else total + value


def _pool_windows(operation: Operation, inputs: Sequence[Tensor]) -> list[Window]:
    lengths, strides = attribute(operation, "ksize"), attribute(operation, "strides")
    if lengths is None:
        lengths, strides = (value_of(tensor) for tensor in inputs[1:3])
    if lengths is None or strides is None:
        raise Inapplicable("its window is not constant")
    if lengths[0] != 1 or lengths[-1] != 1:
        raise Inapplicable("it pools over batch or channels")
    return [
        Window(length=int(length), stride=int(stride))
        for length, stride in zip(lengths[1:-1], strides[1:-1], strict=True)
    ]


def _channels_last(operation: Operation) -> None:
    if attribute(operation, "data_format", "NHWC") not in ("NHWC", "NDHWC"):
        raise Inapplicable("its channels come first")


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "pool3d-as-pool2d": (("MaxPool3D", "AvgPool3D"), pool3d),
    "max-pool-as-slices": (("MaxPool", "MaxPoolV2"), max_pool_as_slices),
    "max-pool-v2-as-max-pool": (("MaxPoolV2",), max_pool_v2),
    "max-pool-with-argmax-as-patches": (("MaxPoolWithArgmax",), max_pool_with_argmax),
    "dilation2d-as-maximum": (("Dilation2D",), dilation2d),
    "extract-patches-as-gather": (("ExtractImagePatches",), extract_patches),
    "extract-volume-patches-as-gather": (("ExtractVolumePatches",), extract_volume_patches),
    "max-pool-gradient-as-patches": (("MaxPoolGrad",), max_pool_gradient),
    "average-pool-gradient-as-slices": (("AvgPoolGrad",), average_pool_gradient),
}
"""Rule → the ops that it is about, and what they become."""
