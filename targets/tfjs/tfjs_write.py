"""A finished graph and its weights written as a TF.js graph model: `model.json` and shards of 4 MB.

Weights go straight from memory into the shards; they never pass through a protobuf.  TF.js knows float32, int32, bool
and string: everything else is narrowed, and what narrowing would change is refused by name.
"""

from __future__ import annotations

import contextlib
import glob
import json
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from google.protobuf import json_format
from tensorflow.core.framework import types_pb2
from tensorflow.python.framework import tensor_util
from tfjs_package import common, write_weights

from anyport_guest import Array, Refused
from anyport_tf.freeze import all_nodes

GraphDef = Any
NodeDef = Any

INT32 = np.iinfo(np.int32)

NARROWED = {
    "float8_e4m3fn": "float32",
    "float16": "float32",
    "bfloat16": "float32",
    "float64": "float32",
    "int8": "int32",
    "uint8": "int32",
    "int16": "int32",
    "uint16": "int32",
    "uint32": "int32",
    "int64": "int32",
    "uint64": "int32",
}
"""TensorFlow's dtype → the dtype that TF.js computes in, where it is another."""

_NARROWED_TYPES = {
    tf.dtypes.as_dtype(wide).as_datatype_enum: tf.dtypes.as_dtype(narrow).as_datatype_enum
    for wide, narrow in NARROWED.items()
}

SLICING = ("StridedSlice", "Slice")
"""Ops that clamp their bounds: int64's largest number says "to the end" there, and int32's largest says so too."""


def tfjs_dtype(dtype: str) -> str:
    """Return the dtype that a tensor of TensorFlow's `dtype` has in TF.js."""
    return NARROWED.get(dtype, dtype)


def write_model(
    folder: Path,
    graph: GraphDef,
    weights: Mapping[str, Array],
    inputs: Mapping[str, str],
    outputs: Mapping[str, str],
    contract: Mapping[str, Any],
    tables: Mapping[str, tuple[Array, Array]],
    variant: str,
) -> None:
    """Write `graph` into `folder`, which exists, its weights as `variant` says.

    `weights` maps placeholders to values, `inputs` and `outputs` the contract's names to nodes, `contract` is the
    signature's, and `tables` maps nodes `HashTableV2` to keys and values.
    """
    entries = [*_constants(graph), *_attach(graph, weights)]
    _narrow_types(graph)
    signature = {
        "inputs": {t["name"]: _tensor_info(inputs[t["name"]], t) for t in contract["inputs"]},
        "outputs": {t["name"]: _tensor_info(outputs[t["name"]], t) for t in contract["outputs"]},
    }
    model = {
        common.FORMAT_KEY: common.TFJS_GRAPH_MODEL_FORMAT,
        common.GENERATED_BY_KEY: tf.__version__,
        common.CONVERTED_BY_KEY: common.get_converted_by(),
        common.SIGNATURE_KEY: signature,
        common.ARTIFACT_MODEL_TOPOLOGY_KEY: _to_json(graph),
    }
    if len(outputs) > 1:
        # `predict` then returns an object by name instead of an array whose order nobody remembers.
        model[common.USER_DEFINED_METADATA_KEY] = {common.STRUCTURED_OUTPUTS_KEYS_KEY: list(signature["outputs"])}
    if tables:
        initializer, table_entries = _initializer(tables)
        model[common.ARTIFACT_MODEL_INITIALIZER] = _to_json(initializer)
        entries += table_entries
    coarse = None if variant == "float32" else {variant: [glob.escape(name) for name in _coarsened(entries, variant)]}
    with contextlib.redirect_stdout(sys.stderr):
        manifest = write_weights([entries], str(folder), write_manifest=False, quantization_dtype_map=coarse)
    model[common.ARTIFACT_WEIGHTS_MANIFEST_KEY] = manifest
    (folder / "model.json").write_text(json.dumps(model, separators=(",", ":")), encoding="utf-8")


def _coarsened(entries: Iterable[Mapping[str, Any]], variant: str) -> list[str]:
    """Return the names of the weights that a variant stores in fewer bits: floats that a matrix or a kernel holds.

    Vectors stay as they are: biases and scales are few of the bytes, and reach every sum.  So does what has no place in
    the range: infinities, NaN, and beyond 65504 what float16 can't say.
    """
    limit = float(np.finfo(np.float16).max) if variant == "float16" else np.inf
    return [
        entry["name"]
        for entry in entries
        if entry["data"].dtype == np.float32
        and entry["data"].ndim > 1
        and entry["data"].size
        and np.isfinite(entry["data"]).all()
        and np.abs(entry["data"]).max() <= limit
    ]


def _tensor_info(node: str, tensor: Mapping[str, Any]) -> dict[str, Any]:
    """Return a `TensorInfo` as TF.js reads it."""
    dtype = tf.dtypes.as_dtype(tfjs_dtype(tensor["dtype"]))
    sizes = [{"size": "-1" if size is None else str(size)} for size in tensor["shape"]]
    return {
        "name": f"{node}:0",
        "dtype": types_pb2.DataType.Name(dtype.as_datatype_enum),
        "tensorShape": {"dim": sizes} if sizes else {},
    }


