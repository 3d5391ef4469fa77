"""Arithmetic: elementwise functions, integers, reductions, scans, sorting, counting, segments."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from graphs import floats, ints, spec, traced


@traced(floats(None, 6))
def error_functions(x):
    return {"erf": tf.math.erf(x), "erfc": tf.math.erfc(x), "erfinv": tf.math.erfinv(tf.tanh(x) * 0.9)}


@traced(floats(None, 6))
def normal_quantile(x):
    return {"ndtri": tf.math.ndtri(tf.sigmoid(x)), "erfcinv": tf.math.erfcinv(tf.sigmoid(x) * 1.9)}


@traced(floats(None, 6))
def gamma_functions(x):
    y = tf.abs(x) + 0.3
    return {"lgamma": tf.math.lgamma(y), "digamma": tf.math.digamma(y), "lbeta": tf.math.lbeta(y)}


@traced(floats(None, 6), floats(None, 6))
def incomplete_gamma_and_beta(a, x):
    a, x = tf.abs(a) + 0.5, tf.abs(x)
    return {
        "igamma": tf.math.igamma(a, x),
        "igammac": tf.math.igammac(a, x),
        "betainc": tf.math.betainc(a, a + 1.0, tf.sigmoid(x)),
    }


@traced(floats(None, 6))
def zeta_and_polygamma(x):
    y = tf.abs(x) + 1.5
    return {"zeta": tf.math.zeta(y, y), "polygamma": tf.math.polygamma(tf.ones_like(y), y)}


@traced(floats(None, 6))
def bessel_functions(x):
    return {"i0e": tf.math.bessel_i0e(x), "i1e": tf.math.bessel_i1e(x), "i0": tf.math.bessel_i0(x)}


@traced(floats(None, 6))
def exponentials_and_logarithms(x):
    y = tf.abs(x) + 0.1
    return {
        "exp": tf.exp(x),
        "expm1": tf.math.expm1(0.01 * x),
        "log": tf.math.log(y),
        "log1p": tf.math.log1p(y * 0.01),
        "log_sigmoid": tf.math.log_sigmoid(x),
    }


@traced(floats(None, 6))
def trigonometry(x):
    y = tf.tanh(x) * 0.9
    return {
        "sin": tf.sin(x),
        "cos": tf.cos(x),
        "tan": tf.tan(y),
        "asin": tf.asin(y),
        "acos": tf.acos(y),
        "atan": tf.atan(x),
    }


@traced(floats(None, 6))
def hyperbolic(x):
    return {
        "sinh": tf.sinh(x),
        "cosh": tf.cosh(x),
        "tanh": tf.tanh(x),
        "asinh": tf.asinh(x),
        "acosh": tf.acosh(tf.abs(x) + 1.1),
        "atanh": tf.atanh(tf.tanh(x) * 0.9),
    }


@traced(floats(None, 6), floats(None, 6))
def arctangent_of_two(y, x):
    return tf.atan2(y, x)


@traced(floats(None, 6))
def powers_and_roots(x):
    y = tf.abs(x) + 0.1
    return {
        "sqrt": tf.sqrt(y),
        "rsqrt": tf.math.rsqrt(y),
        "square": tf.square(x),
        "pow": tf.pow(y, x),
        "cube": x**3,
        "reciprocal": tf.math.reciprocal(y),
    }


@traced(floats(None, 6), floats(None, 6))
def two_operands(a, b):
    return {
        "maximum": tf.maximum(a, b),
        "minimum": tf.minimum(a, b),
        "squared_difference": tf.math.squared_difference(a, b),
        "divide_no_nan": tf.math.divide_no_nan(a, tf.nn.relu(b)),
        "multiply_no_nan": tf.math.multiply_no_nan(a, tf.nn.relu(b)),
        "floormod": tf.math.floormod(a, b),
        "floordiv": tf.math.floordiv(a, tf.abs(b) + 0.5),
        "truncatemod": tf.truncatemod(a, tf.abs(b) + 0.5),
    }


@traced(floats(None, 6), floats(None, 6))
def products_with_logarithms(a, b):
    a, b = tf.nn.relu(a), tf.abs(b)
    return {"xlogy": tf.math.xlogy(a, b), "xlog1py": tf.math.xlog1py(a, b), "xdivy": tf.math.xdivy(a, b)}


@traced(floats(None, 6))
def rounding(x):
    y = x * 4.0
    return {
        "floor": tf.floor(y),
        "ceil": tf.math.ceil(y),
        "round": tf.round(y),
        "rint": tf.math.rint(y),
        "sign": tf.sign(y),
        "truncated": tf.cast(y, tf.int32),
    }


@traced(ints(None))
def halves_to_even(n):
    """Halves are rounded to the even neighbour."""
    return tf.round((tf.cast(n, tf.float32) - 50.0) * 0.5)


@traced(floats(None, 6))
def activations(x):
    return {
        "relu6": tf.nn.relu6(x * 4.0),
        "elu": tf.nn.elu(x),
        "selu": tf.nn.selu(x),
        "gelu": tf.nn.gelu(x),
        "gelu_tanh": tf.nn.gelu(x, approximate=True),
        "softplus": tf.nn.softplus(x),
        "softsign": tf.nn.softsign(x),
        "silu": tf.nn.silu(x),
        "leaky": tf.nn.leaky_relu(x, 0.3),
        "crelu": tf.nn.crelu(x),
    }


@traced(floats(None, 6))
def softmaxes(x):
    return {"softmax": tf.nn.softmax(x, axis=0), "log_softmax": tf.nn.log_softmax(x)}


@traced(ints(None), ints(None))
def integer_division(a, b):
    a, b = a - 50, b % 7 - 8
    return {
        "floordiv": a // b,
        "floormod": a % b,
        "truncatediv": tf.truncatediv(a, b),
        "truncatemod": tf.truncatemod(a, b),
    }


@traced(ints(None), ints(None))
def integer_arithmetic(a, b):
    return {
        "sum": a + b,
        "difference": a - b,
        "product": a * b,
        "square": tf.square(a),
        "negative": -a,
        "absolute": tf.abs(a - b),
        "maximum": tf.maximum(a, b),
        "sign": tf.sign(a - 50),
        "power": tf.pow(a % 10, b % 5),
        "quotient": a / (b + 1),
    }


@traced(ints(None), ints(None))
def bitwise(a, b):
    return {
        "and": tf.bitwise.bitwise_and(a, b),
        "or": tf.bitwise.bitwise_or(a, b),
        "xor": tf.bitwise.bitwise_xor(a, b),
        "not": tf.bitwise.invert(a),
        "left": tf.bitwise.left_shift(a, b % 8),
        "right": tf.bitwise.right_shift(a - 50, b % 4),
    }


@traced(spec("int64", None))
def int64_beyond_32_bits(x):
    """Time stamps in nanoseconds."""
    stamp = x * 1_000_000_007 + 1_700_000_000_000_000_000
    return {"stamp": stamp, "seconds": stamp // 1_000_000_000, "rest": stamp % 1_000_000_000}


@traced(spec("int64", None))
def int64_small(x):
    return {"sum": tf.reduce_sum(x * 3 - 7), "index": x % 5, "float": tf.cast(x, tf.float32) / 8.0}


@traced(spec("uint8", None, 4))
def uint8_wraps(x):
    return {"sum": x + tf.constant(200, tf.uint8), "scaled": tf.cast(x, tf.float32) / 255.0}


@traced(spec("int16", None), spec("int8", None))
def narrow_integers(a, b):
    return {"sum": a + tf.cast(b, tf.int16), "product": tf.cast(a, tf.int32) * tf.cast(b, tf.int32), "less": b < 50}


@traced(spec("float64", None, 4))
def float64(x):
    return {"exp": tf.exp(x), "mean": tf.reduce_mean(x, axis=1), "ratio": x / (tf.abs(x) + 1.0)}


@traced(spec("float16", None, 4))
def float16(x):
    return tf.nn.relu(x * tf.constant(2.0, tf.float16) + tf.constant(0.5, tf.float16))


@traced(floats(None, 4))
def casts(x):
    n = tf.cast(x * 10.0, tf.int32)
    return {
        "int64": tf.cast(n, tf.int64),
        "bool": tf.cast(n % 3, tf.bool),
        "saturated": tf.saturate_cast(x * 200.0, tf.uint8),
        "half": tf.cast(tf.cast(x, tf.float16), tf.float32),
        "bits": tf.bitcast(x, tf.int32),
    }


@traced(floats(None, 6), floats(None, 6))
def comparisons(a, b):
    close = tf.abs(a - b) < 0.5
    return {
        "less": a < b,
        "greater_equal": a >= b,
        "not_equal": tf.not_equal(tf.sign(a), tf.sign(b)),
        "logic": tf.logical_or(tf.logical_and(a > 0.0, close), tf.math.logical_xor(a > b, b > 0.0)),
        "approximately": tf.raw_ops.ApproximateEqual(x=a, y=b, tolerance=0.3),
    }


@traced(floats(None, 4))
def not_finite(x):
    """NaN and infinities, made and found."""
    y = tf.concat([tf.math.log(x), x / tf.nn.relu(x)], axis=1)
    return {
        "nan": tf.math.is_nan(y),
        "infinite": tf.math.is_inf(y),
        "finite": tf.math.is_finite(y),
        "filled": tf.where(tf.math.is_finite(y), y, 0.0),
    }


@traced(floats(None, 4))
def nan_passes_through(x):
    return {
        "log": tf.math.log(x),
        "maximum": tf.maximum(tf.sqrt(x), 0.5),
        "clipped": tf.clip_by_value(1.0 / tf.nn.relu(x), 0, 9),
    }


@traced(floats(None, 6))
def cumulative(x):
    return {
        "sum": tf.cumsum(x, axis=1),
        "exclusive": tf.cumsum(x, axis=1, exclusive=True),
        "reverse": tf.cumsum(x, axis=0, reverse=True),
        "product": tf.math.cumprod(x, axis=1),
        "product_both": tf.math.cumprod(x, axis=1, exclusive=True, reverse=True),
    }


@traced(floats(None, 6))
def cumulative_logsumexp(x):
    return {
        "plain": tf.math.cumulative_logsumexp(x, axis=1),
        "back": tf.math.cumulative_logsumexp(x, axis=1, reverse=True),
    }


@traced(ints(None, 5))
def cumulative_integers(x):
    return tf.cumsum(x, axis=-1)


@traced(floats(None, 4, 3))
def reductions(x):
    return {
        "sum": tf.reduce_sum(x, axis=[1, 2]),
        "mean": tf.reduce_mean(x, axis=-1, keepdims=True),
        "max": tf.reduce_max(x, axis=1),
        "min": tf.reduce_min(x),
        "prod": tf.reduce_prod(x, axis=2),
    }


@traced(floats(None, 4, 3))
def reductions_derived(x):
    return {
        "logsumexp": tf.reduce_logsumexp(x, axis=1),
        "variance": tf.math.reduce_variance(x, axis=2),
        "std": tf.math.reduce_std(x, axis=[1, 2]),
        "euclidean": tf.math.reduce_euclidean_norm(x, axis=1),
        "zero_fraction": tf.math.zero_fraction(tf.nn.relu(x)),
    }


@traced(floats(None, 4))
def reductions_of_booleans(x):
    return {
        "all": tf.reduce_all(x > -1.0, axis=1),
        "any": tf.reduce_any(x > 1.0, axis=0),
        "count": tf.math.count_nonzero(x > 0.0, axis=1),
    }


@traced(ints(None, 4))
def reductions_of_integers(x):
    return {
        "sum": tf.reduce_sum(x, axis=1),
        "max": tf.reduce_max(x, axis=0),
        "prod": tf.reduce_prod(x % 7 + 1, axis=1),
        "mean": tf.reduce_mean(x, axis=1),
    }


@traced(floats(None, 4), ints())
def axis_from_input(x, n):
    """A reduction over an axis that is data."""
    return tf.reduce_sum(x[:3], axis=n % 2, keepdims=True)


@traced(floats(None, 8))
def top_k(x):
    values, indices = tf.math.top_k(x, k=3)
    return {"values": values, "indices": indices}


@traced(floats(8), ints())
def top_k_of_input(x, k):
    return tf.math.top_k(x, k=k % 8 + 1).values


@traced(floats(None, 8))
def sort_and_argsort(x):
    return {
        "up": tf.sort(x),
        "down": tf.sort(x, direction="DESCENDING"),
        "order": tf.argsort(x, axis=-1),
        "columns": tf.sort(x, axis=0),
    }


@traced(ints(None, 6))
def stable_argsort(x):
    return tf.argsort(x % 4, stable=True), tf.sort(x)


@traced(floats(None, 6))
def arg_max_and_min(x):
    return {"max": tf.argmax(x, axis=1), "min": tf.argmin(x, axis=0), "narrow": tf.argmax(x, 1, output_type=tf.int32)}


@traced(ints(12))
def unique(x):
    values, indices, counts = tf.unique_with_counts(x % 5)
    return {"values": values, "indices": indices, "counts": counts, "plain": tf.unique(x % 3).y}


@traced(ints(None))
def bincount(x):
    return {
        "counts": tf.math.bincount(x % 6, minlength=6),
        "at_most": tf.math.bincount(x % 6, minlength=4, maxlength=4),
    }


@traced(ints(None), floats(None))
def bincount_weighted(x, weights):
    return tf.math.bincount(x % 6, weights=weights, minlength=6)


@traced(floats(20))
def histogram(x):
    return {
        "counts": tf.histogram_fixed_width(x, [-2.0, 2.0], nbins=6),
        "bins": tf.histogram_fixed_width_bins(x, [-2.0, 2.0], nbins=6),
    }


@traced(floats(None, 4))
def where_three(x):
    return tf.where(x > 0.0, tf.sqrt(tf.abs(x)), tf.constant([0.0, 1.0, 2.0, 3.0]))


@traced(floats(4, 5))
def where_indices(x):
    return tf.where(x > 0.0)


@traced(floats(None, 3))
def boolean_mask(x):
    return tf.boolean_mask(x, x[:, 0] > 0.0)


@traced(floats(3, 4))
def boolean_mask_of_elements(x):
    return tf.boolean_mask(x, tf.abs(x) > 0.5)


@traced(floats(None, 5))
def search_sorted(x):
    edges = tf.constant([-1.5, -0.5, 0.0, 0.5, 1.5])
    rows = tf.tile(edges[None], [tf.shape(x)[0], 1])
    return {"left": tf.searchsorted(rows, x), "right": tf.searchsorted(rows, x, side="right")}


@traced(floats(None))
def bucketize(x):
    return tf.raw_ops.Bucketize(input=x, boundaries=[-1.0, 0.0, 0.5, 2.0])


@traced(ints(None), ints(None))
def confusion_matrix(labels, predictions):
    return tf.math.confusion_matrix(labels % 3, predictions % 3, num_classes=3)


@traced(floats(6, 2))
def segments(x):
    ids = tf.constant([0, 0, 1, 3, 3, 3])
    return {
        "sum": tf.math.segment_sum(x, ids),
        "mean": tf.math.segment_mean(x, ids),
        "max": tf.math.segment_max(x, [0, 0, 1, 2, 2, 2]),
        "prod": tf.math.segment_prod(x, ids),
    }


@traced(floats(None, 2), ints(None))
def unsorted_segments(x, ids):
    ids = ids % 3
    return {
        "sum": tf.math.unsorted_segment_sum(x, ids, 3),
        "prod": tf.math.unsorted_segment_prod(x, ids, 4),
        "sqrt_n": tf.math.unsorted_segment_sqrt_n(x, ids, 3),
        "mean": tf.math.unsorted_segment_mean(x, ids, 3),
    }


@traced(floats(8, 2))
def unsorted_segment_extremes(x):
    ids = tf.constant([2, 0, 1, 1, 0, 2, 2, 0])
    return {"max": tf.math.unsorted_segment_max(x, ids, 3), "min": tf.math.unsorted_segment_min(x, ids, 3)}


@traced(floats(6, 3))
def sparse_segments(x):
    return tf.sparse.segment_mean(x, [5, 0, 2, 2], [0, 0, 1, 2]), tf.sparse.segment_sum(x, [1, 3, 4], [0, 1, 1])


@traced(floats(None, 4))
def normalized(x):
    return {
        "l2": tf.math.l2_normalize(x, axis=1),
        "by_norm": tf.clip_by_norm(x, 1.0, axes=[1]),
        "global": tf.clip_by_global_norm([x, x * 2.0], 3.0)[0],
        "clipped": tf.clip_by_value(x, -0.5, 0.75),
    }


@traced(floats(None, 6), ints(None))
def in_top_k(x, targets):
    return tf.math.in_top_k(targets % 6, x, k=2)


@traced(floats(None, 4), floats(None, 4), floats(None, 4))
def add_many(a, b, c):
    return tf.add_n([a, b, c]), tf.math.accumulate_n([a, c])


@traced(floats(None, 1), floats(4))
def broadcasting(column, row):
    return {"sum": column + row, "power": tf.pow(tf.abs(column), tf.abs(row)), "larger": column > row}


@traced(floats(None, 3))
def polynomial(x):
    return tf.math.polyval([2.0, tf.constant(-1.0), x, tf.constant(0.5)], tf.tanh(x))


@traced(floats(4, 4))
def interpolation(x):
    """Piecewise linear, with a table of ordinates: gather, floor, clip."""
    table = tf.constant(np.sin(np.linspace(0.0, 3.0, 11)).astype(np.float32))
    at = tf.clip_by_value(tf.sigmoid(x) * 10.0, 0.0, 9.999)
    low = tf.cast(tf.floor(at), tf.int32)
    part = at - tf.floor(at)
    return tf.gather(table, low) * (1.0 - part) + tf.gather(table, low + 1) * part


@traced(floats(None, 5))
def next_after_and_frexp(x):
    return tf.math.nextafter(x, x + 1.0), tf.math.softplus(-tf.abs(x))


@traced(floats(None, 5))
def median_by_sorting(x):
    return tf.sort(x, axis=1)[:, 2], tf.reduce_mean(tf.math.top_k(x, 2).values, axis=1)


@traced(floats(None, 5))
def exponent_bits(x):
    """Integers that share memory with floats: scaling by powers of two."""
    return tf.bitcast(tf.bitcast(x, tf.int32) + (1 << 23), tf.float32)
