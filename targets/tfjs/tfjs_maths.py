"""Arithmetic that TF.js' wasm backend gets wrong, by other arithmetic: integers beyond 24 bits, NaN, narrow dtypes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.dtypes.experimental import float8_e4m3fn
from tfjs_marks import again, cast, is_marked
from tfjs_ranges import Ranges, is_small

from anyport_tf.compositions.shapes import product, rank, size
from anyport_tf.rules import Inapplicable, attribute, value_of

Operation = Any
Tensor = Any


def same(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """The input itself."""
    return tf.identity(inputs[0])


# Integers of 32 bits.


def absolute(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    return tf.maximum(inputs[0], tf.zeros([], inputs[0].dtype) - inputs[0])


def negated(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    return tf.zeros([], inputs[0].dtype) - inputs[0]


def is_large_quotient(operation: Operation) -> bool:
    """Whether an integer division has operands that float32 may not hold."""
    return operation.inputs[0].dtype.is_integer and not all(is_small(item) for item in operation.inputs)


def floor_quotient(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """A float's quotient, rounded, that of its rest, and one less where the rest then has the other sign.

    The first is off by less than 2⁻²³ of the dividend, so that the second is exact; sums and products wrap, and so end
    where they should even if a step between them doesn't fit.
    """
    a, b = (tf.cast(item, tf.int32) for item in inputs)
    divisor = tf.cast(b, tf.float32)
    quotient = tf.cast(tf.round(tf.cast(a, tf.float32) / divisor), tf.int32)
    rest = a - quotient * b
    step = tf.cast(tf.round(tf.cast(rest, tf.float32) / divisor), tf.int32)
    quotient, rest = quotient + step, rest - step * b
    beyond = tf.logical_and(tf.not_equal(rest, 0), tf.not_equal(rest < 0, b < 0))
    return tf.cast(quotient - tf.cast(beyond, tf.int32), inputs[0].dtype)


def truncated_quotient(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """A float's quotient, rounded towards 0."""
    quotient = inputs[0] / inputs[1]
    return tf.where(quotient < 0, tf.math.ceil(quotient), tf.floor(quotient))


