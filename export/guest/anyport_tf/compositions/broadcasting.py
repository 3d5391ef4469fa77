"""Operations on each element over fewer axes: what kernels that broadcast over a few axes only need for more.

Neighbouring axes along which the same operands are spread become one.  Where too many are left, every operand is spread to
the result's shape beforehand, and all axes become one.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from .shapes import Size, again, largest, product, rank, reshaped, sizes

Operation = Any
Tensor = Any

ONE, MANY, UNKNOWN = "one", "many", "unknown"


def fewer_axes(most: int) -> Callable[[Operation, Sequence[Tensor]], list[Tensor]]:
    """Return the composition that makes the operation over at most so many axes."""

    def composition(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
        count = max(rank(tensor) for tensor in inputs)
        if not count:
            return again(operation, inputs)
        lengths = [[1] * (count - rank(tensor)) + sizes(tensor) for tensor in inputs]
        shape = [functools.reduce(_joined, axis) for axis in zip(*lengths, strict=True)]
        groups = _groups(lengths)
        if len(groups) <= most:
            given = [reshaped(tensor, _merged(own, groups)) for tensor, own in zip(inputs, lengths, strict=True)]
        else:
            whole = _vector(shape)
            given = [tf.reshape(tf.broadcast_to(tensor, whole), [-1]) for tensor in inputs]
        return [reshaped(tensor, shape) for tensor in again(operation, given)]

    return composition


def _joined(a: Size, b: Size) -> Size:
    """Return the size of an axis of the result."""
    if isinstance(a, int) and isinstance(b, int):
        return b if a == 1 else a
    if isinstance(a, int) or isinstance(b, int):
        known, other = (a, b) if isinstance(a, int) else (b, a)
        return other if known == 1 else known
    return largest(a, b)


def _groups(lengths: Sequence[Sequence[Size]]) -> list[list[int]]:
    """Return the axes that can be one: neighbours, each operand spread along all of them or along none."""
    groups: list[list[int]] = []
    last: tuple[str, ...] = ()
    for axis, own in enumerate(zip(*lengths, strict=True)):
        kinds = _kinds(own)
        # An axis along which nobody has more than one element goes with any other.
        nothing, before = set(kinds) == {ONE}, set(last) == {ONE}
        if groups and UNKNOWN not in {*kinds, *last} and (kinds == last or nothing or before):
            groups[-1].append(axis)
        else:
            groups.append([axis])
        last = last if nothing and groups[-1] != [axis] else kinds
    return groups


def _kinds(own: Sequence[Size]) -> tuple[str, ...]:
    """Tell for each operand whether it has one element along an axis; UNKNOWN where two might have or not."""
    known = [size for size in own if isinstance(size, int)]
    open_sizes = len(own) - len(known)
    if open_sizes > 1 or (open_sizes and any(size != 1 for size in known)):
        return (UNKNOWN,) * len(own)
    return tuple(ONE if size == 1 and isinstance(size, int) else MANY for size in own)


def _merged(own: Sequence[Size], groups: Sequence[Sequence[int]]) -> list[Size]:
    return [product([own[axis] for axis in group]) for group in groups]


def _vector(shape: Sequence[Size]) -> Any:
    return list(shape) if all(isinstance(number, int) for number in shape) else tf.stack(shape)
