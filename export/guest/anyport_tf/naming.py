"""What a part of the graph is called in the user's words: the layer that it belongs to, its class, the line that made it.

`named` is called by the debugger for what lies between two tensors of an artifact, which may be parts of several layers: a
convolution and the BatchNorm that a converter folded into it are one operator.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .evaluation import Graph
from .matching import PASSING
from .origins import Origins

HEAVY = (
    "Conv",
    "DepthwiseConv",
    "MatMul",
    "BatchMatMul",
    "Einsum",
    "While",
    "StatelessWhile",
    "If",
    "StatelessIf",
    "Case",
)
"""How ops begin that give a segment its name, if it has one of them."""


def named(origins: Origins, graph: Graph, nodes: Sequence[str]) -> dict[str, Any]:
    """Return `name`, `class`, `where`, `ops` and `also` (other layers) of the nodes, which are in topological order."""
    working = [node for node in nodes if graph.nodes[node].op not in (*PASSING, "Placeholder", "Const")] or list(nodes)
    heavy = [node for node in working if graph.nodes[node].op.startswith(HEAVY)]
    chosen = (heavy or working[-1:])[0]
    names = list(dict.fromkeys(_layer(origins, node) for node in working))
    name = _layer(origins, chosen)
    return {
        "name": name,
        "class": origins.layers.get(name.rpartition("/")[2]),
        "where": origins.line(chosen) or None,
        "ops": [graph.nodes[node].op for node in working],
        "also": [other for other in names if other != name],
    }


def _layer(origins: Origins, node: str) -> str:
    """Return the layer of a node after those that it lies in (`attention/query`), or the node's scope, or its own name."""
    steps = node.split("/")
    found: dict[str, None] = {}
    for place in range(1, len(steps)):
        if layer := origins.layer("/".join(steps[: place + 1])):
            found[layer] = None
    return "/".join(found) or node.rpartition("/")[0] or node