def integer_mean(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """The sum, divided towards 0 by the number of elements."""
    x, axes = inputs[0], value_of(inputs[1])
    if axes is None:
        raise Inapplicable("its axes aren't constant")
    total = tf.reduce_sum(x, axes, keepdims=attribute(operation, "keep_dims"))
    count = product([size(x, int(axis) % rank(x)) for axis in axes.reshape(-1)])
    return tf.truncatediv(total, tf.cast(count, x.dtype))


def fits_32_bits(operation: Operation) -> bool:
    """Whether int32 holds all that goes in and comes out."""
    beyond = (tf.int64, tf.uint64, tf.float64, tf.uint32)
    return not any(tensor.dtype in beyond for tensor in (*operation.inputs, *operation.outputs))


# NaN and signs.


def not_a_number(tensor: Tensor) -> Tensor:
    return tf.not_equal(tensor, tensor)


def may_be_nan(operation: Operation) -> bool:
    """Whether the second operand of a float maximum or minimum can be NaN, which wasm then takes for a number."""
    second = value_of(operation.inputs[1])
    unknown = second is None or bool((second != second).any())
    return unknown and operation.inputs[0].dtype.is_floating and not is_marked(operation)


def extreme(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`Maximum` or `Minimum` with the operand second that is a number; where both are data, NaN is put back."""
    a, b = inputs
    first = value_of(a)
    if first is not None and not bool((first != first).any()):
        return again(operation, [b, a])
    return tf.where(not_a_number(b), b, again(operation, [a, b]))


# Narrow dtypes, which TF.js holds in 32 bits.

NARROW = (tf.int8, tf.uint8, tf.int16, tf.uint16)

WRAPPING = (
    "Add", "AddV2", "Sub", "Mul", "Neg", "Abs", "Square", "SquaredDifference", "AddN", "Sum", "Prod", "Cumsum", "Cumprod", "Pow",
    "FloorDiv", "TruncateDiv", "Div",
)  # fmt: skip
"""Ops whose result may lie beyond the dtype of their operands."""


def is_narrow(operation: Operation) -> bool:
    """Whether an operation on narrow integers may leave their range."""
    made = operation.outputs[0]
    if made.dtype not in NARROW:
        return False
    low, high = Ranges({}).wide(made)
    return bool(low < made.dtype.min or high > made.dtype.max)


def in_32_bits(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """The same on int32, cut back to the narrow dtype."""
    dtype = operation.outputs[0].dtype
    wide = [tf.cast(item, tf.int32) if item.dtype == dtype else item for item in inputs]
    attrs = {name: value for name, value in operation.node_def.attr.items() if not name.startswith("_")}
    attrs["T"] = tf.compat.v1.AttrValue(type=tf.int32.as_datatype_enum)
    made = tf.compat.v1.get_default_graph().create_op(operation.type, wide, [tf.int32], attrs=attrs)
    return tf.cast(made.outputs[0], dtype)


def cuts(operation: Operation) -> bool:
    """Whether a cast must cut numbers to fit a narrow dtype."""
    source, dtype = operation.inputs[0], operation.outputs[0].dtype
    if dtype not in NARROW or source.dtype == tf.bool or is_marked(operation):
        return False
    if not source.dtype.is_integer:
        return not _is_within(source, dtype)
    low, high = Ranges({}).of(source)
    return bool(low < dtype.min or high > dtype.max)


def _is_within(source: Tensor, dtype: Any) -> bool:
    """Whether floats were clamped to the dtype's range before (`tf.saturate_cast`)."""
    bounds = []
    for _ in range(2):
        if source.op.type not in ("Maximum", "Minimum"):
            return False
        known = [value for item in source.op.inputs if (value := value_of(item)) is not None and value.size == 1]
        if not known:
            return False
        bounds.append((source.op.type, float(known[0].reshape(-1)[0])))
        source = next((item for item in source.op.inputs if value_of(item) is None), source.op.inputs[0])
    found = dict(bounds)
    above, below = found.get("Maximum", float("-inf")), found.get("Minimum", float("inf"))
    return bool(above >= dtype.min and below <= dtype.max)


def cut(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """The number's rest in the range of the narrow dtype."""
    dtype = operation.outputs[0].dtype
    value = tf.cast(inputs[0], tf.int32)
    count, low = 2 ** (8 * dtype.size), int(dtype.min)
    value = tf.math.floormod(value - low, count) + low if low else tf.math.floormod(value, count)
    return cast(value, dtype)


@dataclasses.dataclass(frozen=True)
class Half:
    """A float of less than 32 bits, as numbers of float32."""

    splitter: float
    """What splits off the bits that it doesn't hold (Dekker, 1971): 2^(24 - bits of the significand) + 1."""
    normal: float
    """The smallest number that isn't subnormal."""
    steady: float
    """Where float32's step is that of its subnormals."""
    limit: float
    """The smallest number that is rounded beyond its largest."""
    beyond: float = float("inf")
    """What is beyond its largest."""


HALVES = {
    tf.float16: Half(2.0**13 + 1, 2.0**-14, 0.75, 65520.0),
    tf.bfloat16: Half(2.0**16 + 1, 0.0, 0.0, 2.0**100),
    float8_e4m3fn: Half(2.0**20 + 1, 2.0**-6, 0.75 * 2**15, np.nextafter(np.float32(464), 465), float("nan")),
}


def rounds(operation: Operation) -> bool:
    """Whether a cast loses bits that TF.js, which has one float, would keep."""
    source, dtype = operation.inputs[0].dtype, operation.outputs[0].dtype
    return (
        dtype in HALVES
        and source != dtype
        and source.is_floating
        and source.size >= dtype.size
        and not is_marked(operation)
    )


def rounded(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """The nearest number of the narrow dtype: its upper bits, its subnormals, its infinity."""
    dtype = operation.outputs[0].dtype
    half = HALVES[dtype]
    x = tf.cast(inputs[0], tf.float32)
    wide = x * half.splitter
    made = wide - (wide - x)
    if half.normal:
        made = tf.where(tf.abs(x) < half.normal, (x + half.steady) - half.steady, made)
    # As large as float32 itself, bfloat16 keeps what can't be split.
    made = tf.where(tf.abs(x) < half.limit, made, x * half.beyond if half.normal else x)
    return cast(made, dtype)


# Others.


def erfc(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    return 1 - tf.math.erf(inputs[0])


def to_bool(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    return tf.not_equal(inputs[0], tf.zeros([], inputs[0].dtype))


def reverse(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """The same on integers."""
    return tf.not_equal(tf.reverse(tf.cast(inputs[0], tf.int32), inputs[1]), 0)


def axis_from_front(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """The same along the same axis, counted from the first."""
    accumulate = tf.cumsum if operation.type == "Cumsum" else tf.math.cumprod
    axis = int(tf.get_static_value(inputs[1])) + rank(inputs[0])
    return accumulate(inputs[0], axis, attribute(operation, "exclusive"), attribute(operation, "reverse"))
