"""The same operation on another dtype: what a kernel lacks of narrow integers, booleans and strings.

`in_wider` computes with integers that hold every value and casts back, which wraps as the op's own dtype does.
`by_place` moves places instead of values, and gathers the values at the end: for what can be moved and not computed with.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from ..rules import Inapplicable
from .shapes import product, sizes

Operation = Any
Tensor = Any

WIDER: dict[Any, tuple[Any, ...]] = {
    tf.bool: (tf.int32,),
    tf.int8: (tf.int32,),
    tf.uint8: (tf.int32,),
    tf.int16: (tf.int32,),
    tf.uint16: (tf.int32,),
    tf.uint32: (tf.int64,),
}
"""Dtype → those that hold each of its values, the narrowest first."""

MOVING = (
    "BroadcastTo", "GatherNd", "GatherV2", "Reshape", "ReverseSequence", "ReverseV2", "Roll", "Slice", "Split", "SplitV",
    "StridedSlice", "Tile", "Transpose", "Unpack", "Squeeze", "ExpandDims", "MatrixDiagPartV3", "DiagPart",
)  # fmt: skip
"""Ops of one tensor of values, each of which they put somewhere or leave out."""


def in_wider(operation: Operation, inputs: Sequence[Tensor], can: Callable[[Operation], bool]) -> list[Tensor]:
    """Make the operation of the first wider dtype for which `can` says that it is good."""
    attr = values_attr(operation)
    dtype = tf.dtypes.as_dtype(operation.get_attr(attr))
    for wider in WIDER.get(dtype, ()):
        made = with_dtype(operation, [_to(tensor, dtype, wider) for tensor in inputs], attr, wider)
        if can(made[0].op):
            return [
                _to(tensor, wider, dtype) if was.dtype == dtype else tensor
                for tensor, was in zip(made, operation.outputs, strict=True)
            ]
    raise Inapplicable(f"there is no wider dtype than {dtype.name}")


def _to(tensor: Tensor, old: Any, new: Any) -> Tensor:
    return tf.cast(tensor, new) if tensor.dtype == old else tensor


def by_place(operation: Operation, inputs: Sequence[Tensor], can: Callable[[Operation], bool]) -> list[Tensor]:
    """Do to places, counted from 0, what the operation does to values, and gather these there."""
    attr = values_attr(operation)
    place = values_input(operation, attr)
    values = inputs[place]
    count = product(sizes(values))
    places = tf.reshape(tf.range(count), tf.shape(values))
    made = with_dtype(operation, [*inputs[:place], places, *inputs[place + 1 :]], attr, tf.int32)
    flat = tf.reshape(values, [-1])
    found = [tf.gather_nd(flat, tf.expand_dims(tensor, -1)) for tensor in made]
    if not can(made[0].op) and made[0].op.type == operation.type:
        raise Inapplicable("places can't be moved either")
    return found


def values_attr(operation: Operation) -> str:
    """Return the attribute that names the dtype of what the operation computes with."""
    for argument in (*operation.op_def.output_arg, *operation.op_def.input_arg):
        if argument.type_attr in ("T", "Tparams", "dtype", "TI"):
            return str(argument.type_attr)
    raise Inapplicable(f"{operation.type} has no dtype to choose")


def values_input(operation: Operation, attr: str) -> int:
    """Return which input holds the values."""
    return next(index for index, argument in enumerate(operation.op_def.input_arg) if argument.type_attr == attr)


def with_dtype(operation: Operation, inputs: Sequence[Tensor], attr: str, dtype: Any) -> list[Tensor]:
    """Make the operation once more, with one of its dtypes another."""
    attrs = {name: value for name, value in operation.node_def.attr.items() if not name.startswith("_")}
    was = tf.dtypes.as_dtype(operation.get_attr(attr))
    attrs[attr] = tf.compat.v1.AttrValue(type=dtype.as_datatype_enum)
    dtypes = []
    for argument, tensor in _outputs(operation):
        dtypes.append(dtype if argument.type_attr == attr and tensor.dtype == was else tensor.dtype)
    made = tf.compat.v1.get_default_graph().create_op(operation.type, list(inputs), dtypes, attrs=attrs)
    return list(made.outputs)


def _outputs(operation: Operation) -> list[tuple[Any, Tensor]]:
    """Pair each output with what the op's definition says of it; an argument may stand for several outputs."""
    tensors = list(operation.outputs)
    arguments = list(operation.op_def.output_arg)
    if len(arguments) == 1:
        return [(arguments[0], tensor) for tensor in tensors]
    return list(zip(arguments, tensors, strict=True))
