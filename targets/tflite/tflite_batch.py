"""A fixed batch, for loops over lists: the converter lowers a list of tensors only where the shape of its elements is known.

A recurrent layer's elements are `[batch, units]`.  With the batch open nothing is known of them in time; with a batch of 1 all
is, and the file takes one row at a time.  That is the same model only where no row has a say in another's answers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tflite_lists

from anyport_guest import Array, Tensors
from anyport_tf import samples
from anyport_tf.canonical import Canonical, Signature

BATCH = 1
SEED = 0
ALIKE = 1e-3
"""Difference, as a part of an output's largest value, up to which two answers are the same but for rounding."""


def open_batch(contract: Mapping[str, Any]) -> bool:
    """Tell whether every input and output of a signature counts samples in its first dimension."""
    ports = [*contract["inputs"], *contract["outputs"]]
    return bool(ports) and all(port["shape"] and port["shape"][0] is None for port in ports)


def is_wanted(model: Canonical) -> bool:
    """Tell whether some list's elements could have a known shape if the batch were fixed."""
    return any(
        open_batch(contract) and tflite_lists.unknown(model.signatures[contract["name"]].graph)
        for contract in model.contract["signatures"]
    )


def rows_stand_alone(model: Canonical) -> bool:
    """Tell whether one row at a time gets the answers that rows get together, in every signature that counts samples.

    The file is converted at once, so that a batch fixed for one signature is fixed for all.
    """
    return all(
        _rows_stand_alone(model, contract["name"]) for contract in model.contract["signatures"] if open_batch(contract)
    )


def fixed(model: Canonical) -> Canonical:
    """Return the model with the batch of every signature that counts samples fixed."""
    contracts = {contract["name"]: contract for contract in model.contract["signatures"]}
    signatures = {
        name: _fixed(signature) if open_batch(contracts[name]) else signature
        for name, signature in model.signatures.items()
    }
    stated = [_contract(contract) if open_batch(contract) else contract for contract in contracts.values()]
    return dataclasses.replace(model, signatures=signatures, contract={**model.contract, "signatures": stated})


def _contract(stated: Mapping[str, Any]) -> dict[str, Any]:
    return {**stated, "inputs": [{**port, "shape": [BATCH, *port["shape"][1:]]} for port in stated["inputs"]]}


def _fixed(signature: Signature) -> Signature:
    graph = tf.compat.v1.GraphDef()
    graph.CopyFrom(signature.graph)
    inputs = set(signature.inputs.values())
    for node in graph.node:
        node.attr.pop("_output_shapes", None)
        if node.name in inputs:
            node.attr["shape"].shape.dim[0].size = BATCH
    return dataclasses.replace(signature, graph=tflite_lists.stated(graph))


def _rows_stand_alone(model: Canonical, name: str) -> bool:
    """Tell, by trying, whether rows asked one by one get the answers that they get together.

    A signature with tables or variables isn't tried: the proof of the artifact is what finds it out.
    """
    signature = model.signatures[name]
    if signature.tables or signature.variables:
        return True
    drawn = samples.generate(model.contract, SEED)[name][0]
    rows = range(len(next(iter(drawn.values()))))
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(signature.graph, name="")
        weights = {f"{node}:0": np.asarray(model.weights[weight]) for node, weight in signature.weights.items()}
        with tf.compat.v1.Session(graph=graph) as session:
            together = _answers(session, signature, weights, drawn)
            alone = [
                _answers(session, signature, weights, {key: value[row : row + 1] for key, value in drawn.items()})
                for row in rows
            ]
    return all(_alike(value, [answers[index] for answers in alone], len(rows)) for index, value in enumerate(together))


def _answers(session: Any, signature: Signature, weights: Tensors, call: Tensors) -> list[Array]:
    feeds = {f"{node}:0": call[name] for name, node in signature.inputs.items()}
    made: list[Array] = session.run(list(signature.outputs.values()), feeds | weights)
    return made


def _alike(together: Array, alone: list[Array], rows: int) -> bool:
    if (
        any(value.shape[:1] != (1,) or value.shape[1:] != together.shape[1:] for value in alone)
        or len(together) != rows
    ):
        return False
    apart = np.concatenate(alone)
    if together.dtype.kind not in "fc":
        return True  # a number that rounding makes another is no sign of another's say
    scale = np.max(np.abs(together[np.isfinite(together)]), initial=0.0)
    return bool(np.allclose(apart, together, rtol=0, atol=ALIKE * max(scale, 1e-30), equal_nan=True))
