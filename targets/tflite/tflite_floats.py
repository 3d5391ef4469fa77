"""One kind of float: what a model computes in float64, float16 or bfloat16 is computed in float32.

TFLite's kernels compute in float32.  Inputs and outputs are float32 in the file too; the contract keeps the source's dtypes,
and whoever feeds the file casts (`NARROWED`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import tensor_util

from anyport_tf import rules
from anyport_tf.canonical import Array, Canonical, dtype_name
from anyport_tf.compositions import rounding
from anyport_tf.freeze import all_nodes
from anyport_tf.rules import Repair, Rule

GraphDef = Any
NodeDef = Any

NARROWED = {"float64": "float32", "float16": "float32", "bfloat16": "float32", "complex128": "complex64"}
"""Dtype in the source → in the file."""
ENUMS = {
    tf.dtypes.as_dtype(old).as_datatype_enum: tf.dtypes.as_dtype(new).as_datatype_enum for old, new in NARROWED.items()
}

WHY = "TFLite's kernels compute in float32"
UNTIL = "TensorFlow 2.21.0, tflite-runtime 2.14.0"

ROUNDING = Rule(
    name="narrow-cast-as-rounding",
    ops=("Cast",),
    becomes=rounding.narrow_cast,
    when=rounding.rounds_what_comes_in,
    why=WHY,
    until=UNTIL,
)
"""What a model computes may keep more bits than it had; an input or a weight is what the model says it is."""


def float32_only(model: Canonical) -> tuple[Canonical, list[Repair]]:
    """Return the model with every float in float32 (and every complex number in complex64), and what was done."""
    if not any(
        _types(node) & ENUMS.keys() for signature in model.signatures.values() for node in all_nodes(signature.graph)
    ):
        return model, []
    model, done = rules.apply(model, [ROUNDING])
    signatures = {}
    for name, signature in model.signatures.items():
        first = next(
            (node.name for node in signature.graph.node if node.op != "Placeholder" and _types(node) & ENUMS.keys()), ""
        )
        if first:
            done.append(Repair(rule="float32-only", why=WHY, until=UNTIL, node=first))
        signatures[name] = dataclasses.replace(signature, graph=_narrowed(signature.graph))
    contract = {**model.contract, "signatures": [_contract(stated) for stated in model.contract["signatures"]]}
    weights = _Narrowed(model.weights)
    return dataclasses.replace(model, contract=contract, signatures=signatures, weights=weights), done


def notes(contract: Mapping[str, Any], instead: Mapping[str, str] = NARROWED) -> Iterator[str]:
    """Yield what a user must know of dtypes that the file doesn't have, and of those that it has `instead`."""
    for signature in contract["signatures"]:
        for role in ("inputs", "outputs"):
            for tensor in signature[role]:
                if tensor["dtype"] in instead:
                    what = f"{role[:-1]} {tensor['name']!r} of {signature['name']!r}"
                    yield f"{what} is {instead[tensor['dtype']]} in TFLite, and {tensor['dtype']} in the source"


def _contract(stated: Mapping[str, Any]) -> dict[str, Any]:
    def ports(role: str) -> list[dict[str, Any]]:
        return [{**port, "dtype": NARROWED.get(port["dtype"], port["dtype"])} for port in stated[role]]

    return {**stated, "inputs": ports("inputs"), "outputs": ports("outputs")}


def _types(node: NodeDef) -> set[int]:
    return {int(attr.type) for attr in node.attr.values()} | {
        int(dtype) for attr in node.attr.values() for dtype in attr.list.type
    }


def _narrowed(graph: GraphDef) -> GraphDef:
    made = tf.compat.v1.GraphDef()
    made.CopyFrom(graph)
    for node in all_nodes(made):
        for name, attr in node.attr.items():
            if attr.type in ENUMS:
                attr.type = ENUMS[attr.type]
            if any(dtype in ENUMS for dtype in attr.list.type):
                attr.list.type[:] = [ENUMS.get(dtype, dtype) for dtype in attr.list.type]
            if attr.HasField("tensor") and attr.tensor.dtype in ENUMS:
                value = narrowed(tensor_util.MakeNdarray(attr.tensor))
                node.attr[name].tensor.CopyFrom(tf.make_tensor_proto(value))
    for function in made.library.function:
        for argument in (*function.signature.input_arg, *function.signature.output_arg):
            argument.type = ENUMS.get(argument.type, argument.type)
    return made


def narrowed(value: Array) -> Array:
    """Return an array in its dtype's narrower one; a finite number stays finite (a mask's −10³⁰⁰ isn't −∞)."""
    wanted = NARROWED.get(dtype_name(value))
    if wanted is None:
        return value
    if wanted == "float32" and dtype_name(value) == "float64":
        most = np.finfo(np.float32).max
        value = np.where(np.isfinite(value), np.clip(value, -most, most), value)
    return value.astype(wanted)


class _Narrowed(Mapping[str, Array]):
    """Weights, narrowed when they are read."""

    def __init__(self, weights: Mapping[str, Array]) -> None:
        self._weights = weights

    def __getitem__(self, name: str) -> Array:
        value = self._weights[name]
        return narrowed(value) if dtype_name(value) in NARROWED else value

    def __iter__(self) -> Iterator[str]:
        return iter(self._weights)

    def __len__(self) -> int:
        return len(self._weights)
