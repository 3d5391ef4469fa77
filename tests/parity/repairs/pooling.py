"""Pools and patches: windows that don't divide, edges that count for nothing, places, sizes unknown until the model runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from shorthand import declare, drawn

ANY = (0, 1, 2, 3)

WINDOWS: dict[str, tuple[Any, Any, str]] = {
    "valid": (2, 2, "VALID"),
    "same": (3, 2, "SAME"),
    "uneven": ([1, 3, 2], [2, 1, 3], "SAME"),
    "large": ([4, 5, 6], [1, 2, 3], "VALID"),
    "flat": ([3, 1, 1], [1, 1, 1], "SAME"),
}
for _name, _window in WINDOWS.items():
    for _pool in (tf.nn.max_pool3d, tf.nn.avg_pool3d):
        for _unknown in ((0,), ANY):
            declare(
                "pool3d-as-pool2d",
                f"{_pool.__name__}_{_name}_{len(_unknown)}_unknown",
                lambda x, pool=_pool, window=_window: pool(x, *window),
                drawn(2, 5, 6, 7, 3) - 2,
                unknown=_unknown,
            )

PLANE: dict[str, tuple[Any, Any, str]] = {
    "valid": (2, 2, "VALID"),
    "same": (3, 2, "SAME"),
    "uneven": ([2, 3], [3, 1], "SAME"),
    "large": ([9, 10], [1, 2], "SAME"),
}
for _name, _window in PLANE.items():
    for _unknown in ((0,), (0, 1, 2)):
        declare(
            "max-pool-as-slices",
            f"{_name}_{len(_unknown)}",
            lambda x, window=_window: tf.nn.max_pool2d(x, *window),
            drawn(2, 9, 10, 3) - 2,
            unknown=_unknown,
        )
        for _batch in (True, False):
            declare(
                "max-pool-with-argmax-as-patches",
                f"{_name}_{_batch}_{len(_unknown)}",
                lambda x, window=_window, batch=_batch: tf.nn.max_pool_with_argmax(
                    x, *window, include_batch_in_index=batch
                ),
                np.round(drawn(2, 9, 10, 3)) - 2,
                unknown=_unknown,
            )

declare(
    "max-pool-as-slices",
    "integers",
    lambda x: tf.raw_ops.MaxPool(input=x, ksize=[1, 3, 2, 1], strides=[1, 1, 2, 1], padding="SAME"),
    np.arange(-40, 40, dtype=np.int32).reshape(1, 8, 10, 1),
)
declare(
    "max-pool-v2-as-max-pool max-pool-as-slices",
    "operands",
    lambda x: tf.raw_ops.MaxPoolV2(input=x, ksize=[1, 3, 2, 1], strides=[1, 1, 2, 1], padding="SAME"),
    drawn(2, 7, 8, 3),
)

for _name, _kernel, _options in (
    ("same", (3, 2, 3), {}),
    ("strided", (2, 3, 3), {"strides": [1, 2, 3, 1], "padding": "VALID"}),
    ("dilated", (3, 3, 3), {"rates": [1, 2, 1, 1]}),
    ("many_taps", (9, 8, 3), {"strides": [1, 2, 2, 1]}),
):
    declare(
        "dilation2d-as-maximum",
        _name,
        lambda x, kernel=_kernel, options=_options: tf.raw_ops.Dilation2D(
            input=x,
            filter=drawn(*kernel, seed=1),
            **{"strides": [1, 1, 1, 1], "rates": [1, 1, 1, 1], "padding": "SAME", **options},
        ),
        drawn(2, 9, 10, 3),
        unknown=(0, 1, 2),
    )

for _name, _options in {
    "valid": {"sizes": [1, 3, 2, 1], "strides": [1, 2, 1, 1], "rates": [1, 1, 1, 1], "padding": "VALID"},
    "same_dilated": {"sizes": [1, 2, 3, 1], "strides": [1, 3, 2, 1], "rates": [1, 2, 2, 1], "padding": "SAME"},
}.items():
    for _unknown in ((0,), ANY):
        declare(
            "extract-patches-as-gather",
            f"{_name}_{len(_unknown)}",
            lambda x, options=_options: tf.image.extract_patches(x, **options),
            drawn(2, 9, 10, 3),
            unknown=_unknown,
        )
declare(
    "extract-patches-as-gather",
    "integers",
    lambda x: tf.image.extract_patches(x, [1, 2, 2, 1], [1, 2, 2, 1], [1, 1, 1, 1], "SAME"),
    np.arange(105, dtype=np.int32).reshape(1, 7, 5, 3),
)
for _padding in ("SAME", "VALID"):
    declare(
        "extract-volume-patches-as-gather",
        _padding,
        lambda x, padding=_padding: tf.extract_volume_patches(x, [1, 2, 3, 2, 1], [1, 2, 1, 3, 1], padding),
        drawn(2, 5, 6, 7, 2),
        unknown=ANY,
    )


def _gradient(pool: Any, window: Any) -> Any:
    return lambda x: tf.gradients(tf.sin(pool(x, *window)), x)[0]


for _name, _window in PLANE.items():
    if _name != "large":
        for _unknown in ((0,), (0, 1, 2)):
            for _rule, _pool in (
                ("max-pool-gradient-as-patches", tf.nn.max_pool2d),
                ("average-pool-gradient-as-slices", tf.nn.avg_pool2d),
            ):
                declare(
                    _rule, f"{_name}_{len(_unknown)}", _gradient(_pool, _window), drawn(2, 9, 10, 3), unknown=_unknown
                )
