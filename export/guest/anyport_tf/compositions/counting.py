"""Counts of integers: histograms, dense and sparse, of rows of equal and of different length.

Each value is a place in a table of rows and values, where its weight (or 1) is added.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from ..rules import Inapplicable, attribute, value_of
from .ragged import row_of_each
from .segments import sum_as_scatter
from .shapes import Size, largest, rank, reshaped, size

Operation = Any
Tensor = Any


def bincount(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`Bincount` and `DenseBincount` of a vector, or of the rows of a matrix."""
    values, count, weights = inputs
    rows = rank(values) == 2 and operation.type == "DenseBincount"
    row, flat = _rows_of_matrix(values) if rows else (0, tf.reshape(values, [-1]))
    return _table(operation, row, flat, size(values, 0) if rows else None, _number(count), weights)


def ragged_bincount(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`RaggedBincount`: the rows are given by their splits."""
    splits, values, count, weights = inputs
    row = row_of_each(splits, size(values, 0))
    return _table(operation, row, values, size(splits, 0) - 1, _number(count), weights)


def sparse_bincount(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`SparseBincount`: the rows are the first column of the indices, where there are two."""
    indices, values, shape, count, weights = inputs
    if indices.shape[1] == 1:
        return _table(operation, 0, values, None, _number(count), weights)
    if indices.shape[1] != 2:
        raise Inapplicable("the rank of the sparse tensor is unknown")
    rows = tf.cast(shape[0], tf.int32)
    return _table(operation, tf.cast(indices[:, 0], tf.int32), values, rows, _number(count), weights)


def histogram(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`HistogramFixedWidth`: bins of equal width; what lies outside counts for the first or the last."""
    values, ends, bins = inputs
    count = _number(bins)
    step = (ends[1] - ends[0]) / tf.cast(count, values.dtype)
    flat = tf.reshape(values, [-1])
    place = tf.cast(
        tf.minimum((tf.maximum(flat, ends[0]) - ends[0]) / step, tf.cast(count - 1, values.dtype)), tf.int32
    )
    ones = tf.ones_like(place, operation.outputs[0].dtype)
    return sum_as_scatter(ones, place, count)


def sparse_counts(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`DenseCountSparseOutput`, `RaggedCountSparseOutput`, `SparseCountSparseOutput`: the counts that aren't 0."""
    *given, weights = inputs
    if operation.type == "DenseCountSparseOutput":
        values = given[0]
        rows: Size | None = size(values, 0) if rank(values) == 2 else None
        row, flat = _rows_of_matrix(values) if rows is not None else (0, values)
    elif operation.type == "RaggedCountSparseOutput":
        splits, flat = given
        row, rows = row_of_each(splits, size(flat, 0)), size(splits, 0) - 1
    else:
        indices, flat, shape = given
        two = indices.shape[1] == 2
        if not two and indices.shape[1] != 1:
            raise Inapplicable("the rank of the sparse tensor is unknown")
        row, rows = (tf.cast(indices[:, 0], tf.int32), tf.cast(shape[0], tf.int32)) if two else (0, None)
    count = _count(operation, flat)
    seen = _sums(row, flat, rows, count, tf.ones_like(flat, tf.int32))
    places = tf.where(tf.greater(seen, 0))
    sums = _table(operation, row, flat, rows, count, weights)
    shape = tf.stack([count] if rows is None else [rows, count])
    return [places, tf.gather_nd(sums, places), tf.cast(shape, tf.int64)]


def _count(operation: Operation, flat: Tensor) -> Size:
    """Return how many values are counted: as the attributes say, else up to the largest one seen."""
    most, least = attribute(operation, "maxlength"), attribute(operation, "minlength")
    if most >= 0:
        return int(most)
    seen = tf.reduce_max(tf.concat([tf.cast(flat, tf.int32), [-1]], axis=0)) + 1
    return largest(seen, max(int(least), 0))


def _rows_of_matrix(values: Tensor) -> tuple[Tensor, Tensor]:
    """Return the row of each element and the elements, both flat."""
    row = tf.range(size(values, 0))[:, None] + tf.zeros_like(values, tf.int32)
    return tf.reshape(row, [-1]), tf.reshape(values, [-1])


def _number(tensor: Tensor) -> Size:
    known = value_of(tensor)
    return tf.reshape(tf.cast(tensor, tf.int32), []) if known is None else int(known)


def _table(operation: Operation, row: Tensor, flat: Tensor, rows: Size | None, count: Size, weights: Tensor) -> Tensor:
    """Return the counts `[rows, count]` (or `[count]`), in the dtype of the weights."""
    if weights.shape.rank is None:
        raise Inapplicable("whether there are weights is known only when the model runs")
    dtype = weights.dtype
    binary = attribute(operation, "binary_output", False)
    weighed = weights.shape.num_elements() != 0 and not binary
    made = _sums(row, flat, rows, count, tf.reshape(weights, [-1]) if weighed else tf.ones_like(flat, dtype))
    return tf.cast(tf.greater(made, tf.zeros_like(made)), dtype) if binary else made


def _sums(row: Tensor, flat: Tensor, rows: Size | None, count: Size, weights: Tensor) -> Tensor:
    """Add each weight at its row and value; values from `count` on aren't counted."""
    values = tf.cast(flat, tf.int32)
    places = tf.where(tf.less(values, count), row * count + values, tf.zeros_like(values) - 1)
    made = sum_as_scatter(weights, places, count if rows is None else rows * count)
    return made if rows is None else reshaped(made, [rows, count])


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "bincount-as-scatter": (("Bincount", "DenseBincount"), bincount),
    "ragged-bincount-as-scatter": (("RaggedBincount",), ragged_bincount),
    "sparse-bincount-as-scatter": (("SparseBincount",), sparse_bincount),
    "histogram-as-scatter": (("HistogramFixedWidth",), histogram),
    "sparse-counts-as-scatter": (
        ("DenseCountSparseOutput", "RaggedCountSparseOutput", "SparseCountSparseOutput"),
        sparse_counts,
    ),
}
"""Rule → the ops that it is about, and what they become."""
