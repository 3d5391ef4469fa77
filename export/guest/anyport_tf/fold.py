"""Constants and BatchNorm folded on a skeleton, in NumPy, so that no converter needs the weights for it.

`fold_batch_norms` takes the graph of a `canonical.Signature` and the values of its weight placeholders and returns a
smaller graph that computes the same, with its own weights:

* arithmetic on constants alone (`gamma * rsqrt(variance + epsilon)`, a kernel's reshape or cast) becomes a constant;
* a factor per channel behind a convolution or a matrix product goes into its kernel (`FusedBatchNorm` in inference
  counts as such a factor and a bias; Keras 3 writes BatchNorm as `Mul` and `AddV2`);
* several biases in a row become one `BiasAdd` with a bias of rank 1.

Only the top level of the graph is touched: functions (bodies of `While`, branches of `If`) stay as they are.  With
the weights inside the graph grappler does the same in its `constfold` and `remap` passes; on placeholders it can't.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import tensor_util

from .canonical import Array, Canonical, Signature

GraphDef = Any
NodeDef = Any

SMALL_BYTES = 1024
"""New constants of at most this size stay in the graph; larger ones become weights, as in `freeze`."""

KERNEL_INPUT = {"Conv2D": 1, "Conv3D": 1, "DepthwiseConv2dNative": 1, "Conv2DBackpropInput": 1, "MatMul": 1}
"""Ops that are linear in a constant kernel, and which of their inputs it is."""

OUTPUT_RANK = {"Conv2D": 4, "Conv3D": 5, "DepthwiseConv2dNative": 4, "Conv2DBackpropInput": 4, "MatMul": 2}

CHANNELWISE = ("Squeeze", "BatchToSpaceND")
"""Ops through which a factor per channel can move: they rearrange everything but the last axis (`_keeps_channels`)."""

BATCH_NORMS = ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3")


def fold_batch_norms(
    graph: GraphDef, weights: Mapping[str, Array], outputs: Iterable[str]
) -> tuple[GraphDef, dict[str, Array]]:
    """Fold constants and BatchNorm; return the new graph and the values of its weight placeholders.

    `weights` maps placeholders of `graph` to values (`{p: canonical.weights[w] for p, w in signature.weights.items()}`)
    and `outputs` are the tensors (`node:index`) that must keep their names.  Placeholders without a weight keep
    theirs too.  Neither argument is changed; weights that nothing needed to change are returned as they came.
    """
    return _Folding(graph, weights, outputs).run()


def folded(model: Canonical) -> Canonical:
    """Return the model with every signature folded; signatures still share the weights that folding left alone."""
    signatures: dict[str, Signature] = {}
    kept: dict[str, Array] = {}
    for name, signature in model.signatures.items():
        values = {placeholder: model.weights[weight] for placeholder, weight in signature.weights.items()}
        graph, left = fold_batch_norms(signature.graph, values, signature.outputs.values())
        names = {
            placeholder: signature.weights[placeholder] if value is values.get(placeholder) else f"{name}/{placeholder}"
            for placeholder, value in left.items()
        }
        kept |= {names[placeholder]: value for placeholder, value in left.items()}
        signatures[name] = dataclasses.replace(signature, graph=graph, weights=names)
    others = {weight for signature in signatures.values() for weight in signature.variables.values()}
    others |= {weight for table in model.tables.values() for weight in table.values()}
    kept |= {weight: model.weights[weight] for weight in others}
    return dataclasses.replace(model, signatures=signatures, weights=kept)


class _Folding:
    """One run over one graph: the graph's copy, indexed, and what is known of its constants."""

    def __init__(self, graph: GraphDef, weights: Mapping[str, Array], outputs: Iterable[str]) -> None:
        self.graph = tf.compat.v1.GraphDef()
        self.graph.CopyFrom(graph)
        self.nodes: dict[str, NodeDef] = {node.name: node for node in self.graph.node}
        self.weights: dict[str, Array] = dict(weights)
        self.outputs = list(outputs)
        self.constants: dict[str, Array | None] = {}
        self.uses = Counter(name for node in self.graph.node for name in map(_canonical, node.input))
        self.uses.update(map(_canonical, self.outputs))

    def run(self) -> tuple[GraphDef, dict[str, Array]]:
        for node in list(self.graph.node):
            if node.op in BATCH_NORMS:
                self.fold_batch_norm(node)
            elif node.op == "Mul":
                self.fold_factor(node)
        for node in list(self.graph.node):
            self.merge_bias(node)
        self.store_constants()
        self.skip_identities()
        return self.finish()

    # What is constant.

    def constant(self, reference: str) -> Array | None:
        """Return the value of a tensor that no input reaches, None for any other."""
        name = _canonical(reference)
        if name.startswith("^") or ":" in name:
            return None
        if name not in self.constants:
            self.constants[name] = self.evaluate(self.nodes[name])
        return self.constants[name]

    def evaluate(self, node: NodeDef) -> Array | None:
        if node.name in self.weights:
            return self.weights[node.name]
        if node.op == "Const":
            return (
                None
                if node.attr["dtype"].type == tf.string.as_datatype_enum
                else tensor_util.MakeNdarray(node.attr["value"].tensor)
            )
        if node.op not in _EVALUATE or not node.input:
            return None
        values = [self.constant(name) for name in node.input]
        known = [value for value in values if value is not None]
        if len(known) < len(values) or (node.op in _ELEMENTWISE and not _stays_small(known)):
            return None
        return np.asarray(_EVALUATE[node.op](node, *known))

    # Factors into kernels.

    def fold_batch_norm(self, node: NodeDef) -> None:
        """Turn an inference BatchNorm behind a contraction into a kernel's factor and a `BiasAdd`."""
        values = [self.constant(name) for name in node.input[1:5]]
        scale, offset, mean, variance = values
        if node.attr["is_training"].b or scale is None or offset is None or mean is None or variance is None:
            return
        if any(self.uses[f"{node.name}:{index}"] for index in range(1, 6)) or _data_format(node) not in (
            "NHWC",
            "NDHWC",
        ):
            return
        factor = (scale / np.sqrt(variance.astype(np.float64) + node.attr["epsilon"].f)).astype(scale.dtype)
        if self.scale(node.input[0], factor):
            bias = self.add_constant(f"{node.name}/bias", offset - mean * factor)
            self.become_bias_add(node, node.input[0], bias)

    def fold_factor(self, node: NodeDef) -> None:
        """Fold `Mul` by a constant per channel into the contraction before it."""
        for data, other in (node.input[:2], node.input[1::-1]):
            factor = self.constant(other)
            if factor is not None and self.constant(data) is None and self.scale(data, factor):
                _become(node, "Identity", [data])
                return

    def scale(self, reference: str, factor: Array) -> bool:
        """Multiply what `reference` computes by `factor` per channel, inside kernel and bias; False if it can't be."""
        path = self.path_to_contraction(reference)
        if path is None:
            return False
        *between, contraction = path
        kernel = self.constant(contraction.input[KERNEL_INPUT[contraction.op]])
        if kernel is None or not _is_per_channel(factor, _channels(contraction, kernel), _rank(path)):
            return False
        flat = factor.reshape(-1)
        for node in between:
            if (bias := self.bias_of(node)) is not None:
                node.input[_bias_input(node, bias[0])] = self.add_constant(f"{node.name}/scaled", bias[1] * flat)
        scaled = kernel * _shape_for_kernel(contraction, kernel, flat)
        contraction.input[KERNEL_INPUT[contraction.op]] = self.add_constant(f"{contraction.name}/scaled", scaled)
        return True

    def path_to_contraction(self, reference: str) -> list[NodeDef] | None:
        """Return the nodes from `reference` back to a contraction, each read by the next alone, or None."""
        path = []
        while True:
            name = _canonical(reference)
            node = self.nodes.get(name)
            if node is None or self.uses[name] != 1:
                return None
            path.append(node)
            if node.op in KERNEL_INPUT:
                return path if _data_format(node) in ("NHWC", "NDHWC") else None
            if (bias := self.bias_of(node)) is not None:
                reference = bias[0]
            elif node.op == "Identity" or _keeps_channels(node):
                reference = node.input[0]
            else:
                return None

    def bias_of(self, node: NodeDef) -> tuple[str, Array] | None:
        """Return the data input and the constant of an addition of rank 1 (or `[1, …, C]`), None for other nodes."""
        if node.op not in ("BiasAdd", "Add", "AddV2") or _data_format(node) not in ("NHWC", "NDHWC"):
            return None
        for data, other in (node.input[:2], node.input[1::-1]):
            bias = self.constant(other)
            if bias is not None and bias.ndim and bias.size == bias.shape[-1] and self.constant(data) is None:
                return data, bias.reshape(-1) if node.op == "BiasAdd" else bias
        return None

    # Biases together.

    def merge_bias(self, node: NodeDef) -> None:
        """Merge an addition of a constant with the additions between it and its contraction into one `BiasAdd`."""
        bias = self.bias_of(node)
        path = self.path_to_contraction(bias[0]) if bias else None
        if bias is None or path is None:
            return
        *between, contraction = path
        kernel = self.constant(contraction.input[KERNEL_INPUT[contraction.op]])
        if kernel is None or not _is_per_channel(bias[1], _channels(contraction, kernel), _rank(path)):
            return
        total = bias[1].reshape(-1)
        for earlier in between:
            if (its := self.bias_of(earlier)) is not None and its[1].size == total.size:
                total = its[1].reshape(-1) + total
                _become(earlier, "Identity", [its[0]])
        self.become_bias_add(node, bias[0], self.add_constant(f"{node.name}/bias", total))

    def become_bias_add(self, node: NodeDef, data: str, bias: str) -> None:
        _become(node, "BiasAdd", [data, bias])
        node.attr["data_format"].s = b"NHWC"

    # The new graph.

    def add_constant(self, wanted: str, value: Array) -> str:
        """Add a constant node, as a placeholder with a weight if it is large; return its name."""
        name, number = wanted, 1
        while name in self.nodes:
            name, number = f"{wanted}_{number}", number + 1
        self.nodes[name] = self.graph.node.add(name=name)
        self.uses[name] = 1
        self.set_constant(self.nodes[name], value)
        return name

    def set_constant(self, node: NodeDef, value: Array) -> None:
        del node.input[:]
        node.ClearField("attr")
        dtype = tf.dtypes.as_dtype(value.dtype)
        node.attr["dtype"].type = dtype.as_datatype_enum
        self.constants[node.name] = value
        if value.nbytes <= SMALL_BYTES:
            node.op = "Const"
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value, dtype=dtype))
        else:
            node.op = "Placeholder"
            node.attr["shape"].shape.CopyFrom(tf.TensorShape(value.shape).as_proto())
            self.weights[node.name] = value

    def store_constants(self) -> None:
        """Make a constant of every node that computes one and that something other than a constant reads."""
        readers = [node for node in self.graph.node if self.constant(node.name) is None]
        wanted = {_canonical(self.before_identities(name)) for node in readers for name in node.input}
        wanted.update(_canonical(self.before_identities(name)) for name in self.outputs)
        for name in sorted(wanted & self.nodes.keys()):
            node = self.nodes[name]
            if node.op not in ("Const", "Placeholder") and (value := self.constant(name)) is not None:
                self.set_constant(node, value)

    def skip_identities(self) -> None:
        """Have every node read what stands before the `Identity` nodes."""
        for node in self.graph.node:
            for index, reference in enumerate(node.input):
                node.input[index] = self.before_identities(reference)

    def before_identities(self, reference: str) -> str:
        while (node := self.nodes.get(_canonical(reference))) is not None and _is_plain_identity(node):
            reference = node.input[0]
        return reference

    def finish(self) -> tuple[GraphDef, dict[str, Array]]:
        """Return what the outputs need, inputs always among it, sources before readers where there is no loop."""
        needed: dict[str, None] = {}
        inputs = [node.name for node in self.graph.node if node.op == "Placeholder" and node.name not in self.weights]
        waiting = [*inputs, *(name.split(":")[0] for name in self.outputs)]
        while waiting:
            name = waiting.pop()
            if name not in needed:
                needed[name] = None
                waiting.extend(source.removeprefix("^").split(":")[0] for source in self.nodes[name].input)
        kept = tf.compat.v1.GraphDef(versions=self.graph.versions, library=self.graph.library)
        # New constants were added at the end; readers in order of appearance want them first.
        order = sorted((node for node in self.graph.node if node.name in needed), key=lambda node: bool(node.input))
        kept.node.extend(order)
        return kept, {name: value for name, value in self.weights.items() if name in needed}


