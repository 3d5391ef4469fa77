"""Orthogonal decompositions: QR by Householder's reflections, singular values and eigenvalues by Jacobi's rotations.

The reflections are chosen as Eigen chooses them, so that Q and R have TensorFlow's signs.  Singular vectors and eigenvectors
are unique only but for their signs (and in a space of equal values not even that), and Eigen's follow from how its iteration
happens to run: what is computed here may differ by a sign for each of them.  A model that multiplies them away (a
pseudo-inverse, a projection) is right; one whose outputs show them answers otherwise, and its verdict says so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..rules import attribute
from .linalg import solved
from .matrices import as_before, at, at_diagonal, batched, fixed_size, identity, repeat, transposed
from .shapes import Size, fixed, size, smallest

Operation = Any
Tensor = Any

UNROLLED_ROUNDS = 40
"""The most rounds of rotations that are written one after the other: matrices of up to 6 columns."""

SWEEPS = ((2, 2), (4, 5), (8, 7), (16, 9), (32, 11), (1 << 30, 14))
"""Up to how many columns → sweeps over all pairs, in single precision.

One more than the hardest of 1,000 matrices each needed (values spread over six decades, or in clusters 10⁻⁴ wide).
"""
MORE_SWEEPS = 2
"""Those that double precision takes besides; convergence is quadratic."""


# QR.


def qr(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`Qr`: one reflection for each column."""
    q, r = reflected(batched(inputs[0]))
    if not attribute(operation, "full_matrices"):
        least = smallest(size(r, 1), size(r, 2))
        q, r = q[:, :, :least], r[:, :least]
    return [as_before(q, inputs[0]), as_before(r, inputs[0])]


