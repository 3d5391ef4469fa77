"""Guest script: look into an ONNX file, and cut it, so that inner tensors become outputs or inputs.

The requests and results are those of `anyport.protocols.Target.cut`.  Only tensors of the main graph are told of: those of a
loop's body have a value for each of its rounds.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_trees
from onnx import TensorProto, external_data_helper, helper, shape_inference

from anyport_guest import INITIAL_STATE, BadRequest, Progress
from anyport_tf.canonical import dtype_name
from anyport_tf.tensor_names import scopes_left

FILE = "model.onnx"
QUANTISER_MARKS = ("_DequantizeLinear_Output", "_QuantizeLinear_Output", "_quantized")
"""What onnxruntime's quantiser puts behind the name of the tensor whose values these still are."""
ANY = TensorProto.UNDEFINED


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    path = Path(request["artifact"], request["mapping"]["file"])
    model = onnx.load(str(path), load_external_data=False)
    types = _types(model)
    if request["verb"] == "describe":
        return _describe(model, types, request["mapping"])
    return _cut(model, types, path.parent, request)


def _types(model: Any) -> dict[str, Any]:
    """Return what is known of each tensor of the main graph: its `TypeProto.Tensor`."""
    inferred = shape_inference.infer_shapes(model, data_prop=True).graph
    ports = [*inferred.value_info, *inferred.input, *inferred.output]
    return {port.name: port.type.tensor_type for port in ports if port.type.HasField("tensor_type")}


def _describe(model: Any, types: Mapping[str, Any], mapping: Mapping[str, Any]) -> dict[str, Any]:
    computed = _computed(model.graph)
    scopes = _scopes(model.graph, computed)
    return {
        "tensors": [
            {
                "name": name,
                "sources": [*_sources(name), *scopes.get(name, [])],
                "op": node.op_type,
                "dtype": _dtype(types[name]),
                "shape": _shape(types[name]),
                "quantization": None,
                "inputs": [item for item in dict.fromkeys(_reads(node)) if item in computed],
            }
            for node in model.graph.node
            for name in node.output
            if name in computed and name in types and types[name].elem_type != ANY
        ],
        "inputs": dict(mapping["inputs"]),
        "outputs": dict(mapping["outputs"]),
    }


def _computed(graph: Any) -> set[str]:
    """Return the tensors that inputs decide, the inputs among them."""
    constants = {item.name for item in graph.initializer}
    found = {port.name for port in graph.input} - constants
    for node in graph.node:
        if found.intersection(_reads(node)):
            found.update(name for name in node.output if name)
    return found


def _reads(node: Any) -> Iterator[str]:
    """Yield what a node reads, the graphs of its control flow included."""
    yield from (name for name in node.input if name)
    for graph in onnx_trees.inner_graphs([node]):
        for part in onnx_trees.graphs(graph):
            yield from (name for inner in part.node for name in inner.input if name)
            yield from (port.name for port in part.output)


def _sources(name: str) -> list[str]:
    """Return the tensor of the canonical graph that a name is, less what the quantiser put behind it."""
    for mark in QUANTISER_MARKS:
        name = name.removesuffix(mark)
    return [name]


def _scopes(graph: Any, computed: Iterable[str]) -> dict[str, list[str]]:
    """Return, by tensor, the repaired nodes that it may stand for."""
    known = set(computed)
    made = {name: name.removesuffix(":0") for node in graph.node for name in node.output if name in known}
    readers: dict[str, list[str]] = {port.name: [""] for port in graph.output}
    for node in graph.node:
        for name in _reads(node):
            readers.setdefault(name, []).extend(made[output] for output in node.output if output in made)
    return scopes_left(made, readers)


def _dtype(tensor: Any) -> str:
    if tensor.elem_type == TensorProto.STRING:
        return "string"
    return dtype_name(np.zeros(0, helper.tensor_dtype_to_np_dtype(tensor.elem_type)))


def _shape(tensor: Any) -> list[int | None] | None:
    if not tensor.HasField("shape"):
        return None
    return [dim.dim_value if dim.HasField("dim_value") else None for dim in tensor.shape.dim]


