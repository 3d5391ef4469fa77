"""Arithmetic on each element, with the edges as TensorFlow defines them: division by 0, signs of remainders, halves, NaN.

Formulas on floats and on integers of 32 bits; what an op does only with floats, its composition does only with floats.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..rules import Inapplicable, attribute, value_of
from .elementary import log1p, sigmoid

Operation = Any
Tensor = Any
Composition = Callable[[Operation, Sequence[Tensor]], Tensor]


def of(function: Callable[..., Tensor]) -> Composition:
    """Return a function of tensors as a composition."""
    return lambda operation, inputs: function(*inputs)


def of_floats(function: Callable[..., Tensor]) -> Composition:
    """Return a function of float tensors as a composition."""

    def composition(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        if not inputs[0].dtype.is_floating:
            raise Inapplicable(f"its dtype is {inputs[0].dtype.name}")
        return function(*inputs)

    return composition


def of_integers(function: Callable[..., Tensor]) -> Composition:
    """Return a function of integer tensors as a composition."""

    def composition(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        if not inputs[0].dtype.is_integer:
            raise Inapplicable(f"its dtype is {inputs[0].dtype.name}")
        return function(*inputs)

    return composition


def zero(x: Tensor) -> Tensor:
    return tf.zeros([], x.dtype)


def one(x: Tensor) -> Tensor:
    return tf.ones([], x.dtype)


# Where 0 decides.


def xlogy(x: Tensor, y: Tensor) -> Tensor:
    return tf.where(tf.equal(x, 0), zero(x), x * tf.math.log(y))


def xlog1py(x: Tensor, y: Tensor) -> Tensor:
    return tf.where(tf.equal(x, 0), zero(x), x * log1p(y))


def xdivy(x: Tensor, y: Tensor) -> Tensor:
    return tf.where(tf.equal(x, 0), zero(x), x / y)


def div_no_nan(x: Tensor, y: Tensor) -> Tensor:
    return tf.where(tf.equal(y, 0), zero(x), x / y)


def mul_no_nan(x: Tensor, y: Tensor) -> Tensor:
    return tf.where(tf.equal(y, 0), zero(x), x * y)


# Rounding and remainders.


def rounded(x: Tensor) -> Tensor:
    """The nearest integer, halves to the even one; infinities, whose rest is NaN, stay."""
    low = tf.floor(x)
    rest = x - low
    odd = low - 2 * tf.floor(0.5 * low)
    half = tf.where(tf.equal(rest, 0.5), low + odd, low)
    return tf.where(rest > 0.5, low + 1, half)


def truncated(x: Tensor) -> Tensor:
    """The integer next to it towards 0."""
    return tf.where(x < 0, -tf.floor(-x), tf.floor(x))


def sign(x: Tensor) -> Tensor:
    """−1, 0 or 1; NaN stays NaN."""
    low = tf.where(x < 0, -one(x), x)
    return tf.where(x > 0, one(x), low)


def truncate_mod(x: Tensor, y: Tensor) -> Tensor:
    """The rest of the division towards 0, with the sign of `x`: exact while the quotient is below 2²⁴."""
    rest = _rest(tf.abs(x), tf.abs(y))
    return tf.where(x < 0, -rest, rest)


def floor_mod(x: Tensor, y: Tensor) -> Tensor:
    """The rest of the division downwards, with the sign of `y`."""
    rest = truncate_mod(x, y)
    other = tf.logical_and(tf.not_equal(rest, 0), tf.not_equal(rest < 0, y < 0))
    return tf.where(other, rest + y, rest)


SPLITTER = {tf.float16: 2.0**6 + 1, tf.bfloat16: 2.0**4 + 1, tf.float32: 2.0**12 + 1, tf.float64: 2.0**27 + 1}
"""Dekker: what a number is multiplied by to take its upper half."""


def _rest(x: Tensor, y: Tensor) -> Tensor:
    """Return `x mod y` for both ≥ 0: quotient and divisor in halves, whose products floats hold exactly."""
    splitter = SPLITTER[x.dtype]
    quotient = tf.floor(x / y)
    wide = y * splitter
    upper = wide - (wide - y)
    lower = y - upper
    many = tf.floor(quotient / (splitter - 1)) * (splitter - 1)
    few = quotient - many
    rest = x - many * upper - many * lower - few * upper - few * lower
    # A quotient that rounded up or down leaves a rest outside [0, y).
    rest = tf.where(rest < 0, rest + y, rest)
    rest = tf.where(rest >= y, rest - y, rest)
    return tf.where(x < y, x, rest)


def floor_div(x: Tensor, y: Tensor) -> Tensor:
    return tf.floor(x / y)


def floor_div_of_integers(x: Tensor, y: Tensor) -> Tensor:
    """The quotient towards 0, one less where there is a rest and the signs differ."""
    quotient = tf.truncatediv(x, y)
    rest = x - quotient * y
    other = tf.logical_and(tf.not_equal(rest, 0), tf.not_equal(rest < 0, y < 0))
    return tf.where(other, quotient - 1, quotient)


def truncate_div_of_integers(x: Tensor, y: Tensor) -> Tensor:
    """The quotient downwards, one more where there is a rest and the signs differ."""
    quotient = x // y
    rest = x - quotient * y
    return tf.where(tf.logical_and(tf.not_equal(rest, 0), tf.not_equal(x < 0, y < 0)), quotient + 1, quotient)


def floor_mod_of_integers(x: Tensor, y: Tensor) -> Tensor:
    return x - (x // y) * y


def truncate_mod_of_integers(x: Tensor, y: Tensor) -> Tensor:
    rest = x - (x // y) * y
    other = tf.logical_and(tf.not_equal(rest, 0), tf.not_equal(x < 0, y < 0))
    return tf.where(other, rest - y, rest)


# Powers.

MOST_FACTORS = 64


def power(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Products where the exponent is a constant integer; of integers also where it is data."""
    x, exponent = inputs
    value = value_of(exponent)
    if value is not None and value.size == 1 and (value.ndim == 0 or exponent.shape == x.shape):
        return _power(x, float(value.reshape(-1)[0]))
    if not x.dtype.is_integer:
        raise Inapplicable("its exponent is not one constant number")
    return _integer_power(x, exponent)


