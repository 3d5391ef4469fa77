"""Complex tensors as pairs of real ones, in whole graphs: none of the formats has complex numbers on every runtime.

`complex_as_pairs` rewrites signatures, bodies of loops and branches included: each complex tensor becomes two real ones,
each op on it what `compositions.complex_ops` says.  A loop that carries a complex tensor carries two real ones, a list
(`TensorArray`) of them has a last axis of 2, a complex weight is two weights.

What it can't rewrite stays, between ops that make a complex tensor of a pair and a pair of a complex tensor: the graph is
right in any case, and `remaining` tells what is left.  Complex inputs and outputs of a signature are left too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import function_def_to_graph, graph_to_function_def

from .canonical import Array, Canonical, Signature
from .compositions.complex import Pair
from .compositions.complex_ops import FOURIER, HANDLERS, real_dtype
from .freeze import FRAMES, all_nodes, source_node
from .preflight import Refusal
from .rules import Inapplicable, Repair, calls, needed, trimmed

GraphDef = Any
Operation = Any
Tensor = Any
FunctionDef = Any

COMPLEX = (tf.complex64.as_datatype_enum, tf.complex128.as_datatype_enum)

WHY = "the format's runtimes don't compute with complex numbers"
UNTIL = "every release so far"

CALLING = (
    "While",
    "StatelessWhile",
    "If",
    "StatelessIf",
    "Case",
    "StatelessCase",
    "PartitionedCall",
    "StatefulPartitionedCall",
)
TYPES_OF_CALLS = ("T", "Tin", "Tout")


def complex_as_pairs(model: Canonical, *, why: str = WHY, until: str = UNTIL) -> tuple[Canonical, list[Repair]]:
    """Return the model without complex tensors between its inputs and outputs, and what was done."""
    signatures, done = {}, []
    weights: dict[str, Array] = {}
    for name, signature in model.signatures.items():
        if has_complex(signature.graph):
            pass_ = _Pass(signature, model.weights, weights)
            signature = pass_.run()
            done += [Repair(rule=rule, why=why, until=until, node=node) for rule, node in pass_.done]
        signatures[name] = signature
    if not done:
        return model, []
    return dataclasses.replace(model, signatures=signatures, weights=_Together(model.weights, weights)), done


def has_complex(graph: GraphDef) -> bool:
    """Tell whether some node of the graph or of its functions has to do with complex tensors."""
    return any(is_complex(node) for node in all_nodes(graph))


def is_complex(node: Any) -> bool:
    """Tell whether a node takes, makes or holds complex tensors."""
    return any(attr.type in COMPLEX or any(item in COMPLEX for item in attr.list.type) for attr in node.attr.values())


def remaining(model: Canonical, target: str) -> list[Refusal]:
    """Return what still has to do with complex numbers, as refusals; `target` is what the user calls it ("TFLite")."""
    refusals = []
    for signature in model.signatures.values():
        ports = {*signature.inputs.values(), *map(source_node, signature.outputs.values())}
        for where, nodes in _by_function(signature.graph):
            for node in filter(is_complex, nodes):
                if node.op in ("Complex", "Real", "Imag") and node.name not in ports:
                    continue  # between a port or another op and its pair: that one is named
                if not where and node.name in ports:
                    reason = f"a complex input or output of signature {signature.name!r}, which {target} has none of"
                else:
                    reason = f"it works on complex numbers, which {target} has none of"
                refusals.append(Refusal(op=node.op, node=where + node.name, reason=reason, hint=HINT))
    return refusals


HINT = "Take or return the real and imaginary parts as two tensors: tf.complex, tf.math.real and tf.math.imag in the model."


def _by_function(graph: GraphDef) -> Iterable[tuple[str, Iterable[Any]]]:
    yield "", graph.node
    for function in graph.library.function:
        yield f"{function.signature.name}/", function.node_def


class _Together(Mapping[str, Array]):
    """Weights of a model and more of them; the first stay memory-mapped."""

    def __init__(self, first: Mapping[str, Array], more: Mapping[str, Array]) -> None:
        self._first, self._more = first, more

    def __getitem__(self, name: str) -> Array:
        return self._more[name] if name in self._more else self._first[name]

    def __iter__(self) -> Any:
        return iter(dict.fromkeys([*self._first, *self._more]))

    def __len__(self) -> int:
        return len({*self._first, *self._more})


class _Pass:
    """The rewriting of one signature."""

    def __init__(self, signature: Signature, values: Mapping[str, Array], weights: dict[str, Array]) -> None:
        self.signature = signature
        self.values = values
        self.weights = weights
        """Where the parts of complex weights go."""
        self.placeholders = dict(signature.weights)
        self.done: list[tuple[str, str]] = []
        """Rule and node."""

    def run(self) -> Signature:
        graph = tf.compat.v1.GraphDef()
        graph.CopyFrom(self.signature.graph)
        self.functions(graph, "")
        graph, moved, _ = self.graph(graph, "", {})
        outputs = {name: moved.get(tensor, tensor) for name, tensor in self.signature.outputs.items()}
        return trimmed(dataclasses.replace(self.signature, graph=graph, outputs=outputs, weights=self.placeholders))

    def functions(self, graph: GraphDef, where: str) -> None:
        """Rewrite the functions that the graph calls, in place, each with the shapes that it is called with."""
        library = {function.signature.name: function for function in graph.library.function}
        called: dict[str, list[Any]] = {}
        with tf.Graph().as_default() as scratch:
            tf.graph_util.import_graph_def(graph, name="")
            for operation in scratch.get_operations():
                for name, shapes in calls(operation, library):
                    known = called.get(name, shapes)
                    called[name] = [a.most_specific_compatible_shape(b) for a, b in zip(known, shapes, strict=True)]
        for name, shapes in called.items():
            if any(map(is_complex, library[name].node_def)) or _complex_ports(library[name]):
                self.function(graph, library[name], shapes, where)

    def function(self, graph: GraphDef, function: FunctionDef, shapes: Sequence[Any], where: str) -> None:
        """Rewrite one function in place, and those that it calls."""
        inner = f"{where}{function.signature.name}/"
        with tf.Graph().as_default():
            tf.graph_util.import_graph_def(
                tf.compat.v1.GraphDef(library=graph.library, versions=graph.versions), name=""
            )
            body, tensors = function_def_to_graph.function_def_to_graph_def(
                function, [shape.as_proto() for shape in shapes]
            )
        body.library.CopyFrom(graph.library)
        self.functions(body, inner)
        arguments = {argument.name: argument.type in COMPLEX for argument in function.signature.input_arg}
        body, moved, pairs = self.graph(body, inner, arguments)
        made = _as_function(function, body, tensors, moved, pairs)
        graph.library.CopyFrom(body.library)
        next(item for item in graph.library.function if item.signature.name == function.signature.name).CopyFrom(made)

    def graph(
        self, graph: GraphDef, where: str, arguments: Mapping[str, bool]
    ) -> tuple[GraphDef, dict[str, str], dict[str, tuple[str, str]]]:
        """Rewrite one graph; return it, old tensor → new tensor, and old complex tensor → its parts.

        The placeholders `arguments` that are complex become two, `NAME_real` and `NAME_imag`.
        """
        if any(node.op in FRAMES for node in graph.node):
            return graph, {}, {}
        with tf.Graph().as_default() as scratch:
            tf.graph_util.import_graph_def(graph, name="")
            walk = _Walk(self, where, arguments)
            for operation in scratch.get_operations():
                walk.visit(operation)
            moved = {old: tensor.name for old, tensor in walk.moved.items()}
            pairs = {old: (pair.real.name, pair.imag.name) for old, pair in walk.pairs.items()}
            made = scratch.as_graph_def()
        made.library.CopyFrom(graph.library)
        return _rewired(made, moved), moved, pairs

    def split_weight(self, placeholder: str) -> Pair:
        """Make two weights of a complex one."""
        weight = self.placeholders[placeholder]
        parts = []
        for part in ("real", "imag"):
            value = np.ascontiguousarray(getattr(np.asarray(self.values[weight]), part))
            self.weights[f"{weight}/{part}"] = value
            new = tf.compat.v1.placeholder(value.dtype, value.shape, name=f"{placeholder}_{part}")
            self.placeholders[new.op.name] = f"{weight}/{part}"
            parts.append(new)
        return Pair(*parts)


class _Walk:
    """One pass over the operations of one scratch graph, sources before readers."""

    def __init__(self, owner: _Pass, where: str, arguments: Mapping[str, bool]) -> None:
        self.owner, self.where, self.arguments = owner, where, arguments
        self.pairs: dict[str, Pair] = {}
        self.moved: dict[str, Tensor] = {}

    def visit(self, operation: Operation) -> None:
        """Rewrite an operation, if it has to do with complex tensors and a way is known."""
        if not is_complex(operation.node_def):
            return
        try:
            with tf.name_scope(_scope(operation.name)):
                outputs = self.outputs(operation)
        except Inapplicable:
            return
        if operation.type not in ("Const", "Placeholder"):
            rule = "fourier-as-matmul" if operation.type in FOURIER else "complex-as-pairs"
            self.owner.done.append((rule, self.where + operation.name))
        for old, new in zip(operation.outputs, outputs, strict=True):
            if isinstance(new, Pair):
                self.pairs[old.name] = new
                new = tf.complex(new.real, new.imag)  # for those that can't take the pair; else it is pruned
            self.moved[old.name] = new

    def outputs(self, operation: Operation) -> list[Any]:
        """Return what stands for the outputs: tensors and pairs."""
        if operation.type == "Placeholder":
            return [self.placeholder(operation.name, operation.outputs[0])]
        if operation.type in CALLING:
            return self.call(operation)
        handler = HANDLERS.get(operation.type)
        if handler is None:
            raise Inapplicable(operation.type)
        made = handler(operation, [self.now(tensor) for tensor in operation.inputs])
        return list(made) if isinstance(made, (list, tuple)) else [made]

    def now(self, tensor: Tensor) -> Any:
        """Return what stands for a tensor: a pair for a complex one."""
        if not tensor.dtype.is_complex:
            return self.moved.get(tensor.name, tensor)
        if tensor.name not in self.pairs:
            self.pairs[tensor.name] = Pair(tf.math.real(tensor), tf.math.imag(tensor))
        return self.pairs[tensor.name]

    def placeholder(self, name: str, tensor: Tensor) -> Any:
        if name in self.owner.signature.weights and not self.where:
            return self.owner.split_weight(name)
        if not self.arguments.get(name):
            raise Inapplicable("an input of the signature")
        dtype = real_dtype(tensor.dtype)
        with tf.name_scope(""):
            parts = [tf.compat.v1.placeholder(dtype, tensor.shape, name=part) for part in part_names(name)]
        return Pair(*parts)

    def call(self, operation: Operation) -> list[Any]:
        """Call the same functions, which take and return parts by now."""
        given = _flat(self.now(tensor) for tensor in operation.inputs)
        attrs = {}
        for name, attr in operation.node_def.attr.items():
            attrs[name] = tf.compat.v1.AttrValue()
            attrs[name].CopyFrom(attr)
        for name in TYPES_OF_CALLS:
            if name in attrs:
                attrs[name].list.type[:] = _doubled(attrs[name].list.type, attrs[name].list.type, _real_enum)
        if "output_shapes" in attrs and len(attrs["output_shapes"].list.shape):
            del attrs["output_shapes"].list.shape[:]
            attrs["output_shapes"].list.shape.extend(
                _doubled(
                    [tensor.dtype.as_datatype_enum for tensor in operation.outputs], _shapes(operation), lambda s: s
                )
            )
        dtypes = _doubled(
            [t.dtype.as_datatype_enum for t in operation.outputs], [t.dtype for t in operation.outputs], real_dtype
        )
        made = iter(tf.compat.v1.get_default_graph().create_op(operation.type, given, dtypes, attrs=attrs).outputs)
        return [Pair(next(made), next(made)) if tensor.dtype.is_complex else next(made) for tensor in operation.outputs]


def part_names(name: str) -> tuple[str, str]:
    """Return the names of a complex argument's parts."""
    return f"{name}_real", f"{name}_imag"


