"""Guest script: convert a case of the catalogue as the official tools' documentation says, for the matrix's other column.

Request: `file` and `name` of the case, `target`, `contract` and `out` (an empty folder).  Result: `{"routes": [{"route", "folder",
"signatures"} or {"route", "error"}]}`: for each documented route the artifact, below `out`, and how the contract's names map
onto it, in the form that the target's runtimes take.  What the tools rename is matched by order, in the tools' favour.
"""

from __future__ import annotations

import importlib
import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from anyport_guest import Progress, first_line

Route = Callable[[Any, Path, Mapping[str, Any]], dict[str, Any]]
DEFAULT = "serving_default"


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Try every route of the target; see the module's docstring."""
    contracts = {contract["name"]: contract for contract in request["contract"]["signatures"]}
    return {"routes": [_attempt(name, route, request, contracts) for name, route in ROUTES[request["target"]]]}


def _attempt(name: str, route: Route, request: Mapping[str, Any], contracts: Mapping[str, Any]) -> dict[str, Any]:
    folder = Path(request["out"], re.sub(r"\W+", "-", name))
    folder.mkdir()
    try:
        return {
            "route": name,
            "folder": str(folder),
            "signatures": route(_model(request["file"], request["name"]), folder, contracts),
        }
    except Exception as error:
        return {"route": name, "error": f"{type(error).__name__}: {first_line(error, 200)}"}


def _model(file: str, name: str) -> Any:
    """Return what the case is: a Keras model, a `tf.Module` or a `tf.function`."""
    sys.path.insert(0, os.path.dirname(file))
    value = getattr(importlib.import_module(Path(file).stem), name)
    if not hasattr(value, "get_concrete_function") and not isinstance(value, tf.Module):
        value = value()
    return value[0] if isinstance(value, tuple) else value


def _functions(model: Any) -> dict[str, Any]:
    """Return the `tf.function`s of a module, or the one there is, by the name of the signature."""
    if hasattr(model, "get_concrete_function"):
        return {DEFAULT: model}
    found = {name: getattr(model, name) for name in dir(model) if not name.startswith("_")}
    functions = {name: value for name, value in found.items() if hasattr(value, "get_concrete_function")}
    return {(DEFAULT if name == "__call__" else name): value for name, value in functions.items()} or {
        DEFAULT: model.__call__
    }


def _save(model: Any, folder: Path) -> None:
    if isinstance(model, keras.Model):
        model.export(folder, verbose=False)
        return
    module = model
    if not isinstance(model, tf.Module):
        module = tf.Module()
        module.function = model
    signatures = {name: function.get_concrete_function() for name, function in _functions(model).items()}
    tf.saved_model.save(module, str(folder), signatures=signatures)


def saved_model(model: Any, folder: Path, contracts: Mapping[str, Any]) -> dict[str, Any]:
    _save(model, folder)
    return _bound(folder, contracts)


def _bound(folder: Path, contracts: Mapping[str, Any]) -> dict[str, Any]:
    """Map the contract's names onto those of a SavedModel."""
    signatures = tf.saved_model.load(str(folder)).signatures
    found = {}
    for name, contract in contracts.items():
        function = signatures[name if name in signatures else DEFAULT]
        found[name] = {
            "inputs": _matched(contract["inputs"], list(function.structured_input_signature[1])),
            "outputs": _matched(contract["outputs"], list(function.structured_outputs)),
        }
    return found


def _matched(stated: Sequence[Mapping[str, Any]], given: Sequence[str]) -> dict[str, str]:
    """Pair the contract's names with the tool's: by name where all agree, else by order (`output_2` before `output_10`)."""
    names = [tensor["name"] for tensor in stated]
    if set(names) <= set(given):
        return {name: name for name in names}
    ordered = sorted(
        given, key=lambda name: [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name)]
    )
    return dict(zip(names, ordered, strict=True))


def tflite_from_keras(model: Any, folder: Path, contracts: Mapping[str, Any]) -> dict[str, Any]:
    if not isinstance(model, keras.Model):
        raise TypeError("not a Keras model")
    return _tflite(tf.lite.TFLiteConverter.from_keras_model(model), folder, contracts)


def tflite_from_saved_model(model: Any, folder: Path, contracts: Mapping[str, Any]) -> dict[str, Any]:
    _save(model, folder / "saved_model")
    keys = list(tf.saved_model.load(str(folder / "saved_model")).signatures)
    return _tflite(
        tf.lite.TFLiteConverter.from_saved_model(str(folder / "saved_model"), signature_keys=keys), folder, contracts
    )


