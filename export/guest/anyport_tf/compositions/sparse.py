"""Sparse tensors, as the rows of indices `[n, rank]`, values `[n]` and shape `[rank]` that TensorFlow's ops take.

Dense results are scattered, dense operands gathered, and order is made by sorting the columns of the indices from the last
to the first, which no size can overflow.  How many entries a sum or a slice has is for the data to say: they are gathered at the
places that `Where` finds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from ..rules import Inapplicable, attribute, value_of
from .scatter import linear, written_once
from .segments import masked, sum_as_scatter
from .shapes import Size, fixed, product, reshaped, size, sizes, vector

Operation = Any
Tensor = Any


def dense_matmul(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`SparseTensorDenseMatMul`: each entry takes a row of the dense matrix to a row of the result."""
    indices, values, shape, dense = inputs
    indices = tf.cast(indices, tf.int32)
    transposed = attribute(operation, "adjoint_a")
    here, there = (1, 0) if transposed else (0, 1)
    right = tf.transpose(dense) if attribute(operation, "adjoint_b") else dense
    rows = tf.gather(right, indices[:, there]) * values[:, None]
    return sum_as_scatter(rows, indices[:, here], vector(shape, 2)[here])


def matmul(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`SparseMatMul`, of dense matrices that are said to hold many zeros."""
    a, b = (tf.cast(tensor, tf.float32) for tensor in inputs)
    return tf.matmul(
        a, b, transpose_a=attribute(operation, "transpose_a"), transpose_b=attribute(operation, "transpose_b")
    )


def to_dense(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`SparseToDense`; indices may be a scalar or a vector for a result of one axis, the values one for all."""
    indices, shape, values, default = inputs
    number = fixed(shape, 0)
    wanted = vector(shape, number)
    flat = tf.reshape(tf.cast(indices, tf.int32), [-1, number])
    values = tf.broadcast_to(values, tf.stack([size(flat, 0)]))
    background = tf.fill(tf.stack([product(wanted), 1]), default)
    return reshaped(written_once(background, linear(flat, wanted), values[:, None]), wanted)


def add_dense(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`SparseTensorDenseAdd`."""
    indices, values, _, dense = inputs
    return dense + tf.scatter_nd(tf.cast(indices, tf.int32), values, tf.stack(sizes(dense)))


def with_dense(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`SparseDenseCwiseAdd`, `…Mul` and `…Div`: the values, each with the element of the dense one that it meets."""
    indices, values, shape, dense = inputs
    met = tf.gather_nd(tf.broadcast_to(dense, tf.cast(shape, tf.int32)), tf.cast(indices, tf.int32))
    how = {"Add": tf.add, "Mul": tf.multiply, "Div": tf.divide}
    return how[operation.type.removeprefix("SparseDenseCwise")](values, met)


def reorder(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`SparseReorder`: by rows."""
    order = _order(inputs[0])
    return [tf.gather(inputs[0], order), tf.gather(inputs[1], order)]


def _order(indices: Tensor) -> Tensor:
    """Return the order by the first column, then the second, …; entries at one place stay as they are."""
    order = tf.range(size(indices, 0))
    columns = tf.cast(indices, tf.int32)
    for axis in reversed(range(fixed(indices, 1))):
        keys = tf.gather(columns[:, axis], order)
        order = tf.gather(order, tf.math.top_k(-keys, size(keys, 0)).indices)  # equal keys: the lower index first
    return order


def _changes(indices: Tensor) -> Tensor:
    """Return whether each row of sorted indices differs from the one before it; the first does."""
    differs = tf.reduce_any(tf.not_equal(indices[1:], indices[:-1]), axis=1)
    return tf.concat([tf.ones_like(indices[:1, 0], tf.bool), differs], axis=0)


def _groups(indices: Tensor) -> tuple[Tensor, Tensor]:
    """Return whether an entry begins a group of equal indices, and the number of its group."""
    starts = _changes(indices)
    return starts, tf.cumsum(tf.cast(starts, tf.int32)) - 1


def add(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`SparseAdd`: entries at one place are added, and go if the sum's magnitude is below the threshold."""
    a_indices, a_values, shape, b_indices, b_values, _, threshold = inputs
    indices, values = tf.concat([a_indices, b_indices], axis=0), tf.concat([a_values, b_values], axis=0)
    order = _order(indices)
    indices, values = tf.gather(indices, order), tf.gather(values, order)
    starts, group = _groups(indices)
    sums = tf.gather(sum_as_scatter(values, group, size(values, 0)), group)
    least = value_of(threshold)
    kept = starts
    if least is None or least > 0:
        alone = tf.concat([starts[1:], tf.ones_like(starts[:1])], axis=0)
        kept = tf.logical_and(starts, tf.logical_or(alone, tf.greater_equal(tf.abs(sums), threshold)))
    places = tf.where(kept)[:, 0]
    return [tf.gather(indices, places), tf.gather(sums, places), shape]


def cut(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`SparseSlice`: the entries in a box, counted from its corner."""
    indices, values, shape, start, length = inputs
    inside = tf.logical_and(tf.greater_equal(indices, start), tf.less(indices, start + length))
    kept = tf.where(tf.reduce_all(inside, axis=1))[:, 0]
    wanted = tf.maximum(tf.minimum(length, shape - start), tf.zeros_like(shape))
    return [tf.gather(indices, kept) - start, tf.gather(values, kept), wanted]


def joined(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`SparseConcat`: each operand moved on by the sizes of those before it."""
    count = len(inputs) // 3
    indices, values, shapes = inputs[:count], inputs[count : 2 * count], inputs[2 * count :]
    depth = fixed(shapes[0], 0)
    axis = attribute(operation, "concat_dim") % depth
    unit = tf.constant([int(other == axis) for other in range(depth)], shapes[0].dtype)
    moved, offset = [], tf.zeros_like(shapes[0])
    for item, shape in zip(indices, shapes, strict=True):
        moved.append(item + offset)
        offset = offset + shape * unit
    whole = tf.concat(moved, axis=0)
    order = _order(whole)
    made_shape = shapes[0] * (1 - unit) + offset
    return [tf.gather(whole, order), tf.gather(tf.concat(values, axis=0), order), made_shape]


def softmax(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`SparseSoftmax`: over the entries that agree in all but the last index; they stand together."""
    indices, values, _ = inputs
    _, group = _groups(indices[:, :-1])
    count = size(values, 0)
    top = masked(values[:, None], group, count, tf.reduce_max, values.dtype.min)[:, 0]
    powers = tf.exp(values - tf.gather(top, group))
    return powers / tf.gather(sum_as_scatter(powers, group, count), group)


def reduced(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`SparseReduceSum` and `SparseReduceMax`, by way of the dense tensor; 0 where there is no entry."""
    indices, values, shape, axes = inputs
    wanted = vector(shape, fixed(shape, 0))
    keep = attribute(operation, "keep_dims")
    named = value_of(axes)
    if named is None:
        raise Inapplicable("axes that are known only when the model runs")
    over = [int(axis) for axis in named.reshape(-1)] if named.size else list(range(len(wanted)))
    places = tf.cast(indices, tf.int32)
    if operation.type == "SparseReduceSum":
        dense = tf.scatter_nd(places, values, tf.stack(wanted))
        return tf.reduce_sum(dense, over, keepdims=keep)
    lowest = values.dtype.min
    background = tf.fill(tf.stack([product(wanted), 1]), tf.constant(lowest, values.dtype))
    dense = reshaped(written_once(background, linear(places, wanted), values[:, None]), wanted)
    made = tf.reduce_max(dense, over, keepdims=keep)
    hits = tf.reduce_sum(tf.scatter_nd(places, tf.ones_like(places[:, 0]), tf.stack(wanted)), over, keepdims=keep)
    return tf.where(tf.greater(hits, 0), made, tf.zeros_like(made))


def reshape(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`SparseReshape`: indices by way of the position in the whole; one size may be −1."""
    indices, shape, wanted = inputs
    before = vector(shape, fixed(shape, 0))
    total = product(before)
    after = _inferred(vector(wanted, fixed(wanted, 0)), total)
    position = linear(tf.cast(indices, tf.int32), before)
    columns: list[Tensor] = []
    for number in reversed(after):
        columns.insert(0, position % number)
        position = position // number
    return [tf.cast(tf.stack(columns, axis=1), tf.int64), tf.cast(tf.stack(after), tf.int64)]


def _inferred(wanted: Sequence[Size], total: Size) -> list[Size]:
    """Return sizes with the one that is −1 worked out."""
    if all(isinstance(number, int) for number in wanted):
        if -1 not in wanted:
            return list(wanted)
        rest = product([number for number in wanted if number != -1])
        return [total // rest if number == -1 else number for number in wanted]
    stated = tf.stack(wanted)
    rest = tf.reduce_prod(tf.where(stated < 0, tf.ones_like(stated), stated))
    made: list[Size] = tf.unstack(tf.where(stated < 0, total // rest, stated), num=len(wanted))
    return made


def fill_empty_rows(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`SparseFillEmptyRows`: rows without entries get the default in their first place."""
    indices, values, shape, default = inputs
    row = tf.cast(indices[:, 0], tf.int32)
    rows = vector(shape, fixed(indices, 1))[0]
    counts = sum_as_scatter(tf.ones_like(row), row, rows)
    empty = tf.equal(counts, 0)
    lacking = tf.where(empty)
    columns = fixed(indices, 1)
    added = tf.pad(lacking, [[0, 0], [0, columns - 1]]) if columns > 1 else lacking
    whole = tf.concat([indices, tf.cast(added, indices.dtype)], axis=0)
    filler = tf.fill(tf.stack([size(lacking, 0)]), default)
    order = _order(whole[:, :1])
    back = tf.scatter_nd(order[:, None], tf.range(size(order, 0)), tf.stack([size(order, 0)]))
    return [
        tf.gather(whole, order),
        tf.gather(tf.concat([values, filler], axis=0), order),
        empty,
        tf.cast(back[: size(row, 0)], operation.outputs[3].dtype),
    ]


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "sparse-dense-matmul-as-scatter": (("SparseTensorDenseMatMul",), dense_matmul),
    "sparse-matmul-as-matmul": (("SparseMatMul",), matmul),
    "sparse-to-dense-as-scatter": (("SparseToDense",), to_dense),
    "sparse-dense-add-as-scatter": (("SparseTensorDenseAdd",), add_dense),
    "sparse-dense-cwise-as-gather": (("SparseDenseCwiseAdd", "SparseDenseCwiseMul", "SparseDenseCwiseDiv"), with_dense),
    "sparse-reorder-as-top-k": (("SparseReorder",), reorder),
    "sparse-add-as-sort": (("SparseAdd",), add),
    "sparse-slice-as-where": (("SparseSlice",), cut),
    "sparse-concat-as-sort": (("SparseConcat",), joined),
    "sparse-softmax-as-segments": (("SparseSoftmax",), softmax),
    "sparse-reduce-as-scatter": (("SparseReduceSum", "SparseReduceMax"), reduced),
    "sparse-reshape-as-positions": (("SparseReshape",), reshape),
    "sparse-fill-empty-rows-as-sort": (("SparseFillEmptyRows",), fill_empty_rows),
}
"""Rule → the ops that it is about, and what they become."""
