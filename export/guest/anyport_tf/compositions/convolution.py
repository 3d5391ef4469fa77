"""Convolutions said in plain 2-D convolutions: 3-D ones, transposed, grouped, dilated and padded ones; channels last."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from ..rules import Inapplicable, attribute
from .shapes import Size, again, fixed, lowest, padded, product, rank, size, sizes, vector
from .windows import Window, along, frames, pad_depth, spatial_padding, spatial_windows, spread, taps, volume

Operation = Any
Tensor = Any


def conv3d(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """One 2-D convolution over frames that carry the depth's taps as channels.

    `[N, D, H, W, C]` by `[KD, KH, KW, C, F]` is `[N·D', H, W, KD·C]` by `[KH, KW, KD·C, F]`.
    """
    x, kernel = inputs
    _channels_last(operation)
    if x.shape[4] not in (None, fixed(kernel, 3)):
        raise Inapplicable("groups")
    depth, *plane = spatial_windows(operation, [fixed(kernel, axis) for axis in range(3)])
    stacked = tf.concat(taps(pad_depth(x, depth, attribute(operation, "padding")), 1, depth), axis=-1)
    made = tf.raw_ops.Conv2D(
        input=frames(stacked),
        filter=tf.concat(tf.unstack(kernel), axis=2),
        strides=[1, *(window.stride for window in plane), 1],
        dilations=[1, *(window.dilation for window in plane), 1],
        padding=attribute(operation, "padding"),
    )
    return volume(made, size(stacked, 0), size(stacked, 1))


def conv3d_transpose(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """One transposed 2-D convolution over frames: the depth is spread by its stride and convolved as channels."""
    shape, kernel, x = inputs
    _channels_last(operation)
    lengths = [fixed(kernel, axis) for axis in range(3)]
    depth, *plane = spatial_windows(operation, lengths)
    batch, wanted, height, width, channels = _output_sizes(operation, shape, kernel, x)
    x = _unstrided(x, 1, depth, wanted, attribute(operation, "padding"))
    backwards = Window(length=depth.length, dilation=depth.dilation)
    stacked = tf.concat(taps(x, 1, backwards), axis=-1)
    made = tf.raw_ops.Conv2DBackpropInput(
        input_sizes=tf.stack([product([batch, wanted]), height, width, channels]),
        filter=tf.concat(tf.unstack(kernel)[::-1], axis=-1),
        out_backprop=frames(stacked),
        strides=[1, *(window.stride for window in plane), 1],
        dilations=[1, *(window.dilation for window in plane), 1],
        padding=attribute(operation, "padding"),
    )
    return volume(made, batch, wanted)


def conv2d_transpose(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """A convolution by the turned kernel over what is spread by the strides; dilations stay dilations."""
    shape, kernel, x = inputs
    _channels_last(operation)
    windows = spatial_windows(operation, [fixed(kernel, axis) for axis in range(2)])
    _, *spatial, _ = _output_sizes(operation, shape, kernel, x)
    explicit = spatial_padding(operation, spatial, windows) if attribute(operation, "padding") == "EXPLICIT" else None
    for axis, window in enumerate(windows):
        pair = explicit[axis] if explicit else attribute(operation, "padding")
        x = _unstrided(x, axis + 1, window, spatial[axis], pair)
    return tf.raw_ops.Conv2D(
        input=x,
        filter=tf.transpose(tf.reverse(kernel, [0, 1]), [0, 1, 3, 2]),
        strides=[1, 1, 1, 1],
        dilations=[1, *(window.dilation for window in windows), 1],
        padding="VALID",
    )


def _unstrided(x: Tensor, axis: int, window: Window, wanted: Size, padding: str | tuple[int, int]) -> Tensor:
    """Return `x` spread by the window's stride and padded so that a plain convolution gives `wanted` elements."""
    if isinstance(padding, str):
        before: Size = window.same(wanted)[0] if padding == "SAME" else 0
    else:
        before = padding[0]
    x = spread(x, axis, window.stride)
    left = window.reach - 1 - before
    right = wanted + window.reach - 1 - size(x, axis) - left
    if isinstance(left, int) and left < 0:  # explicit paddings beyond the kernel crop
        x, left = x[(slice(None),) * axis + (slice(-left, None),)], 0
    if isinstance(right, int) and right < 0:
        x, right = x[(slice(None),) * axis + (slice(None, right),)], 0
    return padded(x, along(axis, rank(x), (left, right)))


def _output_sizes(operation: Operation, shape: Tensor, kernel: Tensor, x: Tensor) -> list[Size]:
    """Return batch, spatial sizes and channels of what a transposed convolution gives."""
    dimensions = rank(x)
    count = shape.shape[0]
    if count not in (dimensions, dimensions - 2):
        raise Inapplicable("its output sizes have no fixed number")
    wanted = vector(shape, count)
    spatial = wanted[1:-1] if count == dimensions else wanted
    # The op's own output often knows more than the operand that says it.
    static = operation.outputs[0].shape.as_list()[1:-1] if operation.outputs[0].shape.rank else [None] * len(spatial)
    spatial = [number if known is None else known for number, known in zip(spatial, static, strict=True)]
    return [size(x, 0), *spatial, fixed(kernel, dimensions - 2)]


