"""What a tensor's value is where it follows from static shapes and constants, a few steps of arithmetic away."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from tensorflow.python.framework import tensor_util

from ..rules import attribute, value_of

Tensor = Any

ARITHMETIC: Mapping[str, Callable[..., Any]] = {
    "Add": np.add,
    "AddV2": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "RealDiv": np.divide,
    "FloorDiv": np.floor_divide,
    "Maximum": np.maximum,
    "Minimum": np.minimum,
    "Ceil": np.ceil,
    "Floor": np.floor,
    "Round": np.round,
    "Neg": np.negative,
    "Identity": np.asarray,
}


def known(tensor: Tensor) -> Any:
    """Return the value of a small tensor that nothing but shapes and constants decides, else None."""
    value = value_of(tensor)
    if value is not None:
        return value
    operation = tensor.op
    if tensor.dtype.is_integer and tensor.shape.rank == 1:
        numbers = elements(tensor)
        return None if numbers is None or None in numbers else np.asarray(numbers, tensor.dtype.as_numpy_dtype)
    if operation.type == "StridedSlice" and attribute(operation, "shrink_axis_mask") == 1 and tensor.shape.rank == 0:
        numbers, place = elements(operation.inputs[0]), value_of(operation.inputs[1])
        number = None if numbers is None or place is None else numbers[int(place[0])]
        return None if number is None else np.asarray(number, tensor.dtype.as_numpy_dtype)
    if operation.type == "Cast":
        given = known(operation.inputs[0])
        return None if given is None else np.asarray(given).astype(attribute(operation, "DstT").as_numpy_dtype)
    if operation.type not in ARITHMETIC:
        return None
    values = [known(given) for given in operation.inputs]
    if any(value is None for value in values):
        return None
    return np.asarray(ARITHMETIC[operation.type](*values), dtype=tensor.dtype.as_numpy_dtype)


def elements(tensor: Tensor) -> list[int | None] | None:
    """Return the elements of a vector of sizes, None for those that are known only when the model runs."""
    if not tensor.dtype.is_integer or tensor.shape.rank != 1:
        return None
    try:
        shape = tensor_util.constant_value_as_shape(tensor)
    except ValueError:  # a negative number other than -1
        return None
    return None if shape.rank is None else list(shape.as_list())
