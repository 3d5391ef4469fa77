"""Inputs and outputs of a converted model, as the contract names and shapes them.

`state` is called by `convert.py` with the model as tf2onnx made it, its weights still inputs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx_trees
from onnx import TensorProto, helper, shape_inference

from anyport_guest import Array
from anyport_tf.canonical import Signature, numpy_dtype

BATCH = "batch"
"""Name of the dimension that counts samples."""

Port = Mapping[str, Any]
"""An input or output of the contract: `name`, `dtype` and `shape`."""

Dimensions = Sequence[int | str]
"""A shape in ONNX: a name stands for a dimension that varies, and equal names for equal sizes."""


def state(
    model: Any, signature: Signature, weights: Mapping[str, Array], contract: Mapping[str, Any]
) -> tuple[dict[str, str], dict[str, str], dict[str, Array]]:
    """Rename the inputs and outputs of `model`, in place, and state their shapes; weights stop being inputs.

    `weights` maps placeholders to values.  Returns two mappings, for inputs and for outputs, from the contract's names
    to the file's, and the weights by the tensors they now are.  The file's names are the contract's, except for an
    output that is called as an input is: in ONNX, a name is one tensor's.
    """
    inputs = {name: name for name in signature.inputs}
    outputs: dict[str, str] = {}
    for name in signature.outputs:
        outputs[name] = onnx_trees.free(name, {*inputs, *outputs.values()})
    new = _rename_ports(model.graph, signature, inputs, outputs)
    _describe(model, outputs, contract)
    return inputs, outputs, {new.get(f"{name}:0", f"{name}:0"): value for name, value in weights.items()}


def _describe(model: Any, outputs: Mapping[str, str], contract: Mapping[str, Any]) -> None:
    """Put the contract's inputs and outputs, with dtypes and shapes, in the place of tf2onnx's."""
    stated = [_described(port, port["name"], _input_dimensions(port, contract)) for port in contract["inputs"]]
    names = {port["name"] for port in contract["inputs"]}
    weights = [port for port in model.graph.input if port.name not in names]
    onnx_trees.replace(model.graph.input, [*stated, *weights])
    inferred = _inferred(model)
    described = []
    for port in contract["outputs"]:
        name = outputs[port["name"]]
        described.append(_described(port, name, _output_dimensions(port, inferred[name])))
    onnx_trees.replace(model.graph.output, described)
    onnx_trees.replace(model.graph.input, stated)


def _rename_ports(
    graph: Any, signature: Signature, inputs: Mapping[str, str], outputs: Mapping[str, str]
) -> dict[str, str]:
    """Give the tensors of the signature the names of its ports, and whatever else has such a name another one.

    Returns the new name of each tensor that got one.
    """
    new = {f"{node}:0": inputs[name] for name, node in signature.inputs.items()}
    taken = {port.name for port in graph.input}
    copies = []
    for name, tensor in signature.outputs.items():
        if tensor in taken:  # an input handed through, a weight, or a tensor that is an output already
            copies.append((tensor, outputs[name]))
        else:
            new[tensor] = outputs[name]
            taken.add(tensor)
    names = _tensor_names(graph)
    wanted = {*inputs.values(), *outputs.values()}
    for clash in sorted(names & wanted - set(new)):
        new[clash] = onnx_trees.free(clash, names | wanted)
    onnx_trees.rename(graph, new)
    graph.node.extend(helper.make_node("Identity", [new.get(old, old)], [copy], name=copy) for old, copy in copies)
    return new


def _tensor_names(graph: Any) -> set[str]:
    names: set[str] = set()
    for part in onnx_trees.graphs(graph):
        names.update(item.name for item in [*part.input, *part.output, *part.initializer])
        names.update(name for node in part.node for name in [*node.input, *node.output])
    return names


def _input_dimensions(port: Port, contract: Mapping[str, Any]) -> Dimensions:
    """Name the dimensions that vary: `batch` where every input's first one does, else after the input."""
    batched = all(item["shape"] and item["shape"][0] is None for item in contract["inputs"])
    names = [f"{port['name']}_{axis}" for axis in range(len(port["shape"]))]
    if batched:
        names[0] = BATCH
    return [name if size is None else size for name, size in zip(names, port["shape"], strict=True)]


def _inferred(model: Any) -> dict[str, list[str]]:
    """Return, for each output, the names of its dimensions where they are one of an input's, and `""` elsewhere."""
    for port in model.graph.output:
        port.type.tensor_type.ClearField("shape")
    for graph in onnx_trees.graphs(model.graph):
        del graph.value_info[:]  # tf2onnx's own names for dimensions would contradict ours
    outputs = shape_inference.infer_shapes(model, data_prop=True).graph.output
    known = {dim.dim_param for port in model.graph.input for dim in port.type.tensor_type.shape.dim}
    return {
        port.name: [dim.dim_param if dim.dim_param in known else "" for dim in port.type.tensor_type.shape.dim]
        for port in outputs
    }


def _output_dimensions(port: Port, inferred: Sequence[str]) -> Dimensions:
    names = list(inferred) if len(inferred) == len(port["shape"]) else [""] * len(port["shape"])
    return [
        size if size is not None else name or f"{port['name']}_{axis}"
        for axis, (name, size) in enumerate(zip(names, port["shape"], strict=True))
    ]


def _described(port: Port, name: str, dimensions: Dimensions) -> Any:
    string = port["dtype"] == "string"
    kind = TensorProto.STRING if string else helper.np_dtype_to_tensor_dtype(np.dtype(numpy_dtype(port["dtype"])))
    return helper.make_tensor_value_info(name, kind, dimensions)
