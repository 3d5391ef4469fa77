"""Keras models, of Keras 3 and Keras 2, traced with the names that Keras gives."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from anyport_guest import BadRequest, GuestError, first_line
from anyport_tf.origins import Origins, keras_own, layers_of, lines_of, scopes_of
from anyport_tf.trace import Traced, of_function, structure_names

Args = tuple[Any, ...]


def is_model(value: Any) -> bool:
    """Tell whether `value` is a model of Keras 3 or Keras 2."""
    return isinstance(value, keras.Model) or is_keras_2(value)


def is_keras_2(value: Any) -> bool:
    return "tf_keras" in sys.modules and isinstance(value, sys.modules["tf_keras"].Model)


def trace(model: Any, specs: Any = None) -> list[Traced]:
    """Trace a model's inference (`training=False`) as the signature `serving_default`.

    `specs`, a nested structure of `tf.TensorSpec`, says what a subclassed model takes where the model can't.
    """
    if not is_keras_2(model) and keras.backend.backend() != "tensorflow":
        raise BadRequest(
            f"the model {model.name!r} runs on Keras' {keras.backend.backend()} backend, which TensorFlow can't trace",
            "Save it with model.save('model.keras') and export the file.",
        )
    inputs = _inputs(model) if specs is None else _stated(model, specs)
    function, outputs = _function(model, inputs)
    if inputs.guessed and (better := _with_integers(function, inputs)) is not None:
        inputs = better
        function, outputs = _function(model, inputs)
    output_names, output_structure = structure_names(outputs, _output_names(model, len(function.outputs)))
    return [
        of_function(
            "serving_default",
            function,
            inputs.names,
            output_names,
            input_structure=inputs.named_structure,
            output_structure=output_structure,
            owner=model,
            origins=lambda: _origins(model, function),
        )
    ]


def _origins(model: Any, function: Any) -> Origins:
    layers = layers_of(model)
    return Origins(
        layers=layers,
        lines=lines_of(function.graph, layers, keras_own(model)),
        scopes=scopes_of((operation.name for operation in function.graph.get_operations()), layers),
    )


class _Inputs:
    """What a model takes: the structure of its argument (or arguments) and the names of the leaves.

    `separate` if the structure is a mapping of several arguments of `call`; `guessed` if the dtypes are nobody's word.
    """

    def __init__(
        self, structure: Any, *, leaf_names: Sequence[str] | None = None, separate: bool = False, guessed: bool = False
    ) -> None:
        self.structure = structure
        self.separate = separate
        self.guessed = guessed
        flat = tf.nest.flatten(structure)
        names = leaf_names or [spec.name or f"input_{i}" for i, spec in enumerate(flat)]
        self.names, self.named_structure = structure_names(structure, names)
        self.specs = [tf.TensorSpec(spec.shape, spec.dtype) for spec in flat]


def _function(model: Any, inputs: _Inputs) -> tuple[Any, Any]:
    """Return the model's concrete function on these inputs, and the structure of its outputs."""
    outputs: list[Any] = []
    options = {"training": False} if _takes_training(model) else {}

    def serve(*tensors: Any) -> Any:
        given = tf.nest.pack_sequence_as(inputs.structure, list(tensors))
        with _scope(model):
            result = model(**given, **options) if inputs.separate else model(given, **options)
        outputs[:] = [tf.nest.map_structure(lambda _: None, result, expand_composites=False)]
        # Identity: an output that is an input, or another output, still is a tensor of its own.
        return [tf.identity(_dense(model, tensor)) for tensor in tf.nest.flatten(result)]

    return _concrete(model, serve, inputs.specs), outputs[0]


def _scope(model: Any) -> Any:
    """Give a model a scope to open its own in, where its name (from a class called `_Model`) can't stand at the root."""
    return contextlib.nullcontext() if model.name[:1].isalnum() else tf.name_scope("model")


def _concrete(model: Any, serve: Callable[..., Any], specs: Sequence[Any]) -> Any:
    try:
        return tf.function(serve, input_signature=specs, autograph=False).get_concrete_function()
    except GuestError:
        raise
    except Exception as error:
        raise BadRequest(
            f"the model {model.name!r} can't be traced on {[f'{s.dtype.name}{s.shape}' for s in specs]}: {first_line(error)}",
            "If it takes something else, return (model, specs) from a function in a Python source: specs is a tf.TensorSpec, "
            "a list or dict of them, or a dict by the parameters of call().",
        ) from error


def _takes_training(model: Any) -> bool:
    """Tell whether `training=False` may be passed.  Keras 3 drops it where `call` has no such parameter; 2 does not."""
    return not is_keras_2(model) or bool(getattr(model, "_expects_training_arg", True))


def _dense(model: Any, output: Any) -> Any:
    if not tf.is_tensor(output) or isinstance(output, (tf.RaggedTensor, tf.SparseTensor)):
        raise BadRequest(
            f"the model {model.name!r} returns a {type(output).__name__}, which no target can give",
            "Have it return dense tensors: ragged.to_tensor(), tf.sparse.to_dense(…).",
        )
    return output


