"""Which loops tf2onnx converts rightly: those whose lists of tensors are read, or written once a round in order.

`regular` is called by `onnx_lists.py`.  tf2onnx 1.17.0 makes a "scan output" of a list that a loop writes, whatever the place
written to: it looks at neither the index nor the number of rounds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import tensorflow as tf

from anyport_tf.freeze import source_node

GraphDef = Any
FunctionDef = Any
Operation = Any
Tensor = Any

LOOPS = ("While", "StatelessWhile")
COUNTING = {"Const", "Identity", "Less", "LogicalAnd"}
"""Ops of a condition that only counts rounds."""


def called(operation: Operation) -> list[str]:
    """Return the functions that a loop or a branch calls."""
    return [attr.func.name for attr in operation.node_def.attr.values() if attr.HasField("func")]


def has_lists(library: GraphDef, name: str) -> bool:
    """Tell whether a function, or one that it calls, has to do with lists."""
    functions = {item.signature.name: item for item in library.library.function}
    waiting, seen = [name], set()
    while waiting:
        function = functions.get(waiting.pop())
        if function is None or function.signature.name in seen:
            continue
        seen.add(function.signature.name)
        for node in function.node_def:
            if "TensorList" in node.op:
                return True
            waiting += [attr.func.name for attr in node.attr.values() if attr.HasField("func")]
    return False


@dataclasses.dataclass(frozen=True, kw_only=True)
class Regular:
    """What tf2onnx converts rightly of the lists of one graph."""

    operations: set[str]
    """Loops that have no other lists, and what makes and reads their lists."""
    arguments: Mapping[str, set[int]]
    """Loop that has others too → which of its arguments are such lists."""
    inner: Mapping[str, set[str]]
    """Loop → the nodes of its body that read and write such lists."""


def regular(graph: Any, library: GraphDef) -> Regular:
    """Return what is to be left as it is of a graph's lists."""
    functions = {item.signature.name: item for item in library.library.function}
    operations: set[str] = set()
    arguments, inner = {}, {}
    for operation in graph.get_operations():
        if operation.type in LOOPS:
            loop = _Loop(operation, functions)
            found = loop.regular_arguments()
            arguments[operation.name] = found
            inner[operation.name] = {node.name for index in found for node in loop.users(index)}
            operations.update(name for index in found for name in loop.around(index))
            if inner[operation.name] >= loop.list_nodes() and not has_lists_inside(library, loop.body):
                operations.add(operation.name)
    return Regular(operations=operations, arguments=arguments, inner=inner)


def has_lists_inside(library: GraphDef, function: FunctionDef) -> bool:
    """Tell whether a function calls others that have to do with lists."""
    names = [attr.func.name for node in function.node_def for attr in node.attr.values() if attr.HasField("func")]
    return any(has_lists(library, name) for name in names)


