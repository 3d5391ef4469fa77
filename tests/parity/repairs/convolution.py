"""Convolutions: paddings that don't divide, strides and dilations together, sizes unknown until the model runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from shorthand import declare, drawn

ANY = (0, 1, 2, 3)


def _conv3d(kernel: tuple[int, ...], **options: Any) -> Any:
    settings = {"strides": [1, 1, 1, 1, 1], "padding": "SAME", **options}
    return lambda x: tf.raw_ops.Conv3D(input=x, filter=drawn(*kernel, seed=1), **settings)


for _name, _kernel, _options in (
    ("same", (3, 2, 3, 2, 4), {}),
    ("valid", (2, 3, 1, 2, 3), {"padding": "VALID"}),
    ("strided_same", (3, 3, 2, 2, 3), {"strides": [1, 2, 3, 2, 1]}),
    ("strided_valid", (2, 2, 2, 2, 3), {"strides": [1, 3, 2, 1, 1], "padding": "VALID"}),
    ("pointwise", (1, 1, 1, 2, 3), {}),
):
    declare("conv3d-as-conv2d", _name, _conv3d(_kernel, **_options), drawn(2, 6, 7, 8, 2))
    declare("conv3d-as-conv2d", f"{_name}_any_size", _conv3d(_kernel, **_options), drawn(2, 5, 8, 7, 2), unknown=ANY)

declare(
    "conv3d-as-conv2d",
    "half",
    lambda x: tf.raw_ops.Conv3D(
        input=x, filter=tf.cast(drawn(2, 2, 2, 2, 3), tf.float64), strides=[1] * 5, padding="SAME"
    ),
    drawn(1, 3, 4, 4, 2, dtype=np.float64),
)
declare(
    "conv3d-as-conv2d",
    "kernel_is_input",
    lambda x, kernel: tf.nn.conv3d(x, kernel, [1, 1, 1, 1, 1], "VALID"),
    drawn(1, 4, 5, 5, 2),
    drawn(2, 3, 3, 2, 2),
    unknown=(),
)


def _conv3d_transpose(kernel: tuple[int, ...], shape: tuple[int, ...], strides: Any, padding: str = "SAME") -> Any:
    def call(x: Any) -> Any:
        wanted = tf.stack([tf.shape(x)[0], *shape])
        return tf.nn.conv3d_transpose(x, drawn(*kernel, seed=1), wanted, strides, padding)

    return call


for _name, _make in {
    "same": _conv3d_transpose((3, 3, 2, 3, 2), (6, 8, 10, 3), 2),
    "same_odd": _conv3d_transpose((3, 3, 4, 3, 2), (5, 7, 9, 3), 2),
    "valid": _conv3d_transpose((2, 3, 2, 3, 2), (6, 9, 10, 3), 2, "VALID"),
    "valid_with_room": _conv3d_transpose((3, 2, 3, 3, 2), (9, 13, 17, 3), 3, "VALID"),
    "stride_beyond_kernel": _conv3d_transpose((1, 2, 1, 3, 2), (8, 11, 13, 3), 3, "SAME"),
    "uneven": _conv3d_transpose((3, 3, 3, 3, 2), (3, 8, 15, 3), [1, 2, 3]),
}.items():
    declare(
        "conv3d-transpose-as-conv2d-transpose",
        _name,
        _make,
        drawn(2, 3, 4, 5, 2),
        unknown=(0,),
    )
declare(
    "conv3d-transpose-as-conv2d-transpose",
    "any_size",
    lambda x: tf.nn.conv3d_transpose(
        x, drawn(3, 3, 3, 4, 2), tf.stack([2, *(2 * tf.shape(x)[i] for i in (1, 2, 3)), 4]), 2
    ),
    drawn(2, 3, 4, 5, 2),
    unknown=ANY,
)


def _conv2d_transpose(kernel: tuple[int, ...], shape: tuple[int, ...], **options: Any) -> Any:
    def call(x: Any) -> Any:
        return tf.raw_ops.Conv2DBackpropInput(
            input_sizes=tf.stack([tf.shape(x)[0], *shape]),
            filter=drawn(*kernel, seed=1),
            out_backprop=x,
            **{"strides": [1, 2, 2, 1], "padding": "SAME", **options},
        )

    return call


for _name, _make in {
    "same": _conv2d_transpose((3, 3, 4, 3), (10, 12, 4)),
    "same_odd": _conv2d_transpose((4, 3, 4, 3), (9, 11, 4)),
    "valid": _conv2d_transpose((3, 2, 4, 3), (12, 12, 4), padding="VALID"),
    "stride_beyond_kernel": _conv2d_transpose((2, 1, 4, 3), (15, 17, 4), strides=[1, 3, 3, 1]),
    "uneven": _conv2d_transpose((3, 3, 4, 3), (5, 18, 4), strides=[1, 1, 3, 1]),
    "explicit": _conv2d_transpose(
        (3, 3, 4, 3), (9, 11, 4), padding="EXPLICIT", explicit_paddings=[0, 0, 1, 1, 1, 1, 0, 0]
    ),
}.items():
    declare("conv2d-transpose-as-conv2d", _name, _make, drawn(2, 5, 6, 3))
declare(
    "conv2d-transpose-as-conv2d",
    "any_size",
    lambda x: tf.nn.conv2d_transpose(x, drawn(3, 3, 4, 3), tf.shape(x) * [1, 2, 2, 0] + [0, 0, 0, 4], 2),
    drawn(2, 5, 6, 3),
    unknown=(0, 1, 2),
)

for _name, _options in {
    "same": {"padding": "SAME", "strides": 1},
    "strided": {"padding": "VALID", "strides": 2},
}.items():
    declare(
        "grouped-conv-as-split",
        _name,
        lambda x, options=_options: tf.nn.conv2d(x, drawn(3, 2, 2, 9), **options),
        drawn(2, 6, 7, 6),
        unknown=(0, 1),
    )

declare(
    "dilated-conv-as-sparse-kernel",
    "strided",
    lambda x: tf.nn.conv2d(x, drawn(3, 2, 3, 4), [1, 2, 3, 1], "SAME", dilations=[1, 2, 3, 1]),
    drawn(2, 11, 12, 3),
    unknown=(0, 1, 2),
)
declare(
    "explicit-padding-as-pad",
    "conv2d",
    lambda x: tf.nn.conv2d(x, drawn(3, 2, 3, 4), 2, [[0, 0], [2, 1], [0, 3], [0, 0]]),
    drawn(2, 7, 8, 3),
    unknown=(0, 1, 2),
)
declare(
    "depthwise-conv2d-as-conv2d",
    "multiplied",
    lambda x: tf.nn.depthwise_conv2d(x, drawn(3, 2, 3, 2), [1, 2, 2, 1], "SAME"),
    drawn(2, 7, 8, 3),
    unknown=(0, 1, 2),
)

for _name, _options in {
    "same": {"padding": "SAME", "strides": [1, 1, 1, 1]},
    "strided": {"padding": "SAME", "strides": [1, 2, 2, 1]},
    "valid_with_rest": {"padding": "VALID", "strides": [1, 2, 3, 1]},
}.items():

    def _gradient(x: Any, options: Any = _options) -> Any:
        made = tf.nn.conv2d(x, tf.constant(drawn(3, 2, 3, 4)), **options)
        return tf.raw_ops.Conv2DBackpropFilter(input=x, filter_sizes=[3, 2, 3, 4], out_backprop=tf.sin(made), **options)

    declare("conv2d-kernel-gradient-as-conv2d", _name, _gradient, drawn(2, 9, 10, 3))