def _scope(name: str) -> str:
    return f"{name}/complex-as-pairs/" if name[0].isalnum() else f"repaired{name}/complex-as-pairs/"


def _flat(values: Iterable[Any]) -> list[Tensor]:
    return [part for value in values for part in ((value.real, value.imag) if isinstance(value, Pair) else (value,))]


def _doubled(dtypes: Iterable[int], values: Iterable[Any], of_part: Any) -> list[Any]:
    """Return one of the values for each real tensor and two for each complex one."""
    return [
        made
        for dtype, value in zip(dtypes, values, strict=True)
        for made in ([of_part(value)] * 2 if dtype in COMPLEX else [value])
    ]


def _real_enum(dtype: int) -> int:
    return int(real_dtype(tf.dtypes.as_dtype(dtype)).as_datatype_enum)


def _shapes(operation: Operation) -> list[Any]:
    return [tensor.shape.as_proto() for tensor in operation.outputs]


def _complex_ports(function: FunctionDef) -> bool:
    ports = (*function.signature.input_arg, *function.signature.output_arg)
    return any(argument.type in COMPLEX for argument in ports)


def _rewired(graph: GraphDef, moved: Mapping[str, str]) -> GraphDef:
    """Return the graph with readers of the old tensors reading the new ones; the old nodes are gone."""
    gone = {source_node(name) for name in moved}
    waits = {source_node(old): f"^{source_node(new)}" for old, new in moved.items()}
    kept = tf.compat.v1.GraphDef(versions=graph.versions, library=graph.library)
    kept.node.extend(node for node in graph.node if node.name not in gone)
    for node in kept.node:
        for index, reference in enumerate(node.input):
            if reference.startswith("^"):
                node.input[index] = waits.get(source_node(reference), reference)
            else:
                full = reference if ":" in reference else f"{reference}:0"
                node.input[index] = moved.get(full, full).removesuffix(":0")
    return kept


