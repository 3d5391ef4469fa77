"""Guest script: look into a SavedModel, and cut it, so that inner tensors become outputs or inputs.

The requests and results are those of `anyport.protocols.Target.cut`.  A signature's graph is read with its functions inlined
and its weights beside it, as the loader of sources reads one, and what is left of it is written as a SavedModel again.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from anyport_guest import BadRequest, Progress
from anyport_tf.canonical import Canonical, Signature
from anyport_tf.evaluation import Graph
from anyport_tf.freeze import Frozen, freeze_function, source_node
from anyport_tf.rules import trimmed
from anyport_tf.saved_model import argument_names, write_saved_model
from anyport_tf.tensor_names import full, scopes_left, split

CALLS = ("StatefulPartitionedCall", "PartitionedCall")
"""What inlining puts before the names of a function's nodes, with a number where there are several."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Read:
    """A signature as it was read: inputs and outputs by the contract's names."""

    frozen: Frozen
    inputs: Mapping[str, str]
    outputs: Mapping[str, str]
    shapes: Mapping[str, Any]

    @property
    def signature(self) -> Signature:
        weights = {name: name for name in self.frozen.weights if name not in self.frozen.variables.values()}
        return Signature(
            name="",
            graph=self.frozen.graph,
            inputs=self.inputs,
            outputs=self.outputs,
            weights=weights,
            variables=self.frozen.variables,
            tables={name: name for name in self.frozen.tables},
        )


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    loaded = tf.saved_model.load(request["artifact"])
    read = _read(loaded.signatures[request["signature"]], request["mapping"])
    return _describe(read) if request["verb"] == "describe" else _cut(read, request)


def _read(function: Any, mapping: Mapping[str, Any]) -> _Read:
    frozen = freeze_function(function)
    explicit = function.inputs[: len(function.inputs) - len(function.captured_inputs)]
    arguments = {tensor.op.name: tensor for tensor in explicit}
    results = dict(zip(sorted(function.structured_outputs), function.outputs, strict=True))
    ports = {name: arguments[given] for name, given in mapping["inputs"].items()}
    answers = {name: results[given] for name, given in mapping["outputs"].items()}
    return _Read(
        frozen=frozen,
        inputs={name: tensor.op.name for name, tensor in ports.items()},
        outputs={name: tensor.name for name, tensor in answers.items()},
        shapes={tensor.name: tensor.shape for tensor in (*ports.values(), *answers.values())},
    )


def _describe(read: _Read) -> dict[str, Any]:
    graph = Graph(read.signature)
    outputs = {name: full(tensor) for name, tensor in read.outputs.items()}
    told = [name for name in graph.dtypes if graph.may_be_given(name) or name in outputs.values()]
    told.sort(key=lambda name: graph.order[split(name)[0]])
    scopes = _scopes(graph, told)
    return {
        "tensors": [
            {
                "name": name,
                "sources": [_plain(name), *scopes.get(name, [])],
                "op": graph.nodes[split(name)[0]].op,
                "dtype": graph.dtypes[name].name,
                "shape": None,
                "quantization": None,
                "inputs": _makers(graph, name),
            }
            for name in told
        ],
        "inputs": {name: f"{node}:0" for name, node in read.inputs.items()},
        "outputs": outputs,
    }


def _makers(graph: Graph, name: str) -> list[str]:
    """Return the tensors that a tensor is made from, with those that can't be told of (lists of tensors) passed over."""
    inputs = [f"{node}:0" for node in graph.signature.inputs.values()]
    ends = [item for item in graph.dtypes if item != name and (graph.may_be_given(item) or item in inputs)]
    return graph.behind(name, ends)[1]


def _plain(name: str) -> str:
    """Return a tensor's name without the calls that were inlined."""
    while (first := name.partition("/"))[0].rstrip("_0123456789") in CALLS and first[2]:
        name = first[2]
    return name


def _scopes(graph: Graph, told: Sequence[str]) -> dict[str, list[str]]:
    made = {name: _plain(name).removesuffix(":0") for name in told}
    readers: dict[str, list[str]] = {full(name): [""] for name in graph.signature.outputs.values()}
    for node, reads in graph.reads.items():
        for name in reads:
            readers.setdefault(name, []).append(_plain(node))
    return scopes_left(made, readers)


