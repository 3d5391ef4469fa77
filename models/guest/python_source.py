"""Python sources: `file.py:name` and `package.module:name`."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import keras_source
import tensorflow as tf

from anyport_guest import BadRequest
from anyport_tf.trace import Traced, of_function, structure_names

EXPECTED = "a keras.Model, a tf.Module, a tf.function with an input_signature, or a function that returns one of them"


def find(source: dict[str, Any]) -> Any:
    """Import the module and return the object `name` in it."""
    module = _import(source)
    value = module
    for part in source["name"].split("."):
        if not hasattr(value, part):
            where = source.get("path") or source["module"]
            raise BadRequest(
                f"{where} has no {source['name']!r}; it has {', '.join(_public(module)) or 'nothing public'}",
                "Name one of them after the colon.",
            )
        value = getattr(value, part)
    return value


def _public(module: Any) -> list[str]:
    return sorted(name for name, value in vars(module).items() if not (name.startswith("_") or inspect.ismodule(value)))


def _import(source: dict[str, Any]) -> Any:
    where = source.get("path") or source["module"]
    try:
        if "path" not in source:
            return importlib.import_module(source["module"])
        name = _module_name(source["path"])
        # Beside a script, its imports find its neighbours.
        sys.path.insert(0, os.path.dirname(os.path.abspath(source["path"])))
        spec = importlib.util.spec_from_file_location(name, source["path"])
        if spec is None or spec.loader is None:
            raise ImportError("not a Python file")
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
        return module
    except (Exception, SystemExit) as error:
        lines = [f" (line {frame.lineno} of {where})" for frame in _frames(error) if frame.filename == where]
        raise BadRequest(
            f"{where} doesn't import: {type(error).__name__}: {error}" + "".join(lines[-1:]),
            "Run it with Python to see the whole error. A package of your own environment needs --python PATH.",
        ) from error


def _module_name(path: str) -> str:
    """Return the name to import a file under: its own, unless that is taken (a user's `keras.py`, `random.py`)."""
    name = os.path.splitext(os.path.basename(path))[0]
    try:
        found = sys.modules[name].__spec__ if name in sys.modules else importlib.util.find_spec(name)
    except (ImportError, ValueError):
        found = None
    taken = name in sys.modules or (found is not None and not _is_file(found.origin, path))
    return f"_anyport_source_{name}" if taken or not name.isidentifier() else name


def _is_file(origin: str | None, path: str) -> bool:
    return origin is not None and os.path.exists(origin) and os.path.samefile(origin, path)


def _frames(error: BaseException) -> list[Any]:
    import traceback

    return list(traceback.extract_tb(error.__traceback__))


def trace(value: Any) -> list[Traced]:
    """Trace what a Python source named: see `EXPECTED`; a function may also return `(model, specs)`.

    `specs` are the `tf.TensorSpec`s of what a subclassed Keras model takes (`keras_source.trace`).
    """
    found = _trace(value)
    if found is None and callable(value):
        value = _call(value)
        if isinstance(value, tuple) and len(value) == 2 and keras_source.is_model(value[0]):
            return keras_source.trace(value[0], specs=value[1])
        found = _trace(value)
    if found is None:
        got = f"{type(value).__module__}.{type(value).__qualname__}"
        raise BadRequest(f"expected {EXPECTED}; got {got}", "Return the model itself.")
    return found


def calibration(request: dict[str, Any] | None) -> Any:
    """Return where calibration inputs come from, as `deliver` takes it: a path, what the named object yields, or None."""
    if request is None or request.get("kind") != "generator":
        return None if request is None else request["path"]
    value = find(request)
    batches = _call(value) if callable(value) else value
    if not isinstance(batches, Iterable):
        raise BadRequest(
            f"the calibration {request['name']!r} gives {type(batches).__name__}; expected batches one after the other",
            "Yield mappings from input names to arrays.",
        )
    return _told(batches, request["name"])


def _told(batches: Iterable[Any], name: str) -> Iterator[Any]:
    """Yield what the user's code yields; what it raises is told as its own mistake."""
    try:
        yield from batches
    except Exception as error:
        raise BadRequest(
            f"the calibration {name!r} raised {type(error).__name__}: {error}",
            "Run it with Python to see the whole error.",
        ) from error


def _call(function: Any) -> Any:
    try:
        return function()
    except Exception as error:
        name = getattr(function, "__name__", str(function))
        raise BadRequest(
            f"{name}() raised {type(error).__name__}: {error}",
            "A source function takes no argument and returns the model.",
        ) from error


def _trace(value: Any) -> list[Traced] | None:
    if keras_source.is_model(value):
        return keras_source.trace(value)
    if _is_function(value):
        return [_of_tf_function("serving_default", value, owner=value)]
    if isinstance(value, tf.Module):
        return _of_module(value)
    return None


def _is_function(value: Any) -> bool:
    return isinstance(value, (tf.types.experimental.PolymorphicFunction, tf.types.experimental.ConcreteFunction))


def _of_module(module: Any) -> list[Traced]:
    """Trace every method that is a tf.function with an input signature; `__call__` is `serving_default`."""
    names = [
        name for name in dir(module) if name == "__call__" or not (name.startswith("_") or hasattr(tf.Module, name))
    ]
    functions = {name: getattr(module, name) for name in names if _is_function(getattr(module, name))}
    ready = {
        name: value
        for name, value in functions.items()
        if _is_concrete(value) or getattr(value, "input_signature", None) is not None
    }
    if not ready:
        what = f"none of {', '.join(functions)} has an input_signature" if functions else "it has no tf.function"
        raise BadRequest(
            f"the tf.Module {type(module).__name__} has no signature: {what}",
            "Decorate a method: @tf.function(input_signature=[tf.TensorSpec(…)]).",
        )
    return [
        _of_tf_function("serving_default" if name == "__call__" else name, value, owner=module)
        for name, value in ready.items()
    ]


def _is_concrete(value: Any) -> bool:
    return isinstance(value, tf.types.experimental.ConcreteFunction)


def _of_tf_function(name: str, function: Any, owner: Any) -> Traced:
    if _is_concrete(function):
        concrete = function
    elif getattr(function, "input_signature", None) is None:
        raise BadRequest(
            f"the tf.function {getattr(function, '__name__', name)!r} has no input_signature, so its inputs are unknown",
            "Decorate it: @tf.function(input_signature=[tf.TensorSpec(…)]).",
        )
    else:
        concrete = function.get_concrete_function()
    args, kwargs = concrete.structured_input_signature
    names, structure = _input_names(function, args, kwargs)
    output_names, output_structure = structure_names(concrete.structured_outputs)
    return of_function(
        name,
        concrete,
        names,
        output_names,
        input_structure=structure,
        output_structure=output_structure,
        owner=owner,
    )


def _input_names(function: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> tuple[list[str], Any]:
    """Name the flat inputs: a TensorSpec's own name, else the parameter's, else the path inside a nested argument."""
    python = getattr(function, "python_function", None)
    parameters = [] if python is None else [name for name in inspect.signature(python).parameters if name != "self"]
    structure = {}
    for i, arg in enumerate(args):
        parameter = parameters[i] if i < len(parameters) else f"input_{i}"
        if not isinstance(arg, tf.TensorSpec):
            structure[parameter] = arg
        else:
            structure[arg.name if arg.name and python is None else parameter] = arg
    structure |= kwargs
    names: list[str] = []
    shaped = {}
    for key, value in structure.items():
        found, shape = structure_names({key: value})
        names += found
        shaped[key] = shape[key]
    return names, shaped