def _cut(model: Any, types: Mapping[str, Any], folder: Path, request: Mapping[str, Any]) -> dict[str, Any]:
    graph, mapping = model.graph, request["mapping"]
    feed = [name for name in request["feed"] if name not in mapping["inputs"].values()]
    fetch = [name for name in dict.fromkeys(request["fetch"]) if name not in mapping["outputs"].values()]
    own = dict(mapping["outputs"]) if request.get("own_outputs", True) else {}
    own |= {} if own else {name: given for name, given in mapping["outputs"].items() if given in request["fetch"]}
    _check(types, [*feed, *fetch])
    kept, read = _needed(graph, feed, [*own.values(), *fetch])
    inputs = {name: given for name, given in mapping["inputs"].items() if not feed or given in read}
    inputs |= {name: name for name in feed}
    outputs = {**own, **{name: name for name in fetch}}
    states = mapping.get("states") if not feed and own else None
    _replace_ports(graph, types, inputs.values(), outputs.values())
    onnx_trees.replace(graph.node, kept)
    onnx_trees.replace(graph.initializer, [item for item in graph.initializer if item.name in read])
    del graph.value_info[:]
    _write(model, folder, Path(request["out"]))
    made = {"file": FILE, "inputs": inputs, "outputs": outputs, "batch": None, **({"states": states} if states else {})}
    stated = {
        "name": request["signature"],
        "inputs": [_port(name, types[given]) for name, given in inputs.items()],
        "outputs": [_port(name, types[given]) for name, given in outputs.items()],
    }
    return {"signatures": {request["signature"]: made}, "contract": stated}


def _check(types: Mapping[str, Any], names: Sequence[str]) -> None:
    for name in names:
        if name not in types or types[name].elem_type == ANY:
            raise BadRequest(f"{name!r} can't be fed or fetched: the file's main graph has no tensor of that name")


def _needed(graph: Any, feed: Sequence[str], wanted: Sequence[str]) -> tuple[list[Any], set[str]]:
    """Return the nodes that `wanted` needs where `feed` is given, and all that they read."""
    read, kept = set(wanted), []
    for node in reversed(graph.node):
        if any(name in read and name not in feed for name in node.output):
            read.update(_reads(node))
            kept.append(node)
    made = {name for node in kept for name in node.output}
    for node in kept:  # what is fed is no output of a node that stays for another of its outputs
        node.output[:] = [f"{name}/unread" if name in feed and name in made else name for name in node.output]
    return kept[::-1], read


def _replace_ports(graph: Any, types: Mapping[str, Any], inputs: Iterable[str], outputs: Iterable[str]) -> None:
    stated = {port.name: port for port in (*graph.input, *graph.output)}

    def port(name: str) -> Any:
        return stated.get(name) or helper.make_value_info(name, _type(types[name]))

    onnx_trees.replace(graph.input, [port(name) for name in inputs])
    onnx_trees.replace(graph.output, [port(name) for name in dict.fromkeys(outputs)])


def _type(tensor: Any) -> Any:
    made = helper.make_tensor_type_proto(tensor.elem_type, None)
    if tensor.HasField("shape"):
        made.tensor_type.shape.CopyFrom(tensor.shape)
    return made


def _port(name: str, tensor: Any) -> dict[str, Any]:
    return {"name": name, "dtype": _dtype(tensor), "shape": _shape(tensor) or []}


def _write(model: Any, folder: Path, out: Path) -> None:
    """Write the cut model, with those of its weights that lie beside it, and what its state begins with."""
    external_data_helper.load_external_data_for_model(model, str(folder))
    total = sum(len(item.raw_data) for item in model.graph.initializer)
    onnx.save(model, str(out / FILE), save_as_external_data=total > 1_500_000_000, location=f"{FILE}.data")
    if (folder / INITIAL_STATE).is_file():
        shutil.copyfile(folder / INITIAL_STATE, out / INITIAL_STATE)
