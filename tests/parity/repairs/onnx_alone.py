"""Examples of the repairs that ONNX alone needs (`targets/onnx`), and of `case-as-ifs`.

Not called `onnx.py`, which would hide the package of that name.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from examples import example
from shorthand import declare, drawn

raw = tf.raw_ops


def integers(*shape: int, low: int = -9, high: int = 9, dtype: Any = np.int32) -> Any:
    return np.random.default_rng(0).integers(low, high, shape).astype(dtype)


def texts(*strings: str) -> Any:
    return np.array([string.encode() for string in strings], object)


X = drawn(3, 4)
IMAGE = drawn(2, 7, 6, 3)
WORDS = texts("a, b", "", "no", ",,")
SPACED = texts(" a b\n\tc d ", "", "\r\n", "ab", "a\x0b\x0cb", "\tü", "ü \t")

declare("erfc-as-erf", "erfc", tf.math.erfc, X)
declare("population-count-as-sums", "bits", lambda x: raw.PopulationCount(x=x), integers(3, 4))
declare("string-of-bool", "words", lambda x: tf.strings.as_string(x > 0), X)
declare("euclidean-norm-as-root", "norm", lambda x: tf.math.reduce_euclidean_norm(x, -1, True), X)
declare("lin-space-as-range", "steps", lambda x: raw.LinSpace(start=x[0, 0], stop=x[0, 1], num=5), X)
declare("rank-and-shapes", "rank", lambda x: tf.raw_ops.ShapeN(input=[x, x[0]]), X)
declare("zeros-like-strings", "empty", tf.zeros_like, WORDS)
declare("one-hot-as-equal", "beyond", lambda x: tf.one_hot(x, 4, axis=0), np.array([0, 3, -1, 5], np.int32))
declare("unique-of-vector", "vector", lambda x: raw.UniqueV2(x=x, axis=[0])[0], integers(9, low=0, high=4))

declare(
    "adjoint-as-transpose", "integers", lambda x, y: raw.BatchMatMulV2(x=x, y=y, adj_x=True, adj_y=True),
    integers(2, 3, 4), integers(2, 5, 3),
)  # fmt: skip
declare(
    "reverse-sequence-from-front",
    "inner",
    lambda x, lengths: tf.reverse_sequence(x, lengths, seq_axis=2, batch_axis=0),
    drawn(2, 3, 4),
    np.array([3, 1], np.int32),
)
declare("narrow-arg-max", "narrow", lambda x: raw.ArgMax(input=x, dimension=-1, output_type=tf.int16), X)
declare(
    "strings-by-place",
    "rows",
    lambda x, i: tf.gather(x, i, axis=1),
    texts("a", "b", "c", "d").reshape(2, 2),
    np.array([1, 0, 1]),
)
declare(
    "strings-by-place",
    "nd_rows",
    lambda x, i: tf.gather_nd(x, i),
    texts("a", "b", "c", "d").reshape(2, 2),
    np.array([[1], [0], [1]]),
)

for kind in (np.int8, np.int64):
    counts = integers(3, 4, low=0, high=7, dtype=kind)
    declare("shift-of-signed", f"left_{kind.__name__}", tf.bitwise.left_shift, integers(3, 4, dtype=kind), counts)
    declare(
        "right-shift-of-signed", f"right_{kind.__name__}", tf.bitwise.right_shift, integers(3, 4, dtype=kind), counts
    )

for name in ("max", "min"):
    segments = np.array([3, 0, -1, 3, 1], np.int32)
    unsorted = getattr(tf.math, f"unsorted_segment_{name}")
    declare(
        "segment-extreme-as-scatter", f"unsorted_{name}", lambda x, i, f=unsorted: f(x, i, 5), drawn(5, 2), segments
    )
    in_order = getattr(tf.math, f"segment_{name}")
    declare("segment-extreme-as-scatter", name, in_order, integers(5, 2), np.array([0, 0, 1, 1, 3], np.int32))

declare("pad-of-strings-as-gather", "strings", lambda x: tf.pad(x, [[1, 2]]), WORDS)
declare("regex-replace-as-split", "removed", lambda x: tf.strings.regex_replace(x, r"[,\-\.]", ""), WORDS)
declare("regex-replace-as-split", "replaced_by_one_of_them", lambda x: tf.strings.regex_replace(x, "[,b]", "b,"), WORDS)
declare("regex-replace-as-split", "replaced", lambda x: tf.strings.regex_replace(x, ", ", " and "), WORDS)
declare("strip-as-split", "matrix", lambda x: tf.strings.strip(tf.stack([x, x + "\t.", "\n" + x], 1)), SPACED)
declare("strip-as-split", "nothing", tf.strings.strip, SPACED[:0])
declare("split-at-white-space", "words", lambda x: list(raw.StringSplitV2(input=x, sep="")), SPACED)
declare("split-at-white-space", "nothing", lambda x: list(raw.StringSplitV2(input=x, sep="")), SPACED[:0])
declare(
    "reduce-join-as-joins",
    "last",
    lambda x: tf.strings.reduce_join(x[:, None] + [["!", "?"]], -1, separator="-"),
    WORDS,
)
declare("addition-of-strings", "added", lambda x: x + "!", WORDS)


@example("n-grams-as-joins")
def rows_of_several_lengths() -> tuple[Any, list[Any]]:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.string), tf.TensorSpec([None], tf.int64)])
    def call(words: Any, splits: Any) -> Any:
        return list(
            raw.StringNGrams(
                data=words, data_splits=splits, separator=" ", ngram_widths=[1, 2], left_pad="", right_pad="",
                pad_width=0, preserve_short_sequences=False,
            )
        )  # fmt: skip

    return call, [texts("a", "b", "c", "d"), np.array([0, 3, 3, 4], np.int64)]


@example("case-as-ifs")
def index_beyond_the_last() -> tuple[Any, list[Any]]:
    @tf.function(input_signature=[tf.TensorSpec([], tf.int32), tf.TensorSpec([None], tf.float32)])
    def call(index: Any, x: Any) -> Any:
        return tf.switch_case(index, [lambda: x + 1, lambda: tf.sin(x), lambda: -x])

    return call, [np.array(7, np.int32), drawn(4)]


@example("conv3d-transpose-as-conv3d")
def stride_beyond_the_kernel() -> tuple[Any, list[Any]]:
    @tf.function(input_signature=[tf.TensorSpec([None, 3, 3, 2, 2], tf.float32)])
    def call(x: Any) -> Any:
        size = [tf.shape(x)[0], 9, 9, 6, 4]
        return tf.nn.conv3d_transpose(x, drawn(2, 2, 2, 4, 2, seed=1), size, strides=3, padding="SAME")

    return call, [drawn(2, 3, 3, 2, 2)]


@example("axis-from-front")
def last_axis() -> tuple[Any, list[Any]]:
    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32)])
    def call(x: Any) -> Any:
        return tf.math.cumprod(x, axis=-1, exclusive=True, reverse=True)

    return call, [X]


@example("same-dilated-as-pad")
def sizes_that_vary() -> tuple[Any, list[Any]]:
    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 3], tf.float32)])
    def call(x: Any) -> Any:
        return tf.nn.conv2d(x, drawn(3, 2, 3, 5, seed=1), 1, "SAME", dilations=[2, 3])

    return call, [IMAGE]


@example("resized-in-float32")
def bytes_between_pixels() -> tuple[Any, list[Any]]:
    @tf.function(input_signature=[tf.TensorSpec([None, 7, 6, 3], tf.uint8)])
    def call(x: Any) -> Any:
        return raw.ResizeBilinear(images=x, size=[4, 9], half_pixel_centers=True)

    return call, [integers(2, 7, 6, 3, low=0, high=255, dtype=np.uint8)]


@example("resized-in-float32")
def halves_in_boxes() -> tuple[Any, list[Any]]:
    @tf.function(input_signature=[tf.TensorSpec([2, 7, 6, 3], tf.float16)])
    def call(x: Any) -> Any:
        return tf.image.crop_and_resize(x, [[0.1, 0.2, 0.9, 0.8], [0.0, 0.3, 1.2, 1.0]], [1, 0], [3, 5])

    return call, [IMAGE.astype(np.float16)]


declare("slice-of-stated-size", "to_the_end", lambda x: tf.slice(x, [tf.shape(x)[0] // 2, 1], [-1, 2]), X)
declare(
    "slice-of-stated-size", "of_any_size", lambda x, size: tf.slice(x, [1, 0], size), X, np.array([1, -1], np.int32)
)


@example("static-size-as-constant")
def size_beside_one_that_varies() -> tuple[Any, list[Any]]:
    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32)])
    def call(x: Any) -> Any:
        return tf.cond(tf.equal(tf.shape(x)[1] + 1, 5), lambda: tf.concat([x, x], 0), lambda: x * 2)

    return call, [X]


for size in (4, 5):
    declare(
        "decided-if-as-branch",
        f"size_of_{size}",
        lambda x, size=size: tf.cond(tf.equal(tf.constant(size), 4), lambda: tf.concat([x, x], 0), lambda: x * 2),
        X,
    )
