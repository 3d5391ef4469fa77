"""Complex numbers as pairs of real tensors: their arithmetic and functions, on real ops alone.

`complex_ops` says which op becomes which of these; `anyport_tf.complex_pairs` rewrites whole graphs by them.  Where a
formula loses digits (a small difference of large numbers) another branch of it is taken, and a division that one branch
would make by zero is kept from happening in the other.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import tensorflow as tf

Tensor = Any

LARGE = 15.0
"""Where tanh is 1 in double precision, to within the square root of its resolution, and cosh is far from overflow."""


@dataclasses.dataclass(frozen=True)
class Pair:
    """A complex tensor: two real ones of the same shape and dtype."""

    real: Tensor
    imag: Tensor

    @property
    def dtype(self) -> Any:
        """The dtype of the parts: float32 or float64."""
        return self.real.dtype

    def each(self, function: Callable[[Tensor], Tensor]) -> Pair:
        """Apply a linear function to both parts."""
        return Pair(function(self.real), function(self.imag))

    def __neg__(self) -> Pair:
        return Pair(-self.real, -self.imag)

    def __add__(self, other: Pair) -> Pair:
        return Pair(self.real + other.real, self.imag + other.imag)

    def __sub__(self, other: Pair) -> Pair:
        return Pair(self.real - other.real, self.imag - other.imag)

    def __mul__(self, other: Pair) -> Pair:
        return Pair(
            self.real * other.real - self.imag * other.imag,
            self.real * other.imag + self.imag * other.real,
        )

    def __truediv__(self, other: Pair) -> Pair:
        """Divide; the divisor is scaled first, so that its square neither overflows nor vanishes."""
        scale = tf.maximum(tf.abs(other.real), tf.abs(other.imag))
        unit = other.each(lambda part: part / scale)
        modulus = unit.real * unit.real + unit.imag * unit.imag
        return (self * conjugate(unit)).each(lambda part: part / modulus / scale)


def from_real(tensor: Tensor) -> Pair:
    """Return a real tensor as a complex one."""
    return Pair(tensor, tf.zeros_like(tensor))


def where(condition: Tensor, first: Pair, second: Pair) -> Pair:
    """Select elementwise; the condition broadcasts."""
    return Pair(tf.where(condition, first.real, second.real), tf.where(condition, first.imag, second.imag))


def conjugate(z: Pair) -> Pair:
    """Return conj z."""
    return Pair(z.real, -z.imag)


def times_i(z: Pair) -> Pair:
    """Return i·z."""
    return Pair(-z.imag, z.real)


def times_minus_i(z: Pair) -> Pair:
    """Return −i·z."""
    return Pair(z.imag, -z.real)


def scaled(z: Pair, factor: float) -> Pair:
    """Return z times a real constant."""
    return z.each(lambda part: part * factor)


def plus(z: Pair, number: float) -> Pair:
    """Return z plus a real constant."""
    return Pair(z.real + number, z.imag)


def is_zero(z: Pair) -> Tensor:
    """Tell where z is 0."""
    return tf.logical_and(tf.equal(z.real, 0), tf.equal(z.imag, 0))


def equal(a: Pair, b: Pair) -> Tensor:
    """Tell where a = b."""
    return tf.logical_and(tf.equal(a.real, b.real), tf.equal(a.imag, b.imag))


def modulus(z: Pair) -> Tensor:
    """Return |z|."""
    return tf.sqrt(z.real * z.real + z.imag * z.imag)


def angle(z: Pair) -> Tensor:
    """Return the argument of z, in (−π, π]."""
    return tf.atan2(z.imag, z.real)


def polar(radius: Tensor, phase: Tensor) -> Pair:
    """Return the number of this modulus and argument."""
    return Pair(radius * tf.cos(phase), radius * tf.sin(phase))


def sign(z: Pair) -> Pair:
    """Return z / |z|, 0 where z is 0."""
    radius = modulus(z)
    radius = tf.where(tf.equal(radius, 0), tf.ones_like(radius), radius)
    return z.each(lambda part: part / radius)


def divide_no_nan(a: Pair, b: Pair) -> Pair:
    """Return a / b, 0 where b is 0."""
    nothing = is_zero(b)
    safe = Pair(tf.where(nothing, tf.ones_like(b.real), b.real), b.imag)
    quotient = a / safe
    return where(nothing, quotient.each(tf.zeros_like), quotient)


def reciprocal(z: Pair) -> Pair:
    """Return 1 / z."""
    return Pair(tf.ones_like(z.real), tf.zeros_like(z.imag)) / z


def square(z: Pair) -> Pair:
    """Return z²."""
    return z * z


def exp(z: Pair) -> Pair:
    """Return eᶻ."""
    return polar(tf.exp(z.real), z.imag)


def expm1(z: Pair) -> Pair:
    """Return eᶻ − 1 without a difference of numbers near 1: eˣ − 1 − 2·sin²(y/2)·eˣ + i·eˣ·sin y."""
    half = tf.sin(z.imag * 0.5)
    less = tf.math.expm1(z.real)
    return Pair(less - 2.0 * half * half * (less + 1.0), (less + 1.0) * tf.sin(z.imag))


def log(z: Pair) -> Pair:
    """Return the principal logarithm."""
    return Pair(tf.math.log(modulus(z)), angle(z))


def log1p(z: Pair) -> Pair:
    """Return log(1 + z), exact for small z: |1 + z|² − 1 = 2x + x² + y²."""
    excess = z.real * (2.0 + z.real) + z.imag * z.imag
    return Pair(0.5 * tf.math.log1p(excess), angle(plus(z, 1.0)))


def sqrt(z: Pair, below: Tensor | None = None) -> Pair:
    """Return the principal square root: the larger part first, the other by division.

    `below` tells, where the sign of a zero can't, which side of the branch cut (the negative numbers) z is on.
    """
    below = tf.less(z.imag, 0) if below is None else below
    larger = tf.sqrt(0.5 * (modulus(z) + tf.abs(z.real)))
    divisor = tf.where(tf.equal(larger, 0), tf.ones_like(larger), larger)
    smaller = 0.5 * z.imag / divisor
    upper = tf.where(below, -larger, larger)
    return where(tf.greater_equal(z.real, 0), Pair(larger, smaller), Pair(tf.abs(smaller), upper))


def rsqrt(z: Pair) -> Pair:
    """Return 1 / √z."""
    return reciprocal(sqrt(z))


def power(base: Pair, exponent: Pair) -> Pair:
    """Return the principal power; of base 0 it is 1 for exponent 0, else 0."""
    nothing = is_zero(base)
    one = tf.ones_like(base.real)
    made = exp(exponent * log(Pair(tf.where(nothing, one, base.real), base.imag)))
    at_zero = from_real(tf.where(is_zero(exponent), tf.ones_like(made.real), tf.zeros_like(made.real)))
    return where(nothing, at_zero, made)


def integer_power(base: Pair, exponent: int) -> Pair:
    """Return a power by repeated squaring."""
    if exponent < 0:
        return reciprocal(integer_power(base, -exponent))
    made = Pair(tf.ones_like(base.real), tf.zeros_like(base.imag))
    while exponent:
        made = made * base if exponent & 1 else made
        base, exponent = base * base, exponent >> 1
    return made


def sinh(z: Pair) -> Pair:
    """Return the hyperbolic sine."""
    return Pair(tf.sinh(z.real) * tf.cos(z.imag), tf.cosh(z.real) * tf.sin(z.imag))


def cosh(z: Pair) -> Pair:
    """Return the hyperbolic cosine."""
    return Pair(tf.cosh(z.real) * tf.cos(z.imag), tf.sinh(z.real) * tf.sin(z.imag))


def tanh(z: Pair) -> Pair:
    """Return (sinh 2x + i·sin 2y) / (cosh 2x + cos 2y); the denominator is 2·(sinh²x + cos²y), a sum of squares."""
    x = tf.clip_by_value(z.real, -LARGE, LARGE)
    shorter, cosine = tf.sinh(x), tf.cos(z.imag)
    divisor = shorter * shorter + cosine * cosine
    return Pair(shorter * tf.cosh(x) / divisor, tf.sin(z.imag) * cosine / divisor)


def sin(z: Pair) -> Pair:
    """Return the sine: −i·sinh(i·z)."""
    return times_minus_i(sinh(times_i(z)))


def cos(z: Pair) -> Pair:
    """Return the cosine: cosh(i·z)."""
    return cosh(times_i(z))


def tan(z: Pair) -> Pair:
    """Return the tangent: −i·tanh(i·z)."""
    return times_minus_i(tanh(times_i(z)))


def sigmoid(z: Pair) -> Pair:
    """Return 1 / (1 + e⁻ᶻ) = ½·tanh(z/2) + ½."""
    return plus(scaled(tanh(scaled(z, 0.5)), 0.5), 0.5)


def asinh(z: Pair) -> Pair:
    """Return log(z + √(z² + 1)) for a real part that isn't negative, elsewhere by oddness; √(z² + 1) − 1 is a quotient."""
    negative = tf.less(z.real, 0)
    right = where(negative, -z, z)
    squared = right * right
    root = sqrt(plus(squared, 1.0), below=tf.less(right.imag, 0))
    made = log1p(right + squared / plus(root, 1.0))
    return where(negative, -made, made)


