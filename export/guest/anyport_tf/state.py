"""State that no answer shows: variables that a model assigns, and that no output of any signature depends on.

Called by `anyport_tf.trace` on what it froze.  Keras' MixUp and CutMix draw random numbers in inference too and use none of
them; all that remains is a seed that counts up, which TFLite, TF.js and ONNX can't keep.  Call counters are another kind.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Set

from .freeze import Frozen, GraphDef, NodeDef, all_nodes, assigns, drop_control_inputs, prune, source_node


def seen(frozen: Frozen, outputs: Iterable[str]) -> set[str]:
    """Return the variables of the source (as in `Frozen.states`) that some of the tensors `outputs` depend on."""
    by_name = {node.name: node for node in frozen.graph.node}
    users: dict[str, list[NodeDef]] = {handle: [] for handle in frozen.variables}
    for node in frozen.graph.node:
        for handle in _data(node) & set(users):
            users[handle].append(node)
    reached: set[str] = set()
    waiting = [source_node(name) for name in outputs]
    while waiting:
        name = waiting.pop()
        if name in reached:
            continue
        reached.add(name)
        # What a variable is assigned, here or in a loop or branch that takes it, shows wherever it is read.
        for node in (by_name[name], *users.get(name, ())):
            waiting += _data(node)
    return {frozen.states[initial] for handle, initial in frozen.variables.items() if handle in reached}


def without(frozen: Frozen, outputs: Iterable[str], variables: Set[str]) -> Frozen:
    """Return the graph without `variables`, of which no output may depend on any, and without what assigns them."""
    handles = {handle for handle, initial in frozen.variables.items() if frozen.states[initial] in variables}
    graph = _without_users(frozen.graph, handles)
    if not any(assigns(node) for node in all_nodes(graph)):
        for node in all_nodes(graph):
            drop_control_inputs(node)
    graph = prune(graph, [source_node(name) for name in outputs])
    present = {node.name for node in graph.node}
    kept = {handle: initial for handle, initial in frozen.variables.items() if handle in present}
    needed = present | set(kept.values())
    return dataclasses.replace(
        frozen,
        graph=graph,
        weights={name: value for name, value in frozen.weights.items() if name in needed},
        variables=kept,
        states={initial: frozen.states[initial] for initial in kept.values()},
    )


def _without_users(graph: GraphDef, handles: Set[str]) -> GraphDef:
    """Remove the variables `handles`, what reads and assigns them and whatever is computed from that; nobody waits for it."""
    gone = set(handles)
    kept = list(graph.node)
    while more := [node for node in kept if node.name in gone or _data(node) & gone]:
        gone |= {node.name for node in more}
        kept = [node for node in kept if node.name not in gone]
    made = type(graph)(versions=graph.versions, library=graph.library)
    made.node.extend(kept)
    for node in made.node:
        waits = [name for name in node.input if not (name.startswith("^") and source_node(name) in gone)]
        del node.input[:]
        node.input.extend(waits)
    return made


def _data(node: NodeDef) -> set[str]:
    """Return the nodes whose values the node takes."""
    return {source_node(name) for name in node.input if not name.startswith("^")}
