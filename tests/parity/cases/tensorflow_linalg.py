"""Linear algebra: products, decompositions, solvers."""

from __future__ import annotations

import tensorflow as tf
from catalogue import grid
from graphs import floats, spec, traced, weight


def _regular(x):
    """A matrix that is far from singular."""
    return x * 0.3 + 2.0 * tf.eye(tf.shape(x)[-1])


def _positive(x):
    """A symmetric positive definite matrix with eigenvalues that are well apart."""
    size = x.shape[-1]
    symmetric = (x + tf.linalg.matrix_transpose(x)) * 0.1
    return symmetric + tf.linalg.diag(tf.range(1.0, 2.0 * size, 2.0))


@traced(floats(None, 3, 4), floats(None, 4, 2))
def matmul_batch(a, b):
    return tf.matmul(a, b)


@traced(floats(None, 4, 3), floats(None, 2, 4))
def matmul_transposed(a, b):
    return tf.matmul(a, b, transpose_a=True, transpose_b=True)


@traced(floats(None, 1, 3, 4), floats(2, 4, 2))
def matmul_broadcast(a, b):
    return tf.matmul(a, b)


@traced(spec("int32", None, 3), spec("int32", 3, 2))
def matmul_integers(a, b):
    return tf.matmul(a, b)


@traced(spec("float64", None, 3))
def matmul_float64(a):
    return tf.matmul(a, tf.constant(weight(3, 4), tf.float64))


@traced(spec("complex64", None, 3, 2))
def matmul_adjoint(a):
    return tf.matmul(a, a, adjoint_a=True)


@traced(floats(None, 4), floats(None, 4))
def products_of_vectors(a, b):
    return {
        "matvec": tf.linalg.matvec(tf.constant(weight(3, 4)), a),
        "inner": tf.reduce_sum(a * b, axis=1),
        "outer": a[:, :, None] * b[:, None, :],
        "cross": tf.linalg.cross(a[:, :3], b[:, :3]),
    }


@traced(floats(None, 3, 4))
def tensordot(x):
    return {
        "one": tf.tensordot(x, weight(4, 5), axes=1),
        "two": tf.tensordot(x, weight(3, 4, 2), axes=[[1, 2], [0, 1]]),
        "crossed": tf.tensordot(x, weight(2, 3), axes=[[1], [1]]),
    }


def _einsum(equation, *shapes):
    specs = [floats(*shape) for shape in shapes]
    return tf.function(lambda *tensors: tf.einsum(equation, *tensors), input_signature=specs)


grid(
    globals(),
    "einsum",
    lambda arguments: _einsum(*arguments),
    {
        "projection": {"arguments": ("bsd,dhk->bshk", (None, 5, 4), (4, 2, 3))},
        "attention": {"arguments": ("bqhd,bkhd->bhqk", (None, 3, 2, 4), (None, 5, 2, 4))},
        "ellipsis": {"arguments": ("...ij,...jk->...ik", (None, 2, 3, 4), (None, 2, 4, 2))},
        "diagonal": {"arguments": ("bii->bi", (None, 4, 4))},
        "trace": {"arguments": ("bii->b", (None, 4, 4))},
        "three_operands": {"arguments": ("bi,ij,bj->b", (None, 3), (3, 4), (None, 4))},
        "outer": {"arguments": ("i,j->ij", (3,), (4,))},
        "transposed_sum": {"arguments": ("bijk->kb", (None, 2, 3, 4))},
        "implicit": {"arguments": ("ab,bc", (None, 3), (3, 2))},
        "bilinear": {"arguments": ("bi,oij,bj->bo", (None, 3), (2, 3, 4), (None, 4))},
    },
)


@traced(floats(None, 3, 3))
def inverse(x):
    return tf.linalg.inv(_regular(x))


@traced(floats(None, 3, 3), floats(None, 3, 2))
def solve(a, b):
    return {"solve": tf.linalg.solve(_regular(a), b), "adjoint": tf.linalg.solve(_regular(a), b, adjoint=True)}


@traced(floats(None, 3, 3), floats(None, 3, 2))
def triangular_solve(a, b):
    a = _regular(a)
    return {"lower": tf.linalg.triangular_solve(a, b), "upper": tf.linalg.triangular_solve(a, b, lower=False)}


@traced(floats(None, 5, 3), floats(None, 5, 1))
def least_squares(a, b):
    return {
        "fast": tf.linalg.lstsq(a, b, l2_regularizer=0.1),
        "pseudo_inverse": tf.linalg.pinv(a),
    }


@traced(floats(None, 3, 3))
def cholesky(x):
    factor = tf.linalg.cholesky(_positive(x))
    return {"factor": factor, "solved": tf.linalg.cholesky_solve(factor, tf.ones_like(x))}


@traced(floats(None, 3, 3))
def determinants(x):
    sign, logarithm = tf.linalg.slogdet(x)
    return {"det": tf.linalg.det(x), "sign": sign, "log": logarithm, "logdet": tf.linalg.logdet(_positive(x))}


@traced(floats(None, 4, 3))
def qr(x):
    """Signs are the algorithm's own: what is compared doesn't depend on them."""
    q, r = tf.linalg.qr(x)
    return {"back": q @ r, "absolute": tf.abs(tf.linalg.diag_part(r))}


@traced(floats(None, 4, 3))
def singular_values(x):
    s, u, v = tf.linalg.svd(x)
    return {
        "values": s,
        "back": tf.matmul(u * s[:, None, :], v, adjoint_b=True),
        "only": tf.linalg.svd(x, compute_uv=False),
    }


@traced(floats(None, 3, 3))
def eigenvalues(x):
    values, vectors = tf.linalg.eigh(_positive(x))
    return {"values": values, "squared": tf.square(vectors), "only": tf.linalg.eigvalsh(_positive(x))}


@traced(floats(None, 3, 3))
def matrix_functions(x):
    return {"exp": tf.linalg.expm(x * 0.3), "sqrt": tf.linalg.sqrtm(_positive(x))}


@traced(floats(None, 3, 4))
def norms(x):
    return {
        "frobenius": tf.norm(x, axis=[1, 2]),
        "one": tf.norm(x, ord=1, axis=-1),
        "infinity": tf.norm(x, ord=float("inf"), axis=1),
        "three": tf.norm(x, ord=3, axis=2, keepdims=True),
        "normalized": tf.linalg.normalize(x, axis=1)[0],
    }


@traced(floats(None, 4, 4))
def trace(x):
    return tf.linalg.trace(x), tf.linalg.adjoint(x), tf.linalg.matrix_transpose(x) @ x


@traced(floats(None, 5), floats(None, 3, 5))
def tridiagonal(b, diagonals):
    diagonals = diagonals * 0.3 + tf.constant([[0.0], [3.0], [0.0]])
    return tf.linalg.tridiagonal_solve(diagonals, b), tf.linalg.tridiagonal_matmul(diagonals, b[..., None])


@traced(floats(None, 4))
def linear_operators(x):
    low_rank = tf.linalg.LinearOperatorLowRankUpdate(tf.linalg.LinearOperatorDiag([1.0, 2.0, 3.0, 4.0]), weight(4, 2))
    toeplitz = tf.linalg.LinearOperatorToeplitz([1.0, 0.5, 0.2, 0.1], [1.0, -0.5, 0.3, 0.2])
    return {"low_rank": low_rank.matvec(x), "toeplitz": toeplitz.matvec(x)}


@traced(floats(None, 6, 3))
def covariance(x):
    centered = x - tf.reduce_mean(x, axis=1, keepdims=True)
    return tf.matmul(centered, centered, transpose_a=True) / 5.0
