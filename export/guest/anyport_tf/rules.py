"""Repairs as data: rules that say what is wrong with an op for a target and what it becomes, and the engine that applies them.

A target lists the rules that it needs; `apply` rewrites the canonical form by them, bodies of loops and branches included,
until none matches any more.  What a rule makes is written with TensorFlow's own Python API, so that a repair reads like the
mathematics it states; it is traced in a scratch graph, which knows dtypes and shapes, and none of its ops is ever run.

Compositions that several targets need are in `anyport_tf.compositions`; what only one needs lies beside its converter.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import function_def_to_graph, graph_to_function_def

from .canonical import Array, Canonical, Signature
from .freeze import FRAMES, all_nodes, prune, source_node

GraphDef = Any
Operation = Any
"""A `tf.Operation` of the scratch graph: `get_attr`, `inputs` with their shapes and dtypes, `outputs`."""
Tensor = Any

MOST_PASSES = 12
"""What a rule makes may be matched by another; more rounds than this mean that two rules undo each other."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Rule:
    """One repair: the ops it is about, when, what they become, and why."""

    name: str
    """Kebab case, of the op or the family: `einsum-as-matmul`."""
    ops: tuple[str, ...]
    becomes: Callable[[Operation, Sequence[Tensor]], Tensor | Sequence[Tensor] | Operation]
    """`(operation, inputs) → outputs`: one tensor for each output of the operation, or one alone.

    For an operation without outputs (an assignment), the one that stands for it.

    May raise `Inapplicable`: the operation then stays, for another rule or for the preflight to refuse.
    """
    why: str
    """What goes wrong without it, as a clause for reports: "TF.js has no wasm kernel for Einsum"."""
    until: str
    """The last version of the library for which it was seen to be needed: "tensorflowjs 4.22.0"."""
    when: Callable[[Operation], bool] = lambda operation: True


class Inapplicable(Exception):
    """A rule finds that it can't do this operation after all (an unknown rank, a size that isn't fixed)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Repair:
    """A repair that was made, for the report."""

    rule: str
    why: str
    until: str
    node: str
    """The node in the source's graph (inside a function `FUNCTION/NODE`)."""


def apply(model: Canonical, rules: Sequence[Rule]) -> tuple[Canonical, list[Repair]]:
    """Return the model with every signature repaired, and what was done."""
    done: list[Repair] = []
    signatures = {}
    for name, signature in model.signatures.items():
        values = {placeholder: model.weights[weight] for placeholder, weight in signature.weights.items()}
        graph, outputs = apply_to_graph(signature.graph, signature.outputs, rules, values, done)
        signatures[name] = trimmed(dataclasses.replace(signature, graph=graph, outputs=outputs))
    return dataclasses.replace(model, signatures=signatures), done


def trimmed(signature: Signature) -> Signature:
    """Return the signature without what its outputs don't need any more: nodes, weights, tables, variables."""
    graph = _without_unused(signature)
    present = {node.name for node in graph.node}

    def kept(names: Mapping[str, str]) -> dict[str, str]:
        return {placeholder: name for placeholder, name in names.items() if placeholder in present}

    return dataclasses.replace(
        signature,
        graph=graph,
        weights=kept(signature.weights),
        variables=kept(signature.variables),
        tables=kept(signature.tables),
    )


def _without_unused(signature: Signature) -> GraphDef:
    """Prune to the outputs; weights that nothing reads go, inputs stay."""
    pruned = prune(signature.graph, [source_node(name) for name in signature.outputs.values()])
    read = {source_node(name) for node in pruned.node for name in node.input}
    read |= {source_node(name) for name in signature.outputs.values()}
    unread = [node for node in pruned.node if node.name in signature.weights and node.name not in read]
    for node in unread:
        pruned.node.remove(node)
    return pruned


def apply_to_graph(
    graph: GraphDef,
    outputs: Mapping[str, str],
    rules: Sequence[Rule],
    values: Mapping[str, Array],
    done: list[Repair],
) -> tuple[GraphDef, dict[str, str]]:
    """Apply rules to one graph; return it and where its outputs are now.

    `values` are those of placeholders that stand for weights, for `value_of`.  Repairs made are appended to
    `done`.
    """
    engine = _Engine(rules, done)
    with _known(values):
        graph, moved = engine.repair(graph, "")
    return graph, {name: _moved(reference, moved) for name, reference in outputs.items()}


