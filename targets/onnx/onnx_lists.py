"""Lists of tensors (`tf.TensorArray`) as tensors, in whole graphs, wherever tf2onnx would fail on them or get them wrong.

`lists_as_tensors` is called by `onnx_prepare.prepare`.  tf2onnx makes an output of the loop of a list that is written once
a round from the first element to the last, and takes one that is only read for a tensor; so are the lists of recurrent
layers, and `onnx_loops.regular` says which they are.  Those stay.  Any other list becomes a tensor `[length, …]` that a
loop carries along (`onnx_list_ops.py`); a function that takes lists becomes one that takes tensors.

What can't be rewritten stays, and is refused afterwards: `remaining` says what and why.
"""

from __future__ import annotations

import contextlib
import dataclasses
import traceback
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import onnx_loops
import tensorflow as tf
from onnx_list_ops import HANDLERS, UNKNOWN, Learned, Pending
from tensorflow.python.framework import function_def_to_graph, graph_to_function_def

from anyport_tf.canonical import Canonical, Signature
from anyport_tf.freeze import FRAMES, all_nodes, source_node
from anyport_tf.preflight import Refusal
from anyport_tf.rules import Inapplicable, Repair, needed, trimmed

GraphDef = Any
FunctionDef = Any
Operation = Any
Tensor = Any

RULE = "lists-as-tensors"
WHY = "tf2onnx takes lists alone that are written from the first element to the last, one a round"
UNTIL = "tf2onnx 1.17.0"
HINT = "Give tf.TensorArray its size and, as element_shape, a shape without None."

LOOPS = ("While", "StatelessWhile")
BRANCHES = ("If", "StatelessIf")
CALLING = (*LOOPS, *BRANCHES)


def is_list(node: Any) -> bool:
    """Tell whether a node makes, takes or returns lists by its op."""
    return str(node.op).startswith("TensorList") or node.op == "EmptyTensorList"


class Stuck(Exception):
    """A node, its op and why it can't be rewritten."""

    def __init__(self, node: str, op: str, reason: str) -> None:
        super().__init__(reason)
        self.node, self.op, self.reason = node, op, reason


def lists_as_tensors(model: Canonical) -> tuple[Canonical, list[Repair]]:
    """Return the model without lists that tf2onnx fails on, and what was done; a signature that can't be done stays whole."""
    signatures, done = {}, []
    for name, signature in model.signatures.items():
        signatures[name] = signature
        with contextlib.suppress(Stuck):
            signatures[name], nodes = _rewritten(signature)
            done += [Repair(rule=RULE, why=WHY, until=UNTIL, node=node) for node in nodes]
    return dataclasses.replace(model, signatures=signatures), done


def remaining(signature: Signature) -> Iterator[Refusal]:
    """Yield what tf2onnx would fail on of a signature that `lists_as_tensors` has seen."""
    try:
        _rewritten(signature)
    except Stuck as stuck:
        yield Refusal(op=stuck.op, node=stuck.node, reason=stuck.reason, hint=HINT)


def _rewritten(signature: Signature) -> tuple[Signature, list[str]]:
    """Return the signature rewritten, and the nodes that were; raises `Stuck`."""
    nodes = list(all_nodes(signature.graph))
    if not any(is_list(node) for node in nodes) or any(node.op in FRAMES for node in nodes):
        return signature, []
    pass_ = _Pass()
    made = pass_.signature(signature)
    return (made, pass_.done) if pass_.done else (signature, [])