def reflected(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return Q `[batch, m, m]` and R `[batch, m, n]` of matrices `[batch, m, n]`."""
    rows = tf.range(size(matrix, 1))
    tiny = np.finfo(matrix.dtype.as_numpy_dtype).tiny

    def step(k: Size, r: Tensor, q: Tensor) -> Sequence[Tensor]:
        column = tf.gather(r, k, axis=2)
        tail = tf.where(tf.greater(rows, k)[None], column, tf.zeros_like(column))
        head = tf.gather(column, k, axis=1)
        square = tf.reduce_sum(tail * tail, axis=1)
        needed = tf.greater(square, tiny)
        norm = tf.sqrt(head * head + square)
        beta = tf.where(tf.greater_equal(head, 0), -norm, norm)  # no cancellation in head − beta
        divisor = tf.where(needed, head - beta, tf.ones_like(head))
        vector = tf.where(at(size(matrix, 1), k)[None], tf.ones_like(tail), tail / divisor[:, None])
        tau = tf.where(needed, (beta - head) / tf.where(needed, beta, tf.ones_like(beta)), tf.zeros_like(head))
        turned = vector * tau[:, None]
        r = r - turned[:, :, None] * tf.reduce_sum(vector[:, :, None] * r, axis=1, keepdims=True)
        return r, q - tf.reduce_sum(q * vector[:, None], axis=2, keepdims=True) * turned[:, None]

    count = smallest(size(matrix, 1), size(matrix, 2))
    r, q = repeat(count, step, matrix, identity(matrix, size(matrix, 1)))
    upper = tf.less_equal(rows[:, None], tf.range(size(matrix, 2))[None])
    return q, tf.where(upper[None], r, tf.zeros_like(r))


# Jacobi.


def orthogonalized(matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return σ `[batch, n]` in descending order, A·V `[batch, m, n]` and V `[batch, n, n]`: its columns are orthogonal.

    One-sided Jacobi: rotations of pairs of columns, half of all columns against the other half at a time, and the
    halves reshuffled as in a tournament, so that everyone meets everyone in a sweep.
    """
    rows, number = size(matrix, 1), fixed_size(matrix)
    even = max(number + number % 2, 2)
    grown = [[0, 0], [0, 0], [0, even - number]]
    work = tf.concat([tf.pad(matrix, grown), identity(matrix, even)], axis=1)
    half = even // 2
    sweeps = next(count for most, count in SWEEPS if even <= most)
    sweeps += MORE_SWEEPS if matrix.dtype == tf.float64 else 0

    def round_(k: Size, work: Tensor) -> Sequence[Tensor]:
        left, right = _rotated(work[:, :, :half], work[:, :, half:], rows)
        if half == 1:
            return (tf.concat([left, right], axis=2),)
        top = [left[:, :, :1], right[:, :, :1], left[:, :, 1 : half - 1]]
        return (tf.concat([*top, right[:, :, 1:], left[:, :, half - 1 :]], axis=2),)

    (work,) = repeat(sweeps * (even - 1), round_, work, unrolled=UNROLLED_ROUNDS)
    made, v = work[:, :rows], work[:, rows:]
    lengths = tf.sqrt(tf.reduce_sum(made * made, axis=1))
    # The column that was added to make them even has no length, and comes last.
    keys = tf.where(tf.greater(tf.abs(v[:, -1]), 0.5), -tf.ones_like(lengths), lengths) if even > number else lengths
    sigma, order = tf.math.top_k(keys, number)
    choice = tf.cast(tf.equal(tf.range(even)[None, :, None], order[:, None]), matrix.dtype)
    return sigma, tf.matmul(made, choice), tf.matmul(v, choice)[:, :number]


def _rotated(left: Tensor, right: Tensor, rows: Size) -> tuple[Tensor, Tensor]:
    """Rotate pairs of columns so that their first `rows` rows become orthogonal."""
    a, b = left[:, :rows], right[:, :rows]
    cross = 2.0 * tf.reduce_sum(a * b, axis=1, keepdims=True)
    difference = tf.reduce_sum(b * b - a * a, axis=1, keepdims=True)
    reach = tf.abs(difference) + tf.sqrt(difference * difference + cross * cross)
    signed = tf.where(tf.less(difference, 0), -cross, cross)
    tangent = signed / tf.where(tf.equal(reach, 0), tf.ones_like(reach), reach)
    cosine = tf.math.rsqrt(1.0 + tangent * tangent)
    sine = tangent * cosine
    return cosine * left - sine * right, sine * left + cosine * right


def singular(matrix: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return σ `[batch, p]`, U `[batch, m, p]` and V `[batch, n, p]` of matrices `[batch, m, n]`, p the smaller size."""
    tall = fixed(matrix, 1) >= fixed(matrix, 2)
    unit, scale = _to_unit(matrix)
    sigma, made, v = orthogonalized(unit if tall else transposed(unit))
    u = made / tf.where(tf.equal(sigma, 0), tf.ones_like(sigma), sigma)[:, None]
    return sigma * scale[:, :, 0], u if tall else v, v if tall else u


def _to_unit(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Return matrices divided by their largest element, whose squares neither overflow nor vanish, and by what."""
    scale = tf.reduce_max(tf.abs(matrix), axis=[1, 2], keepdims=True)
    scale = tf.where(tf.equal(scale, 0), tf.ones_like(scale), scale)
    return matrix / scale, scale


def svd(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor | None]:
    """`Svd`: singular values, and vectors but for their signs."""
    matrix = batched(inputs[0])
    sigma, u, v = singular(matrix)
    values = as_before(sigma[:, :, None], inputs[0])[..., 0]
    if not attribute(operation, "compute_uv"):
        return [values, None, None]
    if attribute(operation, "full_matrices"):
        u, v = _completed(u), _completed(v)
    return [values, as_before(u, inputs[0]), as_before(v, inputs[0])]


def _completed(vectors: Tensor) -> Tensor:
    """Return orthonormal columns `[batch, m, p]` with others that make them a basis `[batch, m, m]`."""
    if fixed(vectors, 1) == fixed(vectors, 2):
        return vectors
    q, _ = reflected(vectors)
    return tf.concat([vectors, q[:, :, fixed(vectors, 2) :]], axis=2)


def eigh(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor | None]:
    """`SelfAdjointEigV2`: eigenvalues, and vectors but for their signs; what is above the diagonal isn't read.

    Moved up by its norm the matrix has no negative eigenvalues, and its eigenvectors are its singular vectors.  The values
    are taken of the matrix itself, as quotients that an error of the vectors hardly changes.
    """
    given = batched(inputs[0])
    number = fixed_size(given)
    lower = tf.greater_equal(tf.range(number)[:, None], tf.range(number)[None])[None]
    matrix, scale = _to_unit(tf.where(lower, given, transposed(given)))
    norm = tf.sqrt(tf.reduce_sum(matrix * matrix, axis=[1, 2], keepdims=True))
    moved = matrix + tf.where(at_diagonal(number)[None], norm, tf.zeros_like(norm))
    _, _, v = orthogonalized(moved)
    values = tf.reduce_sum(v * tf.matmul(matrix, v), axis=1) / tf.reduce_sum(v * v, axis=1)
    lowest, order = tf.math.top_k(-values, number)
    values = as_before((-lowest * scale[:, :, 0])[:, :, None], inputs[0])[..., 0]
    if not attribute(operation, "compute_v"):
        return [values, None]
    choice = tf.cast(tf.equal(tf.range(number)[None, :, None], order[:, None]), given.dtype)
    return [values, as_before(tf.matmul(v, choice), inputs[0])]


# What they are good for.


def least_squares(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`MatrixSolveLs`: by the normal equations if fast, as TensorFlow does; else the shortest solution, by singular values."""
    matrix, right, regularizer = batched(inputs[0]), batched(inputs[1]), inputs[2]
    penalty = tf.cast(regularizer, matrix.dtype)
    rows, columns = fixed(matrix, 1), fixed(matrix, 2)
    if not attribute(operation, "fast"):
        made = _pseudo_inverse_times(matrix, right)
    elif rows >= columns:
        made = solved(_gramian(matrix, penalty), tf.matmul(matrix, right, transpose_a=True))
    else:
        made = tf.matmul(matrix, solved(_gramian(transposed(matrix), penalty), right), transpose_a=True)
    return as_before(made, inputs[1])


def _gramian(matrix: Tensor, penalty: Tensor) -> Tensor:
    """Return AᵀA + λ·I."""
    product = tf.matmul(matrix, matrix, transpose_a=True)
    return product + tf.where(at_diagonal(fixed_size(matrix))[None], penalty, tf.zeros_like(penalty))


def _pseudo_inverse_times(matrix: Tensor, right: Tensor) -> Tensor:
    sigma, u, v = singular(matrix)
    largest = sigma[:, :1]
    resolution = np.finfo(matrix.dtype.as_numpy_dtype).eps * max(fixed(matrix, 1), fixed(matrix, 2))
    counted = tf.greater(sigma, largest * resolution)
    inverse = tf.where(counted, 1.0 / tf.where(counted, sigma, tf.ones_like(sigma)), tf.zeros_like(sigma))
    return tf.matmul(v, inverse[:, :, None] * tf.matmul(u, right, transpose_a=True))


def square_root(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`MatrixSquareRoot`: Denman and Beavers' iteration, in the form that keeps a product near the unit matrix.

    M ← (2 + M + M⁻¹) / 4 and X ← X·(1 + M⁻¹) / 2, from M = X = A; it converges quadratically to the principal root.
    """
    given = batched(inputs[0])
    unit = identity(given, fixed_size(given))
    scaled, scale = _to_unit(given)

    def step(k: Size, m: Tensor, x: Tensor) -> Sequence[Tensor]:
        inverse = solved(m, unit)
        return 0.5 * unit + 0.25 * (m + inverse), 0.5 * tf.matmul(x, unit + inverse)

    _, root = repeat(ROOT_STEPS, step, scaled, scaled, unrolled=ROOT_STEPS if fixed_size(given) <= 4 else 0)
    return as_before(root * tf.sqrt(scale), inputs[0])


ROOT_STEPS = 14
"""Enough for eigenvalues 10⁶ apart: each step halves the distance of their logarithms until it is 1, then squares it."""

COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "qr-as-householder": (("Qr",), qr),
    "svd-as-jacobi": (("Svd",), svd),
    "eigh-as-jacobi": (("SelfAdjointEigV2",), eigh),
    "least-squares-as-elimination": (("MatrixSolveLs",), least_squares),
    "square-root-as-iteration": (("MatrixSquareRoot",), square_root),
}
"""Rule → the ops that it is about, and what they become."""
