"""bfloat16 as float32 that is rounded where the model rounds: tf2onnx takes it for float16.

`bfloat16_as_float32` is called by `onnx_prepare.prepare`.  A cast to bfloat16 becomes a rounding to its 8 bits; what is computed
of bfloat16 is computed in float32 and keeps more bits than it had, as `anyport.compare` allows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from anyport_tf import rules
from anyport_tf.canonical import Array, Canonical, Signature
from anyport_tf.freeze import all_nodes
from anyport_tf.rules import Repair, Rule, attribute

Operation = Any
Tensor = Any

NARROW, WIDE = tf.bfloat16.as_datatype_enum, tf.float32.as_datatype_enum

SPLITTER = 2.0**16 + 1
"""T. J. Dekker, A floating-point technique for extending the available precision (1971): what it splits off are 16 bits."""

LARGEST = 2.0**110
"""Beyond it the product with the splitter overflows; such numbers stay as they are."""


def _rounded(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    x = tf.cast(inputs[0], tf.float32)
    product = SPLITTER * x
    high = product - (product - x)
    high = tf.where(tf.abs(x) < LARGEST, high, x)
    return tf.raw_ops.Cast(x=high, DstT=tf.bfloat16, Truncate=True)  # marked as one that rounds nothing


def _rounds(operation: Operation) -> bool:
    return operation.outputs[0].dtype == tf.bfloat16 != operation.inputs[0].dtype and not attribute(
        operation, "Truncate"
    )


ROUNDING = Rule(
    name="bfloat16-as-float32",
    ops=("Cast",),
    becomes=_rounded,
    when=_rounds,
    why="tf2onnx takes bfloat16 for float16",
    until="tf2onnx 1.17.0",
)


def bfloat16_as_float32(model: Canonical) -> tuple[Canonical, list[Repair]]:
    """Return the model without bfloat16, and what was done."""
    if not any(_has_narrow(node) for signature in model.signatures.values() for node in all_nodes(signature.graph)):
        return model, []
    model, done = rules.apply(model, [ROUNDING])
    weights = {name: _wide(value) for name, value in model.weights.items()}
    signatures = {name: _widened(signature) for name, signature in model.signatures.items()}
    if not done:
        node = next(
            node.name for signature in model.signatures.values() for node in signature.graph.node if _has_narrow(node)
        )
        done = [Repair(rule=ROUNDING.name, why=ROUNDING.why, until=ROUNDING.until, node=node)]
    return dataclasses.replace(model, weights=weights, signatures=signatures), done


def _has_narrow(node: Any) -> bool:
    return any(attr.type == NARROW or NARROW in attr.list.type for attr in node.attr.values())


def _wide(value: Array) -> Array:
    return value.astype(np.float32) if value.dtype == tf.bfloat16.as_numpy_dtype else value


def _widened(signature: Signature) -> Signature:
    graph = tf.compat.v1.GraphDef()
    graph.CopyFrom(signature.graph)
    for node in all_nodes(graph):
        _widen_attributes(node.attr)
    for function in graph.library.function:
        for argument in (*function.signature.input_arg, *function.signature.output_arg):
            argument.type = WIDE if argument.type == NARROW else argument.type
        for attributes in function.arg_attr.values():
            _widen_attributes(attributes.attr)
    return dataclasses.replace(signature, graph=graph)


def _widen_attributes(attributes: Mapping[str, Any]) -> None:
    for attr in attributes.values():
        kind = attr.WhichOneof("value")
        if kind == "type" and attr.type == NARROW:
            attr.type = WIDE
        elif kind == "list":
            attr.list.type[:] = [WIDE if dtype == NARROW else dtype for dtype in attr.list.type]
        elif kind == "tensor" and attr.tensor.dtype == NARROW:
            attr.tensor.CopyFrom(tf.make_tensor_proto(_wide(tf.make_ndarray(attr.tensor))))
