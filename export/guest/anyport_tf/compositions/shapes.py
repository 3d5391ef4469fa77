"""What compositions share: sizes that may be known only when the model runs, and the same operation said otherwise.

A size is an `int` where the shape is static, else a scalar int32 tensor; arithmetic on sizes (`+`, `*`, `//`) works on both.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from ..rules import Inapplicable

Operation = Any
Tensor = Any
Size = Any
"""An `int` or a scalar int32 tensor."""


def rank(tensor: Tensor) -> int:
    """Return the rank, which must be known."""
    if tensor.shape.rank is None:
        raise Inapplicable(f"the rank of {tensor.name} is unknown")
    return int(tensor.shape.rank)


def sizes(tensor: Tensor) -> list[Size]:
    """Return the size of each axis."""
    static = tensor.shape.as_list() if rank(tensor) else []
    if None not in static:
        return list(static)
    shape = tf.shape(tensor)
    return [shape[axis] if size is None else size for axis, size in enumerate(static)]


def size(tensor: Tensor, axis: int) -> Size:
    """Return the size of one axis."""
    static = tensor.shape[axis] if rank(tensor) else None
    return tf.shape(tensor)[axis] if static is None else static


def fixed(tensor: Tensor, axis: int) -> int:
    """Return the size of one axis, which must be static."""
    static = tensor.shape[axis] if rank(tensor) else None
    if static is None:
        raise Inapplicable(f"axis {axis} of {tensor.name} has no fixed size")
    return int(static)


def product(numbers: Sequence[Size]) -> Size:
    """Return the product of sizes; 1 of none."""
    known = 1
    unknown = None
    for number in numbers:
        if isinstance(number, int):
            known *= number
        else:
            unknown = number if unknown is None else unknown * number
    return known if unknown is None else unknown if known == 1 else unknown * known


def largest(a: Size, b: Size) -> Size:
    """Return the larger of two sizes."""
    return max(a, b) if isinstance(a, int) and isinstance(b, int) else tf.maximum(a, b)


def smallest(a: Size, b: Size) -> Size:
    """Return the smaller of two sizes."""
    return min(a, b) if isinstance(a, int) and isinstance(b, int) else tf.minimum(a, b)


def reshaped(tensor: Tensor, shape: Sequence[Size]) -> Tensor:
    """Reshape to sizes of which some may be tensors; a single unknown one is left to `Reshape` to infer."""
    unknown = [axis for axis, number in enumerate(shape) if not isinstance(number, int)]
    if len(unknown) == 1 and all(shape[axis] for axis in range(len(shape)) if axis not in unknown):
        return tf.reshape(tensor, [-1 if axis in unknown else number for axis, number in enumerate(shape)])
    return tf.reshape(tensor, tf.stack(shape) if unknown else list(shape))


def vector(tensor: Tensor, length: int) -> list[Size]:
    """Return the elements of a vector of sizes (a shape operand): integers where they are constant."""
    static = tf.get_static_value(tensor, partial=True)
    known = [None] * length if static is None else list(static)
    return [tf.cast(tensor[index], tf.int32) if number is None else int(number) for index, number in enumerate(known)]


def padded(tensor: Tensor, paddings: Sequence[tuple[Size, Size]], value: Any = 0) -> Tensor:
    """Pad each axis by (before, after); nothing is made of paddings that are all 0."""
    if all(isinstance(side, int) and side == 0 for pair in paddings for side in pair):
        return tensor
    static = all(isinstance(side, int) for pair in paddings for side in pair)
    amounts = [list(pair) for pair in paddings] if static else tf.stack([tf.stack(pair) for pair in paddings])
    return tf.pad(tensor, amounts) if value == 0 else tf.pad(tensor, amounts, constant_values=value)


def again(operation: Operation, inputs: Sequence[Tensor], **changed: Any) -> list[Tensor]:
    """Make the operation once more, of other inputs and with some attributes changed (lists of ints, strings)."""
    attrs = {name: attr for name, attr in operation.node_def.attr.items() if not name.startswith("_")}
    for name, value in changed.items():
        attrs[name] = tf.compat.v1.AttrValue()
        if isinstance(value, str):
            attrs[name].s = value.encode()
        else:
            attrs[name].list.i.extend(value)
    dtypes = [tensor.dtype for tensor in operation.outputs]
    made = tf.compat.v1.get_default_graph().create_op(operation.type, list(inputs), dtypes, attrs=attrs)
    return list(made.outputs)


def lowest(dtype: Any) -> Any:
    """Return what is below every value of a dtype: what a maximum is of nothing."""
    return float("-inf") if dtype.is_floating else dtype.min
