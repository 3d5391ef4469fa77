"""Discrete Fourier transforms as products with constant matrices, on pairs of real tensors.

A length up to `DIRECT` is one product.  A longer one is split into two factors (Cooley and Tukey's step: transform over
the first, turn by the twiddle factors, transform over the second), which keeps both the constants and the rounding error
small; a long prime length goes by Bluestein's convolution.  A length that is known only when the model runs gets its
matrix computed then.  Everything is computed in double precision and stored in that of the tensors.

The ops yield complex numbers and go with `anyport_tf.complex_pairs`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from .complex import Pair, conjugate
from .shapes import Size, padded, product, rank, reshaped, size, sizes

Array = Any
Tensor = Any
Parts = Sequence[Tensor]
"""The real part of a tensor `[rows, n]` and, where it isn't real, the imaginary part."""

DIRECT = 512
"""The longest transform made as one product: a matrix of 2 MB in float32."""


def fft(z: Pair, *, axes: Sequence[int], inverse: bool = False) -> Pair:
    """Transform a complex tensor along some axes."""
    for axis in axes:
        z = _along(z, axis, lambda pair: _last_axis(_parts(pair), size(pair.real, -1), inverse))
    return z


def rfft(x: Tensor, lengths: Sequence[Size], *, axes: Sequence[int]) -> Pair:
    """Transform a real tensor along some axes, the last of them to the `n // 2 + 1` first frequencies."""
    x = _resized(x, axes, lengths)
    last, length = axes[-1], lengths[-1]
    z = _along(x, last, lambda real: _half(_last_axis([real], length, False, outputs=length // 2 + 1), length))
    return fft(z, axes=axes[:-1])


def irfft(z: Pair, lengths: Sequence[Size], *, axes: Sequence[int]) -> Tensor:
    """Undo `rfft`: return the real tensor of these lengths that has the spectrum z."""
    wanted = [*lengths[:-1], lengths[-1] // 2 + 1]
    z = fft(z.each(lambda part: _resized(part, axes, wanted)), axes=axes[:-1], inverse=True)
    return _along(z, axes[-1], lambda pair: _real_from_half(pair, lengths[-1]))


# Axes.


def _along(z: Any, axis: int, transform: Callable[[Any], Any]) -> Any:
    """Apply a transform of the last axis to another one of a tensor or a pair."""
    parts = [z.real, z.imag] if isinstance(z, Pair) else [z]
    number = rank(parts[0])
    order = list(range(number))
    order[axis], order[-1] = order[-1], order[axis]
    if order == sorted(order):
        return transform(z)
    turned = transform(
        Pair(*(tf.transpose(part, order) for part in parts)) if len(parts) > 1 else tf.transpose(z, order)
    )
    return (
        turned.each(lambda part: tf.transpose(part, order)) if isinstance(turned, Pair) else tf.transpose(turned, order)
    )


def _resized(x: Tensor, axes: Sequence[int], lengths: Sequence[Size]) -> Tensor:
    """Cut axes to their lengths, or fill them up with zeros."""
    now = sizes(x)
    cut, fill = list(now), [(0, 0)] * len(now)
    for axis, length in zip(axes, lengths, strict=True):
        if isinstance(now[axis], int) and isinstance(length, int):
            cut[axis], missing = min(now[axis], length), max(length - now[axis], 0)
        else:
            cut[axis], missing = tf.minimum(now[axis], length), tf.maximum(length - now[axis], 0)
        fill[axis] = (0, missing)
    if any(new is not old for new, old in zip(cut, now, strict=True)):
        x = tf.slice(x, [0] * len(now), tf.stack(cut))
    return padded(x, fill)


def _parts(z: Pair) -> Parts:
    """Return the parts of a pair, the real one alone of what was cast from a real tensor."""
    return [z.real] if z.imag.op.type == "ZerosLike" else [z.real, z.imag]


def _half(z: Pair, length: Size) -> Pair:
    """Make the first and, of an even length, the last frequency real, as they are but for rounding: phases show it."""
    if not isinstance(length, int) or length <= DIRECT:
        return z  # the matrix has seen to it
    real = np.arange(length // 2 + 1) * 2 % length == 0
    return Pair(z.real, z.imag * tf.constant(~real, z.dtype))


def _last_axis(parts: Parts, length: Size, inverse: bool, outputs: Size | None = None) -> Pair:
    """Transform the last axis, keeping the first `outputs` frequencies; the inverse divides by the length."""
    shape = sizes(parts[0])[:-1]
    flat = [_rows(part) for part in parts]
    made = _transform(flat, length, inverse, length if outputs is None else outputs)
    return made.each(lambda part: reshaped(part, [*shape, length if outputs is None else outputs]))


# One axis of rows.


def _rows(tensor: Tensor) -> Tensor:
    """Return a tensor as `[rows, n]`."""
    *outer, last = sizes(tensor)
    empty = any(isinstance(number, int) and number == 0 for number in (*outer, last))
    return reshaped(tensor, [product(outer) if empty or not isinstance(last, int) else -1, last])


def _transform(parts: Parts, length: Size, inverse: bool, outputs: Size) -> Pair:
    """Transform `[rows, length]` to `[rows, outputs]`."""
    if not isinstance(length, int):
        return _measured(parts, length, inverse, outputs)
    if length <= DIRECT:
        scale = 1.0 / length if inverse else 1.0
        return _product(parts, _roots(length, length, outputs, inverse) * scale)
    factor = max(divisor for divisor in range(1, math.isqrt(length) + 1) if length % divisor == 0)
    if max(_prime_factors(length)) > DIRECT:
        made = _bluestein(parts, length, inverse)
    else:
        made = _split(parts, factor, length // factor, inverse)
    return made.each(lambda part: part[:, :outputs]) if outputs != length else made


def _roots(length: int, rows: int, columns: int, inverse: bool) -> Array:
    """Return e^(∓2πi·j·k / length) `[rows, columns]`, exact on the axes, so that what is real stays real.

    The angle is that of the product modulo the length, which keeps every digit.
    """
    steps = np.outer(np.arange(rows, dtype=np.int64), np.arange(columns, dtype=np.int64)) % length
    turns = 2.0 * np.pi * steps / length
    real = np.where(4 * steps % (2 * length) == length, 0.0, np.cos(turns))
    imag = np.where(2 * steps % length == 0, 0.0, np.sin(turns) if inverse else -np.sin(turns))
    return real + 1j * imag


def _product(parts: Parts, matrix: Array) -> Pair:
    """Multiply rows by a complex constant matrix, in one real product."""
    blocks = np.concatenate([matrix.real, matrix.imag], axis=1)
    if len(parts) > 1:
        blocks = np.concatenate([blocks, np.concatenate([-matrix.imag, matrix.real], axis=1)])
    made = tf.matmul(_joined(parts), tf.constant(blocks, parts[0].dtype))
    columns = matrix.shape[1]
    return Pair(made[:, :columns], made[:, columns:])


def _joined(parts: Parts) -> Tensor:
    return tf.concat(parts, axis=1) if len(parts) > 1 else parts[0]


def _split(parts: Parts, first: int, second: int, inverse: bool) -> Pair:
    """Transform a length `first · second`: j = j₁·second + j₂, k = k₁ + first·k₂."""
    turned = [tf.reshape(_swapped(tf.reshape(part, [-1, first, second])), [-1, first]) for part in parts]
    inner = _transform(turned, first, inverse, first)  # [rows · second, k₁]
    inner = inner.each(lambda part: tf.reshape(part, [-1, second, first]))
    twiddles = _roots(first * second, second, first, inverse)
    dtype = parts[0].dtype
    inner = inner * Pair(tf.constant(twiddles.real, dtype), tf.constant(twiddles.imag, dtype))
    inner = inner.each(lambda part: tf.reshape(_swapped(part), [-1, second]))
    outer = _transform([inner.real, inner.imag], second, inverse, second)  # [rows · first, k₂]
    return outer.each(lambda part: tf.reshape(_swapped(tf.reshape(part, [-1, first, second])), [-1, first * second]))


def _swapped(tensor: Tensor) -> Tensor:
    return tf.transpose(tensor, [0, 2, 1])


def _prime_factors(number: int) -> list[int]:
    found, divisor = [], 2
    while divisor * divisor <= number:
        while number % divisor == 0:
            found.append(divisor)
            number //= divisor
        divisor += 1
    return [*found, number] if number > 1 else found


def _bluestein(parts: Parts, length: int, inverse: bool) -> Pair:
    """Transform a length with a large prime factor, as a convolution with a chirp: j·k = (j² + k² − (k − j)²) / 2."""
    steps = np.arange(length, dtype=np.int64)
    chirp = np.exp((1j if inverse else -1j) * np.pi * (steps * steps % (2 * length)) / length)
    longer = 1 << (2 * length - 2).bit_length()
    kernel = np.zeros(longer, np.complex128)
    kernel[:length] = chirp.conj()
    kernel[longer - length + 1 :] = chirp[1:].conj()[::-1]
    dtype = parts[0].dtype
    turn = _constant(chirp, dtype)
    z = Pair(parts[0] * turn.real, parts[0] * turn.imag) if len(parts) == 1 else Pair(*parts) * turn
    z = z.each(lambda part: tf.pad(part, [[0, 0], [0, longer - length]]))
    z = _transform([z.real, z.imag], longer, False, longer) * _constant(np.fft.fft(kernel), dtype)
    z = _transform([z.real, z.imag], longer, True, longer).each(lambda part: part[:, :length])
    scale = 1.0 / length if inverse else 1.0
    return z * _constant(chirp * scale, dtype)


def _constant(value: Array, dtype: Any) -> Pair:
    return Pair(tf.constant(value.real, dtype), tf.constant(value.imag, dtype))


def _measured(parts: Parts, length: Tensor, inverse: bool, outputs: Size) -> Pair:
    """Transform a length that is known when the model runs; j·k mod n is exact, as the angle must be."""
    dtype = parts[0].dtype
    turns = tf.cast(tf.range(length)[:, None] * tf.range(outputs)[None] % length, dtype)
    angles = turns * (2.0 * np.pi) / tf.cast(length, dtype)
    cosines, sines = tf.cos(angles), tf.sin(angles) if inverse else -tf.sin(angles)
    blocks = tf.concat([cosines, sines], axis=1)
    if len(parts) > 1:
        blocks = tf.concat([blocks, tf.concat([-sines, cosines], axis=1)], axis=0)
    made = tf.matmul(_joined(parts), blocks)
    if inverse:
        made = made / tf.cast(length, dtype)
    return Pair(made[:, :outputs], made[:, outputs:])


def _real_from_half(z: Pair, length: Size) -> Tensor:
    """Return the real rows whose first `length // 2 + 1` frequencies are z."""
    shape = sizes(z.real)[:-1]
    half = length // 2 + 1
    z = z.each(lambda part: _rows(part))
    if isinstance(length, int) and length <= DIRECT:
        weights = np.full((half, 1), 2.0)
        weights[0] = weights[-1] = 1.0
        if length % 2 and length > 1:
            weights[-1] = 2.0
        roots = _roots(length, half, length, inverse=True) * weights / length
        made = tf.matmul(_joined([z.real, z.imag]), tf.constant(np.concatenate([roots.real, -roots.imag]), z.dtype))
    else:
        # The other half is the mirror image; the imaginary part of the result is 0 or of no interest.
        mirror = conjugate(z.each(lambda part: tf.reverse(part[:, 1 : length - half + 1], [1])))
        whole = [tf.concat([z.real, mirror.real], axis=1), tf.concat([z.imag, mirror.imag], axis=1)]
        made = _transform(whole, length, True, length).real
    return reshaped(made, [*shape, length])


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {}
"""No rule of its own: a transform yields complex numbers."""
