"""Train the zoo's `digits` on scikit-learn's handwritten digits and write its weights and samples.

    python models/zoo/training/train_digits.py

Runs on the CPU in about a minute.  Writes beside `digits.py` its `digits.weights.npz` (what `build()` loads),
`digits.samples.npz` and `digits.labels.npz` (the test images by the name of the model's input, their classes by that of
its output) and `digits.calibration.npz` (100 images that it was trained on, to calibrate quantised variants), and
prints the accuracy on the test images, which its docstring states.
"""

from __future__ import annotations

import sys
from pathlib import Path

import keras
import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

ZOO = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ZOO))

import digits  # noqa: E402  (found only with the line above)

SEED = 0
TEST_IMAGES = 360
CALIBRATION = 100
EPOCHS = 60


def main() -> None:
    """Train, write the two files and print the accuracy."""
    keras.utils.set_random_seed(SEED)
    train_x, test_x, train_y, test_y = data()
    model = _trained(train_x, train_y)
    right = np.argmax(model.predict(test_x, verbose=0), axis=-1) == test_y
    _write_weights(model)
    write_data(train_x[:CALIBRATION], test_x, test_y)
    print(f"test accuracy: {right.mean():.2%} ({right.sum()} of {len(right)}), {model.count_params():,} parameters")


def data() -> list[np.ndarray]:
    """Return the images to train with, those to test with, and the classes of both."""
    images, labels = load_digits(return_X_y=True)
    # Pixels count ink from 0 to 16.
    images = (images / 16).astype(np.float32).reshape(-1, 8, 8, 1)
    return list(train_test_split(images, labels, test_size=TEST_IMAGES, random_state=SEED, stratify=labels))


def _trained(images: np.ndarray, labels: np.ndarray) -> keras.Model:
    model = digits._network()
    steps = EPOCHS * -(-len(images) // 64)
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(2e-3, steps)),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    model.fit(images, labels, batch_size=64, epochs=EPOCHS, verbose=2)
    return model


def _write_weights(model: keras.Model) -> None:
    weights = {f"{layer.name}/{v.name}": v.numpy() for layer in model.layers for v in layer.weights}
    np.savez(digits.WEIGHTS, **weights)


def write_data(calibration: np.ndarray, images: np.ndarray, labels: np.ndarray) -> None:
    """Write the real data that comes with the model."""
    np.savez_compressed(ZOO / "digits.samples.npz", image=images)
    np.savez_compressed(ZOO / "digits.labels.npz", logits=labels)
    np.savez_compressed(ZOO / "digits.calibration.npz", image=calibration)


if __name__ == "__main__":
    main()
