"""Resizes: up and down, every alignment and kernel, sizes that are data."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from shorthand import declare, drawn

RAW = {
    "resize-nearest-as-gather": tf.raw_ops.ResizeNearestNeighbor,
    "resize-bilinear-as-gather": tf.raw_ops.ResizeBilinear,
    "resize-bicubic-as-gather": tf.raw_ops.ResizeBicubic,
    "resize-area-as-matmul": tf.raw_ops.ResizeArea,
}
ALIGNMENTS: dict[str, dict[str, bool]] = {
    "legacy": {},
    "corners": {"align_corners": True},
    "centers": {"half_pixel_centers": True},
}


def _resize(raw: Any, size: Any, options: Any) -> Any:
    return lambda x: raw(images=x, size=size, **options)


for _rule, _raw in RAW.items():
    for _name, _options in ALIGNMENTS.items():
        if _name == "centers" and _raw is tf.raw_ops.ResizeArea:
            continue
        for _size in ([5, 3], [13, 22], [1, 7], [8, 10]):
            for _unknown in ((0,), (0, 1, 2)):
                declare(
                    _rule,
                    f"{_name}_{_size}_{len(_unknown)}",
                    _resize(_raw, _size, _options),
                    drawn(2, 8, 10, 3),
                    unknown=_unknown,
                )
        declare(
            _rule,
            f"{_name}_size_is_data",
            lambda x, size, raw=_raw, options=_options: raw(images=x, size=size, **options),
            drawn(2, 7, 9, 2),
            np.array([11, 4], np.int32),
            unknown=(),
        )
        declare(
            _rule,
            f"{_name}_bytes",
            _resize(_raw, [5, 12], _options),
            np.arange(120, dtype=np.uint8).reshape(2, 6, 5, 2),
        )

METHODS = ("lanczos3", "lanczos5", "gaussian", "mitchellcubic")
for _method in METHODS:
    for _antialias in (False, True):
        for _size in ((5, 3), (13, 22)):
            for _unknown in ((0,), (0, 1, 2)):
                declare(
                    "scale-and-translate-as-matmul",
                    f"{_method}_{_antialias}_{_size}_{len(_unknown)}",
                    lambda x, size=_size, method=_method, antialias=_antialias: tf.image.resize(
                        x, size, method=method, antialias=antialias
                    ),
                    drawn(2, 8, 10, 3),
                    unknown=_unknown,
                )

for _kernel in ("lanczos1", "box", "triangle", "keyscubic"):
    for _antialias in (False, True):
        declare(
            "scale-and-translate-as-matmul",
            f"{_kernel}_{_antialias}_moved",
            lambda x, kernel=_kernel, antialias=_antialias: tf.raw_ops.ScaleAndTranslate(
                images=x,
                size=[9, 7],
                scale=[1.3, 0.6],
                translation=[-1.7, 2.2],
                kernel_type=kernel,
                antialias=antialias,
            ),
            drawn(2, 8, 10, 3),
        )
declare(
    "scale-and-translate-as-matmul",
    "transform_is_data",
    lambda x, scale, shift: tf.raw_ops.ScaleAndTranslate(images=x, size=[9, 7], scale=scale, translation=shift),
    drawn(2, 8, 10, 3),
    np.array([0.7, 1.9], np.float32),
    np.array([1.5, -4.0], np.float32),
    unknown=(),
)