def acosh(z: Pair) -> Pair:
    """Return log(z + √(z + 1)·√(z − 1)), the principal branch."""
    return log(z + sqrt(plus(z, 1.0)) * sqrt(plus(z, -1.0)))


def atanh(z: Pair) -> Pair:
    """Return ½·(log(1 + z) − log(1 − z)): ¼·log(1 + 4|x| / ((1 − |x|)² + y²)) with x's sign, and ½·arg(1 − |z|² + 2iy)."""
    size, squared = tf.abs(z.real), z.imag * z.imag
    real = 0.25 * tf.math.log1p(4.0 * size / (tf.square(1.0 - size) + squared))
    imag = 0.5 * tf.atan2(2.0 * z.imag, (1.0 - z.real) * (1.0 + z.real) - squared)
    return Pair(tf.where(tf.less(z.real, 0), -real, real), imag)


def asin(z: Pair) -> Pair:
    """Return i·asinh(−i·z), which is TensorFlow's value on the branch cut too."""
    return times_i(asinh(times_minus_i(z)))


def acos(z: Pair) -> Pair:
    """Return π/2 − asin z."""
    return plus(-asin(z), 1.5707963267948966)


def atan(z: Pair) -> Pair:
    """Return −i·atanh(i·z)."""
    return times_minus_i(atanh(times_i(z)))