def _power(x: Tensor, exponent: float) -> Tensor:
    if exponent == 0.5 and x.dtype.is_floating:
        return tf.sqrt(x)
    count = int(abs(exponent))
    if count != abs(exponent) or count > MOST_FACTORS or (exponent < 0 and x.dtype.is_integer):
        raise Inapplicable(f"its exponent is {exponent}")
    result, square = None, x
    while count:
        if count % 2:
            result = square if result is None else result * square
        count //= 2
        square = square * square if count else square
    if result is None:
        return tf.ones_like(x)
    return 1 / result if exponent < 0 else tf.identity(result)


def _integer_power(x: Tensor, exponent: Tensor) -> Tensor:
    """Square and multiply over the exponent's 31 bits; products wrap as the op's own do."""
    result = tf.ones_like(x + exponent)
    for _ in range(exponent.dtype.size * 8 - 1):
        half = exponent // 2
        result = tf.where(tf.equal(exponent - 2 * half, 1), result * x, result)
        exponent, x = half, x * x
    return result


# Comparisons.


def is_nan(x: Tensor) -> Tensor:
    return tf.not_equal(x, x)


def is_inf(x: Tensor) -> Tensor:
    return tf.abs(x) > x.dtype.max


def is_finite(x: Tensor) -> Tensor:
    return tf.abs(x) <= x.dtype.max


