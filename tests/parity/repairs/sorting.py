"""Examples of the repairs of order, membership, search and counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from examples import example

RNG = np.random.default_rng(7)


def _floats(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype(np.float32)


def _ints(*values: Any) -> Any:
    return np.array(values, np.int32)


def _traced(*specs: Any) -> Any:
    """A `tf.function` of these inputs: `(shape, dtype)`, or a shape of float32."""
    pairs = [spec if isinstance(spec, tuple) else (spec, tf.float32) for spec in specs]
    return tf.function(input_signature=[tf.TensorSpec(shape, dtype) for shape, dtype in pairs])


@example("top-k-of-all", "top-k-as-ranks")
def as_many_as_asked_for() -> Any:
    @_traced([None, 7], ([], tf.int32))
    def function(x: Any, k: Any) -> Any:
        return tf.math.top_k(x, k)

    return function, [_floats(3, 7), np.int32(4)]


@example("top-k-as-ranks")
def ranks() -> Any:
    """Of equal elements the first comes first."""

    @_traced([2, None], ([None], tf.int32), ([5], tf.int64), ([5], tf.uint8))
    def function(x: Any, n: Any, wide: Any, small: Any) -> Any:
        return [
            *tf.math.top_k(x, 3), *tf.math.top_k(n, 4), *tf.math.top_k(wide, 2), *tf.math.top_k(small, 5),
            tf.argsort(n, stable=True), tf.sort(x, axis=0), *tf.math.top_k(x, tf.shape(x)[1]),
        ]  # fmt: skip

    large = np.array([1 << 40, 3, (1 << 40) + 1, -5, 0])
    return function, [_floats(2, 6), _ints(3, 1, 3, 2, 1, 3), large, np.array([3, 200, 3, 0, 255], np.uint8)]


@example("nth-element-as-top-k")
def nth() -> Any:
    @_traced([None, 3, 6], ([4, 5], tf.int32), ([], tf.int32))
    def function(x: Any, n: Any, place: Any) -> Any:
        nth = tf.raw_ops.NthElement
        return nth(input=x, n=2), nth(input=x, n=0, reverse=True), nth(input=n, n=place), nth(input=n, n=4)

    lowest = np.iinfo(np.int32).min
    return function, [_floats(2, 3, 6), _ints(*[[5, lowest, 3, 3, row] for row in range(4)]), np.int32(1)]


@example("in-top-k-as-comparison")
def among_the_best() -> Any:
    @_traced([None, 4], ([None], tf.int32), ([], tf.int32))
    def function(x: Any, targets: Any, k: Any) -> Any:
        wide = tf.cast(targets, tf.int64)
        return (
            tf.math.in_top_k(targets, x, 2),
            tf.math.in_top_k(wide, x, tf.cast(k, tf.int64)),
            tf.math.in_top_k(targets, x, k),
        )

    x = np.array([[1, 2, 3, 4], [4, 4, 4, 1], [1, np.inf, 0, 0], [1, np.nan, 0, 0], [3, 2, 1, 0], [1, 1, 1, 0]], "f")
    return function, [x, _ints(1, 2, 0, 0, 9, -1), np.int32(3)]


@example("unique-as-comparison")
def distinct() -> Any:
    @_traced([None], ([7], tf.int32), ([4, 3], tf.int32))
    def function(x: Any, n: Any, rows: Any) -> Any:
        raw = tf.raw_ops
        return [
            *tf.unique(x), *tf.unique(n, tf.int64), *tf.unique_with_counts(n), *raw.UniqueV2(x=rows, axis=[0]),
            *raw.UniqueWithCountsV2(x=rows, axis=[1], out_idx=tf.int64), *raw.UniqueV2(x=n, axis=tf.constant([], tf.int32)),
        ]  # fmt: skip

    rows = _ints([1, 2, 1], [3, 3, 3], [1, 2, 1], [0, 2, 0])
    return function, [np.array([2, 1, 2, 0, 1, 5], "f"), _ints(4, 4, 1, 4, 9, 1, 0), rows]


@example("unique-as-comparison")
def distinct_words() -> Any:
    @_traced(([None], tf.string))
    def function(x: Any) -> Any:
        return tf.unique_with_counts(x)

    return function, [np.array([b"b", b"a", b"b", b"c", b"a", b"b"])]


@example("where-as-scatter")
def places_of_what_is_not_zero() -> Any:
    @_traced([None, 3, None], ([None], tf.bool), ([2, 3], tf.int32))
    def function(x: Any, flags: Any, n: Any) -> Any:
        return tf.where(x > 0.3), tf.where(tf.nn.relu(x)), tf.where(flags), tf.where(n), tf.boolean_mask(x, x > 0.5)

    return function, [_floats(2, 3, 4), np.array([False, True, True, False, True]), _ints([0, 3, 0], [-1, 0, 0])]


@example("where-as-scatter")
def places_where_there_are_none() -> Any:
    @_traced([None, 3])
    def function(x: Any) -> Any:
        return tf.where(x > 99.0)

    return function, [_floats(4, 3)]


@example("search-sorted-as-comparison")
def searched() -> Any:
    @_traced([None, 6], [None, 4], ([5], tf.int32), ([None], tf.int32))
    def function(x: Any, values: Any, n: Any, wanted: Any) -> Any:
        ordered = tf.sort(x, axis=-1)
        return (
            tf.searchsorted(ordered, values), tf.searchsorted(ordered, values, side="right", out_type=tf.int64),
            tf.searchsorted(n, wanted), tf.searchsorted(n, wanted, side="right"),
            tf.searchsorted(ordered, values * float("nan"), side="right"),
        )  # fmt: skip

    return function, [_floats(2, 6), _floats(2, 4), _ints(1, 3, 3, 5, 9), _ints(3, 0, 10, 5)]


@example("bucketize-as-comparison")
def in_buckets() -> Any:
    @_traced([None, 2], ([None], tf.int32), ([3], tf.int64))
    def function(x: Any, n: Any, wide: Any) -> Any:
        bucketize = tf.raw_ops.Bucketize
        edges = [-1.0, 0.0, 0.5, 2.0]
        return (
            bucketize(input=x, boundaries=edges),
            bucketize(input=n, boundaries=edges),
            bucketize(input=wide, boundaries=[]),
        )

    x = np.array([[-1, 0], [0.5, 2], [np.inf, -np.inf], [0.49, np.nan]], "f")
    return function, [x, _ints(-2, 0, 1, 3), np.array([1, 2, 3])]


@example("list-diff-as-comparison")
def what_is_missing() -> Any:
    @_traced(([None], tf.int32), ([3], tf.int32))
    def function(x: Any, y: Any) -> Any:
        return [*tf.raw_ops.ListDiff(x=x, y=y), *tf.raw_ops.ListDiff(x=y, y=x, out_idx=tf.int64)]

    return function, [_ints(1, 2, 3, 2, 7, 1), _ints(2, 9, 1)]


@example("bincount-as-scatter")
def counted() -> Any:
    @_traced(([None], tf.int32), [7], ([None, 4], tf.int32), [2, 4])
    def function(n: Any, weights: Any, rows: Any, wide: Any) -> Any:
        return (
            tf.math.bincount(n), tf.math.bincount(n, minlength=5, maxlength=5), tf.math.bincount(n, weights, minlength=9),
            tf.math.bincount(rows, axis=-1, minlength=6, maxlength=6), tf.math.bincount(rows, binary_output=True, axis=-1),
            tf.math.bincount(rows, wide, axis=-1), tf.raw_ops.Bincount(arr=n, size=8, weights=weights),
            tf.raw_ops.Bincount(arr=rows, size=4, weights=tf.constant([], tf.float32)),
            tf.math.bincount(n, binary_output=True, axis=0),
        )  # fmt: skip

    return function, [_ints(1, 5, 1, 0, 7, 5, 1), _floats(7), _ints([0, 3, 3, 5], [1, 1, 1, 0]), _floats(2, 4)]


@example("ragged-bincount-as-scatter")
def counted_in_ragged_rows() -> Any:
    @_traced(([None], tf.int32), [6])
    def function(n: Any, weights: Any) -> Any:
        rows = tf.RaggedTensor.from_row_splits(n, [0, 2, 2, 5, 6])
        weighed = tf.RaggedTensor.from_row_splits(weights, [0, 2, 2, 5, 6])
        count = tf.math.bincount
        return (
            count(rows, axis=-1, minlength=5, maxlength=5), count(rows, weighed, axis=-1),
            count(rows, axis=-1, binary_output=True),
        )  # fmt: skip

    return function, [_ints(1, 5, 1, 1, 3, 2), _floats(6)]


@example("sparse-bincount-as-scatter")
def counted_in_sparse_rows() -> Any:
    @_traced(([5], tf.int32), [5])
    def function(n: Any, weights: Any) -> Any:
        indices = [[0, 1], [1, 0], [2, 0], [2, 3], [5, 2]]
        rows, weighed = tf.SparseTensor(indices, n, [6, 4]), tf.SparseTensor(indices, weights, [6, 4])
        line = tf.SparseTensor([[0], [3], [4], [7], [8]], n, [9])
        count = tf.math.bincount
        return count(rows, axis=-1), count(rows, weighed, axis=-1, minlength=8), count(line, axis=-1, maxlength=3)

    return function, [_ints(1, 3, 1, 1, 0), _floats(5)]


@example("sparse-counts-as-scatter")
def counted_sparsely() -> Any:
    @_traced(([None, 4], tf.int32), ([6], tf.int64), [2, 4])
    def function(n: Any, flat: Any, weights: Any) -> Any:
        count = tf.sparse.bincount
        ragged = tf.RaggedTensor.from_row_splits(flat, [0, 2, 2, 5, 6])
        found = [
            count(n), count(n, minlength=8), count(n, maxlength=3), count(n, binary_output=True), count(n, weights),
            count(flat, axis=-1), count(ragged, axis=-1), count(tf.sparse.from_dense(n), axis=-1),
        ]  # fmt: skip
        return [part for sparse in found for part in (sparse.indices, sparse.values, sparse.dense_shape)]

    return function, [_ints([0, 3, 3, 5], [1, 1, 1, 0]), np.array([4, 0, 4, 4, 2, 1]), _floats(2, 4)]


@example("histogram-as-scatter")
def in_bins() -> Any:
    @_traced([None, 3], [2])
    def function(x: Any, ends: Any) -> Any:
        bins = tf.histogram_fixed_width
        return bins(x, ends, 7), bins(x, [-1.0, 1.0], 4, tf.int64), tf.histogram_fixed_width_bins(x, ends, 5)

    return function, [_floats(20, 3), np.array([-0.7, 1.9], "f")]
