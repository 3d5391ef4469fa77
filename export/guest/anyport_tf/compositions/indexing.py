"""Choosing elements by position or by condition: gathers, slices with steps, one-hot, bands, selection among booleans."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..rules import Inapplicable, attribute
from .shapes import Size, fixed, product, rank, reshaped, size, sizes

Operation = Any
Tensor = Any

MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")


def batched_gather(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`GatherV2` with batch dimensions as one without: each index moved on by the entries of the batches before its own."""
    value, indices = inputs[0], inputs[1]
    axis = tf.get_static_value(inputs[2])
    batch, count = int(attribute(operation, "batch_dims")), rank(value)
    if axis is None or not batch:
        raise Inapplicable("the axis isn't constant" if batch else "it has no batch dimensions")
    batch, axis = batch + rank(indices) if batch < 0 else batch, int(axis) % count
    # The gathered axis moves to just behind the batch; what it jumped over comes back behind the gathered.
    value = _transposed(value, [*range(batch), axis, *range(batch, axis), *range(axis + 1, count)])
    lengths, wanted = sizes(value), sizes(indices)
    starts = tf.range(product(lengths[:batch])) * lengths[batch]
    starts = reshaped(starts, [*wanted[:batch], *[1] * (rank(indices) - batch)])
    flat = reshaped(value, [product(lengths[: batch + 1]), *lengths[batch + 1 :]])
    found = tf.gather(flat, tf.cast(indices, tf.int32) + starts)
    jumped, behind = axis - batch, range(rank(indices), rank(found))
    return _transposed(found, [*range(batch), *behind[:jumped], *range(batch, rank(indices)), *behind[jumped:]])


