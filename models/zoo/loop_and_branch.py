"""A tf.Module with a while loop that runs as often as its data says, and a branch.

Shows control flow that depends on data: Python's `while`, which AutoGraph turns into a `tf.while_loop`, and `tf.cond`.
A signal is turned and damped until no value is larger than 1; then one of two filters takes it, by the sign of its sum.

Input `signal`: float32 [8].  Outputs: `filtered` float32 [8], `turns` int32 [].
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

DAMPING = 0.8
"""Below 1, so that the loop ends."""


class LoopAndBranch(tf.Module):
    """A rotation that is applied again and again, and two filters."""

    def __init__(self, seed: int) -> None:
        super().__init__(name="loop_and_branch")
        rng = np.random.default_rng(seed)
        rotation, _ = np.linalg.qr(rng.normal(size=(8, 8)))
        self.rotation = tf.Variable(rotation, dtype=tf.float32, name="rotation")
        self.smooth = tf.Variable(rng.normal(0, 0.5, (8, 8)), dtype=tf.float32, name="smooth")
        self.shift = tf.Variable(rng.normal(0, 0.5, 8), dtype=tf.float32, name="shift")

    @tf.function(input_signature=[tf.TensorSpec([8], tf.float32)])
    def __call__(self, signal: tf.Tensor) -> dict[str, tf.Tensor]:
        state = 3.0 * signal
        turns = tf.constant(0)
        while tf.reduce_max(tf.abs(state)) > 1.0:
            state = DAMPING * tf.linalg.matvec(self.rotation, state)
            turns += 1
        filtered = tf.cond(
            tf.reduce_sum(state) > 0.0,
            lambda: tf.linalg.matvec(self.smooth, state),
            lambda: tf.tanh(state) + self.shift,
        )
        return {"filtered": filtered, "turns": turns}


def build() -> tf.Module:
    """Return the module with seeded weights."""
    return LoopAndBranch(seed=8)
