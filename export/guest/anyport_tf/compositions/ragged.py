"""Ragged tensors: rows of different length, as flat values and the splits `[rows + 1]` where each row begins.

What looks like a loop over rows is arithmetic on positions: where a value stands in its row, and which value stands at a
place of the result.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from ..rules import Inapplicable, attribute
from .shapes import Size, product, rank, size, sizes

Operation = Any
Tensor = Any


def row_of_each(splits: Tensor, count: Size) -> Tensor:
    """Return the row of each of `count` values `[count]`: how many rows have ended before it."""
    ends = tf.cast(splits[1:], tf.int32)
    marks = tf.scatter_nd(ends[:, None], tf.ones_like(ends), tf.stack([count + 1]))
    return tf.cumsum(marks)[:count]


def concatenated_ranges(starts: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return, of ranges one after the other, the row of each value, its place in the row, and the splits; all int32."""
    splits = tf.concat([[0], tf.cumsum(lengths)], axis=0)
    total = splits[-1]
    row = row_of_each(splits, total)
    return row, tf.range(total) - tf.gather(splits, row), splits


def ragged_range(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`RaggedRange`: the rows `starts[i], starts[i] + deltas[i], … < limits[i]`; scalars hold for every row."""
    starts, limits, deltas = inputs
    count = next((size(tensor, 0) for tensor in inputs if rank(tensor) == 1), 1)
    starts, limits, deltas = (
        tensor if rank(tensor) == 1 else tf.fill(tf.stack([count]), tensor) for tensor in (starts, limits, deltas)
    )
    lengths = _range_lengths(starts, limits, deltas)
    row, step, splits = concatenated_ranges(starts, lengths)
    values = tf.gather(starts, row) + tf.cast(step, starts.dtype) * tf.gather(deltas, row)
    return [tf.cast(splits, operation.outputs[0].dtype), values]


def _range_lengths(starts: Tensor, limits: Tensor, deltas: Tensor) -> Tensor:
    """Return ⌈(limit − start) / delta⌉, at least 0."""
    if starts.dtype.is_integer:
        # Floor division rounds down for either sign: −⌊−a / b⌋ = ⌈a / b⌉.
        return tf.maximum(tf.cast(-((starts - limits) // deltas), tf.int32), 0)
    return tf.maximum(tf.cast(tf.math.ceil((limits - starts) / deltas), tf.int32), 0)


def ragged_to_tensor(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`RaggedTensorToTensor`: each place of the result takes the value that stands there, or the default.

    From the outermost partition inwards, the position `p` of a row gives those of its elements, `splits[p] + 0, 1, …`; one
    past the last stands for all places without a value.
    """
    shape, values, default, *partitions = inputs
    kinds = [kind.decode() for kind in operation.get_attr("row_partition_types")]
    splits, rows = _partitions(kinds, partitions, values)
    count = len(splits) + 1
    natural = [rows, *map(_longest_row, splits), *sizes(values)[1:]]
    wanted = _wanted_sizes(shape, natural)
    if not all(map(_same_size, wanted[count:], natural[count:])):
        raise Inapplicable("values of another shape than asked for")
    positions = tf.range(wanted[0])
    present = tf.less(positions, rows)
    for level, split in enumerate(splits, start=1):
        row = tf.where(present, positions, tf.zeros_like(positions))
        begin = tf.gather(tf.concat([split, split[-1:]], axis=0), row)[..., None]
        end = tf.gather(tf.concat([split, split[-1:]], axis=0), row + 1)[..., None]
        positions = begin + tf.range(wanted[level])
        present = tf.logical_and(present[..., None], tf.less(positions, end))
    filler = tf.broadcast_to(default, tf.stack([1, *sizes(values)[1:]]))
    padded_values = tf.concat([values, filler], axis=0)
    source = tf.where(present, positions, tf.zeros_like(positions) + size(values, 0))
    return tf.gather(padded_values, source)


def _partitions(kinds: Sequence[str], tensors: Sequence[Tensor], values: Tensor) -> tuple[list[Tensor], Size]:
    """Return the splits of every partition, outermost first, in int32, and the number of rows."""
    if kinds[0] == "FIRST_DIM_SIZE":
        rows: Size = tf.cast(tf.reshape(tensors[0], []), tf.int32)
        tensors, kinds = tensors[1:], kinds[1:]
    else:
        rows = size(tensors[0], 0) - 1
    splits: list[Tensor] = []
    count = rows
    for kind, tensor in zip(kinds, tensors, strict=True):
        if kind == "VALUE_ROWIDS":
            ids = tf.cast(tensor, tf.int32)
            lengths = tf.scatter_nd(ids[:, None], tf.ones_like(ids), tf.stack([count]))
            splits.append(tf.concat([[0], tf.cumsum(lengths)], axis=0))
            count = size(ids, 0)
        elif kind == "ROW_SPLITS":
            splits.append(tf.cast(tensor, tf.int32))
            count = splits[-1][-1]
        else:
            raise Inapplicable(f"row partitions of kind {kind}")
    return splits, rows


def _longest_row(splits: Tensor) -> Tensor:
    return tf.reduce_max(tf.concat([splits[1:] - splits[:-1], [0]], axis=0))


def _wanted_sizes(shape: Tensor, natural: Sequence[Size]) -> list[Size]:
    """Return the sizes of the result: as `shape` says, −1 (or a scalar −1, for all) for what the values need."""
    if rank(shape) == 0:
        return list(natural)
    static = tf.get_static_value(shape, partial=True)
    made: list[Size] = []
    for axis, needed in enumerate(natural):
        stated = None if static is None else static[axis]
        if stated is None:
            given = tf.cast(shape[axis], tf.int32)
            made.append(tf.where(given < 0, needed, given))
        else:
            made.append(needed if stated < 0 else int(stated))
    return made


def _same_size(a: Size, b: Size) -> bool:
    return a is b or (isinstance(a, int) and isinstance(b, int) and a == b)


def ragged_gather(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`RaggedGather`: rows of a ragged tensor by their number, `indices` of any rank."""
    depth = attribute(operation, "PARAMS_RAGGED_RANK")
    nested, values, indices = inputs[:depth], inputs[depth], inputs[depth + 1]
    dtype = operation.outputs[0].dtype
    outer = sizes(indices)
    made = []
    for axis in range(1, len(outer)):
        made.append(tf.range(product(outer[:axis]) + 1) * outer[axis])
    positions = tf.cast(tf.reshape(indices, [-1]), tf.int32)
    for splits in nested:
        splits = tf.cast(splits, tf.int32)
        starts = tf.gather(splits, positions)
        lengths = tf.gather(splits, positions + 1) - starts
        row, step, new = concatenated_ranges(starts, lengths)
        made.append(new)
        positions = tf.gather(starts, row) + step
    return [*(tf.cast(splits, dtype) for splits in made), tf.gather(values, positions)]


def ragged_to_sparse(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`RaggedTensorToSparse`: where each value stands, at every level."""
    *nested, values = inputs
    nested = [tf.cast(splits, tf.int32) for splits in nested]
    inner = sizes(values)[1:]
    flat = tf.reshape(values, [-1]) if inner else values
    positions = tf.range(size(flat, 0))
    columns: list[Tensor] = []
    for number in reversed(inner):
        columns.insert(0, positions % number)
        positions = positions // number
    for splits in reversed(nested):
        row = tf.gather(row_of_each(splits, splits[-1]), positions)
        columns.insert(0, positions - tf.gather(splits, row))
        positions = row
    columns.insert(0, positions)
    shape = [size(nested[0], 0) - 1, *map(_longest_row, nested), *inner]
    return [tf.cast(tf.stack(columns, axis=1), tf.int64), flat, tf.cast(tf.stack(shape), tf.int64)]


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "ragged-range-as-positions": (("RaggedRange",), ragged_range),
    "ragged-to-tensor-as-gather": (("RaggedTensorToTensor",), ragged_to_tensor),
    "ragged-gather-as-gather": (("RaggedGather",), ragged_gather),
    "ragged-to-sparse-as-positions": (("RaggedTensorToSparse",), ragged_to_sparse),
}
"""Rule → the ops that it is about, and what they become."""
