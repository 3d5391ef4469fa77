"""A low-level tf.Module: a perceptron of plain variables with one signature.

Shows the least that anyport needs of a `tf.Module`: a method that is a `tf.function` with an `input_signature`.  The
parameter's name is the input's, the keys of the returned dict are the outputs'; the `None` keeps the batch open.  The
method `__call__` becomes the signature `serving_default`.

Input `features`: float32 [batch, 16].  Outputs: `logits` float32 [batch, 10], `hidden` float32 [batch, 32].
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf


class Mlp(tf.Module):
    """Two dense layers with tanh between them; random weights."""

    def __init__(self, seed: int) -> None:
        super().__init__(name="mlp")
        rng = np.random.default_rng(seed)
        self.w1 = tf.Variable(rng.normal(0, 0.3, (16, 32)), dtype=tf.float32, name="w1")
        self.b1 = tf.Variable(rng.normal(0, 0.3, 32), dtype=tf.float32, name="b1")
        self.w2 = tf.Variable(rng.normal(0, 0.3, (32, 10)), dtype=tf.float32, name="w2")
        self.b2 = tf.Variable(rng.normal(0, 0.3, 10), dtype=tf.float32, name="b2")

    @tf.function(input_signature=[tf.TensorSpec([None, 16], tf.float32)])
    def __call__(self, features: tf.Tensor) -> dict[str, tf.Tensor]:
        hidden = tf.tanh(features @ self.w1 + self.b1)
        return {"logits": hidden @ self.w2 + self.b2, "hidden": hidden}


def build() -> tf.Module:
    """Return the module with seeded weights."""
    return Mlp(seed=7)