def one_hot(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`OneHot` as a comparison of each index with every class."""
    indices, depth, on, off = inputs
    axis = int(attribute(operation, "axis"))
    axis = rank(indices) if axis == -1 else axis
    # The classes along their own axis, the indices along all others.
    classes = tf.reshape(tf.range(depth), [-1] + [1] * (rank(indices) - axis))
    hot = tf.equal(tf.expand_dims(tf.cast(indices, tf.int32), axis), classes)
    return chosen(hot, on, off) if on.dtype == tf.bool else tf.where(hot, on, off)


def band_part(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`MatrixBandPart` as a comparison of rows with columns."""
    value, below, above = inputs[0], *(tf.cast(bound, tf.int32) for bound in inputs[1:])
    rows, columns = sizes(value)[-2:]
    distance = tf.range(rows)[:, tf.newaxis] - tf.range(columns)
    near = tf.logical_and(
        tf.logical_or(below < 0, distance <= below), tf.logical_or(above < 0, tf.negative(distance) <= above)
    )
    return tf.logical_and(near, value) if value.dtype == tf.bool else tf.where(near, value, tf.zeros([], value.dtype))


def select(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`Select` and `SelectV2` among booleans as logic."""
    which, yes, no = inputs
    return chosen(row_condition(operation, which, yes), yes, no)


def row_condition(operation: Operation, which: Tensor, yes: Tensor) -> Tensor:
    """Return the condition of a `Select` in a shape that broadcasts: the older op takes a vector to choose among rows."""
    if operation.type == "Select" and rank(which) == 1 and rank(yes) != 1:
        return tf.reshape(which, [-1] + [1] * (rank(yes) - 1))
    return which


def chosen(which: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    """Select among booleans."""
    return tf.logical_or(tf.logical_and(which, yes), tf.logical_and(tf.logical_not(which), no))


def reverse_as_gather(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`ReverseV2` as a gather along each of its axes."""
    value, axes = inputs[0], tf.get_static_value(inputs[1])
    if axes is None:
        raise Inapplicable("the axes aren't constant")
    for axis in sorted({int(axis) % rank(value) for axis in axes}):
        last = size(value, axis) - 1
        value = tf.gather(value, last - tf.range(last + 1), axis=axis)
    return value


def reverse_sequence(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`ReverseSequence` as a gather: in each row, the first elements from the last to the first, the others as they are."""
    value, lengths = inputs
    batch, along = (int(attribute(operation, name)) % rank(value) for name in ("batch_dim", "seq_dim"))
    order = [batch, along, *(axis for axis in range(rank(value)) if axis not in (batch, along))]
    rows = _transposed(value, order)
    places, ends = tf.range(size(rows, 1)), tf.cast(lengths, tf.int32)[:, tf.newaxis]
    places = tf.where(places < ends, ends - 1 - places, places + tf.zeros_like(ends))
    return _transposed(tf.gather(rows, places, batch_dims=1), [int(axis) for axis in np.argsort(order)])


def unravel_index(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`UnravelIndex` as remainders, from the last axis to the first: the places in each axis, one row for each."""
    index, lengths = inputs
    count = fixed(lengths, 0)
    places: list[Tensor] = []
    for axis in reversed(range(count)):
        whole = tf.math.floordiv(index, lengths[axis])
        places.insert(0, index - whole * lengths[axis])
        index = whole
    return tf.stack(places)


def strided_slice_as_gather(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`StridedSlice` with steps as one without, and a gather along each axis that had one.  Steps must be constant."""
    value, begin, end, steps = inputs
    strides = tf.get_static_value(steps)
    if strides is None or (strides == 1).all():
        raise Inapplicable("the steps aren't constant" if strides is None else "it has no steps")
    masks = {name: int(attribute(operation, name)) for name in MASKS}
    stepped = [entry for entry in range(len(strides)) if strides[entry] != 1 and _has_range(masks, entry)]
    whole = sum(1 << entry for entry in stepped)
    masks_of_rest = {**masks, "begin_mask": masks["begin_mask"] | whole, "end_mask": masks["end_mask"] | whole}
    sliced = tf.strided_slice(value, begin, end, np.ones_like(strides), **masks_of_rest)
    for entry in stepped:
        axis = _axis_of_entry(entry, len(strides), masks, rank(value))
        first = None if masks["begin_mask"] >> entry & 1 else _bound(begin, entry)
        last = None if masks["end_mask"] >> entry & 1 else _bound(end, entry)
        sliced = tf.gather(sliced, _positions(size(sliced, axis), first, last, int(strides[entry])), axis=axis)
    return sliced


def _has_range(masks: dict[str, int], entry: int) -> bool:
    """Whether an entry of a slice's specification takes a range of an axis (not one element, a new axis or an ellipsis)."""
    return not any(masks[name] >> entry & 1 for name in ("ellipsis_mask", "new_axis_mask", "shrink_axis_mask"))


def _bound(bounds: Tensor, entry: int) -> Size:
    known = tf.get_static_value(bounds, partial=True)
    if known is not None and known[entry] is not None:
        return int(known[entry])
    return tf.cast(bounds[entry], tf.int32)


def _positions(length: Size, first: Size | None, last: Size | None, step: int) -> Any:
    """Return the indices `first:last:step` of an axis, bounds counted and clamped as Python does."""
    if all(bound is None or isinstance(bound, int) for bound in (first, last)) and isinstance(length, int):
        return np.arange(length, dtype=np.int32)[first:last:step]
    lowest, highest = (0, length) if step > 0 else (-1, length - 1)

    def clamped(bound: Size) -> Tensor:
        bound = tf.where(tf.less(bound, 0), bound + length, bound)
        return tf.clip_by_value(bound, lowest, highest)

    start = (lowest if step > 0 else highest) if first is None else clamped(first)
    stop = (highest if step > 0 else lowest) if last is None else clamped(last)
    # tf.range refuses bounds in the wrong order, where a slice is empty.
    stop = tf.maximum(start, stop) if step > 0 else tf.minimum(start, stop)
    return tf.range(start, stop, step)


def _axis_of_entry(entry: int, entries: int, masks: dict[str, int], axes: int) -> int:
    """Return the axis of a slice's result that one entry of its specification is about."""

    def has(mask: str, index: int) -> bool:
        return bool(masks[mask] >> index & 1)

    axis = sum(not has("shrink_axis_mask", index) or has("new_axis_mask", index) for index in range(entry))
    if any(has("ellipsis_mask", index) for index in range(entry)):
        consumed = sum(not has("new_axis_mask", index) and not has("ellipsis_mask", index) for index in range(entries))
        axis += axes - consumed - 1
    return axis


def _transposed(tensor: Tensor, order: Sequence[int]) -> Tensor:
    return tensor if list(order) == list(range(len(order))) else tf.transpose(tensor, order)


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "batched-gather-as-gather": (("GatherV2",), batched_gather),
    "one-hot-as-equal": (("OneHot",), one_hot),
    "band-part-as-where": (("MatrixBandPart",), band_part),
    "bool-select-as-logic": (("Select", "SelectV2"), select),
    "reverse-as-gather": (("ReverseV2",), reverse_as_gather),
    "reverse-sequence-as-gather": (("ReverseSequence",), reverse_sequence),
    "unravel-index-as-remainders": (("UnravelIndex",), unravel_index),
    "strided-slice-as-gather": (("StridedSlice",), strided_slice_as_gather),
}
"""Rule → the ops that it is about, and what they become."""
