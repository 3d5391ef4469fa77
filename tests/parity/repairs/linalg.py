"""Examples of the repairs of linear algebra."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from examples import example

RNG = np.random.default_rng(8)


def _floats(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype(np.float32)


def _regular(*shape: int) -> Any:
    """Matrices far from singular, whose pivots aren't on the diagonal."""
    return (_floats(*shape) * 0.4 + 2.0 * np.roll(np.eye(shape[-1], dtype=np.float32), 1, axis=-1)).astype(np.float32)


def _positive(*shape: int) -> Any:
    x = _floats(*shape)
    return x @ np.swapaxes(x, -1, -2) / shape[-1] + np.diag(np.arange(1, shape[-1] + 1)).astype(np.float32)


def _traced(*shapes: list[int | None], dtype: Any = tf.float32) -> Any:
    return tf.function(input_signature=[tf.TensorSpec(shape, dtype) for shape in shapes])


@example("inverse-as-elimination")
def inverses() -> Any:
    @_traced([None, 3, 3], [2, None, 5, 5])
    def function(x: Any, y: Any) -> Any:
        return tf.linalg.inv(x), tf.linalg.inv(y), tf.linalg.inv(y, adjoint=True), tf.linalg.inv(x[0])

    return function, [_regular(4, 3, 3), _regular(2, 3, 5, 5)]


@example("inverse-as-elimination", "solve-as-elimination")
def large_or_open() -> Any:
    """More columns than are written out, and a number of them that is known only when the model runs."""

    @_traced([None, 20, 20], [None, None], [None, None])
    def function(x: Any, y: Any, right: Any) -> Any:
        return tf.linalg.inv(x), tf.linalg.inv(y), tf.linalg.solve(y, right), tf.linalg.solve(x, x[:, :, :2])

    return function, [_regular(2, 20, 20), _regular(6, 6), _floats(6, 2)]


@example("solve-as-elimination")
def solutions() -> Any:
    @_traced([None, 4, 4], [None, 4, 2])
    def function(x: Any, right: Any) -> Any:
        return tf.linalg.solve(x, right), tf.linalg.solve(x, right, adjoint=True), tf.linalg.expm(x * 0.2)

    return function, [_regular(3, 4, 4), _floats(3, 4, 2)]


@example("solve-as-elimination")
def solutions_in_double_precision() -> Any:
    @_traced([4, 4], [4, 1], dtype=tf.float64)
    def function(x: Any, right: Any) -> Any:
        return tf.linalg.solve(x, right)

    return function, [_regular(4, 4).astype(np.float64), _floats(4, 1).astype(np.float64)]


@example("determinant-as-elimination", "log-determinant-as-elimination")
def determinants() -> Any:
    """Of odd and even permutations, of a singular matrix, of numbers."""

    @_traced([None, 3, 3], [None, 4, 4])
    def function(x: Any, y: Any) -> Any:
        return (
            tf.linalg.det(x),
            tf.linalg.det(y),
            *tf.linalg.slogdet(x),
            *tf.linalg.slogdet(y),
            tf.linalg.det(x[:, :1, :1]),
        )

    x = np.concatenate(
        [_regular(4, 3, 3), np.ones((1, 3, 3), np.float32), np.eye(3, dtype=np.float32)[None, [1, 0, 2]]]
    )
    return function, [x, _floats(5, 4, 4)]


@example("lu-as-elimination")
def factors() -> Any:
    @_traced([None, 4, 4], [18, 18])
    def function(x: Any, y: Any) -> Any:
        return [*tf.linalg.lu(x), *tf.linalg.lu(y, tf.int64)]

    return function, [_regular(3, 4, 4), _regular(18, 18)]


@example("cholesky-as-columns")
def cholesky() -> Any:
    @_traced([None, 4, 4], [None, None, None], [2, 2, 1, 1])
    def function(x: Any, y: Any, z: Any) -> Any:
        upper = tf.linalg.band_part(x, -1, 0) + 99.0 * tf.linalg.band_part(tf.ones_like(x), 0, -1)
        lower = tf.linalg.set_diag(upper, tf.linalg.diag_part(x))
        return tf.linalg.cholesky(x), tf.linalg.cholesky(y), tf.linalg.cholesky(tf.abs(z)), tf.linalg.cholesky(lower)

    return function, [_positive(3, 4, 4), _positive(2, 19, 19), _floats(2, 2, 1, 1)]


@example("triangular-solve-as-substitution")
def substitutions() -> Any:
    """All four kinds, batches that broadcast, and a large one."""

    @_traced([None, 4, 4], [None, 4, 3], [20, 20])
    def function(x: Any, right: Any, y: Any) -> Any:
        solve = tf.linalg.triangular_solve
        return (
            solve(x, right), solve(x, right, lower=False), solve(x, right, adjoint=True),
            solve(x, right, lower=False, adjoint=True), solve(x[0], right), solve(x, right[:1, :, :1]), solve(y, y[:, :2]),
        )  # fmt: skip

    return function, [_positive(3, 4, 4), _floats(3, 4, 3), _positive(20, 20)]


@example("tridiagonal-solve-as-elimination", "tridiagonal-matmul-as-shifts")
def tridiagonals() -> Any:
    @_traced([None, 3, 5], [None, 5, 2])
    def function(bands: Any, right: Any) -> Any:
        bands = bands * 0.3 + tf.constant([[0.0], [2.0], [0.0]])
        loose = tf.linalg.tridiagonal_solve(bands, right, partial_pivoting=False)
        return tf.linalg.tridiagonal_solve(bands, right), loose, tf.linalg.tridiagonal_matmul(bands, right)

    return function, [_floats(3, 3, 5), _floats(3, 5, 2)]


