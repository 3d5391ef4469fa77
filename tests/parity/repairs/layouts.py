"""Layouts: blocks in space, batch and depth of any rank; edges that mirror."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from shorthand import declare, drawn

ANY = (0, 1, 2)

declare("bias-add-as-add", "matrix", lambda x: tf.nn.bias_add(x, drawn(3)), drawn(4, 3))
declare("bias-add-as-add", "volume", lambda x: tf.nn.bias_add(x, drawn(3)), drawn(2, 4, 2, 2, 3), unknown=ANY)
declare("bias-add-as-add", "first", lambda x: tf.nn.bias_add(x, drawn(3), "NCHW"), drawn(2, 3, 4, 5), unknown=ANY)
declare(
    "channels-first-as-channels-last",
    "bias",
    lambda x: tf.nn.bias_add(x, drawn(3), "NCHW"),
    drawn(2, 3, 4, 5),
    unknown=ANY,
)
declare(
    "bias-add-gradient-as-sum channels-first-as-channels-last",
    "first",
    lambda x: tf.raw_ops.BiasAddGrad(out_backprop=x, data_format="NCHW"),
    drawn(2, 3, 4, 5),
    unknown=ANY,
)
declare("bias-add-gradient-as-sum", "last", lambda x: tf.raw_ops.BiasAddGrad(out_backprop=x), drawn(2, 3, 4, 5))

for _unknown in ((0,), (0, 1, 2, 3, 4)):
    declare(
        "space-to-batch-as-transpose",
        f"one_axis_{len(_unknown)}",
        lambda x: tf.space_to_batch(x, [3], [[1, 2]]),
        drawn(2, 6, 4),
        unknown=_unknown,
    )
    declare(
        "space-to-batch-as-transpose",
        f"three_axes_{len(_unknown)}",
        lambda x: tf.space_to_batch(x, [2, 1, 3], [[0, 1], [1, 1], [2, 0]]),
        drawn(2, 5, 3, 4, 2),
        unknown=_unknown,
    )
    declare(
        "batch-to-space-as-transpose",
        f"three_axes_{len(_unknown)}",
        lambda x: tf.raw_ops.BatchToSpaceND(input=x, block_shape=[2, 1, 3], crops=[[0, 1], [1, 0], [2, 1]]),
        drawn(12, 5, 3, 4, 2),
        unknown=_unknown,
    )
    declare(
        "batch-to-space-as-transpose",
        f"one_axis_{len(_unknown)}",
        lambda x: tf.raw_ops.BatchToSpaceND(input=x, block_shape=[2], crops=[[0, 0]]),
        drawn(4, 5, 3),
        unknown=_unknown,
    )
    declare(
        "space-to-depth-as-transpose",
        f"{_unknown}",
        lambda x: tf.nn.space_to_depth(x, 2),
        drawn(2, 4, 6, 3),
        unknown=_unknown,
    )
    declare(
        "depth-to-space-as-transpose",
        f"{_unknown}",
        lambda x: tf.nn.depth_to_space(x, 2),
        drawn(2, 4, 6, 12),
        unknown=_unknown,
    )
    for _mode in ("REFLECT", "SYMMETRIC"):
        declare(
            "mirror-pad-as-gather",
            f"{_mode}_{len(_unknown)}",
            lambda x, mode=_mode: tf.pad(x, [[0, 0], [3, 1], [2, 2], [0, 1], [0, 0]], mode),
            drawn(2, 4, 3, 2, 2),
            unknown=_unknown,
        )

declare(
    "space-to-batch-as-transpose",
    "paddings_are_data",
    lambda x, amounts: tf.space_to_batch(x, [2, 2], amounts),
    drawn(2, 3, 4, 1),
    np.array([[1, 0], [1, 1]], np.int32),
    unknown=(),
)
declare(
    "mirror-pad-as-gather",
    "paddings_are_data",
    lambda x, amounts: tf.pad(x, amounts, "REFLECT"),
    drawn(3, 4),
    np.array([[1, 2], [3, 0]], np.int32),
    unknown=(),
)
