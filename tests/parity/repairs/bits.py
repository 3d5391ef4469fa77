"""Bits of floats and integers: zeros of both signs, infinities, every width.

TensorFlow's own threads take denormals for 0, so that they can't be held against anything here; those of float16 are
normal numbers of float32.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from shorthand import declare

RNG = np.random.default_rng(0)
EDGES = [0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 3.0, np.inf, -np.inf, 65504.0, -65504.0]
SIZES = np.concatenate([RNG.standard_normal(50) * 10.0**power for power in range(-36, 39, 4)])
FLOATS = {
    "float32": np.concatenate([EDGES, SIZES, 2.0 ** np.arange(-126, 128)]).astype(np.float32),
    "float16": np.concatenate([EDGES, RNG.standard_normal(99), 2.0 ** np.arange(-24, 16)]).astype(np.float16),
    "float64": np.concatenate([EDGES, SIZES, 2.0 ** np.arange(-1022.0, 1024.0)]),
}
WIDTHS = {"float16": "int16", "float32": "int32", "float64": "int64"}


def _bits(count: int, name: str) -> np.ndarray:
    limits = np.iinfo(name)
    return RNG.integers(limits.min, limits.max, count, dtype=name, endpoint=True)


def _declare(source: str, target: str, values: np.ndarray) -> None:
    declare(
        "bitcast-as-arithmetic", f"{source}_to_{target}", lambda x: tf.bitcast(x, tf.dtypes.as_dtype(target)), values
    )


for _float, _integer in WIDTHS.items():
    for _target in (_integer, f"u{_integer}", "uint8"):
        _declare(_float, _target, FLOATS[_float])
    for _source in (_integer, f"u{_integer}"):
        _declare(_source, _float, FLOATS[_float].view(_source))
_declare("uint8", "float32", FLOATS["float32"].view("uint8").reshape(-1, 4))
for _source, _target in (("int32", "uint32"), ("int8", "uint8"), ("uint16", "int16"), ("int64", "uint64")):
    _declare(_source, _target, _bits(40, _source))
for _source in ("int16", "int32", "uint32", "int64"):
    _declare(_source, "uint8", _bits(12, _source).reshape(3, 4))
    _declare("int8", _source, _bits(12 * np.dtype(_source).itemsize, "int8").reshape(3, 4, -1))
declare("bitcast-as-arithmetic", "not_a_number", lambda x: tf.bitcast(x, tf.int32), np.float32([np.nan, 1.0]))
declare(
    "bitcast-as-arithmetic", "bfloat16",
    lambda x: tf.cast(tf.bitcast(tf.bitcast(tf.cast(x, tf.bfloat16), tf.int16) + 1, tf.bfloat16), tf.float32),
    FLOATS["float32"][:90],
)  # fmt: skip
