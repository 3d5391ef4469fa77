"""Repairs that ONNX alone needs, of numbers: what its operators can't take, said in those that can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from anyport_tf.compositions.shapes import again, product, rank, reshaped, sizes
from anyport_tf.rules import Inapplicable, attribute, value_of

Operation = Any
Tensor = Any

UNSIGNED = {tf.int8: tf.uint8, tf.int16: tf.uint16, tf.int32: tf.uint32, tf.int64: tf.uint64}


def erfc(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    return 1 - tf.math.erf(inputs[0])


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
    if operation.type == "BatchMatMulV3":
        return tf.raw_ops.BatchMatMulV3(x=x, y=y, Tout=operation.outputs[0].dtype)
    return tf.raw_ops.BatchMatMulV2(x=x, y=y)


def negative_axis(operation: Operation) -> bool:
    axis = value_of(operation.inputs[1])
    return axis is not None and int(axis) < 0 and operation.inputs[0].shape.rank is not None


def axis_from_front(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    axis = value_of(inputs[1])
    if axis is None:
        raise Inapplicable("its axis is known only when the model runs")
    return again(operation, [inputs[0], tf.constant(int(axis) + rank(inputs[0]), inputs[1].dtype)])[0]


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


def lin_space(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Equal steps from the first number to the last, which is hit exactly."""
    start, stop, number = inputs
    number = tf.cast(number, tf.int32)
    places = tf.range(number)
    step = (stop - start) / tf.cast(tf.maximum(number - 1, 1), start.dtype)
    along = start + step * tf.cast(places, start.dtype)
    return tf.where(tf.logical_and(places > 0, tf.equal(places, number - 1)), stop, along)


def population_count(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Add up neighbouring bits, then pairs of them, then fours of them, …"""
    x = inputs[0]
    bits = tf.cast(tf.cast(x, UNSIGNED.get(x.dtype, x.dtype)), tf.uint64)
    for shift, mask in ((1, 0x5555555555555555), (2, 0x3333333333333333), (4, 0x0F0F0F0F0F0F0F0F)):
        low = tf.constant(mask, tf.uint64)
        other = tf.bitwise.right_shift(bits, tf.constant(shift, tf.uint64))
        bits = tf.bitwise.bitwise_and(bits, low) + tf.bitwise.bitwise_and(other, low)
    for shift in (8, 16, 32):
        bits += tf.bitwise.right_shift(bits, tf.constant(shift, tf.uint64))
    return tf.cast(tf.bitwise.bitwise_and(bits, tf.constant(127, tf.uint64)), tf.uint8)


def string_of_bool(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    return tf.where(inputs[0], "true", "false")


def takes_bools(operation: Operation) -> bool:
    return bool(operation.inputs[0].dtype == tf.bool)


def narrow_index(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`ArgMax` whose result is narrower than ONNX' own."""
    index = tf.argmax(inputs[0], inputs[1], tf.int64)
    return tf.cast(index, operation.outputs[0].dtype)


def yields_narrow(operation: Operation) -> bool:
    return operation.outputs[0].dtype not in (tf.int32, tf.int64)
