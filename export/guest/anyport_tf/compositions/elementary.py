"""Elementary functions said in exp, log, sqrt, sin, cos and tanh: exact to float32 near 0, at the edges and for infinities.

Each function takes and returns float tensors; `rules` are made of them at the end.  Comparisons are written so that NaN
stays NaN: `where(x > limit, limit, x)` and not `minimum`, about whose NaN the runtimes disagree.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from .polynomials import Polynomial, fitted

Operation = Any
Tensor = Any

LARGE = 1e4
"""Beyond it `√(x² + 1)` is `x` to float32."""


def in_float(function: Callable[..., Tensor]) -> Callable[[Operation, Sequence[Tensor]], Tensor]:
    """Return the function as a composition; half precision is computed in float32 and rounded once, at the end."""

    def composition(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
        dtype = inputs[-1].dtype
        if dtype.size >= 4:
            return function(*inputs)
        return tf.cast(function(*(tf.cast(value, tf.float32) for value in inputs)), dtype)

    return composition


def at_most(x: Tensor, limit: float) -> Tensor:
    """Return the smaller of `x` and `limit`; NaN stays NaN."""
    return tf.where(x > limit, tf.constant(limit, x.dtype), x)


def with_sign(magnitude: Tensor, x: Tensor) -> Tensor:
    """Return the magnitude with the sign of `x`."""
    return tf.where(x < 0, -magnitude, magnitude)


def expm1(x: Tensor) -> Tensor:
    """`tanh(x/2) · (eˣ + 1)`, in which nothing cancels."""
    return tf.tanh(0.5 * x) * (tf.exp(x) + 1)


def log1p(x: Tensor) -> Tensor:
    """About 0 the series of `2·artanh(x / (2 + x))`, elsewhere the logarithm itself."""
    y = x / (x + 2)
    return tf.where(tf.abs(x) < 0.5, 2 * y * _artanh_series()(y * y), tf.math.log(x + 1))


@functools.cache
def _artanh_series() -> Polynomial:
    """`artanh(√z) / √z`, where log1p's argument is in (−0.5, 0.5)."""
    return fitted(lambda z: math.atanh(math.sqrt(z)) / math.sqrt(z), 0.0, 1 / 9, 5)


def sinh(x: Tensor) -> Tensor:
    """An odd polynomial below 1, halves of exponentials beyond, whose squares overflow no sooner than the result."""
    root = tf.exp(0.5 * tf.abs(x))
    large = (0.5 * root) * root - (0.5 / root) / root
    return tf.where(tf.abs(x) < 1, x * _sinh_series()(x * x), with_sign(large, x))


@functools.cache
def _sinh_series() -> Polynomial:
    return fitted(lambda z: math.sinh(math.sqrt(z)) / math.sqrt(z), 0.0, 1.0, 5)


def cosh(x: Tensor) -> Tensor:
    root = tf.exp(0.5 * tf.abs(x))
    return (0.5 * root) * root + (0.5 / root) / root


def tan(x: Tensor) -> Tensor:
    return tf.sin(x) / tf.cos(x)


def atan(x: Tensor) -> Tensor:
    """A polynomial up to 1, and of the reciprocal beyond."""
    size = tf.abs(x)
    small = _atan_up_to_one(tf.where(size > 1, 1 / size, size))
    return with_sign(tf.where(size > 1, math.pi / 2 - small, small), x)


def _atan_up_to_one(x: Tensor) -> Tensor:
    return x * _atan_series()(x * x)


@functools.cache
def _atan_series() -> Polynomial:
    return fitted(lambda z: math.atan(math.sqrt(z)) / math.sqrt(z), 0.0, 1.0, 10)


def atan2(y: Tensor, x: Tensor) -> Tensor:
    """The angle in the first octant, turned to where the point lies."""
    rise, run = tf.abs(y), tf.abs(x)
    steep = rise > run
    ratio = tf.where(steep, run, rise) / tf.where(steep, rise, run)
    diagonal = tf.where(run > 0, tf.ones([], x.dtype), tf.zeros([], x.dtype))  # neither 0 / 0 nor infinity by itself
    angle = _atan_up_to_one(tf.where(tf.equal(rise, run), diagonal, ratio))
    angle = tf.where(steep, math.pi / 2 - angle, angle)
    return with_sign(tf.where(x < 0, math.pi - angle, angle), y)


