"""What doesn't depend on an input, computed once, by TensorFlow itself.

Converters fold constants too, each in its own way and only what their own ops can express; a spectrogram's window, a mel
matrix or numbers drawn from a constant seed are constants, whatever computes them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import op_def_registry

from .canonical import Array, Canonical, Signature
from .freeze import FRAMES, WEIGHT_BYTES, source_node
from .rules import trimmed

GraphDef = Any
NodeDef = Any
Operation = Any

MOST_BYTES = 1 << 20
"""A larger constant is computed when the model runs, unless what it is computed of is as large."""
CHEAP = ("Identity", "Const", "Placeholder", "NoOp")
UNHOLDABLE = (tf.resource, tf.variant)


def computed(model: Canonical) -> Canonical:
    """Return the model with what depends on constants and weights alone as constants and weights."""
    weights: dict[str, Array] = {}
    signatures = {}
    for name, signature in model.signatures.items():
        signatures[name] = _computed(signature, model.weights, weights)
    if not any(signatures[name] is not signature for name, signature in model.signatures.items()):
        return model
    return dataclasses.replace(model, signatures=signatures, weights=Together(model.weights, weights))


class Together(Mapping[str, Array]):
    """The weights of a model and more of them; the first stay memory-mapped."""

    def __init__(self, first: Mapping[str, Array], more: Mapping[str, Array]) -> None:
        self._first, self._more = first, more

    def __getitem__(self, name: str) -> Array:
        return self._more[name] if name in self._more else self._first[name]

    def __iter__(self) -> Any:
        return iter(dict.fromkeys([*self._first, *self._more]))

    def __len__(self) -> int:
        return len({*self._first, *self._more})


def _computed(signature: Signature, weights: Mapping[str, Array], more: dict[str, Array]) -> Signature:
    constant = _constant_nodes(signature)
    outputs = {source_node(name) for name in signature.outputs.values()}
    work = [node for node in signature.graph.node if node.name in constant and node.op not in CHEAP]
    if not work:
        return signature
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(signature.graph, name="")
        values = _values(graph, signature, weights, constant, outputs)
    if not values:
        return signature
    made = tf.compat.v1.GraphDef()
    made.CopyFrom(signature.graph)
    placeholders = dict(signature.weights)
    taken = {node.name for node in made.node}
    moved = {}
    for tensor, value in values.items():
        name = _free(f"{tensor.replace(':', '_')}_computed", taken)
        moved[tensor] = name
        if _hold(made.node.add(name=name), value):
            more[f"{signature.name}/{name}"] = value
            placeholders[name] = f"{signature.name}/{name}"
    _rewire(made, moved)
    renamed = {name: f"{moved[tensor]}:0" if tensor in moved else tensor for name, tensor in signature.outputs.items()}
    return trimmed(dataclasses.replace(signature, graph=made, outputs=renamed, weights=placeholders))


def _constant_nodes(signature: Signature) -> set[str]:
    """Return the nodes that no input and no state reaches."""
    nodes = {node.name: node for node in signature.graph.node}
    library = {function.signature.name: function for function in signature.graph.library.function}
    found: dict[str, bool] = {}
    if any(node.op in FRAMES for node in nodes.values()):
        return set()
    # Nodes may stand in any order.
    for start in nodes:
        waiting = [start]
        while waiting:
            node = nodes[waiting[-1]]
            sources = [source_node(reference) for reference in node.input]
            unknown = [source for source in sources if source not in found]
            if node.name in found or not unknown:
                found.setdefault(
                    waiting.pop(), all(found[source] for source in sources) and _is_pure(node, signature, library)
                )
            else:
                waiting += unknown
    return {name for name, constant in found.items() if constant}


def _is_pure(node: NodeDef, signature: Signature, library: Mapping[str, Any]) -> bool:
    if node.op == "Placeholder":
        return node.name in signature.weights
    called = {attr.func.name for attr in node.attr.values()} | {
        f.name for attr in node.attr.values() for f in attr.list.func
    }
    inner = [item for name in called & set(library) for item in library[name].node_def]
    return node.op not in library and not any(_is_stateful(item.op) for item in (node, *inner))


def _is_stateful(op: str) -> bool:
    definition = op_def_registry.get(op)
    return definition is None or bool(definition.is_stateful)


def _values(
    graph: Any, signature: Signature, weights: Mapping[str, Array], constant: set[str], outputs: set[str]
) -> dict[str, Array]:
    """Return the values of the constant tensors that something else reads; not of those that grow too large."""
    values: dict[str, Array] = {}
    kept: set[str] = set()
    """Nodes that are left to the model, and with them what they need."""
    while True:
        wanted = {}
        for name in constant - kept:
            operation = graph.get_operation_by_name(name)
            if operation.type in CHEAP or any(tensor.dtype in UNHOLDABLE for tensor in operation.outputs):
                continue
            for tensor in operation.outputs:
                readers = tensor.consumers()
                read = any(
                    reader.name not in constant or reader.name in kept or _holds_handle(reader) for reader in readers
                )
                if (read or name in outputs) and tensor.name not in values:
                    wanted[tensor.name] = tensor
        if not wanted:
            return {name: value for name, value in values.items() if source_node(name) not in kept}
        found = _run(graph, wanted, signature, weights)
        large = {
            name
            for name, value in found.items()
            if value.nbytes > max(MOST_BYTES, _taken(wanted[name].op, weights, signature))
        }
        kept |= {source_node(name) for name in large}
        values |= {name: value for name, value in found.items() if name not in large}


def _holds_handle(operation: Operation) -> bool:
    return any(tensor.dtype in UNHOLDABLE for tensor in operation.outputs)


def _taken(operation: Operation, weights: Mapping[str, Array], signature: Signature) -> int:
    """Return the bytes of the constants that an operation depends on."""
    seen, waiting, total = set(), [operation], 0
    while waiting:
        item = waiting.pop()
        if item.name in seen:
            continue
        seen.add(item.name)
        if item.type in ("Const", "Placeholder"):
            tensor = item.outputs[0]
            total += (
                tensor.dtype.size * int(np.prod(tensor.shape.as_list() or [1], dtype=np.int64))
                if tensor.dtype != tf.string
                else 0
            )
        waiting += [tensor.op for tensor in item.inputs]
    return total


def _run(graph: Any, wanted: Mapping[str, Any], signature: Signature, weights: Mapping[str, Array]) -> dict[str, Array]:
    needed: set[str] = set()
    waiting = [tensor.op for tensor in wanted.values()]
    while waiting:
        operation = waiting.pop()
        if operation.name not in needed:
            needed.add(operation.name)
            waiting += [tensor.op for tensor in operation.inputs]
    feeds = {f"{name}:0": np.asarray(weights[weight]) for name, weight in signature.weights.items() if name in needed}
    config = tf.compat.v1.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    with tf.compat.v1.Session(graph=graph, config=config) as session:
        return {name: np.asarray(value) for name, value in session.run(dict(wanted), feeds).items()}


def _hold(node: NodeDef, value: Array) -> bool:
    """Make `node` hold a value; tell whether it became a placeholder for a weight."""
    strings = value.dtype.kind in "OSU"
    dtype = tf.string if strings else tf.dtypes.as_dtype(value.dtype)
    node.attr["dtype"].type = dtype.as_datatype_enum
    if strings or value.nbytes <= WEIGHT_BYTES:
        node.op = "Const"
        node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value, dtype=dtype, shape=value.shape))
        return False
    node.op = "Placeholder"
    node.attr["shape"].shape.CopyFrom(tf.TensorShape(value.shape).as_proto())
    return True


def _free(wanted: str, taken: set[str]) -> str:
    name, number = wanted, 1
    while name in taken:
        name, number = f"{wanted}_{number}", number + 1
    taken.add(name)
    return name


def _rewire(graph: GraphDef, moved: Mapping[str, str]) -> None:
    """Have readers of the tensors `moved` read the constants that stand for them."""
    short = {name.removesuffix(":0"): constant for name, constant in moved.items()}
    for node in graph.node:
        for index, reference in enumerate(node.input):
            node.input[index] = short.get(reference.removesuffix(":0"), reference)