def _cut(read: _Read, request: Mapping[str, Any]) -> dict[str, Any]:
    graph = Graph(read.signature)
    own = {full(f"{node}:0"): name for name, node in read.inputs.items()}
    feed = [name for name in request["feed"] if name not in own]
    _check(graph, [*feed, *request["fetch"]])
    outputs = dict(read.outputs) if request.get("own_outputs", True) else {}
    given = {full(tensor): name for name, tensor in read.outputs.items()}
    outputs |= {given.get(name, name): name for name in request["fetch"]}
    made, places = _fed(read, graph, feed)
    signature = dataclasses.replace(read.signature, name=request["signature"], graph=made, outputs=outputs)
    needed = _needed(made, outputs.values())
    inputs = {name: node for name, node in read.inputs.items() if not feed or node in needed}
    inputs |= dict(zip(feed, places, strict=True))
    signature = trimmed(
        _without(dataclasses.replace(signature, inputs=inputs), set(read.inputs.values()) - set(inputs.values()))
    )
    contract = {
        "name": request["signature"],
        "inputs": [_port(graph, read, name, own_name(read, name)) for name in inputs],
        "outputs": [_port(graph, read, name, full(tensor)) for name, tensor in outputs.items()],
    }
    model = Canonical(
        contract={"signatures": [contract]},
        signatures={request["signature"]: signature},
        weights=read.frozen.weights,
        tables={name: {"keys": f"{name}/keys", "values": f"{name}/values"} for name in read.frozen.tables},
    )
    write_saved_model(_with_tables(model, read.frozen), request["out"])
    mapping = {"inputs": argument_names(inputs), "outputs": {name: name for name in outputs}}
    return {"signatures": {request["signature"]: mapping}, "contract": contract}


def own_name(read: _Read, name: str) -> str:
    """Return the tensor that an input of the cut is."""
    return f"{read.inputs[name]}:0" if name in read.inputs else name


def _with_tables(model: Canonical, frozen: Frozen) -> Canonical:
    entries = {f"{name}/keys": keys for name, (keys, _) in frozen.tables.items()}
    entries |= {f"{name}/values": values for name, (_, values) in frozen.tables.items()}
    return dataclasses.replace(model, weights={**model.weights, **entries})


def _check(graph: Graph, names: Sequence[str]) -> None:
    for name in names:
        if name not in graph.dtypes or split(name)[0] not in graph.computed:
            raise BadRequest(f"{name!r} can't be fed or fetched: the signature computes no tensor of that name")


def _fed(read: _Read, graph: Graph, feed: Sequence[str]) -> tuple[Any, list[str]]:
    """Return the graph with new placeholders where `feed` was read, and their names."""
    made = tf.compat.v1.GraphDef()
    made.CopyFrom(read.frozen.graph)
    places = {name: f"anyport_fed_{number}" for number, name in enumerate(feed)}
    for node in made.node:
        node.attr.pop("_output_shapes", None)
        references = [places.get(full(item), item) if item[0] != "^" else item for item in node.input]
        del node.input[:]
        node.input.extend(references)
    for name, place in places.items():
        node = made.node.add(name=place, op="Placeholder")
        node.attr["dtype"].type = graph.dtypes[name].as_datatype_enum
        node.attr["shape"].shape.unknown_rank = True
    return made, list(places.values())


def _needed(graph: Any, outputs: Any) -> set[str]:
    nodes = {node.name: node for node in graph.node}
    found: set[str] = set()
    waiting = [source_node(name) for name in outputs]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting += [source_node(item) for item in nodes[name].input]
    return found


def _without(signature: Signature, nodes: set[str]) -> Signature:
    """Return the signature without inputs that nothing reads any more."""
    made = tf.compat.v1.GraphDef(versions=signature.graph.versions, library=signature.graph.library)
    made.node.extend(node for node in signature.graph.node if node.name not in nodes)
    return dataclasses.replace(signature, graph=made)


def _port(graph: Graph, read: _Read, name: str, tensor: str) -> dict[str, Any]:
    shape = read.shapes.get(tensor)
    listed = None if shape is None or shape.rank is None else shape.as_list()
    return {"name": name, "dtype": graph.dtypes[tensor].name, "shape": listed}
