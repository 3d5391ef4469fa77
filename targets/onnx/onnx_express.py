"""What ONNX can't say, or onnxruntime can't run, of a graph as it stands after all repairs: known before anything is converted.

`refusals` is called by `onnx_prepare.prepare`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import onnx_handlers
import onnx_limits
import onnx_lists
import onnx_strings
import tensorflow as tf
from onnx import helper
from tf2onnx import tf_utils, tfonnx  # noqa: F401 (registers its handlers)
from tf2onnx.constants import AI_ONNX_ML_DOMAIN
from tf2onnx.handler import tf_op

from anyport_tf.canonical import Canonical, Signature
from anyport_tf.freeze import FINDING, source_node
from anyport_tf.preflight import Refusal

STRUCTURE = {
    "Placeholder", "Const", "NoOp", "Enter", "Exit", "Merge", "Switch", "NextIteration", "LoopCond",
    "TensorArrayV3", "TensorArrayReadV3", "TensorArrayWriteV3", "TensorArrayScatterV3", "TensorArrayGatherV3",
    "TensorArraySizeV3",
}  # fmt: skip
"""Ops that no handler of tf2onnx is registered for, because its rewriters take them together with their neighbours."""

TEXTS = {
    "StringLower", "StringUpper", "StringJoin", "RegexFullMatch", "StaticRegexFullMatch", "StringSplitV2",
    "StringToNumber",
}  # fmt: skip
"""Ops whose handlers need the operator set `onnx_strings.OPSET`; `COMPARING` do for strings."""

COMPARING = {"Equal", "NotEqual"}
STRING = tf.string.as_datatype_enum

KNOWN_DTYPES = {
    tf.dtypes.as_dtype(dtype).as_datatype_enum for dtype in (*tf_utils.TF_TO_ONNX_DTYPE, tf.variant, tf.resource)
}

FALLBACK_HINT = "Replace that layer, or leave this target out."
STATE_HINT = "Make the state an input and an output of the model."


def opset_of(model: Canonical, wanted: int) -> int:
    """Return the operator set to convert to: that which is wanted, or a newer one where strings are worked on."""
    every = (node for signature in model.signatures.values() for _, node in nodes(signature.graph))
    texts = any(node.op in TEXTS or (node.op in COMPARING and node.attr["T"].type == STRING) for node in every)
    return max(wanted, onnx_strings.OPSET) if texts else wanted


def refusals(model: Canonical, opset: int) -> list[Refusal]:
    """Return everything that can't be converted, or could be and would not run."""
    found: list[Refusal] = []
    for signature in model.signatures.values():
        known = set(tf_op.create_mapping(opset, extra_opsets(signature)))
        found += _state(signature)
        found += _ops(signature, known)
        found += _tensors(signature)
        found += _dtypes(signature)
        found += _tables(signature)
        found += onnx_lists.remaining(signature)
    return found


def extra_opsets(signature: Signature) -> list[Any]:
    """Return the operator sets besides ONNX's own that a signature needs."""
    return [helper.make_opsetid(AI_ONNX_ML_DOMAIN, onnx_handlers.ML_OPSET)] if signature.tables else []


def _state(signature: Signature) -> Iterator[Refusal]:
    """A graph that assigns variables: an ONNX file has no state between runs."""
    for name in signature.variables:
        yield Refusal(
            op="VarHandleOp",
            node=name,
            reason="the signature assigns it, and an ONNX file keeps no state",
            hint=STATE_HINT,
        )


def _ops(signature: Signature, known: set[str]) -> Iterator[Refusal]:
    library = {function.signature.name for function in signature.graph.library.function}
    constants: dict[str, dict[str, Any]] = {}
    for where, node in nodes(signature.graph):
        if node.op == "Const":
            constants.setdefault(where, {})[node.name] = node
    for where, node in nodes(signature.graph):
        lacking = node.op not in known and node.op not in STRUCTURE and node.op not in library
        why = "ONNX has nothing that it could become" if lacking else onnx_limits.reason(node, constants.get(where, {}))
        if why:
            yield Refusal(op=node.op, node=where + node.name, reason=why, hint=FALLBACK_HINT)


def _tensors(signature: Signature) -> Iterator[Refusal]:
    """Inputs of a dtype without operators in ONNX, and resources that nobody could explain."""
    explained = {*signature.tables, *signature.variables}
    for node in signature.graph.node:
        if node.op == "Placeholder" and node.name not in explained:
            dtype = tf.dtypes.as_dtype(node.attr["dtype"].type)
            if dtype in (tf.resource, tf.variant):
                hint = "Only lookup tables whose entries are known when the model is exported can go into an ONNX file."
                yield Refusal(op=node.op, node=node.name, reason=f"it is a {dtype.name}", hint=hint)
            if dtype.is_complex:
                hint = "Give the model two inputs, the real and the imaginary part."
                yield Refusal(op=node.op, node=node.name, reason=f"its dtype is {dtype.name}", hint=hint)


def _dtypes(signature: Signature) -> Iterator[Refusal]:
    """Nodes of a dtype that tf2onnx has never heard of, such as floats of 8 bits."""
    for where, node in nodes(signature.graph):
        stated = {attr.type for attr in node.attr.values() if attr.type}
        for dtype in sorted(stated - KNOWN_DTYPES):
            name = tf.dtypes.as_dtype(dtype).name
            hint = "Compute in float32 there."
            yield Refusal(op=node.op, node=where + node.name, reason=f"tf2onnx has no dtype {name}", hint=hint)


def _tables(signature: Signature) -> Iterator[Refusal]:
    """Lookups inside a loop or a branch: no tensor stands for a table that could be handed in."""
    for where, node in nodes(signature.graph):
        if node.op in FINDING and (where or source_node(node.input[0]) not in signature.tables):
            yield Refusal(
                op=node.op,
                node=where + node.name,
                reason="its table comes from outside its loop or branch",
                hint="Do the lookup before the loop or branch.",
            )


def nodes(graph: Any) -> Iterator[tuple[str, Any]]:
    """Yield every node with the function it is in, as the prefix `function/`."""
    for node in graph.node:
        yield "", node
    for function in graph.library.function:
        for node in function.node_def:
            yield f"{function.signature.name}/", node
