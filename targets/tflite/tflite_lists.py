"""Lists of tensors with the shape of their elements stated, wherever that follows from what is put into them.

`stated` takes a signature's graph and returns it with every loop's results as narrow as its body keeps them, and with
every list's element shape constant where it can be; `unknown` names what is left.  Called by `tflite_prepare`: the converter
lowers a list only where the shape of its elements is a constant.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from anyport_tf import rules
from anyport_tf.freeze import all_nodes

GraphDef = Any
Operation = Any
Shape = Any
Tensor = Any

LISTS = {
    "TensorListReserve": 0,
    "TensorListFromTensor": 1,
    "TensorListStack": 1,
    "TensorListGetItem": 2,
    "EmptyTensorList": 0,
    "TensorListConcatV2": 1,
}
"""Ops of lists, with the input that states an element's shape."""
PUT = {"TensorListSetItem": 2, "TensorListPushBack": 1}
"""Ops that put an element into a list, with the input that holds it."""
SAME = ("Identity", "TensorListSetItem", "TensorListPushBack", "TensorListResize")
"""Ops whose first output is the list that is their first input."""
HANDLES = (tf.variant, tf.resource)
LOOPS = ("While", "StatelessWhile")
BRANCHES = ("If", "StatelessIf")

Place = tuple[str, str]
"""A function (an empty name: the graph itself) and a tensor in it."""


def stated(graph: GraphDef) -> GraphDef:
    """Return the graph with the shape of each list's elements stated where it is known."""
    if not any(node.op in LISTS for node in all_nodes(graph)):
        return graph
    made = tf.compat.v1.GraphDef()
    made.CopyFrom(graph)
    for node in all_nodes(made):
        node.attr.pop("_output_shapes", None)
    for function in made.library.function:
        for argument in function.arg_attr.values():
            argument.attr.pop("_output_shapes", None)
    # What a loop reads from one list decides what it puts into another.
    while True:
        narrow_loops(made)
        if not _state_elements(made, _Lists(made)):
            return made


def unknown(graph: GraphDef) -> bool:
    """Tell whether the graph has a list whose elements' shape isn't known."""
    return any(
        not _constant_shape(operation.inputs[LISTS[operation.type]]).is_fully_defined()
        for _, operation in rules.operations(graph)
        if operation.type in ("TensorListReserve", "EmptyTensorList")
    )


# The results of loops.


def narrow_loops(graph: GraphDef) -> None:
    """State in each loop of the graph, and of its functions, the shapes that its body keeps.

    A loop's results have the shapes that it was traced with; the inputs may be narrower now (a fixed batch).
    """
    library = {function.signature.name: function for function in graph.library.function}
    called = _narrow(graph.node, graph, library)
    waiting = list(called)
    while waiting:
        function = library[waiting.pop()]
        body, _ = rules.body_of(_library(graph), function, called[function.signature.name])
        inner = _narrow(function.node_def, body, library)
        waiting += [name for name in inner if name not in called]
        called |= inner


def _narrow(nodes: Any, graph: GraphDef, library: Mapping[str, Any]) -> dict[str, list[Shape]]:
    """Do it for `nodes`, those of `graph` or of a function whose body `graph` is; return what is called with which shapes."""
    done: set[str] = set()
    while True:
        with tf.Graph().as_default() as scratch:
            tf.graph_util.import_graph_def(graph, name="")
        loops = [node for node in graph.node if node.op in LOOPS and node.name not in done]
        if not loops:
            return dict(call for each in scratch.get_operations() for call in rules.calls(each, library))
        # One after the other, in the graph's order of data: what a loop gives may be what the next one takes.
        place = {operation.name: number for number, operation in enumerate(scratch.get_operations())}
        loop = min(loops, key=lambda node: place[node.name])
        done.add(loop.name)
        shapes = [shape.as_proto() for shape in _kept(scratch.get_operation_by_name(loop.name), graph, library)]
        for node in (loop, next(node for node in nodes if node.name == loop.name)):
            del node.attr["output_shapes"].list.shape[:]
            node.attr["output_shapes"].list.shape.extend(shapes)


def _kept(loop: Operation, graph: GraphDef, library: Mapping[str, Any]) -> list[Shape]:
    """Return the shapes of a loop's variables that hold before and after each turn."""
    function = library[loop.get_attr("body").name]
    shapes = [_both(given.shape, tensor.shape) for given, tensor in zip(loop.inputs, loop.outputs, strict=True)]
    while True:
        body, tensors = rules.body_of(_library(graph), function, shapes)
        results = _results(body, [tensors[function.ret[item.name]] for item in function.signature.output_arg])
        kept = [shape.most_specific_compatible_shape(result) for shape, result in zip(shapes, results, strict=True)]
        if [str(shape) for shape in kept] == [str(shape) for shape in shapes]:
            return kept
        shapes = kept


def _both(shape: Shape, other: Shape) -> Shape:
    return shape.merge_with(other) if shape.is_compatible_with(other) else other


def _results(body: GraphDef, names: list[str]) -> list[Shape]:
    """Return the shapes of a body's results, its own loops narrowed."""
    if any(node.op in LOOPS for node in body.node):
        narrow_loops(body)
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(body, name="")
    return [graph.get_tensor_by_name(name).shape for name in names]


def _library(graph: GraphDef) -> GraphDef:
    return tf.compat.v1.GraphDef(library=graph.library, versions=graph.versions)


# What is put into which list.


@dataclasses.dataclass
class _Elements:
    """What is known of the lists that are one list at different places."""

    shape: Shape = dataclasses.field(default_factory=lambda: tf.TensorShape(None))
    alike: bool = True


