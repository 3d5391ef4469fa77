"""Every architecture of `keras.applications`, at the smallest image it takes, with random weights that fit each other.

`weights=None` alone proves little: BatchNorm is then the identity, the branches of ConvNeXt are scaled by 1e-6, and the
logits of any two images agree to 1e-7.  Weights drawn blindly prove too much: statistics that don't fit what they
normalise amplify float32's rounding a thousandfold.  So kernels are drawn to keep the scale, the statistics are those of one batch
of random images, and a residual branch adds a fifth of what there was.
"""

from __future__ import annotations

import zlib
from typing import Any

import keras
import numpy as np
from catalogue import grid

CLASSES = 10
IMAGES = 4
FITTED = 32
"""Images that the statistics are of, those that are compared among them: a deep network goes astray on others."""

SMALLEST = {
    "Xception": 71,
    "InceptionV3": 75,
    "InceptionResNetV2": 75,
}
"""What Keras insists on; 32 elsewhere."""

OFFSET = 0.8
"""Around which the offsets of BatchNorm lie.  At 0 each ReLU cuts off half of what tells two images apart, and the next
BatchNorm makes up for it: what differs in the last bit grows by a fifth in every layer, 400 times in InceptionV3."""

PIXELS = ("ConvNeXt", "EfficientNet", "MobileNetV3")
"""How the names of those begin that take pixels of 0 to 255: their preprocessing is in the model."""


def build(name: str, **options: Any) -> Any:
    """Return the architecture with weights that show in its logits."""
    keras.utils.set_random_seed(0)
    size = SMALLEST.get(name, 32)
    image = keras.Input((size, size, 3), name="image")
    options = {"classes": CLASSES, "classifier_activation": None} | options
    model = getattr(keras.applications, name)(weights=None, input_tensor=image, **options)
    for layer in model._flatten_layers():
        _draw(layer)
    _fit_statistics(model, images(name, FITTED))
    return model


def images(name: str, count: int = IMAGES) -> Any:
    """Return images as the architecture wants them: pixels of 0 to 255, or numbers around 0; float32."""
    values = np.stack([_image(SMALLEST.get(name, 32), number) for number in range(count)])
    return np.clip(values * 60 + 128, 0, 255).round() if name.startswith(PIXELS) else values


def _image(size: int, number: int) -> Any:
    """Return a few large blots and fine noise: images of noise alone look the same to a network that averages."""
    rng = np.random.default_rng([7, number])
    blots = rng.standard_normal((4, 4, 3)).repeat(-(-size // 4), 0).repeat(-(-size // 4), 1)[:size, :size]
    return (blots + 0.5 * rng.standard_normal((size, size, 3))).astype("float32")


def _draw(layer: Any) -> None:
    for variable in layer._trainable_variables:
        role = variable.path.rsplit("/", 1)[-1]
        rng = np.random.default_rng([1, zlib.crc32(variable.path.encode())])
        shape = tuple(variable.shape)
        if role in ("gamma", "scale"):
            value = rng.uniform(0.5, 1.5, shape) * (0.2 if _ends_branch(layer) else 1.0)
        elif len(shape) > 1:
            depthwise = isinstance(layer, keras.layers.DepthwiseConv2D) or "depthwise" in role
            fan_in = int(np.prod(shape[:2] if depthwise else shape[:-1]))
            value = rng.standard_normal(shape, dtype="float32") * np.float32((2.0 / fan_in) ** 0.5)
        else:
            value = rng.normal(OFFSET if role == "beta" else 0.0, 0.1, shape)
        variable.assign(value)


def _ends_branch(layer: Any) -> bool:
    """Tell whether a residual branch ends here.  As trained ones do, it shall add less than there was."""
    users = [node.operation for node in layer._outbound_nodes]
    users += [
        node.operation for user in users if isinstance(user, keras.layers.Dropout) for node in user._outbound_nodes
    ]
    return any(isinstance(user, keras.layers.Add) for user in users)


def _fit_statistics(model: Any, batch: Any) -> None:
    """Give every BatchNorm the statistics of what passes through it, none of them near 0."""
    normalizing = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    if not normalizing:
        return
    for layer in model._flatten_layers():
        if isinstance(layer, keras.layers.Dropout):
            layer.rate = 0.0  # what is dropped in the pass below would be missing from the statistics
    for layer in normalizing:
        layer.momentum = 0.0
    model(batch, training=True)
    for layer in normalizing:
        variance = np.asarray(layer.moving_variance)
        layer.moving_variance.assign(np.maximum(variance, 0.1 * variance.mean() + 1e-3))


def _names() -> list[str]:
    return [name for name in dir(keras.applications) if callable(getattr(keras.applications, name))]


for _name in _names():
    grid(
        globals(),
        _name,
        lambda **options: build(**options),
        {"logits": {"name": _name}},
        samples=lambda name=_name: {"image": images(name)},
    )

grid(
    globals(),
    "MobileNetV2",
    lambda **options: build("MobileNetV2", **options),
    {
        "thin": {"alpha": 0.35},
        "features": {"include_top": False, "pooling": None},
        "pooled": {"include_top": False, "pooling": "max"},
        "softmax": {"classifier_activation": "softmax"},
    },
    samples=lambda: {"image": images("MobileNetV2")},
)

grid(
    globals(),
    "MobileNetV3Small",
    lambda **options: build("MobileNetV3Small", **options),
    {
        "minimalistic": {"minimalistic": True},
        "without_preprocessing": {"include_preprocessing": False},
    },
    samples=lambda: {"image": images("MobileNetV3Small")},
)
