"""Examples of lists of tensors (`tf.TensorArray`) that no target's converter makes an output of a loop of."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from shorthand import declare, drawn

X = drawn(5, 4)


def array(size: Any, *shape: int, **options: Any) -> Any:
    return tf.TensorArray(tf.float32, size=size, element_shape=list(shape), **options)


def written_backwards(x: Any) -> Any:
    return tf.scan(lambda total, row: 0.9 * total + row, x, reverse=True)


def left_early(x: Any) -> Any:
    """What isn't written is 0."""
    rows = array(5, 4)
    for i in tf.range(5):
        if tf.reduce_sum(x[i]) > 0.5:
            break
        rows = rows.write(i, x[i])
    return rows.stack()


def every_second(x: Any) -> Any:
    rows = array(5, 4)
    for i in tf.range(0, 5, 2):
        rows = rows.write(i, tf.tanh(x[i]))
    return rows.stack()


def shape_from_what_is_written(x: Any) -> Any:
    rows = tf.TensorArray(tf.float32, size=5)
    for i in tf.range(5):
        rows = rows.write(4 - i, x[i])
    return rows.stack()


def lists_in_a_loop_in_a_loop(x: Any) -> Any:
    """Beside a list of the outer loop that can stay one."""
    sums, last = array(5), tf.constant(0.0)
    for i in tf.range(5):
        row = array(4, clear_after_read=False)
        for j in tf.range(4):
            last = last * 0.5 + x[i, j]
            row = row.write(3 - j, last)
        sums = sums.write(i, tf.reduce_sum(row.stack() * tf.range(4.0)))
    return sums.stack()


def of_any_length(x: Any) -> Any:
    rows = array(0, 4, dynamic_size=True)
    for i in tf.range(tf.shape(x)[0]):
        if x[i, 0] > 0:
            rows = rows.write(rows.size(), x[i])
    return rows.stack()


def pieces_of_equal_size(x: Any) -> Any:
    rows = array(5, 2)
    for i in tf.range(5):
        rows = rows.write(4 - i, x[i, :2])
    return rows.concat()


for call in (
    written_backwards, left_early, every_second, shape_from_what_is_written, lists_in_a_loop_in_a_loop, pieces_of_equal_size,
):  # fmt: skip
    declare("lists-as-tensors", call.__name__, call, X, unknown=())
declare("lists-as-tensors", "of_any_length", of_any_length, X)
declare(
    "lists-as-tensors",
    "rows_by_number",
    lambda x, i: tf.TensorArray(tf.float32, size=3, element_shape=[4]).scatter(i, x[:3]).gather([2, 0]),
    X,
    np.array([2, 0, 1], np.int32),
    unknown=(),
)
