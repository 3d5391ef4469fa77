"""An LSTM text classifier: embedding, masked padding, logits.

Shows a recurrent model on sequences of a fixed length.  Token 0 is padding: the embedding masks it and the LSTM skips
it, so the state after the last real word decides.

Input `tokens`: int32 [batch, 24], from 0 to 499.  Output `logits`: float32 [batch, 4].  Random weights.
"""

from __future__ import annotations

import keras

LENGTH = 24
VOCABULARY = 500
CLASSES = 4


def build() -> keras.Model:
    """Return the model with seeded weights."""
    keras.utils.set_random_seed(3)
    layers = keras.layers
    tokens = keras.Input((LENGTH,), dtype="int32", name="tokens")
    # The default initializer is for training; values of trained embeddings are larger than its 0.05.
    spread = keras.initializers.RandomNormal(stddev=1.0)
    x = layers.Embedding(VOCABULARY, 24, mask_zero=True, embeddings_initializer=spread)(tokens)
    x = layers.LSTM(32, bias_initializer="random_normal")(x)
    logits = layers.Dense(CLASSES, bias_initializer="random_normal", name="logits")(x)
    return keras.Model(tokens, logits, name="lstm_text")
