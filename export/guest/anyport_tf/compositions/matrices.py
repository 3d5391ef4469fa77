"""What compositions of linear algebra share: batches of matrices as `[batch, rows, columns]`, and steps repeated.

A step works on whole matrices under masks, so that the same function does for a number of steps that is small and known
(one after the other, as constants) and for one that is large or known only when the model runs (a loop of fixed shapes).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from .shapes import Size, fixed, product, rank, reshaped, size, sizes

Tensor = Any
Body = Callable[..., Sequence[Tensor]]
"""`(step, *state) → state`."""

UNROLLED = 16
"""The most steps that are written one after the other."""


def batched(matrix: Tensor) -> Tensor:
    """Return matrices of any number of batch axes as `[batch, rows, columns]`."""
    shape = sizes(matrix)
    return matrix if len(shape) == 3 else reshaped(matrix, [product(shape[:-2]), *shape[-2:]])


def as_before(made: Tensor, like: Tensor) -> Tensor:
    """Return `[batch, …]` with the batch axes of the matrices `like`."""
    outer = sizes(like)[:-2]
    return made if len(outer) == 1 else reshaped(made, [*outer, *sizes(made)[1:]])


def broadcast_batches(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return both matrices with the same batch axes."""
    outer = [tensor.shape[:-2].as_list() if rank(tensor) > 2 else [] for tensor in (a, b)]
    if outer[0] == outer[1]:
        return a, b
    return a + tf.zeros_like(b[..., :1, :1]), b + tf.zeros_like(a[..., :1, :1])


def repeat(count: Size, body: Body, *state: Tensor, unrolled: int = UNROLLED) -> list[Tensor]:
    """Apply a body `count` times to a state whose shapes it keeps."""
    if isinstance(count, int) and count <= unrolled:
        now: Sequence[Tensor] = state
        for step in range(count):
            now = body(step, *now)
        return list(now)

    def again(step: Tensor, *now: Tensor) -> list[Tensor]:
        made = list(body(step, *now))
        for new, old in zip(made, state, strict=True):
            new.set_shape(old.shape)
        return [step + 1, *made]

    return list(tf.while_loop(lambda step, *now: tf.less(step, count), again, [tf.constant(0), *state]))[1:]


def transposed(matrix: Tensor) -> Tensor:
    """Return the transposes of `[batch, rows, columns]`."""
    return tf.transpose(matrix, [0, 2, 1])


def identity(like: Tensor, number: Size) -> Tensor:
    """Return unit matrices `[batch, number, number]`, as many as there are of `like`."""
    unit = tf.cast(tf.equal(tf.range(number)[:, None], tf.range(number)[None]), like.dtype)
    return tf.tile(unit[None], tf.stack([size(like, 0), 1, 1]))


def below(number: Size, dtype: Any) -> Tensor:
    """Return ones below the diagonal `[1, number, number]`, zeros on it and above."""
    return tf.cast(tf.greater(tf.range(number)[:, None], tf.range(number)[None]), dtype)[None]


def at(number: Size, step: Size) -> Tensor:
    """Return where an index is `step` `[number]`."""
    return tf.equal(tf.range(number), step)


def at_diagonal(number: Size) -> Tensor:
    """Return where a row's number is the column's `[number, number]`."""
    return tf.equal(tf.range(number)[:, None], tf.range(number)[None])


def square_size(matrix: Tensor) -> Size:
    """Return the size of square matrices, of whichever axis is static."""
    return size(matrix, -1) if matrix.shape[-1] is not None else size(matrix, -2)


def fixed_size(matrix: Tensor) -> int:
    """Return the size of square matrices, which must be static."""
    return fixed(matrix, -1)
