"""Examples of NaN and infinities (`compositions/not_finite.py`)."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from examples import KEEPING
from shorthand import declare, drawn

X = drawn(3, 4)
SPECIAL = np.float32([[np.inf, -np.inf, np.nan, 0], [3.4028235e38, -3.4028235e38, 1, -1]])

for name, call in {
    "largest_of_constant": lambda x: tf.maximum(tf.sqrt(x), 0.5),
    "least_of_constant": lambda x: tf.minimum(0.5, tf.math.log(x)),
    "cut": lambda x: tf.clip_by_value(x / tf.nn.relu(x), -1, 9),
    "moved": lambda x: tf.maximum(-tf.transpose(tf.sqrt(x))[1:], 0.5),
    "tangent": lambda x: tf.tanh(tf.math.log(x)),
}.items():
    declare("nan-put-back", name, call, X)
declare("nan-put-back", "of_two", lambda x, y: tf.maximum(tf.sqrt(x), tf.math.log(y)), X, drawn(3, 4, seed=1))
declare("nan-put-back", "of_a_row", lambda x, y: tf.minimum(tf.sqrt(x), y), drawn(1, 4), X, unknown=())
declare(
    "infinite-quotient-restored", "by_input", lambda x, y: x / y, SPECIAL, np.float32([[0, 1, 0, 2], [0.5, 0, 0, -0.5]])
)
declare("infinite-quotient-restored", "by_relu", lambda x, y: x / tf.nn.relu(y), X, drawn(3, 4, seed=1))
# The same op, with something behind it.
KEEPING.update({"nan-put-back", "infinite-quotient-restored"})


def compared(infinity: float) -> Any:
    return lambda x: [tf.equal(x, infinity), tf.not_equal(infinity, x)]


declare("equal-to-infinity-as-comparison", "positive", compared(float("inf")), SPECIAL)
declare("equal-to-infinity-as-comparison", "negative", compared(float("-inf")), SPECIAL)
