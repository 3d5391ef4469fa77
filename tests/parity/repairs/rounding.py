"""Examples of casts to narrow floats (`anyport_tf.compositions.rounding`)."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from shorthand import declare, drawn

NUMBERS = np.concatenate(
    [scale * drawn(50, seed=exponent) for exponent, scale in enumerate(np.float32([1, 1e3, 3e4, 1e-5, 1e-7]))]
)
EDGES = np.array([0.0, 65504, 65519, 65520, 1e30, np.inf, -np.inf, np.nan, 2**-24, 2**-25, 2**-14], np.float32)

for _kind in (tf.float16, tf.bfloat16):
    declare(
        "narrow-cast-as-rounding",
        f"to_{_kind.name}",
        lambda x, to=_kind: tf.cast(tf.cast(x, to), tf.float32),
        np.concatenate([NUMBERS, EDGES, -EDGES]),
    )
