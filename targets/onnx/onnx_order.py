"""One order of nodes and one numbering of names, so that the same model gives the same bytes.

tf2onnx walks over Python sets, whose order differs from process to process.  On it depend the order of nodes that don't
need each other, the numbers in names that tf2onnx makes up (`Conv__375`), and from which of several equal nodes a
name was made.  `settle` is called by `convert.py` before the weights come in.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import onnx_trees

MADE_UP = re.compile(r"__\d+|(?<=einsum)\d{9,}")
"""What marks a name as made up by tf2onnx: a counter; in the parts of an Einsum, the address of an object."""


def settle(model: Any) -> dict[str, str]:
    """Sort the nodes of `model`, drop those that nothing needs, name after their op what has a made-up name; in place.

    Returns the new names of the tensors that got one.
    """
    _sort(model.graph)
    nodes = [node for graph in onnx_trees.graphs(model.graph) for node in graph.node]
    ports = {port.name for port in [*model.graph.input, *model.graph.output]}
    new = _renamed(_tensors(model.graph), {name: node.op_type for node in nodes for name in node.output}, ports)
    onnx_trees.rename(model.graph, new)
    names = _renamed((node.name for node in nodes), {node.name: node.op_type for node in nodes}, set())
    for node in nodes:
        node.name = names.get(node.name, node.name)
    return new


def _sort(graph: Any) -> None:
    """Put each node right before the first that needs it, beginning with what the first output needs."""
    for inner in onnx_trees.inner_graphs(graph.node):
        _sort(inner)
    makers = {name: index for index, node in enumerate(graph.node) for name in node.output if name}
    needs = [[makers[name] for name in _reads(node) if name in makers] for node in graph.node]
    placed: dict[int, None] = {}
    waiting = [makers[port.name] for port in reversed(graph.output) if port.name in makers]
    while waiting:
        missing = [index for index in needs[waiting[-1]] if index not in placed]
        if missing:
            waiting.extend(reversed(missing))
        else:
            placed.setdefault(waiting.pop())
    onnx_trees.replace(graph.node, [graph.node[index] for index in placed])
    _sort_initializers(graph)


def _sort_initializers(graph: Any) -> None:
    """Put initializers in the order in which they are needed, and drop those that nothing needs."""
    values = {tensor.name: tensor for tensor in graph.initializer}
    needed = dict.fromkeys([*_tensors(graph), *(port.name for port in graph.output)])
    onnx_trees.replace(graph.initializer, [values[name] for name in needed if name in values])


def _reads(node: Any) -> Iterator[str]:
    """The tensors that a node needs, in order, those of its loop's body or its branches among them."""
    yield from node.input
    for graph in onnx_trees.inner_graphs([node]):
        for part in onnx_trees.graphs(graph):
            yield from (name for item in part.node for name in item.input)
            yield from (port.name for port in part.output)


def _tensors(graph: Any) -> Iterator[str]:
    """The names of all tensors in the order of the nodes, some of them repeatedly."""
    for part in onnx_trees.graphs(graph):
        for node in part.node:
            yield from node.input
            yield from node.output
        yield from (port.name for port in [*part.input, *part.output])


def _renamed(names: Iterable[str], ops: Mapping[str, str], fixed: set[str]) -> dict[str, str]:
    """Return new names for those that are made up: their op, or `Constant` where they have none, and a number."""
    old = list(dict.fromkeys(names))
    made_up = [name for name in old if MADE_UP.search(name) and name not in fixed]
    taken = {*fixed, *old}.difference(made_up)
    counts: Counter[str] = Counter()
    new = {}
    for name in made_up:
        op = ops.get(name, "Constant")
        counts[op] += 1
        new[name] = onnx_trees.free(f"{op}__{counts[op]}", taken)
    return new
