"""A functional model with two named inputs of different kinds and two named outputs.

Shows how names reach the artifacts: inputs and outputs given as dicts keep their keys everywhere.  A small image
branch and a tabular branch meet in one layer, which feeds a classifier and a regressor.

Inputs: `image` float32 [batch, 32, 32, 3], `measurements` float32 [batch, 8].  Outputs: `category` float32 [batch, 5]
(logits), `price` float32 [batch, 1].  Random weights.
"""

from __future__ import annotations

import keras


def build() -> keras.Model:
    """Return the model with seeded weights."""
    keras.utils.set_random_seed(1)
    layers = keras.layers
    image = keras.Input((32, 32, 3), name="image")
    measurements = keras.Input((8,), name="measurements")

    # Biases start at zero by default, and a converter that loses a zero goes unnoticed: these are random too.
    x = layers.Conv2D(16, 3, strides=2, padding="same", activation="relu", bias_initializer="random_normal")(image)
    x = layers.Conv2D(32, 3, strides=2, padding="same", activation="relu", bias_initializer="random_normal")(x)
    x = layers.Flatten()(layers.AveragePooling2D(2)(x))
    y = layers.Dense(32, activation="tanh", bias_initializer="random_normal")(measurements)
    both = layers.Concatenate()([x, y])
    both = layers.Dense(64, activation="relu", bias_initializer="random_normal")(both)

    category = layers.Dense(5, bias_initializer="random_normal")(both)
    price = layers.Dense(1, activation="softplus", bias_initializer="random_normal")(both)
    return keras.Model(
        inputs={"image": image, "measurements": measurements},
        outputs={"category": category, "price": price},
        name="two_branches",
    )
