"""`Bitcast` by arithmetic: the bits of floats as integers and back, and integers of one width as those of another.

All that is asked of a runtime is integer arithmetic in the wider width, a float logarithm that is off by less than 1, and
products by powers of 2, which are exact.  Denormals are kept as far as the runtime keeps them; every NaN has the bits of the
positive quiet one, which says nothing.  Bytes are in the order of little-endian machines.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..rules import Inapplicable

Operation = Any
Tensor = Any


@dataclasses.dataclass(frozen=True)
class Layout:
    """How a float is laid out in an integer of its width, from IEEE 754."""

    exponent: int
    """Bits of the exponent."""
    mantissa: int
    """Bits of the mantissa."""
    wide: Any = tf.float32
    """The dtype in which it is computed: one that holds each of its values."""

    @property
    def bias(self) -> int:
        return int(2 ** (self.exponent - 1) - 1)


LAYOUTS = {
    tf.float16: Layout(5, 10),
    tf.bfloat16: Layout(8, 7),
    tf.float32: Layout(8, 23),
    tf.float64: Layout(11, 52, tf.float64),
}
INTEGERS = {1: tf.int8, 2: tf.int16, 4: tf.int32, 8: tf.int64}
"""Bytes → the signed integer of so many."""


def bitcast(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """From any dtype of numbers to any other: to signed integers, in another width, from signed integers."""
    (value,), dtype = inputs, operation.outputs[0].dtype
    if not all(item in LAYOUTS or item.is_integer for item in (value.dtype, dtype)):
        raise Inapplicable(f"from {value.dtype.name} to {dtype.name}")
    number = _work(value.dtype if value.dtype.size > dtype.size else dtype)
    whole = _as_signed(value, number)
    if value.dtype.size > dtype.size:
        whole = _apart(whole, dtype.size, value.dtype.size // dtype.size)
    elif value.dtype.size < dtype.size:
        whole = _together(whole, value.dtype.size, dtype.size // value.dtype.size)
    return _of_signed(whole, dtype)


def _work(dtype: Any) -> Any:
    """Return the integers to compute with."""
    return tf.int64 if dtype.size == 8 else tf.int32


def _as_signed(value: Tensor, number: Any) -> Tensor:
    """Return the bits as a signed integer, held in dtype `number`."""
    if value.dtype in LAYOUTS:
        return tf.cast(encoded(value, LAYOUTS[value.dtype]), number)
    if value.dtype.size == number.size:
        return tf.cast(value, number)  # which wraps what is beyond the largest
    return _signed(tf.cast(value, number), value.dtype.size)


def _signed(whole: Tensor, size: int) -> Tensor:
    """Return integers below 2^bits with the upper half of them negative."""
    limit = 2 ** (8 * size)
    return tf.where(whole >= limit // 2, whole - limit, whole)


def _of_signed(whole: Tensor, dtype: Any) -> Tensor:
    """Return what the bits of signed integers, each within the width, mean in a dtype."""
    if dtype in LAYOUTS:
        return decoded(whole, dtype)
    if dtype.is_unsigned and dtype.size < whole.dtype.size:
        whole = tf.where(whole < 0, whole + 2 ** (8 * dtype.size), whole)
    return tf.cast(whole, dtype)


def _apart(whole: Tensor, size: int, count: int) -> Tensor:
    """Return integers in `count` parts of `size` bytes, the lowest first, in a new last axis."""
    limit = 2 ** (8 * size)
    parts = []
    for _ in range(count - 1):
        rest = tf.math.floordiv(whole, limit)
        parts.append(_signed(whole - rest * limit, size))
        whole = rest
    return tf.stack([*parts, whole], -1)


def _together(parts: Tensor, size: int, count: int) -> Tensor:
    """Return the integers of which these are the parts in the last axis."""
    limit = 2 ** (8 * size)
    several = tf.unstack(parts, count, axis=-1)
    whole = several[-1]
    for part in reversed(several[:-1]):
        whole = whole * limit + tf.where(part < 0, part + limit, part)
    return whole


def encoded(value: Tensor, layout: Layout) -> Tensor:
    """Return the bits of floats as integers of their width (at least 32 bits).

    The size is scaled first to where its power of 2, and that power's inverse, are normal numbers.
    """
    number = _work(layout.wide)
    x = tf.cast(value, layout.wide)
    scale = (layout.bias + 1) // 2
    size = tf.abs(x)
    large = size >= 1
    near = tf.where(large, size * 2.0**-scale, size * 2.0**scale)
    power = tf.floor(tf.math.log(near) * (1 / math.log(2)))
    power = tf.clip_by_value(tf.where(tf.equal(power, power), power, tf.zeros_like(power)), -scale, scale)
    fraction = near * _power(-power, -scale, scale)
    high, low = fraction >= 2, fraction < 1
    power = power + tf.cast(high, layout.wide) - tf.cast(low, layout.wide)
    fraction = tf.where(high, 0.5 * fraction, tf.where(low, 2 * fraction, fraction))
    power = power + scale * (2 * tf.cast(large, layout.wide) - 1)
    unit = 2**layout.mantissa
    normal = tf.cast(power + layout.bias, number) * unit + tf.cast((fraction - 1) * unit, number)
    tiny = tf.cast(near * 2.0 ** (layout.bias - 1 + layout.mantissa - scale), number)
    infinite = (2**layout.exponent - 1) * unit
    bits = tf.where(size < 2.0 ** (1 - layout.bias), tiny, normal)
    bits = tf.where(tf.equal(size, np.inf), tf.constant(infinite, number), bits)
    bits = tf.where(tf.equal(x, x), bits, tf.constant(infinite + unit // 2, number))
    # Only the reciprocal tells the negative zero.
    negative = tf.logical_or(x < 0, 1 / x < 0)
    return tf.where(negative, bits + tf.constant(-(2 ** (layout.exponent + layout.mantissa)), number), bits)


def decoded(whole: Tensor, dtype: Any) -> Tensor:
    """Return the floats whose bits these signed integers are."""
    layout = LAYOUTS[dtype]
    unit, wide = 2**layout.mantissa, layout.wide
    negative = whole < 0
    bits = tf.where(negative, whole - tf.constant(-(2 ** (layout.exponent + layout.mantissa)), whole.dtype), whole)
    exponent = tf.math.floordiv(bits, unit)
    fraction = tf.cast(bits - exponent * unit, wide)
    power = _power(tf.cast(exponent, wide) - layout.bias, 1 - layout.bias, layout.bias)
    normal = (1 + fraction * (1 / unit)) * power
    tiny = fraction * 2.0**-layout.mantissa * 2.0 ** (1 - layout.bias)
    size = tf.where(tf.equal(exponent, 0), tiny, normal)
    beyond = tf.where(tf.equal(fraction, 0), tf.constant(np.inf, wide), tf.constant(np.nan, wide))
    size = tf.where(tf.equal(exponent, 2**layout.exponent - 1), beyond, size)
    return tf.cast(tf.where(negative, -size, size), dtype)


def _power(exponent: Tensor, least: int, most: int) -> Tensor:
    """Return 2 to exponents that are whole numbers, exactly, clipped to normal numbers: a table of constants."""
    table = tf.constant(2.0 ** np.arange(least, most + 1), exponent.dtype)
    return tf.gather(table, tf.cast(tf.clip_by_value(exponent, least, most), tf.int32) - least)


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "bitcast-as-arithmetic": (("Bitcast",), bitcast),
}
"""Rule → the ops that it is about, and what they become."""
