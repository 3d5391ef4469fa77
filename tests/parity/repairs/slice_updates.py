"""Examples of slices the other way around (`compositions/slice_updates.py`)."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from shorthand import declare, drawn
from tensorflow.compiler.tf2xla.ops import gen_xla_ops

X = drawn(3, 4, 5)


def gradient_of(part: Any) -> Any:
    def call(x: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(x)
            total = tf.reduce_sum(tf.square(part(x)))
        return tape.gradient(total, x)

    return call


for name, part in {
    "rows": lambda x: x[1:],
    "backwards": lambda x: x[:, ::-2],
    "one": lambda x: x[-1, ..., 2:4],
    "new_axis": lambda x: x[..., tf.newaxis, 1],
    "from_where_the_data_say": lambda x: x[:, tf.shape(x)[0] - 2 :],
}.items():
    declare("strided-slice-gradient-as-scatter", name, gradient_of(part), X)

for name, starts in {"inside": [0, 1, 2], "beyond": [2, 9, -3]}.items():
    declare(
        "dynamic-update-slice-as-gather",
        name,
        gen_xla_ops.xla_dynamic_update_slice,
        X,
        drawn(2, 2, 5, seed=1),
        np.array(starts, np.int32),
        unknown=(1,),
    )


def of_shapes(x: Any, y: Any) -> Any:
    return tf.broadcast_dynamic_shape(tf.shape(x), tf.shape(y))


declare("broadcast-args-as-where", "of_other_rank", of_shapes, X, drawn(4, 1))
declare("broadcast-args-as-where", "of_scalar", of_shapes, X, np.float32(3))
declare("broadcast-args-as-where", "of_nothing", of_shapes, drawn(2, 0, 1), drawn(1, 3))


def gradient_of_product(x: Any, y: Any) -> Any:
    """As TensorFlow differentiates: axes from shapes that are known only when the model runs."""
    axes = tf.raw_ops.BroadcastGradientArgs(s0=tf.shape(x), s1=tf.shape(y))
    made = tf.cos(x * y)
    return [
        tf.reshape(tf.reduce_sum(made * y, axes.r0), tf.shape(x)),
        tf.reshape(tf.reduce_sum(made * x, axes.r1), tf.shape(y)),
    ]


for name, others, unknown in (
    ("alike", (3, 4, 5), (0,)),
    ("of_other_rank", (4, 1), ()),
    ("of_one_row", (1, 1, 5), (0,)),
    ("of_scalar", (), ()),
    ("of_open_sizes", (1, 4, 1), (0, 1, 2)),
):
    declare("broadcast-gradient-as-where", name, gradient_of_product, X, drawn(*others, seed=1), unknown=unknown)