def approximate_equal(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    return tf.abs(inputs[0] - inputs[1]) < tf.cast(attribute(operation, "tolerance"), inputs[0].dtype)


def next_after(x: Tensor, y: Tensor) -> Tensor:
    """The float next to `x` towards `y` (Rump et al., 2009): right for all floats that are not denormal."""
    if x.dtype != tf.float32:
        raise Inapplicable(f"its dtype is {x.dtype.name}")
    step = 2.0**-24 * (1 + 2.0**-23) * tf.abs(x) + float(np.finfo(np.float32).smallest_subnormal)
    moved = tf.where(y < x, x - step, tf.where(y > x, x + step, x + 0 * y))
    return tf.where(is_inf(x), tf.where(y < x, x.dtype.max, tf.where(y > x, x.dtype.min, x)), moved)


# Sums, bounds, activations.


def sum_of_all(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    total = inputs[0]
    for value in inputs[1:]:
        total = total + value
    return tf.identity(total)


def clip(x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    return tf.maximum(tf.minimum(x, high), low)


def l2_loss(x: Tensor) -> Tensor:
    return 0.5 * tf.reduce_sum(x * x)


def squared_difference(x: Tensor, y: Tensor) -> Tensor:
    difference = x - y
    return difference * difference


def leaky_relu(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    (x,) = inputs
    return tf.where(x > 0, x, x * tf.cast(attribute(operation, "alpha"), x.dtype))


def cross(a: Tensor, b: Tensor) -> Tensor:
    """The vector product over the last axis, of size 3."""

    def turned(x: Tensor, places: list[int]) -> Tensor:
        return tf.gather(x, places, axis=-1)

    return turned(a, [1, 2, 0]) * turned(b, [2, 0, 1]) - turned(a, [2, 0, 1]) * turned(b, [1, 2, 0])


GRADIENTS: Mapping[str, Callable[..., Tensor]] = {
    "ReluGrad": lambda gradient, x: tf.where(x > 0, gradient, zero(x)),
    "Relu6Grad": lambda gradient, x: tf.where(tf.logical_and(x > 0, x < 6), gradient, zero(x)),
    "EluGrad": lambda gradient, y: tf.where(y < 0, gradient * (y + 1), gradient),
    "SeluGrad": lambda gradient, y: tf.where(y < 0, gradient * (y + 1.7580993408473766), gradient * 1.0507009873554805),
    "SoftplusGrad": lambda gradient, x: gradient * sigmoid(x),
    "SoftsignGrad": lambda gradient, x: gradient / squared_difference(-one(x), tf.abs(x)),
    "SigmoidGrad": lambda y, gradient: gradient * y * (1 - y),
    "TanhGrad": lambda y, gradient: gradient * (1 - y * y),
    "SqrtGrad": lambda y, gradient: gradient * 0.5 / y,
    "RsqrtGrad": lambda y, gradient: gradient * -0.5 * (y * y * y),
    "ReciprocalGrad": lambda y, gradient: -gradient * (y * y),
    "InvGrad": lambda y, gradient: -gradient * (y * y),
}
"""Ops that gradients are made of, in the order of their operands."""


def gradient(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    if operation.type == "LeakyReluGrad":
        slope = tf.cast(attribute(operation, "alpha"), inputs[0].dtype)
        return tf.where(inputs[1] > 0, inputs[0], inputs[0] * slope)
    return GRADIENTS[operation.type](*inputs)


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "xlogy-as-where": (("Xlogy",), of_floats(xlogy)),
    "xlog1py-as-where": (("Xlog1py",), of_floats(xlog1py)),
    "xdivy-as-where": (("Xdivy",), of_floats(xdivy)),
    "div-no-nan-as-where": (("DivNoNan",), of_floats(div_no_nan)),
    "mul-no-nan-as-where": (("MulNoNan",), of_floats(mul_no_nan)),
    "round-as-floor": (("Round", "Rint"), of_floats(rounded)),
    "sign-as-where": (("Sign",), of(sign)),
    "reciprocal-as-division": (("Reciprocal", "Inv"), of_floats(lambda x: 1 / x)),
    "mod-as-floor": (("Mod", "TruncateMod"), of_floats(truncate_mod)),
    "floor-mod-as-floor": (("FloorMod",), of_floats(floor_mod)),
    "floor-div-as-floor": (("FloorDiv",), of_floats(floor_div)),
    "integer-floor-div-as-truncate-div": (("FloorDiv",), of_integers(floor_div_of_integers)),
    "integer-truncate-div-as-floor-div": (("TruncateDiv", "Div"), of_integers(truncate_div_of_integers)),
    "integer-floor-mod-as-floor-div": (("FloorMod",), of_integers(floor_mod_of_integers)),
    "integer-mod-as-floor-div": (("Mod", "TruncateMod"), of_integers(truncate_mod_of_integers)),
    "pow-as-products": (("Pow",), power),
    "is-nan-as-comparison": (("IsNan",), of(is_nan)),
    "is-inf-as-comparison": (("IsInf",), of(is_inf)),
    "is-finite-as-comparison": (("IsFinite",), of(is_finite)),
    "approximate-equal-as-less": (("ApproximateEqual",), approximate_equal),
    "next-after-as-addition": (("NextAfter",), of(next_after)),
    "add-n-as-additions": (("AddN", "AccumulateNV2"), sum_of_all),
    "clip-as-minimum": (("ClipByValue",), of(clip)),
    "l2-loss-as-sum": (("L2Loss",), of(l2_loss)),
    "squared-difference-as-product": (("SquaredDifference",), of(squared_difference)),
    "leaky-relu-as-where": (("LeakyRelu",), leaky_relu),
    "cross-as-gathers": (("Cross",), of(cross)),
    "activation-gradient-as-arithmetic": ((*GRADIENTS, "LeakyReluGrad"), gradient),
}
"""Rule → the ops that it is about, and what they become."""
