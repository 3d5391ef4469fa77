"""Which nodes of a TF.js graph can be fetched: those that run once, whatever the input; not those of loops and branches.

Control flow is of the older kind there (`tfjs_control_flow.py`): a loop's nodes lie between `Enter` and `Exit`, a branch's
between `Switch` and `Merge`.  Called by `cut.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

from tfjs_file import Node, in_order

from anyport_tf.tensor_names import split

DEEPER, BACK = 1, -1


def outside(nodes: Mapping[str, Node]) -> set[str]:
    """Return the names of the nodes that lie in no loop and no branch."""
    depth: dict[str, int] = {}
    for name in in_order(nodes):
        before = [depth.get(split(tensor)[0], 0) for tensor in nodes[name].get("input", ())]
        depth[name] = max(0, max(before, default=0) + _step(nodes, nodes[name]))
    return {name for name, found in depth.items() if not found}


def _step(nodes: Mapping[str, Node], node: Node) -> int:
    """Return by how much a node is deeper in loops and branches than what it reads."""
    read = [nodes[split(tensor)[0]]["op"] for tensor in node.get("input", ())]
    if node["op"] == "Enter":
        return DEEPER
    if node["op"] == "Exit":
        return BACK
    if node["op"] == "Switch":  # a loop's own, which its condition steers, leads no deeper
        return 0 if "LoopCond" in read else DEEPER
    if node["op"] == "Merge":  # a loop's own begins each turn
        return 0 if "NextIteration" in read else BACK
    return 0
