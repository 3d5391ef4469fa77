"""The canonical form as the TFLite converter takes it: folded, repaired, its batch fixed where need be; and what can't be said.

`prepare` is called by `preflight.py` and by `convert.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import tensorflow as tf
import tflite_batch
import tflite_floats
import tflite_limits
from tflite_ops import lacks
from tflite_rules import RULES

from anyport_tf import rules
from anyport_tf.canonical import Canonical, Signature
from anyport_tf.complex_pairs import complex_as_pairs
from anyport_tf.constants import computed
from anyport_tf.fold import folded
from anyport_tf.freeze import FINDING, source_node
from anyport_tf.preflight import Prepared, Refusal
from anyport_tf.rewrite import lookups_as_search
from anyport_tf.rules import Repair

FALLBACK_HINT = "Replace it in the model, or leave this target out."
STATE_HINT = "Make the state an input and an output of the signature."
TABLE_HINT = "Only tables whose entries are known when the model is exported can go into a TFLite file."


def prepare(model: Canonical, request: Mapping[str, Any]) -> Prepared:
    """Return the model as its converter takes it, what was repaired for that, and what TFLite can't do with it."""
    contract = model.contract
    searched = {
        name: dataclasses.replace(signature, graph=lookups_as_search(model, signature))
        for name, signature in model.signatures.items()
    }
    model = dataclasses.replace(
        model, signatures={name: rules.trimmed(signature) for name, signature in searched.items()}
    )
    notes = list(tflite_floats.notes(contract))
    model, repairs = tflite_floats.float32_only(model)
    model = computed(folded(model))
    model, pairs = complex_as_pairs(model)
    repairs += pairs
    if batch_is_fixed(model):
        model = tflite_batch.fixed(model)
        repairs += list(_batch_repairs(model))
        notes.append("recurrent loops need a fixed batch in TFLite: the file takes one row at a time")
    model, made = rules.apply(model, RULES)
    repairs += made
    if repairs:
        model = computed(model)
    model, masks = tflite_limits.masks_within_reach(model, request["variant"])
    repairs += masks
    limits = tflite_limits.refusals(model, request["variant"])
    return Prepared(model=model, repairs=repairs, refusals=[*_refusals(model), *limits], notes=notes)


def batch_is_fixed(model: Canonical) -> bool:
    """Tell whether the file takes one row at a time.

    It is converted at once, so that a batch fixed for one signature is fixed for all.
    """
    contracts = {contract["name"]: contract for contract in model.contract["signatures"]}
    return any(
        tflite_batch.open_batch(contracts[name]) and tflite_batch.has_lists(signature.graph)
        for name, signature in model.signatures.items()
    )


def _batch_repairs(model: Canonical) -> Iterator[Repair]:
    why = "the converter lowers lists of tensors only where the shape of their elements is known"
    for signature in model.signatures.values():
        for node in signature.graph.node:
            if node.op in tflite_batch.LISTS:
                yield Repair(rule="batch-of-one", why=why, until="TensorFlow 2.21.0", node=node.name)
                break


def _refusals(model: Canonical) -> Iterator[Refusal]:
    for signature in model.signatures.values():
        for placeholder in signature.variables:
            reason = "the signature assigns this variable, and its answers depend on what was asked before"
            yield Refusal(op="VarHandleOp", node=placeholder, reason=reason, hint=STATE_HINT)
        yield from _of_signature(model, signature)


def _of_signature(model: Canonical, signature: Signature) -> Iterator[Refusal]:
    yield from _of_ports(model, signature)
    library = {function.signature.name for function in signature.graph.library.function}
    explained = {*signature.tables, *signature.variables}
    for name, operation in rules.operations(signature.graph):
        if operation.type in library:
            continue
        if (
            operation.type == "Placeholder"
            and operation.outputs[0].dtype == tf.resource
            and "/" not in name
            and name not in explained
        ):
            reason = "it is a resource that isn't a lookup table that anyport can read"
            yield Refusal(op="Placeholder", node=name, reason=reason, hint=TABLE_HINT)
        elif operation.type in FINDING and operation.inputs[0].op.name not in explained:
            reason = "its table comes from outside its loop or branch, where TFLite can't hand it in"
            yield Refusal(op=operation.type, node=name, reason=reason, hint="Do the lookup before the loop or branch.")
        elif reason := lacks(operation):
            yield Refusal(op=operation.type, node=name, reason=reason, hint=FALLBACK_HINT)


def _of_ports(model: Canonical, signature: Signature) -> Iterator[Refusal]:
    """Refuse inputs and outputs that tflite-runtime's Python can't be fed with or give."""
    stated = next(item for item in model.contract["signatures"] if item["name"] == signature.name)
    nodes = {**signature.inputs, **{name: source_node(tensor) for name, tensor in signature.outputs.items()}}
    for port in (*stated["inputs"], *stated["outputs"]):
        if port["dtype"] == "uint16":
            reason = f"tflite-runtime 2.14.0 can't be fed a uint16 or give one, and {port['name']!r} is"
            yield Refusal(
                op="Placeholder", node=nodes[port["name"]], reason=reason, hint="Take and return int32, and cast."
            )
