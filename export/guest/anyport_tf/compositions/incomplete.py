"""Functions of two and three arguments that are sums: incomplete gamma and beta functions, Hurwitz' zeta, polygamma.

The incomplete ones are loops that end when every element has converged, in some √a rounds.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from .elementary import in_float, log1p
from .special import MIDDLE, _stirling, digamma, lgamma

Tensor = Any

MOST_ROUNDS = 2000
SMALL = float(np.finfo(np.float32).eps) / 4
TINY = 1e-30
"""What Lentz' method takes for a denominator that is 0."""


def igamma(a: Tensor, x: Tensor) -> Tensor:
    """The regularised lower incomplete gamma function; 0 at 0 whatever `a` is, as in TensorFlow."""
    lower, upper, series = _gamma_parts(a, x)
    value = _gamma_edges(a, x, tf.where(series, lower, 1 - upper), 0.0, 1.0)
    return tf.where(tf.equal(x, 0), tf.zeros([], x.dtype), value)


def igammac(a: Tensor, x: Tensor) -> Tensor:
    """The regularised upper one, which keeps small tails."""
    lower, upper, series = _gamma_parts(a, x)
    return _gamma_edges(a, x, tf.where(series, 1 - lower, upper), 1.0, 0.0)


def _gamma_edges(a: Tensor, x: Tensor, value: Tensor, low: float, high: float) -> Tensor:
    """Return the value within the definition's bounds, `low` and `high` at its ends, and NaN beyond."""
    far, wide = a > a.dtype.max, x > x.dtype.max
    value = tf.where(tf.logical_or(tf.equal(x, 0), far), tf.constant(low, x.dtype), value)
    value = tf.where(wide, tf.where(far, tf.zeros([], x.dtype), tf.constant(high, x.dtype)), value)
    return tf.where(tf.logical_and(x >= 0, a > 0), value, tf.constant(math.nan, x.dtype))


