"""Functional control flow made into TF.js' older kind, and what that kind gets wrong made right.

TF.js has executors for `While` and `If`, but they dispose of elements of `TensorList`s that are still needed, which
breaks every RNN on wasm.  `Switch`, `Merge`, `Enter` and their kin work, once the graph has no control inputs: TF.js
takes those for data ("Cannot compute the outputs").

Without control inputs a constant inside a branch is alive in both, and `Merge` would take it whichever branch ran; one
inside a loop is alive outside of it alone, and an inner loop that begins with it, begins once.  `guard_constants` gives
such a constant an input that is alive in its own branch or turn of the loop alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf import config_pb2, meta_graph_pb2
from tensorflow.python.grappler import tf_optimizer

from anyport_guest import Refused
from anyport_tf.freeze import drop_control_inputs, source_node

GraphDef = Any
NodeDef = Any

RANDOM = ("RandomStandardNormal", "RandomUniform", "RandomUniformInt", "TruncatedNormal", "Multinomial")
FUNCTIONAL = ("While", "StatelessWhile", "If", "StatelessIf", "Case", "StatelessCase")


def grappler(graph: GraphDef, outputs: Iterable[str], optimizers: Iterable[str]) -> GraphDef:
    """Run TensorFlow's graph optimizers, which keep the nodes `outputs`, in this order."""
    # GrapplerItem takes the collection `train_op` for the graph's outputs.
    meta = meta_graph_pb2.MetaGraphDef(graph_def=graph)
    meta.collection_def["train_op"].node_list.value.extend(outputs)
    config = config_pb2.ConfigProto()
    rewrite = config.graph_options.rewrite_options
    rewrite.min_graph_nodes = -1
    rewrite.optimizers.extend(optimizers)
    rewrite.function_optimization = rewrite.AGGRESSIVE
    return tf_optimizer.OptimizeGraph(config, meta)


def lower(graph: GraphDef, outputs: Iterable[str]) -> GraphDef:
    """Return the graph with `While`, `If` and `Case` as `Switch`, `Merge`, `Enter`, `Exit` and `NextIteration`."""
    if not any(node.op in (*FUNCTIONAL, "_SwitchN") for node in graph.node):
        return graph
    lowered = tf.compat.v1.GraphDef()
    lowered.CopyFrom(graph)
    for nodes in (lowered.node, *(function.node_def for function in lowered.library.function)):
        for node in nodes:
            if node.op in FUNCTIONAL:
                node.attr["_lower_using_switch_merge"].b = True
    lowered = grappler(lowered, outputs, ["function"])
    _replace_case_switches(lowered)
    return lowered


def reach_tables(graph: GraphDef) -> None:
    """Have lookups read their table itself, wherever they are.

    What brings it into a loop runs in the first turn alone.
    """
    nodes = {node.name: node for node in graph.node}
    for node in graph.node:
        if node.op.startswith("LookupTable"):
            source = nodes[source_node(node.input[0])]
            while source.op in ("Identity", "Enter", "Switch"):
                source = nodes[source_node(source.input[0])]
            node.input[0] = source.name


def strip_control_inputs(graph: GraphDef) -> None:
    """Remove every control input from `graph`, first guarding the constants that depended on theirs."""
    guard_constants(graph)
    for node in graph.node:
        drop_control_inputs(node)


BOUND: dict[str, slice] = {
    "Merge": slice(0, None), "Enter": slice(0, 1), "NextIteration": slice(0, 1),
    "TensorListReserve": slice(1, 2), "EmptyTensorList": slice(1, 2), "TensorListFromTensor": slice(0, 1),
    **dict.fromkeys(RANDOM, slice(0, 1)),
}  # fmt: skip
"""Op → its inputs of which one must be alive in the op's own branch or turn of a loop: what chooses, begins a loop's state or
hands it on, makes a list (which TF.js changes in place), or draws."""

DTYPE = {"TensorListReserve": "", "EmptyTensorList": "", "TensorListFromTensor": "element_dtype"}
"""Op → the attribute that names the dtype of such an input, where it isn't `T`; none where it is int32."""


def guard_constants(graph: GraphDef) -> None:
    """Make each constant that must be alive in one branch or loop alone depend on data that only that one has."""
    nodes = {node.name: node for node in graph.node}
    for node in [node for node in graph.node if node.op in BOUND and not _is_loop(node, nodes)]:
        for reference in node.input[BOUND[node.op]]:
            if not reference.startswith("^") and not _ancestor(reference, nodes, _is_alive, control=False):
                _guard(graph, node, reference, nodes)


