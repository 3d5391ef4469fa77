"""NaN and infinities, for runtimes that lose one or have no constant for the other.

SSE's maximum of NaN and a number is the number, if that is its second operand; XNNPACK takes it as it is.  Whether a tensor
may hold NaN, or a divisor 0, is judged by what made it: the few operations that make NaN of numbers or numbers that are
exactly 0, not what is computed of their results, so that the activations of a network stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..rules import Inapplicable, value_of
from .shapes import again

Operation = Any
Tensor = Any

MAKERS = (
    "Log", "Log1p", "Sqrt", "Rsqrt", "Pow", "Div", "RealDiv", "Xlogy", "Xlog1py", "Xdivy", "Acos", "Acosh", "Asin", "Atanh",
)  # fmt: skip
KEEPERS = (
    "Identity", "StopGradient", "Reshape", "ExpandDims", "Squeeze", "Transpose", "ConcatV2", "Pack", "Slice", "StridedSlice",
    "GatherV2", "Neg", "Abs", "Maximum", "Minimum", "Select", "SelectV2", "Tanh",
)  # fmt: skip
"""Ops that hand on what they are given, NaN included."""
POSITIVE = ("Square", "Abs", "Relu", "Relu6", "Exp", "Sigmoid", "Softplus")
"""Ops whose results have a root."""
SUMMING = ("Identity", "Reshape", "Sum", "Mean", "Max")
"""Ops that make what has a root of what has one."""
ZEROS = ("Placeholder", "Relu", "Relu6", "Sub", "Floor", "Round", "Sign")
"""Ops whose results are often exactly 0."""
GUARDS = ("Select", "SelectV2", "Maximum", "Minimum")
"""Ops that a divisor is kept from being 0 with."""


def may_be_nan(tensor: Tensor) -> bool:
    """Whether a float tensor holds what an operation made that makes NaN of numbers."""
    return any(
        found.type in MAKERS
        and found.outputs[0].dtype.is_floating
        and not (_divides_by_number(found) or _is_root_of_positive(found))
        for found in _handing_on(tensor, KEEPERS)
    )


def _handing_on(tensor: Tensor, keepers: Container[str]) -> Iterator[Operation]:
    """Yield the operations that a tensor's numbers come from, through those that only hand them on."""
    waiting, seen = [tensor.op], set()
    while waiting:
        operation = waiting.pop()
        if operation.name in seen:
            continue
        seen.add(operation.name)
        yield operation
        if operation.type in keepers:
            waiting += [given.op for given in operation.inputs]


def _divides_by_number(operation: Operation) -> bool:
    """Whether an operation is a division by constants that are not 0."""
    divisor = value_of(operation.inputs[1]) if operation.type in ("Div", "RealDiv") else None
    return divisor is not None and bool(np.all(divisor != 0))


def _is_root_of_positive(operation: Operation) -> bool:
    """Whether an operation is a root of what has one, as a norm's sum of squares."""
    if operation.type != "Sqrt":
        return False
    inner = operation.inputs[0].op
    while inner.type in SUMMING:
        inner = inner.inputs[0].op
    is_square = inner.type == "Mul" and inner.inputs[0].name == inner.inputs[1].name
    return is_square or inner.type in POSITIVE


def loses_nan(operation: Operation) -> bool:
    """Whether an operation is given what may be NaN, and nothing puts it back behind it."""
    behind = [reader for reader in operation.outputs[0].consumers() if reader.type == "SelectV2"]
    given = {tensor.name for tensor in operation.inputs}
    is_put_back = any(reader.inputs[1].name in given for reader in behind)
    return not is_put_back and any(may_be_nan(tensor) for tensor in operation.inputs)


def put_back(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """The same, and NaN where an operand is NaN."""
    if not loses_nan(operation):
        raise Inapplicable("no NaN is lost")
    (made,) = again(operation, inputs)
    for tensor in inputs:
        if may_be_nan(tensor):
            made = tf.where(tf.not_equal(tensor, tensor), tensor, made)
    return made


def may_be_infinite(operation: Operation) -> bool:
    """Whether a quotient of floats may have a divisor of 0, and nothing behind it restores what that makes."""
    quotient, divisor = operation.outputs[0], operation.inputs[1]
    if not quotient.dtype.is_floating or value_of(divisor) is not None:
        return False
    readers = {reader.type for reader in quotient.consumers()}
    is_restored = "Exp" in readers and any(
        reader.type == "SelectV2" and reader.inputs[2].name == quotient.name for reader in quotient.consumers()
    )
    keepers = set(KEEPERS) - set(GUARDS)
    return not is_restored and any(found.type in ZEROS for found in _handing_on(divisor, keepers))


def infinite_quotient(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """A quotient that a kernel has cut at the largest number; its exponential is infinite, and isn't cut."""
    if not may_be_infinite(operation):
        raise Inapplicable("nothing is cut")
    (made,) = again(operation, inputs)
    restored = tf.where(made <= made.dtype.min, -tf.exp(-made), made)
    return tf.where(made >= made.dtype.max, tf.exp(made), restored)


def is_about_infinity(operation: Operation) -> bool:
    """Whether an operation compares floats with an infinite constant."""
    return any(_infinity(tensor) is not None for tensor in operation.inputs)


def _infinity(tensor: Tensor) -> float | None:
    value = value_of(tensor) if tensor.dtype.is_floating else None
    return float(value.reshape(-1)[0]) if value is not None and value.size == 1 and np.isinf(value).all() else None


def equal_to_infinity(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`Equal` and `NotEqual`: infinite is what is beyond the largest number."""
    x, bound = inputs if _infinity(inputs[1]) is not None else reversed(inputs)
    infinity = _infinity(bound)
    if infinity is None or bound.shape.rank:
        raise Inapplicable("it isn't about one infinity")
    made = x > x.dtype.max if infinity > 0 else x < x.dtype.min
    return made if operation.type == "Equal" else tf.logical_not(made)


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "nan-put-back": (("Maximum", "Minimum", "Tanh"), put_back),
    "infinite-quotient-restored": (("Div", "RealDiv"), infinite_quotient),
    "equal-to-infinity-as-comparison": (("Equal", "NotEqual"), equal_to_infinity),
}
"""Rule → the ops that it is about, and what they become."""
