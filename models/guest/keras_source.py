"""Keras models: read from `.keras` and `.h5` files, and traced with the names that Keras gives."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from anyport_guest import BadRequest, GuestError
from anyport_tf.trace import Traced, of_function, structure_names

LAMBDA = "Lambda"


def read(path: str, trust: bool) -> tuple[Any, list[str]]:
    """Read a model file with Keras 3, or with `tf_keras` where only Keras 2 can; return it with notes for the report.

    Raises `BadRequest` for a file that is damaged, holds Python code without `trust`, or needs classes that aren't
    registered.
    """
    _check_whole(path)
    try:
        return keras.models.load_model(path, compile=False, safe_mode=not trust), []
    except Exception as error:
        if _is_unsafe(error):
            raise BadRequest(
                f"{path} holds Python code (a Lambda layer), which safe mode does not run",
                "If you trust the file, add --trust.",
            ) from error
        return _read_with_keras_2(path, trust, error)


def _read_with_keras_2(path: str, trust: bool, first: Exception) -> tuple[Any, list[str]]:
    """Read what Keras 3 could not.  A Lambda in Keras 2's format is code too, and its reader asks nobody."""
    if not trust and _mentions(path, LAMBDA):
        raise BadRequest(
            f"{path} holds Python code (a Lambda layer), which safe mode does not run", "If you trust the file, add --trust."
        ) from first
    try:
        import tf_keras

        model = tf_keras.models.load_model(path, compile=False)
    except Exception as second:
        raise BadRequest(
            f"{path} can't be read: {_first_line(first)}",
            "If it uses layers of your own, export from the code that defines them: anyport export FILE.py:NAME. "
            f"(Keras 2 was tried too: {_first_line(second)})",
        ) from first
    return model, [f"Keras {keras.__version__} can't read this file; tf_keras {tf_keras.__version__} (Keras 2) read it"]


