"""Branches that static shapes decide: the one that runs is taken, the other is gone.

Which branch runs often hangs on a size (Keras' `associative_scan`).  The one that doesn't run is then one that couldn't, and what
infers shapes in it too, as ONNX' checker does, rejects the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from ..freeze import source_node
from ..rules import Inapplicable, attribute
from .branches import inlined

Operation = Any
Tensor = Any

IFS = ("If", "StatelessIf")


def has_decided(graph: Any) -> bool:
    """Tell whether a constant decides a branch of a graph."""
    constants = {node.name for node in graph.node if node.op == "Const"}
    return any(node.op in IFS and source_node(node.input[0]) in constants for node in graph.node)


def is_size(operation: Operation) -> bool:
    """Whether an operation only takes static sizes from a shape of which others may vary, where a branch may hang on it."""
    return _sizes(operation) is not None and any(other.type in IFS for other in operation.graph.get_operations())


def size_as_constant(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    return tf.constant(_sizes(operation), operation.outputs[0].dtype)


def _sizes(operation: Operation) -> Any:
    """Return what a `StridedSlice` takes from a `Shape`, None where it isn't known."""
    shape = operation.inputs[0].op
    bounds = [tf.get_static_value(tensor) for tensor in operation.inputs[1:]]
    if shape.type != "Shape" or shape.inputs[0].shape.rank is None or any(b is None or b.shape != (1,) for b in bounds):
        return None
    if attribute(operation, "ellipsis_mask") or attribute(operation, "new_axis_mask"):
        return None
    begin, end, step = (int(bound[0]) for bound in bounds)
    every = shape.inputs[0].shape.as_list()
    if attribute(operation, "shrink_axis_mask"):
        return every[begin]
    first, last = (attribute(operation, name) for name in ("begin_mask", "end_mask"))
    taken = every[None if first else begin : None if last else end : step]
    return None if None in taken else taken


def is_decided(operation: Operation) -> bool:
    return tf.get_static_value(operation.inputs[0]) is not None


def decided(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`If` whose condition is known: the body of the branch that it chooses."""
    condition, *arguments = inputs
    if condition.dtype != tf.bool:
        raise Inapplicable("its condition is no boolean")
    library = operation.graph.as_graph_def()
    name = operation.get_attr("then_branch" if tf.get_static_value(condition) else "else_branch").name
    function = next(item for item in library.library.function if item.signature.name == name)
    return inlined(library, function, arguments)()