class _Pass:
    """The rewriting of one signature."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def signature(self, signature: Signature) -> Signature:
        with tf.Graph().as_default() as scratch:
            tf.graph_util.import_graph_def(signature.graph, name="")
            walk = _Walk(self, scratch, "")
            walk.run()
            made = scratch.as_graph_def()
        outputs = {name: walk.renamed(tensor) for name, tensor in signature.outputs.items()}
        return trimmed(dataclasses.replace(signature, graph=walk.rewired(made), outputs=outputs))

    def function(
        self, where: str, library: Any, name: str, given: Sequence[Any], kept: Iterable[str] = ()
    ) -> tuple[str, list[Any]]:
        """Make a function like `name` that takes tensors for lists, in the default graph; return its name and its results.

        `given` is what it is called with, lists as tensors or `Pending` but for those that stay lists, which the nodes `kept`
        read and write.  A result that is a list by now is a tensor of the function.
        """
        outer = tf.compat.v1.get_default_graph()
        functions = {item.signature.name: item for item in library.library.function}
        before = functions[name]
        body, tensors = _body(library, before, given)
        with tf.Graph().as_default() as scratch:
            tf.graph_util.import_graph_def(body, name="")
            arguments = _arguments(scratch, before, given)
            walk = _Walk(self, scratch, f"{where}{name}/", {old.name: new for old, new in arguments if new is not old})
            walk.kept.update(kept)
            walk.run()
            returned = [
                walk.now(scratch.get_tensor_by_name(tensors[before.ret[item.name]]))
                for item in before.signature.output_arg
            ]
            if any(isinstance(item, Pending) or not walk.is_known(item) for item in returned):
                raise Inapplicable(UNKNOWN)
            new = f"{name}_{RULE}_{len(self.done)}"
            inputs = [item for _, item in arguments if not isinstance(item, Pending)]
            made = _as_function(scratch, walk.rewired(scratch.as_graph_def()), before, new, inputs, returned)
        definition = tf.compat.v1.GraphDef(library=made, versions=library.versions)
        with outer.as_default():
            tf.graph_util.import_graph_def(definition, name="")
        return new, returned


class _Walk:
    """One pass over the operations of one scratch graph, sources before readers."""

    def __init__(self, owner: _Pass, graph: Any, where: str, moved: dict[str, Any] | None = None) -> None:
        self.owner, self.graph, self.where = owner, graph, where
        self.moved: dict[str, Any] = moved or {}
        """Old tensor → what stands for it."""
        self.gone: set[str] = set()
        self.library = graph.as_graph_def()
        self.regular = onnx_loops.regular(graph, self.library)
        self.kept = set(self.regular.operations)

    def run(self) -> None:
        """Rewrite what has to do with lists; where a list's elements turn out to have a shape, go back to its making."""
        operations = self.graph.get_operations()
        position = 0
        while position < len(operations):
            try:
                self.visit(operations[position])
                position += 1
            except Learned as learned:
                position = self.learn(learned, operations)

    def stuck(self, operation: Operation, reason: object) -> Stuck:
        return Stuck(self.where + operation.name, operation.type, str(reason))

    def learn(self, learned: Learned, operations: Sequence[Operation]) -> int:
        """Make the list a tensor; return the position of its making, behind which all is to be done again."""
        name = next((name for name, value in self.moved.items() if value is learned.pending), None)
        if name is None or learned.pending.graph is not self.graph:
            raise learned
        made = self.graph.get_tensor_by_name(name).op
        if not learned.shape.is_fully_defined():
            raise self.stuck(made, UNKNOWN)
        self.moved[name] = learned.pending.of(learned.shape.as_list())
        return operations.index(made) + 1

    def visit(self, operation: Operation) -> None:
        if operation.name in self.kept or not self.concerns(operation):
            return
        try:
            with tf.name_scope(_scope(operation.name)):
                outputs = self.outputs(operation)
        except Inapplicable as reason:
            raise self.stuck(operation, reason) from reason
        except (TypeError, ValueError, NotImplementedError) as error:
            traceback.print_exc()  # a shape or dtype that nobody thought of
            raise self.stuck(operation, UNKNOWN) from error
        if operation.type != "Identity":
            self.owner.done.append(self.where + operation.name)
        self.gone.add(operation.name)
        self.moved.update((old.name, new) for old, new in zip(operation.outputs, outputs, strict=True))

    def concerns(self, operation: Operation) -> bool:
        if operation.type == "Placeholder":
            return False
        if is_list(operation.node_def) or any(tensor.dtype == tf.variant for tensor in operation.inputs):
            return True
        names = onnx_loops.called(operation)
        return operation.type in CALLING and any(onnx_loops.has_lists(self.library, name) for name in names)

    def outputs(self, operation: Operation) -> list[Any]:
        """Return what stands for the outputs."""
        given = [self.now(tensor) for tensor in operation.inputs]
        if operation.type in CALLING:
            return self.loop(operation, given) if operation.type in LOOPS else self.branch(operation, given)
        if operation.type not in HANDLERS:
            raise Inapplicable("nothing is known that it could become for a list")
        if any(not isinstance(item, Pending) and item.dtype == tf.variant for item in given):
            raise Inapplicable("nothing is known of the list that it takes")
        made = HANDLERS[operation.type](operation, given)
        return list(made) if isinstance(made, list) else [made]

    def now(self, tensor: Tensor) -> Any:
        """Return what stands for a tensor; a list that only holds the rows of a tensor is that tensor."""
        if tensor.name in self.moved:
            return self.moved[tensor.name]
        return self.now(tensor.op.inputs[0]) if tensor.op.type == "TensorListFromTensor" else tensor

    def is_known(self, tensor: Tensor) -> bool:
        """Whether it is no list, or one that stays."""
        return tensor.dtype != tf.variant or tensor.op.name in self.kept or tensor.op.type == "Placeholder"

    def loop(self, operation: Operation, given: Sequence[Any]) -> list[Any]:
        """The loop with tensors for lists, each of any length if its length changes."""
        names = [operation.get_attr(name).name for name in ("cond", "body")]
        staying = self.regular.arguments[operation.name]
        given = [old if n in staying else new for n, (old, new) in enumerate(zip(operation.inputs, given, strict=True))]
        kept = self.regular.inner[operation.name]
        shapes = [_shape(item) for item in given]
        for _ in range(2):
            like = [
                item if isinstance(item, Pending) else tf.TensorSpec(shape, item.dtype)
                for item, shape in zip(given, shapes, strict=True)
            ]
            body, returned = self.owner.function(self.where, self.library, names[1], like, kept)
            if any(isinstance(item, Pending) for item in given):
                raise Inapplicable(UNKNOWN)
            merged = [a.most_specific_compatible_shape(_shape(b)) for a, b in zip(shapes, returned, strict=True)]
            if all(a.as_list() == b.as_list() for a, b in zip(merged, shapes, strict=True) if a.rank is not None):
                break
            shapes = merged
        condition, _ = self.owner.function(self.where, self.library, names[0], like)
        return _call(operation, given, [item.dtype for item in given], shapes, {"cond": condition, "body": body})

    def branch(self, operation: Operation, given: Sequence[Any]) -> list[Any]:
        """The branches with tensors for lists; what they yield has a shape that holds for both."""
        sides = {}
        results: list[list[Any]] = []
        for name in ("then_branch", "else_branch"):
            sides[name], returned = self.owner.function(
                self.where, self.library, operation.get_attr(name).name, given[1:]
            )
            results.append(returned)
        shapes = [_shape(a).most_specific_compatible_shape(_shape(b)) for a, b in zip(*results, strict=True)]
        given = [item for item in given if not isinstance(item, Pending)]
        return _call(operation, given, [item.dtype for item in results[0]], shapes, sides)

    def renamed(self, name: str) -> str:
        """Return the name of what stands for a tensor."""
        new = self.moved.get(name)
        return name if new is None or isinstance(new, Pending) else str(new.name)

    def rewired(self, graph: GraphDef) -> GraphDef:
        """Return the scratch graph's definition with readers of old tensors reading new ones; the old nodes are gone."""
        kept = tf.compat.v1.GraphDef(versions=graph.versions, library=graph.library)
        kept.node.extend(node for node in graph.node if node.name not in self.gone)
        for node in kept.node:
            data = [name for name in node.input if not name.startswith("^") or source_node(name) not in self.gone]
            full = [name if ":" in name or name.startswith("^") else f"{name}:0" for name in data]
            node.input[:] = [self.renamed(name).removesuffix(":0") for name in full]
        return kept