_values: contextvars.ContextVar[Mapping[str, Array]] = contextvars.ContextVar("values", default={})  # noqa: B039


@contextlib.contextmanager
def _known(values: Mapping[str, Array]) -> Iterator[None]:
    token = _values.set(values)
    try:
        yield
    finally:
        _values.reset(token)


def value_of(tensor: Tensor) -> Array | None:
    """Return the value of a tensor that is constant or a weight (which a rule can't see in the graph), else None."""
    while tensor.op.type in ("Identity", "StopGradient"):
        tensor = tensor.op.inputs[0]
    if tensor.op.type == "Placeholder":
        return _values.get().get(tensor.op.name)
    value = tf.get_static_value(tensor)
    return None if value is None else np.asarray(value)


def attribute(operation: Operation, name: str, default: Any = None) -> Any:
    """Return an attribute of an operation, strings as text; `default` where it has none."""
    try:
        value = operation.get_attr(name)
    except ValueError:
        return default
    return value.decode() if isinstance(value, bytes) else value


class _Engine:
    """One application of rules to a graph and to the functions that it calls."""

    def __init__(self, rules: Sequence[Rule], done: list[Repair]) -> None:
        self.by_op: dict[str, list[Rule]] = {}
        for rule in rules:
            for op in rule.ops:
                self.by_op.setdefault(op, []).append(rule)
        self.done = done
        self.stuck: set[tuple[str, str]] = set()

    def repair(self, graph: GraphDef, where: str) -> tuple[GraphDef, dict[str, str]]:
        """Return the graph repaired, and old tensor → new tensor for those that were replaced."""
        moved: dict[str, str] = {}
        names = {node.name for node in graph.node}
        for _ in range(MOST_PASSES):
            graph, replaced = self._once(graph, where, names)
            if not replaced:
                return self._functions(graph, where), moved
            moved = {old: _moved(new, replaced) for old, new in moved.items()} | replaced
        # Rules that undo each other: the preflight refuses what is left of the op that they are about.
        print(f"rules undo each other: {sorted({repair.rule for repair in self.done})}", file=sys.stderr)
        return self._functions(graph, where), moved

    def _once(self, graph: GraphDef, where: str, original: set[str]) -> tuple[GraphDef, dict[str, str]]:
        """Replace every node that some rule matches now."""
        framed = any(node.op in FRAMES for node in graph.node)
        if framed or not any(node.op in self.by_op for node in graph.node):
            return graph, {}
        replaced: dict[str, str] = {}
        with tf.Graph().as_default() as scratch:
            tf.graph_util.import_graph_def(graph, name="")
            for node in [node for node in graph.node if node.op in self.by_op]:
                operation = scratch.get_operation_by_name(node.name)
                rule, made = self._replacement(operation, where)
                if rule is None:
                    continue
                replaced |= _standing_for(operation, made)
                root = node.name if node.name in original else self._origin(node.name, original)
                self.done.append(Repair(rule=rule.name, why=rule.why, until=rule.until, node=where + root))
            if not replaced:
                return graph, {}
            return spliced(scratch.as_graph_def(), replaced), replaced

    def _replacement(self, operation: Operation, where: str) -> tuple[Rule | None, list[Tensor] | Operation]:
        """Return the first rule that can do the operation, and its new outputs; no rule where none can."""
        for rule in self.by_op[operation.type]:
            if (rule.name, where + operation.name) in self.stuck or not rule.when(operation):
                continue
            try:
                return rule, self._make(rule, operation)
            except Inapplicable:
                pass
            except (TypeError, ValueError, NotImplementedError):
                # A shape or dtype that nobody thought of: the preflight refuses what no rule can do.
                traceback.print_exc()
            self.stuck.add((rule.name, where + operation.name))
        return None, []

    def _make(self, rule: Rule, operation: Operation) -> list[Tensor] | Operation:
        scope = f"{operation.name}/{rule.name}/"
        # What changes a variable happens when the old operation did.
        waits = operation.control_inputs if operation.op_def.is_stateful else []
        with tf.name_scope(scope if scope[0].isalnum() else f"repaired{scope}"), tf.control_dependencies(waits):
            made: Any = rule.becomes(operation, list(operation.inputs))
        if not operation.outputs:
            return made
        outputs: list[Any] = list(made) if isinstance(made, (list, tuple)) else [made]
        for old, new in zip(operation.outputs, outputs, strict=True):
            if new is not None and new.dtype != old.dtype:
                raise TypeError(f"rule {rule.name} turns {old.dtype.name} {old.name} into {new.dtype.name}")
        # A tensor that came in has a name of its own, which must not be taken for another's.
        given = {tensor.ref() for tensor in operation.inputs}
        return [tf.identity(new) if new is not None and new.ref() in given else new for new in outputs]

    def _origin(self, name: str, original: set[str]) -> str:
        """Return the node of the source that a repair's own node came from: names of repairs begin with it."""
        while name and name not in original:
            name = name.rpartition("/")[0]
        return name

    def _functions(self, graph: GraphDef, where: str) -> GraphDef:
        """Repair the functions that the graph calls, each with the shapes that it is called with."""
        ops = {node.op for function in graph.library.function for node in function.node_def}
        if not ops & set(self.by_op):
            return graph
        library = {function.signature.name: function for function in graph.library.function}
        called: dict[str, list[Any]] = {}
        with tf.Graph().as_default() as scratch:
            tf.graph_util.import_graph_def(graph, name="")
            for operation in scratch.get_operations():
                for name, shapes in calls(operation, library):
                    called[name] = _general(called.get(name), shapes)
        for name, shapes in called.items():
            try:
                self._function(graph, library[name], shapes, where)
            except ValueError:
                # A branch that can't run with these shapes, as TensorFlow infers them; which one does is decided elsewhere.
                traceback.print_exc()
        return graph

    def _function(self, graph: GraphDef, function: Any, shapes: Sequence[Any], where: str) -> None:
        """Repair one function of `graph` in place, and those that it calls."""
        library = tf.compat.v1.GraphDef(library=graph.library, versions=graph.versions)
        body, tensors = body_of(library, function, shapes)
        outputs = [tensors[function.ret[argument.name]] for argument in function.signature.output_arg]
        inner = dict.fromkeys(argument.name for argument in function.signature.input_arg)
        values = {name: value for name, value in _values.get().items() if name not in inner}
        with _known(values):
            repaired, moved = self.repair(body, f"{where}{function.signature.name}/")
        outputs = [_moved(name, moved) for name in outputs]
        made = as_function(_waiting_on(function, moved), repaired, outputs)
        kept = {item.signature.name: item for item in graph.library.function}
        for item in repaired.library.function:
            kept.setdefault(item.signature.name, item).CopyFrom(item)
        function.CopyFrom(made)
        present = {item.signature.name for item in graph.library.function}
        graph.library.function.extend(item for name, item in kept.items() if name not in present)


