"""MobileNetV2 of keras.applications, with random weights and BatchNorm statistics.

Shows how to export an architecture of keras.applications, and how to name its input.  It stands for the trained one at
full size, with nothing to download.

Input `image`: float32 [batch, 224, 224, 3].  Output `predictions`: float32 [batch, 1000], logits.  3.5 million
parameters.
"""

from __future__ import annotations

import keras
import numpy as np


def build() -> keras.Model:
    """Return the model with seeded weights."""
    keras.utils.set_random_seed(11)
    image = keras.Input((224, 224, 3), name="image")
    # Logits: the softmax of a random network is nearly uniform, whatever the layers before it do.
    model = keras.applications.MobileNetV2(weights=None, input_tensor=image, classifier_activation=None)
    _randomise(model, np.random.default_rng(11))
    return model


def _randomise(model: keras.Model, rng: np.random.Generator) -> None:
    """Give BatchNorm scales and offsets that show in the logits, and statistics of what really passes through it.

    As keras.applications starts, BatchNorm is the identity and the logits of any two images agree to 1e-7: a
    converter could drop layers unseen.  Statistics drawn at random would not do here: 52 layers that don't fit what
    they normalise amplify float32's rounding a thousandfold.
    """
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.gamma.assign(rng.uniform(0.5, 1.5, layer.gamma.shape))
            layer.beta.assign(rng.normal(0, 0.2, layer.beta.shape))
            layer.momentum = 0.0  # the statistics become those of the one batch below
    model(rng.standard_normal((4, 224, 224, 3), dtype=np.float32), training=True)
    kernel, bias = model.layers[-1].weights
    kernel.assign(kernel * 5)  # logits as far apart as a trained model's
    bias.assign(rng.normal(0, 0.1, bias.shape))
