"""The canonical form as the TF.js converter takes it: BatchNorm folded, simplified, repaired; and what can't be said.

`prepare` is called by `preflight.py` and by `convert.py`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
import tfjs_control_flow
import tfjs_preflight
from tfjs_rules import RULES

from anyport_tf import rules
from anyport_tf.canonical import Canonical, Signature
from anyport_tf.complex_pairs import complex_as_pairs
from anyport_tf.explicit_state import notes as notes_of_state
from anyport_tf.explicit_state import state_as_ports
from anyport_tf.fold import folded
from anyport_tf.preflight import Prepared
from anyport_tf.rewrite import lookups_as_search

GraphDef = Any

SIMPLIFYING = ("pruning", "constfold", "arithmetic", "dependency") * 2
"""The passes of TF.js' own converter before its fusions.  They come before the repairs, some of which they would undo
(a cast moved behind the op that it was made for)."""


def prepare(model: Canonical, request: Mapping[str, Any]) -> Prepared:
    """Return the model with each output a node of its own, simplified and repaired, and what TF.js can't do with it."""
    source, opened = state_as_ports(model)
    model = source
    contracts = {contract["name"]: contract for contract in model.contract["signatures"]}
    named = {
        name: _outputs_named(dataclasses.replace(signature, graph=lookups_as_search(model, signature)), contracts[name])
        for name, signature in model.signatures.items()
    }
    model = folded(dataclasses.replace(model, signatures=named))
    simple = {name: _simplified(signature) for name, signature in model.signatures.items()}
    model, paired = complex_as_pairs(dataclasses.replace(model, signatures=simple))
    model, repaired = rules.apply(model, RULES)
    return Prepared(
        source=source,
        model=model,
        repairs=[*opened, *paired, *repaired],
        refusals=tfjs_preflight.refusals(model),
        notes=[*notes_of_state(source), *tfjs_preflight.notes(model)],
    )


def _outputs_named(signature: Signature, contract: Mapping[str, Any]) -> Signature:
    """Return the signature with an `Identity` of its own for each output.

    TF.js can't fetch an input, and gives two outputs that are one tensor one name.  The node is called as the output
    is, where a node can be.
    """
    graph = tf.compat.v1.GraphDef()
    graph.CopyFrom(signature.graph)
    dtypes = {tensor["name"]: tf.dtypes.as_dtype(tensor["dtype"]).as_datatype_enum for tensor in contract["outputs"]}
    taken = {node.name for node in graph.node}
    outputs = {}
    for name, tensor in signature.outputs.items():
        node = _free_name(name, taken)
        graph.node.add(name=node, op="Identity", input=[tensor]).attr["T"].type = dtypes[name]
        taken.add(node)
        outputs[name] = f"{node}:0"
    return rules.trimmed(dataclasses.replace(signature, graph=graph, outputs=outputs))


def _free_name(wanted: str, taken: set[str]) -> str:
    base = re.sub(r"[^A-Za-z0-9_.\\/-]", "_", wanted) or "output"
    base = base if base[0].isalnum() else f"output{base}"
    name, number = base, 1
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    return name


def _simplified(signature: Signature) -> Signature:
    """Run TensorFlow's own optimizers; an input that they found the model to ignore is an input all the same."""
    outputs = [name.split(":")[0] for name in signature.outputs.values()]
    graph = tfjs_control_flow.grappler(signature.graph, outputs, SIMPLIFYING)
    present = {node.name for node in graph.node}
    inputs = set(signature.inputs.values()) - present
    graph.node.extend(node for node in signature.graph.node if node.name in inputs)
    return rules.trimmed(dataclasses.replace(signature, graph=graph))
