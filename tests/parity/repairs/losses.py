"""Softmax and cross entropy: large logits, infinities among them, labels that are no class, several ranks."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from shorthand import declare, drawn

LOGITS = drawn(6, 5) * np.array([[1], [30], [1000], [0], [1e-3], [5]], np.float32)
MASKED = np.where(drawn(6, 5, seed=2) > 0.7, -np.inf, LOGITS).astype(np.float32)

for _rule, _function in {"softmax-as-exp": tf.nn.softmax, "log-softmax-as-exp": tf.nn.log_softmax}.items():
    declare(_rule, "large", _function, LOGITS)
    declare(_rule, "masked", _function, MASKED)
    declare(_rule, "one_class", _function, LOGITS[:, :1])
declare("softmax-as-exp", "deep", tf.nn.softmax, drawn(2, 3, 4, 5), unknown=(0, 1, 2, 3))

declare(
    "cross-entropy-as-log-softmax",
    "both_outputs",
    lambda logits, labels: list(tf.raw_ops.SoftmaxCrossEntropyWithLogits(features=logits, labels=labels)),
    LOGITS,
    np.abs(drawn(6, 5, seed=1)),
    unknown=(0, 1),
)
declare(
    "sparse-cross-entropy-as-log-softmax",
    "both_outputs",
    lambda logits, labels: list(tf.raw_ops.SparseSoftmaxCrossEntropyWithLogits(features=logits, labels=labels)),
    LOGITS,
    np.array([0, 4, 2, 1, 3, 0], np.int64),
    unknown=(0, 1),
)
