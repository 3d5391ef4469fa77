"""Examples of the repairs that TFLite alone needs (`targets/tflite`)."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from examples import example
from shorthand import declare, drawn

raw = tf.raw_ops


def integers(*shape: int, dtype: Any = np.int32, low: int = -9, high: int = 9) -> Any:
    return np.random.default_rng(0).integers(low, high, shape).astype(dtype)


WORDS = np.array([[b"a", b"", b"b, c"], [b"d", b"e", b"f"]], object)
BOXES = np.array([[0, 0, 1, 1], [0, 0.1, 1, 1.1], [0, 2, 1, 3], [0, 2.1, 1, 3.1]], np.float32)
SCORES = np.array([0.9, 0.75, 0.6, 0.95], np.float32)

for _axes in ([0], [0, 1]):
    declare(
        "sum-of-squares-not-for-l2-norm",
        f"over_{len(_axes)}",
        lambda x, axes=_axes: x * tf.math.rsqrt(tf.reduce_sum(tf.square(x), axes, keepdims=True)),
        drawn(4, 3, 2),
    )
declare("ensured-shape-as-identity", "vectors", lambda x: tf.ensure_shape(x, [None, 3]), drawn(4, 3))

declare("abs-as-maximum", "int64", tf.abs, integers(3, 4, dtype=np.int64) * 2**40)
declare("relu-as-maximum", "int8", tf.nn.relu, integers(3, 4, dtype=np.int8))
declare("relu6-as-minimum", "int32", tf.nn.relu6, integers(3, 4))
declare("square-as-product", "int8", tf.square, integers(3, 4, dtype=np.int8))

LARGE = np.int64([[2**61 + 12345, -(2**60) + 7, 10**15, -9], [8, -8, 2**40, -(2**40) - 1]])
declare(
    "int64-quotient-by-steps",
    "large",
    tf.truncatediv,
    LARGE,
    np.int64([[3, -7, 10**7, 2], [-3, 3, -(2**20), 2**20 + 1]]),
)
declare("int64-quotient-by-steps", "by_one_number", lambda x: tf.truncatediv(x, tf.constant(-5, tf.int64)), LARGE)

for _function in (tf.argmax, tf.argmin):
    for _axis in (0, -1):
        declare(
            "arg-extreme-as-mask",
            f"{_function.__name__}_{_axis}",
            lambda x, function=_function, axis=_axis: function(x, axis, tf.int32),
            integers(5, 6, dtype=np.int64, low=0, high=3),
            unknown=(0, 1),
        )
declare("unique-v2-as-unique", "vector", lambda x: list(raw.UniqueV2(x=x, axis=[0])), integers(9, low=0, high=4))
declare(
    "boxes-cut-to-those-found",
    "padless_v4",
    lambda x, y: list(
        raw.NonMaxSuppressionV4(boxes=x, scores=y, max_output_size=4, iou_threshold=0.5, score_threshold=0.1)
    ),
    BOXES,
    SCORES,
)
declare(
    "boxes-cut-to-those-found",
    "padless_v5",
    lambda x, y: list(
        raw.NonMaxSuppressionV5(
            boxes=x, scores=y, max_output_size=4, iou_threshold=0.5, score_threshold=0.1, soft_nms_sigma=0.0
        )
    ),
    BOXES,
    SCORES,
)
declare(
    "boxes-counted",
    "fewer_than_asked_for",
    lambda x, y: raw.NonMaxSuppressionV3(boxes=x, scores=y, max_output_size=4, iou_threshold=0.5, score_threshold=0.1),
    BOXES,
    SCORES,
)
declare("complex-of-bits", "matrix", tf.complex, drawn(3, 4), drawn(3, 4, seed=1))
declare("int32-axes", "mean", lambda x: raw.Mean(input=x, axis=np.array([0, 2], np.int64)), drawn(4, 3, 2))

for _kind in (np.int8, np.uint8, np.uint16):
    declare(
        "narrow-integers-as-wider",
        f"wrapping_{_kind.__name__}",
        tf.math.multiply,
        integers(3, 4, dtype=_kind, low=100, high=127),
        integers(3, 4, dtype=_kind, low=2, high=9),
    )
for _name, _move in {
    "transposed": tf.transpose,
    "reversed": lambda x: tf.reverse(x, [1]),
    "parts": lambda x: tf.unstack(x, axis=1),
    "rows": lambda x: tf.gather(x, [1, 0, 1]),
}.items():
    declare("values-moved-by-place", _name, _move, WORDS)

declare("elements-over-fewer-axes", "spread_along_some", tf.add, drawn(2, 3, 2, 1, 2, 3), drawn(3, 2, 4, 1, 1))
declare("elements-over-fewer-axes", "by_turns", tf.maximum, drawn(2, 1, 2, 1, 2), drawn(1, 3, 1, 2, 1), unknown=())
declare(
    "elements-over-fewer-axes",
    "chosen",
    tf.where,
    drawn(2, 1, 2, 1, 2, 2) > 0,
    drawn(1, 3, 1, 2, 1, 1),
    drawn(2, 3, 2, 2, 2, 2),
    unknown=(),
)


@example("least-of-integers-by-choice")
def integers_cut_from_both_sides() -> tuple[Any, list[Any]]:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64)])
    def function(x: Any) -> Any:
        return tf.maximum(tf.minimum(x, 6), 0)

    return function, [np.array([-3, 0, 5, 6, 9], np.int64)]


@example("bytes-matmul-as-floats")
def product_of_bytes() -> tuple[Any, list[Any]]:
    @tf.function(input_signature=[tf.TensorSpec([None, 40], tf.int8), tf.TensorSpec([40, 3], tf.int8)])
    def function(x: Any, y: Any) -> Any:
        return tf.matmul(x, y, output_type=tf.int32)

    rng = np.random.default_rng(0)
    return function, [rng.integers(-128, 128, (5, 40), np.int8), rng.integers(-128, 128, (40, 3), np.int8)]
