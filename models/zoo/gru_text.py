"""A GRU text classifier: two GRU layers, one in both directions, over masked tokens.

Shows stacked recurrent layers, one of which runs backwards.  Token 0 is padding, and the mask that the embedding makes
of it passes through both.

Input `tokens`: int32 [batch, 20], from 0 to 299.  Output `logits`: float32 [batch, 3].  Random weights.
"""

from __future__ import annotations

import keras

LENGTH = 20
VOCABULARY = 300
CLASSES = 3


def build() -> keras.Model:
    """Return the model with seeded weights."""
    keras.utils.set_random_seed(4)
    layers = keras.layers
    tokens = keras.Input((LENGTH,), dtype="int32", name="tokens")
    # The default initializer is for training; values of trained embeddings are larger than its 0.05.
    spread = keras.initializers.RandomNormal(stddev=1.0)
    x = layers.Embedding(VOCABULARY, 24, mask_zero=True, embeddings_initializer=spread)(tokens)
    x = layers.Bidirectional(layers.GRU(16, return_sequences=True, bias_initializer="random_normal"))(x)
    x = layers.GRU(32, bias_initializer="random_normal")(x)
    logits = layers.Dense(CLASSES, bias_initializer="random_normal", name="logits")(x)
    return keras.Model(tokens, logits, name="gru_text")
