"""Numbers moved by a unit in the last place: what rounding may do to any of them.  NumPy alone.

Used by whatever asks how far rounding moves a result: `anyport_tf.noise` for a model's outputs, `anyport_tf.evaluation` for a
segment of it.
"""

from __future__ import annotations

import numpy as np

from anyport_guest import Array

INTEGERS = {2: np.int16, 4: np.int32, 8: np.int64}
"""Bytes of a float → the integer through which it is moved."""


def moved(value: Array, rng: np.random.Generator, units: int = 1, bits: int = 0) -> Array:
    """Return floats moved by −1, 0 or +1 times `units` in the last place, or in the last but `bits` of float32.

    Zeros stay, since a zero is seldom the result of a rounding: a padding, a mask, a weight that was pruned.
    """
    array = np.asarray(value, order="C")  # not `ascontiguousarray`, which makes a vector of a scalar
    if array.dtype.kind == "c":
        parts = array.reshape(-1).view(array.real.dtype)
        return moved(parts, rng, units, bits).view(array.dtype).reshape(array.shape)
    if not moves(array):
        return value
    step = units << (bits if array.dtype == np.float32 else 0)
    integers = array.reshape(-1).view(INTEGERS[array.dtype.itemsize])
    steps = rng.integers(-1, 2, size=integers.size, dtype=np.int8).astype(integers.dtype) * step
    result = (integers + steps).view(array.dtype).reshape(array.shape)
    # Beyond the largest number lies infinity, and below the smallest another sign.
    usable = np.isfinite(array) & np.isfinite(result) & (np.sign(array) == np.sign(result))
    return np.where(usable, result, array)


def moves(array: Array) -> bool:
    """Tell whether an array holds floats, or complex numbers, which `moved` moves."""
    return array.dtype.kind in "fc" or array.dtype.name == "bfloat16"
