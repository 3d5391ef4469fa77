"""From a concrete function, or a graph in a session, to a graph skeleton with its weights beside it.

`freeze_function` and `freeze_session` return a `Frozen`; `anyport_tf.trace` makes the canonical form of several.

TensorFlow's own `convert_variables_to_constants_v2` inlines functions and turns variables into constants, and then
wraps the result in a new function, weights and all, which for ResNet50 costs seconds and gigabytes.  The step that is
wanted is called here alone; the module that holds it is private and unchanged since TensorFlow 2.4.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, MutableMapping, Set
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2
from tensorflow.python.framework import convert_to_constants, tensor_util
from tensorflow.python.grappler import tf_optimizer

from anyport_guest import BadRequest

from .canonical import Array

GraphDef = Any
NodeDef = Any
Table = tuple[Array, Array]

WEIGHT_BYTES = 1024
"""Constants of more bytes than this leave the graph; smaller ones (shapes, axes, biases) stay and cost nothing."""

ASSIGNING = (
    "AssignVariableOp", "AssignAddVariableOp", "AssignSubVariableOp", "ResourceScatter", "ResourceStridedSliceAssign",
    "ResourceApply", "RngReadAndSkip", "RngSkip", "StatefulStandardNormal", "StatefulUniform", "StatefulTruncatedNormal",
)  # fmt: skip
"""Ops (or how their names begin) that change the variable which is their first input."""

FINDING = ("LookupTableFindV2", "LookupTableFind")
SIZES = ("LookupTableSizeV2", "LookupTableSize")
CHANGING_TABLES = ("LookupTableInsertV2", "LookupTableRemoveV2", "LookupTableImportV2")
TABLES = ("HashTableV2", "MutableHashTableV2", "MutableDenseHashTableV2")
VARIABLES = ("VarHandleOp", "VariableV2", "Variable")

NOT_INLINED = ("api_implements", "_XlaMustCompile", "_noinline")
"""What keeps a function from being inlined: an implementation for another device (Keras 2's LSTM has one for cuDNN), a
wish to be compiled (Keras 3's grouped convolution has it)."""

PASSING = ("Identity", "Enter", "Switch")
"""Ops whose output is the resource that came in."""

FRAMES = ("Enter", "Exit", "NextIteration", "Switch", "Merge")
"""Control flow of TensorFlow 1: a constant inside such a loop is held in its frame by a control input."""

SELECTING = ("If", "StatelessIf", "Case", "StatelessCase")
"""Ops whose first input chooses the function; the others are its arguments."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Frozen:
    """A graph skeleton and what was taken out of it."""

    graph: GraphDef
    weights: Mapping[str, Array]
    """Placeholder → value."""
    variables: Mapping[str, str]
    """Placeholder of dtype resource → key in `weights` of the initial value of a variable that changes."""
    states: Mapping[str, str]
    """Key in `weights` of such an initial value → variable of the source, as `parameters` calls it."""
    tables: Mapping[str, tuple[Array, Array]]
    """Placeholder of dtype resource → keys and values."""
    parameters: Mapping[str, tuple[int, int]]
    """Variable of the source → its elements and bytes."""


def freeze_function(function: Any, changing: Set[str] = frozenset()) -> Frozen:
    """Freeze a `tf.types.experimental.ConcreteFunction`; its inputs stay placeholders under their own names.

    `changing` are variables of the source (as in `Frozen.states`) that another signature assigns.
    """
    graph = _inline(function.graph, [tensor.name for tensor in (*function.inputs, *function.outputs)])
    captures = {inner.op.name: outer for outer, inner in function.graph.captures}
    resources = {name: outer for name, outer in captures.items() if outer.dtype == tf.resource}
    uses = _uses(graph, resources)
    variables = {
        variable.handle._id: variable for variable in function.graph.variables if hasattr(variable.handle, "_id")
    }
    values = {name: _value(outer) for name, outer in captures.items() if name not in resources}
    states: dict[str, tuple[str, Array]] = {}
    parameters: dict[str, tuple[int, int]] = {}
    tables: dict[str, tuple[Array, Array]] = {}
    for name, outer in resources.items():
        if outer._id in variables:
            variable, value = f"{variables[outer._id].name}:{outer._id}", variables[outer._id].numpy()
            parameters[variable] = value.size, value.nbytes
            if variable in changing or _changes(uses[name]):
                states[name] = variable, value
            else:
                values[name] = value
        elif (dtypes := _table_dtypes(name, uses[name])) is not None:
            keys, entries = tf.raw_ops.LookupTableExportV2(table_handle=outer, Tkeys=dtypes[0], Tvalues=dtypes[1])
            tables[name] = _in_order(keys.numpy(), entries.numpy())
    graph = _with_constants(graph, values)
    return _finish(graph, [tensor.name for tensor in function.outputs], states, tables, parameters)


def _value(tensor: Any) -> Array:
    """Return a captured tensor's value; TensorFlow gives a scalar string as plain `bytes`."""
    return np.asarray(tensor.numpy(), dtype=object if tensor.dtype == tf.string else None)


def freeze_session(
    session: Any, inputs: Iterable[str], outputs: Iterable[str], changing: Set[str] = frozenset()
) -> Frozen:
    """Freeze the part of a session's graph between the tensors `inputs` and `outputs` (names like `x:0`).

    `changing` is what it is for `freeze_function`.
    """
    inputs, outputs = list(inputs), list(outputs)
    graph = _inline(session.graph, [*inputs, *outputs])
    _open_inputs(graph, {source_node(name) for name in inputs})
    graph = tf.compat.v1.graph_util.extract_sub_graph(graph, [source_node(name) for name in (*inputs, *outputs)])
    kinds = {node.name: node.op for node in graph.node if node.op in (*TABLES, *VARIABLES)}
    uses = _uses(graph, kinds)
    read = _read_variables(session, [name for name, op in kinds.items() if op in VARIABLES])
    states = {name: (name, value) for name, value in read.items() if name in changing or _changes(uses[name])}
    tables = _read_tables(session, {name: uses[name] for name, op in kinds.items() if op in TABLES})
    graph = _with_constants(graph, {name: value for name, value in read.items() if name not in states})
    for node in graph.node:
        if node.name in states or node.name in tables:
            _become_placeholder(node, tf.resource.as_datatype_enum, None)
    parameters = {name: (value.size, value.nbytes) for name, value in read.items()}
    return _finish(graph, outputs, states, tables, parameters)


def _open_inputs(graph: GraphDef, inputs: set[str]) -> None:
    """Turn inputs that a session could feed and a function can't (placeholders with a default) into placeholders."""
    for node in graph.node:
        if node.name in inputs and node.op == "PlaceholderWithDefault":
            shape = [None if dim.size < 0 else dim.size for dim in node.attr["shape"].shape.dim]
            _become_placeholder(node, node.attr["dtype"].type, shape)


def _read_variables(session: Any, names: list[str]) -> dict[str, Array]:
    """Return the values of a session's variables, of the resource kind or of TensorFlow 1's reference kind."""
    tensors = {}
    with session.graph.as_default():
        for name in names:
            operation = session.graph.get_operation_by_name(name)
            handle = operation.outputs[0]
            if operation.type == "VarHandleOp":
                handle = tf.raw_ops.ReadVariableOp(resource=handle, dtype=operation.get_attr("dtype"))
            tensors[name] = handle
    return {name: np.asarray(value) for name, value in session.run(tensors).items()}


def _read_tables(session: Any, uses: Mapping[str, list[NodeDef]]) -> dict[str, Table]:
    tensors = {}
    with session.graph.as_default():
        for name, users in uses.items():
            if (dtypes := _table_dtypes(name, users)) is not None:
                handle = session.graph.get_tensor_by_name(f"{name}:0")
                tensors[name] = tf.raw_ops.LookupTableExportV2(table_handle=handle, Tkeys=dtypes[0], Tvalues=dtypes[1])
    return {name: _in_order(*entries) for name, entries in session.run(tensors).items()}


def _inline(graph: Any, fetches: list[str]) -> GraphDef:
    """Inline every function call of a graph, leaving control flow functional."""
    graph_def = convert_to_constants.disable_lower_using_switch_merge(graph.as_graph_def())
    for function in graph_def.library.function:
        for mark in NOT_INLINED:
            function.attr.pop(mark, None)
    for node in all_nodes(graph_def):
        node.attr.pop("_XlaMustCompile", None)
        if node.op in SELECTING:  # TensorFlow's function above forgets `Case`
            node.attr.pop("_lower_using_switch_merge", None)
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


def _with_constants(graph: GraphDef, values: Mapping[str, Array]) -> GraphDef:
    """Return the graph with the nodes `values` (variables, captures) as constants, reads of them gone."""
    _split_reads(graph.node, inside_function=False)
    for function in graph.library.function:
        _split_reads(function.node_def, inside_function=True)
    present = {node.name for node in graph.node}
    data = convert_to_constants._ConverterData(graph)
    for name in present & set(values):
        dtype = tf.dtypes.as_dtype(values[name].dtype).as_datatype_enum
        data.tensor_data[name] = convert_to_constants._TensorData(numpy=values[name], dtype=dtype, index=None)
    result, _ = convert_to_constants._replace_variables_by_constants(converter_data=data)
    return result


def _split_reads(nodes: Any, inside_function: bool) -> None:
    """Write `ResourceGather` and `VariableShape` as a read of the variable and a plain op.

    The conversion to constants leaves them alone inside functions, and refuses a gather with batch dimensions:
    https://github.com/tensorflow/tensorflow/blob/v2.21.0/tensorflow/python/framework/convert_to_constants.py#L405
    """
    for node in [node for node in nodes if node.op in ("ResourceGather", "VariableShape")]:
        read = nodes.add(name=f"{node.name}/anyport_read", op="ReadVariableOp")
        read.input.extend([node.input[0], *(name for name in node.input if name.startswith("^"))])
        node.input[0] = f"{read.name}:value:0" if inside_function else read.name
        if node.op == "VariableShape":
            read.attr["dtype"].type = _variable_dtype(nodes, read.input[0])
            node.op = "Shape"
            node.attr["T"].CopyFrom(read.attr["dtype"])
        else:
            read.attr["dtype"].CopyFrom(node.attr["dtype"])
            _become_gather(nodes, node, inside_function)


def _become_gather(nodes: Any, node: NodeDef, inside_function: bool) -> None:
    """Turn a `ResourceGather` whose first input has been read already into a `GatherV2`."""
    batch_dims = node.attr["batch_dims"].i
    axis = nodes.add(name=f"{node.name}/anyport_axis", op="Const")
    axis.attr["dtype"].type = tf.int32.as_datatype_enum
    axis.attr["value"].tensor.CopyFrom(tensor_util.make_tensor_proto(batch_dims, tf.int32))
    controls = [name for name in node.input if name.startswith("^")]
    data = [node.input[0], node.input[1], f"{axis.name}:output:0" if inside_function else axis.name]
    dtype, indices = node.attr["dtype"].type, node.attr["Tindices"].type
    del node.input[:]
    node.input.extend(data + controls)
    node.op = "GatherV2"
    node.ClearField("attr")
    node.attr["Tparams"].type, node.attr["Tindices"].type = dtype, indices
    node.attr["Taxis"].type = tf.int32.as_datatype_enum
    node.attr["batch_dims"].i = batch_dims


def _variable_dtype(nodes: Iterable[NodeDef], handle: str) -> int:
    """Return the dtype of a variable as its other reads in the same graph state it; float32 where there are none."""
    reads = (
        node for node in nodes if node.op == "ReadVariableOp" and node.input[0] == handle and node.attr["dtype"].type
    )
    return next((int(node.attr["dtype"].type) for node in reads), int(tf.float32.as_datatype_enum))


def _finish(
    graph: GraphDef,
    outputs: list[str],
    states: Mapping[str, tuple[str, Array]],
    tables: Mapping[str, Table],
    parameters: Mapping[str, tuple[int, int]],
) -> Frozen:
    """Prune to `outputs`, drop control inputs of a graph without state, and take the large constants out."""
    for node in all_nodes(graph):
        # Where a node must be placed, often beside one that is gone; on one device it means nothing.
        node.attr.pop("_class", None)
        # Which custom gradient it has: nobody trains an artifact, and saving one that captures a tensor fails.
        node.attr.pop("_gradient_op_type", None)
    if not states and not any(assigns(node) or node.op in FRAMES for node in all_nodes(graph)):
        for node in all_nodes(graph):
            drop_control_inputs(node)
    _state_lookups(graph, tables)
    graph = prune(_without_controls_from(graph, {*states, *tables}), [source_node(name) for name in outputs])
    weights = _take_weights(graph)
    present = {node.name for node in graph.node}
    variables, origins = {}, {}
    for name, (variable, value) in states.items():
        if name in present:
            initial = variables[name] = f"{name}/initial"
            # A handle's own shape, a scalar's, would be taken for the variable's.
            _become_placeholder(
                next(node for node in graph.node if node.name == name), tf.resource.as_datatype_enum, None
            )
            weights[initial], origins[initial] = value, variable
    return Frozen(
        graph=graph,
        weights=weights,
        variables=variables,
        states=origins,
        tables={name: entry for name, entry in tables.items() if name in present},
        # A graph that was frozen before has no variables; its large constants were some.
        parameters=parameters or {name: (value.size, value.nbytes) for name, value in weights.items()},
    )


def _state_lookups(graph: GraphDef, tables: Mapping[str, Table]) -> None:
    """Say of what a graph looks up how many there are, and that it has the shape of the keys.

    TensorFlow learns both from the table itself; of a placeholder for one, not even the result's rank is known.
    """
    _become_sizes(graph, tables)
    if all(keys.ndim == values.ndim == 1 for keys, values in tables.values()):
        _shape_lookups(graph.node, {}, inside_function=False)
        for function in graph.library.function:
            _shape_lookups(function.node_def, function.ret, inside_function=True)


def _become_sizes(graph: GraphDef, tables: Mapping[str, Table]) -> None:
    """Turn each question for a table's size into the number: its entries don't change."""
    for node in graph.node:
        if node.op in SIZES and source_node(node.input[0]) in tables:
            size = len(tables[source_node(node.input[0])][0])
            _become_constant(node, tensor_util.make_tensor_proto(size, tf.int64))


def _shape_lookups(nodes: Any, results: MutableMapping[str, str], inside_function: bool) -> None:
    """Put a `Reshape` to the shape of its keys behind each lookup; `results` are a function's."""
    behind: dict[str, str] = {}
    shaped_before = {
        node.name.removesuffix("/anyport_shaped") for node in nodes if node.name.endswith("/anyport_shaped")
    }
    for node in [node for node in nodes if node.op in FINDING and node.name not in shaped_before]:
        shape = nodes.add(name=f"{node.name}/anyport_shape", op="Shape", input=[node.input[1]])
        shape.attr["T"].CopyFrom(node.attr["Tin"])
        found, size = node.name, shape.name
        if inside_function:
            found, size = f"{found}:values:0", f"{size}:output:0"
        shaped = nodes.add(name=f"{node.name}/anyport_shaped", op="Reshape", input=[found, size])
        shaped.attr["T"].CopyFrom(node.attr["Tout"])
        for attr in (shape.attr["out_type"], shaped.attr["Tshape"]):
            attr.type = tf.int32.as_datatype_enum
        behind[found] = f"{shaped.name}:output:0" if inside_function else shaped.name
    for node in nodes:
        if not node.name.endswith("/anyport_shaped"):
            node.input[:] = [behind.get(name, name) for name in node.input]
    for result, name in list(results.items()):
        results[result] = behind.get(name, name)


def _without_controls_from(graph: GraphDef, names: set[str]) -> GraphDef:
    """Return the graph without control inputs from the nodes `names`: there is nothing to wait for in a placeholder."""
    for node in graph.node:
        kept = [name for name in node.input if not (name.startswith("^") and source_node(name) in names)]
        if len(kept) != len(node.input):
            del node.input[:]
            node.input.extend(kept)
    return graph


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
    """Turn each large constant into a placeholder of the same name, dtype and shape; return their values.

    One with a control input belongs to the loop it lies in (`FRAMES`), where a placeholder can't be.
    """
    weights = {}
    for node in graph.node:
        if node.op != "Const" or node.input or node.attr["dtype"].type == tf.string.as_datatype_enum:
            continue
        tensor = node.attr["value"].tensor
        dtype = tf.dtypes.as_dtype(tensor.dtype)
        shape = [dim.size for dim in tensor.tensor_shape.dim]
        if dtype.size * int(np.prod(shape, dtype=np.int64)) > WEIGHT_BYTES:
            weights[node.name] = tensor_util.MakeNdarray(tensor)
            _become_placeholder(node, tensor.dtype, shape)
    return weights


def _become_constant(node: NodeDef, value: Any) -> None:
    node.op = "Const"
    del node.input[:]
    node.ClearField("attr")
    node.attr["dtype"].type = value.dtype
    node.attr["value"].tensor.CopyFrom(value)


def _become_placeholder(node: NodeDef, dtype: int, shape: list[int | None] | None) -> None:
    node.op = "Placeholder"
    del node.input[:]
    node.ClearField("attr")
    node.attr["dtype"].type = dtype
    if shape is not None:
        node.attr["shape"].shape.CopyFrom(tf.TensorShape(shape).as_proto())


def _uses(graph: GraphDef, handles: Iterable[str]) -> dict[str, list[NodeDef]]:
    """Return, for each of the resources `handles`, the ops that take it, in functions of any depth too."""
    library = {item.signature.name: item for item in graph.library.function}
    found: dict[str, list[NodeDef]] = {name: [] for name in handles}

    def visit(nodes: Iterable[NodeDef], origin: Mapping[str, str]) -> None:
        passed = {node.name: source_node(node.input[0]) for node in nodes if node.op in PASSING}
        for node in nodes:
            data = [name for name in node.input if not name.startswith("^")]
            sources = [origin.get(_through(passed, source_node(name))) for name in data]
            for source in dict.fromkeys(source for source in sources if source is not None):
                found[source].append(node)  # an optimizer's op changes several
            given = sources[1:] if node.op in SELECTING else sources
            if any(given):
                for name in _direct_calls(node, library):
                    parameters = [argument.name for argument in library[name].signature.input_arg]
                    visit(library[name].node_def, {n: s for n, s in zip(parameters, given, strict=False) if s})

    visit(graph.node, {name: name for name in found})
    return found


def _through(passed: Mapping[str, str], name: str) -> str:
    """Follow `name` back through nodes that only pass on their first input (`passed`: node → that input)."""
    while name in passed:
        name = passed[name]
    return name


def _direct_calls(node: NodeDef, library: Mapping[str, Any]) -> set[str]:
    names = {node.op, *(attr.func.name for attr in node.attr.values())}
    names |= {function.name for attr in node.attr.values() for function in attr.list.func}
    return names & set(library)


def _in_order(keys: Array, values: Array) -> Table:
    """Sort a table's entries by key: the order of a hash table differs from run to run.

    A dense table exports scalars as rows of one, and its empty buckets too, all under one key that can't be looked up.
    """
    if keys.shape[1:] == (1,):
        _, first, counts = np.unique(keys, return_index=True, return_counts=True)
        keys, values = keys[first[counts == 1], 0], values[first[counts == 1]]
        values = values[:, 0] if values.shape[1:] == (1,) else values
    order = np.argsort(keys, kind="stable")
    return keys[order], values[order]


def _changes(users: Iterable[NodeDef]) -> bool:
    return any(assigns(node) for node in users)


def assigns(node: NodeDef) -> bool:
    """Tell whether the node changes the variable that is its first input."""
    return str(node.op).startswith(ASSIGNING)


def _is_resource(node: NodeDef) -> bool:
    return bool(node.attr["dtype"].type == tf.resource.as_datatype_enum)


def _table_dtypes(name: str, users: Iterable[NodeDef]) -> tuple[Any, Any] | None:
    """Return the key and value dtypes of a table, as the lookups in it state them; None for what nothing looks up.

    Such a handle remains an unexplained resource, which preflight refuses.
    """
    users = list(users)
    if changing := next((node for node in users if node.op in CHANGING_TABLES), None):
        raise BadRequest(
            f"the model changes its lookup table {name!r} while it runs ({changing.op} {changing.name!r})",
            "Export a function that only looks up; a table is exported with the entries it has now.",
        )
    lookup = next((node for node in users if node.op in FINDING), None)
    if lookup is None:
        return None
    return tf.dtypes.as_dtype(lookup.attr["Tin"].type), tf.dtypes.as_dtype(lookup.attr["Tout"].type)