def asin(x: Tensor) -> Tensor:
    small, large = _arcs(tf.abs(x))
    return with_sign(tf.where(tf.abs(x) <= 0.5, small, math.pi / 2 - large), x)


def acos(x: Tensor) -> Tensor:
    small, large = _arcs(tf.abs(x))
    return tf.where(tf.abs(x) <= 0.5, math.pi / 2 - with_sign(small, x), tf.where(x < 0, math.pi - large, large))


def _arcs(size: Tensor) -> tuple[Tensor, Tensor]:
    """Return asin(size), good up to a half, and acos(size) = 2·asin(√((1 − size) / 2)), good beyond; NaN beyond 1."""
    squared = tf.where(size <= 0.5, size * size, 0.5 * (1 - size))
    series = _asin_series()(squared)
    return size * series, 2 * tf.sqrt(squared) * series


@functools.cache
def _asin_series() -> Polynomial:
    return fitted(lambda z: math.asin(math.sqrt(z)) / math.sqrt(z), 0.0, 0.25, 7)


def asinh(x: Tensor) -> Tensor:
    size = tf.abs(x)
    near = at_most(size, LARGE)
    squared = near * near
    small = log1p(near + squared / (1 + tf.sqrt(squared + 1)))
    return with_sign(tf.where(size > LARGE, tf.math.log(size) + math.log(2), small), x)


def acosh(x: Tensor) -> Tensor:
    """NaN below 1, where the root is of a negative number."""
    above = at_most(x, LARGE) - 1
    small = log1p(above + tf.sqrt(above) * tf.sqrt(above + 2))
    return tf.where(x > LARGE, tf.math.log(x) + math.log(2), small)


def atanh(x: Tensor) -> Tensor:
    size = tf.abs(x)
    return with_sign(0.5 * log1p(2 * size / (1 - size)), x)


def softplus(x: Tensor) -> Tensor:
    return tf.where(x > 0, x, tf.zeros([], x.dtype)) + log1p(tf.exp(-tf.abs(x)))


def elu(x: Tensor) -> Tensor:
    """Of tiny numbers as wrong as TensorFlow's own kernel, which takes 1 from the exponential too."""
    return tf.where(x < 0, tf.exp(x) - 1, x)


SELU_ALPHA, SELU_SCALE = 1.6732632423543772, 1.0507009873554805
"""Those for which layers keep mean 0 and variance 1 (Klambauer et al., 2017)."""


def selu(x: Tensor) -> Tensor:
    return SELU_SCALE * tf.where(x < 0, SELU_ALPHA * (tf.exp(x) - 1), x)


def softsign(x: Tensor) -> Tensor:
    return x / (1 + tf.abs(x))


def sigmoid(x: Tensor) -> Tensor:
    return 0.5 * tf.tanh(0.5 * x) + 0.5


def log_sigmoid(x: Tensor) -> Tensor:
    return -softplus(-x)


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "expm1-as-tanh": (("Expm1",), in_float(expm1)),
    "log1p-as-log": (("Log1p",), in_float(log1p)),
    "sinh-as-exp": (("Sinh",), in_float(sinh)),
    "cosh-as-exp": (("Cosh",), in_float(cosh)),
    "tan-as-sin-and-cos": (("Tan",), in_float(tan)),
    "asin-as-polynomial": (("Asin",), in_float(asin)),
    "acos-as-polynomial": (("Acos",), in_float(acos)),
    "atan-as-polynomial": (("Atan",), in_float(atan)),
    "atan2-as-polynomial": (("Atan2",), in_float(atan2)),
    "asinh-as-log": (("Asinh",), in_float(asinh)),
    "acosh-as-log": (("Acosh",), in_float(acosh)),
    "atanh-as-log": (("Atanh",), in_float(atanh)),
    "softplus-as-log": (("Softplus",), in_float(softplus)),
    "elu-as-exp": (("Elu",), in_float(elu)),
    "selu-as-exp": (("Selu",), in_float(selu)),
    "softsign-as-division": (("Softsign",), in_float(softsign)),
}
"""Rule → the ops that it is about, and what they become."""