class _Loop:
    """One loop, with its body and its condition."""

    def __init__(self, operation: Operation, functions: Mapping[str, FunctionDef]) -> None:
        self.operation = operation
        self.body = functions[operation.get_attr("body").name]
        self.condition = functions[operation.get_attr("cond").name]
        self.nodes = {node.name: node for node in self.body.node_def}
        self.arguments = [item.name for item in self.body.signature.input_arg]
        self.results = [self.origin(self.body.ret[item.name]) for item in self.body.signature.output_arg]

    def origin(self, reference: str) -> str:
        """Return the node or the argument that a reference in the body means, before identities."""
        name = source_node(reference)
        while name in self.nodes and self.nodes[name].op == "Identity":
            name = source_node(self.nodes[name].input[0])
        return name

    def list_nodes(self) -> set[str]:
        return {node.name for node in self.body.node_def if "TensorList" in node.op}

    def regular_arguments(self) -> set[int]:
        """Return which arguments are lists of a kind that tf2onnx can do."""
        found = set()
        for index, tensor in enumerate(self.operation.inputs):
            reads = tensor.op.type == "TensorListFromTensor" and self.is_read(index)
            if reads or (tensor.op.type == "TensorListReserve" and self.is_written(index, tensor.op)):
                found.add(index)
        return found

    def around(self, index: int) -> set[str]:
        """Return what makes and reads the list of an argument outside the loop."""
        return {self.operation.inputs[index].op.name, *(reader.name for reader in self.readers(index))}

    def users(self, index: int) -> list[Any]:
        """Return the nodes of the body that take an argument, identities left out."""
        wanted = self.arguments[index]
        others = [node for node in self.body.node_def if node.op != "Identity"]
        return [node for node in others if wanted in {self.origin(name) for name in node.input}]

    def readers(self, index: int) -> list[Operation]:
        return list(self.operation.outputs[index].consumers())

    def is_read(self, index: int) -> bool:
        users = self.users(index)
        returned = self.results[index] == self.arguments[index]
        return returned and all(node.op == "TensorListGetItem" for node in users) and not self.readers(index)

    def is_written(self, index: int, reserve: Operation) -> bool:
        """Whether each round writes the next element, until all are written; or only the last is asked for."""
        users = self.users(index)
        if len(users) != 1 or users[0].op != "TensorListSetItem" or self.results[index] != users[0].name:
            return False
        if len(reserve.outputs[0].consumers()) != 1 or not self.counts():
            return False
        if any(reader.type != "TensorListStack" for reader in self.readers(index)):
            return False
        return self.in_order(users[0].input[1], reserve) or self.is_last_alone(users[0].input[1], index)

    def counts(self) -> bool:
        return all(node.op in COUNTING for node in self.condition.node_def)

    def in_order(self, reference: str, reserve: Operation) -> bool:
        """Whether the index begins with 0, goes up by 1 and ends at the list's length."""
        name = self.origin(reference)
        if name not in self.arguments:
            return False
        counter = self.arguments.index(name)
        begins = tf.get_static_value(self.operation.inputs[counter])
        return begins == 0 and self.goes_up(counter) and self.is_bounded(counter, reserve.inputs[1])

    def goes_up(self, counter: int) -> bool:
        node = self.nodes.get(self.results[counter])
        if node is None or node.op not in ("Add", "AddV2"):
            return False
        names = {self.origin(name) for name in node.input}
        step = next((self.nodes[name] for name in names if name in self.nodes), None)
        one = step is not None and step.op == "Const" and tf.make_ndarray(step.attr["value"].tensor) == 1
        return bool(one and self.arguments[counter] in names)

    def is_bounded(self, counter: int, length: Tensor) -> bool:
        """Whether the condition ends the loop where the counter reaches the list's length."""
        nodes = {node.name: node for node in self.condition.node_def}
        arguments = [item.name for item in self.condition.signature.input_arg]
        for node in self.condition.node_def:
            if node.op == "Less" and source_node(node.input[0]) == arguments[counter]:
                bound = source_node(node.input[1])
                if bound in arguments and _same(self.operation.inputs[arguments.index(bound)], length):
                    return True
                known = tf.get_static_value(length)
                if bound in nodes and known is not None and nodes[bound].op == "Const":
                    return bool(tf.make_ndarray(nodes[bound].attr["value"].tensor) == known)
        return False

    def is_last_alone(self, reference: str, index: int) -> bool:
        """Whether every round writes the same place, and only the last element is asked for, or none."""
        if not self.readers(index):
            return True
        node = self.nodes.get(self.origin(reference))
        constant = node is not None and node.op == "Const"
        takers = [taker for stack in self.readers(index) for taker in stack.outputs[0].consumers()]
        return constant and bool(takers) and all(_takes_last(taker) for taker in takers)


def _same(a: Tensor, b: Tensor) -> bool:
    known: Sequence[Any] = [tf.get_static_value(a), tf.get_static_value(b)]
    return a is b or (known[0] is not None and known[1] is not None and bool(known[0] == known[1]))


def _takes_last(operation: Operation) -> bool:
    if operation.type != "StridedSlice":
        return False
    begin = tf.get_static_value(operation.inputs[1])
    return begin is not None and len(begin) == 1 and begin[0] == -1 and operation.get_attr("shrink_axis_mask") == 1
