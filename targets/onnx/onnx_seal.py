"""The last look at a converted model, and its file.

`write` is called by `convert.py`.  tf2onnx reports success with ops of TensorFlow left in its output, so nothing counts
as converted that the checker has not read back from the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnx_trees
from onnx import TensorProto, checker, defs, external_data_helper, helper, numpy_helper

from anyport_guest import Array, GuestError

INLINE_BYTES = 1_500_000_000
"""Weights up to this size lie in the file itself; a protobuf can't exceed 2 GiB, and parsers double it."""

SMALL_BYTES = 1024
"""Tensors up to this size stay in the file in any case: shapes and axes are read when the graph is."""

PAGE = 4096
"""Alignment of tensors in an external file, so that a runtime can map them (recommended by onnx.proto)."""


def write(model: Any, arrays: Mapping[str, Array], path: Path) -> None:
    """Write `model` with `arrays` as its initializers to `path`, and to `path` + `.data` where they are too large.

    The same model and arrays give the same bytes.  Raises `GuestError` where the file is not valid ONNX.
    """
    _strip(model)
    _refuse_foreign_ops(model)
    total = sum(array.nbytes for array in arrays.values())
    if total <= INLINE_BYTES:
        model.graph.initializer.extend(numpy_helper.from_array(array, name) for name, array in arrays.items())
    else:
        _write_external(model, arrays, path.with_name(f"{path.name}.data"))
    path.write_bytes(model.SerializeToString(deterministic=True))
    try:
        checker.check_model(str(path), full_check=True)
    except (checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise GuestError(f"onnx.checker rejects {path.name}: {_first_lines(error)}") from error


def _strip(model: Any) -> None:
    """Remove prose, and the opsets that nothing uses: tf2onnx imports some, and some twice."""
    model.ClearField("doc_string")
    used = {node.domain for graph in onnx_trees.graphs(model.graph) for node in graph.node}
    opsets = {item.domain: item for item in model.opset_import if item.domain in {"", *used}}
    onnx_trees.replace(model.opset_import, opsets.values())
    for graph in onnx_trees.graphs(model.graph):
        graph.ClearField("doc_string")
        for node in graph.node:
            node.ClearField("doc_string")


def _refuse_foreign_ops(model: Any) -> None:
    """Refuse nodes that are no operator of the opsets that the model imports."""
    opsets = {item.domain: item.version for item in model.opset_import}
    for graph in onnx_trees.graphs(model.graph):
        for node in graph.node:
            if node.domain not in opsets or not _exists(node.op_type, opsets[node.domain], node.domain):
                raise GuestError(f"tf2onnx left {node.op_type} (from {node.name!r}), which is no ONNX operator")


def _exists(op: str, opset: int, domain: str) -> bool:
    try:
        return not defs.get_schema(op, opset, domain).deprecated
    except defs.SchemaError:
        return False


def _write_external(model: Any, arrays: Mapping[str, Array], path: Path) -> None:
    """Write large arrays to `path`, one after the other, and point the model's initializers there."""
    with path.open("wb") as file:
        for name, array in arrays.items():
            if array.nbytes <= SMALL_BYTES or array.dtype.kind in "OSU":
                model.graph.initializer.append(numpy_helper.from_array(array, name))
                continue
            file.write(b"\0" * (-file.tell() % PAGE))
            model.graph.initializer.append(_reference(name, array, path.name, file.tell()))
            file.flush()
            np.ascontiguousarray(array).tofile(file)


def _reference(name: str, array: Array, location: str, offset: int) -> Any:
    kind = helper.np_dtype_to_tensor_dtype(array.dtype)
    tensor = TensorProto(name=name, data_type=kind, dims=array.shape, raw_data=b"")
    external_data_helper.set_external_data(tensor, location, offset, array.nbytes)
    tensor.ClearField("raw_data")
    return tensor


def _first_lines(error: Exception) -> str:
    return " ".join(line.strip() for line in str(error).splitlines()[:3] if line.strip())[:400]