def _guard(graph: GraphDef, node: NodeDef, reference: str, nodes: dict[str, NodeDef]) -> None:
    """Have an input of a node wait for its branch or loop; outside of all of them it has nothing to wait for."""
    pivot = _ancestor(reference, nodes, _is_pivot, control=True)
    if pivot is not None:
        index = list(node.input).index(reference)
        guard = graph.node.add(name=f"{node.name}/alive_{index}", op="IdentityN", input=[reference, pivot.name])
        guard.attr["T"].list.type.extend([_input_dtype(node), pivot.attr["T"].type])
        nodes[guard.name] = guard
        node.input[index] = guard.name
    elif node.op == "Merge":
        raise Refused(
            f"TF.js can't tell whether the branch that yields the constant {reference} has run ({node.name})",
            "Have that branch compute something from its inputs (tf.zeros_like(x) + constant).",
        )


def _input_dtype(node: NodeDef) -> int:
    name = DTYPE.get(node.op, "T")
    return int(node.attr[name].type) if name else int(tf.int32.as_datatype_enum)


def _is_loop(node: NodeDef, nodes: dict[str, NodeDef]) -> bool:
    """Whether the node is the `Merge` with which a loop begins each turn."""
    return node.op == "Merge" and any(nodes[source_node(name)].op in ("Enter", "NextIteration") for name in node.input)


def _is_alive(node: NodeDef, nodes: dict[str, NodeDef]) -> bool:
    """Whether the node exists only where its branch is taken, or its loop runs."""
    return node.op == "Switch" or _is_loop(node, nodes)


def _is_pivot(node: NodeDef, nodes: dict[str, NodeDef]) -> bool:
    """Whether control inputs refer to this node, so that what has no other inputs waits for its branch or loop."""
    return _is_loop(node, nodes) or (node.op == "Identity" and nodes[source_node(node.input[0])].op == "Switch")


def _ancestor(
    reference: str, nodes: dict[str, NodeDef], wanted: Callable[[NodeDef, dict[str, NodeDef]], bool], *, control: bool
) -> NodeDef | None:
    """Return the nearest node, `reference`'s own among them, that is wanted; follow control inputs or not.

    With them, the way doesn't lead into loops and branches that have ended: what comes after them isn't in them.
    """
    waiting, seen = deque([reference]), set()
    while waiting:
        node = nodes[source_node(waiting.popleft())]
        if node.name in seen:
            continue
        if wanted(node, nodes):
            return node
        seen.add(node.name)
        if control and node.op in ("Exit", "Merge"):
            continue
        waiting.extend(name for name in node.input if control or not name.startswith("^"))
    return None


def _replace_case_switches(graph: GraphDef) -> None:
    """Replace `_SwitchN`, which `Case` lowers to and TF.js doesn't know, by one `Switch` for each branch but the last.

    As in TensorFlow, an index out of range means the last branch.
    """
    outputs: dict[str, str] = {}
    for node in [node for node in graph.node if node.op == "_SwitchN"]:
        rest, index = node.input[:2]
        for branch in range(node.attr["num_outs"].i - 1):
            is_branch = _add_equal(graph, f"{node.name}/is_{branch}", index, branch)
            switch = graph.node.add(name=f"{node.name}/switch_{branch}", op="Switch", input=[rest, is_branch])
            switch.attr["T"].CopyFrom(node.attr["T"])
            outputs[f"{node.name}:{branch}"] = f"{switch.name}:1"
            rest = switch.name
        outputs[f"{node.name}:{node.attr['num_outs'].i - 1}"] = rest
    for node in graph.node:
        for position, name in enumerate(node.input):
            node.input[position] = outputs.get(name if ":" in name else f"{name}:0", name)
    kept = [node for node in graph.node if node.op != "_SwitchN"]
    del graph.node[:]
    graph.node.extend(kept)


def _add_equal(graph: GraphDef, name: str, tensor: str, value: int) -> str:
    """Add a node that says whether an int32 tensor is `value`; return its name."""
    constant = graph.node.add(name=f"{name}/value", op="Const")
    constant.attr["dtype"].type = tf.int32.as_datatype_enum
    constant.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value, dtype=tf.int32))
    equal = graph.node.add(name=name, op="Equal", input=[tensor, constant.name])
    equal.attr["T"].type = tf.int32.as_datatype_enum
    return str(equal.name)
