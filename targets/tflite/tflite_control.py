"""Loops and branches as TFLite's interpreters run them right.

`constants_inside` puts the constants that a loop or a branch is handed into it, where the kernels ask for constants.  `copied`
changes what a loop's body and a branch give, where both interpreters give something else.  Each takes a signature's graph
and returns another; called by `tflite_prepare`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from anyport_tf import rules
from anyport_tf.freeze import all_nodes, source_node

GraphDef = Any
Function = Any
NodeDef = Any
Operation = Any
Tensor = Any

LOOPS = ("While", "StatelessWhile")
BRANCHES = ("If", "StatelessIf")
SMALL = 64
"""Elements of a constant that is copied into functions."""
SHAPES = ("Shape", "Size", "Rank")
COMPARED = ("float32", "int32", "int64", "bool")
"""Dtypes that can be compared in any interpreter."""


# Constants.


def constants_inside(graph: GraphDef) -> GraphDef:
    """Return the graph with each small constant that a loop keeps, or a branch is handed, in the functions themselves."""
    if not any(node.op in LOOPS + BRANCHES for node in all_nodes(graph)):
        return graph
    made = tf.compat.v1.GraphDef()
    made.CopyFrom(graph)
    library = {function.signature.name: function for function in made.library.function}
    callers = Counter(name for node in all_nodes(made) for name in _called(node))
    # What comes into an outer loop goes on into the inner ones.
    waiting: list[Any] = [made.node]
    while waiting:
        nodes = waiting.pop()
        by_name = {node.name: node for node in nodes}
        for node in [node for node in nodes if node.op in LOOPS + BRANCHES]:
            functions = [library[name] for name in _called(node)]
            if all(callers[function.signature.name] == 1 for function in functions):
                _hand_in(node, by_name, functions)
            waiting += [function.node_def for function in functions]
    return made


def _called(node: NodeDef) -> list[str]:
    if node.op not in LOOPS + BRANCHES:
        return []
    names = ("cond", "body") if node.op in LOOPS else ("then_branch", "else_branch")
    return [node.attr[name].func.name for name in names]


def _hand_in(node: NodeDef, by_name: Mapping[str, NodeDef], functions: Sequence[Function]) -> None:
    """Put the constants among the inputs of a loop or branch into its functions."""
    inputs = [name for name in node.input if not name.startswith("^")][1 if node.op in BRANCHES else 0 :]
    for index, reference in enumerate(inputs):
        constant = _constant(reference, by_name)
        if constant is None or (node.op in LOOPS and not _keeps(functions[1], index)):
            continue
        for function in functions:
            _replace_argument(function, index, constant)


def _constant(reference: str, by_name: Mapping[str, NodeDef]) -> NodeDef | None:
    node = by_name.get(source_node(reference))
    while node is not None and node.op == "Identity":
        node = by_name.get(source_node(node.input[0]))
    if node is None or node.op != "Const" or node.attr["dtype"].type == tf.variant.as_datatype_enum:
        return None
    elements = np.prod([dim.size for dim in node.attr["value"].tensor.tensor_shape.dim], dtype=np.int64)
    return node if elements <= SMALL else None


def _keeps(body: Function, index: int) -> bool:
    """Whether a loop's body gives the variable as it came."""
    by_name = {node.name: node for node in body.node_def}
    reference = body.ret[body.signature.output_arg[index].name]
    while source_node(reference) in by_name and by_name[source_node(reference)].op == "Identity":
        reference = by_name[source_node(reference)].input[0]
    return bool(reference == body.signature.input_arg[index].name)


def _replace_argument(function: Function, index: int, constant: NodeDef) -> None:
    """Have the nodes of a function read a constant instead of its argument."""
    argument = function.signature.input_arg[index].name
    readers = [node for node in function.node_def if argument in node.input]
    if not readers:
        return
    copy = function.node_def.add(name=f"{argument}/known", op="Const")
    for name in ("dtype", "value"):
        copy.attr[name].CopyFrom(constant.attr[name])
    for node in readers:
        for place, reference in enumerate(node.input):
            if reference == argument:
                node.input[place] = f"{copy.name}:output:0"


# Results.


