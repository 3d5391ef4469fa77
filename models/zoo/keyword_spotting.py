"""A 1-D CNN that spots keywords in 49 frames of 40 audio features.

Shows convolutions over time with BatchNormalization, a separable and a dilated one among them: the kind of model that
runs on small devices.

Input `features`: float32 [batch, 49, 40] (frames of one second, log-mel bands).  Output `logits`: float32 [batch, 12].
Random weights and BatchNorm statistics.
"""

from __future__ import annotations

import keras


def build() -> keras.Model:
    """Return the model with seeded weights."""
    keras.utils.set_random_seed(6)
    layers = keras.layers
    features = keras.Input((49, 40), name="features")
    x = layers.Conv1D(32, 5, strides=2, padding="same", use_bias=False)(features)
    x = layers.ReLU()(_norm(x))
    x = layers.SeparableConv1D(48, 3, padding="same", use_bias=False)(x)
    x = layers.ReLU()(_norm(x))
    x = layers.Conv1D(64, 3, dilation_rate=2, padding="same", use_bias=False)(x)
    x = layers.ReLU()(_norm(x))
    x = layers.MaxPooling1D(4)(x)
    x = layers.Flatten()(x)
    logits = layers.Dense(12, bias_initializer="random_normal", name="logits")(x)
    return keras.Model(features, logits, name="keyword_spotting")


def _norm(x: keras.KerasTensor) -> keras.KerasTensor:
    # Untrained BatchNorm is the identity, and a converter that drops it would still agree: random statistics.
    around_zero = keras.initializers.RandomNormal(stddev=0.2)
    around_one = keras.initializers.RandomUniform(0.5, 1.5)
    return keras.layers.BatchNormalization(
        beta_initializer=around_zero,
        gamma_initializer=around_one,
        moving_mean_initializer=around_zero,
        moving_variance_initializer=around_one,
    )(x)
