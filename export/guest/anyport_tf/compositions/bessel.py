"""Bessel functions J, Y and K, Dawson's, Fresnel's and the exponential integral, the dilogarithm: polynomials in pieces.

Their values, from which the polynomials are interpolated, are integrals that Gauss' or the trapezoidal rule takes to float64.
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

BEND = 8.0
"""Up to here J and Y are polynomials in x², beyond waves whose size and phase are polynomials in 1/x²."""


def bessel_j0(x: Tensor) -> Tensor:
    return _cylinder(0, "J", tf.abs(x))


def bessel_j1(x: Tensor) -> Tensor:
    return with_sign(_cylinder(1, "J", tf.abs(x)), x)


def bessel_y0(x: Tensor) -> Tensor:
    return _of_positive(_cylinder(0, "Y", x), x, -math.inf)


def bessel_y1(x: Tensor) -> Tensor:
    return _of_positive(_cylinder(1, "Y", x), x, -math.inf)


def _of_positive(value: Tensor, x: Tensor, at_zero: float) -> Tensor:
    """Return the value above 0, a pole there, and NaN below."""
    below = tf.where(tf.equal(x, 0), tf.constant(at_zero, x.dtype), tf.constant(math.nan, x.dtype))
    return tf.where(x > 0, value, below)


def _cylinder(order: int, kind: str, x: Tensor) -> Tensor:
    near = at_most(x, BEND)
    square = near * near
    small = _near(order)(square)
    small = small * near if order else small
    if kind == "Y":
        rest = _near_y(order)(square)
        small = 2 / math.pi * tf.math.log(near) * small + (rest * near - 2 / math.pi / near if order else rest)
    far = tf.where(x > BEND, x, tf.constant(BEND, x.dtype))
    inverse = 1 / (far * far)
    size, shift = _wave(order, 0)(inverse), _wave(order, 1)(inverse) / far
    sine, cosine = tf.sin(far), tf.cos(far)
    # cos and sin of x − π/4 (order 0) or x − 3π/4, times √2
    along, across = (cosine + sine, sine - cosine) if order == 0 else (sine - cosine, -(sine + cosine))
    wave = size * along - shift * across if kind == "J" else size * across + shift * along
    value = tf.where(x > BEND, tf.math.rsqrt(far) * wave * (1 / math.sqrt(math.pi)), small)
    return tf.where(x > x.dtype.max, tf.zeros([], x.dtype), value)


@functools.cache
def _near(order: int) -> Polynomial:
    return fitted(lambda z: _j(order, math.sqrt(z)) / math.sqrt(z) ** order, 0.0, BEND**2, 14)


@functools.cache
def _near_y(order: int) -> Polynomial:
    def rest(z: float) -> float:
        x = math.sqrt(z)
        value = _y(order, x) - 2 / math.pi * math.log(x) * _j(order, x)
        return (value + 2 / math.pi / x) / x if order else value

    return fitted(rest, 0.0, BEND**2, 14)


@functools.cache
def _wave(order: int, part: int) -> Polynomial:
    """Return P (part 0) or x·Q (part 1) of Hankel's expansion `√(2/πx) · (P cos χ − Q sin χ)`, in 1/x²."""

    def value(inverse: float) -> float:
        x = 1 / math.sqrt(inverse)
        angle = x - math.pi / 4 - order * math.pi / 2
        j, y = _j(order, x), _y(order, x)
        wave = complex(j, y) * complex(math.cos(angle), -math.sin(angle)) * math.sqrt(math.pi * x / 2)
        return wave.imag * x if part else wave.real

    # Far out the integrals need ever more points, where the series that starts with these is exact.
    return fitted(lambda inverse: value(max(inverse, 1e-5)), 0.0, 1 / BEND**2, 5)


def _gauss(function: Callable[[Any], Any], low: float, high: float, points: int) -> float:
    nodes, weights = np.polynomial.legendre.leggauss(points)
    half = (high - low) / 2
    return float(half * np.sum(weights * function(low + half * (nodes + 1))))


def _j(order: int, x: float) -> float:
    points = 64 + int(2 * x)
    angles = (np.arange(points) + 0.5) * (math.pi / points)
    return float(np.mean(np.cos(order * angles - x * np.sin(angles))))


def _y(order: int, x: float) -> float:
    wave = _gauss(lambda t: np.sin(x * np.sin(t) - order * t), 0, math.pi, 64 + int(2 * x))
    end = math.asinh(60 / x) + 1
    sign = -1 if order % 2 else 1

    def decay(t: Any) -> Any:
        return (np.exp(order * t) + sign * np.exp(-order * t)) * np.exp(-x * np.sinh(t))

    return (wave - _gauss(decay, 0, end, 300)) / math.pi


# K.

CORNER = 2.0


def bessel_k0e(x: Tensor) -> Tensor:
    return _of_positive(_falling(0, x, scaled=True), x, math.inf)


def bessel_k1e(x: Tensor) -> Tensor:
    return _of_positive(_falling(1, x, scaled=True), x, math.inf)


def bessel_k0(x: Tensor) -> Tensor:
    return _of_positive(_falling(0, x, scaled=False), x, math.inf)


def bessel_k1(x: Tensor) -> Tensor:
    return _of_positive(_falling(1, x, scaled=False), x, math.inf)


