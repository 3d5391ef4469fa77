"""Images: points outside, on the edge and between, one row or column alone, grey, boxes beyond the image."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from shorthand import declare, drawn

BOXES = np.array(
    [[0, 0, 1, 1], [0.2, 0.1, 0.7, 0.9], [0.8, 0.7, 0.1, 0.3], [-0.3, 0.5, 0.4, 1.4], [1.2, 1.2, 1.5, 1.6]], np.float32
)
OWNERS = np.array([0, 1, 1, 0, 1], np.int32)

for _method in ("bilinear", "nearest"):
    for _size in ([4, 5], [1, 3], [7, 1]):
        for _unknown in ((0,), (0, 1, 2)):
            declare(
                "crop-and-resize-as-gather",
                f"{_method}_{_size}_{len(_unknown)}",
                lambda x, boxes, owners, size=_size, method=_method: tf.image.crop_and_resize(
                    x, boxes, owners, size, method=method, extrapolation_value=-7.0
                ),
                drawn(2, 8, 9, 3),
                BOXES,
                OWNERS,
                unknown=_unknown if len(_unknown) == 1 else (0,),
            )
declare(
    "crop-and-resize-as-gather",
    "bytes_and_size_is_data",
    lambda x, boxes, owners, size: tf.image.crop_and_resize(x, boxes, owners, size),
    np.arange(144, dtype=np.uint8).reshape(2, 8, 9, 1),
    BOXES,
    OWNERS,
    np.array([3, 1], np.int32),
    unknown=(),
)

_turns = np.array([[0.9, -0.2, 1.3, 0.3, 1.1, -2.2, 0, 0], [1, 0, 20.3, 0, -1, -9.6, 0.01, -0.02]], np.float32)
for _mode in ("CONSTANT", "REFLECT", "WRAP", "NEAREST"):
    for _interpolation in ("NEAREST", "BILINEAR"):
        for _unknown in ((0,), (0, 1, 2)):
            declare(
                "projective-transform-as-gather",
                f"{_mode}_{_interpolation}_{len(_unknown)}",
                lambda x, turns, mode=_mode, interpolation=_interpolation: tf.raw_ops.ImageProjectiveTransformV3(
                    images=x, transforms=turns[:, :8], output_shape=[7, 10], fill_value=0.5,
                    interpolation=interpolation, fill_mode=mode,
                ),
                drawn(2, 8, 9, 3),
                np.pad(_turns, [[0, 0], [0, 1]]),
                unknown=_unknown,
            )  # fmt: skip
declare(
    "projective-transform-as-gather",
    "one_for_all_bytes",
    lambda x: tf.raw_ops.ImageProjectiveTransformV2(
        images=x, transforms=_turns[:1], output_shape=tf.shape(x)[1:3], interpolation="NEAREST"
    ),
    np.arange(144, dtype=np.uint8).reshape(2, 8, 9, 1),
    unknown=(0, 1, 2),
)

COLOURS = np.concatenate([np.random.default_rng(0).random((40, 3)), [[0, 0, 0], [1, 1, 1], [0.5, 0.5, 0.5], [1, 0, 1]]])
COLOURS = COLOURS.astype(np.float32).reshape(4, 11, 3)
declare("rgb-to-hsv-as-arithmetic", "any_shape", lambda x: tf.raw_ops.RGBToHSV(images=x), COLOURS, unknown=(0, 1))
declare("hsv-to-rgb-as-arithmetic", "any_shape", lambda x: tf.raw_ops.HSVToRGB(images=x), COLOURS, unknown=(0, 1))
for _delta in (0.0, 0.3, -0.7):
    declare(
        "adjust-hue-as-arithmetic",
        f"{_delta}",
        lambda x, delta=_delta: tf.raw_ops.AdjustHue(images=x, delta=delta),
        COLOURS,
        unknown=(0, 1),
    )
for _scale in (0.0, 0.5, 3.0):
    declare(
        "adjust-saturation-as-arithmetic",
        f"{_scale}",
        lambda x, scale=_scale: tf.raw_ops.AdjustSaturation(images=x, scale=scale),
        COLOURS,
        unknown=(0, 1),
    )
declare(
    "adjust-contrast-as-arithmetic",
    "batches",
    lambda x: tf.raw_ops.AdjustContrastv2(images=x, contrast_factor=1.7),
    drawn(2, 2, 5, 6, 3),
    unknown=(0, 1, 2, 3),
)


def _draw(colours: Any) -> Any:
    def call(x: Any, boxes: Any) -> Any:
        if colours is None:
            return tf.raw_ops.DrawBoundingBoxes(images=x, boxes=boxes)
        return tf.raw_ops.DrawBoundingBoxesV2(images=x, boxes=boxes, colors=colours)

    return call


for _name, _colours in {"own": None, "given": [[1.0, 0.0, 0.3], [0.0, 0.2, 1.0]]}.items():
    declare(
        "draw-boxes-as-where",
        _name,
        _draw(_colours),
        drawn(2, 12, 14, 3),
        np.stack([np.delete(BOXES, 2, axis=0)] * 2),
        unknown=(0, 1),
    )
