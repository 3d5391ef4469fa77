"""Examples of the repairs of segments, scatters, cumulative and ragged and sparse operations."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from examples import example

RNG = np.random.default_rng(6)


def _floats(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype(np.float32)


def _ints(*values: Any) -> Any:
    return np.array(values, np.int32)


def _traced(*specs: Any) -> Any:
    """A `tf.function` of these inputs: `(shape, dtype)`, or a shape of float32."""
    pairs = [spec if isinstance(spec, tuple) else (spec, tf.float32) for spec in specs]
    return tf.function(input_signature=[tf.TensorSpec(shape, dtype) for shape, dtype in pairs])


# Cumulative.


@example("cumsum-as-doubling")
def running_sums() -> Any:
    @_traced([None, 5, 3], ([None, 7], tf.int32))
    def function(x: Any, n: Any) -> Any:
        return (
            tf.cumsum(x, 1), tf.cumsum(x, -1, reverse=True), tf.cumsum(x, 1, exclusive=True),
            tf.cumsum(x, 0, exclusive=True, reverse=True), tf.cumsum(n, 1), tf.cumsum(x[:, :1], 1),
        )  # fmt: skip

    return function, [_floats(2, 5, 3), RNG.integers(-9, 9, (4, 7)).astype(np.int32)]


@example("cumsum-as-doubling")
def running_sums_past_infinity() -> Any:
    @_traced([None])
    def function(x: Any) -> Any:
        return tf.cumsum(x), tf.cumsum(x, reverse=True)

    return function, [np.array([1, 2, np.inf, 3, 4, -1, 0, 2, 9], np.float32)]


@example("cumprod-as-doubling")
def running_products() -> Any:
    @_traced([None, 6], [4, None])
    def function(x: Any, y: Any) -> Any:
        return (
            tf.math.cumprod(x, 1), tf.math.cumprod(x, -1, exclusive=True, reverse=True), tf.math.cumprod(x, 0, reverse=True),
            tf.math.cumprod(y, 1, exclusive=True),
        )  # fmt: skip

    return function, [_floats(3, 6), _floats(4, 37)]


@example("cumulative-logsumexp-as-doubling")
def running_logsumexp() -> Any:
    @_traced([None, 6])
    def function(x: Any) -> Any:
        whole = tf.math.cumulative_logsumexp
        return whole(x, 1), whole(x, -1, reverse=True), whole(x * 100.0, 1), whole(x, 1, exclusive=True)

    return function, [_floats(3, 6)]


# Segments.


@example("segment-sum-as-scatter", "segment-sum-as-matmul")
def sums_of_segments() -> Any:
    """With a segment left out, and one that nothing belongs to."""

    @_traced([None, 3], ([None], tf.int32), ([6], tf.int64))
    def function(x: Any, ids: Any, wide: Any) -> Any:
        return (
            tf.math.segment_sum(x, tf.sort(ids)), tf.math.unsorted_segment_sum(x, ids, 5),
            tf.math.unsorted_segment_sum(x[:, 0], wide - 1, tf.reduce_max(ids) + 1),
            tf.math.unsorted_segment_sum(tf.cast(x * 10.0, tf.int32), ids, 4),
        )  # fmt: skip

    return function, [_floats(6, 3), _ints(0, 3, 1, 3, 0, 0), np.array([3, 0, 1, 1, 2, 0])]


@example("segment-sum-as-scatter", "segment-sum-as-matmul")
def sums_of_nested_segments() -> Any:
    @_traced([2, None, 4, 1], ([2, None], tf.int32))
    def function(x: Any, ids: Any) -> Any:
        return tf.math.unsorted_segment_sum(x, ids, 3), tf.math.unsorted_segment_mean(x, ids, 3)

    return function, [_floats(2, 3, 4, 1), _ints([0, 2, -1], [2, 2, 0])]


@example("segment-sum-as-scatter")
def sums_with_infinities() -> Any:
    @_traced([None], ([None], tf.int32))
    def function(x: Any, ids: Any) -> Any:
        return tf.math.unsorted_segment_sum(x, ids, 3)

    return function, [np.array([1, np.inf, np.nan, 2], np.float32), _ints(0, 1, 2, 0)]


@example("segment-mean-as-scatter", "segment-mean-as-matmul")
def means_of_segments() -> Any:
    @_traced([None, 3], ([None], tf.int32))
    def function(x: Any, ids: Any) -> Any:
        return tf.math.segment_mean(x, ids), tf.math.segment_mean(x[:, 0], ids)

    return function, [_floats(5, 3), _ints(0, 0, 2, 2, 5)]


@example("segment-extreme-as-mask")
def extremes_of_segments() -> Any:
    @_traced([None, 3], ([None], tf.int32), ([None, 2], tf.int32))
    def function(x: Any, ids: Any, n: Any) -> Any:
        m = tf.math
        unsorted = [m.unsorted_segment_max, m.unsorted_segment_min, m.unsorted_segment_prod]
        ordered = tf.sort(ids)
        return [
            *(reduce(x, ids - 1, 5) for reduce in unsorted),
            *(reduce(n, ids, 6) for reduce in unsorted),
            *(reduce(x, ordered) for reduce in (m.segment_max, m.segment_min, m.segment_prod)),
            m.segment_max(n, ordered),
        ]

    return function, [_floats(5, 3), _ints(0, 4, 1, 4, 2), RNG.integers(-9, 9, (5, 2)).astype(np.int32)]


@example("segment-extreme-as-mask")
def extremes_of_images() -> Any:
    @_traced([4, 2, None, 3], ([4], tf.int64))
    def function(x: Any, ids: Any) -> Any:
        return tf.math.unsorted_segment_max(x, ids, 3), tf.math.unsorted_segment_prod(x, ids, 3)

    return function, [_floats(4, 2, 5, 3), np.array([2, 0, 2, 0])]


@example("sparse-segment-as-scatter", "sparse-segment-as-matmul")
def segments_looked_up() -> Any:
    @_traced([None, 3], ([6], tf.int32), ([6], tf.int32))
    def function(x: Any, rows: Any, ids: Any) -> Any:
        given = {"data": x, "indices": rows, "segment_ids": ids}
        reductions = [tf.sparse.segment_sum, tf.sparse.segment_mean, tf.sparse.segment_sqrt_n]
        return [reduce(**given) for reduce in reductions] + [reduce(**given, num_segments=7) for reduce in reductions]

    return function, [_floats(5, 3), _ints(0, 4, 4, 1, 2, 0), _ints(0, 0, 2, 2, 2, 4)]


# Scatters.


@example("scatter-nd-as-matmul")
def scattered() -> Any:
    @_traced([None], [3, 4], ([3, 2], tf.int32))
    def function(x: Any, rows: Any, places: Any) -> Any:
        size = tf.shape(x)[0]
        return (
            tf.scatter_nd([[0], [2], [2], [5], [0], [2]], x, [7]), tf.scatter_nd(places, rows, [3, 5, 4]),
            tf.scatter_nd([[1], [0], [1]], tf.cast(rows, tf.int32), [3, 4]), tf.scatter_nd([[1], [0]], rows[:2], [size, 4]),
        )  # fmt: skip

    return function, [_floats(6), _floats(3, 4), _ints([0, 4], [2, 2], [0, 4])]


@example("tensor-scatter-add-as-scatter")
def added_to_a_tensor() -> Any:
    @_traced([None, 3], ([4], tf.int32))
    def function(x: Any, places: Any) -> Any:
        updates = tf.constant(_floats(4, 3))
        return (
            tf.tensor_scatter_nd_add(x, places[:, None], updates), tf.tensor_scatter_nd_sub(x, places[:, None], updates),
            tf.tensor_scatter_nd_add(x, tf.cast(tf.stack([places, places % 3], 1), tf.int64), updates[:, 0]),
        )  # fmt: skip

    return function, [_floats(5, 3), _ints(1, 4, 1, 0)]


@example("tensor-scatter-extreme-as-mask")
def extremes_in_a_tensor() -> Any:
    @_traced([None, 3], ([4], tf.int32))
    def function(x: Any, places: Any) -> Any:
        updates = tf.constant(_floats(4, 3))
        whole = tf.cast(x * 10.0, tf.int32)
        return (
            tf.tensor_scatter_nd_max(x, places[:, None], updates), tf.tensor_scatter_nd_min(x, places[:, None], updates),
            tf.tensor_scatter_nd_max(whole, tf.stack([places, places % 3], 1), [5, 3, 9, -1]),
        )  # fmt: skip

    return function, [_floats(5, 3), _ints(1, 4, 1, 0)]


@example("tensor-scatter-update-as-scatter")
def updated_at_constants() -> Any:
    """The last of several for one place stays."""

    @_traced([5, 3], [3, 3])
    def function(x: Any, updates: Any) -> Any:
        return (
            tf.tensor_scatter_nd_update(x, [[4], [1], [4]], updates),
            tf.tensor_scatter_nd_update(x, [[4, 2], [1, 0], [4, 2]], updates[:, 0]),
            tf.tensor_scatter_nd_update(x > 0.0, [[0], [2], [0]], updates > 0.0),
        )

    return function, [_floats(5, 3), _floats(3, 3)]


@example("tensor-scatter-update-as-scatter")
def updated_at_inputs() -> Any:
    @_traced([None, 3], ([None, 1], tf.int32), [None, 3])
    def function(x: Any, places: Any, updates: Any) -> Any:
        whole = tf.cast(x * 10.0, tf.int32)
        return (
            tf.tensor_scatter_nd_update(x, places, updates),
            tf.tensor_scatter_nd_update(x > 0.0, places, updates > 0.0),
            tf.tensor_scatter_nd_update(
                whole, tf.concat([places, places % 3], 1), tf.cast(updates[:, 1] * 9.0, tf.int32)
            ),
        )

    return function, [_floats(7, 3), _ints([2], [5], [2], [0], [5], [5]), _floats(6, 3)]


@example("strided-slice-update-as-scatter")
def slice_updated() -> Any:
    @_traced([4, None], [], ([], tf.int32))
    def function(x: Any, value: Any, at: Any) -> Any:
        update = tf.raw_ops.TensorStridedSliceUpdate
        square = update(input=x, begin=[1, 0], end=[3, 5], strides=[1, 2], value=tf.ones([2, 3]) * value)
        last = update(
            input=square, begin=[-1, 0], end=[0, 0], strides=[1, 1], value=x[0] + 1.0, end_mask=2, shrink_axis_mask=1
        )
        return square, last, update(input=x, begin=[at, 1], end=[at + 2, 3], strides=[1, 1], value=value)

    return function, [_floats(4, 5), np.float32(7.5), np.int32(1)]


@example("dynamic-partition-as-where")
def partitioned() -> Any:
    @_traced([None, 2], ([None], tf.int32), ([2, 3], tf.int32))
    def function(x: Any, parts: Any, square: Any) -> Any:
        return [*tf.dynamic_partition(x, parts, 3), *tf.dynamic_partition(tf.reshape(x[:6], [2, 3, 2]), square, 2)]

    return function, [_floats(7, 2), _ints(0, 2, 0, 0, 2, 0, 2), _ints([0, 1, 1], [0, 0, 1])]


@example("dynamic-stitch-as-scatter")
def stitched() -> Any:
    @_traced([4, 2], [3, 2], ([4], tf.int32), ([3], tf.int32))
    def function(x: Any, y: Any, a: Any, b: Any) -> Any:
        constant = tf.dynamic_stitch([[0, 3], [[1, 2], [4, 0]]], [x[:2], tf.reshape(x, [2, 2, 2])])
        return constant, tf.dynamic_stitch([a, b], [x, y]), tf.dynamic_stitch([2, 0, 1], [x[0], x[1], x[2]])

    return function, [_floats(4, 2), _floats(3, 2), _ints(0, 2, 4, 6), _ints(5, 3, 1)]


@example("dynamic-stitch-as-scatter")
def stitched_over_each_other() -> Any:
    @_traced([4], [4], ([4], tf.int32), ([4], tf.int32))
    def function(x: Any, y: Any, a: Any, b: Any) -> Any:
        return tf.dynamic_stitch([a, b], [x, y])

    return function, [_floats(4), _floats(4), _ints(0, 2, 4, 3), _ints(1, 3, 0, 0)]


@example("invert-permutation-as-scatter")
def permutation() -> Any:
    @_traced(([None], tf.int32), ([4], tf.int64))
    def function(x: Any, y: Any) -> Any:
        return tf.math.invert_permutation(x), tf.math.invert_permutation(y)

    return function, [_ints(3, 0, 4, 1, 2), np.array([2, 0, 3, 1])]


# Ragged.


@example("ragged-range-as-positions")
def ragged_ranges() -> Any:
    @_traced(([None], tf.int32), ([None], tf.float32))
    def function(n: Any, x: Any) -> Any:
        rows = [
            tf.ragged.range(n),
            tf.ragged.range(n, n * 3, 2),
            tf.ragged.range(n, -n, -1),
            tf.ragged.range(0.0, x, 0.5),
        ]
        return [part for row in rows for part in (row.row_splits, row.values)]

    return function, [_ints(3, 0, 5, 1), np.array([1.2, 0, 2], np.float32)]


@example("ragged-to-tensor-as-gather")
def ragged_padded() -> Any:
    @_traced([None], ([None], tf.int64))
    def function(x: Any, lengths: Any) -> Any:
        rows = tf.RaggedTensor.from_row_lengths(x, lengths)
        batch = rows.nrows(out_type=tf.int32)
        return (
            rows.to_tensor(), rows.to_tensor(-1.0, shape=[None, 3]), rows.to_tensor(9.0, shape=[6, 7]),
            rows.to_tensor(shape=[2, None]), rows.to_tensor(shape=tf.stack([batch, 5])),
            tf.RaggedTensor.from_value_rowids(x, tf.constant([0, 0, 2, 2, 2, 3, 3])).to_tensor(0.5),
        )  # fmt: skip

    return function, [_floats(7), np.array([2, 0, 4, 1])]


@example("ragged-to-tensor-as-gather")
def ragged_of_rows_padded() -> Any:
    @_traced([None, 2])
    def function(x: Any) -> Any:
        inner = tf.RaggedTensor.from_row_splits(x, [0, 2, 2, 5, 6])
        outer = tf.RaggedTensor.from_row_splits(inner, [0, 1, 4])
        return inner.to_tensor(), outer.to_tensor(7.0), outer.to_tensor([1.0, 2.0], shape=[3, 2, None, 2])

    return function, [_floats(6, 2)]


@example("ragged-to-tensor-as-gather")
def ragged_of_nothing() -> Any:
    @_traced([None], ([None], tf.int64))
    def function(x: Any, lengths: Any) -> Any:
        return tf.RaggedTensor.from_row_lengths(x, lengths).to_tensor(3.0, shape=[None, 2])

    return function, [_floats(0), np.array([0, 0, 0])]


@example("ragged-gather-as-gather")
def ragged_gathered() -> Any:
    @_traced([None, 2], ([None], tf.int32), ([2, 3], tf.int32))
    def function(x: Any, picks: Any, square: Any) -> Any:
        inner = tf.RaggedTensor.from_row_splits(x, [0, 2, 2, 5, 6])
        outer = tf.RaggedTensor.from_row_splits(inner, [0, 1, 4])
        found = [tf.gather(inner, picks), tf.gather(outer, picks % 2), tf.gather(inner, square)]
        return [part for rows in found for part in (*rows.nested_row_splits, rows.flat_values)]

    return function, [_floats(6, 2), _ints(2, 0, 0, 1, 3), _ints([3, 0, 1], [2, 2, 0])]


@example("ragged-to-sparse-as-positions")
def ragged_as_sparse() -> Any:
    @_traced([None])
    def function(x: Any) -> Any:
        inner = tf.RaggedTensor.from_row_splits(x, [0, 2, 2, 5, 6])
        found = [inner.to_sparse(), tf.RaggedTensor.from_row_splits(inner, [0, 1, 4]).to_sparse()]
        return [part for sparse in found for part in (sparse.indices, sparse.values, sparse.dense_shape)]

    return function, [_floats(6)]


# Sparse.


def _sparse(values: Any) -> Any:
    return tf.SparseTensor([[0, 1], [1, 0], [2, 3], [3, 3], [5, 2]], values, [6, 4])


def _parts(*tensors: Any) -> list[Any]:
    return [part for sparse in tensors for part in (sparse.indices, sparse.values, sparse.dense_shape)]


@example("sparse-dense-matmul-as-scatter")
def sparse_products() -> Any:
    @_traced([5], [4, None])
    def function(values: Any, x: Any) -> Any:
        matrix, other = _sparse(values), tf.SparseTensor([[0, 1], [0, 1], [3, 0]], values[:3], [4, 2])
        times = tf.sparse.sparse_dense_matmul
        return times(matrix, x), times(other, x, adjoint_a=True), times(matrix, tf.transpose(x), adjoint_b=True)

    return function, [_floats(5), _floats(4, 3)]


@example("sparse-matmul-as-matmul")
def products_with_many_zeros() -> Any:
    @_traced([None, 4], [4, 3])
    def function(x: Any, y: Any) -> Any:
        return tf.matmul(x, y, a_is_sparse=True), tf.matmul(y, x, transpose_a=True, transpose_b=True, b_is_sparse=True)

    return function, [_floats(5, 4), _floats(4, 3)]


@example("sparse-to-dense-as-scatter")
def sparse_densified() -> Any:
    @_traced([5], ([], tf.int64))
    def function(values: Any, rows: Any) -> Any:
        whole = tf.sparse.to_dense(_sparse(values), -1.0)
        dense = tf.raw_ops.SparseToDense
        ones = dense(sparse_indices=[1, 4], output_shape=[6], sparse_values=7, default_value=2)
        flags = dense(sparse_indices=[[1, 0]], output_shape=[rows, 2], sparse_values=[True], default_value=False)
        return whole, ones, flags

    return function, [_floats(5), np.int64(3)]


@example("sparse-dense-add-as-scatter", "sparse-dense-cwise-as-gather")
def sparse_with_dense() -> Any:
    @_traced([5], [6, 4], [4])
    def function(values: Any, x: Any, row: Any) -> Any:
        matrix = _sparse(values)
        divided = tf.raw_ops.SparseDenseCwiseDiv(
            sp_indices=matrix.indices, sp_values=matrix.values, sp_shape=matrix.dense_shape, dense=x
        )
        return tf.sparse.add(matrix, x), (matrix * x).values, (matrix * row).values, divided

    return function, [_floats(5), _floats(6, 4), _floats(4)]


@example("sparse-reorder-as-top-k")
def sparse_sorted() -> Any:
    @_traced([5], ([5, 3], tf.int64))
    def function(values: Any, indices: Any) -> Any:
        return _parts(tf.sparse.reorder(tf.SparseTensor(indices, values, [4, 3, 5])))

    return function, [_floats(5), np.array([[3, 1, 0], [0, 2, 4], [3, 0, 1], [0, 2, 1], [2, 2, 2]])]


@example("sparse-add-as-sort")
def sparse_sums() -> Any:
    @_traced([5], [2])
    def function(values: Any, others: Any) -> Any:
        second = tf.SparseTensor([[1, 0], [1, 2]], others, [6, 4])
        return _parts(tf.sparse.add(_sparse(values), second), tf.sparse.add(_sparse(values), second, 0.5))

    return function, [_floats(5), _floats(2)]


@example("sparse-slice-as-where", "sparse-concat-as-sort")
def sparse_cut_and_joined() -> Any:
    @_traced([5])
    def function(values: Any) -> Any:
        matrix = _sparse(values)
        joined = [tf.sparse.concat(1, [matrix, matrix, matrix]), tf.sparse.concat(-2, [matrix, matrix])]
        return _parts(tf.sparse.slice(matrix, [1, 0], [3, 9]), *joined)

    return function, [_floats(5)]


@example("sparse-softmax-as-segments", "sparse-reduce-as-scatter", "sparse-reshape-as-positions")
def sparse_reduced() -> Any:
    @_traced([6])
    def function(values: Any) -> Any:
        cube = tf.SparseTensor([[0, 0, 1], [0, 0, 2], [0, 2, 0], [1, 1, 0], [1, 1, 1], [1, 1, 3]], values, [2, 3, 4])
        softmax = tf.sparse.softmax(cube)
        return [
            softmax.values, tf.sparse.reduce_sum(cube), tf.sparse.reduce_sum(cube, 1), tf.sparse.reduce_max(cube, -1),
            tf.sparse.reduce_max(cube, [0, 1], keepdims=True), *_parts(tf.sparse.reshape(cube, [4, -1])),
        ]  # fmt: skip

    return function, [_floats(6) - 2.0]


@example("sparse-fill-empty-rows-as-sort")
def sparse_rows_filled() -> Any:
    @_traced([5], [3])
    def function(values: Any, few: Any) -> Any:
        filled, empty = tf.sparse.fill_empty_rows(_sparse(values), -3.0)
        unsorted = tf.raw_ops.SparseFillEmptyRows(
            indices=[[3, 1], [0, 0], [3, 0]], values=few, dense_shape=[5, 2], default_value=9.0
        )
        return [*_parts(filled), empty, *unsorted]

    return function, [_floats(5), _floats(3)]
