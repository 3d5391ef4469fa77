"""Inputs and outputs in dtypes that an interpreter's Python can be fed with and can give.

tflite-runtime 2.14.0 can't be fed a uint16 and gives none, though it computes with them: such a port is int32 in the file, a
cast away from the model.  The contract keeps the source's dtype, and whoever feeds the file casts, as for floats
(`tflite_floats`).  Called by `tflite_prepare`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from anyport_tf.canonical import Canonical, Signature
from anyport_tf.freeze import source_node
from anyport_tf.precision import widen
from anyport_tf.rules import Repair

WIDER = {"uint16": "int32"}
"""Dtype in the source → in the file: the narrowest that both interpreters take and that holds every value."""
WHY = "tflite-runtime can't be fed a uint16 or give one"


def fed_and_given(model: Canonical) -> tuple[Canonical, list[Repair]]:
    """Return the model with such ports in the wider dtype, and what was done."""
    contracts, signatures, repairs = [], {}, list[Repair]()
    for contract in model.contract["signatures"]:
        signature = model.signatures[contract["name"]]
        nodes = list(_to_widen(signature, contract))
        repairs += [Repair(rule="port-as-int32", why=WHY, until="tflite-runtime 2.14.0", node=node) for node in nodes]
        signatures[signature.name] = _widened(signature, contract) if nodes else signature
        contracts.append(_stated(contract))
    stated = {**model.contract, "signatures": contracts}
    return dataclasses.replace(model, contract=stated, signatures=signatures), repairs


def _to_widen(signature: Signature, contract: Mapping[str, Any]) -> Iterator[str]:
    for port in contract["inputs"]:
        if port["dtype"] in WIDER:
            yield signature.inputs[port["name"]]
    for port in contract["outputs"]:
        if port["dtype"] in WIDER:
            yield source_node(signature.outputs[port["name"]])


def _widened(signature: Signature, contract: Mapping[str, Any]) -> Signature:
    inputs = {signature.inputs[p["name"]]: p["dtype"] for p in contract["inputs"] if p["dtype"] in WIDER}
    outputs = {signature.outputs[p["name"]]: p["dtype"] for p in contract["outputs"] if p["dtype"] in WIDER}
    graph, replaced = widen(signature.graph, inputs, outputs, WIDER)
    moved = {name: replaced.get(tensor, tensor) for name, tensor in signature.outputs.items()}
    return dataclasses.replace(signature, graph=graph, outputs=moved)


def _stated(contract: Mapping[str, Any]) -> dict[str, Any]:
    def ports(role: str) -> list[dict[str, Any]]:
        return [{**port, "dtype": WIDER.get(port["dtype"], port["dtype"])} for port in contract[role]]

    return {**contract, "inputs": ports("inputs"), "outputs": ports("outputs")}
