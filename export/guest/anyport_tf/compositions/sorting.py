"""Order, membership and search: sorted by `TopKV2`, or by comparing every element with every other.

Comparing all with all takes memory for n² booleans, which is the price of one op instead of a loop; results whose size
the data decide (`Unique`, `ListDiff`) are gathered at the places that `Where` finds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..rules import Inapplicable, attribute, value_of
from .shapes import Size, fixed, product, rank, reshaped, size, sizes

Operation = Any
Tensor = Any


def top_k_of_all(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`TopKV2` whose k is known only when the model runs: the first of the whole order, whose length is fixed."""
    x, k = inputs
    if value_of(k) is not None:
        raise Inapplicable("its k is constant")
    values, indices = tf.math.top_k(x, fixed(x, -1))
    count = tf.cast(k, tf.int32)
    return [values[..., :count], tf.cast(indices[..., :count], operation.outputs[1].dtype)]


def top_k_as_ranks(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`TopKV2` of any ordered dtype: an element's place is the number of those that come before it."""
    x, *given = inputs
    k = given[0] if given else attribute(operation, "k")
    x = tf.cast(x, tf.int32) if x.dtype in (tf.bool, tf.uint8, tf.int8, tf.int16, tf.uint16) else x
    number = value_of(tf.convert_to_tensor(k))
    count: Size = tf.cast(k, tf.int32) if number is None else int(number)
    positions = tf.range(size(x, -1))
    mine, other = x[..., :, None], x[..., None, :]
    earlier = tf.logical_and(tf.equal(other, mine), tf.less(positions[None], positions[:, None]))
    before = tf.logical_or(tf.greater(other, mine), earlier)
    places = tf.reduce_sum(tf.cast(before, tf.int32), axis=-1)
    there = tf.equal(places[..., None, :], tf.range(count)[:, None])
    indices = tf.reduce_sum(tf.where(there, positions, tf.zeros_like(positions)), axis=-1)
    values = tf.reduce_sum(tf.where(there, other, tf.zeros_like(other)), axis=-1)
    return [tf.cast(values, inputs[0].dtype), tf.cast(indices, operation.outputs[1].dtype)]


def nth_element(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`NthElement`: that element of the order, which for the smallest ones is that of the negated."""
    x, n = inputs
    number = value_of(n)
    count: Size = size(x, -1) if number is None else int(number) + 1
    flipped = not attribute(operation, "reverse")
    ordered = tf.math.top_k(_negated(x) if flipped else x, count).values
    found = tf.gather(ordered, n, axis=-1)
    return _negated(found) if flipped else found


def _negated(x: Tensor) -> Tensor:
    """Return what orders the other way round; −1 − x can't overflow."""
    return -x if x.dtype.is_floating else -1 - x


def in_top_k(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`InTopK`: fewer than k classes are more probable; none if a number isn't finite or the class doesn't exist."""
    predictions, targets, *given = inputs
    k = tf.cast(given[0], tf.int32) if given else attribute(operation, "k")
    targets = tf.cast(targets, tf.int32)
    classes = tf.range(size(predictions, 1))
    mine = tf.equal(classes[None], targets[:, None])
    finite = tf.less(tf.abs(predictions), tf.constant(np.inf, predictions.dtype))
    usable = tf.logical_and(tf.reduce_any(mine, axis=1), tf.reduce_all(finite, axis=1))
    clean = tf.where(finite, predictions, tf.zeros_like(predictions))
    score = tf.reduce_sum(tf.where(mine, clean, tf.zeros_like(clean)), axis=1, keepdims=True)
    better = tf.reduce_sum(tf.cast(tf.greater(clean, score), tf.int32), axis=1)
    return tf.logical_and(usable, tf.less(better, k))


def unique(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`Unique`, `UniqueV2` and those with counts: in the order of first appearance, along one axis."""
    x = inputs[0]
    axis = _unique_axis(inputs)
    same = _same(x, axis)
    positions = tf.range(size(x, axis))
    first = tf.reduce_min(tf.where(same, positions[None], tf.fill(tf.shape(positions), tf.int32.max)[None]), axis=1)
    is_first = tf.equal(first, positions)
    numbers = tf.cumsum(tf.cast(is_first, tf.int32)) - 1
    places = tf.where(is_first)[:, 0]
    made = [tf.gather(x, places, axis=axis), tf.gather(numbers, first)]
    if len(operation.outputs) > 2:
        made.append(tf.gather(tf.reduce_sum(tf.cast(same, tf.int32), axis=1), places))
    return [made[0], *(tf.cast(new, old.dtype) for new, old in zip(made[1:], operation.outputs[1:], strict=True))]


def _unique_axis(inputs: Sequence[Tensor]) -> int:
    if len(inputs) == 1:
        return 0
    axis = value_of(inputs[1])
    if axis is None:
        raise Inapplicable("an axis that is known only when the model runs")
    return int(axis.reshape(-1)[0]) % rank(inputs[0]) if axis.size else 0


def _same(x: Tensor, axis: int) -> Tensor:
    """Return whether elements along an axis are equal `[n, n]`; each is itself, NaN too."""
    order = [axis, *(other for other in range(rank(x)) if other != axis)]
    rows = tf.transpose(x, order) if axis else x
    if rank(x) > 1:
        shape = sizes(rows)
        rows = reshaped(rows, [shape[0], product(shape[1:])])
        same = tf.reduce_all(tf.equal(rows[:, None], rows[None]), axis=-1)
    else:
        same = tf.equal(rows[:, None], rows[None])
    if not x.dtype.is_floating:
        return same
    positions = tf.range(size(rows, 0))
    return tf.logical_or(same, tf.equal(positions[:, None], positions[None]))


def where(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`Where` (of one input) as a scatter: each element that isn't 0 has its number among them for a place."""
    x = inputs[0]
    shape = sizes(x)
    flat = tf.reshape(x if x.dtype == tf.bool else tf.not_equal(x, tf.zeros_like(x)), [-1])
    hits = tf.cast(flat, tf.int32)
    total = tf.reduce_sum(hits)
    places = tf.where(flat, tf.cumsum(hits) - 1, tf.zeros_like(hits) + total)
    found = tf.scatter_nd(places[:, None], tf.range(size(flat, 0)), tf.stack([total + 1]))[:total]
    columns: list[Tensor] = []
    for number in reversed(shape):
        columns.insert(0, found % number)
        found = found // number
    made = tf.stack(columns, axis=1) if columns else tf.zeros(tf.stack([total, 0]), tf.int32)
    return tf.cast(made, tf.int64)


def search_sorted(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`LowerBound` and `UpperBound`: how many of the sorted come before each value, or all but those behind it.

    Not the negation of a comparison: TensorFlow's optimizer turns ¬(a < b) into a ≥ b, which NaN tells apart.
    """
    ordered, values = inputs[0][:, None, :], inputs[1][:, :, None]
    dtype = operation.outputs[0].dtype
    if operation.type == "LowerBound":
        return tf.reduce_sum(tf.cast(tf.less(ordered, values), dtype), axis=-1)
    return tf.cast(size(inputs[0], 1), dtype) - tf.reduce_sum(tf.cast(tf.less(values, ordered), dtype), axis=-1)


def bucketize(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`Bucketize`: how many of the boundaries are not above each element; of NaN all."""
    x = inputs[0]
    dtype = tf.float64 if x.dtype == tf.float64 else tf.float32
    boundaries = attribute(operation, "boundaries")
    above = tf.less(tf.cast(x, dtype)[..., None], tf.constant(boundaries, dtype))
    return len(boundaries) - tf.reduce_sum(tf.cast(above, tf.int32), axis=-1)


def list_diff(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`ListDiff`: the elements of x that aren't in y, and where they stood."""
    x, y = inputs
    missing = tf.logical_not(tf.reduce_any(tf.equal(x[:, None], y[None]), axis=1))
    places = tf.where(missing)[:, 0]
    return [tf.gather(x, places), tf.cast(places, operation.outputs[1].dtype)]


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "top-k-of-all": (("TopKV2",), top_k_of_all),
    "top-k-as-ranks": (("TopKV2", "TopK"), top_k_as_ranks),
    "nth-element-as-top-k": (("NthElement",), nth_element),
    "in-top-k-as-comparison": (("InTopK", "InTopKV2"), in_top_k),
    "unique-as-comparison": (("Unique", "UniqueV2", "UniqueWithCounts", "UniqueWithCountsV2"), unique),
    "where-as-scatter": (("Where",), where),
    "search-sorted-as-comparison": (("LowerBound", "UpperBound"), search_sorted),
    "bucketize-as-comparison": (("Bucketize",), bucketize),
    "list-diff-as-comparison": (("ListDiff",), list_diff),
}
"""Rule → the ops that it is about, and what they become."""
