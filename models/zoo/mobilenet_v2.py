"""MobileNetV2 of keras.applications, with random weights and BatchNorm statistics.

Shows how to export an architecture of keras.applications, and how to name its input.  It stands for the trained one at
full size, with nothing to download.

Input `image`: float32 [batch, 224, 224, 3].  Output `predictions`: float32 [batch, 1000], logits.  3.5 million
parameters.
"""

from __future__ import annotations

import math

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
    """Give every layer weights that show in the logits, of the size that training leaves.

    As keras.applications starts, BatchNorm is the identity and the logits of any two
    images agree to 1e-7: a converter could drop layers unseen.
    """
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            gamma, variance = rng.uniform(0.5, 1.5, (2, *layer.gamma.shape))
            beta, mean = rng.normal(0, 0.2, (2, *layer.beta.shape))
            layer.set_weights([gamma, beta, mean, variance])
        elif isinstance(layer, keras.layers.DepthwiseConv2D):
            layer.set_weights([rng.normal(0, math.sqrt(2 / 9), layer.kernel.shape)])
        elif layer.weights:
            kernel, *bias = layer.weights
            layer.set_weights([_centred(kernel.shape, rng), *(rng.normal(0, 0.1, b.shape) for b in bias)])


def _centred(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Return a kernel whose filters have mean 0, so that what all images share after a ReLU cancels out."""
    kernel = rng.standard_normal(shape, dtype=np.float32)
    kernel -= kernel.mean(axis=tuple(range(len(shape) - 1)), keepdims=True)
    # A ReLU leaves a standard normal with variance 0.34: this keeps activations at one size through the layers.
    return kernel / math.sqrt(0.34 * math.prod(shape[:-1]))