@example("banded-solve-as-substitution")
def bands() -> Any:
    @_traced([None, 3, 5], [None, 5, 2])
    def function(bands: Any, right: Any) -> Any:
        solve = tf.linalg.banded_triangular_solve
        lower, upper = bands + tf.constant([[3.0], [0.0], [0.0]]), bands + tf.constant([[0.0], [0.0], [3.0]])
        return solve(lower, right), solve(upper, right, lower=False), solve(lower, right, adjoint=True)

    return function, [_floats(3, 3, 5), _floats(3, 5, 2)]


@example("cross-as-products")
def cross() -> Any:
    @_traced([None, 2, 3], [None, 2, 3])
    def function(x: Any, y: Any) -> Any:
        return tf.linalg.cross(x, y), tf.linalg.cross(tf.cast(x * 9.0, tf.int32), tf.cast(y * 9.0, tf.int32))

    return function, [_floats(4, 2, 3), _floats(4, 2, 3)]


@example("qr-as-householder")
def reflections() -> Any:
    """Tall, wide and square; signs are TensorFlow's."""

    @_traced([None, 5, 3], [2, 3, 5], [None, 4, 4], [20, 18])
    def function(tall: Any, wide: Any, square: Any, large: Any) -> Any:
        qr = tf.linalg.qr
        return [
            *qr(tall), *qr(tall, full_matrices=True), *qr(wide), *qr(wide, full_matrices=True), *qr(square), *qr(large),
            *qr(tall * [1.0, 0.0, -1.0]),
        ]  # fmt: skip

    return function, [_floats(3, 5, 3), _floats(2, 3, 5), _floats(3, 4, 4), _floats(20, 18)]


@example("svd-as-jacobi")
def singular_values() -> Any:
    """The vectors only where their signs don't show."""

    @_traced([None, 4, 3], [3, 5], [12, 9], [2, 2, 2, 2])
    def function(tall: Any, wide: Any, large: Any, square: Any) -> Any:
        made = [
            tf.linalg.svd(x, compute_uv=False)
            for x in (tall, wide, large, square, tall[:, :, :1], tall * [1.0, 2.0, 0.0])
        ]
        for x in (tall, wide, large, square):
            s, u, v = tf.linalg.svd(x)
            made += [tf.matmul(u * s[..., None, :], v, adjoint_b=True), tf.square(u), tf.matmul(v, v, transpose_a=True)]
        s, u, v = tf.linalg.svd(tall, full_matrices=True)
        return [
            *made,
            tf.matmul(u, u, transpose_b=True),
            tf.square(u),
            tf.square(v),
            tf.linalg.pinv(large),
            tf.linalg.pinv(wide),
        ]

    return function, [_floats(3, 4, 3), _floats(3, 5), _floats(12, 9), _floats(2, 2, 2, 2)]


@example("svd-as-jacobi")
def singular_values_of_hard_matrices() -> Any:
    """Rank deficient, orthogonal, huge and tiny."""

    @_traced([None, 4, 4])
    def function(x: Any) -> Any:
        deficient = tf.matmul(x[:, :, :2], x[:, :2])
        orthogonal = tf.linalg.qr(x)[0]
        made = [deficient, orthogonal, x * 0.0]
        return [tf.linalg.svd(y, compute_uv=False) for y in made] + [
            tf.linalg.svd(x * scale, compute_uv=False) for scale in (1e25, 1e-25)
        ]

    return function, [_floats(3, 4, 4)]


@example("eigh-as-jacobi")
def eigenvalues() -> Any:
    @_traced([None, 3, 3], [10, 10], [2, 2, 2, 2], [5, 1, 1])
    def function(x: Any, large: Any, square: Any, single: Any) -> Any:
        made = [tf.linalg.eigvalsh(y) for y in (x, large, square, single)]
        for y in (x, large, square):
            values, vectors = tf.linalg.eigh(y)
            made += [
                values,
                tf.square(vectors),
                tf.matmul(vectors * tf.exp(-values)[..., None, :], vectors, transpose_b=True),
            ]
        equal = tf.linalg.eigvalsh(tf.eye(3, batch_shape=[2]) * 2.0)
        return [*made, equal, tf.linalg.eigvalsh(x * 1e-12)]

    return function, [_floats(3, 3, 3), _floats(10, 10), _floats(2, 2, 2, 2), _floats(5, 1, 1)]


@example("least-squares-as-elimination")
def least_squares() -> Any:
    @_traced([5, 3], [5, 2], [3, 2])
    def function(x: Any, right: Any, other: Any) -> Any:
        solve = tf.raw_ops.MatrixSolveLs
        wide = tf.transpose(x)
        none = tf.constant(0.0, tf.float64)
        return (
            solve(matrix=x, rhs=right, l2_regularizer=tf.constant(0.1, tf.float64), fast=True),
            solve(matrix=wide, rhs=other, l2_regularizer=none, fast=True),
            solve(matrix=x, rhs=right, l2_regularizer=none, fast=False),
            solve(matrix=wide, rhs=other, l2_regularizer=none, fast=False),
            solve(matrix=x * [1.0, 1.0, 0.0], rhs=right, l2_regularizer=none, fast=False),
        )

    return function, [_floats(5, 3), _floats(5, 2), _floats(3, 2)]


@example("square-root-as-iteration")
def square_roots() -> Any:
    @_traced([None, 3, 3], [6, 6])
    def function(x: Any, y: Any) -> Any:
        return (
            tf.linalg.sqrtm(x),
            tf.linalg.sqrtm(y),
            tf.linalg.sqrtm(x + 0.3 * tf.linalg.band_part(x, 0, 1)),
            tf.linalg.sqrtm(x * 1e6),
        )

    return function, [_positive(3, 3, 3), _positive(6, 6)]
