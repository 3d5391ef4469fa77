"""A TF.js graph model taken apart and put together again: its nodes, what they make, and the weights in its shards.

`cut.py` reads a `model.json` with `Model.read`, changes nodes and signature, and writes with `write` what the outputs need.
"""

from __future__ import annotations

import dataclasses
import graphlib
import json
import math
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import op_def_registry
from tfjs_write import tfjs_dtype

from anyport_tf.tensor_names import split

Node = dict[str, Any]

SHARD = "group1-shard1of1.bin"
TOPOLOGY, SIGNATURE, MANIFEST = "modelTopology", "signature", "weightsManifest"
INITIALIZER = "modelInitializer"
METADATA = "userDefinedMetadata"
BYTES = {"float32": 4, "int32": 4, "bool": 1, "complex64": 8, "float16": 2, "uint8": 1, "uint16": 2}
OWN_OPS = {"FusedDepthwiseConv2dNative": ("T",), "Prelu": ("T",)}
"""Op that TF.js alone has → the attributes with the dtypes of its outputs."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Model:
    """One signature's `model.json`, in the folder that its shards lie in."""

    folder: Path
    content: dict[str, Any]

    @classmethod
    def read(cls, path: Path) -> Model:
        return cls(folder=path.parent, content=json.loads(path.read_text(encoding="utf-8")))

    @property
    def nodes(self) -> dict[str, Node]:
        """The graph's nodes by name, in the file's order."""
        return {node["name"]: node for node in self.content[TOPOLOGY]["node"]}

    def write(self, folder: Path, outputs: Iterable[str]) -> None:
        """Write the model with no more nodes and weights than the nodes `outputs` need; the signature is as it is."""
        nodes = self.nodes
        needed = ancestors(nodes, outputs)
        kept = [node for name, node in nodes.items() if name in needed]
        content = {**self.content, TOPOLOGY: {**self.content[TOPOLOGY], "node": kept}}
        content.pop(METADATA, None)  # it names the outputs of `predict`
        if INITIALIZER in content and any(node["op"] == "HashTableV2" for node in kept):
            needed |= {node["name"] for node in content[INITIALIZER]["node"]}
        else:
            content.pop(INITIALIZER, None)
        specs, data = self._weights(needed)
        content[MANIFEST] = [{"paths": [SHARD], "weights": specs}]
        (folder / SHARD).write_bytes(data)
        (folder / "model.json").write_text(json.dumps(content, separators=(",", ":")), encoding="utf-8")

    def _weights(self, needed: set[str]) -> tuple[list[dict[str, Any]], bytes]:
        """Return the entries of the manifest for the weights of these names, and their bytes."""
        specs, parts = [], []
        for group in self.content[MANIFEST]:
            held = b"".join((self.folder / path).read_bytes() for path in group["paths"])
            start = 0
            for spec in group["weights"]:
                end = start + _size(spec, held, start)
                if spec["name"] in needed:
                    specs.append(spec)
                    parts.append(held[start:end])
                start = end
        return specs, b"".join(parts)


def _size(spec: Mapping[str, Any], held: bytes, start: int) -> int:
    """Return the bytes that a weight takes in the shards, from `start` on."""
    count = int(math.prod(spec["shape"]))
    if spec["dtype"] != "string":
        width: int = BYTES[spec.get("quantization", {}).get("dtype", spec["dtype"])]
        return count * width
    end: int = start
    for _ in range(count):  # its length in four bytes, then itself
        end += 4 + int(struct.unpack_from("<I", held, end)[0])
    return end - start


def tensor_name(node: str, index: int) -> str:
    return f"{node}:{index}" if index else node


def ancestors(nodes: Mapping[str, Node], names: Iterable[str]) -> set[str]:
    """Return the names of these nodes and of all that they are made from."""
    waiting, found = list(names), set[str]()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(split(tensor)[0] for tensor in nodes[name].get("input", ()))
    return found


def descendants(nodes: Mapping[str, Node], names: Iterable[str]) -> set[str]:
    """Return the names of these nodes and of all that is made from them, in a loop's later turns, too."""
    readers: dict[str, list[str]] = {}
    for name, node in nodes.items():
        for tensor in node.get("input", ()):
            readers.setdefault(split(tensor)[0], []).append(name)
    waiting, found = list(names), set[str]()
    while waiting:
        name = waiting.pop()
        if name not in found:
            found.add(name)
            waiting.extend(readers.get(name, ()))
    return found


def in_order(nodes: Mapping[str, Node]) -> list[str]:
    """Return the names of the nodes, each after what it reads, but for what a loop hands back."""
    read = {name: [split(tensor)[0] for tensor in node.get("input", ())] for name, node in nodes.items()}
    forward = {name: [item for item in items if nodes[item]["op"] != "NextIteration"] for name, items in read.items()}
    return list(graphlib.TopologicalSorter(forward).static_order())


def dtypes(node: Node) -> list[str]:
    """Return the dtype of each of a node's outputs, as TF.js has it; `resource` and `variant` hold no numbers."""
    attributes = node.get("attr", {})
    if node["op"] in OWN_OPS:
        return [_dtype(attributes[name]["type"]) for name in OWN_OPS[node["op"]]]
    definition = op_def_registry.get(node["op"])
    return [] if definition is None else [d for port in definition.output_arg for d in _of_port(port, attributes)]


def _of_port(port: Any, attributes: Mapping[str, Any]) -> Iterator[str]:
    if port.type_list_attr:
        yield from (_dtype(kind) for kind in attributes[port.type_list_attr]["list"].get("type", ()))
        return
    count = int(attributes[port.number_attr].get("i", 0)) if port.number_attr else 1
    kind = attributes.get(port.type_attr, {}).get("type", "DT_FLOAT") if port.type_attr else port.type
    yield from [_dtype(kind)] * count


def _dtype(kind: str | int) -> str:
    """Return a dtype's name in TF.js; `kind` is protobuf's name (`DT_FLOAT`) or number of it."""
    number = kind if isinstance(kind, int) else tf.compat.v1.AttrValue(type=kind).type
    return tfjs_dtype(str(tf.dtypes.as_dtype(number).name))
