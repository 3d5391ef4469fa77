"""Bits of integers, and products of integer matrices, by arithmetic on halves that float32 holds exactly.

An integer of 32 bits is `high · 2¹⁶ + low`; all that is asked of a runtime is a cast, sums and products that don't overflow,
and float arithmetic on numbers below 2²⁴.  Integers of 8 and 16 bits have the low half alone.  64 bits are not done: the
targets narrow them first, where that is safe.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..rules import Inapplicable, attribute, value_of
from .shapes import fixed, rank, reshaped, sizes

Operation = Any
Tensor = Any

HALF = 65536
BITS = 16
NARROW = (tf.int8, tf.uint8, tf.int16, tf.uint16)


def halves(x: Tensor) -> list[Tensor]:
    """Return the unsigned 16-bit digits of integers, the highest first, as float32: two of int32, one of narrower ones."""
    if x.dtype in NARROW:
        value = tf.cast(x, tf.float32)
        return [tf.where(value < 0, value + HALF, value)]
    high, low = signed_halves(x)
    return [tf.where(high < 0, high + HALF, high), low]


def signed_halves(x: Tensor) -> tuple[Tensor, Tensor]:
    """Return high in [−2¹⁵, 2¹⁵) and low in [0, 2¹⁶) of int32, as float32.

    The cast rounds to 24 bits, which can lift a number to the next multiple of 2¹⁶ but not beyond: low is then negative.
    """
    if x.dtype != tf.int32:
        raise Inapplicable(f"its dtype is {x.dtype.name}")
    high = tf.minimum(tf.floor(tf.cast(x, tf.float32) * (1 / HALF)), HALF / 2 - 1)
    low = tf.cast(x - tf.cast(high, tf.int32) * HALF, tf.float32)
    lifted = low < 0
    return tf.where(lifted, high - 1, high), tf.where(lifted, low + HALF, low)


def whole(digits: Sequence[Tensor], dtype: Any) -> Tensor:
    """Return integers of unsigned 16-bit digits: the inverse of `halves`."""
    first = tf.cast(digits[0], tf.int32)
    if dtype in NARROW:
        bits = dtype.size * 8
        first = first if bits == BITS else first - tf.cast(tf.floor(digits[0] / 2**bits), tf.int32) * 2**bits
        limit = 2 ** (bits - 1)
        return tf.cast(first if dtype.is_unsigned else tf.where(first >= limit, first - 2 * limit, first), dtype)
    first = tf.where(first >= HALF // 2, first - HALF, first)
    return first * HALF + tf.cast(digits[1], tf.int32)


def bits_of(digit: Tensor) -> Tensor:
    """Return `[…, 16]` zeros and ones, the lowest bit first, of 16-bit digits."""
    shifted = tf.floor(tf.expand_dims(digit, -1) * tf.constant(0.5 ** np.arange(BITS), tf.float32))
    return shifted - 2 * tf.floor(0.5 * shifted)


def both(a: Tensor, b: Tensor) -> Tensor:
    """Return `a & b` of 16-bit digits."""
    return tf.reduce_sum(bits_of(a) * bits_of(b) * tf.constant(2.0 ** np.arange(BITS), tf.float32), -1)


COMBINED: Mapping[str, Callable[[Tensor, Tensor, Tensor], Tensor]] = {
    "BitwiseAnd": lambda a, b, common: common,
    "BitwiseOr": lambda a, b, common: a + b - common,
    "BitwiseXor": lambda a, b, common: a + b - 2 * common,
}
"""Op → what becomes of two digits of which `common` are the bits that both have."""


def bitwise(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Bit by bit in an axis of 16, one digit after the other, on flat tensors (no runtime broadcasts every rank)."""
    x, y = inputs
    shape = None
    if max(rank(x), rank(y)) > 2:
        x, y = x + tf.zeros_like(y), y + tf.zeros_like(x)
        shape = sizes(x)
        x, y = tf.reshape(x, [-1]), tf.reshape(y, [-1])
    digits = [COMBINED[operation.type](a, b, both(a, b)) for a, b in zip(halves(x), halves(y), strict=True)]
    made = whole(digits, x.dtype)
    return made if shape is None else reshaped(made, shape)


