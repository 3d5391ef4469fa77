"""The canonical form as the TFLite converter takes it: folded, repaired, its batch fixed where need be; and what can't be said.

`prepare` is called by `preflight.py` and by `convert.py`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from typing import Any

import tensorflow as tf
import tflite_batch
import tflite_control
import tflite_floats
import tflite_limits
import tflite_lists
import tflite_ports
import tflite_state
from tflite_ops import lacks
from tflite_rules import RULES

from anyport_tf import rules
from anyport_tf.canonical import Canonical, Signature
from anyport_tf.complex_pairs import complex_as_pairs
from anyport_tf.compositions import decided
from anyport_tf.constants import computed
from anyport_tf.fold import folded
from anyport_tf.freeze import FINDING
from anyport_tf.preflight import Prepared, Refusal
from anyport_tf.rewrite import lookups_as_search
from anyport_tf.rules import Repair

FALLBACK_HINT = "Replace it in the model, or leave this target out."
LIST_HINT = (
    "State the shape of what the loop collects, without open dimensions: a TensorArray's element_shape, a fixed batch."
)
TABLE_HINT = "Only tables whose entries are known when the model is exported can go into a TFLite file."


def prepare(model: Canonical, request: Mapping[str, Any]) -> Prepared:
    """Return the model as its converter takes it, what was repaired for that, and what TFLite can't do with it."""
    source, contract = model, model.contract
    model = _with_graphs(model, partial(lookups_as_search, model))
    notes = list(tflite_floats.notes(contract, {**tflite_floats.NARROWED, **tflite_ports.WIDER}))
    model, repairs = tflite_state.plain(model)
    for repair in (tflite_floats.float32_only, tflite_ports.fed_and_given):
        model, done = repair(model)
        repairs += done
    model = computed(folded(model))
    model, pairs = complex_as_pairs(model)
    repairs += pairs
    model = _with_graphs(model, lambda signature: tflite_lists.stated(tflite_control.constants_inside(signature.graph)))
    wanted = tflite_batch.is_wanted(model)
    mixed = wanted and not tflite_batch.rows_stand_alone(model)
    if wanted and not mixed:
        model = tflite_batch.fixed(model)
        repairs += list(_batch_repairs(model))
        notes.append("recurrent loops need a fixed batch in TFLite: the file takes one row at a time")
    model, made = rules.apply(model, RULES)
    repairs += made
    if repairs:
        model = computed(model)
    while made and any(decided.has_decided(signature.graph) for signature in model.signatures.values()):
        model, made = rules.apply(model, RULES)
        repairs += made
        model = computed(model)
    model = _with_graphs(model, lambda signature: tflite_control.copied(signature.graph))
    model, masks = tflite_limits.masks_within_reach(model, request["variant"])
    repairs += masks
    refusals = [*_refusals(model, mixed), *tflite_limits.refusals(model, request["variant"])]
    return Prepared(source=source, model=model, repairs=repairs, refusals=refusals, notes=notes)


def _with_graphs(model: Canonical, repair: Callable[[Signature], Any]) -> Canonical:
    """Return the model with the graph of each signature repaired, and without what that leaves unused."""
    signatures = {
        name: rules.trimmed(dataclasses.replace(signature, graph=repair(signature)))
        for name, signature in model.signatures.items()
    }
    return dataclasses.replace(model, signatures=signatures)


def _batch_repairs(model: Canonical) -> Iterator[Repair]:
    why = "the converter lowers lists of tensors only where the shape of their elements is known"
    for signature in model.signatures.values():
        for node in signature.graph.node:
            if node.op in tflite_lists.LISTS:
                yield Repair(rule="batch-of-one", why=why, until="TensorFlow 2.21.0", node=node.name)
                break


def _refusals(model: Canonical, mixed: bool) -> Iterator[Refusal]:
    for signature in model.signatures.values():
        yield from _of_signature(model, signature, mixed)


def _of_signature(model: Canonical, signature: Signature, mixed: bool) -> Iterator[Refusal]:
    """Refuse what no operator expresses; `mixed` if rows have a say in each other's answers."""
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
        elif operation.type in ("TensorListReserve", "EmptyTensorList") and (reason := lacks(operation)):
            more = ", nor can the file take one row at a time: rows change each other's answers" if mixed else ""
            yield Refusal(op=operation.type, node=name, reason=reason + more, hint=LIST_HINT)
        elif reason := lacks(operation):
            yield Refusal(op=operation.type, node=name, reason=reason, hint=FALLBACK_HINT)
