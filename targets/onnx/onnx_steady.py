"""tf2onnx walking in one order.  Importing this file wraps three methods of its `Graph` and `Node`.

tf2onnx 1.17.0 keeps nodes in Python sets and walks over them, in an order that differs from process to process, and
with it which of several equal transposes survives and where an Identity is left: the same model gives another file each
time.  Here the sets come out sorted by name.  It can go when converting an LSTM twice gives the same bytes without it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any

from tf2onnx.graph import Graph, Node


def _sorted(method: Callable[..., Iterable[Any]], key: Callable[[Any], str]) -> Callable[..., list[Any]]:
    @functools.wraps(method)
    def wrapper(*args: Any, **kwargs: Any) -> list[Any]:
        return sorted(method(*args, **kwargs), key=key)

    return wrapper


def _name(node: Any) -> str:
    return str(node.name)


Graph.find_output_consumers = _sorted(Graph.find_output_consumers, _name)
Graph.extract_sub_graph_nodes = _sorted(Graph.extract_sub_graph_nodes, _name)
Node.get_implicit_inputs = _sorted(Node.get_implicit_inputs, str)