def operations(graph: GraphDef, where: str = "") -> Iterator[tuple[str, Operation]]:
    """Yield every operation of a graph and of the functions that it calls, each with the name that reports give it.

    Shapes in a function are those that all its callers give it.
    """
    library = {function.signature.name: function for function in graph.library.function}
    called: dict[str, list[Any]] = {}
    with tf.Graph().as_default() as scratch:
        tf.graph_util.import_graph_def(graph, name="")
    for operation in scratch.get_operations():
        yield where + operation.name, operation
        for name, shapes in calls(operation, library):
            called[name] = _general(called.get(name), shapes)
    for name, shapes in called.items():
        body, _ = body_of(tf.compat.v1.GraphDef(library=graph.library, versions=graph.versions), library[name], shapes)
        yield from operations(body, f"{where}{name}/")


def needed(results: Iterable[Tensor]) -> set[str]:
    """Return the names of the operations that the tensors depend on."""
    found: set[str] = set()
    waiting = [tensor.op for tensor in results]
    while waiting:
        operation = waiting.pop()
        if operation.name not in found:
            found.add(operation.name)
            waiting += [tensor.op for tensor in operation.inputs] + list(operation.control_inputs)
    return found


def calls(operation: Operation, library: Mapping[str, Any]) -> Iterator[tuple[str, list[Any]]]:
    """Yield the functions that an operation calls, with the shapes of the arguments that it gives them."""
    definition = operation.node_def
    names = {attr.func.name for attr in definition.attr.values()}
    names |= {function.name for attr in definition.attr.values() for function in attr.list.func}
    names |= {operation.type}
    for name in sorted(names & set(library)):
        if operation.type in ("While", "StatelessWhile"):
            yield name, [tensor.shape for tensor in operation.outputs]
        elif operation.type in ("If", "StatelessIf", "Case", "StatelessCase"):
            yield name, [tensor.shape for tensor in operation.inputs[1:]]
        else:
            yield name, [tensor.shape for tensor in operation.inputs]


