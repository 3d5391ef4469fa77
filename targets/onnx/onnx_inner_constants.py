"""Constants that are handed into loops and branches, put into them: an axis or a step that tf2onnx has to see is seen there.

`inner_constants` is called by `onnx_prepare.prepare`.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import tensorflow as tf

from anyport_tf.canonical import Canonical, Signature
from anyport_tf.freeze import all_nodes, source_node

GraphDef = Any
FunctionDef = Any
Node = Any

LOOPS = ("While", "StatelessWhile")
BRANCHES = ("If", "StatelessIf")


def inner_constants(model: Canonical) -> Canonical:
    """Return the model with the constants that loops and branches are given inside them too."""
    signatures = {name: _with_inner_constants(signature) for name, signature in model.signatures.items()}
    return dataclasses.replace(model, signatures=signatures)


def _with_inner_constants(signature: Signature) -> Signature:
    if not any(node.op in (*LOOPS, *BRANCHES) for node in signature.graph.node):
        return signature
    graph = tf.compat.v1.GraphDef()
    graph.CopyFrom(signature.graph)
    functions = {item.signature.name: item for item in graph.library.function}
    times = Counter(attr.func.name for node in all_nodes(graph) for attr in node.attr.values() if attr.HasField("func"))
    waiting: list[Iterable[Node]] = [graph.node]
    while waiting:  # from the outermost to the innermost, so that a constant gets all the way in
        nodes = list(waiting.pop())
        constants = {node.name: node for node in nodes if node.op == "Const"}
        for node in nodes:
            called = [functions[attr.func.name] for attr in node.attr.values() if attr.HasField("func")]
            for function in called:
                if times[function.signature.name] == 1:
                    _put_in(function, dict(_given(node, called, constants)))
                waiting.append(function.node_def)
    return dataclasses.replace(signature, graph=graph)


def _given(node: Node, called: Iterable[FunctionDef], constants: Mapping[str, Node]) -> Iterator[tuple[int, Node]]:
    """Yield which arguments of a loop or a branch are constants, those of a loop in every round."""
    if node.op not in (*LOOPS, *BRANCHES):
        return
    inputs = [name for name in node.input if not name.startswith("^")]
    for position, name in enumerate(inputs[1:] if node.op in BRANCHES else inputs):
        constant = constants.get(source_node(name))
        if constant is not None and (node.op in BRANCHES or all(_passes_on(item, position) for item in called)):
            yield position, constant


def _passes_on(function: FunctionDef, position: int) -> bool:
    """Whether a loop's body returns an argument as it came; its condition, which returns one value, always does."""
    outputs = function.signature.output_arg
    if len(outputs) != len(function.signature.input_arg):
        return True
    nodes = {node.name: node for node in function.node_def}
    name = source_node(function.ret[outputs[position].name])
    while name in nodes and nodes[name].op == "Identity":
        name = source_node(nodes[name].input[0])
    return bool(name == function.signature.input_arg[position].name)


def _put_in(function: FunctionDef, constants: Mapping[int, Node]) -> None:
    """Have the nodes of a function read constants of its own instead of arguments."""
    new = {}
    for position, constant in constants.items():
        argument = function.signature.input_arg[position].name
        name = f"{argument}/anyport_constant"
        new[argument] = f"{name}:output:0"
        for node in function.node_def:
            node.input[:] = [new.get(reference, reference) for reference in node.input]
        inner = function.node_def.add()
        inner.CopyFrom(constant)
        inner.name = name
        del inner.input[:]
