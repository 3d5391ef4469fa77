"""The canonical form as tf2onnx takes it: folded, simplified, repaired; and what ONNX can't say.

`prepare` is called by `preflight.py` and by `convert.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import onnx_express
import tensorflow as tf
from onnx_bfloat16 import bfloat16_as_float32
from onnx_inner_constants import inner_constants
from onnx_lists import lists_as_tensors
from onnx_rules import RULES
from tf2onnx import tf_loader

from anyport_tf import rules
from anyport_tf.canonical import Canonical, Signature
from anyport_tf.complex_pairs import complex_as_pairs
from anyport_tf.compositions import decided
from anyport_tf.explicit_state import notes as notes_of_state
from anyport_tf.explicit_state import state_as_ports
from anyport_tf.fold import folded
from anyport_tf.preflight import Prepared, options
from anyport_tf.rules import Repair

OPSET = 18
"""Old enough for the runtimes in the field (onnxruntime 1.14, 2023), new enough for Split, Pad and the reductions."""


def prepare(model: Canonical, request: Mapping[str, Any]) -> Prepared:
    """Return the model folded, simplified and repaired, and what can't be said in ONNX."""
    source, repairs = state_as_ports(model)
    model = simplified(inner_constants(simplified(folded(source))))
    for repair in (lists_as_tensors, bfloat16_as_float32, complex_as_pairs, _by_rules):
        model, done = repair(model)
        repairs += done
    if repairs:
        model = simplified(model)  # what a repair computes of constants is a constant
    while any(decided.has_decided(signature.graph) for signature in model.signatures.values()):
        model, done = _by_rules(model)
        if not done:
            break
        repairs += done
        model = simplified(model)
    refusals = onnx_express.refusals(model, opset(model, request))
    return Prepared(
        source=source,
        model=model,
        repairs=repairs,
        refusals=refusals,
        notes=notes_of_state(source),
    )


def opset(model: Canonical, request: Mapping[str, Any]) -> int:
    """Return the operator set that a prepared model is converted to."""
    return onnx_express.opset_of(model, int(options(request).get("opset", OPSET)))


def _by_rules(model: Canonical) -> tuple[Canonical, list[Repair]]:
    return rules.apply(model, RULES)


def simplified(model: Canonical) -> Canonical:
    """Return the model with what doesn't depend on inputs or weights computed."""
    signatures = {name: _simplified(signature) for name, signature in model.signatures.items()}
    return dataclasses.replace(model, signatures=signatures)


def _simplified(signature: Signature) -> Signature:
    inputs = [f"{node.name}:0" for node in signature.graph.node if node.op == "Placeholder"]
    with tf.Graph().as_default():
        graph = tf_loader.tf_optimize(inputs, list(dict.fromkeys(signature.outputs.values())), signature.graph)
    present = {node.name for node in graph.node}
    weights = {placeholder: name for placeholder, name in signature.weights.items() if placeholder in present}
    return dataclasses.replace(signature, graph=graph, weights=weights)