def _general(known: list[Any] | None, shapes: list[Any]) -> list[Any]:
    """Return, for each argument, a shape that holds for both callers."""
    return (
        shapes if known is None else [a.most_specific_compatible_shape(b) for a, b in zip(known, shapes, strict=True)]
    )


def body_of(library: GraphDef, function: Any, shapes: Sequence[Any]) -> tuple[GraphDef, dict[str, str]]:
    """Return a function's body as a graph whose placeholders are its arguments, and its tensors' names there.

    TensorFlow's optimizers leave shapes at arguments, unknown ones too, that would be preferred to those given.
    """
    unshaped = type(function)()
    unshaped.CopyFrom(function)
    for attrs in unshaped.arg_attr.values():
        attrs.attr.pop("_output_shapes", None)
    with tf.Graph().as_default():
        tf.graph_util.import_graph_def(library, name="")  # function calls in the body need their definitions
        body, tensors = function_def_to_graph.function_def_to_graph_def(
            unshaped, [shape.as_proto() for shape in shapes]
        )
    body.library.CopyFrom(library.library)
    return body, tensors


def _standing_for(operation: Operation, made: Any) -> dict[str, str]:
    """Return old → new: tensors, or, for an operation without outputs, what is waited for (`^node`)."""
    if not operation.outputs:
        return {f"^{operation.name}": f"^{made.name}"}
    return {old.name: new.name for old, new in zip(operation.outputs, made, strict=True) if new is not None}


def _waiting_on(function: Any, moved: Mapping[str, str]) -> Any:
    """Return the definition of a function whose changes of state are now those that they were `moved` to."""
    made = type(function)()
    made.CopyFrom(function)
    for name, node in function.control_ret.items():
        made.control_ret[name] = source_node(
            _moved(f"^{node}", moved) if f"^{node}" in moved else _moved(f"{node}:0", moved)
        )
    return made


def as_function(before: Any, body: GraphDef, outputs: Sequence[str]) -> Any:
    """Return the definition of the function `before` with another body; its name and arguments stay."""
    arguments = [argument.name for argument in before.signature.input_arg]
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(body, name="")
        inputs = [graph.get_tensor_by_name(f"{name}:0") for name in arguments]
        results = [graph.get_tensor_by_name(name) for name in outputs]
        inner = [operation for operation in graph.get_operations() if operation.name not in set(arguments)]
        names = [argument.name for argument in before.signature.output_arg]
        made = graph_to_function_def.graph_to_function_def(graph, inner, inputs, results, names)
    made.signature.name = before.signature.name
    made.signature.is_stateful = before.signature.is_stateful
    for name, attr in before.attr.items():
        made.attr[name].CopyFrom(attr)
    for number, attr in before.arg_attr.items():
        made.arg_attr[number].CopyFrom(attr)
    for name, node in before.control_ret.items():
        if node in {item.name for item in made.node_def}:
            made.control_ret[name] = node
            made.signature.control_output.append(name)
    return made


def spliced(graph: GraphDef, replaced: Mapping[str, str]) -> GraphDef:
    """Return the graph with readers of the tensors `replaced` reading what stands for them; the old nodes are gone."""
    gone = {source_node(name) for name in replaced}
    waits = {source_node(old): f"^{source_node(new)}" for old, new in replaced.items()}
    kept = tf.compat.v1.GraphDef(versions=graph.versions, library=graph.library)
    kept.node.extend(node for node in graph.node if node.name not in gone)
    for node in all_nodes(kept):
        # The canonical form keeps control flow functional, that of repairs too.
        node.attr.pop("_lower_using_switch_merge", None)
    for node in kept.node:
        for index, reference in enumerate(node.input):
            if reference.startswith("^"):
                node.input[index] = waits.get(source_node(reference), reference)
            else:
                node.input[index] = _moved(_full_name(reference), replaced).removesuffix(":0")
    return kept


def _moved(reference: str, replaced: Mapping[str, str]) -> str:
    while reference in replaced:
        reference = replaced[reference]
    return reference


def _full_name(reference: str) -> str:
    return reference if ":" in reference else f"{reference}:0"