def _as_function(
    before: FunctionDef,
    body: GraphDef,
    tensors: Mapping[str, str],
    moved: Mapping[str, str],
    pairs: Mapping[str, tuple[str, str]],
) -> FunctionDef:
    """Return the function's definition with the new body: its name stays, complex arguments and results are two."""
    inputs = _flat_names(
        (item.name, part_names(item.name) if item.type in COMPLEX else None) for item in before.signature.input_arg
    )
    names = _flat_names(
        (item.name, part_names(item.name) if item.type in COMPLEX else None) for item in before.signature.output_arg
    )
    returned = [tensors[before.ret[item.name]] for item in before.signature.output_arg]
    outputs = _flat_names((moved.get(name, name), pairs.get(name)) for name in returned)
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(body, name="")
        arguments = [graph.get_tensor_by_name(f"{name}:0") for name in inputs]
        results = [graph.get_tensor_by_name(name) for name in outputs]
        kept = needed(results) | {source_node(name) for name in tensors.values()}
        inner = [item for item in graph.get_operations() if item.name in kept and item.name not in set(inputs)]
        made = graph_to_function_def.graph_to_function_def(graph, inner, arguments, results, names)
    made.signature.name = before.signature.name
    made.signature.is_stateful = before.signature.is_stateful
    for name, attr in before.attr.items():
        made.attr[name].CopyFrom(attr)
    if inputs == [item.name for item in before.signature.input_arg]:
        for number, attr in before.arg_attr.items():
            made.arg_attr[number].CopyFrom(attr)
    for name, node in before.control_ret.items():
        if node in {item.name for item in made.node_def}:
            made.control_ret[name] = node
            made.signature.control_output.append(name)
    return made


def _flat_names(named: Iterable[tuple[str, tuple[str, str] | None]]) -> list[str]:
    return [name for whole, parts in named for name in (parts or (whole,))]
