"""Weights put into a converted model: what was computed from them alone is computed here, once.

`fold` is called by `convert.py` with a model whose weights are inputs; nothing here knows TensorFlow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnx_trees
from onnx import helper, numpy_helper

from anyport_guest import Array

Attributes = Mapping[str, Any]
Fold = Callable[[list[Array], Attributes], Array]


def _reshape(inputs: list[Array], attributes: Attributes) -> Array:
    array, wanted = inputs
    zero = not attributes.get("allowzero", 0)
    return array.reshape([array.shape[i] if zero and dim == 0 else int(dim) for i, dim in enumerate(wanted)])


def _squeeze(inputs: list[Array], _: Attributes) -> Array:
    return np.squeeze(inputs[0], tuple(int(axis) for axis in inputs[1]) if len(inputs) > 1 else None)


def _unsqueeze(inputs: list[Array], _: Attributes) -> Array:
    return np.expand_dims(inputs[0], tuple(int(axis) for axis in inputs[1]))


def _transpose(inputs: list[Array], attributes: Attributes) -> Array:
    return np.transpose(inputs[0], attributes.get("perm"))


def _cast(inputs: list[Array], attributes: Attributes) -> Array:
    return inputs[0].astype(helper.tensor_dtype_to_np_dtype(attributes["to"]))


FOLDS: Mapping[str, Fold] = {
    "Cast": _cast,
    "Identity": lambda inputs, _: inputs[0],
    "Reshape": _reshape,
    "Squeeze": _squeeze,
    "Transpose": _transpose,
    "Unsqueeze": _unsqueeze,
}
"""The ops that tf2onnx puts behind a weight to change its layout; arithmetic on weights was folded before it."""


def fold(model: Any, weights: Mapping[str, Array]) -> dict[str, Array]:
    """Take out of `model`, in place, all nodes that `FOLDS` can compute from weights and initializers.

    Takes out the initializers as well.  Returns the values of all tensors that the remaining nodes, at any depth,
    need, by name and in the order in which they are first needed.
    """
    known = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer} | dict(weights)
    del model.graph.initializer[:]
    outputs = {port.name for port in model.graph.output}
    _fold_graph(model.graph, known, outputs)
    names = dict.fromkeys(
        name for graph in onnx_trees.graphs(model.graph) for node in graph.node for name in node.input
    )
    return {name: known[name] for name in [*names, *sorted(outputs)] if name in known}


def _fold_graph(graph: Any, known: dict[str, Array], fixed: set[str]) -> None:
    """Move what can be computed from `graph` into `known`; what is named in `fixed` has to stay a node's output."""
    remaining = []
    for node in graph.node:
        value = None if fixed & set(node.output) else _evaluate(node, known)
        if value is None:
            remaining.append(node)
        else:
            known[node.output[0]] = value
    onnx_trees.replace(graph.node, remaining)
    for inner in onnx_trees.inner_graphs(graph.node):
        _fold_graph(inner, known, {port.name for port in inner.output})


def _evaluate(node: Any, known: Mapping[str, Array]) -> Array | None:
    """Return the value of a node, or None where it depends on the model's inputs or is not for us."""
    if node.op_type not in FOLDS or node.domain or not all(name in known for name in node.input) or not node.input:
        return None
    inputs = [known[name] for name in node.input]
    return FOLDS[node.op_type](inputs, {item.name: helper.get_attribute_value(item) for item in node.attribute})
