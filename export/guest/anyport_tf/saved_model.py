"""From the canonical form to a SavedModel: weights as variables, tables as tables, signatures by the contract's names.

Used by the target that publishes SavedModels and by converters that start from one.  The result depends on no class
of the source's, so any TensorFlow loads it.
"""

from __future__ import annotations

import keyword
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from .canonical import Array, Canonical, Signature
from .freeze import FRAMES

FINGERPRINT = "fingerprint.pb"


def write_saved_model(
    model: Canonical, folder: str | Path, *, batch: int | None = None, signatures: Iterable[str] = ()
) -> None:
    """Write `model`, or only the signatures named, as a SavedModel into `folder`.

    `batch` fixes the first dimension of every input, for converters that can't do with an open one.
    """
    module = as_module(model, batch=batch, signatures=signatures)
    functions = module.functions
    options = tf.saved_model.SaveOptions(experimental_debug_stripper=False)
    concrete = {name: function.get_concrete_function() for name, function in functions.items()}
    tf.saved_model.save(module, str(folder), signatures=concrete, options=options)
    # It holds a random identity, so that the same model would never give the same bytes; nothing needs it.
    (Path(folder) / FINGERPRINT).unlink(missing_ok=True)


def as_module(model: Canonical, *, batch: int | None = None, signatures: Iterable[str] = ()) -> Any:
    """Return a `tf.Module` with `weights` (variables by the weights' names), `tables` and `functions` (by signature).

    A function takes the signature's inputs in the contract's order, and returns a mapping by the contract's names.
    """
    names = tuple(signatures) or tuple(model.signatures)
    module = tf.Module()
    module.weights = _variables(model, names)
    module.tables = _tables(model, names)
    module.functions = {name: _function(model, model.signatures[name], module, batch) for name in names}
    return module


def argument_names(names: Iterable[str]) -> dict[str, str]:
    """Return what a SavedModel can call each input: its own name, or the nearest that TensorFlow accepts.

    A signature's inputs are keyword arguments, and TensorFlow replaces what an identifier can't hold by itself.
    """
    found: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"[^A-Za-z0-9_]", "_", name)
        plain = plain if plain[:1].isalpha() else f"x{plain}"
        plain = f"{plain}_" if keyword.iskeyword(plain) else plain
        while plain in found.values():
            plain += "_"
        found[name] = plain
    return found


def _variables(model: Canonical, names: Iterable[str]) -> dict[str, Any]:
    used: dict[str, bool] = {}
    for name in names:
        signature = model.signatures[name]
        used |= dict.fromkeys(signature.weights.values(), False)
        used |= dict.fromkeys(signature.variables.values(), True)
    return {
        weight: tf.Variable(np.asarray(model.weights[weight]), trainable=False, name=_scope(weight)) for weight in used
    }


def _scope(name: str) -> str:
    """Return a name that TensorFlow accepts for a variable (a leading character from its own set)."""
    return re.sub(r"^[^A-Za-z0-9.]+", "", re.sub(r"[^A-Za-z0-9_.\\/>-]", "_", name)) or "weight"


def _tables(model: Canonical, names: Iterable[str]) -> dict[str, Any]:
    used = {table for name in names for table in model.signatures[name].tables.values()}
    return {name: lookup_table(*model.table(name)) for name in sorted(used)}


def lookup_table(keys: Array, values: Array) -> Any:
    """Return a `tf.lookup.StaticHashTable` of keys and values, both of shape `[entries]`."""
    default = b"" if values.dtype.kind == "S" else values.dtype.type(0)
    # The default that counts is an input of each lookup in the graph; this one is never used.
    return tf.lookup.StaticHashTable(
        tf.lookup.KeyValueTensorInitializer(tf.constant(keys), tf.constant(values)), default
    )


def _function(model: Canonical, signature: Signature, module: Any, batch: int | None) -> Any:
    """Return a `tf.function` of the signature: the skeleton imported, its placeholders fed from the module."""
    stated = next(item for item in model.contract["signatures"] if item["name"] == signature.name)
    arguments = argument_names(signature.inputs)
    specs = []
    for tensor in stated["inputs"]:
        shape = None if tensor["shape"] is None else list(tensor["shape"])
        if batch is not None and shape is not None:
            shape[0] = batch
        specs.append(tf.TensorSpec(shape, tensor["dtype"], name=arguments[tensor["name"]]))
    graph = _with_batch(signature, stated, batch)

    def call(*tensors: Any) -> Mapping[str, Any]:
        feeds = {f"{node}:0": tensor for node, tensor in zip(signature.inputs.values(), tensors, strict=True)}
        feeds |= {f"{node}:0": module.weights[name].read_value() for node, name in signature.weights.items()}
        handles = {node: module.weights[name].handle for node, name in signature.variables.items()}
        handles |= {node: module.tables[name].resource_handle for node, name in signature.tables.items()}
        capture = tf.compat.v1.get_default_graph().capture
        feeds |= {f"{node}:0": capture(handle) for node, handle in handles.items()}
        results = _import(graph, feeds, list(signature.outputs.values()))
        return dict(zip(signature.outputs, results, strict=True))

    return tf.function(call, input_signature=specs, autograph=False)


def _import(graph: Any, feeds: Mapping[str, Any], outputs: list[str]) -> Sequence[Any]:
    """Return the tensors `outputs` of the graph, its placeholders replaced by `feeds`, in the graph being built."""
    if not any(node.op in FRAMES for node in graph.node):
        return list(tf.graph_util.import_graph_def(graph, input_map=feeds, return_elements=outputs, name=""))
    # With an input map, the back edges of a version 1 loop are wired into the wrong frame: import it whole, and call it.
    whole = tf.compat.v1.wrap_function(lambda: tf.graph_util.import_graph_def(graph, name=""), [])
    return list(whole.prune(list(feeds), outputs)(*feeds.values()))


def _with_batch(signature: Signature, stated: Mapping[str, Any], batch: int | None) -> Any:
    """Return the skeleton, its inferred shapes dropped where `batch` contradicts them."""
    if batch is None:
        return signature.graph
    graph = tf.compat.v1.GraphDef()
    graph.CopyFrom(signature.graph)
    for node in graph.node:
        node.attr.pop("_output_shapes", None)
    return graph
