"""Floats of 8 bits that nobody computes with: cast to one and back, a number is rounded, and that float32 can do.

Of float8_e5m2 TensorFlow 2.21 can't even freeze a graph ("Converting f8E5M2 to DataType").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from ..rules import Inapplicable

Operation = Any
Tensor = Any


NARROW = tf.dtypes.experimental.float8_e4m3fn
DIGITS, SMALLEST, LARGEST = 4, 2.0**-6, 448.0
"""Binary digits of a number; the smallest that has them all, below which the step stays; the largest: beyond it is NaN
(https://arxiv.org/abs/2209.05433, table 1)."""


def rounded_to_float8(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`Cast` from a float of 8 bits that was cast from another just before: the other, rounded."""
    if inputs[0].dtype != NARROW or inputs[0].op.type != "Cast":
        raise Inapplicable("it doesn't come back from 8 bits")
    x = tf.cast(inputs[0].op.inputs[0], tf.float32)
    return tf.cast(_rounded(x), operation.outputs[0].dtype)


def _rounded(x: Tensor) -> Tensor:
    """Return float32 numbers with so many digits: the high part that Dekker's product splits off."""
    product = (2.0 ** (24 - DIGITS) + 1) * x
    high = product - (product - x)
    step = SMALLEST * 2.0 ** (1 - DIGITS)
    made = tf.where(tf.abs(x) < SMALLEST, tf.round(x / step) * step, high)
    return tf.where(tf.abs(made) > LARGEST, float("nan"), made)


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "float8-as-rounding": (("Cast",), rounded_to_float8),
}
"""Rule → the ops that it is about, and what they become."""