def _to_json(graph: GraphDef) -> Any:
    # Protobuf maps have no order of their own, and the same graph must give the same bytes.
    text = json.dumps(json_format.MessageToDict(graph), sort_keys=True)
    return json.loads(text, object_hook=_with_zero_sizes)


def _with_zero_sizes(message: dict[str, Any]) -> dict[str, Any]:
    """State the size of empty axes, which JSON leaves out as a default and TF.js then takes for NaN."""
    if "dim" in message:
        message["dim"] = [dim or {"size": "0"} for dim in message["dim"]]
    return message


def _constants(graph: GraphDef) -> list[dict[str, Any]]:
    """Take the values out of the graph's constants; return them as entries for the shards."""
    entries = []
    readers = _readers(graph)
    for node in graph.node:
        if node.op == "Const":
            value = tensor_util.MakeNdarray(node.attr["value"].tensor)
            clamp = bool(readers.get(node.name)) and all(reader.op in SLICING for reader in readers[node.name])
            entries.append({"name": node.name, "data": narrow(node.name, value, clamp=clamp)})
            _empty(node, value.shape, node.attr["dtype"].type)
    return entries


def _attach(graph: GraphDef, weights: Mapping[str, Array]) -> list[dict[str, Any]]:
    """Make constants of the weights' placeholders; return the values as entries for the shards."""
    entries = []
    for node in graph.node:
        if node.name in weights:
            value, dtype = weights[node.name], node.attr["dtype"].type
            entries.append({"name": node.name, "data": narrow(node.name, value)})
            node.op = "Const"
            node.ClearField("attr")
            _empty(node, value.shape, dtype)
    return entries


def _empty(node: NodeDef, shape: Iterable[int], dtype: int) -> None:
    """Give a constant node its type and shape and no value: that is in the shards."""
    node.attr["dtype"].type = dtype
    node.attr["value"].tensor.Clear()
    node.attr["value"].tensor.dtype = dtype
    node.attr["value"].tensor.tensor_shape.CopyFrom(tf.TensorShape(list(shape)).as_proto())


def _readers(graph: GraphDef) -> dict[str, list[NodeDef]]:
    readers: dict[str, list[NodeDef]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name.removeprefix("^").split(":")[0], []).append(node)
    return readers


def narrow(name: str, value: Array, *, clamp: bool = False) -> Array:
    """Return a constant in a dtype that TF.js has; refuse an integer that it can't hold (or `clamp` it)."""
    if value.dtype.kind in "iu" and value.dtype != np.int32:
        if value.size and not clamp and (int(value.min()) < INT32.min or int(value.max()) > INT32.max):
            raise Refused(
                f"the constant {name} holds integers beyond int32 ({value.min()} to {value.max()}), and TF.js has no int64",
                "Keep such numbers out of the model, or split them into two tensors.",
            )
        return value.clip(INT32.min, INT32.max).astype(np.int32) if clamp else value.astype(np.int32)
    if value.dtype.kind in "SU":
        return value.astype(object)
    return value if value.dtype.kind in "biOc" else value.astype(np.float32, copy=False)


def _narrow_types(graph: GraphDef) -> None:
    """Name TF.js' dtypes in the graph; its parser doesn't know all of TensorFlow's."""
    for node in all_nodes(graph):
        for attr in node.attr.values():
            attr_type = attr.WhichOneof("value")
            if attr_type == "type":
                attr.type = _NARROWED_TYPES.get(attr.type, attr.type)
            elif attr_type == "tensor":
                attr.tensor.dtype = _NARROWED_TYPES.get(attr.tensor.dtype, attr.tensor.dtype)
            elif attr_type == "list" and attr.list.type:
                attr.list.type[:] = [_NARROWED_TYPES.get(item, item) for item in attr.list.type]


def _initializer(tables: Mapping[str, tuple[Array, Array]]) -> tuple[GraphDef, list[dict[str, Any]]]:
    """Return the graph that TF.js runs once to fill the hash tables, and its constants for the shards."""
    graph = tf.compat.v1.GraphDef()
    graph.versions.producer = tf.version.GRAPH_DEF_VERSION
    entries = []
    for name, (keys, values) in tables.items():
        handle = add_table(graph, name, keys, values)
        for part, array in (("keys", keys), ("values", values)):
            node = graph.node.add(name=f"{name}/{part}", op="Const")
            _empty(node, array.shape, handle.attr["key_dtype" if part == "keys" else "value_dtype"].type)
            entries.append({"name": node.name, "data": narrow(node.name, array)})
        fill = graph.node.add(
            name=f"{name}/fill", op="LookupTableImportV2", input=[name, f"{name}/keys", f"{name}/values"]
        )
        fill.attr["Tin"].CopyFrom(handle.attr["key_dtype"])
        fill.attr["Tout"].CopyFrom(handle.attr["value_dtype"])
    _narrow_types(graph)
    return graph, entries


def add_table(graph: GraphDef, name: str, keys: Array, values: Array) -> NodeDef:
    """Add a node for a hash table; TF.js finds the table that the initializer filled by the node's name."""
    node = graph.node.add(name=name, op="HashTableV2")
    for attr, array in (("key_dtype", keys), ("value_dtype", values)):
        kind = tf.string if array.dtype.kind in "SUO" else tf.dtypes.as_dtype(array.dtype)
        node.attr[attr].type = kind.as_datatype_enum
    return node