def _canonical(reference: str) -> str:
    """Return `node` for `node:0`; other outputs and control inputs as they are."""
    return reference.removesuffix(":0")


def _become(node: NodeDef, op: str, inputs: list[str]) -> None:
    """Make `node` another op of the same dtype."""
    dtype = node.attr["T"].type
    node.op = op
    del node.input[:]
    node.input.extend(inputs)
    node.ClearField("attr")
    node.attr["T"].type = dtype


def _bias_input(node: NodeDef, data: str) -> int:
    return 1 if node.input[0] == data else 0


def _data_format(node: NodeDef) -> str:
    return node.attr["data_format"].s.decode() or "NHWC" if "data_format" in node.attr else "NHWC"


def _is_plain_identity(node: NodeDef) -> bool:
    return node.op == "Identity" and len(node.input) == 1


def _rank(path: list[NodeDef]) -> int:
    """Return the rank of what the first node of a path from `path_to_contraction` yields."""
    squeezed = sum(len(node.attr["squeeze_dims"].list.i) for node in path if node.op == "Squeeze")
    return OUTPUT_RANK[path[-1].op] - squeezed


def _keeps_channels(node: NodeDef) -> bool:
    """Whether the node leaves the last axis alone (a `Squeeze` must name its axes to be known to)."""
    if node.op == "Squeeze":
        axes = node.attr["squeeze_dims"].list.i
        # The last axis of what a contraction yields is 3 or 4: only lower, named axes are surely others.
        return bool(axes) and all(0 <= axis < 3 or axis < -1 for axis in axes)
    return node.op in CHANNELWISE