def _tflite(converter: Any, folder: Path, contracts: Mapping[str, Any]) -> dict[str, Any]:
    content = converter.convert()
    (folder / "model.tflite").write_bytes(content)
    signatures = tf.lite.Interpreter(model_content=content).get_signature_list()
    found = {}
    for name, contract in contracts.items():
        key = name if name in signatures else DEFAULT
        found[name] = {
            "file": "model.tflite",
            "key": key,
            "batch": None,
            "dtypes": {"inputs": {}, "outputs": {}},
            "inputs": _matched(contract["inputs"], signatures[key]["inputs"]),
            "outputs": _matched(contract["outputs"], signatures[key]["outputs"]),
        }
    return found


def onnx_from_keras(model: Any, folder: Path, contracts: Mapping[str, Any]) -> dict[str, Any]:
    import tf2onnx

    if not isinstance(model, keras.Model):
        raise TypeError("not a Keras model")
    made, _ = tf2onnx.convert.from_keras(model, opset=18, output_path=str(folder / "model.onnx"))
    return {name: _onnx(made, "model.onnx", contract) for name, contract in contracts.items()}


def onnx_from_function(model: Any, folder: Path, contracts: Mapping[str, Any]) -> dict[str, Any]:
    import tf2onnx

    if isinstance(model, keras.Model):
        model.export(str(folder / "model.onnx"), format="onnx", verbose=False)
        import onnx

        made = onnx.load(folder / "model.onnx")
        return {name: _onnx(made, "model.onnx", contract) for name, contract in contracts.items()}
    found = {}
    for name, function in _functions(model).items():
        specs = function.get_concrete_function().structured_input_signature[0]
        made, _ = tf2onnx.convert.from_function(
            function, input_signature=specs, opset=18, output_path=str(folder / f"{name}.onnx")
        )
        found[name] = _onnx(made, f"{name}.onnx", contracts[name])
    return found


def _onnx(made: Any, file: str, contract: Mapping[str, Any]) -> dict[str, Any]:
    inputs, outputs = [item.name for item in made.graph.input], [item.name for item in made.graph.output]
    return {
        "file": file,
        "batch": None,
        "inputs": dict(zip([tensor["name"] for tensor in contract["inputs"]], inputs, strict=True)),
        "outputs": dict(zip([tensor["name"] for tensor in contract["outputs"]], outputs, strict=True)),
    }


def tfjs(model: Any, folder: Path, contracts: Mapping[str, Any]) -> dict[str, Any]:
    from tfjs_import import converter

    _save(model, folder / "saved_model")
    bound = _bound(folder / "saved_model", contracts)
    found = {}
    for name, contract in contracts.items():
        signatures = tf.saved_model.load(str(folder / "saved_model")).signatures
        key = name if name in signatures else DEFAULT
        words = ["--input_format=tf_saved_model", "--output_format=tfjs_graph_model", f"--signature_name={key}"]
        converter.convert([*words, str(folder / "saved_model"), str(folder / name)])
        found[name] = _renamed(folder, f"{name}/model.json", contract, bound[name])
    return found


def _renamed(folder: Path, file: str, contract: Mapping[str, Any], bound: Mapping[str, Any]) -> dict[str, Any]:
    """Give the signature in `model.json` the contract's names, which our runner feeds by; return the mapping."""
    made = json.loads((folder / file).read_text(encoding="utf-8"))
    found: dict[str, Any] = {"model": file, "batch": None}
    for role in ("inputs", "outputs"):
        entries = made["signature"][role]
        plain = {name.split(":")[0]: name for name in entries}
        wanted = [bound[role][tensor["name"]] for tensor in contract[role]]
        keys = [plain[name] for name in wanted] if set(wanted) <= set(plain) else list(entries)
        pairs = dict(zip([tensor["name"] for tensor in contract[role]], keys, strict=True))
        made["signature"][role] = {name: entries[key] for name, key in pairs.items()}
        found[role] = {
            name: {"tensor": entries[key]["name"], "dtype": DTYPES.get(entries[key]["dtype"], "float32")}
            for name, key in pairs.items()
        }
    (folder / file).write_text(json.dumps(made), encoding="utf-8")
    return found


DTYPES = {"DT_INT32": "int32", "DT_INT64": "int32", "DT_BOOL": "bool", "DT_STRING": "string"}

ROUTES: dict[str, list[tuple[str, Route]]] = {
    "saved_model": [("model.export, tf.saved_model.save", saved_model)],
    "tflite": [("from_keras_model", tflite_from_keras), ("from_saved_model", tflite_from_saved_model)],
    "onnx": [("from_keras", onnx_from_keras), ("from_function, export", onnx_from_function)],
    "tfjs": [("tensorflowjs_converter", tfjs)],
}
