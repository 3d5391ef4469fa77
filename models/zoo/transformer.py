"""A small transformer encoder: token and position embeddings, MultiHeadAttention, exact GELU, LayerNormalization.

Shows attention with a padding mask, and the exact GELU (by `erf`, as BERT has it), which converters often miss.  Two
encoder layers of width 48 with 4 heads; the mean over the real tokens is classified.

Input `tokens`: int32 [batch, 16], from 0 (padding) to 399.  Output `logits`: float32 [batch, 6].  Random weights.
"""

from __future__ import annotations

import keras

LENGTH = 16
VOCABULARY = 400
WIDTH = 48
HEADS = 4
CLASSES = 6


class PositionEmbedding(keras.layers.Layer):
    """Adds a learned vector for each position."""

    def __init__(self, **options: object) -> None:
        super().__init__(**options)
        self.supports_masking = True

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        spread = keras.initializers.RandomNormal(stddev=0.5)
        self.positions = self.add_weight(shape=input_shape[1:], initializer=spread, name="positions")

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        return inputs + self.positions


def build() -> keras.Model:
    """Return the model with seeded weights."""
    keras.utils.set_random_seed(5)
    layers = keras.layers
    tokens = keras.Input((LENGTH,), dtype="int32", name="tokens")
    spread = keras.initializers.RandomNormal(stddev=1.0)
    x = layers.Embedding(VOCABULARY, WIDTH, mask_zero=True, embeddings_initializer=spread)(tokens)
    x = PositionEmbedding()(x)
    for _ in range(2):
        x = _encoder_layer(x)
    x = layers.GlobalAveragePooling1D()(x)
    logits = layers.Dense(CLASSES, bias_initializer="random_normal", name="logits")(x)
    return keras.Model(tokens, logits, name="transformer")


def _encoder_layer(x: keras.KerasTensor) -> keras.KerasTensor:
    layers = keras.layers
    attention = layers.MultiHeadAttention(HEADS, WIDTH // HEADS, bias_initializer="random_normal")
    x = _norm(layers.Add()([x, attention(x, x)]))
    wide = layers.Dense(4 * WIDTH, activation=_exact_gelu, bias_initializer="random_normal")(x)
    narrow = layers.Dense(WIDTH, bias_initializer="random_normal")(wide)
    return _norm(layers.Add()([x, narrow]))


def _norm(x: keras.KerasTensor) -> keras.KerasTensor:
    # Scale 1 and shift 0, the defaults, would hide a converter that drops them.
    near_one = keras.initializers.RandomNormal(mean=1.0, stddev=0.2)
    return keras.layers.LayerNormalization(gamma_initializer=near_one, beta_initializer="random_normal")(x)


def _exact_gelu(x: keras.KerasTensor) -> keras.KerasTensor:
    return keras.activations.gelu(x, approximate=False)