def copied(graph: GraphDef) -> GraphDef:
    """Return the graph with results of loops and branches that both interpreters give wrongly computed anew.

    A variable that takes another's value is the same memory in a loop's body: what is written to the other first is what
    it gets.  And a branch's result that follows from shapes is computed when tensors are allocated, and its memory is
    given away before it is read.
    """
    if not any(node.op in LOOPS + BRANCHES for node in all_nodes(graph)):
        return graph
    made = tf.compat.v1.GraphDef()
    made.CopyFrom(graph)
    library = {function.signature.name: function for function in made.library.function}
    for function, shapes, change in _functions(made, library):
        body, tensors = rules.body_of(
            tf.compat.v1.GraphDef(library=made.library, versions=made.versions), function, shapes
        )
        results = [tensors[function.ret[item.name]] for item in function.signature.output_arg]
        with tf.Graph().as_default() as scratch:
            tf.graph_util.import_graph_def(body, name="")
            arguments = [scratch.get_tensor_by_name(f"{item.name}:0") for item in function.signature.input_arg]
            given = [scratch.get_tensor_by_name(name) for name in results]
            changed = change(arguments, given)
        if [tensor.name for tensor in changed] != results:
            function.CopyFrom(rules.as_function(function, scratch.as_graph_def(), [tensor.name for tensor in changed]))
    return made


Change = Callable[[Sequence[Tensor], Sequence[Tensor]], list[Tensor]]


def _functions(graph: GraphDef, library: Mapping[str, Function]) -> Iterator[tuple[Function, list[Any], Change]]:
    """Yield the bodies of loops and the branches with their arguments' shapes, and what is to be done to their results."""
    seen: set[str] = set()
    for _, operation in list(rules.operations(graph)):
        changes = {}
        if operation.type in LOOPS:
            changes = {operation.get_attr("body").name: _apart}
        elif operation.type in BRANCHES:
            changes = {operation.get_attr(name).name: _at_run_time for name in ("then_branch", "else_branch")}
        for name, shapes in rules.calls(operation, library):
            if name in changes and name not in seen:
                seen.add(name)
                yield library[name], shapes, changes[name]


def _apart(arguments: Sequence[Tensor], results: Sequence[Tensor]) -> list[Tensor]:
    """Copy what is another variable's value."""
    places = {argument.name: index for index, argument in enumerate(arguments)}
    return [
        _copy(tensor) if places.get(_start(tensor).name, index) != index else tensor
        for index, tensor in enumerate(results)
    ]


def _at_run_time(arguments: Sequence[Tensor], results: Sequence[Tensor]) -> list[Tensor]:
    """Compute what follows from shapes alone once more, out of a value that is there only when the model runs."""
    values = [argument for argument in arguments if argument.dtype.name in COMPARED]
    if not values:
        return list(results)
    return [_copy(tensor, _zero(values[0])) if _from_shapes(tensor) else tensor for tensor in results]


def _start(tensor: Tensor) -> Tensor:
    while tensor.op.type == "Identity":
        tensor = tensor.op.inputs[0]
    return tensor


def _copy(tensor: Tensor, place: Any = 0) -> Tensor:
    """Return the same value from a gather, which no converter takes for the value itself."""
    if tensor.dtype in (tf.resource, tf.variant):
        return tensor
    rows = tf.expand_dims(tensor, 0)
    return tf.gather_nd(rows, tf.reshape(place, [1])) if tensor.dtype == tf.string else tf.gather(rows, place)


def _zero(value: Tensor) -> Tensor:
    """Return 0, as no converter can know: a count of elements isn't negative."""
    return tf.minimum(tf.reduce_sum(tf.cast(tf.equal(value, value), tf.int32)), 0)


def _from_shapes(tensor: Tensor) -> bool:
    """Whether a value follows from the shapes of its function's arguments, and from no value."""
    waiting, seen, shapes = [tensor.op], set(), False
    while waiting:
        operation = waiting.pop()
        if operation.name in seen:
            continue
        seen.add(operation.name)
        if operation.type in SHAPES:
            shapes = True
        elif not operation.inputs and operation.type != "Const":
            return False
        else:
            waiting += [given.op for given in operation.inputs]
    return shapes
