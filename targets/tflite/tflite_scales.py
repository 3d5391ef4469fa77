"""Numbers as the scaled integers that a quantised file takes and gives; what the interpreters' runners share.

A port is an entry of the mapping's `quantization`: `dtype`, `scale` and `zero_point`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from anyport_guest import Array


def quantised(array: Array, port: Mapping[str, Any]) -> Array:
    """Return the integers that stand for `array`: rounded half away from zero and clipped, as TFLite's QUANTIZE does."""
    limits = np.iinfo(port["dtype"])
    scaled = array.astype(np.float32) / np.float32(port["scale"])
    rounded = np.trunc(scaled + np.copysign(np.float32(0.5), scaled)) + port["zero_point"]
    return np.asarray(np.clip(rounded, limits.min, limits.max).astype(port["dtype"]))


def dequantised(array: Array, port: Mapping[str, Any]) -> Array:
    """Return the numbers that the integers of an output stand for."""
    return np.asarray((array.astype(np.int32) - port["zero_point"]) * np.float32(port["scale"]), np.float32)
