"""Elementary and special functions: near 0 and 1, where they bend, far out, at infinities and NaN."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from shorthand import declare

EDGES = np.array([0.0, np.inf, -np.inf, np.nan, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 3e38, -3e38], np.float32)


def _line(low: float, high: float, count: int = 401) -> Any:
    return np.linspace(low, high, count, dtype=np.float32)


def _far(low: float, high: float) -> Any:
    size = np.geomspace(low, high, 101, dtype=np.float32)
    return np.concatenate([-size, size])


TINY = _far(1e-30, 1e-3)
WIDE = {"tiny": TINY, "small": _line(-1, 1), "some": _line(-9, 9), "large": _far(10, 80), "edges": EDGES}
UNIT = {
    "tiny": TINY,
    "small": _line(-1, 1),
    "near_one": 1 - np.geomspace(1e-7, 0.1, 99, dtype=np.float32),
    "edges": EDGES,
}
POSITIVE = {"small": _line(0.01, 1), "some": _line(0.5, 9), "large": np.geomspace(10, 1e30, 99, dtype=np.float32)}

FUNCTIONS: dict[str, tuple[Any, dict[str, Any]]] = {
    "expm1-as-tanh": (tf.math.expm1, WIDE),
    "log1p-as-log": (tf.math.log1p, {**WIDE, "near": _line(-0.99, 2)}),
    "sinh-as-exp": (tf.sinh, WIDE),
    "cosh-as-exp": (tf.cosh, WIDE),
    "tan-as-sin-and-cos": (tf.tan, {"tiny": TINY, "some": _line(-1.5, 1.5)}),
    "asin-as-polynomial": (tf.asin, UNIT),
    "acos-as-polynomial": (tf.acos, UNIT),
    "atan-as-polynomial": (tf.atan, WIDE),
    "asinh-as-log": (tf.asinh, {**WIDE, "huge": _far(1e4, 1e38)}),
    "acosh-as-log": (tf.acosh, {**WIDE, "near_one": 1 + np.geomspace(1e-6, 1, 99, dtype=np.float32)}),
    "atanh-as-log": (tf.atanh, UNIT),
    "softplus-as-log": (tf.math.softplus, WIDE),
    "elu-as-exp": (tf.nn.elu, WIDE),
    "selu-as-exp": (tf.nn.selu, WIDE),
    "softsign-as-division": (tf.nn.softsign, WIDE),
    "erf-as-polynomial": (tf.math.erf, WIDE),
    "erfc-as-polynomial": (tf.math.erfc, {**WIDE, "tail": _line(3, 5), "far_tail": _line(6, 7)}),
    "erfinv-as-log": (tf.math.erfinv, {key: UNIT[key] for key in ("small", "near_one", "edges")}),
    "ndtri-as-log": (
        tf.math.ndtri,
        {
            "middle": _line(0.001, 0.999),
            "small": np.geomspace(1e-37, 1e-3, 99, dtype=np.float32),
            "edges": np.array([0, 1, 0.5, np.nan, -1, 2], np.float32),
        },
    ),
    "lgamma-as-log": (tf.math.lgamma, {**POSITIVE, "negative": _line(-9.3, -0.1), "edges": EDGES}),
    "digamma-as-log": (
        tf.math.digamma,
        {**POSITIVE, "negative": np.arange(-9, 0, dtype=np.float32) + 0.3, "poles": -EDGES[4:5]},
    ),
    "bessel-i0e-as-polynomial": (tf.math.bessel_i0e, WIDE),
    "bessel-i1e-as-polynomial": (tf.math.bessel_i1e, WIDE),
    "bessel-i0-as-polynomial": (tf.math.bessel_i0, WIDE),
    "bessel-i1-as-polynomial": (tf.math.bessel_i1, WIDE),
}

COARSE = ("softplus-as-log", "selu-as-exp", "softsign-as-division", "erfinv-as-log", "ndtri-as-log")
"""Of half precision TensorFlow's kernels round every step, or there is none."""

for _rule, (_function, _ranges) in FUNCTIONS.items():
    for _name, _values in _ranges.items():
        declare(_rule, _name, _function, _values)
    if _rule not in COARSE:
        declare(_rule, "half", lambda x, function=_function: function(tf.cast(x, tf.float16)), _line(0.1, 0.9, 9))
    declare(_rule, "double", lambda x, function=_function: function(tf.cast(x, tf.float64)), _line(0.1, 0.9, 9))

_grid = np.array(
    [-np.inf, -3e38, -5.0, -1.0, -1e-3, -1e-30, 0.0, 1e-30, 1e-3, 1.0, 5.0, 3e38, np.inf, np.nan], np.float32
)
declare("atan2-as-polynomial", "everywhere", tf.atan2, _grid[:, None], _grid[None, :])
declare("atan2-as-polynomial", "around", tf.atan2, np.sin(_line(-9, 9)), np.cos(_line(-9, 9)))
