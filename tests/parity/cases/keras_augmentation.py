"""Image preprocessing and augmentation as inference has it: what is random passes, what is not still works."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from catalogue import case, functional, grid, of_call, of_layer
from keras import layers

SHAPE = (8, 8, 3)


def _images(height: int = 8, width: int = 8) -> dict[str, Any]:
    """Images as cameras give them: whole numbers up to 255, in floats."""
    x = np.random.default_rng(0).integers(0, 256, (8, height, width, 3))
    x[0] //= 4
    return {"x": x.astype(np.float32)}


def _bytes() -> dict[str, Any]:
    return {"x": _images()["x"].astype(np.uint8)}


PASSING: dict[str, list[Any]] = {
    "colors": [
        layers.RandomBrightness(0.2),
        layers.RandomColorDegeneration(0.2),
        layers.RandomColorJitter(brightness_factor=0.2, contrast_factor=0.2, saturation_factor=0.2, hue_factor=0.1),
        layers.RandomContrast(0.2),
        layers.RandomGrayscale(),
        layers.RandomHue(0.2),
        layers.RandomInvert(),
        layers.RandomPosterization(4),
        layers.RandomSaturation(0.2),
    ],
    "moves": [
        layers.RandomElasticTransform(),
        layers.RandomFlip(),
        layers.RandomPerspective(),
        layers.RandomRotation(0.2),
        layers.RandomShear(0.2),
        layers.RandomTranslation(0.2, 0.2),
        layers.RandomZoom(0.2),
    ],
    "blurs": [layers.RandomErasing(), layers.RandomGaussianBlur(), layers.RandomSharpness(0.2)],
    "mixtures": [layers.AugMix(), layers.CutMix(), layers.MixUp(), layers.RandAugment()],
}


def _before_network(steps: list[Any]) -> Any:
    return functional(*steps, layers.Rescaling(1 / 127.5, -1.0), layers.Conv2D(4, 3, strides=2), shape=SHAPE)


grid(
    globals(),
    "network_after_random",
    _before_network,
    {name: {"steps": steps} for name, steps in PASSING.items()},
    samples=_images,
)

WORKING: dict[str, dict[str, Any]] = {
    "auto_contrast": {"layer": layers.AutoContrast},
    "clahe": {"layer": layers.ContrastLimitedAdaptiveHistogramEqualization, "tile_grid_size": (2, 2)},
    "solarization": {"layer": layers.Solarization, "threshold_factor": 0.5},
    "center_crop": {"layer": layers.CenterCrop, "height": 5, "width": 4},
    "center_crop_beyond": {"layer": layers.CenterCrop, "height": 12, "width": 4},
    "random_crop": {"layer": layers.RandomCrop, "height": 5, "width": 4},
    "random_crop_beyond": {"layer": layers.RandomCrop, "height": 12, "width": 12},
}


def _alone(layer: Any, dtype: str = "float32", **options: Any) -> Any:
    return functional(layer(**options), shape=SHAPE, dtype=dtype)


grid(globals(), "alone", _alone, WORKING, samples=_images)


@case(samples=_images)
def alone_equalization() -> Any:
    """A layer that does something in training only, and can't stand in a functional model (Keras 3.15)."""
    layer = layers.Equalization()
    return of_call(lambda x: layer(x, training=True), keras.Input(SHAPE, name="x"))


grid(
    globals(),
    "bytes",
    _alone,
    {
        "center_crop": {"layer": layers.CenterCrop, "dtype": "uint8", "height": 5, "width": 4},
        "resizing": {"layer": layers.Resizing, "dtype": "uint8", "height": 5, "width": 12},
        "rescaling": {"layer": layers.Rescaling, "dtype": "uint8", "scale": 1 / 255},
    },
    samples=_bytes,
)
grid(
    globals(),
    "resizing",
    of_layer(layers.Resizing, SHAPE, height=5, width=12),
    {
        **{name: {"interpolation": name} for name in ("bilinear", "nearest", "bicubic", "lanczos3", "area")},
        "smaller_antialiased": {"height": 3, "width": 3, "antialias": True},
        "cropped": {"crop_to_aspect_ratio": True},
        "padded": {"pad_to_aspect_ratio": True, "fill_value": 1.5},
        "any_size": {"shape": (None, None, 3)},
        "any_size_nearest": {"shape": (None, None, 3), "interpolation": "nearest"},
        "channels_first": {"shape": (3, 8, 8), "data_format": "channels_first"},
    },
)
grid(
    globals(),
    "rescaling",
    of_layer(layers.Rescaling, SHAPE),
    {
        "scalar": {"scale": 1 / 127.5, "offset": -1.0},
        "by_channel": {"scale": [0.5, 1.0, 2.0], "offset": [0.1, 0.2, 0.3]},
    },
)


@case(samples=_images)
def pipeline() -> Any:
    steps = [layers.Resizing(6, 6), layers.RandomFlip("horizontal"), layers.Rescaling(1 / 255)]
    return functional(layers.Pipeline(steps), shape=SHAPE)


@case
def max_num_bounding_boxes() -> Any:
    """Images and their boxes, filled up to six."""
    inputs = {
        "images": keras.Input(SHAPE, name="images"),
        "bounding_boxes": {"boxes": keras.Input((4, 4), name="boxes"), "labels": keras.Input((4,), name="labels")},
    }
    return keras.Model(inputs, layers.MaxNumBoundingBoxes(6, bounding_box_format="xyxy")(inputs))


@case
def dropouts() -> Any:
    return functional(
        layers.Dropout(0.5, seed=1),
        layers.AlphaDropout(0.5),
        layers.GaussianDropout(0.5),
        layers.GaussianNoise(0.5),
        layers.SpatialDropout1D(0.5),
        layers.Dense(4),
        shape=(5, 6),
    )


@case
def spatial_dropouts() -> Any:
    return functional(
        layers.SpatialDropout3D(0.5),
        layers.Reshape((6, 4, 2)),
        layers.SpatialDropout2D(0.5),
        layers.Conv2D(4, 3),
        shape=(2, 3, 4, 2),
    )
