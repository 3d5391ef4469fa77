"""Alter an artifact in one place: `PYTHON alter.py TARGET FILE PLACE HOW`, in TensorFlow's toolchain.

PLACE is a part of the name of the tensor that an operator makes (in a SavedModel and in TF.js: of the node).  HOW is one of

* `weight` — the largest of the operator's largest constant is half as large again;
* `bias` — the operator's smallest constant of several numbers is 0;
* `reversed` — the operator's largest constant is read backwards along its last axis;
* `op=NAME` — the operator is another;
* `NAME=VALUE` — one of its attributes is another (numbers, texts, lists of numbers as `1,0,1,0`).

Ends with status 1 where there is no such place, so that a sabotage never passes because nothing was done.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Array = Any


def altered(array: Array, how: str) -> Array:
    value = np.array(array)
    if how == "weight":
        value.reshape(-1)[np.argmax(np.abs(value))] *= 1.5
    elif how == "bias":
        value[...] = 0
    else:
        value = np.ascontiguousarray(value[..., ::-1])
    return value


def chosen(sizes: dict[Any, int], how: str) -> Any:
    """Return which constant is meant, from how many elements each has."""
    several = {key: size for key, size in sizes.items() if size > 1}
    if not several:
        sys.exit("the operator has no constant of several numbers")
    return (min if how == "bias" else max)(several, key=lambda key: several[key])


def parsed(text: str) -> Any:
    if "," in text:
        return [int(item) for item in text.split(",")]
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return text


def alter_onnx(path: Path, place: str, how: str) -> None:
    import onnx
    from onnx import helper, numpy_helper

    model = onnx.load(str(path))
    node = next((node for node in _onnx_nodes(model.graph) if any(place in name for name in node.output)), None)
    if node is None:
        sys.exit(f"nothing makes {place!r}")
    if how.startswith("op="):
        node.op_type = how.removeprefix("op=")
    elif "=" in how:
        name, _, value = how.partition("=")
        kept = [item for item in node.attribute if item.name not in (name, "auto_pad")]
        del node.attribute[:]
        node.attribute.extend([*kept, helper.make_attribute(name, parsed(value))])
    else:
        constants = {item.name: item for item in model.graph.initializer if item.name in node.input}
        floats = {
            name: int(np.prod(item.dims))
            for name, item in constants.items()
            if item.data_type == onnx.TensorProto.FLOAT
        }
        name = chosen(floats, how)
        constants[name].CopyFrom(numpy_helper.from_array(altered(numpy_helper.to_array(constants[name]), how), name))
    onnx.save(model, str(path))


def _onnx_nodes(graph: Any) -> Any:
    """Yield every node, those of loops' bodies too."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from _onnx_nodes(attribute.g)


def alter_saved_model(path: Path, place: str, how: str) -> None:
    """Alter a node of a function, or the variable or constant that it reads."""
    from tensorflow.core.protobuf import saved_model_pb2

    saved = saved_model_pb2.SavedModel()
    saved.ParseFromString((path / "saved_model.pb").read_bytes())
    functions = saved.meta_graphs[0].graph_def.library.function
    found = [(function, node) for function in functions for node in function.node_def if node.name.endswith(place)]
    if not found:
        sys.exit(f"there is no node {place!r}")
    for function, node in found:
        if how.startswith("op="):
            node.op = how.removeprefix("op=")
            node.attr["T"].type = 1  # float32, which a writer leaves out where the former op has it by default
        elif "=" in how:
            name, _, value = how.partition("=")
            _set_attribute(node.attr[name], parsed(value))
        else:
            _alter_read(path, saved, function, node, how)
    (path / "saved_model.pb").write_bytes(saved.SerializeToString())


def _set_attribute(attribute: Any, value: Any) -> None:
    if isinstance(value, str):
        attribute.s = value.encode()
    elif isinstance(value, list):
        attribute.list.i[:] = value
    elif isinstance(value, float):
        attribute.f = value
    else:
        attribute.i = value


def _alter_read(path: Path, saved: Any, function: Any, node: Any, how: str) -> None:
    from tensorflow.python.framework import tensor_util

    nodes = {item.name: item for item in function.node_def}
    for reference in node.input:
        maker = nodes.get(reference.split(":")[0])
        while maker is not None and maker.op == "Identity":
            source = maker.input[0].split(":")[0]
            maker = nodes.get(source)
        if maker is not None and maker.op == "Const" and maker.attr["dtype"].type == 1:
            value = tensor_util.MakeNdarray(maker.attr["value"].tensor)
            if value.size > 1:
                maker.attr["value"].tensor.CopyFrom(tensor_util.make_tensor_proto(altered(value, how)))
                return
    _alter_variable(path, node.name, how)


