"""Image preprocessing and augmentation as inference has it: what is random passes, what is not still works."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from catalogue import case, functional, grid, of_layer
from keras import layers

SHAPE = (8, 8, 3)


def _images(height: int = 8, width: int = 8) -> dict[str, Any]:
    """Images as cameras give them: whole numbers up to 255, in floats."""
    x = np.random.default_rng(0).integers(0, 256, (8, height, width, 3))
    x[0] //= 4
    return {"x": x.astype(np.float32)}


def _bytes() -> dict[str, Any]:
    return {"x": _images()["x"].astype(np.uint8)}


PASSING: dict[str, dict[str, Any]] = {
    "aug_mix": {"layer": layers.AugMix},
    "cut_mix": {"layer": layers.CutMix},
    "mix_up": {"layer": layers.MixUp},
    "rand_augment": {"layer": layers.RandAugment},
    "random_brightness": {"layer": layers.RandomBrightness, "factor": 0.2},
    "random_color_degeneration": {"layer": layers.RandomColorDegeneration, "factor": 0.2},
    "random_color_jitter": {"layer": layers.RandomColorJitter, "brightness_factor": 0.2, "hue_factor": 0.1},
    "random_contrast": {"layer": layers.RandomContrast, "factor": 0.2},
    "random_elastic_transform": {"layer": layers.RandomElasticTransform},
    "random_erasing": {"layer": layers.RandomErasing},
    "random_flip": {"layer": layers.RandomFlip},
    "random_gaussian_blur": {"layer": layers.RandomGaussianBlur},
    "random_grayscale": {"layer": layers.RandomGrayscale},
    "random_hue": {"layer": layers.RandomHue, "factor": 0.2},
    "random_invert": {"layer": layers.RandomInvert},
    "random_perspective": {"layer": layers.RandomPerspective},
    "random_posterization": {"layer": layers.RandomPosterization, "factor": 4},
    "random_rotation": {"layer": layers.RandomRotation, "factor": 0.2},
    "random_saturation": {"layer": layers.RandomSaturation, "factor": 0.2},
    "random_sharpness": {"layer": layers.RandomSharpness, "factor": 0.2},
    "random_shear": {"layer": layers.RandomShear, "x_factor": 0.2},
    "random_translation": {"layer": layers.RandomTranslation, "height_factor": 0.2, "width_factor": 0.2},
    "random_zoom": {"layer": layers.RandomZoom, "height_factor": 0.2},
}


def _before_network(layer: Any, **options: Any) -> Any:
    return functional(layer(**options), layers.Rescaling(1 / 127.5, -1.0), layers.Conv2D(4, 3, strides=2), shape=SHAPE)


grid(globals(), "network_after", _before_network, PASSING, samples=_images)

WORKING: dict[str, dict[str, Any]] = {
    "auto_contrast": {"layer": layers.AutoContrast},
    "clahe": {"layer": layers.ContrastLimitedAdaptiveHistogramEqualization, "tile_grid_size": (2, 2)},
    "equalization": {"layer": layers.Equalization},
    "solarization": {"layer": layers.Solarization, "threshold_factor": 0.5},
    "center_crop": {"layer": layers.CenterCrop, "height": 5, "width": 4},
    "center_crop_beyond": {"layer": layers.CenterCrop, "height": 12, "width": 4},
    "random_crop": {"layer": layers.RandomCrop, "height": 5, "width": 4},
    "random_crop_beyond": {"layer": layers.RandomCrop, "height": 12, "width": 12},
}


def _alone(layer: Any, dtype: str = "float32", **options: Any) -> Any:
    return functional(layer(**options), shape=SHAPE, dtype=dtype)


grid(globals(), "alone", _alone, WORKING, samples=_images)
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
        **{
            name: {"interpolation": name} for name in ("bilinear", "nearest", "bicubic", "lanczos3", "lanczos5", "area")
        },
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


grid(
    globals(),
    "dense_after",
    lambda layer, shape=(6,): functional(layer, layers.Dense(4), shape=shape),
    {
        "dropout": {"layer": layers.Dropout(0.5, seed=1)},
        "alpha_dropout": {"layer": layers.AlphaDropout(0.5)},
        "gaussian_dropout": {"layer": layers.GaussianDropout(0.5)},
        "gaussian_noise": {"layer": layers.GaussianNoise(0.5)},
        "spatial_dropout1d": {"layer": layers.SpatialDropout1D(0.5), "shape": (5, 6)},
        "spatial_dropout2d": {"layer": layers.SpatialDropout2D(0.5), "shape": (4, 4, 3)},
        "spatial_dropout3d": {"layer": layers.SpatialDropout3D(0.5), "shape": (3, 4, 4, 2)},
    },
)
