"""From a concrete function, or a graph in a session, to a graph skeleton with its weights beside it.

`freeze_function` and `freeze_session` return a `Frozen`; `anyport_tf.trace` makes the canonical form of several.

TensorFlow's own `convert_variables_to_constants_v2` inlines functions and turns variables into constants, and then
wraps the result in a new function, weights and all, which for ResNet50 costs seconds and gigabytes.  The two steps
that are wanted are called here alone; the module that holds them is private and unchanged since TensorFlow 2.4.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2
from tensorflow.python.framework import convert_to_constants, tensor_util
from tensorflow.python.grappler import tf_optimizer

from .canonical import Array

GraphDef = Any
NodeDef = Any

WEIGHT_BYTES = 1024
"""Constants of more bytes than this leave the graph; smaller ones (shapes, axes, biases) stay and cost nothing."""

ASSIGNING = ("AssignVariableOp", "AssignAddVariableOp", "AssignSubVariableOp", "ResourceScatter")
FINDING = ("LookupTableFindV2", "LookupTableFind")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Frozen:
    """A graph skeleton and what was taken out of it."""

    graph: GraphDef
    weights: Mapping[str, Array]
    """Placeholder → value."""
    variables: Mapping[str, str]
    """Placeholder of dtype resource → key in `weights` of the initial value of a variable that the graph assigns."""
    tables: Mapping[str, tuple[Array, Array]]
    """Placeholder of dtype resource → keys and values."""


def freeze_function(function: Any) -> Frozen:
    """Freeze a `tf.types.experimental.ConcreteFunction`; its inputs stay placeholders under their own names."""
    assigned = _assigned_captures(function)
    data = convert_to_constants._FunctionConverterDataInEager(
        func=function, lower_control_flow=False, aggressive_inlining=True, variable_names_denylist=assigned
    )
    graph, _ = convert_to_constants._replace_variables_by_constants(converter_data=data)
    outputs = [tensor.name for tensor in function.outputs]
    captures = {inner.op.name: outer for outer, inner in function.graph.captures}
    variables = {variable.handle._id: variable for variable in function.graph.variables if hasattr(variable.handle, "_id")}
    states, tables = {}, {}
    for name, outer in captures.items():
        if outer.dtype != tf.resource:
            continue
        if name in assigned:
            states[name] = variables[outer._id].numpy()
        elif (dtypes := _table_dtypes(graph, name)) is not None:
            keys, values = tf.raw_ops.LookupTableExportV2(table_handle=outer, Tkeys=dtypes[0], Tvalues=dtypes[1])
            tables[name] = _in_order(keys.numpy(), values.numpy())
    return _finish(graph, outputs, states, tables)


def freeze_session(session: Any, inputs: Iterable[str], outputs: Iterable[str]) -> Frozen:
    """Freeze the part of a session's graph between the tensors `inputs` and `outputs` (names like `x:0`)."""
    outputs = list(outputs)
    graph = _inline(session.graph, [*inputs, *outputs])
    nodes = [name.split(":")[0] for name in outputs]
    handles = [node.name for node in graph.node if node.op in ("HashTableV2", "MutableHashTableV2", "HashTable")]
    tables = {}
    for name in handles:
        if (dtypes := _table_dtypes(graph, name)) is not None:
            with session.graph.as_default():
                handle = session.graph.get_tensor_by_name(f"{name}:0")
                export = tf.raw_ops.LookupTableExportV2(table_handle=handle, Tkeys=dtypes[0], Tvalues=dtypes[1])
            tables[name] = _in_order(*session.run(export))
    graph = convert_to_constants.convert_variables_to_constants_from_session_graph(session, graph, nodes)
    for node in graph.node:
        if node.name in tables:
            _become_placeholder(node, tf.resource.as_datatype_enum, None)
    return _finish(graph, outputs, {}, tables)


def _inline(graph: Any, fetches: list[str]) -> GraphDef:
    """Inline every function call of a session's graph, leaving control flow functional."""
    graph_def = convert_to_constants.disable_lower_using_switch_merge(graph.as_graph_def())
    meta = tf.compat.v1.train.export_meta_graph(graph_def=graph_def, graph=graph, clear_devices=True)
    # Grappler takes the collection `train_op` for the graph's outputs.
    keep = meta_graph_pb2.CollectionDef()
    keep.node_list.value.extend(fetches)
    meta.collection_def["train_op"].CopyFrom(keep)
    config = config_pb2.ConfigProto()
    rewrite = config.graph_options.rewrite_options
    rewrite.min_graph_nodes = -1
    rewrite.optimizers.append("function")
    rewrite.function_optimization = rewrite.AGGRESSIVE
    return tf_optimizer.OptimizeGraph(config, meta)


def _finish(
    graph: GraphDef, outputs: list[str], states: Mapping[str, Array], tables: Mapping[str, tuple[Array, Array]]
) -> Frozen:
    """Prune to `outputs`, drop control inputs of a graph without state, and take the large constants out."""
    if not states and not any(_assigns(node) for node in all_nodes(graph)):
        for node in all_nodes(graph):
            drop_control_inputs(node)
    graph = prune(graph, [name.split(":")[0] for name in outputs])
    weights = _take_weights(graph)
    present = {node.name for node in graph.node}
    variables = {}
    for name, value in states.items():
        if name in present:
            weights[f"{name}/initial"] = value
            variables[name] = f"{name}/initial"
    return Frozen(
        graph=graph,
        weights=weights,
        variables=variables,
        tables={name: entry for name, entry in tables.items() if name in present},
    )


def all_nodes(graph: GraphDef) -> Iterator[NodeDef]:
    """Every node of the graph and of its functions."""
    yield from graph.node
    for function in graph.library.function:
        yield from function.node_def


