"""A Sequential CNN, trained on handwritten digits.

Shows a model whose weights lie in a file beside its code.  Trained by `training/train_digits.py` on 1437 of the 1797
images that come with scikit-learn (the test set of UCI's "Optical Recognition of Handwritten Digits", E. Alpaydin and
C. Kaynak, CC BY 4.0); accuracy on the other 360: 98.61 %.

Input `image`: float32 [batch, 8, 8, 1], pixels from 0 to 1.  Output `logits`: float32 [batch, 10].  23,098 parameters.
"""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

WEIGHTS = Path(__file__).with_name("digits.weights.npz")
"""`LAYER/VARIABLE` → float32."""


def build() -> keras.Model:
    """Return the trained model."""
    model = _network()
    with np.load(WEIGHTS, allow_pickle=False) as weights:
        for layer in model.layers:
            layer.set_weights([weights[f"{layer.name}/{variable.name}"] for variable in layer.weights])
    return model


def _network() -> keras.Model:
    """Return the model before training; the training script starts here."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            layers.Conv2D(16, 3, padding="same", use_bias=False, name="strokes"),
            layers.BatchNormalization(name="strokes_norm"),
            layers.ReLU(name="strokes_relu"),
            layers.Conv2D(32, 3, padding="same", use_bias=False, name="parts"),
            layers.BatchNormalization(name="parts_norm"),
            layers.ReLU(name="parts_relu"),
            layers.MaxPooling2D(name="parts_pool"),
            layers.Conv2D(32, 3, padding="same", activation="relu", name="shapes"),
            layers.MaxPooling2D(name="shapes_pool"),
            layers.Flatten(name="flat"),
            layers.Dropout(0.3, name="dropout"),
            layers.Dense(64, activation="relu", name="hidden"),
            # Logits, not probabilities: a softmax that is sure of itself hides differences.
            layers.Dense(10, name="logits"),
        ],
        name="digits",
    )
