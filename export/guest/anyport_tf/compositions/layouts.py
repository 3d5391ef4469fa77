"""The order of axes and of elements: channels first, blocks of space as batch or channels, mirrored edges; any rank."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..rules import Inapplicable, attribute, value_of
from .shapes import Size, again, padded, product, rank, reshaped, size, sizes, vector

Operation = Any
Tensor = Any

LAST = {"NCHW": "NHWC", "NCDHW": "NDHWC"}

PER_AXIS = ("strides", "dilations", "ksize")
"""Attributes that have an element for each axis."""

IMAGES = {
    **dict.fromkeys(("Conv2D", "DepthwiseConv2dNative", "Conv3D", "MaxPool", "AvgPool", "MaxPoolV2"), (0,)),
    **dict.fromkeys(("MaxPool3D", "AvgPool3D", "BiasAdd", "BiasAddGrad", "DepthToSpace", "SpaceToDepth"), (0,)),
    **dict.fromkeys(("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"), (0,)),
    **dict.fromkeys(("Conv2DBackpropInput", "Conv3DBackpropInputV2", "DepthwiseConv2dNativeBackpropInput"), (2,)),
}
"""Ops with a `data_format` → which of their inputs are images."""

VECTORS = {
    "MaxPoolV2": (1, 2),
    "Conv2DBackpropInput": (0,),
    "Conv3DBackpropInputV2": (0,),
    "DepthwiseConv2dNativeBackpropInput": (0,),
}
"""Ops with inputs that have an element for each axis."""


def channels_first(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """The same operation with the channels last, between two transposes."""
    data_format = attribute(operation, "data_format")
    if data_format not in LAST:
        raise Inapplicable(f"its data format is {data_format}")
    count = rank(inputs[IMAGES[operation.type][0]])
    inward = [0, *range(2, count), 1]
    given = list(inputs)
    for index in IMAGES[operation.type]:
        given[index] = tf.transpose(given[index], inward)
    for index in VECTORS.get(operation.type, ()):
        if given[index].shape.rank == 1 and given[index].shape[0] == count:
            given[index] = _picked(given[index], inward)
    changed = {
        name: [attribute(operation, name)[axis] for axis in inward] for name in PER_AXIS if _has(operation, name)
    }
    if paddings := attribute(operation, "explicit_paddings"):
        changed["explicit_paddings"] = [side for axis in inward for side in paddings[2 * axis : 2 * axis + 2]]
    first, *others = again(operation, given, data_format=LAST[data_format], **changed)
    if operation.type == "BiasAddGrad":
        return [first]
    return [tf.transpose(first, [0, count - 1, *range(1, count - 1)]), *others]


def _has(operation: Operation, name: str) -> bool:
    return bool(attribute(operation, name))


def _picked(numbers: Tensor, order: Sequence[int]) -> Tensor:
    """Return the elements of a vector in another order, as a constant where it is one."""
    return tf.stack([vector(numbers, len(order))[index] for index in order])


def bias_add(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """An addition, the bias along the channels' axis."""
    value, bias = inputs
    if attribute(operation, "data_format", "NHWC").startswith("NC"):
        bias = tf.reshape(bias, [-1] + [1] * (rank(value) - 2))
    return value + bias