def _channels(node: NodeDef, kernel: Array) -> int:
    """Return how many channels a contraction yields."""
    if node.op == "DepthwiseConv2dNative":
        return int(kernel.shape[-2] * kernel.shape[-1])
    if node.op == "Conv2DBackpropInput" or (node.op == "MatMul" and node.attr["transpose_b"].b):
        return int(kernel.shape[-2])
    return int(kernel.shape[-1])


def _shape_for_kernel(node: NodeDef, kernel: Array, factor: Array) -> Array:
    """Return a factor per channel in a shape that multiplies `kernel` along its output channels."""
    if node.op == "DepthwiseConv2dNative":
        return factor.reshape(kernel.shape[-2:])
    if node.op == "Conv2DBackpropInput" or (node.op == "MatMul" and node.attr["transpose_b"].b):
        return factor[:, np.newaxis]
    return factor


def _is_per_channel(value: Array, channels: int, rank: int) -> bool:
    return 0 < value.ndim <= rank and value.shape[-1] == value.size == channels


def _stays_small(values: list[Array]) -> bool:
    """Whether elementwise work on `values` yields no more elements than the largest has (an outer product would)."""
    shape = np.broadcast_shapes(*(value.shape for value in values))
    return math.prod(shape) <= max(value.size for value in values)