def _check_whole(path: str) -> None:
    """Refuse a truncated file, before a library's traceback does."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            damaged = archive.testzip()
            if damaged is None and "config.json" in archive.namelist():
                return
        raise BadRequest(f"{path} is damaged or not a Keras model file ({damaged or 'no config.json'})", "Save it again.")
    import h5py

    if not h5py.is_hdf5(path):
        raise BadRequest(
            f"{path} is neither a Keras archive (zip) nor an HDF5 file; it has {os.path.getsize(path)} bytes and may be truncated",
            "Save it again with model.save('model.keras').",
        )
    try:
        with h5py.File(path, "r") as file:
            whole = "model_config" in file.attrs
    except OSError as error:
        raise BadRequest(f"{path} is damaged: {_first_line(error)}", "Save it again.") from error
    if not whole:
        raise BadRequest(
            f"{path} holds weights but no model", "Build the model in Python, load the weights there, and export FILE.py:NAME."
        )


def _is_unsafe(error: Exception) -> bool:
    text = str(error)
    return LAMBDA.lower() in text.lower() and ("safe_mode" in text or "unsafe" in text.lower())


def _mentions(path: str, class_name: str) -> bool:
    import h5py

    if not h5py.is_hdf5(path):
        return False
    with h5py.File(path, "r") as file:
        config = file.attrs["model_config"]
        text = config.decode() if isinstance(config, bytes) else str(config)
        return f'"class_name": "{class_name}"' in text


def is_model(value: Any) -> bool:
    """Tell whether `value` is a model of Keras 3 or Keras 2."""
    return isinstance(value, keras.Model) or is_keras_2(value)


def is_keras_2(value: Any) -> bool:
    return any(cls.__module__.startswith("tf_keras.") and cls.__name__ == "Model" for cls in type(value).__mro__)


def trace(model: Any, specs: Any = None) -> list[Traced]:
    """Trace a model's inference (`training=False`) as the signature `serving_default`.

    `specs`, a nested structure of `tf.TensorSpec`, says what a subclassed model takes where the model can't.
    """
    structure, names = (specs, None) if specs is not None else _inputs(model)
    flat = tf.nest.flatten(structure)
    input_names, input_structure = structure_names(structure, names or [spec.name or f"input_{i}" for i, spec in enumerate(flat)])
    specs = [tf.TensorSpec(spec.shape, spec.dtype) for spec in flat]
    outputs: list[Any] = []

    def serve(*tensors: Any) -> Any:
        result = model(tf.nest.pack_sequence_as(structure, list(tensors)), training=False)
        outputs[:] = [tf.nest.map_structure(lambda _: None, result, expand_composites=False)]
        # Identity: an output that is an input, or another output, still is a tensor of its own.
        return [tf.identity(tensor) for tensor in tf.nest.flatten(result)]

    try:
        function = tf.function(serve, input_signature=specs, autograph=False).get_concrete_function()
    except Exception as error:
        if isinstance(error, GuestError):
            raise
        raise BadRequest(
            f"the model {model.name!r} can't be traced on {[f'{s.dtype.name}{s.shape}' for s in flat]}: {_first_line(error)}",
            "If it takes something else, return (model, input_specs) from a function in a Python source.",
        ) from error
    output_names, output_structure = structure_names(outputs[0], _output_names(model, len(function.outputs)))
    return [
        of_function(
            "serving_default",
            function,
            input_names,
            output_names,
            input_structure=input_structure,
            output_structure=output_structure,
            owner=model,
        )
    ]


def _inputs(model: Any) -> tuple[Any, list[str] | None]:
    """Return the structure of the model's input specs, and the names of its leaves."""
    symbolic = getattr(model, "_inputs_struct", None)
    if symbolic is None and getattr(model, "_functional", None) is not None:
        symbolic = model._functional._inputs_struct
    if symbolic is None:
        symbolic = getattr(model, "_nested_inputs", None)
    if symbolic is not None:
        leaves = tf.nest.flatten(symbolic)
        specs = [_spec(leaf) for leaf in leaves]
        return tf.nest.pack_sequence_as(symbolic, specs), [str(leaf.name).split(":")[0] for leaf in leaves]
    shapes = getattr(model, "_build_shapes_dict", None)
    if not shapes and getattr(model, "_build_input_shape", None) is not None:
        shapes = {"inputs": model._build_input_shape}
    if not shapes:
        raise BadRequest(
            f"the model {model.name!r} ({type(model).__name__}) has never been built, so its inputs are unknown",
            "Call it once on data, or build it with model.build(shape), before it is saved or returned.",
        )
    structures = [_shapes_to_specs(shape) for shape in shapes.values()]
    if len(structures) > 1:
        raise BadRequest(
            f"the model {model.name!r} takes {len(structures)} separate arguments ({', '.join(shapes)})",
            "Have call() take one argument: a list or a dict of tensors.",
        )
    return structures[0], None


def _spec(leaf: Any) -> Any:
    if getattr(leaf, "sparse", False):
        raise BadRequest(f"the input {leaf.name!r} is sparse, which no target takes", "Give the model a dense input.")
    return tf.TensorSpec([None if dim is None else int(dim) for dim in leaf.shape], leaf.dtype)


def _shapes_to_specs(shapes: Any) -> Any:
    if isinstance(shapes, dict):
        return {key: _shapes_to_specs(shape) for key, shape in shapes.items()}
    if any(isinstance(dim, (list, tuple, tf.TensorShape)) for dim in shapes):
        return [_shapes_to_specs(shape) for shape in shapes]
    # Built on a batch of any size; Keras itself exports such a model with the batch open.
    return tf.TensorSpec([None, *list(shapes)[1:]], tf.float32)


def _output_names(model: Any, count: int) -> Sequence[str] | None:
    """Return Keras' names of the flat outputs: those of the operations that make them."""
    functional = getattr(model, "_functional", None) or model
    symbolic = tf.nest.flatten(getattr(functional, "_outputs_struct", None))
    histories = [getattr(leaf, "_keras_history", None) for leaf in symbolic]
    names = [history.operation.name for history in histories if history is not None]
    if not names and is_keras_2(model):
        names = list(getattr(model, "output_names", None) or [])
    return names if len(names) == count else None


def _first_line(error: BaseException) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:300] if lines else type(error).__name__
