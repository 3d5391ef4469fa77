"""Reductions of rows by the segment that each belongs to: as a scatter that adds, as a product, or under a mask.

Sums are scattered: `ScatterNd` adds up what lands on the same row.  Where a target's doesn't, a product with the
membership matrix does it, for finite numbers.  Minima, maxima and products look at every row for every segment.
Rows of a negative segment are left out, as in TensorFlow; sorted segments without rows get what TensorFlow gives them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from ..rules import Inapplicable, value_of
from .shapes import Size, product, rank, reshaped, size, sizes

Operation = Any
Tensor = Any
Sum = Callable[[Tensor, Tensor, Size], Tensor]
"""`(rows [n, …], segments [n], count) → [count, …]`."""


def sum_as_scatter(rows: Tensor, segments: Tensor, count: Size) -> Tensor:
    """Sum rows by segment, each scattered onto its segment; those of a negative one onto an extra row, which is cut off."""
    places = tf.where(tf.less(segments, 0), tf.zeros_like(segments) + count, segments)
    shape = [count + 1, *sizes(rows)[1:]]
    made = tf.scatter_nd(places[:, None], rows, tf.stack(shape))
    return made[:count]


def sum_as_matmul(rows: Tensor, segments: Tensor, count: Size) -> Tensor:
    """Sum rows by segment, by a product with the matrix of who belongs where; integers under a mask."""
    if not rows.dtype.is_floating:
        return masked(rows, segments, count, tf.reduce_sum, 0)
    belongs = tf.cast(tf.equal(segments[None], tf.range(count)[:, None]), rows.dtype)
    return _as_rows(rows, lambda flat: tf.matmul(belongs, flat), count)


def segment_sum(summed: Sum) -> Callable[..., Tensor]:
    """`SegmentSum` and `UnsortedSegmentSum`, the sums made by `summed`."""
    return lambda operation, inputs: summed(*_rows(operation, inputs))


def segment_mean(summed: Sum) -> Callable[..., Tensor]:
    """`SegmentMean`; 0 where there is no row."""

    def becomes(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        rows, segments, count = _rows(operation, inputs)
        return _divided(summed(rows, segments, count), _counts(segments, count, rows.dtype))

    return becomes


def segment_extreme(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`SegmentMax`, `SegmentMin`, `SegmentProd`, sorted or not, of any number of segments.

    Of a segment without rows they yield the reduction's identity; the oldest of them 0, but for products.
    """
    rows, segments, count = _rows(operation, inputs)
    kind = next(kind for kind in ("Max", "Min", "Prod") if kind in operation.type)
    reduction, identity = {
        "Max": (tf.reduce_max, rows.dtype.min),
        "Min": (tf.reduce_min, rows.dtype.max),
        "Prod": (tf.reduce_prod, 1),
    }[kind]
    made = masked(rows, segments, count, reduction, identity)
    if operation.type not in ("SegmentMax", "SegmentMin"):
        return made
    empty = tf.equal(_counts(segments, count, tf.int32), 0)
    return tf.where(tf.reshape(empty, [-1] + [1] * (rank(made) - 1)), tf.zeros_like(made), made)


def sparse_segment(summed: Sum) -> Callable[..., Tensor]:
    """`SparseSegmentSum`, `…Mean` and `…SqrtN`: reductions of rows that are looked up first."""

    def becomes(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        data, indices, ids, *number = inputs
        rows, segments, count = _rows(operation, [tf.gather(data, indices), ids, *number])
        made = summed(rows, segments, count)
        if "Mean" in operation.type:
            return _divided(made, _counts(segments, count, rows.dtype))
        if "SqrtN" in operation.type:
            return _divided(made, tf.sqrt(_counts(segments, count, rows.dtype)))
        return made

    return becomes


def _rows(operation: Operation, inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor, Size]:
    """Return the rows `[n, …]`, the segment of each `[n]` and the number of segments; ids may have any rank."""
    data, ids, *number = inputs
    if data.dtype == tf.string:
        raise Inapplicable("strings")
    outer = rank(ids)
    rows = data if outer == 1 else reshaped(data, [product(sizes(ids)), *sizes(data)[outer:]])
    segments = tf.cast(ids if outer == 1 else tf.reshape(ids, [-1]), tf.int32)
    return rows, segments, _count(segments, number)


def _count(segments: Tensor, number: Sequence[Tensor]) -> Size:
    """Return how many segments there are: as stated, or one more than the last (of none, 0)."""
    if not number:
        return tf.reduce_max(tf.concat([segments, [-1]], axis=0)) + 1
    known = value_of(number[0])
    return tf.cast(number[0], tf.int32) if known is None else int(known)


def _counts(segments: Tensor, count: Size, dtype: Any) -> Tensor:
    """Return how many rows each segment has `[count]`."""
    belongs = tf.equal(segments[None], tf.range(count)[:, None])
    return tf.reduce_sum(tf.cast(belongs, dtype), axis=1)


def _divided(sums: Tensor, by: Tensor) -> Tensor:
    """Divide rows by numbers, those that are 0 taken for 1."""
    by = tf.maximum(by, tf.ones_like(by))
    return sums / tf.reshape(by, [-1] + [1] * (rank(sums) - 1))


def masked(rows: Tensor, segments: Tensor, count: Size, reduction: Callable[..., Tensor], identity: Any) -> Tensor:
    """Reduce, for each segment, all rows, with `identity` in place of those of other segments."""
    belongs = tf.equal(segments[None], tf.range(count)[:, None])[:, :, None]

    def reduced(flat: Tensor) -> Tensor:
        return reduction(tf.where(belongs, flat[None], tf.constant(identity, rows.dtype)), axis=1)

    return _as_rows(rows, reduced, count)


def _as_rows(rows: Tensor, function: Callable[[Tensor], Tensor], count: Size) -> Tensor:
    """Apply a function `[n, d] → [count, d]` to rows of any shape."""
    inner = sizes(rows)[1:]
    if len(inner) == 1:
        return function(rows)
    return reshaped(function(reshaped(rows, [size(rows, 0), product(inner)])), [count, *inner])


SUMS = ("SegmentSum", "SegmentSumV2", "UnsortedSegmentSum")
EXTREMES = (
    "SegmentMax", "SegmentMaxV2", "SegmentMin", "SegmentMinV2", "SegmentProd", "SegmentProdV2", "UnsortedSegmentMax",
    "UnsortedSegmentMin", "UnsortedSegmentProd",
)  # fmt: skip
SPARSE = (
    "SparseSegmentSum", "SparseSegmentSumWithNumSegments", "SparseSegmentMean", "SparseSegmentMeanWithNumSegments",
    "SparseSegmentSqrtN", "SparseSegmentSqrtNWithNumSegments",
)  # fmt: skip

COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "segment-sum-as-scatter": (SUMS, segment_sum(sum_as_scatter)),
    "segment-sum-as-matmul": (SUMS, segment_sum(sum_as_matmul)),
    "segment-mean-as-scatter": (("SegmentMean",), segment_mean(sum_as_scatter)),
    "segment-mean-as-matmul": (("SegmentMean",), segment_mean(sum_as_matmul)),
    "segment-extreme-as-mask": (EXTREMES, segment_extreme),
    "sparse-segment-as-scatter": (SPARSE, sparse_segment(sum_as_scatter)),
    "sparse-segment-as-matmul": (SPARSE, sparse_segment(sum_as_matmul)),
}
"""Rule → the ops that it is about, and what they become."""
