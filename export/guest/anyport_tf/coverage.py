"""How much of a model its samples exercise: a check is blind to a fault in what never changes.

`blind_spots` runs the canonical form once over the samples and says, for each signature, what they leave in the dark: outputs that
barely move, activations that are never above zero (a whole layer, or many of its channels), branches that are never taken.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from anyport_guest import Array, Calls

from .canonical import Canonical, Signature
from .freeze import source_node
from .samples import batched

STILL = 1e-3
"""An output barely moves that varies by less than this share of its largest value."""
DARK = 0.5
"""A layer is named of which at least this share of the channels is never above zero."""
MOST_NAMED = 5
RECTIFIERS = ("Relu", "Relu6")
BRANCHES = ("If", "StatelessIf")


def still_outputs(contract: Mapping[str, Any], outputs: Calls) -> list[str]:
    """Say which float outputs barely move from sample to sample."""
    found = []
    for signature in contract["signatures"]:
        for port in signature["outputs"]:
            moves = _moves(signature, [call[port["name"]] for call in outputs[signature["name"]]])
            if moves is not None and moves < STILL:
                found.append(
                    f"output {port['name']!r} of {signature['name']!r} barely moves over the samples (by {moves:.1g} of its "
                    "largest value), so a fault may not show in it: give samples that move it, with --samples"
                )
    return found


def _moves(signature: Mapping[str, Any], calls: Sequence[Array]) -> float | None:
    """Return by how much an output varies over the samples, as a share of its largest value; None where nothing tells."""
    if calls[0].dtype.kind != "f" or not calls[0].size or any(not np.isfinite(call).all() for call in calls):
        return None
    rows = list(calls)
    if batched(signature) and all(call.ndim for call in calls):
        rows = [row for call in calls for row in call]
    if len(rows) < 2 or any(row.shape != rows[0].shape for row in rows):
        return None
    stacked = np.stack(rows)
    scale = float(np.abs(stacked).max())
    return float(np.ptp(stacked, axis=0).max()) / scale if scale else None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Watch:
    """A tensor that tells whether a part of the model was exercised."""

    node: str
    kind: str
    """`channels`: the largest value of each; `branch`: which way it went."""


def watched(model: Canonical) -> tuple[Canonical, dict[str, dict[str, Watch]]]:
    """Return the model with what tells of its insides as outputs, and for each signature what they are."""
    signatures, watches = {}, {}
    for name, signature in model.signatures.items():
        signatures[name], watches[name] = _watched(signature)
    return dataclasses.replace(model, signatures=signatures), watches


def _watched(signature: Signature) -> tuple[Signature, dict[str, Watch]]:
    outputs, watches = dict(signature.outputs), {}
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(signature.graph, name="")
        for number, (watch, tensor) in enumerate(_tensors(graph)):
            key = f"anyport_watch_{number}"
            outputs[key] = tf.identity(tensor, name=key).name
            watches[key] = watch
        definition = graph.as_graph_def()
    return dataclasses.replace(signature, graph=definition, outputs=outputs), watches


def _tensors(graph: Any) -> Iterator[tuple[Watch, Any]]:
    for operation in graph.get_operations():
        if operation.type in RECTIFIERS and (operation.outputs[0].shape.rank or 0) > 1:
            values = operation.outputs[0]
            channels = tf.reshape(values, tf.stack([-1, tf.shape(values)[-1]]))
            yield Watch(node=operation.name, kind="channels"), tf.reduce_max(channels, axis=0)
        elif operation.type in BRANCHES:
            yield Watch(node=operation.name, kind="branch"), operation.inputs[0]


def dark_parts(model: Canonical, watches: Mapping[str, Mapping[str, Watch]], outputs: Calls) -> list[str]:
    """Say which activations are never above zero and which branches are never taken."""
    said = []
    for name, its in watches.items():
        for key, watch in its.items():
            values = [call[key] for call in outputs[name]]
            if text := _dark(model, watch, values):
                said.append(text)
    more = len(said) - MOST_NAMED
    return [*said[:MOST_NAMED], *([f"and {more} more parts that the samples don't exercise"] if more > 0 else [])]


def _dark(model: Canonical, watch: Watch, values: Sequence[Array]) -> str:
    where = model.origin(source_node(watch.node))
    if watch.kind == "branch":
        ways = {bool(np.any(value)) for value in values}
        taken = "taken" if ways == {True} else "not taken"
        return (
            f"the branch at {where} is always {taken} with the samples: the other way is not proved"
            if len(ways) == 1
            else ""
        )
    dead = float(np.mean(np.max(np.stack(values), axis=0) <= 0))
    if dead < DARK:
        return ""
    return f"{dead:.0%} of the channels of {where} are never above zero with the samples: what lies behind them is not proved"
