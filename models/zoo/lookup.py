"""A tf.Module with a lookup table from int64 codes to float32 prices.

Shows a `tf.lookup.StaticHashTable`: the price of each product in a basket is looked up, unknown codes cost the default,
and the sum is discounted by quantity.

Inputs: `codes` int64 [batch, 4], `quantities` float32 [batch, 4].  Outputs: `prices` float32 [batch, 4], `total`
float32 [batch].
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

PRODUCTS = 40
UNKNOWN_PRICE = 7.25


class Basket(tf.Module):
    """A table of random prices."""

    def __init__(self, seed: int) -> None:
        super().__init__(name="basket")
        rng = np.random.default_rng(seed)
        # Codes with gaps between them, as real ones have: an index into an array would not do.
        codes = np.sort(rng.choice(100_000, PRODUCTS, replace=False)).astype(np.int64)
        prices = rng.uniform(0.5, 50, PRODUCTS).astype(np.float32)
        entries = tf.lookup.KeyValueTensorInitializer(codes, prices)
        self.table = tf.lookup.StaticHashTable(entries, default_value=UNKNOWN_PRICE)
        self.discount = tf.Variable(rng.uniform(0.8, 1.0, 4), dtype=tf.float32, name="discount")

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, 4], tf.int64, name="codes"),
            tf.TensorSpec([None, 4], tf.float32, name="quantities"),
        ]
    )
    def __call__(self, codes: tf.Tensor, quantities: tf.Tensor) -> dict[str, tf.Tensor]:
        prices = self.table.lookup(codes)
        total = tf.reduce_sum(prices * quantities * self.discount, axis=-1)
        return {"prices": prices, "total": total}


def build() -> tf.Module:
    """Return the module with a seeded table."""
    return Basket(seed=10)