def _inputs(model: Any) -> _Inputs:
    """Return what the model takes, as it says itself."""
    symbolic = next(
        (found for found in map(_symbolic, (model, getattr(model, "_functional", None))) if found is not None), None
    )
    if symbolic is not None:
        leaves = tf.nest.flatten(symbolic)
        structure = tf.nest.pack_sequence_as(symbolic, [_spec(leaf) for leaf in leaves])
        return _Inputs(structure, leaf_names=[str(leaf.name).split(":")[0] for leaf in leaves])
    if is_keras_2(model) and model.save_spec() is not None:
        return _of_arguments(model, *model.save_spec())
    shapes = getattr(model, "_build_shapes_dict", None)
    if not shapes and getattr(model, "_build_input_shape", None) is not None:
        shapes = {"input_shape": model._build_input_shape}
    if not shapes:
        raise BadRequest(
            f"the model {model.name!r} ({type(model).__name__}) has never been built, so its inputs are unknown",
            "Call it once on data, or build it with model.build(shape), before it is saved or returned.",
        )
    specs = {name.removesuffix("_shape"): _shapes_to_specs(shape) for name, shape in shapes.items()}
    if len(specs) > 1:
        return _Inputs(specs, separate=True, guessed=True)
    (structure,) = specs.values()
    return _Inputs(structure, leaf_names=_given_names(model, structure), guessed=True)


def _symbolic(model: Any) -> Any:
    """Return the structure of symbolic inputs of a functional or Sequential model (Keras 3's, else Keras 2's)."""
    found = getattr(model, "_inputs_struct", None)
    return getattr(model, "_nested_inputs", None) if found is None else found


def _of_arguments(model: Any, args: Args, kwargs: dict[str, Any]) -> _Inputs:
    """Return the inputs of a subclassed Keras 2 model: the specs of the arguments it was first called with."""
    args = tf.nest.map_structure(_spec, args)
    kwargs = tf.nest.map_structure(_spec, kwargs)
    if len(args) == 1 and not kwargs:
        return _Inputs(args[0], leaf_names=_given_names(model, args[0]))
    return _Inputs({**dict(zip(_parameters(model), args, strict=False)), **kwargs}, separate=True)


def _stated(model: Any, specs: Any) -> _Inputs:
    """Return the inputs as the user states them: those of one argument, or a mapping by parameter of several."""
    parameters = _parameters(model)
    if isinstance(specs, dict) and len(parameters) > 1 and set(specs) <= set(parameters):
        return _Inputs(specs, separate=True)
    named = any(spec.name for spec in tf.nest.flatten(specs))
    return _Inputs(specs, leaf_names=None if named else _given_names(model, specs))


def _given_names(model: Any, structure: Any) -> list[str] | None:
    """Name a lone tensor as the first parameter of the model's `call` does."""
    return None if tf.nest.is_nested(structure) else _parameters(model)[:1] or None


def _parameters(model: Any) -> list[str]:
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.POSITIONAL_ONLY)
    return [name for name, parameter in inspect.signature(model.call).parameters.items() if parameter.kind in kinds]


def _spec(leaf: Any) -> Any:
    """Return the `tf.TensorSpec` of a symbolic input."""
    kind = "sparse" if getattr(leaf, "sparse", False) else type(getattr(leaf, "type_spec", leaf)).__name__
    if kind in ("sparse", "SparseTensorSpec", "RaggedTensorSpec") or getattr(leaf, "ragged", False):
        raise BadRequest(
            f"the input {leaf.name!r} is {'ragged' if 'agged' in kind else 'sparse'}, which no target takes",
            "Give the model a dense input.",
        )
    return tf.TensorSpec([None if dim is None else int(dim) for dim in leaf.shape], leaf.dtype)


def _shapes_to_specs(shapes: Any) -> Any:
    if isinstance(shapes, dict):
        return {key: _shapes_to_specs(shape) for key, shape in shapes.items()}
    if any(isinstance(dim, (list, tuple, dict, tf.TensorShape)) for dim in shapes):
        return [_shapes_to_specs(shape) for shape in shapes]
    # Built on a batch of any size; Keras itself exports such a model with the batch open.
    return tf.TensorSpec([None, *list(shapes)[1:]], tf.float32)


def _with_integers(function: Any, inputs: _Inputs) -> _Inputs | None:
    """Return the inputs with those as int32 that the model does nothing with but cast to integers; None without any.

    A subclassed Keras 3 model remembers the shapes it was called with and not the dtypes.  One that begins with an
    Embedding was called with integers.
    """
    specs = [
        tf.TensorSpec(spec.shape, tf.int32 if _is_integer(tensor) else spec.dtype)
        for tensor, spec in zip(function.inputs, inputs.specs, strict=False)
    ]
    if specs == inputs.specs:
        return None
    return _Inputs(tf.nest.pack_sequence_as(inputs.structure, specs), leaf_names=inputs.names, separate=inputs.separate)


def _is_integer(tensor: Any) -> bool:
    users = tensor.consumers()
    casts = [user for user in users if user.type == "Cast" and user.get_attr("DstT").is_integer]
    # An Embedding with a mask also compares what it got with zero.
    return bool(casts) and all(user in casts or user.type in ("Equal", "NotEqual") for user in users)


def _output_names(model: Any, count: int) -> Sequence[str] | None:
    """Return Keras' names of the flat outputs: those of the operations that make them."""
    functional = getattr(model, "_functional", None) or model
    symbolic = tf.nest.flatten(getattr(functional, "_outputs_struct", None))
    histories = [getattr(leaf, "_keras_history", None) for leaf in symbolic]
    names = [history.operation.name for history in histories if history is not None]
    if not names and is_keras_2(model):
        names = list(getattr(model, "output_names", None) or [])
    return names if len(names) == count else None
