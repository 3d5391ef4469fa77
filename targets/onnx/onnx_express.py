"""What ONNX can't say, found before anything is converted.

`convert.main` calls `refuse_state` and `onnx_bridge.prepare` calls `refuse_ops`; both raise `Refused`, which names what
can't be said and where in the model it came from.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

import tensorflow as tf

from anyport_guest import Refused
from anyport_tf.canonical import Signature
from anyport_tf.freeze import FINDING, source_node

STRUCTURE = {
    "Placeholder", "Const", "NoOp", "Enter", "Exit", "Merge", "Switch", "NextIteration", "LoopCond",
    "TensorArrayV3", "TensorArrayReadV3", "TensorArrayWriteV3", "TensorArrayScatterV3", "TensorArrayGatherV3",
    "TensorArraySizeV3",
}  # fmt: skip
"""Ops that no handler of tf2onnx is registered for, because its rewriters take them together with their neighbours."""

MOST_NAMED = 5


def refuse_state(signature: Signature) -> None:
    """Refuse a graph that assigns variables: an ONNX file has no state between runs."""
    if signature.variables:
        name = next(iter(signature.variables))
        raise Refused(
            f"signature {signature.name!r} assigns the variable behind {name!r}, and an ONNX file keeps no state",
            "Make the state an input and an output of the model.",
        )


def refuse_ops(signature: Signature, graph: Any, known: Collection[str]) -> None:
    """Refuse a graph that holds an op which is not in `known`, tf2onnx's handlers and ours."""
    library = {function.signature.name for function in graph.library.function}
    lacking: dict[str, str] = {}
    for where, node in _nodes(graph):
        if node.op not in known and node.op not in STRUCTURE and node.op not in library:
            lacking.setdefault(node.op, where + node.name)
    if lacking:
        named = [f"{op} (from {name!r})" for op, name in list(lacking.items())[:MOST_NAMED]]
        more = f" and {len(lacking) - MOST_NAMED} more" if len(lacking) > MOST_NAMED else ""
        raise Refused(
            f"ONNX can't express {', '.join(named)}{more} in signature {signature.name!r}",
            "Replace that layer, or leave this target out.",
        )
    _refuse_tensors(signature, graph)
    _refuse_tables(signature, graph)


def _refuse_tensors(signature: Signature, graph: Any) -> None:
    """Refuse inputs of a dtype without operators in ONNX, and resources that nobody could explain."""
    for node in graph.node:
        if node.op != "Placeholder" or node.name in signature.tables:
            continue
        dtype = tf.dtypes.as_dtype(node.attr["dtype"].type)
        if dtype in (tf.resource, tf.variant) or dtype.is_complex:
            raise Refused(
                f"ONNX can't take {node.name!r} of signature {signature.name!r}, whose dtype is {dtype.name}",
                "Give the model inputs of a plain dtype, complex numbers as two of them.",
            )


def _refuse_tables(signature: Signature, graph: Any) -> None:
    """Refuse lookups inside a loop or a branch: no tensor stands for a table that could be handed in."""
    for where, node in _nodes(graph):
        if node.op in FINDING and (where or source_node(node.input[0]) not in signature.tables):
            raise Refused(
                f"ONNX can't look up the table of {where + node.name!r}: it comes from outside its loop or branch",
                "Do the lookup before the loop or branch.",
            )


def _nodes(graph: Any) -> Iterator[tuple[str, Any]]:
    """Every node with the function it is in, as the prefix `function/`."""
    for node in graph.node:
        yield "", node
    for function in graph.library.function:
        for node in function.node_def:
            yield f"{function.signature.name}/", node
