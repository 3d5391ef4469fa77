"""Which integers and strings an input may hold, read off the graph.

An integer that indexes an Embedding must lie below its vocabulary; one that is looked up in a table should be one of
its keys.  Random values would make the source itself fail, or exercise nothing but the table's default.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import tensor_util

from .freeze import FINDING, Frozen, source_node

PASSING = {
    "Identity", "Cast", "Reshape", "ExpandDims", "Squeeze", "Pack", "ConcatV2", "StridedSlice", "Transpose", "Tile",
    "Select", "SelectV2", "AddV2", "Fill", "BroadcastTo", "PlaceholderWithDefault", "Maximum", "Minimum", "Unpack", "Split",
}  # fmt: skip
"""Ops whose output holds (some of) the values of their inputs; `AddV2` for Keras' `where(i < 0, i + size, i)`."""

MOST_KEYS = 64
"""Keys of a table that the contract lists; enough to hit many of them, few enough to read."""


def valid_values(frozen: Frozen, tensor: str) -> dict[str, Any] | None:
    """Return `{"min": a, "max": b}` or `{"any_of": […]}` for the input `tensor`, or None if nothing limits it."""
    users = defaultdict(list)
    nodes = {node.name: node for node in frozen.graph.node}
    for node in nodes.values():
        for position, reference in enumerate(node.input):
            users[source_node(reference)].append((node, position))
    seen, waiting = set(), [source_node(tensor)]
    dtype = tf.dtypes.as_dtype(nodes[waiting[0]].attr["dtype"].type)
    if not (dtype.is_integer or dtype == tf.string):
        return None
    limits: list[int] = []
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        for node, position in users[name]:
            if node.op in FINDING and position == 1:
                return _keys(frozen, source_node(node.input[0]))
            if (limit := _limit(frozen, nodes, node, position)) is not None:
                limits.append(limit)
            elif node.op in PASSING:
                waiting.append(node.name)
    return {"min": 0, "max": min(limits) - 1} if limits else None


def _limit(frozen: Frozen, nodes: dict[str, Any], node: Any, position: int) -> int | None:
    """Return the exclusive upper bound that `node` sets on what comes in at `position`."""
    if node.op == "GatherV2" and position == 1:
        axis = _constant(nodes, node.input[2])
        shape = _shape(frozen, nodes, source_node(node.input[0]))
        return shape[int(axis)] if axis is not None and shape is not None else None
    if node.op == "OneHot" and position == 0:
        depth = _constant(nodes, node.input[1])
        return None if depth is None else int(depth)
    return None


def _shape(frozen: Frozen, nodes: dict[str, Any], name: str) -> tuple[int, ...] | None:
    while nodes[name].op == "Identity":
        name = source_node(nodes[name].input[0])
    if name in frozen.weights:
        return tuple(frozen.weights[name].shape)
    if nodes[name].op == "Const":
        return tuple(dim.size for dim in nodes[name].attr["value"].tensor.tensor_shape.dim)
    return None


def _constant(nodes: dict[str, Any], reference: str) -> Any:
    node = nodes[source_node(reference)]
    return tensor_util.MakeNdarray(node.attr["value"].tensor) if node.op == "Const" else None


def _keys(frozen: Frozen, table: str) -> dict[str, Any] | None:
    if table not in frozen.tables:
        return None
    keys = np.sort(frozen.tables[table][0])
    chosen = keys[np.linspace(0, len(keys) - 1, min(len(keys), MOST_KEYS)).astype(int)]
    return {"any_of": [key.decode(errors="replace") if isinstance(key, bytes) else key.item() for key in chosen]}
