"""Running sums and products along an axis, by doubling: after the step s, each element holds what the 2·s before it make.

⌈log₂ n⌉ steps of a shift and one operation each, which keeps infinities where they are (a triangular matrix would spread
them) and integers exact.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..rules import Inapplicable, attribute, value_of
from .shapes import Size, padded, rank, size, smallest

Operation = Any
Tensor = Any
Combine = Callable[[Tensor, Tensor], Tensor]

MOST_STEPS = 24
"""Steps where the axis' size is known only when the model runs: enough for 16 million elements in a row."""


def cumsum(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`Cumsum`, of any dtype."""
    return _scanned(operation, inputs, tf.add, 0)


def cumprod(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`Cumprod`, of any dtype."""
    return _scanned(operation, inputs, tf.multiply, 1)


def cumulative_logsumexp(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`CumulativeLogsumexp`; of nothing it is −∞."""
    return _scanned(operation, inputs, _logaddexp, -np.inf)


def _logaddexp(a: Tensor, b: Tensor) -> Tensor:
    """Return log(eᵃ + eᵇ); the smaller one's part is 0 where it is −∞, so that ∞ − ∞ is never taken."""
    larger, smaller = tf.maximum(a, b), tf.minimum(a, b)
    same = tf.equal(larger, smaller)
    apart = tf.where(same, tf.zeros_like(larger), smaller - tf.where(same, tf.zeros_like(larger), larger))
    return larger + tf.math.log1p(tf.exp(apart))


def _scanned(operation: Operation, inputs: Sequence[Tensor], combine: Combine, identity: Any) -> Tensor:
    x, axis = inputs[0], value_of(inputs[1])
    if axis is None:
        raise Inapplicable("an axis that is known only when the model runs")
    backwards = bool(attribute(operation, "reverse"))
    place = int(axis) % rank(x)
    made = scan(x, place, combine, identity, backwards=backwards)
    return shifted(made, place, 1, identity, backwards) if attribute(operation, "exclusive") else made


def scan(x: Tensor, axis: int, combine: Combine, identity: Any, *, backwards: bool = False) -> Tensor:
    """Return what `combine` makes of each element and all before it (after it, if `backwards`)."""
    length = size(x, axis)
    steps = (length - 1).bit_length() if isinstance(length, int) else MOST_STEPS
    for step in range(max(steps, 0)):
        x = combine(x, shifted(x, axis, smallest(1 << step, length), identity, backwards))
    return x


def shifted(x: Tensor, axis: int, by: Size, identity: Any, backwards: bool) -> Tensor:
    """Return `x` moved along an axis, its shape kept, what moves in filled with `identity`."""
    length = size(x, axis)
    paddings: list[tuple[Size, Size]] = [(0, 0)] * rank(x)
    paddings[axis] = (0, by) if backwards else (by, 0)
    wide = padded(x, paddings, identity)
    cut = slice(by, None) if backwards else slice(None, length)
    made = wide[tuple([slice(None)] * axis + [cut])]
    return tf.ensure_shape(made, x.shape) if not made.shape.is_compatible_with(x.shape) else made


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "cumsum-as-doubling": (("Cumsum",), cumsum),
    "cumprod-as-doubling": (("Cumprod",), cumprod),
    "cumulative-logsumexp-as-doubling": (("CumulativeLogsumexp",), cumulative_logsumexp),
}
"""Rule → the ops that it is about, and what they become."""