def invert(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """All bits the other way: `−1 − x`, of unsigned integers `max − x`."""
    (x,) = inputs
    return tf.constant(x.dtype.max if x.dtype.is_unsigned else -1, x.dtype) - x


def population_count(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """The sum of the bits."""
    (x,) = inputs
    digits = halves(x)
    if x.dtype == tf.int8:
        digits = [digits[0] - tf.cast(x < 0, tf.float32) * (HALF - 256)]
    counts = [tf.reduce_sum(bits_of(digit), -1) for digit in digits]
    return tf.cast(counts[0] if len(counts) == 1 else counts[0] + counts[1], operation.outputs[0].dtype)


def left_shift(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """A product by a power of 2, that of the shift within [0, bits)."""
    x, shift = inputs
    if x.dtype != tf.int32 and x.dtype not in NARROW:
        raise Inapplicable(f"its dtype is {x.dtype.name}")
    if x.dtype in NARROW:
        value = halves(x)[0] * _powers(2.0, shift)
        return whole([value - tf.floor(value * (1 / HALF)) * HALF], x.dtype)
    powers = tf.constant((1 << np.arange(32, dtype=np.int64)).astype(np.int32))
    return x * tf.gather(powers, _within(shift))


def right_shift(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """A division by a power of 2, downwards: of the high half, of its rest, and of the low half."""
    x, shift = inputs
    part = _powers(0.5, shift)
    if x.dtype in NARROW:
        return tf.cast(tf.cast(tf.floor(tf.cast(x, tf.float32) * part), tf.int32), x.dtype)
    high, low = signed_halves(x)
    upper = tf.floor(high * part)
    lower = tf.floor(high * part * HALF) - upper * HALF + tf.floor(low * part)
    return tf.cast(upper, tf.int32) * HALF + tf.cast(lower, tf.int32)


def _within(shift: Tensor) -> Tensor:
    """Return the shift as TensorFlow's kernels take it: at least 0, less than the number of bits."""
    bits = shift.dtype.size * 8
    return tf.minimum(tf.maximum(tf.cast(shift, tf.int32), 0), bits - 1)


def _powers(base: float, shift: Tensor) -> Tensor:
    """Return `base ** shift` exactly: a table of constants."""
    return tf.gather(tf.constant(base ** np.arange(32), tf.float32), _within(shift))


# Products of integer matrices.

LIMB = 256
CHUNK = 256
"""Of so many products of two limbs the sum stays below 2²⁴."""


def integer_matmul(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Float products of the matrices' 8-bit limbs, each exact, shifted and summed as integers, which wrap as they should."""
    a, b = (_turned(operation, index, tensor) for index, tensor in enumerate(inputs))
    if operation.outputs[0].dtype != tf.int32:
        raise Inapplicable(f"its dtype is {operation.outputs[0].dtype.name}")
    inner = fixed(a, rank(a) - 1)
    left, right = limbs(a, inputs[0]), limbs(b, inputs[1])
    total = None
    for start in range(0, inner, CHUNK):
        for i, upper in enumerate(left):
            for j, lower in enumerate(right[: 4 - i]):
                piece = slice(start, min(start + CHUNK, inner))
                exact = (
                    tf.matmul(upper[..., :, piece], lower[..., piece, :]) if inner > CHUNK else tf.matmul(upper, lower)
                )
                part = tf.cast(exact, tf.int32) * LIMB ** (i + j) if i + j else tf.cast(exact, tf.int32)
                total = part if total is None else total + part
    return total


def _turned(operation: Operation, index: int, tensor: Tensor) -> Tensor:
    names = (("transpose_a", "adj_x"), ("transpose_b", "adj_y"))[index]
    if not any(attribute(operation, name, False) for name in names):
        return tensor
    count = rank(tensor)
    return tf.transpose(tensor, [*range(count - 2), count - 1, count - 2])


def limbs(x: Tensor, source: Tensor) -> list[Tensor]:
    """Return integers as float limbs of base 256, the lowest first and the last with the sign: one where 8 bits are known."""
    if _is_narrow(source):
        return [tf.cast(x, tf.float32)]
    high, low = signed_halves(x)
    return [part for half in (low, high) for part in (half - LIMB * tf.floor(half / LIMB), tf.floor(half / LIMB))]


def _is_narrow(tensor: Tensor) -> bool:
    """Whether all values are known to be within ±255."""
    value = value_of(tensor)
    if value is not None and value.size:
        return bool(np.abs(value.astype(np.int64)).max() < LIMB)
    while tensor.op.type in ("Identity", "Reshape", "Transpose"):
        tensor = tensor.op.inputs[0]
    return tensor.op.type == "Cast" and tensor.op.inputs[0].dtype in (tf.int8, tf.uint8, tf.bool)


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "bitwise-as-arithmetic": (tuple(COMBINED), bitwise),
    "invert-as-subtraction": (("Invert",), invert),
    "population-count-as-sum": (("PopulationCount",), population_count),
    "left-shift-as-product": (("LeftShift",), left_shift),
    "right-shift-as-division": (("RightShift",), right_shift),
    "integer-matmul-as-float-limbs": (("MatMul", "BatchMatMul", "BatchMatMulV2"), integer_matmul),
}
"""Rule → the ops that it is about, and what they become."""
