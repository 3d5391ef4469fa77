"""Complex inputs and outputs of a signature as real ones `[…, 2]`: the real part, then the imaginary, as they lie in memory.

For formats without complex numbers.  `ports_as_pairs` comes before `complex_pairs.complex_as_pairs`, which takes away the
ops that are put here between the ports and the graph.  Who feeds the artifact gives `array.view(float32)` by the same name, and
reads an output the other way round; the artifact's mapping must say so.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from .canonical import Canonical, Signature
from .compositions.complex_ops import real_dtype
from .freeze import source_node

GraphDef = Any

Ports = Mapping[str, Mapping[str, list[str]]]
"""Signature → `inputs` and `outputs` → the contract's names of those that are pairs."""


def ports_as_pairs(model: Canonical) -> tuple[Canonical, Ports]:
    """Return the model with real ports in the place of complex ones, its contract too, and which they are."""
    signatures, stated, ports = {}, [], {}
    for contract in model.contract["signatures"]:
        name = contract["name"]
        found = {role: [port["name"] for port in contract[role] if _is_complex(port)] for role in ("inputs", "outputs")}
        signatures[name] = model.signatures[name]
        if any(found.values()):
            ports[name] = found
            signatures[name] = _with_real_ports(signatures[name], found)
            contract = {**contract, **{role: [_real_port(port) for port in contract[role]] for role in found}}
        stated.append(contract)
    if not ports:
        return model, {}
    contract = {**model.contract, "signatures": stated}
    return dataclasses.replace(model, signatures=signatures, contract=contract), ports


def _is_complex(port: Mapping[str, Any]) -> bool:
    return str(port["dtype"]).startswith("complex")


def _real_port(port: Mapping[str, Any]) -> Mapping[str, Any]:
    if not _is_complex(port):
        return port
    shape = port["shape"]
    dtype = real_dtype(tf.dtypes.as_dtype(port["dtype"])).name
    return {**port, "dtype": dtype, "shape": None if shape is None else [*shape, 2]}


def _with_real_ports(signature: Signature, names: Mapping[str, list[str]]) -> Signature:
    """Return the signature with its complex ports taken apart inside the graph."""
    outputs = dict(signature.outputs)
    with tf.Graph().as_default() as scratch:
        tf.graph_util.import_graph_def(signature.graph, name="")
        entered = {}
        for name in names["inputs"]:
            placeholder = scratch.get_tensor_by_name(f"{signature.inputs[name]}:0")
            with tf.name_scope(f"{placeholder.op.name}/as-pair/"):
                entered[placeholder.op.name] = _entered(placeholder)
        for name in names["outputs"]:
            z = scratch.get_tensor_by_name(outputs[name])
            with tf.name_scope(f"{z.op.name}/as-pair/"):
                outputs[name] = tf.stack([tf.math.real(z), tf.math.imag(z)], axis=-1, name="pair").name
        graph = scratch.as_graph_def()
    return dataclasses.replace(signature, graph=_renamed(graph, entered), outputs=outputs)


def _entered(placeholder: Any) -> tuple[str, str]:
    """Add a real placeholder and the complex tensor made of it; return the names of both nodes."""
    shape = placeholder.shape
    pair = tf.compat.v1.placeholder(
        real_dtype(placeholder.dtype), shape.concatenate(2) if shape.rank is not None else None, name="pair"
    )
    real, imag = tf.unstack(pair, num=2, axis=-1)
    return pair.op.name, tf.complex(real, imag).op.name


def _renamed(graph: GraphDef, entered: Mapping[str, tuple[str, str]]) -> GraphDef:
    """Return the graph with the new placeholders under the names of the old ones, whose readers read what is made of them."""
    made = {old: complex_ for old, (_, complex_) in entered.items()}
    named = {pair: old for old, (pair, _) in entered.items()}
    kept = tf.compat.v1.GraphDef(versions=graph.versions, library=graph.library)
    kept.node.extend(node for node in graph.node if node.name not in entered)
    for node in kept.node:
        for index, reference in enumerate(node.input):
            source = source_node(reference)
            if source in made:
                node.input[index] = reference.replace(source, made[source], 1)
            elif source in named:
                node.input[index] = reference.replace(source, named[source], 1)
        node.name = named.get(node.name, node.name)
    return kept
