"""Slices and broadcasts the other way around: a tensor put into a larger one, the shape that two shapes are broadcast to.

Places are what is computed with: where a slice takes from is where its gradient goes back to.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from ..rules import attribute
from .indexing import MASKS
from .shapes import fixed, rank, size, vector

Operation = Any
Tensor = Any


def strided_slice_gradient(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`StridedSliceGrad`: what is sliced of the places of a tensor tells where each element goes, the others are 0."""
    shape, begin, end, strides, gradient = inputs
    count = tf.reduce_prod(tf.cast(shape, tf.int32))
    places = tf.reshape(tf.range(count), shape)
    masks = {name: int(attribute(operation, name)) for name in MASKS}
    taken = tf.strided_slice(places, begin, end, strides, **masks)
    flat = tf.scatter_nd(tf.reshape(taken, [-1, 1]), tf.reshape(gradient, [-1]), tf.reshape(count, [1]))
    return tf.reshape(flat, shape)


def dynamic_update_slice(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`XlaDynamicUpdateSlice`: along each axis, the element of the update that would stand at a place, if one does.

    As in XLA, the update is moved so that it lies within the tensor.
    """
    tensor, update, starts = inputs
    inside = tf.constant(True)
    for axis in range(rank(tensor)):
        length, part = size(tensor, axis), size(update, axis)
        start = tf.clip_by_value(tf.cast(starts[axis], tf.int32), 0, length - part)
        place = tf.range(length) - start
        along = tf.reshape(place, [-1 if other == axis else 1 for other in range(rank(tensor))])
        inside = tf.logical_and(inside, tf.logical_and(along >= 0, along < part))
        update = tf.gather(update, tf.clip_by_value(place, 0, part - 1), axis=axis)
    return tf.where(inside, update, tensor)


def broadcast_shapes(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`BroadcastArgs`: of two sizes of an axis the one that isn't 1; the shorter shape has 1s in front."""
    longest = max(fixed(shape, 0) for shape in inputs)
    a, b = (tf.concat([tf.ones([longest - fixed(shape, 0)], shape.dtype), shape], axis=0) for shape in inputs)
    return tf.where(tf.equal(a, 1), b, a)


def broadcast_gradient(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`BroadcastGradientArgs`: the axes that were broadcast, over which each operand's gradient is summed.

    Where both sizes are 1 it makes no difference whether an axis is among them, so that most axes are known.
    """
    longest = max(fixed(shape, 0) for shape in inputs)
    a, b = ([1] * (longest - fixed(shape, 0)) + vector(shape, fixed(shape, 0)) for shape in inputs)
    return [tf.cast(_repeated(*pair), inputs[0].dtype) for pair in ((a, b), (b, a))]


def _repeated(own: Sequence[Any], other: Sequence[Any]) -> Tensor:
    """Return the axes of which one operand has a single element and the other maybe more."""
    wanted = [
        False if isinstance(there, int) and there == 1 else size == 1 if isinstance(size, int) else tf.equal(size, 1)
        for size, there in zip(own, other, strict=True)
    ]
    if all(isinstance(axis, bool) for axis in wanted):
        return tf.constant([axis for axis, is_wanted in enumerate(wanted) if is_wanted], tf.int32)
    return tf.reshape(tf.where(tf.stack(wanted)), [-1])


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "broadcast-args-as-where": (("BroadcastArgs",), broadcast_shapes),
    "broadcast-gradient-as-where": (("BroadcastGradientArgs",), broadcast_gradient),
    "dynamic-update-slice-as-gather": (("XlaDynamicUpdateSlice",), dynamic_update_slice),
    "strided-slice-gradient-as-scatter": (("StridedSliceGrad",), strided_slice_gradient),
}
"""Rule → the ops that it is about, and what they become."""
