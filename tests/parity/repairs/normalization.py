"""Normalisation: every output of the fused op, in training and in inference, images and volumes."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from shorthand import declare, drawn


def _fused(training: bool, outputs: int = 5, **options: Any) -> Any:
    def call(x: Any) -> Any:
        given = (
            [[], []]
            if training and "exponential_avg_factor" not in options
            else [drawn(3, seed=3), drawn(3, seed=4) ** 2]
        )
        made = tf.raw_ops.FusedBatchNormV3(
            x=x, scale=drawn(3, seed=1), offset=drawn(3, seed=2), mean=given[0], variance=given[1],
            epsilon=1e-2, is_training=training, **options,
        )  # fmt: skip
        return list(made)[:outputs]

    return call


for _training in (True, False):
    for _unknown in ((0,), (0, 1, 2)):
        declare(
            "fused-batch-norm-as-arithmetic",
            f"{_training}_{len(_unknown)}",
            _fused(_training, 5 if _training else 3),
            drawn(4, 5, 3, 3) + 3,
            unknown=_unknown,
        )
    declare(
        "fused-batch-norm-as-arithmetic",
        f"volume_{_training}",
        _fused(_training, 5 if _training else 3, data_format="NDHWC"),
        drawn(2, 3, 4, 5, 3),
    )
declare(
    "fused-batch-norm-as-arithmetic",
    "moving",
    _fused(True, 3, exponential_avg_factor=0.3),
    drawn(4, 5, 3, 3),
)
declare("fused-batch-norm-as-arithmetic", "half", lambda x: _fused(False, 3)(tf.cast(x, tf.float16)), drawn(2, 3, 3, 3))
for _options in ({}, {"depth_radius": 1, "bias": 0.5, "alpha": 0.7, "beta": 1.5}):
    declare(
        "lrn-as-arithmetic",
        f"{_options}",
        lambda x, options=_options: tf.nn.local_response_normalization(x, **options),
        drawn(2, 4, 5, 6) * 3,
        unknown=(0, 1, 2),
    )
