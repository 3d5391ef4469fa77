"""What handlers of tf2onnx share: small pieces of ONNX graphs.  `ctx` is tf2onnx's graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import TensorProto
from tf2onnx import utils


def constant(ctx: Any, value: Any) -> str:
    """Return a new tensor of that value; strings come as an array of objects."""
    array = np.asarray(value)
    raw = array.dtype.kind not in "OSU"
    return str(ctx.make_const(utils.make_name("constant"), array if raw else array.astype(object), raw=raw).output[0])


def int64(ctx: Any, tensor: str) -> str:
    """Return the tensor as int64, which ONNX wants of shapes and places."""
    if ctx.get_dtype(tensor) == TensorProto.INT64:
        return tensor
    return str(ctx.make_node("Cast", [tensor], attr={"to": TensorProto.INT64}).output[0])


def make(ctx: Any, op: str, *inputs: str, **attributes: Any) -> str:
    """Make a node of one output and return that."""
    return str(ctx.make_node(op, list(inputs), attr=attributes).output[0])


def flat(ctx: Any, tensor: str) -> str:
    """Return a tensor as a vector."""
    return make(ctx, "Reshape", tensor, constant(ctx, np.array([-1], np.int64)))


def replace(ctx: Any, node: Any, op: str, inputs: Sequence[str], attributes: dict[str, Any]) -> None:
    """Make another node, which takes over the name, the outputs and their shapes of the one replaced."""
    shapes, dtypes = node.output_shapes, node.output_dtypes
    ctx.remove_node(node.name)
    ctx.make_node(op, list(inputs), attr=attributes, name=node.name, outputs=node.output, shapes=shapes, dtypes=dtypes)


def become(ctx: Any, node: Any, results: Sequence[str]) -> None:
    """Let tensors take the place of a node's outputs."""
    shapes, dtypes, outputs = node.output_shapes, node.output_dtypes, list(node.output)
    ctx.remove_node(node.name)
    for result, output, shape, dtype in zip(results, outputs, shapes, dtypes, strict=True):
        ctx.make_node("Identity", [result], outputs=[output], shapes=[shape], dtypes=[dtype])
