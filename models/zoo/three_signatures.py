"""A tf.Module with three signatures of different shapes and dtypes that share a variable.

Shows a module with several entry points: each method with an `input_signature` is a signature under its own name.  All
use one variable, a catalogue of 24 items: users are mapped into its space, items scored in it, vectors centred by it.

`encode`: `profile` float32 [batch, 16] → `embedding` float32 [batch, 12].  `score`: `items` int32 [batch, 3], from 0 to
23 → `score` float32 [batch], `best` int32 [batch].  `normalise`: `vector` float32 [12] → `unit` float32 [12], `length`
float32 [].
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

ITEMS = 24
WIDTH = 12


class Recommender(tf.Module):
    """Embeddings of items and a projection of users' profiles; random weights."""

    def __init__(self, seed: int) -> None:
        super().__init__(name="recommender")
        rng = np.random.default_rng(seed)
        self.catalogue = tf.Variable(rng.normal(0.2, 0.5, (ITEMS, WIDTH)), dtype=tf.float32, name="catalogue")
        self.projection = tf.Variable(rng.normal(0, 0.4, (16, ITEMS)), dtype=tf.float32, name="projection")
        self.taste = tf.Variable(rng.normal(0, 0.5, WIDTH), dtype=tf.float32, name="taste")

    @tf.function(input_signature=[tf.TensorSpec([None, 16], tf.float32)])
    def encode(self, profile: tf.Tensor) -> dict[str, tf.Tensor]:
        attention = tf.nn.softmax(profile @ self.projection)
        return {"embedding": attention @ self.catalogue}

    @tf.function(input_signature=[tf.TensorSpec([None, 3], tf.int32)])
    def score(self, items: tf.Tensor) -> dict[str, tf.Tensor]:
        scores = tf.reduce_sum(tf.gather(self.catalogue, items) * self.taste, axis=-1)
        return {"score": tf.reduce_mean(scores, axis=-1), "best": tf.argmax(scores, axis=-1, output_type=tf.int32)}

    @tf.function(input_signature=[tf.TensorSpec([WIDTH], tf.float32)])
    def normalise(self, vector: tf.Tensor) -> dict[str, tf.Tensor]:
        centred = vector - tf.reduce_mean(self.catalogue, axis=0)
        length = tf.norm(centred)
        return {"unit": centred / length, "length": length}


def build() -> tf.Module:
    """Return the module with seeded weights."""
    return Recommender(seed=9)