def drop_control_inputs(node: NodeDef) -> None:
    """Remove a node's control inputs (`^name`)."""
    data = [name for name in node.input if not name.startswith("^")]
    if len(data) != len(node.input):
        del node.input[:]
        node.input.extend(data)


def prune(graph: GraphDef, outputs: Iterable[str]) -> GraphDef:
    """Return the graph reduced to what the nodes `outputs` need, in the order it had, with the functions it calls.

    Placeholders stay even when nothing needs them: an input that the model ignores is still an input.
    """
    by_name = {node.name: node for node in graph.node}
    needed: set[str] = set()
    waiting = [*outputs, *(node.name for node in graph.node if node.op == "Placeholder" and not _is_resource(node))]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            waiting.extend(source_node(reference) for reference in by_name[name].input)
    kept = tf.compat.v1.GraphDef()
    kept.versions.CopyFrom(graph.versions)
    kept.node.extend(node for node in graph.node if node.name in needed)
    called = _called_functions(kept.node, {function.signature.name: function for function in graph.library.function})
    kept.library.function.extend(called.values())
    kept.library.gradient.extend(g for g in graph.library.gradient if g.function_name in called)
    return kept


def source_node(reference: str) -> str:
    """Return the node that an input refers to (`^node`, `node`, `node:1`, or `node:output:0` in a function)."""
    return reference.removeprefix("^").split(":")[0]


def _called_functions(nodes: Iterable[NodeDef], library: Mapping[str, Any]) -> dict[str, Any]:
    called: dict[str, Any] = {}
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        names = [node.op, *(attr.func.name for attr in node.attr.values())]
        names += [function.name for attr in node.attr.values() for function in attr.list.func]
        for name in names:
            if name in library and name not in called:
                called[name] = library[name]
                waiting.extend(library[name].node_def)
    return dict(sorted(called.items()))


def _take_weights(graph: GraphDef) -> dict[str, Array]:
    """Turn each large constant into a placeholder of the same name, dtype and shape; return their values."""
    weights = {}
    for node in graph.node:
        if node.op != "Const" or node.attr["dtype"].type == tf.string.as_datatype_enum:
            continue
        tensor = node.attr["value"].tensor
        dtype = tf.dtypes.as_dtype(tensor.dtype)
        shape = [dim.size for dim in tensor.tensor_shape.dim]
        if dtype.size * int(np.prod(shape, dtype=np.int64)) > WEIGHT_BYTES:
            weights[node.name] = tensor_util.MakeNdarray(tensor)
            _become_placeholder(node, tensor.dtype, shape)
    return weights


def _become_placeholder(node: NodeDef, dtype: int, shape: list[int] | None) -> None:
    node.op = "Placeholder"
    del node.input[:]
    node.ClearField("attr")
    node.attr["dtype"].type = dtype
    if shape is not None:
        node.attr["shape"].shape.CopyFrom(tf.TensorShape(shape).as_proto())


def _assigned_captures(function: Any) -> set[str]:
    """Return the captured placeholders whose variable some op of the function, at any depth, assigns."""
    inner = {capture.op.name for outer, capture in function.graph.captures if outer.dtype == tf.resource}
    graph = function.graph.as_graph_def()
    library = {item.signature.name: item for item in graph.library.function}
    assigned: set[str] = set()

    def visit(nodes: Iterable[NodeDef], origin: Mapping[str, str]) -> None:
        origin = dict(origin)
        for node in nodes:
            sources = [origin.get(source_node(name)) for name in node.input if not name.startswith("^")]
            if node.op == "Identity" and sources and sources[0]:
                origin[node.name] = sources[0]
            if _assigns(node) and sources and sources[0]:
                assigned.add(sources[0])
            for called in _called_functions([node], library).values():
                if called.signature.name in _direct_calls(node, library):
                    skip = 1 if node.op in ("If", "StatelessIf", "Case", "StatelessCase") else 0
                    names = [arg.name for arg in called.signature.input_arg]
                    visit(called.node_def, {n: s for n, s in zip(names, sources[skip:], strict=False) if s})

    visit(graph.node, {name: name for name in inner})
    return assigned


def _in_order(keys: Array, values: Array) -> tuple[Array, Array]:
    """Sort a table's entries by key: the order of a hash table differs from run to run."""
    order = np.argsort(keys, kind="stable")
    return keys[order], values[order]


def _direct_calls(node: NodeDef, library: Mapping[str, Any]) -> set[str]:
    names = {node.op, *(attr.func.name for attr in node.attr.values())}
    names |= {function.name for attr in node.attr.values() for function in attr.list.func}
    return names & set(library)


def _assigns(node: NodeDef) -> bool:
    return str(node.op).startswith(ASSIGNING)


def _is_resource(node: NodeDef) -> bool:
    return bool(node.attr["dtype"].type == tf.resource.as_datatype_enum)


def _table_dtypes(graph: GraphDef, handle: str) -> tuple[Any, Any] | None:
    """Return the key and value dtypes of a table handle, from the first op that looks something up in it.

    A handle that passes into a function is found by the lookups inside when there is only one table; anything less
    certain is left alone, and the handle then remains an unexplained resource, which preflight refuses.
    """
    direct = [node for node in graph.node if node.op in FINDING and source_node(node.input[0]) == handle]
    nested = [node for node in all_nodes(graph) if node.op in FINDING]
    handed_on = [node for node in graph.node if handle in map(source_node, node.input) and node.op not in FINDING]
    candidates = direct or (nested if handed_on else [])
    dtypes = {(node.attr["Tin"].type, node.attr["Tout"].type) for node in candidates}
    if len(dtypes) != 1:
        return None
    key, value = dtypes.pop()
    return tf.dtypes.as_dtype(key), tf.dtypes.as_dtype(value)
