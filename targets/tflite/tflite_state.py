"""Variables that a signature assigns, as TFLite has them: a handle, reads and assignments.

`plain` takes the canonical form and returns it with every change of a variable as a read, a computation and an assignment, and
with the shape of what is read known.  Called by `tflite_prepare`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tflite_lists import Handles

from anyport_tf import rules
from anyport_tf.canonical import Canonical, Signature
from anyport_tf.compositions import state
from anyport_tf.rules import Repair, Rule

GraphDef = Any
NodeDef = Any

STATE_RULES: tuple[Rule, ...] = tuple(
    Rule(
        name=name,
        ops=ops,
        becomes=becomes,
        why="TFLite's variables can be read and assigned, and nothing else",
        until="TensorFlow 2.21.0, tflite-runtime 2.14.0",
    )
    for name, (ops, becomes) in state.COMPOSITIONS.items()
)


def plain(model: Canonical) -> tuple[Canonical, list[Repair]]:
    """Return the model with reads and assignments as the only uses of its variables, and what was done for that."""
    if not any(signature.variables for signature in model.signatures.values()):
        return model, []
    model, repairs = rules.apply(model, STATE_RULES)
    signatures = {name: _with_shapes(model, signature) for name, signature in model.signatures.items()}
    return dataclasses.replace(model, signatures=signatures), repairs


def _with_shapes(model: Canonical, signature: Signature) -> Signature:
    """State the shape of each read: a handle that comes in from outside says nothing of what it is a handle of."""
    graph = tf.compat.v1.GraphDef()
    graph.CopyFrom(signature.graph)
    handles = Handles(graph)
    shapes = {
        handles.one("", f"{placeholder}:0"): list(model.weights[weight].shape)
        for placeholder, weight in signature.variables.items()
    }
    functions = {function.signature.name: function for function in graph.library.function}
    for where, operation, _ in handles.operations:
        if operation.type != "ReadVariableOp":
            continue
        shape = shapes.get(handles.one(where, operation.inputs[0].name))
        if shape is not None and where:
            _reshape(functions[where].node_def, operation, shape, f"{operation.name}:value:0", "%s:output:0")
        elif shape is not None:
            _reshape(graph.node, operation, shape, operation.name, "%s")
    return dataclasses.replace(signature, graph=graph)


def _reshape(nodes: Any, operation: Any, shape: Sequence[int], read: str, reference: str) -> None:
    """Have the readers of a read among `nodes` take it in its shape; `read` and `reference` are how tensors are named there."""
    known = nodes.add(name=f"{operation.name}/known", op="Const")
    known.attr["dtype"].type = tf.int32.as_datatype_enum
    known.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(list(shape), tf.int32, [len(shape)]))
    shaped = nodes.add(name=f"{operation.name}/shaped", op="Reshape")
    for node in nodes:
        for place, name in enumerate(node.input):
            if name in (read, f"{read}:0"):
                node.input[place] = reference % shaped.name
    shaped.input.extend([read, reference % known.name])
    shaped.attr["T"].type = operation.outputs[0].dtype.as_datatype_enum
    shaped.attr["Tshape"].type = tf.int32.as_datatype_enum
