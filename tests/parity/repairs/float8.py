"""An example of floats of 8 bits (`compositions/float8.py`): numbers of every size, and what lies beyond the largest."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from examples import example
from shorthand import drawn

NUMBERS = np.concatenate([drawn(300) * 2.0 ** np.arange(-15, 0).repeat(20), drawn(300) * 40, [0, 448, -448, 500]])


@example("float8-as-rounding", keeps=True)
def there_and_back() -> tuple[Any, list[Any]]:
    @tf.function(input_signature=[tf.TensorSpec([None], tf.float32)])
    def call(x: Any) -> Any:
        return tf.cast(tf.cast(x, tf.dtypes.experimental.float8_e4m3fn), tf.float32)

    return call, [NUMBERS.astype(np.float32)]
