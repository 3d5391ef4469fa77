"""Special functions of statistics: the error function and its inverses, gamma functions, Bessel functions.

Each takes and returns float tensors, right to a few units of float32 over its whole range; those that are computed by
loops until all elements have converged are in `incomplete`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from .elementary import at_most, in_float, with_sign
from .polynomials import Polynomial, fitted

Tensor = Any

# The error function and its inverses.

BEYOND = 11.0
"""Where erfc is 0 in float32."""


def erf(x: Tensor) -> Tensor:
    """An odd polynomial below 1, what the tail leaves beyond."""
    size = tf.abs(x)
    return tf.where(size < 1, x * _erf_series()(x * x), with_sign(1 - _tail(size), x))


def erfc(x: Tensor) -> Tensor:
    """The tail itself above 0, so that nothing cancels; what it leaves of 2 below."""
    tail = _tail(tf.abs(x))
    return tf.where(x < 0, 2 - tail, tail)


def _tail(size: Tensor) -> Tensor:
    """Return erfc of what is ≥ 0: `exp(−x²)`, exact by a split of `x` whose square float32 holds, times a polynomial."""
    size = at_most(size, BEYOND)
    head = tf.floor(size * 256) * (1 / 256)
    decay = tf.exp(-head * head) * tf.exp((head - size) * (head + size))
    return decay * _scaled_tail()((size - 2) / (size + 2))


@functools.cache
def _erf_series() -> Polynomial:
    return fitted(lambda z: math.erf(math.sqrt(z)) / math.sqrt(z), 0.0, 1.0, 6)


@functools.cache
def _scaled_tail() -> Polynomial:
    """`exp(x²) · erfc(x)` in `t = (x − 2) / (x + 2)`."""

    def value(t: float) -> float:
        x = 2 * (1 + t) / (1 - t)
        return math.exp(x * x) * math.erfc(x)

    return fitted(value, -1.0, (BEYOND - 2) / (BEYOND + 2), 12)


def erfinv(x: Tensor) -> Tensor:
    """By `p = (x + 1) / 2`, as TensorFlow: about ±1 that rounds, and whoever asks expects its answers."""
    p = 0.5 * x + 0.5
    return _inverse(x, 4 * p * (1 - p))


def ndtri(p: Tensor) -> Tensor:
    """`√2 · erfinv(2p − 1)`, by `4·p·(1 − p)`, which keeps small probabilities apart."""
    return math.sqrt(2) * _inverse(2 * p - 1, 4 * p * (1 - p))


def _inverse(x: Tensor, rest: Tensor) -> Tensor:
    """Return erfinv(x) from `rest = 1 − x²`: a polynomial in `w = −log(rest)`, or in its root where that is large."""
    w = -tf.math.log(rest)
    center = x * _inverse_center()(w)
    root = tf.sqrt(w)
    tail = with_sign(_inverse_tail()(root), x)
    infinite = with_sign(tf.math.log(tf.abs(x) * tf.cast(LARGEST, x.dtype)) * LARGEST, x)
    return tf.where(w < CENTER, center, tf.where(root > ROOT, infinite, tail))


LARGEST = float(np.finfo(np.float32).max)
CENTER = 4.0
ROOT = 10.3
"""The root of `w` for the smallest probability that is a float32."""


@functools.cache
def _inverse_center() -> Polynomial:
    def value(w: float) -> float:
        x = math.sqrt(-math.expm1(-w))
        return _inverse_value(w) / x

    return fitted(value, 0.0, CENTER, 9)


@functools.cache
def _inverse_tail() -> Polynomial:
    return fitted(lambda root: _inverse_value(root * root), math.sqrt(CENTER), ROOT, 15)


def _inverse_value(w: float) -> float:
    """Return y with `1 − erf(y)² = exp(−w)`, by Newton's method on the logarithm."""
    y = math.sqrt(-math.expm1(-w)) if w < 1 else math.sqrt(w)
    for _ in range(60):
        tail = math.erfc(y)
        error = math.log(tail * (2 - tail)) + w
        slope = -4 / math.sqrt(math.pi) * math.exp(-y * y) * (1 - tail) / (tail * (2 - tail))
        y -= error / slope
    return y


# Gamma functions.

MIDDLE = 3.0
"""Up to here a polynomial holds the gamma functions' zeros exactly; beyond, their asymptotic series is short."""


def lgamma(x: Tensor) -> Tensor:
    """Stirling's series from 3, a polynomial times the zeros at 1 and 2 below, one step up below 1, reflected below 0."""
    size = tf.where(x < 0, 1 - x, x)
    low = size < 1
    small = tf.where(low, size + 1, size)
    # Of size + 1 float32 would lose what is left of 1 and 2.
    zeros = tf.where(low, size, size - 1) * tf.where(low, size - 1, size - 2)
    middle = zeros * _lgamma_series()(small)
    middle = tf.where(low, middle - tf.math.log(size), middle)
    large = (
        (size - 0.5) * (tf.math.log(size) - 1) + _stirling()(1 / (size * size)) / size + (math.log(2 * math.pi) - 1) / 2
    )
    value = tf.where(size < MIDDLE, middle, large)
    sine = _sine(x)
    reflected = tf.where(sine > 0, math.log(math.pi) - tf.math.log(sine) - value, tf.constant(math.inf, x.dtype))
    return tf.where(x < 0, reflected, value)


def _sine(x: Tensor) -> Tensor:
    """Return sin(πx) without its sign: exactly 0 at integers, which all numbers of that size are, and infinity counts as."""
    x = tf.where(x < -INTEGERS, tf.constant(-INTEGERS, x.dtype), x)
    part = x - tf.floor(x)
    return tf.sin(math.pi * tf.where(part > 0.5, 1 - part, part))


