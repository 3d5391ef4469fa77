"""Examples of the repairs of gathers, slices with steps, bands and selection."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from shorthand import declare, drawn


def places(*shape: int, below: int) -> Any:
    return np.random.default_rng(0).integers(0, below, shape).astype(np.int32)


X = drawn(3, 4)
CUBE = drawn(3, 5, 4)

declare("batched-gather-as-gather", "rows", lambda x, i: tf.gather(x, i, batch_dims=1), CUBE, places(3, 2, below=5))
declare(
    "batched-gather-as-gather", "beyond_the_batch", lambda x, i: tf.gather(x, i, axis=-1, batch_dims=1),
    CUBE, places(3, 2, 6, below=4), unknown=(0, 1),
)  # fmt: skip
declare(
    "batched-gather-as-gather", "two_axes", lambda x, i: tf.gather(x, i, axis=2, batch_dims=-1),
    CUBE, places(3, 5, 2, below=4),
)  # fmt: skip

for below, above in ((1, 2), (-1, 0), (0, -1), (0, 0)):
    name = f"band_{below}_{above}".replace("-", "minus_")
    declare("band-part-as-where", name, lambda x, b=below, a=above: tf.linalg.band_part(x, b, a), CUBE)
declare("band-part-as-where", "of_bools", lambda x: tf.linalg.band_part(x > 0, 1, 0), CUBE, unknown=(0, 1, 2))

declare("bool-select-as-logic", "broadcast", lambda x, y: tf.where(x > 0, y > 0, False), X, X[::-1].copy())
declare(
    "bool-select-as-logic", "rows", lambda x, y: tf.raw_ops.Select(condition=x[:, 0] > 0, x=x < 1, y=y > 0),
    X, X[::-1].copy(), unknown=(),
)  # fmt: skip

declare("reverse-as-gather", "two_axes", lambda x: tf.reverse(x, [0, -1]), CUBE)
declare("reverse-as-gather", "empty", lambda x: tf.reverse(x, [0]), drawn(0, 3))

SLICES = {
    "every_other": lambda x: x[::2, 1::3],
    "backwards": lambda x: x[::-1, -2:0:-2],
    "of_unknown_length": lambda x: x[5:-9:-1, :, ::3],
    "around_an_ellipsis": lambda x: x[1, ..., tf.newaxis, ::-2],
    "nothing": lambda x: x[:, 3:1:2],
    "bounds_that_are_data": lambda x: x[:, tf.shape(x)[0] - 2 : tf.shape(x)[0] + 9 : 2],
}
for name, call in SLICES.items():
    declare("strided-slice-as-gather", name, call, CUBE)
    declare("strided-slice-as-gather", f"{name}_of_any_size", call, CUBE, unknown=(0, 1, 2))

LENGTHS = np.array([0, 5, 3], np.int32)
declare("reverse-sequence-as-gather", "rows", lambda x, n: tf.reverse_sequence(x, n, seq_axis=1), CUBE, LENGTHS)
declare(
    "reverse-sequence-as-gather", "axes_in_the_other_order", lambda x, n: tf.reverse_sequence(x, n, seq_axis=0, batch_axis=2),
    np.transpose(CUBE, [1, 2, 0]), LENGTHS.astype(np.int64), unknown=(0, 1, 2),
)  # fmt: skip
declare("unravel-index-as-remainders", "vector", lambda i: tf.unravel_index(i, [3, 4, 5]), places(7, below=60))
declare(
    "unravel-index-as-remainders",
    "lengths",
    tf.unravel_index,
    places(7, below=20),
    np.array([4, 5], np.int32),
    unknown=(),
)
declare("unravel-index-as-remainders", "one", lambda i: tf.unravel_index(i, [3, 4]), places(below=12))
