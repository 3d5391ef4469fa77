"""Repairs that ONNX alone needs, of shapes and places: what its operators can't take, said in those that can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from anyport_tf.compositions.shapes import Size, again, fixed, largest, rank, size, sizes, smallest
from anyport_tf.rules import Inapplicable, attribute, value_of

Operation = Any
Tensor = Any


def shapes(operation: Operation, inputs: Sequence[Tensor]) -> Any:
    """`Rank` and `ShapeN`."""
    if operation.type == "Rank":
        known = inputs[0].shape.rank
        return tf.size(tf.shape(inputs[0])) if known is None else tf.constant(known, tf.int32)
    return [tf.shape(tensor, attribute(operation, "out_type")) for tensor in inputs]


def broadcast_args(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """The shape of what two shapes broadcast to: of two sizes the one that isn't 1."""
    lengths = [fixed(shape, 0) for shape in inputs]
    a, b = (
        tf.pad(shape, [[max(lengths) - length, 0]], constant_values=1)
        for shape, length in zip(inputs, lengths, strict=True)
    )
    return tf.where(tf.equal(a, 1), b, a)


def empty_strings(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    return tf.fill(tf.shape(inputs[0]), "")


def pad_as_gather(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Pad the places of the elements; the padding is the element behind the last."""
    x, paddings, *value = inputs
    count = tf.size(x)
    places = tf.reshape(tf.range(count), tf.shape(x))
    places = tf.pad(places, paddings, constant_values=count)
    padding = value[0] if value else tf.zeros([], x.dtype)
    return tf.gather(tf.concat([tf.reshape(x, [-1]), tf.reshape(padding, [1])], axis=0), places)


def reverses_inner(operation: Operation) -> bool:
    return {attribute(operation, "seq_dim"), attribute(operation, "batch_dim")} != {0, 1}


def reverse_sequence(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Bring the batch to the front and time behind it, and both back."""
    x, lengths = inputs
    time, batch = (int(attribute(operation, name)) % rank(x) for name in ("seq_dim", "batch_dim"))
    order = [batch, time, *(axis for axis in range(rank(x)) if axis not in (batch, time))]
    back = [order.index(axis) for axis in range(rank(x))]
    return tf.transpose(tf.reverse_sequence(tf.transpose(x, order), lengths, seq_axis=1, batch_axis=0), back)


def set_diag(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Select, for each diagonal, its elements where the column is so many places right of the row."""
    matrix, diagonals, *offsets = inputs
    low, high = _offsets(offsets[0] if offsets else None)
    rows, columns = sizes(matrix)[-2:]
    distance = tf.range(columns)[None, :] - tf.range(rows)[:, None]
    for offset in range(high, low - 1, -1):
        values = diagonals if low == high and rank(diagonals) < rank(matrix) else diagonals[..., high - offset, :]
        values = _from_left(operation, values, offset, rows, columns)
        spread = _fitted(values, rows)[..., :, None] if offset >= 0 else _fitted(values, columns)[..., None, :]
        matrix = _where(tf.equal(distance, offset), spread, matrix)
    return matrix


def _offsets(offsets: Tensor | None) -> tuple[int, int]:
    """Return the lowest and the highest diagonal."""
    if offsets is None:
        return 0, 0
    value = value_of(offsets)
    if value is None:
        raise Inapplicable("which diagonals it sets is known only when the model runs")
    return int(value.reshape(-1)[0]), int(value.reshape(-1)[-1])


def _from_left(operation: Operation, values: Tensor, offset: int, rows: Size, columns: Size) -> Tensor:
    """Return a diagonal's elements from the first on; some are written flush right."""
    above, below = (attribute(operation, "align") or "LEFT_LEFT").split("_")
    if (above if offset > 0 else below) == "LEFT" and offset != 0:
        return values
    if offset == 0 and "RIGHT" not in (above, below):
        return values
    length = smallest(rows + min(offset, 0), columns - max(offset, 0))
    return values[..., size(values, -1) - length :]


def _fitted(values: Tensor, length: Size) -> Tensor:
    """Return the vectors cut or filled up to a length; what is filled in is never selected."""
    values = values[..., : smallest(size(values, -1), length)]
    missing = largest(length - size(values, -1), 0)
    paddings = [[0, 0]] * (rank(values) - 1) + [[0, missing]]
    if values.dtype != tf.bool:
        return tf.pad(values, paddings)
    return tf.not_equal(tf.pad(tf.cast(values, tf.int32), paddings), 0)


def _where(condition: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    if no.dtype != tf.bool:
        return tf.where(condition, yes, no)
    return tf.not_equal(tf.where(condition, tf.cast(yes, tf.int32), tf.cast(no, tf.int32)), 0)


def diag_part(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    if rank(inputs[0]) != 2:
        raise Inapplicable("it is of a tensor of more than two axes")
    return tf.linalg.diag_part(inputs[0])


def diag(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    if rank(inputs[0]) != 1:
        raise Inapplicable("it is of a tensor of more than one axis")
    return tf.linalg.diag(inputs[0])


def is_of_one_axis(operation: Operation) -> bool:
    return bool(operation.inputs[0].shape.rank == 1)


def unique(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`UniqueV2` of a vector, whose axis says nothing."""
    index = attribute(operation, "out_idx")
    made = tf.unique_with_counts if "Counts" in operation.type else tf.unique
    return list(made(inputs[0], out_idx=index))


def in_float32(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """The same operation on a float32 image: it yields one in any case."""
    return again(operation, [tf.cast(inputs[0], tf.float32), *inputs[1:]], T=tf.float32)[0]