INTEGERS = 2.0**53


@functools.cache
def _lgamma_series() -> Polynomial:
    return fitted(lambda x: math.lgamma(x) / ((x - 1) * (x - 2)), 1.0, MIDDLE, 11)


@functools.cache
def _stirling() -> Polynomial:
    """What is left of `lgamma(x)` behind Stirling's formula, times `x`, in `1/x²`: 1/12 − z/360 + z²/1260 − …"""
    return Polynomial(1.0, 0.0, (1 / 1188, -1 / 1680, 1 / 1260, -1 / 360, 1 / 12))


def digamma(x: Tensor) -> Tensor:
    """The asymptotic series from 3, a polynomial times the zero below, one step up below 1, reflected below 0."""
    size = tf.where(x < 0, 1 - x, x)
    low = size < 1
    small = tf.where(low, size + 1, size)
    middle = (small - ZERO) * _digamma_series()(small) + _digamma_value(ZERO)
    middle = tf.where(low, middle - 1 / size, middle)
    squared = 1 / (size * size)
    large = tf.math.log(size) - 0.5 / size - squared * _digamma_tail()(squared)
    value = tf.where(size < MIDDLE, middle, large)
    part = x - tf.floor(x + 0.5)
    angle = math.pi * tf.where(tf.equal(part, 0), tf.constant(math.nan, x.dtype), part)
    return tf.where(x <= 0, value - math.pi * tf.cos(angle) / tf.sin(angle), value)


ZERO = 1.4616321325302124
"""The float32 next to where digamma is 0."""


@functools.cache
def _digamma_series() -> Polynomial:
    return fitted(lambda x: (_digamma_value(x) - _digamma_value(ZERO)) / (x - ZERO), 1.0, MIDDLE, 12)


@functools.cache
def _digamma_tail() -> Polynomial:
    """`1/12 − z/120 + z²/252 − …`, z = 1/x²."""
    return Polynomial(1.0, 0.0, (1 / 132, -1 / 240, 1 / 252, -1 / 120, 1 / 12))


def _digamma_value(x: float) -> float:
    """Return digamma by its asymptotic series, 20 and more away from 0."""
    steps = math.fsum(1 / (x + step) for step in range(20))
    far = x + 20
    z = 1 / far**2
    series = z * (1 / 12 - z * (1 / 120 - z * (1 / 252 - z * (1 / 240 - z / 132))))
    return math.log(far) - 0.5 / far - series - steps


# Bessel functions.

BEND = 8.0
"""Up to here the Bessel functions are polynomials in x, beyond in 1/x."""


def bessel_i0e(x: Tensor) -> Tensor:
    """`exp(−|x|) · I₀(x)`."""
    return _bessel_ie(0, x)


def bessel_i1e(x: Tensor) -> Tensor:
    """`exp(−|x|) · I₁(x)`."""
    return with_sign(_bessel_ie(1, x), x)


def _bessel_ie(order: int, x: Tensor) -> Tensor:
    size = tf.abs(x)
    near = _bessel_near(order)(at_most(size, BEND))
    if order:
        near = near * size
    inverse = 1 / tf.where(size > BEND, size, BEND)
    return tf.where(size > BEND, tf.math.rsqrt(size) * _bessel_far(order)(inverse), near)


def bessel_i0(x: Tensor) -> Tensor:
    return _growing(bessel_i0e(x), x)


def bessel_i1(x: Tensor) -> Tensor:
    return _growing(bessel_i1e(x), x)


def _growing(scaled: Tensor, x: Tensor) -> Tensor:
    """Multiply by `exp(|x|)` in two halves, whose product overflows only where the result does."""
    root = tf.exp(0.5 * tf.abs(x))
    return root * (root * scaled)


@functools.cache
def _bessel_near(order: int) -> Polynomial:
    return fitted(lambda x: _bessel_value(order, x) / x**order, 0.0, BEND, 16)


@functools.cache
def _bessel_far(order: int) -> Polynomial:
    return fitted(lambda inverse: _bessel_value(order, 1 / inverse) / math.sqrt(inverse), 0.0, 1 / BEND, 7)


def _bessel_value(order: int, x: float) -> float:
    """Return `exp(−x) · Iₙ(x)`, the mean over θ of `exp(x·(cos θ − 1)) · cos nθ`: the trapezoidal rule is exact to float64."""
    points = 64 + int(16 * math.sqrt(x))
    angles = (np.arange(points) + 0.5) * (math.pi / points)
    return float(np.mean(np.exp(-2 * x * np.sin(angles / 2) ** 2) * np.cos(order * angles)))


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "erf-as-polynomial": (("Erf",), in_float(erf)),
    "erfc-as-polynomial": (("Erfc",), in_float(erfc)),
    "erfinv-as-log": (("Erfinv",), in_float(erfinv)),
    "ndtri-as-log": (("Ndtri",), in_float(ndtri)),
    "lgamma-as-log": (("Lgamma",), in_float(lgamma)),
    "digamma-as-log": (("Digamma",), in_float(digamma)),
    "bessel-i0e-as-polynomial": (("BesselI0e",), in_float(bessel_i0e)),
    "bessel-i1e-as-polynomial": (("BesselI1e",), in_float(bessel_i1e)),
    "bessel-i0-as-polynomial": (("BesselI0",), in_float(bessel_i0)),
    "bessel-i1-as-polynomial": (("BesselI1",), in_float(bessel_i1)),
}
"""Rule → the ops that it is about, and what they become."""
