"""ONNX graphs hold graphs: the bodies of loops and the branches of conditions.  What walks over all of them is here."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from onnx import AttributeProto


def graphs(graph: Any) -> Iterator[Any]:
    """Yield the graph and the graphs of its control flow, at any depth."""
    yield graph
    for inner in inner_graphs(graph.node):
        yield from graphs(inner)


def inner_graphs(nodes: Iterable[Any]) -> Iterator[Any]:
    """Yield the graphs that are attributes of `nodes` themselves."""
    for node in nodes:
        for attribute in node.attribute:
            if attribute.type == AttributeProto.GRAPH:
                yield attribute.g


def rename(graph: Any, new: Mapping[str, str]) -> None:
    """Rename tensors wherever they occur: in the graph of a loop or a branch, a name can be one from outside."""
    for part in graphs(graph):
        for item in [*part.input, *part.output, *part.initializer, *part.value_info]:
            item.name = new.get(item.name, item.name)
        for node in part.node:
            for names in (node.input, node.output):
                names[:] = [new.get(name, name) for name in names]


def replace(field: Any, items: Iterable[Any]) -> None:
    """Set a repeated field of a protobuf to `items`, which may come from the field itself."""
    kept = [type(item).FromString(item.SerializeToString()) for item in items]
    del field[:]
    field.extend(kept)


def free(wanted: str, taken: Collection[str], mark: str = "_") -> str:
    """Return `wanted`, with a number behind it where that is taken."""
    name, number = wanted, 1
    while name in taken:
        name, number = f"{wanted}{mark}{number}", number + 1
    return name