class Handles:
    """The lists and variables of a graph: which tensors, in it and in its functions, stand for the same one."""

    def __init__(self, graph: GraphDef) -> None:
        self.parents: dict[Place, Place] = {}
        self.operations = list(_operations(graph))
        for where, operation, results in self.operations:
            self._join(where, operation, results)

    def one(self, where: str, name: str) -> Place:
        """Return the one place that stands for all where the same list or variable is."""
        place = where, name
        while place in self.parents:
            place = self.parents[place]
        return place

    def _same(self, one: Place, other: Place) -> None:
        one, other = self.one(*one), self.one(*other)
        if one != other:
            self.parents[one] = other

    def _join(self, where: str, operation: Operation, called: Mapping[str, Any]) -> None:
        """Note which lists around an operation are one: what goes through a loop, a branch or a change."""
        if operation.type in SAME and operation.inputs[0].dtype in HANDLES:
            self._same((where, operation.inputs[0].name), (where, operation.outputs[0].name))
        given = list(operation.inputs)[1 if operation.type in BRANCHES else 0 :]
        for name, (arguments, results) in called.items():
            for inner, outer in [*zip(arguments, given, strict=False), *zip(results, operation.outputs, strict=False)]:
                if outer.dtype in HANDLES:
                    self._same((name, inner), (where, outer.name))
        if operation.type in LOOPS:
            for before, after in zip(operation.inputs, operation.outputs, strict=True):
                self._same((where, before.name), (where, after.name))


class _Lists(Handles):
    """The lists of a graph, and the shape of each one's elements."""

    def __init__(self, graph: GraphDef) -> None:
        super().__init__(graph)
        self.elements: dict[Place, _Elements] = {}
        for where, operation, _ in self.operations:
            self._learn(where, operation)

    def of(self, where: str, tensor: Tensor) -> _Elements:
        """Return what is known of the list that a tensor is."""
        return self.elements.setdefault(self.one(where, tensor.name), _Elements())

    def _learn(self, where: str, operation: Operation) -> None:
        """Note what an operation says of its list's elements."""
        if operation.type in LISTS:
            self._note(where, _list_of(operation), _constant_shape(operation.inputs[LISTS[operation.type]]))
        if operation.type in PUT:
            self._note(where, operation.outputs[0], operation.inputs[PUT[operation.type]].shape)
        if operation.type == "TensorListFromTensor":
            self._note(where, operation.outputs[0], operation.inputs[0].shape[1:])
        if operation.type == "TensorListConcatV2":
            # Its elements may differ in their first dimension.
            self.of(where, operation.inputs[0]).alike = False

    def _note(self, where: str, handle: Tensor, shape: Shape) -> None:
        known = self.of(where, handle)
        if known.shape.is_compatible_with(shape):
            known.shape = known.shape.merge_with(shape)
        else:
            known.alike = False


def _operations(graph: GraphDef) -> Iterator[tuple[str, Operation, dict[str, tuple[list[str], list[str]]]]]:
    """Yield every operation with its function, and the functions that it calls: arguments and results as tensors there.

    The condition of a loop has the loop's variables as arguments, and none of them as a result.
    """
    library = {function.signature.name: function for function in graph.library.function}
    bodies: dict[str, tuple[GraphDef, dict[str, str]]] = {"": (graph, {})}
    waiting = [""]
    while waiting:
        where = waiting.pop()
        with tf.Graph().as_default() as scratch:
            tf.graph_util.import_graph_def(bodies[where][0], name="")
        for operation in scratch.get_operations():
            called = {}
            for name, shapes in rules.calls(operation, library):
                if name not in bodies:
                    bodies[name] = rules.body_of(_library(graph), library[name], shapes)
                    waiting.append(name)
                called[name] = _ports(operation, library[name], bodies[name][1])
            yield where, operation, called


def _ports(operation: Operation, function: Any, tensors: Mapping[str, str]) -> tuple[list[str], list[str]]:
    arguments = [f"{item.name}:0" for item in function.signature.input_arg]
    results = [tensors[function.ret[item.name]] for item in function.signature.output_arg]
    condition = operation.type in LOOPS and operation.get_attr("cond").name == function.signature.name
    return arguments, [] if condition else results


def _constant_shape(tensor: Tensor) -> Shape:
    value = tf.get_static_value(tensor)
    if value is None or np.ndim(value) != 1:
        return tf.TensorShape(None)
    return tf.TensorShape([None if size < 0 else int(size) for size in value])


# Written down.


def _state_elements(graph: GraphDef, lists: _Lists) -> bool:
    """State each list's element shape, in place, where all of its places agree on it; tell whether any was new."""
    nodes = {"": graph.node, **{item.signature.name: item.node_def for item in graph.library.function}}
    changed = False
    for where, operation, _ in lists.operations:
        if operation.type not in LISTS or _constant_shape(operation.inputs[LISTS[operation.type]]).is_fully_defined():
            continue
        known = lists.of(where, _list_of(operation))
        if known.alike and known.shape.is_fully_defined():
            _state(nodes[where], operation, known.shape.as_list(), "%s:output:0" if where else "%s")
            changed = True
    return changed


def _state(nodes: Any, operation: Operation, sizes: list[int], reference: str) -> None:
    """Have an operation among `nodes` read its element shape from a constant of its own."""
    node = next(node for node in nodes if node.name == operation.name)
    shape = nodes.add(name=f"{node.name}/known_element_shape", op="Const")
    shape.attr["dtype"].type = node.attr["shape_type"].type = tf.int32.as_datatype_enum
    shape.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(sizes, tf.int32, [len(sizes)]))
    node.input[LISTS[operation.type]] = reference % shape.name


def _list_of(operation: Operation) -> Tensor:
    made = operation.outputs[0]
    return made if made.dtype == tf.variant else operation.inputs[0]
