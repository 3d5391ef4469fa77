"""Integers: every bit, both ends of each dtype, shifts beyond the width, matrices whose products wrap."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from shorthand import declare


def _whole(dtype: Any, count: int = 300) -> Any:
    """Return integers of the whole range of a dtype, its ends among them and what lies about multiples of 2¹⁶."""
    info = np.iinfo(dtype)
    drawn = np.random.default_rng(count).integers(info.min, info.max, count, dtype=np.int64, endpoint=True)
    near = np.array([step * 65536 + shift for step in (-32768, -256, -1, 0, 1, 255, 32767) for shift in (-1, 0, 1)])
    near = near[(near >= info.min) & (near <= info.max)]
    return np.concatenate([drawn, near, [info.min, info.max, info.min + 1, info.max - 1]]).astype(dtype)


DTYPES = (np.int8, np.uint8, np.int16, np.uint16, np.int32)
for _dtype in DTYPES:
    _name, _x = np.dtype(_dtype).name, _whole(_dtype)
    _y = np.roll(_x, 7)
    for _function in (tf.bitwise.bitwise_and, tf.bitwise.bitwise_or, tf.bitwise.bitwise_xor):
        declare("bitwise-as-arithmetic", f"{_function.__name__}_{_name}", _function, _x, _y)
    declare("invert-as-subtraction", _name, tf.bitwise.invert, _x)
    declare("population-count-as-sum", _name, lambda x: tf.raw_ops.PopulationCount(x=x), _x)
    _shifts = (np.arange(len(_x)) % (np.dtype(_dtype).itemsize * 8)).astype(_dtype)
    declare("left-shift-as-product", _name, tf.bitwise.left_shift, _x, _shifts)
    declare("right-shift-as-division", _name, tf.bitwise.right_shift, _x, _shifts)

declare(
    "bitwise-as-arithmetic", "broadcast", tf.bitwise.bitwise_xor, _x[:300].reshape(2, 3, 50, 1), _x[:6].reshape(3, 1, 2)
)
declare("bitwise-as-arithmetic", "constant", lambda x: tf.bitwise.bitwise_and(x, 0x00FF00FF), _x)
declare("right-shift-as-division", "constant", lambda x: tf.bitwise.right_shift(x, 5), _x)
declare("right-shift-as-division", "beyond", lambda x: tf.bitwise.right_shift(x, [[0], [31]]), _x)

_a, _b = _whole(np.int32, 600)[:600], _whole(np.int32, 599)[:600]
declare("integer-matmul-as-float-limbs", "wraps", tf.matmul, _a.reshape(10, 60), _b.reshape(60, 10))
declare(
    "integer-matmul-as-float-limbs",
    "long",
    lambda a, b: tf.matmul(a, b, transpose_b=True),
    _a.reshape(1, 600),
    _b.reshape(1, 600),
)
declare(
    "integer-matmul-as-float-limbs",
    "batches",
    lambda a, b: tf.matmul(a, b, transpose_a=True),
    _a.reshape(2, 3, 20, 5),
    _b.reshape(2, 3, 20, 5),
    unknown=(0, 1),
)
declare(
    "integer-matmul-as-float-limbs",
    "from_bytes",
    lambda a, b: tf.matmul(tf.cast(a, tf.int32), tf.cast(b, tf.int32)),
    _whole(np.int8)[:300].reshape(5, 60),
    _whole(np.uint8)[:300].reshape(60, 5),
)
