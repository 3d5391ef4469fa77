"""Solving and decomposing by elimination: inverses, solutions, determinants, LU, Cholesky, triangular and banded systems.

Partial pivoting as in LAPACK and Eigen, without moving rows: the largest element of a column among the rows that are still
free is the pivot, and the rows are put in the pivots' order at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from ..rules import attribute
from .matrices import (
    as_before,
    at,
    at_diagonal,
    batched,
    below,
    broadcast_batches,
    identity,
    repeat,
    square_size,
    transposed,
)
from .shapes import Size, fixed, size

Operation = Any
Tensor = Any


def inverse(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`MatrixInverse`: Gauss-Jordan elimination beside unit matrices."""
    matrix = batched(inputs[0])
    made = solved(matrix, identity(matrix, square_size(matrix)))
    return as_before(transposed(made) if attribute(operation, "adjoint") else made, inputs[0])


def solve(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`MatrixSolve`: Gauss-Jordan elimination beside the right-hand sides."""
    matrix, right = batched(inputs[0]), batched(inputs[1])
    matrix = transposed(matrix) if attribute(operation, "adjoint") else matrix
    return as_before(solved(matrix, right), inputs[1])


def solved(matrix: Tensor, right: Tensor) -> Tensor:
    """Return the solutions X `[batch, n, m]` of A·X = B."""
    number = square_size(matrix)

    def step(k: Size, work: Tensor, free: Tensor, order: Tensor) -> Sequence[Tensor]:
        column, pivot, row = _pivot(k, work, free)
        unit = row / tf.gather(row, k, axis=1)[:, None]
        others = work - column[:, :, None] * unit[:, None]
        work = tf.where(pivot[:, :, None], unit[:, None], others)
        return work, _without(free, pivot), _ordered(order, k, pivot, work.dtype)

    state = _start(tf.concat([matrix, right], axis=2), number)
    work, _, order = repeat(number, step, *state)
    return tf.matmul(order, work[:, :, number:])


def _start(work: Tensor, number: Size) -> tuple[Tensor, Tensor, Tensor]:
    """Return the state of an elimination: the rows, which of them are free `[batch, n]`, and the order so far."""
    free = tf.ones_like(work[:, :, 0], tf.bool)
    return work, free, tf.zeros_like(work[:, :, :number])


def _pivot(k: Size, work: Tensor, free: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the column k `[batch, n]`, where its pivot is `[batch, n]`, and the pivot's row `[batch, columns]`."""
    column = tf.gather(work, k, axis=2)
    scores = tf.where(free, tf.abs(column), -tf.ones_like(column))
    best = tf.argmax(scores, axis=1, output_type=tf.int32)
    pivot = tf.equal(tf.range(size(work, 1))[None], best[:, None])
    row = tf.reduce_sum(tf.where(pivot[:, :, None], work, tf.zeros_like(work)), axis=1)
    return column, pivot, row


def _without(free: Tensor, pivot: Tensor) -> Tensor:
    return tf.logical_and(free, tf.logical_not(pivot))


def _ordered(order: Tensor, k: Size, pivot: Tensor, dtype: Any) -> Tensor:
    """Note in row k of the permutation matrix `[batch, n, n]` where the pivot was."""
    here = at(size(order, 1), k)
    return tf.where(here[None, :, None], tf.cast(pivot, dtype)[:, None], order)


def lu(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`Lu`: both factors in one matrix, and the order of the rows."""
    work, order = _factored(batched(inputs[0]))
    made = as_before(tf.matmul(order, work), inputs[0])
    rows = as_before(_row_numbers(order)[:, :, None], inputs[0])[..., 0]
    return [made, tf.cast(rows, operation.outputs[1].dtype)]


def _row_numbers(order: Tensor) -> Tensor:
    """Return a permutation matrix as the place of the 1 in each row `[batch, n]`."""
    return tf.argmax(order, axis=2, output_type=tf.int32)


def _factored(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return L (below its unit diagonal) and U in the rows as they came, and the permutation that orders them."""
    number = square_size(matrix)
    places = tf.range(number)

    def step(k: Size, work: Tensor, free: Tensor, order: Tensor) -> Sequence[Tensor]:
        column, pivot, row = _pivot(k, work, free)
        free = _without(free, pivot)
        value = tf.gather(row, k, axis=1)
        factors = column / tf.where(tf.equal(value, 0), tf.ones_like(value), value)[:, None]
        rest = work - factors[:, :, None] * row[:, None]
        changed = tf.where(tf.greater(places, k)[None, None], rest, work)
        changed = tf.where(tf.equal(places, k)[None, None], factors[:, :, None], changed)
        return tf.where(free[:, :, None], changed, work), free, _ordered(order, k, pivot, work.dtype)

    work, _, order = repeat(number, step, *_start(matrix, number))
    return work, order


def _pivots_and_parity(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return the diagonal of U `[batch, n]`, and −1 where the rows are an odd permutation, else 1 `[batch]`."""
    work, order = _factored(matrix)
    number = square_size(matrix)
    pivots = tf.reduce_sum(order * transposed(work), axis=2)
    rows = _row_numbers(order)
    swapped = tf.cast(tf.greater(rows[:, None], rows[:, :, None]), matrix.dtype) * below(number, matrix.dtype)
    count = tf.reduce_sum(swapped, axis=[1, 2])
    return pivots, 1.0 - 2.0 * (count - 2.0 * tf.floor(count * 0.5))


def determinant(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`MatrixDeterminant`: the product of the pivots."""
    pivots, parity = _pivots_and_parity(batched(inputs[0]))
    return _per_matrix(parity * tf.reduce_prod(pivots, axis=1), inputs[0])


def log_determinant(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`LogMatrixDeterminant`: the sign and the logarithm of the modulus; 0 and −∞ of a singular matrix."""
    pivots, parity = _pivots_and_parity(batched(inputs[0]))
    sign = parity * tf.reduce_prod(tf.sign(pivots), axis=1)
    return [
        _per_matrix(sign, inputs[0]),
        _per_matrix(tf.reduce_sum(tf.math.log(tf.abs(pivots)), axis=1), inputs[0]),
    ]


def _per_matrix(made: Tensor, like: Tensor) -> Tensor:
    """Return one number for each matrix `[batch]` with the batch axes of `like`."""
    return as_before(made[:, None, None], like)[..., 0, 0]


def cholesky(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`Cholesky`: column by column; what is above the diagonal isn't read."""
    matrix = batched(inputs[0])
    number = square_size(matrix)
    rows = tf.range(number)

    def step(k: Size, work: Tensor, factor: Tensor) -> Sequence[Tensor]:
        column = tf.gather(work, k, axis=2)
        column = column / tf.sqrt(tf.gather(column, k, axis=1))[:, None]
        column = tf.where(tf.greater_equal(rows, k)[None], column, tf.zeros_like(column))
        factor = tf.where(at(number, k)[None, None], column[:, :, None], factor)
        return work - column[:, :, None] * column[:, None], factor

    _, factor = repeat(number, step, matrix, tf.zeros_like(matrix))
    return as_before(factor, inputs[0])


def triangular_solve(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`MatrixTriangularSolve`: substitution; batches broadcast, and the other triangle isn't read."""
    first, second = broadcast_batches(*inputs)
    matrix, right = batched(first), batched(second)
    lower = bool(attribute(operation, "lower"))
    if attribute(operation, "adjoint"):
        matrix, lower = transposed(matrix), not lower
    return as_before(substituted(matrix, right, lower), second)


def substituted(matrix: Tensor, right: Tensor, lower: bool) -> Tensor:
    """Return the solutions X of A·X = B for triangular matrices A."""
    number = square_size(matrix)
    triangle = below(number, matrix.dtype)
    rest = tf.where(tf.greater(triangle if lower else transposed(triangle), 0), matrix, tf.zeros_like(matrix))
    diagonal = tf.reduce_sum(tf.where(at_diagonal(number)[None], matrix, tf.zeros_like(matrix)), axis=2)

    def step(count: Size, work: Tensor) -> Sequence[Tensor]:
        k = count if lower else number - 1 - count
        row = tf.gather(work, k, axis=1) / tf.gather(diagonal, k, axis=1)[:, None]
        others = work - tf.gather(rest, k, axis=2)[:, :, None] * row[:, None]
        return (tf.where(at(number, k)[None, :, None], row[:, None], others),)

    return repeat(number, step, right)[0]


def tridiagonal_solve(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`TridiagonalSolve`, by way of the whole matrix."""
    diagonals, right = inputs
    bands = batched(diagonals)
    matrix = _from_bands(bands, {1: bands[:, 0], 0: bands[:, 1], -1: bands[:, 2]})
    return as_before(solved(matrix, batched(right)), right)


def banded_solve(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`BandedTriangularSolve`, by way of the whole matrix."""
    first, second = broadcast_batches(*inputs)
    bands, right = batched(first), batched(second)
    lower = bool(attribute(operation, "lower"))
    count = fixed(bands, 1)
    stated = {-row if lower else count - 1 - row: bands[:, row] for row in range(count)}
    matrix = _from_bands(bands, stated)
    if attribute(operation, "adjoint"):
        matrix, lower = transposed(matrix), not lower
    return as_before(substituted(matrix, right, lower), second)


def _from_bands(bands: Tensor, diagonals: Mapping[int, Tensor]) -> Tensor:
    """Return matrices with these diagonals (offset to the right → `[batch, n]`, aligned to the rows), zeros elsewhere."""
    number = size(bands, 2)
    offsets = tf.range(number)[None] - tf.range(number)[:, None]
    made = tf.zeros_like(bands[:, 0, :, None] + bands[:, 0, None, :])
    for offset, diagonal in diagonals.items():
        made = tf.where(tf.equal(offsets, offset)[None], diagonal[:, :, None], made)
    return made


def tridiagonal_matmul(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`TridiagonalMatMul`: each row from itself and its two neighbours."""
    above, main, under, right = inputs
    upper, middle, lower = (tf.linalg.matrix_transpose(tensor) for tensor in (above, main, under))
    nothing = tf.zeros_like(right[..., :1, :])
    next_rows = tf.concat([right[..., 1:, :], nothing], axis=-2)
    last_rows = tf.concat([nothing, right[..., :-1, :]], axis=-2)
    return upper * next_rows + middle * right + lower * last_rows


def cross(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`Cross`: the vector product over the last axis."""
    a, b = (tf.unstack(tensor, num=3, axis=-1) for tensor in inputs)
    return tf.stack([a[i] * b[j] - a[j] * b[i] for i, j in ((1, 2), (2, 0), (0, 1))], axis=-1)


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "inverse-as-elimination": (("MatrixInverse",), inverse),
    "solve-as-elimination": (("MatrixSolve",), solve),
    "lu-as-elimination": (("Lu",), lu),
    "determinant-as-elimination": (("MatrixDeterminant",), determinant),
    "log-determinant-as-elimination": (("LogMatrixDeterminant",), log_determinant),
    "cholesky-as-columns": (("Cholesky",), cholesky),
    "triangular-solve-as-substitution": (("MatrixTriangularSolve",), triangular_solve),
    "tridiagonal-solve-as-elimination": (("TridiagonalSolve",), tridiagonal_solve),
    "banded-solve-as-substitution": (("BandedTriangularSolve",), banded_solve),
    "tridiagonal-matmul-as-shifts": (("TridiagonalMatMul",), tridiagonal_matmul),
    "cross-as-products": (("Cross",), cross),
}
"""Rule → the ops that it is about, and what they become."""