def _squeeze(node: NodeDef, value: Array) -> Array:
    return value.squeeze(tuple(node.attr["squeeze_dims"].list.i) or None)


def _cast(node: NodeDef, value: Array) -> Array:
    return value.astype(tf.dtypes.as_dtype(node.attr["DstT"].type).as_numpy_dtype)


def _rsqrt(node: NodeDef, value: Array) -> Array:
    return np.asarray(1 / np.sqrt(value.astype(np.float64))).astype(value.dtype)


_ELEMENTWISE: dict[str, Callable[..., Any]] = {
    "Add": lambda node, a, b: a + b,
    "AddV2": lambda node, a, b: a + b,
    "Sub": lambda node, a, b: a - b,
    "Mul": lambda node, a, b: a * b,
    "RealDiv": lambda node, a, b: a / b,
    "Neg": lambda node, value: -value,
    "Sqrt": lambda node, value: np.sqrt(value),
    "Rsqrt": _rsqrt,
}

_EVALUATE: dict[str, Callable[..., Any]] = {
    **_ELEMENTWISE,
    "Identity": lambda node, value: value,
    "StopGradient": lambda node, value: value,
    "Reshape": lambda node, value, shape: value.reshape(shape),
    "ExpandDims": lambda node, value, axis: np.expand_dims(value, int(axis)),
    "Transpose": lambda node, value, order: value.transpose(order),
    "Squeeze": _squeeze,
    "Cast": _cast,
}