def _falling(order: int, x: Tensor, *, scaled: bool) -> Tensor:
    near = at_most(x, CORNER)
    square = near * near
    growing = _small_i(order)(square)
    logarithm = tf.math.log(0.5 * near)
    small = logarithm * near * growing + _small_k(1)(square) / near if order else _small_k(0)(square) - logarithm * growing
    far = tf.where(x > CORNER, x, tf.constant(CORNER, x.dtype))
    large = tf.math.rsqrt(far) * _large_k(order)(1 / far)
    if scaled:
        small = small * tf.exp(near)
    else:
        large = large * tf.exp(-far)
    return tf.where(x > CORNER, large, small)


@functools.cache
def _small_i(order: int) -> Polynomial:
    """`Iₙ(x) / xⁿ` in x²: its power series, of which a few terms are enough."""
    terms = [0.25**k / (math.factorial(k) * math.factorial(k + order)) * 0.5**order for k in range(9)]
    return Polynomial(1.0, 0.0, tuple(terms[::-1]))


@functools.cache
def _small_k(order: int) -> Polynomial:
    def rest(z: float) -> float:
        x = math.sqrt(z)
        growing = _small_i(order)
        value = functools.reduce(lambda total, term: total * z + term, growing.coefficients)
        if order:
            return (_k(1, x) - math.log(x / 2) * x * value) * x
        return _k(0, x) + math.log(x / 2) * value

    return fitted(rest, 0.0, CORNER**2, 8)


@functools.cache
def _large_k(order: int) -> Polynomial:
    return fitted(lambda inverse: _k(order, 1 / inverse, 1 / inverse) * inverse**-0.5, 0.0, 1 / CORNER, 10)


def _k(order: int, x: float, scale: float = 0.0) -> float:
    """Return `exp(scale) · Kₙ(x)`, the integral over t ≥ 0 of `exp(scale − x cosh t) cosh nt`."""
    end = math.acosh(1 + 60 / x) + 1
    step = end / 400
    t = np.arange(401) * step
    values = np.exp(scale - x * np.cosh(t)) * np.cosh(order * t)
    return float(step * (np.sum(values) - 0.5 * values[0]))


# Integrals.


def dawsn(x: Tensor) -> Tensor:
    """`exp(−x²) · ∫₀ˣ exp(t²) dt`: odd."""
    size = tf.abs(x)
    near = at_most(size, 5.0)
    small = near * _dawson_near()(near)
    far = tf.where(size > 5, size, tf.constant(5.0, x.dtype))
    inverse = 1 / far
    return with_sign(tf.where(size > 5, inverse * _dawson_far()(inverse * inverse), small), x)


@functools.cache
def _dawson_near() -> Polynomial:
    return fitted(lambda x: _dawson(x) / x, 0.0, 5.0, 22)


@functools.cache
def _dawson_far() -> Polynomial:
    return fitted(lambda z: _dawson(max(z, 1e-4) ** -0.5) * max(z, 1e-4) ** -0.5, 0.0, 1 / 25, 8)


def _dawson(x: float) -> float:
    return _gauss(lambda t: np.exp((t - x) * (t + x)), max(0.0, x - 40 / max(x, 1e-9)), x, 200)


def spence(x: Tensor) -> Tensor:
    """`−∫₁ˣ log t / (t − 1) dt`; by its reflections, of numbers from a half to three halves."""
    above = x > 1.5
    low = tf.where(above, 1 / x, x)  # in [0, 1.5]
    below = low < 0.5
    middle = tf.where(below, 1 - low, low)  # in [0.5, 1.5]
    value = (1 - middle) * _dilogarithm()(1 - middle)
    product = tf.math.log(low) * tf.math.log(1 - low)
    reflected = math.pi**2 / 6 - tf.where(low > 0, product, tf.zeros([], x.dtype)) - value
    value = tf.where(below, reflected, value)
    logarithm = tf.math.log(x)
    value = tf.where(above, -0.5 * logarithm * logarithm - value, value)
    return tf.where(x < 0, tf.constant(math.nan, x.dtype), value)


@functools.cache
def _dilogarithm() -> Polynomial:
    """`Li₂(y) / y = Σ yⁿ⁻¹ / n²`."""
    return fitted(lambda y: math.fsum(y ** (n - 1) / n**2 for n in range(1, 60)), -0.5, 0.5, 9)


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "bessel-j0-as-polynomial": (("BesselJ0",), in_float(bessel_j0)),
    "bessel-j1-as-polynomial": (("BesselJ1",), in_float(bessel_j1)),
    "bessel-y0-as-polynomial": (("BesselY0",), in_float(bessel_y0)),
    "bessel-y1-as-polynomial": (("BesselY1",), in_float(bessel_y1)),
    "bessel-k0-as-polynomial": (("BesselK0",), in_float(bessel_k0)),
    "bessel-k1-as-polynomial": (("BesselK1",), in_float(bessel_k1)),
    "bessel-k0e-as-polynomial": (("BesselK0e",), in_float(bessel_k0e)),
    "bessel-k1e-as-polynomial": (("BesselK1e",), in_float(bessel_k1e)),
    "dawsn-as-polynomial": (("Dawsn",), in_float(dawsn)),
    "spence-as-polynomial": (("Spence",), in_float(spence)),
}
"""Rule → the ops that it is about, and what they become."""
