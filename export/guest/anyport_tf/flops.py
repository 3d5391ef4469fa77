"""Floating-point operations of a graph: two for each multiply-add of its convolutions and matrix products.

Elementwise work isn't counted, as is usual when models are compared.  The bodies of loops count once, since how often
they run is known only when they do; both branches of a condition count.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from .canonical import Signature
from .rules import attribute, calls

BATCH, OPEN = 1, 32
"""What the first dimension of an input, and others that vary, are taken for."""


@dataclasses.dataclass(kw_only=True)
class Flops:
    """What was counted, and what makes the count a lower bound."""

    count: int = 0
    loops: int = 0
    """Loops whose bodies were counted once."""
    unknown: int = 0
    """Contractions whose sizes are not known before they run."""


def of_signature(signature: Signature, stated: Any) -> Flops:
    """Count the operations of one call on one sample; `stated` is the signature's contract."""
    graph = tf.compat.v1.GraphDef()
    graph.CopyFrom(signature.graph)
    shapes = {signature.inputs[tensor["name"]]: tensor["shape"] for tensor in stated["inputs"]}
    for node in graph.node:
        node.attr.pop("_output_shapes", None)
        if node.name in shapes:
            sizes = [
                size or (BATCH if axis == 0 and size is None else OPEN if size is None else 0)
                for axis, size in enumerate(shapes[node.name])
            ]
            node.attr["shape"].shape.CopyFrom(tf.TensorShape(sizes).as_proto())
    found = Flops()
    with tf.Graph().as_default() as imported:
        tf.graph_util.import_graph_def(graph, name="")
        _count(imported, {function.signature.name: function for function in graph.library.function}, found)
    return found


def _count(graph: Any, library: Any, found: Flops) -> None:
    from tensorflow.python.framework import function_def_to_graph

    for operation in graph.get_operations():
        if operation.type in CONTRACTIONS:
            elements = CONTRACTIONS[operation.type](operation)
            found.count += 2 * (elements or 0)
            found.unknown += elements is None
        found.loops += operation.type in ("While", "StatelessWhile")
        for name, shapes in calls(operation, library):
            with graph.as_default():
                body = function_def_to_graph.function_def_to_graph(library[name], shapes)
            _count(body, library, found)


def _product(sizes: Sequence[int | None]) -> int | None:
    return None if any(size is None for size in sizes) else math.prod(size for size in sizes if size is not None)


def _sizes(tensor: Any) -> list[int | None]:
    return [None] if tensor.shape.rank is None else list(tensor.shape.as_list())


def _matrix_product(operation: Any) -> int | None:
    transposed = attribute(operation, "transpose_a") or attribute(operation, "adj_x")
    inner = _sizes(operation.inputs[0])[-2 if transposed else -1] if operation.inputs[0].shape.rank else None
    return _product([*_sizes(operation.outputs[0]), inner])


def _convolution(operation: Any) -> int | None:
    """Each output element sums over the kernel's window and input channels."""
    return _product([*_sizes(operation.outputs[0]), *_sizes(operation.inputs[1])[:-1]])


def _depthwise(operation: Any) -> int | None:
    return _product([*_sizes(operation.outputs[0]), *_sizes(operation.inputs[1])[:2]])


def _transposed(operation: Any) -> int | None:
    """Each input element is multiplied by the kernel's window for each output channel."""
    return _product([*_sizes(operation.inputs[2]), *_sizes(operation.inputs[1])[:-1]])


def _einsum(operation: Any) -> int | None:
    terms = attribute(operation, "equation").split("->")[0].split(",")
    if "..." in "".join(terms):
        return None
    known: dict[str, int | None] = {}
    for term, tensor in zip(terms, operation.inputs, strict=True):
        known |= dict(zip(term.strip(), _sizes(tensor), strict=False))
    return _product(list(known.values()))


CONTRACTIONS: dict[str, Callable[[Any], int | None]] = {
    "MatMul": _matrix_product,
    "BatchMatMul": _matrix_product,
    "BatchMatMulV2": _matrix_product,
    "BatchMatMulV3": _matrix_product,
    "Conv2D": _convolution,
    "Conv3D": _convolution,
    "DepthwiseConv2dNative": _depthwise,
    "Conv2DBackpropInput": _transposed,
    "Conv3DBackpropInputV2": _transposed,
    "Einsum": _einsum,
}