def grouped(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """One convolution for each group of channels."""
    x, kernel = inputs
    _channels_last(operation)
    channels, taken = fixed(x, rank(x) - 1), fixed(kernel, rank(kernel) - 2)
    if channels == taken:
        raise Inapplicable("there is one group")
    groups = channels // taken
    pairs = zip(tf.split(x, groups, axis=-1), tf.split(kernel, groups, axis=-1), strict=True)
    return tf.concat([again(operation, pair)[0] for pair in pairs], axis=-1)


def sparse_kernel(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """The kernel itself holds the zeros that dilations put between its elements."""
    x, kernel = inputs
    _channels_last(operation)
    dilations = attribute(operation, "dilations")
    if set(dilations) == {1}:
        raise Inapplicable("nothing is dilated")
    spatial_windows(operation, [fixed(kernel, axis) for axis in range(2)])
    for axis, dilation in enumerate(dilations[1:-1]):
        kernel = spread(kernel, axis, dilation)
    return again(operation, [x, kernel], dilations=[1] * len(dilations))[0]


def explicit_padding(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """A pad of its own before the convolution, or before the pool, which sees nothing there."""
    x, *others = inputs
    _channels_last(operation)
    if attribute(operation, "padding") != "EXPLICIT":
        raise Inapplicable("its padding is not explicit")
    amounts = attribute(operation, "explicit_paddings")
    pairs = list(zip(amounts[::2], amounts[1::2], strict=True))
    outside = lowest(x.dtype) if operation.type == "MaxPool" else 0
    return again(operation, [padded(x, pairs, outside), *others], padding="VALID", explicit_paddings=[])[0]


def depthwise_as_conv2d(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """A convolution whose kernel is 0 between channels that don't belong together: `multiplier · C²` weights a tap."""
    x, kernel = inputs
    _channels_last(operation)
    height, width, channels, multiplier = (fixed(kernel, axis) for axis in range(4))
    apart = tf.eye(channels, dtype=kernel.dtype)[:, :, None] * kernel[:, :, :, None, :]
    return tf.raw_ops.Conv2D(
        input=x,
        filter=tf.reshape(apart, [height, width, channels, channels * multiplier]),
        strides=attribute(operation, "strides"),
        dilations=attribute(operation, "dilations"),
        padding=attribute(operation, "padding"),
        explicit_paddings=attribute(operation, "explicit_paddings") or [],
    )


def kernel_gradient(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """What a kernel's gradient is: a convolution of the images (channels as batch) by the output's gradient."""
    x, shape, gradient = inputs
    _channels_last(operation)
    lengths = vector(shape, 4)[:2]
    if not all(isinstance(length, int) for length in lengths):
        raise Inapplicable("its kernel has no fixed size")
    windows = spatial_windows(operation, lengths)
    pairs = spatial_padding(operation, sizes(x)[1:3], windows)
    x = padded(x, [(0, 0), *pairs, (0, 0)])
    made = tf.raw_ops.Conv2D(
        input=tf.transpose(x, [3, 1, 2, 0]),
        filter=tf.transpose(gradient, [1, 2, 0, 3]),
        strides=[1, *(window.dilation for window in windows), 1],
        dilations=[1, *(window.stride for window in windows), 1],
        padding="VALID",
    )
    # A stride that does not use the last rows leaves room for more taps than the kernel has.
    return tf.transpose(made[:, : lengths[0], : lengths[1]], [1, 2, 0, 3])


def _channels_last(operation: Operation) -> None:
    if attribute(operation, "data_format", "NHWC") not in ("NHWC", "NDHWC"):
        raise Inapplicable("its channels come first")


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "conv3d-as-conv2d": (("Conv3D",), conv3d),
    "conv3d-transpose-as-conv2d-transpose": (("Conv3DBackpropInputV2",), conv3d_transpose),
    "conv2d-transpose-as-conv2d": (("Conv2DBackpropInput",), conv2d_transpose),
    "grouped-conv-as-split": (("Conv2D", "Conv3D"), grouped),
    "dilated-conv-as-sparse-kernel": (("Conv2D", "DepthwiseConv2dNative"), sparse_kernel),
    "explicit-padding-as-pad": (("Conv2D", "DepthwiseConv2dNative", "MaxPool"), explicit_padding),
    "depthwise-conv2d-as-conv2d": (("DepthwiseConv2dNative",), depthwise_as_conv2d),
    "conv2d-kernel-gradient-as-conv2d": (("Conv2DBackpropFilter",), kernel_gradient),
}
"""Rule → the ops that it is about, and what they become."""
