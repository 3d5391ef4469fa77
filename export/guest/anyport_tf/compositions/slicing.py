"""Taking tensors apart by slices of one kind only: no ellipsis, no new axes, equal parts as slices; one axis at a time."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..rules import Inapplicable, attribute
from .indexing import MASKS
from .shapes import Size, rank, size

Operation = Any
Tensor = Any


def plain_strided_slice(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`StridedSlice` without ellipsis and new axes: an entry for each axis, and the new axes by a reshape."""
    value, begin, end, strides = inputs
    masks = {name: int(attribute(operation, name)) for name in MASKS}
    if not masks["ellipsis_mask"] and not masks["new_axis_mask"]:
        raise Inapplicable("there is nothing to take out")
    entries = begin.shape[0]
    if entries is None:
        raise Inapplicable("the number of its entries isn't known")

    def has(mask: str, entry: int) -> bool:
        return bool(masks[mask] >> entry & 1)

    taking = sum(not has("ellipsis_mask", e) and not has("new_axis_mask", e) for e in range(entries))
    order: list[int | None] = []
    """For each axis, the entry that is about it; None where all of it is taken."""
    added: list[int] = []
    """Where the result has new axes."""
    axes = 0
    for entry in range(entries):
        if has("ellipsis_mask", entry):
            order += [None] * (rank(value) - taking)
            axes += rank(value) - taking
        elif has("new_axis_mask", entry):
            added.append(axes)
            axes += 1
        else:
            order.append(entry)
            axes += not has("shrink_axis_mask", entry)
    sliced = _sliced(value, (begin, end, strides), order, masks) if any(e is not None for e in order) else value
    for axis in added:
        sliced = tf.expand_dims(sliced, axis)
    return tf.identity(sliced)


def _sliced(value: Tensor, bounds: Sequence[Tensor], order: Sequence[int | None], masks: Mapping[str, int]) -> Tensor:
    begin, end, strides = (_ordered(vector, order, blank) for vector, blank in zip(bounds, (0, 0, 1), strict=True))
    new = dict.fromkeys(MASKS, 0)
    for axis, entry in enumerate(order):
        for name in ("begin_mask", "end_mask"):
            new[name] |= (1 if entry is None else masks[name] >> entry & 1) << axis
        new["shrink_axis_mask"] |= (0 if entry is None else masks["shrink_axis_mask"] >> entry & 1) << axis
    return tf.strided_slice(value, begin, end, strides, **new)


def _ordered(vector: Tensor, order: Sequence[int | None], blank: int) -> Any:
    """Return the elements of a vector in this order, as a constant where they are."""
    known = tf.get_static_value(vector)
    if known is not None:
        return np.array([blank if entry is None else known[entry] for entry in order], known.dtype)
    blanks = tf.constant([blank], vector.dtype)
    return tf.concat([blanks if entry is None else vector[entry : entry + 1] for entry in order], 0)


def unpack_as_slices(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`Unpack` as a slice for each part."""
    (value,) = inputs
    axis = int(attribute(operation, "axis")) % rank(value)
    return [_part(value, axis, index, 1, shrink=True) for index in range(int(attribute(operation, "num")))]


def split_as_slices(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`Split` and `SplitV` as a slice for each part."""
    several = operation.type == "SplitV"
    value, axis = (inputs[0], inputs[2]) if several else (inputs[1], inputs[0])
    known = tf.get_static_value(axis)
    if known is None:
        raise Inapplicable("its axis isn't constant")
    along = int(known) % rank(value)
    lengths = (
        _lengths(inputs[1], size(value, along))
        if several
        else [size(value, along) // len(operation.outputs)] * len(operation.outputs)
    )
    parts, start = [], 0
    for length in lengths:
        parts.append(_part(value, along, start, length))
        start = start + length
    return parts


def _lengths(vector: Tensor, total: Size) -> list[Size]:
    """Return the sizes of the parts; one of -1 is what the others leave."""
    known = tf.get_static_value(vector)
    if known is None:
        return [tf.cast(vector[index], tf.int32) for index in range(int(vector.shape[0]))]
    rest = sum(int(length) for length in known if length >= 0)
    return [total - rest if length < 0 else int(length) for length in known]


def _part(value: Tensor, axis: int, start: Size, length: Size, shrink: bool = False) -> Tensor:
    """Return `value[..., start : start + length, ...]`, without the axis if `shrink`."""
    count = axis + 1
    begin = [0] * axis + [start]
    end = [0] * axis + [start + length]
    others = (1 << axis) - 1
    return tf.strided_slice(
        value,
        _vector(begin),
        _vector(end),
        [1] * count,
        begin_mask=others,
        end_mask=others,
        shrink_axis_mask=(1 << axis) if shrink else 0,
    )


def _vector(numbers: Sequence[Size]) -> Any:
    return list(numbers) if all(isinstance(number, int) for number in numbers) else tf.stack(numbers)


def reverse_one_by_one(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`ReverseV2` of several axes, one after the other; of none, nothing."""
    value, axes = inputs[0], tf.get_static_value(inputs[1])
    if axes is None or len(axes) == 1:
        raise Inapplicable("its axes aren't constant, or there is but one")
    for axis in axes:
        value = tf.reverse(value, [int(axis)])
    return value


def roll(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`Roll` as two slices the other way around, for each axis."""
    value, shifts, axes = inputs[0], tf.reshape(inputs[1], [-1]), tf.get_static_value(inputs[2])
    if axes is None:
        raise Inapplicable("its axes aren't constant")
    known = tf.get_static_value(shifts)
    for place, axis in enumerate(np.reshape(axes, [-1])):
        along = int(axis) % rank(value)
        length = size(value, along)
        shift = int(known[place]) if known is not None else tf.cast(shifts[place], tf.int32)
        if isinstance(shift, int) and isinstance(length, int):
            first = -shift % length if length else 0
        else:
            first = tf.math.floormod(tf.negative(shift), tf.maximum(length, 1))
        value = tf.concat([_part(value, along, first, length - first), _part(value, along, 0, first)], along)
    return value


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "strided-slice-without-new-axes": (("StridedSlice",), plain_strided_slice),
    "unpack-as-slices": (("Unpack",), unpack_as_slices),
    "split-as-slices": (("Split", "SplitV"), split_as_slices),
    "reverse-one-axis-at-a-time": (("ReverseV2",), reverse_one_by_one),
    "roll-as-concat": (("Roll",), roll),
}
"""Rule → the ops that it is about, and what they become."""
