"""Incomplete gamma and beta functions, zeta, polygamma: both methods' sides, tails, poles, what is not defined."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from shorthand import declare

EDGE = np.array([0.0, 1.0, -1.0, 2.0, np.inf, np.nan, 1e-3], np.float32)


def _mesh(*axes: list[float]) -> list[np.ndarray]:
    return [grid.reshape(-1).astype(np.float32) for grid in np.meshgrid(*axes)]


for _rule, _function in {"igamma-as-loop": tf.math.igamma, "igammac-as-loop": tf.math.igammac}.items():
    declare(_rule, "both_sides", _function, *_mesh([0.1, 0.7, 1, 2.5, 9, 60], [0.01, 0.5, 1, 1.5, 2.9, 8, 30, 70]))
    declare(
        _rule, "large", _function, *(part.astype(np.float64) for part in _mesh([300, 900], [250, 299, 301, 880, 950]))
    )
    declare(_rule, "edges", _function, EDGE[:5, None], EDGE[None, :])
declare("igammac-as-loop", "tail", tf.math.igammac, *_mesh([0.5, 2, 9], [20, 30, 40]))
declare(
    "betainc-as-loop",
    "both_sides",
    tf.math.betainc,
    *_mesh([0.3, 1, 4, 30], [0.4, 1, 7, 20], [0.01, 0.2, 0.5, 0.9, 0.99]),
)
declare("betainc-as-loop", "edges", lambda x: tf.math.betainc(2.0 * tf.ones_like(x), 3.0 * tf.ones_like(x), x), EDGE)
declare("zeta-as-sum", "some", tf.math.zeta, *_mesh([1.01, 1.5, 2, 5, 20], [0.01, 0.5, 1, 3, 40]))
declare("zeta-as-sum", "edges", tf.math.zeta, *_mesh([0.5, 1, 2, 3], [0, -1, 1, 2]))
declare("zeta-as-sum", "negative", tf.math.zeta, *_mesh([2, 3, 2.5], [-0.5, -3.3]))
for _order in (0.0, 1.0, 2.0, 5.0):
    declare(
        "polygamma-as-zeta",
        f"{_order}",
        lambda x, order=_order: tf.math.polygamma(order, x),
        np.geomspace(0.1, 90, 60).astype(np.float32),
    )
declare("polygamma-as-zeta", "no_order", lambda x: tf.math.polygamma(1.5, x), EDGE[1:4])