def _scope(name: str) -> str:
    return f"{name}/{RULE}/" if name[0].isalnum() else f"repaired{name}/{RULE}/"


def _shape(item: Any) -> Any:
    return tf.TensorShape([]) if isinstance(item, Pending) else item.shape


def _call(
    operation: Operation,
    given: Sequence[Tensor],
    dtypes: Sequence[Any],
    shapes: Sequence[Any],
    functions: dict[str, str],
) -> list[Tensor]:
    """Make the loop or the branches once more, of these functions."""
    attrs = {name: attr for name, attr in operation.node_def.attr.items() if not name.startswith("_")}
    types = {"T": dtypes} if operation.type in LOOPS else {"Tin": [item.dtype for item in given[1:]], "Tout": dtypes}
    for name, values in types.items():
        attrs[name] = tf.compat.v1.AttrValue()
        attrs[name].list.type.extend(value.as_datatype_enum for value in values)
    attrs["output_shapes"] = tf.compat.v1.AttrValue()
    attrs["output_shapes"].list.shape.extend(shape.as_proto() for shape in shapes)
    for name, function in functions.items():
        attrs[name] = tf.compat.v1.AttrValue()
        attrs[name].func.name = function
    made = tf.compat.v1.get_default_graph().create_op(operation.type, list(given), list(dtypes), attrs=attrs).outputs
    for tensor, shape in zip(made, shapes, strict=True):
        tensor.set_shape(shape)
    return list(made)


