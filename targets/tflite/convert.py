"""Guest script: canonical form → one `.tflite` that holds every signature.

Request: `canonical`, `out` (an empty folder), `variant`.  Result: `signatures` — for each `file`, `key` (the name of
the signature in the file), `inputs` and `outputs` (contract name → the file's name) and `batch`, the number of rows
that the file takes at a time, or None where any will do — and `notes`.

The way in is a SavedModel with the weights as variables: MLIR reads them from the checkpoint, where a frozen graph
would carry them through protobufs (ResNet50: 8.5 s against 12.8 s).
"""

from __future__ import annotations

import collections
import dataclasses
import re
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.lite.python import lite
from tensorflow.python.framework import tensor_util

from anyport_guest import GuestError, Progress, Refused
from anyport_tf.canonical import Canonical, Signature
from anyport_tf.fold import folded
from anyport_tf.freeze import all_nodes, source_node
from anyport_tf.rewrite import lookups_as_search
from anyport_tf.saved_model import argument_names, write_saved_model

FILE = "model.tflite"
LISTS = {"TensorListReserve": 0, "TensorListFromTensor": 1, "TensorListStack": 1, "TensorListGetItem": 2}
"""Ops of a recurrent layer's loop, with the input that states an element's shape.

TFLite lowers them only where that shape is known, batch included.
"""


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    model = Canonical.read(request["canonical"])
    for signature in model.signatures.values():
        _refuse_state(signature)
    # One file is converted at once, so that a batch fixed for one signature is fixed for all.
    batch = 1 if any(_needs_batch(model, signature) for signature in model.signatures.values()) else None
    repaired = {name: _repaired(model, signature, batch) for name, signature in model.signatures.items()}
    progress("converting")
    content = _convert(folded(dataclasses.replace(model, signatures=repaired)), batch)
    (Path(request["out"]) / FILE).write_bytes(content)
    return {
        "signatures": {
            name: {
                "file": FILE,
                "key": name,
                "inputs": argument_names(signature.inputs),
                "outputs": {output: output for output in signature.outputs},
                "batch": batch if _open_batch(model, name) else None,
            }
            for name, signature in model.signatures.items()
        },
        "notes": ["recurrent loops need a fixed batch in TFLite: the file takes one row at a time"] if batch else [],
    }


def _refuse_state(signature: Signature) -> None:
    if signature.variables:
        name = next(iter(signature.variables))
        raise Refused(
            f"signature {signature.name!r} assigns the variable behind {name!r}: its answers depend on what was asked before",
            "Make the state an input and an output of the model.",
        )


def _repaired(model: Canonical, signature: Signature, batch: int | None) -> Signature:
    graph = lookups_as_search(model, signature)
    if batch is not None:
        _state_element_shapes(graph, batch)
    used = {node.input[0] for node in graph.node if node.op.startswith("LookupTable")}
    tables = {placeholder: table for placeholder, table in signature.tables.items() if placeholder in used}
    return dataclasses.replace(signature, graph=graph, tables=tables)


def _needs_batch(model: Canonical, signature: Signature) -> bool:
    """Tell whether the file must fix the batch for this signature."""
    return _open_batch(model, signature.name) and any(node.op in LISTS for node in all_nodes(signature.graph))


def _state_element_shapes(graph: Any, batch: int) -> None:
    """Fill in the open dimension of each list's element shape: traced with the batch open, it is the batch.

    Where it should be another dimension after all, conversion fails or the outputs differ; it can't pass unseen.
    """
    for nodes in [graph.node, *(function.node_def for function in graph.library.function)]:
        by_name = {node.name: node for node in nodes}
        shapes = {source_node(node.input[LISTS[node.op]]) for node in nodes if node.op in LISTS}
        for node in [by_name[name] for name in shapes if name in by_name and by_name[name].op == "Const"]:
            value = tensor_util.MakeNdarray(node.attr["value"].tensor).copy()
            if value.ndim == 1:
                value[value == -1] = batch
                node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))


def _open_batch(model: Canonical, name: str) -> bool:
    """Tell whether every input and output of the signature counts samples in its first dimension."""
    stated = next(item for item in model.contract["signatures"] if item["name"] == name)
    return all(port["shape"] and port["shape"][0] is None for port in [*stated["inputs"], *stated["outputs"]])


def _convert(model: Canonical, batch: int | None) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write_saved_model(model, folder, batch=batch)
        try:
            content = _Converter(folder, {tf.saved_model.SERVING}, list(model.signatures)).convert()
        except Exception as error:
            raise _explained(error, model.signatures) from error
    if not content:
        raise GuestError("the TFLite converter returned nothing and no error")
    return bytes(content)


class _Converter(lite.TFLiteSavedModelConverterV2):
    """`TFLiteConverter.from_saved_model` without what a float model doesn't need.

    The public one loads the SavedModel three times in Python, for its signature names, its stack traces and usage
    metrics, and then takes the finished flatbuffer apart and packs it again, twice.  That is half of its time:
    ResNet50 11.2 s against 4.9 s, the same operators and weights.
    """

    def __init__(self, folder: str, tags: set[str], signatures: list[str]) -> None:
        super().__init__(folder, tags, signatures)
        self.exclude_conversion_metadata = True

    def convert(self) -> bytes:
        return bytes(self._convert_from_saved_model(tf.compat.v1.GraphDef()))

    def _optimize_tflite_model(self, model: bytes, *_: Any, **__: Any) -> bytes:
        return model


def _explained(error: Exception, signatures: Mapping[str, Signature]) -> GuestError:
    """Name the ops that TFLite lacks and the nodes they came from; or pass on the converter's own words."""
    text = str(error)
    lacking = list(dict.fromkeys(re.findall(r"\btf\.([A-Z]\w+)\(", text)))
    if not lacking:
        return GuestError(f"the TFLite converter failed: {_last_line(text)}", "Its log has the whole story.")
    where: dict[str, str] = collections.OrderedDict()
    for signature in signatures.values():
        for node in all_nodes(signature.graph):
            # MLIR has one op for both: `Case` is TensorFlow's `Case` or `StatelessCase`.
            if (op := node.op.removeprefix("Stateless")) in lacking or (op := node.op) in lacking:
                where.setdefault(op, node.name)
    named = ", ".join(f"{op} (from {where[op]!r})" if op in where else op for op in lacking)
    return Refused(
        f"TFLite's built-in operators can't express {named}", "Replace that layer, or leave this target out."
    )


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else "no message"