def bias_add_gradient(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """The sum over all axes but the channels'."""
    (value,) = inputs
    count = rank(value)
    channels = 1 if attribute(operation, "data_format", "NHWC").startswith("NC") else count - 1
    return tf.reduce_sum(value, [axis for axis in range(count) if axis != channels])


def space_to_batch(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """A pad, then for each block axis, the last first, a transpose of rank 4 that moves the places in a block to the batch."""
    x, blocks = inputs[0], _blocks(operation, inputs)
    pairs = _pairs(inputs[-1], len(blocks))
    x = padded(x, [(0, 0), *pairs, *[(0, 0)] * (rank(x) - 1 - len(blocks))])
    for axis in range(len(blocks), 0, -1):
        shape, block = sizes(x), blocks[axis - 1]
        parts = shape[axis] // block
        x = reshaped(x, [product(shape[:axis]), parts, block, product(shape[axis + 1 :])])
        x = tf.transpose(x, [2, 0, 1, 3])
        x = reshaped(x, [shape[0] * block, *shape[1:axis], parts, *shape[axis + 1 :]])
    return x


def batch_to_space(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """For each block axis a transpose of rank 4 that puts places from the batch back beside their axis; then a slice."""
    x, blocks = inputs[0], _blocks(operation, inputs)
    for axis, block in enumerate(blocks, start=1):
        shape = sizes(x)
        batch = shape[0] // block
        x = reshaped(x, [block, product([batch, *shape[1:axis]]), shape[axis], product(shape[axis + 1 :])])
        x = tf.transpose(x, [1, 2, 0, 3])
        x = reshaped(x, [batch, *shape[1:axis], shape[axis] * block, *shape[axis + 1 :]])
    kept = [
        slice(before, number - after)
        for (before, after), number in zip(_pairs(inputs[-1], len(blocks)), sizes(x)[1:], strict=False)
    ]
    return x[(slice(None), *kept)]


def _pairs(tensor: Tensor, count: int) -> list[tuple[Size, Size]]:
    """Return (before, after) for each of `count` axes from a tensor [axes, 2]."""
    known = value_of(tensor)
    if known is not None:
        return [(int(before), int(after)) for before, after in known]
    return [tuple(vector(tensor[axis], 2)) for axis in range(count)]


def _blocks(operation: Operation, inputs: Sequence[Tensor]) -> list[int]:
    """Return the size of the block along each axis, which must be constant."""
    if operation.type in ("SpaceToBatch", "BatchToSpace"):
        return [int(attribute(operation, "block_size"))] * 2
    blocks = value_of(inputs[1])
    if blocks is None:
        raise Inapplicable("its block is not constant")
    return [int(block) for block in blocks]


def space_to_depth(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Each block's elements become channels: two reshapes about a transpose of rank 4."""
    (x,) = inputs
    _channels_last(operation)
    block = int(attribute(operation, "block_size"))
    batch, height, width, channels = sizes(x)
    rows, columns = height // block, width // block
    made = reshaped(x, [product([batch, rows]), block, columns, block * channels])
    made = tf.transpose(made, [0, 2, 1, 3])
    return reshaped(made, [batch, rows, columns, block * block * channels])


def depth_to_space(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Channels become each block's elements: two reshapes about a transpose of rank 4."""
    (x,) = inputs
    _channels_last(operation)
    block = int(attribute(operation, "block_size"))
    batch, rows, columns, deep = sizes(x)
    channels = deep // (block * block)
    made = reshaped(x, [product([batch, rows]), columns, block, block * channels])
    made = tf.transpose(made, [0, 2, 1, 3])
    return reshaped(made, [batch, rows * block, columns * block, channels])


def mirror_pad(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """A gather along each axis, by indices that turn at the edges."""
    x, paddings = inputs
    repeats = 1 if attribute(operation, "mode") == "SYMMETRIC" else 0
    for axis, (before, after) in enumerate(_pairs(paddings, rank(x))):
        if isinstance(before, int) and isinstance(after, int) and before == after == 0:
            continue
        x = tf.gather(x, _mirrored(before, size(x, axis), after, repeats), axis=axis)
    return tf.identity(x)


def _mirrored(before: Size, number: Size, after: Size, repeats: int) -> Tensor:
    """Return `[before + number + after]` indices; the edge's element itself comes twice if `repeats`."""
    if isinstance(before, int) and isinstance(number, int) and isinstance(after, int):
        places = np.arange(-before, number + after, dtype=np.int32)
        low = np.where(places < 0, -places - repeats, places)
        return tf.constant(np.where(low >= number, 2 * number - 2 + repeats - low, low).astype(np.int32))
    places = tf.range(-before, number + after)
    low = tf.where(places < 0, -places - repeats, places)
    return tf.where(low >= number, 2 * number - 2 + repeats - low, low)


def _channels_last(operation: Operation) -> None:
    if attribute(operation, "data_format", "NHWC") != "NHWC":
        raise Inapplicable("its channels come first")


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "channels-first-as-channels-last": (tuple(IMAGES), channels_first),
    "bias-add-as-add": (("BiasAdd", "BiasAddV1"), bias_add),
    "bias-add-gradient-as-sum": (("BiasAddGrad",), bias_add_gradient),
    "space-to-batch-as-transpose": (("SpaceToBatchND", "SpaceToBatch"), space_to_batch),
    "batch-to-space-as-transpose": (("BatchToSpaceND", "BatchToSpace"), batch_to_space),
    "space-to-depth-as-transpose": (("SpaceToDepth",), space_to_depth),
    "depth-to-space-as-transpose": (("DepthToSpace",), depth_to_space),
    "mirror-pad-as-gather": (("MirrorPad",), mirror_pad),
}
"""Rule → the ops that it is about, and what they become."""