def _body(library: GraphDef, function: FunctionDef, given: Sequence[Any]) -> tuple[GraphDef, dict[str, str]]:
    """Return a function's body as a graph, its arguments as placeholders as they were, and its tensors' names there."""
    shapes = [
        tf.TensorShape([]) if argument.type == tf.variant.as_datatype_enum else _shape(item)
        for argument, item in zip(function.signature.input_arg, given, strict=True)
    ]
    with tf.Graph().as_default():
        tf.graph_util.import_graph_def(
            tf.compat.v1.GraphDef(library=library.library, versions=library.versions), name=""
        )
        body, tensors = function_def_to_graph.function_def_to_graph_def(function, [s.as_proto() for s in shapes])
    body.library.CopyFrom(library.library)
    return body, tensors


def _arguments(scratch: Any, function: FunctionDef, given: Sequence[Any]) -> list[tuple[Tensor, Any]]:
    """Return each argument of a function, and what stands for it: a new placeholder for a list that is a tensor by now."""
    made = []
    for argument, item in zip(function.signature.input_arg, given, strict=True):
        old = scratch.get_tensor_by_name(f"{argument.name}:0")
        new: Any = old
        if isinstance(item, Pending):
            new = item
        elif item.dtype != old.dtype:
            new = tf.compat.v1.placeholder(item.dtype, item.shape, name=f"{argument.name}_list")
        made.append((old, new))
    return made


def _as_function(
    scratch: Any, body: GraphDef, before: FunctionDef, name: str, inputs: Sequence[Tensor], outputs: Sequence[Tensor]
) -> Any:
    """Return a library with the function `name` of a body, and with the functions that it calls."""
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(body, name="")
        arguments = [graph.get_tensor_by_name(item.name) for item in inputs]
        results = [graph.get_tensor_by_name(item.name) for item in outputs]
        behind = needed(results) - {item.op.name for item in arguments}
        inner = [operation for operation in graph.get_operations() if operation.name in behind]
        names = [item.name for item in before.signature.output_arg]
        made = graph_to_function_def.graph_to_function_def(graph, inner, arguments, results, names)
        library = tf.compat.v1.GraphDef(library=graph.as_graph_def().library).library
    made.signature.name = name
    library.function.add().CopyFrom(made)
    return library
