"""Operations that a repair makes again, marked so that it doesn't take them for what it is to repair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from anyport_tf.rules import attribute

Operation = Any
Tensor = Any

MARK = "_anyport_repaired"
"""An attribute whose name begins with an underscore means nothing to TensorFlow's kernels, nor to TF.js' executor."""


def is_marked(operation: Operation) -> bool:
    """Whether a repair made the operation."""
    return bool(attribute(operation, MARK, False))


def again(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Make an operation of one output once more, marked."""
    attrs = {name: value for name, value in operation.node_def.attr.items() if not name.startswith("_")}
    return _made(operation.type, inputs, operation.outputs[0].dtype, attrs)


def cast(tensor: Tensor, dtype: Any) -> Tensor:
    """Cast to a dtype that holds every value, marked."""
    attrs = {
        "SrcT": tf.compat.v1.AttrValue(type=tensor.dtype.as_datatype_enum),
        "DstT": tf.compat.v1.AttrValue(type=dtype.as_datatype_enum),
    }
    return _made("Cast", [tensor], dtype, attrs)


def _made(op: str, inputs: Sequence[Tensor], dtype: Any, attrs: dict[str, Any]) -> Tensor:
    attrs = {**attrs, MARK: tf.compat.v1.AttrValue(b=True)}
    return tf.compat.v1.get_default_graph().create_op(op, list(inputs), [dtype], attrs=attrs).outputs[0]
