"""Repairs that ONNX alone needs, of numbers: what its operators can't take, said in those that can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from anyport_tf.compositions.shapes import again, product, rank, reshaped, sizes
from anyport_tf.rules import attribute, value_of

Operation = Any
Tensor = Any

UNSIGNED = {tf.int8: tf.uint8, tf.int16: tf.uint16, tf.int32: tf.uint32, tf.int64: tf.uint64}


def erfc(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    return 1 - tf.math.erf(inputs[0])


def same(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    return inputs[0]


def reciprocal(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    return tf.math.reciprocal(inputs[0])


def is_signed(operation: Operation) -> bool:
    return operation.inputs[0].dtype in UNSIGNED


def _bits(x: Tensor, count: Tensor) -> tuple[Tensor, Tensor]:
    """Return both operands of a shift unsigned; no count goes beyond the last bit."""
    unsigned = UNSIGNED[x.dtype]
    return tf.cast(x, unsigned), tf.cast(tf.clip_by_value(count, 0, x.dtype.size * 8 - 1), unsigned)


def left_shift(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """The same bits, shifted unsigned."""
    return tf.cast(tf.bitwise.left_shift(*_bits(*inputs)), inputs[0].dtype)


def right_shift(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Of a negative number the inverted bits are shifted, which begin with a 0, and inverted back."""
    x, count = inputs
    shifted = tf.cast(tf.bitwise.right_shift(*_bits(tf.where(x < 0, -1 - x, x), count)), x.dtype)
    return tf.where(x < 0, -1 - shifted, shifted)


def has_adjoint(operation: Operation) -> bool:
    return bool(
        operation.outputs[0].dtype.is_integer and (attribute(operation, "adj_x") or attribute(operation, "adj_y"))
    )


def adjoint(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    x, y = (
        tf.linalg.matrix_transpose(tensor) if attribute(operation, name) else tensor
        for tensor, name in zip(inputs, ("adj_x", "adj_y"), strict=True)
    )
    return again(operation, [x, y], adj_x=False, adj_y=False)[0]


def negative_axis(operation: Operation) -> bool:
    axis = value_of(operation.inputs[1])
    return axis is not None and axis < 0 and operation.inputs[0].shape.rank is not None


def axis_from_front(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    axis = int(value_of(inputs[1])) + rank(inputs[0])
    return again(operation, [inputs[0], tf.constant(axis, inputs[1].dtype)])[0]


def has_tensor_bounds(operation: Operation) -> bool:
    return any(bound.shape.rank != 0 for bound in operation.inputs[1:])


def euclidean_norm(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    x, axis = inputs
    wide = x if x.dtype.is_floating else tf.cast(x, tf.float64)
    norm = tf.sqrt(tf.reduce_sum(wide * wide, axis, keepdims=attribute(operation, "keep_dims")))
    return norm if norm.dtype == x.dtype else tf.cast(norm, x.dtype)


def segment_extreme(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Largest or smallest rows by segment, scattered onto a tensor of the other extreme.

    Rows of a negative segment go onto an extra one, which is cut off.  A segment without rows yields the extreme; the
    ops of sorted segments 0, but for their second version.
    """
    data, ids, *number = inputs
    outer = rank(ids)
    inner = sizes(data)[outer:]
    rows = reshaped(data, [product(sizes(ids)), *inner])
    ids = tf.cast(tf.reshape(ids, [-1]), tf.int32)
    count = tf.cast(number[0], tf.int32) if number else tf.reduce_max(tf.concat([ids, [-1]], axis=0)) + 1
    places = tf.where(ids < 0, count, ids)[:, None]
    largest = "Max" in operation.type
    start = tf.fill(
        tf.stack([count + 1, *inner]), tf.constant(data.dtype.min if largest else data.dtype.max, data.dtype)
    )
    scatter = tf.tensor_scatter_nd_max if largest else tf.tensor_scatter_nd_min
    made = scatter(start, places, rows)[:count]
    if operation.type not in ("SegmentMax", "SegmentMin"):
        return made
    seen = tf.tensor_scatter_nd_add(tf.zeros(tf.stack([count + 1]), tf.int32), places, tf.ones_like(ids))[:count]
    return tf.where(tf.reshape(seen > 0, tf.stack([count, *[1] * len(inner)])), made, tf.zeros([], data.dtype))


def fake_quant(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Rounding to one of 2ᵇ − 1 steps between a minimum and a maximum, which are moved so that 0 is one of them."""
    x, *bounds = inputs
    low, high = bounds or (tf.constant(attribute(operation, name), tf.float32) for name in ("min", "max"))
    first = 1.0 if attribute(operation, "narrow_range") else 0.0
    last = 2.0 ** attribute(operation, "num_bits") - 1
    scale = (high - low) / (last - first)
    zero = tf.clip_by_value(tf.floor(first - low / scale + 0.5), first, last)
    least, most = (first - zero) * scale, (last - zero) * scale
    steps = tf.floor((tf.minimum(tf.maximum(x, least), most) - least) / scale + 0.5)
    return tf.where(tf.equal(high, low), tf.zeros([], x.dtype), steps * scale + least)


def lin_space(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Equal steps from the first number to the last, which is hit exactly."""
    start, stop, number = inputs
    number = tf.cast(number, tf.int32)
    places = tf.range(number)
    step = (stop - start) / tf.cast(tf.maximum(number - 1, 1), start.dtype)
    along = start + step * tf.cast(places, start.dtype)
    return tf.where(tf.logical_and(places > 0, tf.equal(places, number - 1)), stop, along)