def _gamma_parts(a: Tensor, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the lower part by its series, the upper by its continued fraction, and where the series is the better."""
    a, x = a + tf.zeros_like(x), x + tf.zeros_like(a)
    inside = (a > 0) & (x > 0) & (a <= a.dtype.max) & (x <= x.dtype.max)
    one = tf.ones([], x.dtype)
    series = tf.logical_or(x <= 1, x <= a)
    front = _gamma_front(tf.where(inside, a, one), tf.where(inside, x, one))
    # Each method gets arguments with which it converges, also where the other's result is taken.
    lower = _series(tf.where(inside & series, a, one), tf.where(inside & series, x, one))
    upper = _fraction(tf.where(inside & ~series, a, one), tf.where(inside & ~series, x, 2 * one))
    return front * lower, front * upper, series


def _gamma_front(a: Tensor, x: Tensor) -> Tensor:
    """Return `xᵃ·e⁻ˣ / Γ(a)`; from 3 by the distance of `x` from `a`, so that large powers don't meet."""
    ratio = (x - a) / a
    near = a * (log1p(ratio) - ratio) - _stirling()(1 / (a * a)) / a
    large = tf.sqrt(a * (1 / (2 * math.pi))) * tf.exp(near)
    return tf.where(a < MIDDLE, tf.exp(a * tf.math.log(x) - x - lgamma(a)), large)


def _series(a: Tensor, x: Tensor) -> Tensor:
    """Return `Σ xⁿ / (a (a+1) … (a+n))`."""

    def more(index: Tensor, term: Tensor, total: Tensor) -> Tensor:
        return tf.logical_and(index < MOST_ROUNDS, tf.reduce_any(term > SMALL * total))

    def step(index: Tensor, term: Tensor, total: Tensor) -> tuple[Tensor, ...]:
        term = term * x / (a + tf.cast(index, a.dtype))
        return index + 1, term, total + term

    first = 1 / a
    return tf.while_loop(more, step, (tf.constant(1), first, first))[2]


def _fraction(a: Tensor, x: Tensor) -> Tensor:
    """Return `1/(x+1−a− 1(1−a)/(x+3−a− 2(2−a)/(…)))` by Lentz' method."""

    def step(index: Tensor, c: Tensor, d: Tensor, value: Tensor, change: Tensor) -> tuple[Tensor, ...]:
        number = tf.cast(index, a.dtype)
        above, below = number * (a - number), x + 1 - a + 2 * number
        d = 1 / _not_zero(above * d + below)
        c = _not_zero(below + above / c)
        return index + 1, c, d, value * (c * d), c * d

    first = _not_zero(x + 1 - a)
    state = (tf.constant(1), tf.fill(tf.shape(first), tf.constant(1 / TINY, a.dtype)), 1 / first, 1 / first, first + 9)
    return tf.while_loop(_unsettled, step, state)[3]


def _unsettled(index: Tensor, c: Tensor, d: Tensor, value: Tensor, change: Tensor) -> Tensor:
    """Whether a continued fraction's last factor was not yet 1 somewhere."""
    return tf.logical_and(index < MOST_ROUNDS, tf.reduce_any(tf.abs(change - 1) > 2 * SMALL))


def _not_zero(x: Tensor) -> Tensor:
    return tf.where(tf.abs(x) < TINY, tf.constant(TINY, x.dtype), x)


def betainc(a: Tensor, b: Tensor, x: Tensor) -> Tensor:
    """The regularised incomplete beta function; beyond its mean by the other tail."""
    a, b, x = a + tf.zeros_like(b + x), b + tf.zeros_like(a + x), x + tf.zeros_like(a + b)
    inside = (a > 0) & (b > 0) & (x > 0) & (x < 1)
    one = tf.ones([], x.dtype)
    a_, b_, x_ = tf.where(inside, a, one), tf.where(inside, b, one), tf.where(inside, x, 0.5 * one)
    turned = x_ * (a_ + b_ + 2) > a_ + 1
    p, q, y = tf.where(turned, b_, a_), tf.where(turned, a_, b_), tf.where(turned, 1 - x_, x_)
    logarithm = lgamma(a_ + b_) - lgamma(a_) - lgamma(b_) + a_ * tf.math.log(x_) + b_ * log1p(-x_)
    value = tf.exp(logarithm) * _beta_fraction(p, q, y) / p
    value = tf.where(turned, 1 - value, value)
    value = tf.where(inside, value, tf.where(tf.equal(x, 0), 0 * one, one))
    valid = (a > 0) & (b > 0) & (x >= 0) & (x <= 1)
    return tf.where(valid, value, tf.constant(math.nan, x.dtype))


def _beta_fraction(a: Tensor, b: Tensor, x: Tensor) -> Tensor:
    """Return the beta function's continued fraction, two of its terms a round."""

    def step(index: Tensor, c: Tensor, d: Tensor, value: Tensor, change: Tensor) -> tuple[Tensor, ...]:
        m = tf.cast(index, a.dtype)
        double = a + 2 * m
        even = m * (b - m) * x / ((double - 1) * double)
        d, c = 1 / _not_zero(1 + even * d), _not_zero(1 + even / c)
        value = value * (c * d)
        odd = -(a + m) * (a + b + m) * x / (double * (double + 1))
        d, c = 1 / _not_zero(1 + odd * d), _not_zero(1 + odd / c)
        return index + 1, c, d, value * (c * d), c * d

    first = 1 / _not_zero(1 - (a + b) * x / (a + 1))
    state = (tf.constant(1), tf.ones_like(first), first, first, tf.ones_like(first) + 9)
    return tf.while_loop(_unsettled, step, state)[3]


STEPS = 8
TERMS = tuple(
    number / math.factorial(2 * place)
    for place, number in enumerate((1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66), start=1)
)
"""Bernoulli's numbers B₂ₖ over (2k)!: what Euler and Maclaurin add to a sum's integral."""


def zeta(s: Tensor, q: Tensor) -> Tensor:
    """`Σ (q + n)⁻ˢ`: eight terms, the integral of the rest, and its corrections; q > −7, where TensorFlow too needs whole s."""
    total = tf.pow(q, -s)
    for step in range(1, STEPS):
        total = total + tf.pow(q + step, -s)
    end = q + STEPS
    power = tf.pow(end, -s)
    total = total + power * end / (s - 1) + 0.5 * power
    factor, square = s * power / end, 1 / (end * end)
    for place, coefficient in enumerate(TERMS):
        total = total + coefficient * factor
        factor = factor * (s + (2 * place + 1)) * (s + (2 * place + 2)) * square
    infinite, nan = tf.constant(math.inf, q.dtype), tf.constant(math.nan, q.dtype)
    total = tf.where(q > 1 - STEPS, total, nan)
    even = tf.equal(s, 2 * tf.floor(0.5 * s))
    total = tf.where((q <= 0) & tf.equal(q, tf.floor(q)), tf.where(even, infinite, nan), total)
    return tf.where(s > 1, total, tf.where(tf.equal(s, 1), infinite, nan))


def polygamma(n: Tensor, x: Tensor) -> Tensor:
    """The derivative of digamma of order n: `(−1)ⁿ⁺¹ · n! · ζ(n + 1, x)`."""
    odd = n - 2 * tf.floor(0.5 * n)
    value = (2 * odd - 1) * tf.exp(lgamma(n + 1)) * zeta(n + 1, x)
    value = tf.where(tf.equal(n, 0), digamma(x), value)
    return tf.where((n >= 0) & tf.equal(n, tf.floor(n)), value, tf.constant(math.nan, x.dtype))


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "igamma-as-loop": (("Igamma",), in_float(igamma)),
    "igammac-as-loop": (("Igammac",), in_float(igammac)),
    "betainc-as-loop": (("Betainc",), in_float(betainc)),
    "zeta-as-sum": (("Zeta",), in_float(zeta)),
    "polygamma-as-zeta": (("Polygamma",), in_float(polygamma)),
}
"""Rule → the ops that it is about, and what they become."""
