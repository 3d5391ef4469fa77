"""A fixed batch, for loops over lists: the converter lowers a list of tensors only where the shape of its elements is known.

A recurrent layer's elements are `[batch, units]`.  With the batch open nothing is known of them in time; with a batch of 1 all
is, and the file takes one row at a time.  That is the same model only where no row has a say in another's answers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tflite_lists

from anyport_guest import Array, Tensors
from anyport_tf import samples
from anyport_tf.canonical import Canonical, Signature

BATCH = 1
SEED = 0
TWICE = 2
"""Times that the same rows are asked: what has state answers otherwise then."""
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

    A signature with tables isn't tried: the proof of the artifact is what finds it out.
    """
    signature = model.signatures[name]
    if signature.tables:
        return True
    drawn = samples.generate(model.contract, SEED)[name][0]
    rows = range(len(next(iter(drawn.values()))))
    parts = [{key: value[row : row + 1] for key, value in drawn.items()} for row in rows]
    together = _answers(model, signature, [drawn] * TWICE)
    alone = _answers(model, signature, parts * TWICE)
    return all(
        _alike(value, [answers[index] for answers in alone[turn * len(rows) :][: len(rows)]])
        for turn, answers in enumerate(together)
        for index, value in enumerate(answers)
    )


def _answers(model: Canonical, signature: Signature, calls: Sequence[Tensors]) -> list[list[Array]]:
    """Return what the signature answers to one call after the other, its variables at their initial values at first."""
    with tf.Graph().as_default() as graph:
        variables = {
            f"{node}:0": tf.compat.v1.Variable(np.asarray(model.weights[weight]), use_resource=True)
            for node, weight in signature.variables.items()
        }
        handles = {node: variable.handle for node, variable in variables.items()}
        outputs = list(signature.outputs.values())
        tensors = tf.graph_util.import_graph_def(
            signature.graph,
            input_map=handles,
            return_elements=[*outputs, *(f"{n}:0" for n in signature.weights)],
            name="",
        )
        weights = {
            tensor: np.asarray(model.weights[weight])
            for tensor, weight in zip(tensors[len(outputs) :], signature.weights.values(), strict=True)
        }
        inputs = {name: graph.get_tensor_by_name(f"{node}:0") for name, node in signature.inputs.items()}
        with tf.compat.v1.Session(graph=graph) as session:
            session.run([variable.initializer for variable in variables.values()])
            feeds = [{inputs[name]: value for name, value in call.items()} | weights for call in calls]
            return [session.run(tensors[: len(outputs)], feed) for feed in feeds]


def _alike(together: Array, alone: list[Array]) -> bool:
    if any(value.shape[:1] != (1,) or value.shape[1:] != together.shape[1:] for value in alone) or len(together) != len(
        alone
    ):
        return False
    apart = np.concatenate(alone)
    if together.dtype.kind not in "fc":
        return True  # a number that rounding makes another is no sign of another's say
    scale = np.max(np.abs(together[np.isfinite(together)]), initial=0.0)
    return bool(np.allclose(apart, together, rtol=0, atol=ALIKE * max(scale, 1e-30), equal_nan=True))
