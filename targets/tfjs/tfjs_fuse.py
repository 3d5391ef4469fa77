"""Bias and activation fused into the op before them, within what TF.js' wasm kernels can do.

TensorFlow's own pass (`remap`) fuses tanh, hard-swish and GELU too, which TF.js' executor rejects, and TF.js' own
(`normalize_bias_add`) takes every addition behind a convolution for a bias, residual connections included, which the
wasm kernels reject ("only supports rank-1 bias").  A bias that isn't a constant isn't fused either: the same kernels
look at the shape in which its memory was first filled, whatever `Squeeze` or `Reshape` made of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import tensorflow as tf

from anyport_tf.freeze import prune

GraphDef = Any
NodeDef = Any

FUSED = {"Conv2D": "_FusedConv2D", "DepthwiseConv2dNative": "FusedDepthwiseConv2dNative", "MatMul": "_FusedMatMul"}
ACTIVATIONS = ("Relu", "Relu6", "Elu", "LeakyRelu", "Prelu")
"""What wasm's fused kernels can do (`FusableActivation` in tfjs-backend-wasm) and TensorFlow does the same way."""

CONSTANTS = ("Const", "Placeholder")
"""A placeholder of rank 1 is a weight; a model that adds its own input as a bias is the exception that isn't met."""

FLOATS = (
    tf.float32.as_datatype_enum,
    tf.float16.as_datatype_enum,
    tf.bfloat16.as_datatype_enum,
    tf.float64.as_datatype_enum,
)


def fuse(graph: GraphDef, outputs: Iterable[str]) -> GraphDef:
    """Fuse `Conv2D`, `DepthwiseConv2dNative` and `MatMul` with the `BiasAdd` and the activation behind them."""
    outputs = list(outputs)
    fused = tf.compat.v1.GraphDef()
    fused.CopyFrom(graph)
    nodes = {node.name: node for node in fused.node}
    readers = Counter(name for node in fused.node for name in node.input)
    readers.update(outputs)
    for node in fused.node:
        if node.op == "BiasAdd":
            _fuse_bias(node, nodes, readers)
    for node in fused.node:
        if node.op in ACTIVATIONS:
            _fuse_activation(node, nodes, readers)
    return prune(fused, outputs)


def _fuse_bias(node: NodeDef, nodes: dict[str, NodeDef], readers: Counter[str]) -> None:
    """Make `BiasAdd` the fused op, so that its readers needn't change; what it read becomes unused."""
    before = nodes.get(node.input[0])
    if before is None or before.op not in FUSED or readers[before.name] != 1 or before.attr["T"].type not in FLOATS:
        return
    bias = nodes[node.input[1].split(":")[0]]
    if bias.op not in CONSTANTS or _is_channels_first(before) or _is_channels_first(node):
        return
    _become(node, before, FUSED[before.op], [*before.input, bias.name])
    node.attr["fused_ops"].list.s.append(b"BiasAdd")
    node.attr["num_args"].i = 1


def _fuse_activation(node: NodeDef, nodes: dict[str, NodeDef], readers: Counter[str]) -> None:
    before = nodes.get(node.input[0])
    if before is None or before.op not in FUSED.values() or readers[before.name] != 1:
        return
    if len(before.attr["fused_ops"].list.s) > 1:
        return
    activation, arguments = node.op, list(node.input[1:])
    slope = node.attr["alpha"].f
    _become(node, before, before.op, [*before.input, *arguments])
    node.attr["fused_ops"].list.s.append(activation.encode())
    node.attr["num_args"].i += len(arguments)
    if activation == "LeakyRelu":
        node.attr["leakyrelu_alpha"].f = slope


def _become(node: NodeDef, model: NodeDef, op: str, inputs: list[str]) -> None:
    """Make `node` a copy of `model` with another op and other inputs."""
    name = node.name
    node.CopyFrom(model)
    node.name, node.op = name, op
    del node.input[:]
    node.input.extend(inputs)


def _is_channels_first(node: NodeDef) -> bool:
    return "data_format" in node.attr and node.attr["data_format"].s.startswith(b"NC")
