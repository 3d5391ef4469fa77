"""Repairs that ONNX alone needs, of convolutions: what tf2onnx pads, groups or turns wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from anyport_tf.compositions.shapes import Size, again, fixed, padded, rank, size, sizes
from anyport_tf.compositions.windows import Window, along, spatial_padding, spatial_windows, spread
from anyport_tf.rules import Inapplicable, attribute

Operation = Any
Tensor = Any


def channels_first(operation: Operation) -> bool:
    return str(attribute(operation, "data_format", "NHWC")).startswith("NC")


def groups(operation: Operation) -> int | None:
    """Return the number of groups of a convolution, None where it isn't static."""
    x, kernel = operation.inputs[:2]
    if x.shape.rank is None or kernel.shape.rank is None:
        return None
    channels, taken = x.shape[1 if channels_first(operation) else -1], kernel.shape[-2]
    return None if channels is None or not taken else int(channels) // int(taken)


def is_grouped_channels_first(operation: Operation) -> bool:
    return operation.type == "Conv2D" and channels_first(operation) and groups(operation) not in (1, None)


def is_grouped_conv3d(operation: Operation) -> bool:
    return operation.type == "Conv3D" and groups(operation) not in (1, None)


def same_and_dilated(operation: Operation) -> bool:
    """Whether the padding of a dilated window depends on sizes that vary: onnxruntime computes it for others alone."""
    dilated = any(dilation > 1 for dilation in attribute(operation, "dilations") or ())
    shape = operation.inputs[0].shape
    varies = shape.rank is None or None in shape.as_list()[1:]
    return dilated and varies and attribute(operation, "padding") == "SAME" and not channels_first(operation)


def same_as_pad(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """A pad of its own before the convolution; tf2onnx joins them again where its amounts are constant."""
    x, kernel = inputs
    windows = spatial_windows(operation, [fixed(kernel, axis) for axis in range(rank(x) - 2)])
    pairs = spatial_padding(operation, sizes(x)[1:-1], windows)
    return again(operation, [padded(x, [(0, 0), *pairs, (0, 0)]), kernel], padding="VALID")[0]


def leaves_gaps(operation: Operation) -> bool:
    """Whether a transposed convolution yields more than its windows cover: ONNX' paddings would be negative."""
    kernel, x, result = operation.inputs[1], operation.inputs[2], operation.outputs[0]
    if channels_first(operation) or None in (kernel.shape.rank, x.shape.rank, result.shape.rank):
        return False
    lengths = kernel.shape.as_list()[:-2]
    if None in lengths:
        return False
    windows = spatial_windows(operation, lengths)
    known = zip(windows, x.shape.as_list()[1:-1], result.shape.as_list()[1:-1], strict=True)
    return any(
        window.stride > window.reach
        or (given is not None and made is not None and (given - 1) * window.stride + window.reach < made)
        for window, given, made in known
    )


def conv3d_transpose(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """A convolution by the turned kernel over what is spread by the strides; channels last."""
    shape, kernel, x = inputs
    windows = spatial_windows(operation, [fixed(kernel, axis) for axis in range(3)])
    static = operation.outputs[0].shape.as_list()
    if shape.shape.rank != 1 or len(static) != rank(x):
        raise Inapplicable("the rank of its result is unknown")
    for axis, window in enumerate(windows, start=1):
        x = _unstrided(operation, x, axis, window, shape[axis] if static[axis] is None else static[axis])
    turned = tf.transpose(tf.reverse(kernel, [0, 1, 2]), [0, 1, 2, 4, 3])
    dilations = [1, *(window.dilation for window in windows), 1]
    return tf.raw_ops.Conv3D(input=x, filter=turned, strides=[1] * 5, dilations=dilations, padding="VALID")


def _unstrided(operation: Operation, x: Tensor, axis: int, window: Window, wanted: Size) -> Tensor:
    """Return `x` spread by the window's stride and padded so that a plain convolution gives `wanted` elements."""
    before: Size = window.same(wanted)[0] if attribute(operation, "padding") == "SAME" else 0
    x = spread(x, axis, window.stride)
    left = window.reach - 1 - before
    right = wanted + window.reach - 1 - size(x, axis) - left
    return padded(x, along(axis, rank(x), (left, right)))


def needs_statistics(operation: Operation) -> bool:
    """Whether a batch normalisation computes statistics, or hands on those that it was given."""
    return bool(attribute(operation, "is_training")) or any(output.consumers() for output in operation.outputs[1:])


def misses_its_size(operation: Operation) -> bool:
    """Whether a resize must not be stated as a factor: the factor in float32, times the size, rounds down to another."""
    before, wanted = operation.inputs[0].shape, tf.get_static_value(operation.inputs[1])
    if wanted is None or before.rank != 4 or None in before[1:3].as_list():
        return True
    factors = [np.float32(size) / np.float32(old) for size, old in zip(wanted, before[1:3].as_list(), strict=True)]
    # onnx.checker multiplies in double precision, onnxruntime in single.
    made = [
        [
            int(np.floor(number(old) * number(factor)))
            for old, factor in zip(before[1:3].as_list(), factors, strict=True)
        ]
        for number in (np.float32, np.float64)
    ]
    return any(sizes != [int(size) for size in wanted] for sizes in made)
