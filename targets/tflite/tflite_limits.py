"""What a quantised variant can't do with a model that TFLite can run in float32, and what it needs other than that.

Called by `prepare`, before conversion.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from anyport_tf import rules
from anyport_tf.canonical import Canonical, Signature
from anyport_tf.preflight import Refusal
from anyport_tf.rules import Repair

CALIBRATED = ("int8", "int8-float-io", "int16x8")
"""Variants that fix the range of every activation, and so must see inputs while they are made."""

CONTROL_FLOW = {"While": "loop", "StatelessWhile": "loop", "If": "branch", "StatelessIf": "branch", "Case": "branch"}
UNROLL_HINT = "Build the layer with unroll=True, or take tflite:dynamic or tflite:float16, which need no calibration."

ARITHMETIC = ("AddV2", "SelectV2", "Minimum", "Maximum")
"""Ops that the quantiser of 16 bits, an older one, takes for floats whatever they compute with."""
INTEGER_HINT = "Take tflite:int8-float-io or tflite:dynamic."

SIXTEEN_BITS = {
    "Log": "tflite-runtime 2.14.0 has no LOG of 16 bits",
    "Log1p": "tflite-runtime 2.14.0 has no LOG of 16 bits",
    "Softplus": "it becomes a LOG, and tflite-runtime 2.14.0 has none of 16 bits",
    "Sum": "the interpreters' SUM of 16 bits answers wrongly (the zoo's three_signatures: -0.3 and -19 dB)",
}

HUGE = -1e4
MASK = -32.0
"""What a masking number becomes.  Masks push a score so low that softmax makes it nothing; e^-32 is 1e-14.  With the usual
-2e38 one step of an int8 is wider than all scores together (the zoo's transformer: 9 dB; with -32: 28 dB)."""


def refusals(model: Canonical, variant: str) -> Iterator[Refusal]:
    """Refuse what the calibrator or a quantiser would die of or get wrong."""
    if variant not in CALIBRATED:
        return
    for signature in model.signatures.values():
        yield from _control_flow(signature)
        if variant == "int16x8":
            yield from _sixteen_bits(model, signature)


def _control_flow(signature: Signature) -> Iterator[Refusal]:
    """A loop over lists makes the calibrator of TensorFlow 2.21.0 segfault; other loops add up the error of each round."""
    for node in signature.graph.node:
        if node.op in CONTROL_FLOW:
            reason = f"the converter dies of, or gets wrong, the ranges of what is inside a {CONTROL_FLOW[node.op]}"
            yield Refusal(op=node.op, node=node.name, reason=reason, hint=UNROLL_HINT)


def _sixteen_bits(model: Canonical, signature: Signature) -> Iterator[Refusal]:
    stated = next(item for item in model.contract["signatures"] if item["name"] == signature.name)
    integers = {signature.inputs[port["name"]] for port in stated["inputs"] if port["dtype"].startswith("int")}
    for name, operation in rules.operations(signature.graph):
        if operation.type in SIXTEEN_BITS:
            yield Refusal(op=operation.type, node=name, reason=SIXTEEN_BITS[operation.type], hint=INTEGER_HINT)
        elif operation.type in ARITHMETIC and operation.outputs[0].dtype.is_integer and integers:
            reason = "the converter's quantiser of 16 bits asks for the range of its integers and fails"
            yield Refusal(op=operation.type, node=name, reason=reason, hint=INTEGER_HINT)


def masks_within_reach(model: Canonical, variant: str) -> tuple[Canonical, list[Repair]]:
    """Return the model with masking numbers that leave integers room for what isn't masked."""
    if variant not in CALIBRATED:
        return model, []
    repairs: list[Repair] = []
    signatures = {name: _mask_of(signature, repairs) for name, signature in model.signatures.items()}
    return dataclasses.replace(model, signatures=signatures), repairs


def _mask_of(signature: Signature, repairs: list[Repair]) -> Signature:
    graph = tf.compat.v1.GraphDef()
    graph.CopyFrom(signature.graph)
    for node in graph.node:
        if node.op == "Const" and _drowns(node.attr["value"].tensor):
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(np.float32(MASK)))
            why = "one step of an integer that reaches to the mask's number is wider than all that isn't masked"
            repairs.append(Repair(rule="mask-within-reach", why=why, until="TensorFlow 2.21.0", node=node.name))
    return dataclasses.replace(signature, graph=graph)


def _drowns(tensor: Any) -> bool:
    if tensor.dtype != tf.float32.as_datatype_enum or tensor.tensor_shape.dim:
        return False
    value = float(tf.make_ndarray(tensor))
    return bool(np.isfinite(value)) and value <= HUGE