def _alter_variable(path: Path, node: str, how: str) -> None:
    """Write the checkpoint anew, with the variable altered whose name begins as the node's does."""
    import tensorflow as tf

    prefix = str(path / "variables" / "variables")
    reader = tf.train.load_checkpoint(prefix)
    loaded = tf.saved_model.load(str(path))
    scope = node.rpartition("/")[0]
    names = {key: str(variable.name) for key, variable in loaded.weights.items()}
    key = next((key for key, name in names.items() if name.startswith(f"{scope}/")), None)
    if key is None:
        sys.exit(f"no variable is {scope!r}'s")
    wanted = loaded.weights[key].numpy()
    tensors = {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
    hit = [name for name, value in tensors.items() if np.array_equal(value, wanted)]
    if len(hit) != 1:
        sys.exit(f"{len(hit)} entries of the checkpoint hold {names[key]!r}")
    tensors[hit[0]] = altered(tensors[hit[0]], how)
    tf.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=list(tensors),
        shape_and_slices=[""] * len(tensors),
        tensors=[tf.constant(value) for value in tensors.values()],
    )


def alter_tflite(path: Path, place: str, how: str) -> None:
    import flatbuffers
    from tensorflow.lite.python import schema_py_generated as schema

    data = path.read_bytes()
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
    graph = model.subgraphs[0]
    named = [
        operator
        for operator in graph.operators
        if any(place in graph.tensors[i].name.decode() for i in operator.outputs)
    ]
    if not named:
        sys.exit(f"nothing makes {place!r}")
    operator = named[-1]
    if how.startswith("op="):
        code = schema.OperatorCodeT()
        number = getattr(schema.BuiltinOperator, how.removeprefix("op="))
        code.builtinCode, code.deprecatedBuiltinCode, code.version = number, min(number, 127), 1
        model.operatorCodes.append(code)
        operator.opcodeIndex = len(model.operatorCodes) - 1
    elif "=" in how:
        name, _, value = how.partition("=")
        setattr(operator.builtinOptions, name, parsed(value))
    else:
        held = {i: model.buffers[graph.tensors[i].buffer].data for i in operator.inputs if i >= 0}
        sizes = {
            i: len(buffer) // 4
            for i, buffer in held.items()
            if buffer is not None and graph.tensors[i].type == schema.TensorType.FLOAT32
        }
        i = chosen(sizes, how)
        shape = [int(size) for size in graph.tensors[i].shape]
        value = np.frombuffer(bytes(held[i]), np.float32).reshape(shape)
        model.buffers[graph.tensors[i].buffer].data = np.frombuffer(altered(value, how).tobytes(), np.uint8)
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), b"TFL3")
    path.write_bytes(bytes(builder.Output()))


def alter_tfjs(path: Path, place: str, how: str) -> None:
    content = json.loads(path.read_text())
    nodes = {node["name"]: node for node in content["modelTopology"]["node"]}
    node = next((node for name, node in nodes.items() if name.endswith(place)), None)
    if node is None:
        sys.exit(f"there is no node {place!r}")
    if how.startswith("op="):
        node["op"] = how.removeprefix("op=")
    elif "=" in how:
        name, _, value = how.partition("=")
        kind = parsed(value)
        node["attr"][name] = (
            {"f": kind} if isinstance(kind, float) else {"i": str(kind)} if isinstance(kind, int) else _text(kind)
        )
    else:
        _alter_shards(path, content, [name.split(":")[0] for name in node["input"]], how)
    path.write_text(json.dumps(content))


def _text(value: str) -> dict[str, str]:
    import base64

    return {"s": base64.b64encode(value.encode()).decode()}


def _alter_shards(path: Path, content: dict[str, Any], names: list[str], how: str) -> None:
    (group,) = content["weightsManifest"]
    data = bytearray(b"".join((path.parent / shard).read_bytes() for shard in group["paths"]))
    place, spans = 0, {}
    for weight in group["weights"]:
        size = int(np.prod(weight["shape"])) * {"float32": 4, "int32": 4, "bool": 1}[weight["dtype"]]
        if weight["name"] in names and weight["dtype"] == "float32":
            spans[weight["name"]] = (place, size, weight["shape"])
        place += size
    begin, size, shape = spans[chosen({name: span[1] // 4 for name, span in spans.items()}, how)]
    value = np.frombuffer(bytes(data[begin : begin + size]), np.float32).reshape(shape)
    data[begin : begin + size] = altered(value, how).tobytes()
    begin = 0
    for shard in group["paths"]:
        end = begin + (path.parent / shard).stat().st_size
        (path.parent / shard).write_bytes(data[begin:end])
        begin = end


ALTER: dict[str, Callable[[Path, str, str], None]] = {
    "onnx": alter_onnx,
    "saved_model": alter_saved_model,
    "tflite": alter_tflite,
    "tfjs": alter_tfjs,
}

if __name__ == "__main__":
    target, file, where, what = sys.argv[1:]
    ALTER[target](Path(file), where, what)
