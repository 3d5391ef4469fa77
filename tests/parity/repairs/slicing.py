"""Slices: ellipses, new axes and single elements together; parts of unequal size; reversals and rolls along several axes."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from shorthand import declare, drawn

ANY = (0, 1, 2)
X = drawn(4, 5, 6)


def _taking(taken: Any) -> Any:
    return lambda x: x[taken]


for _name, _taken in {
    "ellipsis_first": np.s_[..., 1],
    "ellipsis_between": np.s_[1, ..., 1:-1],
    "ellipsis_of_nothing": np.s_[:2, ..., 1, ::2],
    "new_axes": np.s_[:, np.newaxis, 2:, np.newaxis],
    "new_axes_around_ellipsis": np.s_[np.newaxis, 2, ..., ::-1, np.newaxis],
    "new_axis_alone": np.s_[np.newaxis],
}.items():
    for _unknown in ((0,), ANY):
        declare(
            "strided-slice-without-new-axes",
            f"{_name}_{len(_unknown)}_unknown",
            _taking(_taken),
            X,
            unknown=_unknown,
        )


def _computed_bounds(x: Any, start: Any) -> Any:
    return x[..., tf.newaxis, start : start + 3]


declare("strided-slice-without-new-axes", "computed_bounds", _computed_bounds, X, np.array(1, np.int32))

for _axis in (1, -1):
    for _unknown in ((0,), ()):
        declare(
            "unpack-as-slices",
            f"axis_{_axis}_{len(_unknown)}_unknown",
            lambda x, axis=_axis: tf.unstack(x, axis=axis),
            X,
            unknown=_unknown,
        )
for _unknown in ((0,), ANY):
    declare(
        "split-as-slices",
        f"equal_{len(_unknown)}_unknown",
        lambda x: tf.raw_ops.Split(axis=-1, value=x, num_split=3),
        X,
        unknown=_unknown,
    )
    declare(
        "split-as-slices",
        f"unequal_{len(_unknown)}_unknown",
        lambda x: tf.raw_ops.SplitV(value=x, size_splits=[1, -1, 2], axis=1, num_split=3),
        X,
        unknown=_unknown,
    )
    for _shift in ([1, -2], [9, 0]):
        declare(
            "roll-as-concat",
            f"by_{_shift[0]}_{len(_unknown)}_unknown",
            lambda x, shift=_shift: tf.roll(x, shift, [0, -1]),
            X,
            unknown=_unknown,
        )
declare(
    "split-as-slices",
    "computed_sizes",
    lambda x, sizes: tf.raw_ops.SplitV(value=x, size_splits=sizes, axis=1, num_split=2),
    X,
    np.array([2, 3], np.int32),
    unknown=(2,),
)
declare("roll-as-concat", "computed_shift", lambda x, shift: tf.roll(x, shift, 1), X, np.array(-8, np.int32))
declare("roll-as-concat", "of_nothing", lambda x: tf.roll(x, 2, 0), drawn(0, 3))
declare("reverse-one-axis-at-a-time", "two", lambda x: tf.reverse(x, [0, -1]), X, unknown=ANY)
declare("reverse-one-axis-at-a-time", "none", lambda x: tf.raw_ops.ReverseV2(tensor=x, axis=np.zeros(0, np.int32)), X)
