"""Keras model files: `.keras` and `.h5`, of Keras 3 and of Keras 2, read without running the code they may hold."""

from __future__ import annotations

import importlib
import json
import os
import re
import zipfile
from collections.abc import Iterator
from typing import Any

import keras

from anyport_guest import BadRequest, first_line

CODE = re.compile(r'"class_name": ?"(Lambda|__lambda__)"')
"""In a model's configuration: a layer, or a value, that is marshalled Python code."""

MISSING = (
    r"Could not (?:locate|deserialize) (?:class|function) '([^']+)'",
    r"Unknown (?:layer|object|class|activation function|initializer|regularizer|loss function)s?: '([^']+)'",
    r"No module named '([^']+)'",
)
"""How Keras 3 and 2 say that a class, or its module, isn't there."""


def read(path: str, trust: bool) -> tuple[Any, list[str]]:
    """Read a model file with Keras 3, or with `tf_keras` where only Keras 2 can; return it with notes for the report.

    Raises `BadRequest` for a file that is damaged, holds Python code without `trust`, or needs classes that aren't
    registered.
    """
    configuration = _configuration(path)
    if not trust and CODE.search(configuration):
        raise _holds_code(path)
    known = {**_operations(), **(_own_classes(path, configuration) if trust else {})}
    try:
        return keras.models.load_model(path, custom_objects=known, compile=False, safe_mode=not trust), []
    except Exception as error:
        if not trust and "safe_mode" in str(error):
            raise _holds_code(path) from error
        return _read_with_keras_2(path, trust, error)


def _operations() -> dict[str, Any]:
    """Return Keras' own operators by class name.

    Keras 3 writes an operator of a functional model (a mask's `NotEqual`) into `.h5` and doesn't find it when it reads
    the file: "Unknown layer: 'NotEqual'" (3.15).
    """
    found, waiting = {}, [keras.Operation]
    while waiting:
        for operation in waiting.pop().__subclasses__():
            waiting.append(operation)
            if operation.__module__.startswith("keras.src.ops."):
                found[operation.__name__] = operation
    return found


def _own_classes(path: str, configuration: str) -> dict[str, Any]:
    """Import the classes that a `.keras` file names by module and class; those not found are left to the reader to miss."""
    found = {}
    for item in _objects(json.loads(configuration)):
        module, name = str(item["module"]), str(item["class_name"])
        if module.split(".")[0] in ("keras", "builtins", "tensorflow", "tf_keras"):
            continue
        try:
            value = getattr(importlib.import_module(module), name, None)
        except ModuleNotFoundError:
            continue
        except Exception as error:
            raise BadRequest(
                f"{path} needs the module {module!r}, which doesn't import: {type(error).__name__}: {first_line(error)}",
                "Run it with Python to see the whole error.",
            ) from error
        if value is not None:
            found[name] = found[str(item.get("registered_name") or name)] = value
    return found


def _objects(config: Any) -> Iterator[dict[str, Any]]:
    """Every serialized object in a configuration that says which module its class is in."""
    if isinstance(config, dict):
        if isinstance(config.get("module"), str) and isinstance(config.get("class_name"), str):
            yield config
        config = list(config.values())
    if isinstance(config, list):
        for item in config:
            yield from _objects(item)


def _read_with_keras_2(path: str, trust: bool, first: Exception) -> tuple[Any, list[str]]:
    """Read what Keras 3 could not; its reason counts if Keras 2 can't either."""
    try:
        import tf_keras

        model = tf_keras.models.load_model(path, compile=False, safe_mode=not trust)
    except Exception as second:
        raise _unreadable(path, first, second) from first
    return model, [f"Keras {keras.__version__} can't read this file; tf_keras {tf_keras.__version__} (Keras 2) read it"]


def _unreadable(path: str, first: Exception, second: Exception) -> BadRequest:
    if missing := next(
        (found[1] for error in (first, second) for p in MISSING if (found := re.search(p, str(error)))), ""
    ):
        return BadRequest(
            f"{path} uses {missing!r}, which is no part of Keras, and whose code the file does not hold",
            "Export from the code that defines it: write a function that imports it and returns "
            f"keras.models.load_model({os.path.basename(path)!r}), and type FILE.py:FUNCTION. If its module lies in the "
            "working folder, --trust is enough.",
        )
    return BadRequest(
        f"{path} can't be read: {first_line(first)}",
        "Save it again, or export from the code that makes it: FILE.py:NAME. "
        f"(Keras 2 was tried too: {first_line(second)})",
    )


def _holds_code(path: str) -> BadRequest:
    return BadRequest(
        f"{path} holds Python code (a Lambda layer), which safe mode does not run",
        "If you trust the file, add --trust.",
    )


def _configuration(path: str) -> str:
    """Return the model's configuration as text; refuse a truncated file before a library's traceback does."""
    if zipfile.is_zipfile(path):
        return _from_archive(path)
    import h5py

    if not h5py.is_hdf5(path):
        raise BadRequest(
            f"{path} is neither a Keras archive (zip) nor an HDF5 file; it has {os.path.getsize(path)} bytes and may be "
            "truncated",
            "Save it again with model.save('model.keras').",
        )
    try:
        with h5py.File(path, "r") as file:
            found = file.attrs.get("model_config")
    except (OSError, RuntimeError, KeyError) as error:
        raise BadRequest(f"{path} is damaged: {first_line(error)}", "Save it again.") from error
    if found is None:
        raise BadRequest(
            f"{path} holds weights but no model",
            "Build the model in Python, load the weights there, and export FILE.py:NAME.",
        )
    return found.decode() if isinstance(found, bytes) else str(found)


def _from_archive(path: str) -> str:
    try:
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
            text = "" if damaged else archive.read("config.json").decode()
            json.loads(text or "{}")
    except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
        raise BadRequest(f"{path} is damaged or no Keras model file: {first_line(error)}", "Save it again.") from error
    if damaged:
        raise BadRequest(f"{path} is damaged: {damaged} in it is not what was written", "Save it again.")
    return text
