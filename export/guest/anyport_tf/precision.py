"""Narrow floats: inputs and outputs in a dtype that samples can't hold, and what precision a graph computes in.

Used by `anyport_tf.trace` on each frozen signature.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from .freeze import FRAMES, SELECTING, source_node

GraphDef = Any
NodeDef = Any

WIDENED = {"bfloat16": "float32"}
"""What is no dtype of NumPy's → the narrowest of NumPy's that holds all its values."""

NARROW = ("bfloat16", "float16")
"""Precisions below float32, the coarsest first: machine epsilons of 2⁻⁷ and 2⁻¹⁰."""

MOVING = {
    "BatchToSpaceND", "BroadcastTo", "Concat", "ConcatV2", "Const", "DepthToSpace", "ExpandDims", "Fill", "Gather",
    "GatherNd", "GatherV2", "Identity", "IdentityN", "MatrixBandPart", "MatrixDiagPartV3", "MatrixDiagV3", "MirrorPad",
    "OnesLike", "Pack", "Pad", "PadV2", "Placeholder", "PlaceholderWithDefault", "PreventGradient", "ReadVariableOp",
    "Reshape", "ResourceGather", "ReverseV2", "Roll", "ScatterNd", "Slice", "Snapshot", "SpaceToBatchND", "SpaceToDepth",
    "Split", "SplitV", "Squeeze", "StopGradient", "StridedSlice", "TensorScatterUpdate", "Tile", "Transpose", "Unpack",
    "ZerosLike",
}  # fmt: skip
"""Ops that only move values."""

EXACT = MOVING | {
    "Abs", "ArgMax", "ArgMin", "AssignVariableOp", "Bitcast", "Bucketize", "Ceil", "ClipByValue", "DynamicPartition",
    "DynamicStitch", "Equal", "Floor", "Greater", "GreaterEqual", "IsFinite", "IsInf", "IsNan", "Less", "LessEqual", "Max",
    "MaxPool", "Maximum", "Min", "Minimum", "Neg", "NotEqual", "Rank", "Relu", "Relu6", "Rint", "Round", "Select",
    "SelectV2", "Shape", "Sign", "Size", "TopKV2", "UniqueV2", "VarHandleOp", "VariableShape", "Where",
}  # fmt: skip
"""Ops whose results are exact in any precision: they move, choose, compare or change a sign.  Casts are looked at
one by one."""

CARRYING = ("TensorList", "TensorArray", "While", "StatelessWhile", "PartitionedCall", "StatefulPartitionedCall")
"""How the names of ops begin that hand values to functions and frames, whose own nodes count."""


def narrowest(graph: GraphDef) -> str:
    """Return the coarsest precision in which the graph rounds what it computes: one of `NARROW`, or `float32`.

    Rounding an input or a weight to a narrow dtype doesn't count: every target starts from the same values.
    """
    unchanged = _moved_from_start(graph.node)
    found = {dtype for node in graph.node for dtype in _rounded(node, unchanged)}
    for function in graph.library.function:
        found |= {dtype for node in function.node_def for dtype in _rounded(node, frozenset())}
    return next((dtype for dtype in NARROW if dtype in found), "float32")


def _rounded(node: NodeDef, unchanged: frozenset[str]) -> list[str]:
    """Return the narrow dtypes to which the node rounds; `unchanged` nodes hold inputs and weights as they came."""
    if node.op in EXACT or node.op in FRAMES or node.op in SELECTING or node.op.startswith(CARRYING):
        return []
    if node.op == "Cast":
        source = tf.dtypes.as_dtype(node.attr["SrcT"].type)
        exact = not source.is_floating or source.name in NARROW or source_node(node.input[0]) in unchanged
        return [] if exact else _narrow(node.attr["DstT"].type)
    return [dtype for attr in node.attr.values() if attr.WhichOneof("value") == "type" for dtype in _narrow(attr.type)]


def _narrow(dtype: int) -> list[str]:
    name = tf.dtypes.as_dtype(dtype).name.removesuffix("_ref")
    return [name] if name in NARROW else []


def _moved_from_start(nodes: Sequence[NodeDef]) -> frozenset[str]:
    """Return the nodes that hold nothing but values of placeholders and constants."""
    by_name = {node.name: node for node in nodes}
    found: dict[str, bool] = {}
    for start in by_name:
        waiting = [start]
        while waiting:  # depth first, without recursion: graphs are thousands of nodes deep
            node = by_name[waiting[-1]]
            data = [source_node(name) for name in node.input if not name.startswith("^")]
            unknown = [name for name in data if name not in found] if node.op in MOVING else []
            if unknown:
                found[node.name] = False  # a cycle, in a loop of version 1, is no beginning
                waiting.extend(unknown)
            else:
                found[node.name] = node.op in MOVING and all(found[name] for name in data)
                waiting.pop()
    return frozenset(name for name, moved in found.items() if moved)


def widen(
    graph: GraphDef, inputs: Mapping[str, str], outputs: Mapping[str, str], widened: Mapping[str, str] = WIDENED
) -> tuple[GraphDef, dict[str, str]]:
    """Return the graph with placeholders and outputs in the wider dtypes that `widened` states, casts between.

    `inputs` maps the placeholders, and `outputs` the tensors (`node:index`), that shall be widened to their own
    dtypes; the second result maps those tensors to the ones that replace them.
    """
    result = tf.compat.v1.GraphDef()
    result.CopyFrom(graph)
    taken = {node.name for node in graph.node}
    moved: dict[str, str] = {}
    for node in [node for node in result.node if node.name in inputs]:
        own, wide = (tf.dtypes.as_dtype(name) for name in (inputs[node.name], widened[inputs[node.name]]))
        node.attr["dtype"].type = wide.as_datatype_enum
        moved[node.name] = _add_cast(result, taken, node.name, wide, own)
    for node in result.node:
        if node.name not in moved.values():
            for i, name in enumerate(node.input):
                if name.removesuffix(":0") in moved:
                    node.input[i] = moved[name.removesuffix(":0")]
    replaced = {}
    for tensor, dtype in outputs.items():
        own, wide = tf.dtypes.as_dtype(dtype), tf.dtypes.as_dtype(widened[dtype])
        start = moved.get(tensor.removesuffix(":0"), tensor)
        replaced[tensor] = f"{_add_cast(result, taken, start, own, wide)}:0"
    return result, replaced


def _add_cast(graph: GraphDef, taken: set[str], tensor: str, source: Any, target: Any) -> str:
    """Add a cast of the tensor to the graph and return its name."""
    wanted = name = f"{source_node(tensor)}/anyport_{target.name}"
    number = 1
    while name in taken:
        name, number = f"{wanted}_{number}", number + 1
    taken.add(name)
    node = graph.node.add(name=name, op="Cast", input=[tensor.removesuffix(":0")])
    node.attr["SrcT"].type, node.attr["DstT"].type = source.as_datatype_enum, target.as_datatype_enum
    node.attr["Truncate"].b = False
    return name
