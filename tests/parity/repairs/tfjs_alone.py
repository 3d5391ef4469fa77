"""Examples of the repairs that TF.js alone needs (`targets/tfjs`)."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from examples import KEEPING, example
from shorthand import declare, drawn
from tensorflow.dtypes.experimental import float8_e4m3fn

raw = tf.raw_ops

# These make the op again under its name: of other operands, on another axis, or marked.
KEEPING.update(
    {
        "extreme-of-nan", "narrow-integer-wraps", "cast-to-narrow-wraps", "cast-to-half-rounds", "reduction-of-nothing",
        "cumulative-axis-from-front", "matmul-broadcast-before", "where-of-numbers", "bool-reverse-as-integers",
    }
)  # fmt: skip


def integers(*shape: int, low: int = -9, high: int = 9, dtype: Any = np.int32, seed: int = 0) -> Any:
    return np.random.default_rng(seed).integers(low, high, shape).astype(dtype)


X = drawn(3, 4)
NANS = np.array([[np.nan, 1.0, -2.0], [3.0, np.nan, np.inf]], np.float32)
LARGE = integers(3, 40, low=-(2**31), high=2**31)


def _pieces(x: Any, shape: Any) -> Any:
    """Return three pieces, put together from an array that a loop fills."""

    def write(i: Any, pieces: Any) -> Any:
        return i + 1, pieces.write(i, x[:2] * tf.cast(i, tf.float32))

    pieces = tf.TensorArray(tf.float32, size=3, element_shape=shape)
    return tf.while_loop(lambda i, pieces: i < 3, write, (tf.constant(0), pieces))[1].concat()


# Arithmetic.

declare("passing-op", "shape", lambda x: tf.ensure_shape(x, [None, 4]) + 1, X)
declare("passing-op", "numbers", lambda x: tf.debugging.check_numerics(x, "finite") + 1, X)
declare("passing-op", "gradient", lambda x: raw.PreventGradient(input=x) + 1, X)
declare("truncated-division", "floats", lambda x, y: raw.TruncateDiv(x=x, y=y), 9 * X, drawn(3, 4, seed=1))
declare("integer-abs-as-maximum", "large", tf.abs, LARGE)
declare("integer-neg-as-sub", "large", tf.negative, LARGE)
declare("integer-mean-as-sum", "axis", lambda x: tf.reduce_mean(x, -1, True), integers(3, 4))
declare("integer-mean-as-sum", "of_any_length", lambda x: tf.reduce_mean(x, [0, 1]), integers(3, 5))
declare("integer-floor-div-by-steps", "large", tf.math.floordiv, LARGE, LARGE[::-1].copy())
declare(
    "integer-floor-div-by-steps",
    "small_divisors",
    tf.math.floordiv,
    LARGE,
    integers(3, 40, low=1) * np.int32([[1], [-1], [1]]),
)
for name, extreme in (("maximum", tf.maximum), ("minimum", tf.minimum)):
    declare("extreme-of-nan", f"{name}_of_data", extreme, NANS, NANS[::-1].copy())
    declare("extreme-of-nan", f"{name}_of_constant", lambda x, f=extreme: f(0.5, x), NANS)

# Dtypes that TF.js holds in 32 bits.

for kind in (np.int8, np.uint8, np.int16, np.uint16):
    bounds = {"low": np.iinfo(kind).min, "high": int(np.iinfo(kind).max) + 1}
    a, b = integers(3, 40, dtype=kind, **bounds), integers(3, 40, dtype=kind, seed=1, **bounds)
    arithmetic = (("sum", tf.add), ("difference", tf.subtract), ("product", tf.multiply))
    for name, call in arithmetic:
        declare("narrow-integer-wraps", f"{name}_{kind.__name__}", call, a, b)
    declare("narrow-integer-wraps", f"total_{kind.__name__}", lambda x: tf.reduce_sum(x, -1), a)
    name = f"to_{kind.__name__}"
    declare("cast-to-narrow-wraps", name, lambda x, to=kind: tf.cast(x, to), LARGE)

HALVES = np.concatenate(
    [scale * drawn(50, seed=exponent) for exponent, scale in enumerate(np.float32([1, 1e3, 3e4, 1e-5, 1e-7]))]
)
EDGES = np.array([0.0, 65504, 65519, 65520, 1e30, np.inf, -np.inf, np.nan, 2**-24, 2**-25, 2**-14], np.float32)
for kind in (tf.float16, tf.bfloat16, float8_e4m3fn):
    name = f"to_{kind.name}"
    declare(
        "cast-to-half-rounds", name, lambda x, to=kind: tf.cast(tf.cast(x, to), tf.float32),
        np.concatenate([HALVES, EDGES, -EDGES]),
    )  # fmt: skip
declare("cast-to-bool-as-not-equal", "integers", lambda x: tf.cast(x, tf.bool), 256 * integers(3, 4, low=-1, high=2))
declare("cast-to-bool-as-not-equal", "floats", lambda x: tf.cast(x, tf.bool), np.float32([0, -0.0, 0.5, np.nan]))

# Reductions.

REDUCTIONS = {
    "sum": tf.reduce_sum, "product": tf.reduce_prod, "mean": tf.reduce_mean, "largest": tf.reduce_max, "smallest": tf.reduce_min
}  # fmt: skip
for name, reduction in REDUCTIONS.items():
    for rows in (0, 3):
        declare("reduction-of-nothing", f"{name}_of_{rows}", lambda x, f=reduction: f(x, 0), drawn(rows, 4))
    if name != "mean":
        declare("reduction-of-nothing", f"{name}_of_integers", reduction, integers(0, 4))
for name, reduction in (("all", tf.reduce_all), ("any", tf.reduce_any)):
    for rows in (0, 3):
        declare("reduction-of-nothing", f"{name}_of_{rows}", lambda x, f=reduction: f(x > 0, [0]), drawn(rows, 4))
declare("cumulative-axis-from-front", "sums", lambda x: tf.cumsum(x, -1, exclusive=True), X)
declare("cumulative-axis-from-front", "products", lambda x: tf.math.cumprod(x, -2, reverse=True), X)

# Matrices.

declare(
    "matmul-of-two-dtypes", "integers", lambda x, y: raw.BatchMatMulV3(x=x, y=y, Tout=tf.int32, adj_y=True),
    integers(2, 3, 4, dtype=np.int8), integers(2, 5, 4, dtype=np.int8),
)  # fmt: skip
declare("matmul-broadcast-before", "both", tf.matmul, drawn(2, 1, 3, 4), drawn(1, 5, 4, 2), unknown=())
declare("matmul-broadcast-before", "ranks", tf.matmul, drawn(2, 5, 3, 4), drawn(5, 4, 2), unknown=(0, 1))
declare(
    "matmul-broadcast-before", "transposed", lambda x, y: tf.matmul(x, y, transpose_b=True),
    drawn(3, 2, 1, 4), drawn(3, 1, 5, 4),
)  # fmt: skip

# Places and strings.

declare(
    "gather-of-nothing", "batched", lambda x, i: tf.gather(tf.zeros([tf.shape(x)[0], 4, 0]), i, batch_dims=1),
    X, integers(3, 2, low=0, high=4),
)  # fmt: skip
declare(
    "gather-of-nothing", "inner", lambda i: tf.gather(tf.zeros([3, 0, 5]), i, axis=2), integers(3, 2, low=0, high=5)
)
declare("list-concat-as-stack", "written", lambda x: _pieces(x, [2, 4]), X)
declare("list-concat-as-stack", "of_rows", lambda x: tf.TensorArray(tf.float32, 3).unstack(x).concat(), X)

WORDS = np.array([["a", "b"], ["", "aä"], ["b", "b"]], object)
WORDS = np.vectorize(lambda word: word.encode(), otypes=[object])(WORDS)

declare("shape-of-each", "shapes", lambda x: raw.ShapeN(input=[x, x[0]], out_type=tf.int64), X)
declare("where-of-numbers", "integers", tf.where, 256 * integers(3, 4, low=-1, high=2))
declare("where-of-numbers", "floats", tf.where, np.float32([[0, 1, -0.0], [np.nan, 0, 1e-30]]))
declare("bool-reverse-as-integers", "bools", lambda x: tf.reverse(x > 0, [0, -1]), X)
declare("equal-strings-as-hashes", "equal", tf.equal, WORDS, WORDS[:, ::-1].copy())
declare("equal-strings-as-hashes", "unequal_to_one", lambda x: tf.not_equal(x, "b"), WORDS)


@example("lookup-of-any-rank", keeps=True)
def table_without_entries() -> tuple[Any, list[Any]]:
    """Of shapes and the default alone: the graph, frozen, keeps no order between filling a table and asking it."""

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.string)])
    def call(words: Any) -> Any:
        table = raw.MutableHashTableV2(key_dtype=tf.string, value_dtype=tf.int64)
        default = tf.size(words, tf.int64)
        several = raw.LookupTableFindV2(table_handle=table, keys=words, default_value=default)
        return several, raw.LookupTableFindV2(table_handle=table, keys=words[0, 0], default_value=default)

    return call, [WORDS]
