"""The way through tf2onnx: a skeleton whose weights stay outside, as inputs of the model it makes.

`convert` is called by `convert.py`.  With the weights inside, tf2onnx copies them
dozens of times (ResNet50: 28.9 s and 6.8 GB; with them outside, 4 s and 1 GB).
"""

from __future__ import annotations

import copy
import dataclasses
import logging
import sys
from collections.abc import Mapping
from typing import Any

import onnx_express
import onnx_handlers  # noqa: F401  (registers handlers with tf2onnx)
import onnx_restrain  # noqa: F401  (takes rewriters away from tf2onnx)
import onnx_steady  # noqa: F401  (wraps methods of tf2onnx)
import onnx_trees
import tensorflow as tf
from tf2onnx import optimizer, tfonnx

from anyport_guest import Array, GuestError
from anyport_tf.canonical import Canonical, Signature
from anyport_tf.freeze import source_node

LOOPS = ("While", "StatelessWhile")

PASSING = ("Identity", "Unpack", "Split", "StridedSlice", "Reshape", "Squeeze", "ExpandDims", "Transpose", "Cast")
"""Ops between a recurrent layer's variable and its loop, such as GRU's taking apart of its two biases."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Converted:
    """What tf2onnx made of a signature."""

    model: Any
    """Inputs are the signature's and, after them, the weights."""
    weights: Mapping[str, Array]
    """Placeholder → value."""


def convert(model: Canonical, signature: Signature, opset: int) -> Converted:
    """Convert a prepared signature."""
    graph = tf.compat.v1.GraphDef()
    graph.CopyFrom(signature.graph)
    weights = {placeholder: model.weights[name] for placeholder, name in signature.weights.items()}
    _return_loop_weights(graph, weights)
    _name_apart(graph)
    with _Errors() as errors, tf.Graph().as_default() as imported:
        tf.import_graph_def(graph, name="")
        converted = tfonnx.process_tf_graph(
            imported,
            continue_on_error=True,  # otherwise a rewriter that fails on one pattern fails them all
            opset=opset,
            extra_opset=onnx_express.extra_opsets(signature),
            input_names=[f"{name}:0" for name in [*signature.inputs.values(), *weights]],
            output_names=_outputs(signature),
            initialized_tables={handle: model.table(name) for handle, name in signature.tables.items()},
        )
        errors.raise_first(signature)
        made = _optimized(converted).make_model(signature.name)
        _state_loops(made)
        return Converted(model=made, weights=weights)


def _name_apart(graph: Any) -> None:
    """Give the nodes of functions that are called like others a name of their own.

    A function's names mean nothing outside of it; in ONNX, a name inside a loop hides none from outside.
    """
    taken = {node.name for node in graph.node}
    for function in graph.library.function:
        clashes = taken & {node.name for node in function.node_def}
        new = {name: f"{function.signature.name}/{name}" for name in clashes}
        taken |= {node.name for node in function.node_def}
        for node in function.node_def:
            node.name = new.get(node.name, node.name)
            node.input[:] = [_renamed(name, new) for name in node.input]
        for results in (function.ret, function.control_ret):
            for key, name in list(results.items()):
                results[key] = _renamed(name, new)


def _renamed(reference: str, new: Mapping[str, str]) -> str:
    name = source_node(reference)
    return reference.replace(name, new[name], 1) if name in new and reference != name else reference


def _state_loops(model: Any) -> None:
    """Say that the number of the round and the condition, which a loop's body takes, are scalars.

    tf2onnx says nothing of them where the body has a branch, and onnxruntime then refuses to run it.
    """
    for graph in onnx_trees.graphs(model.graph):
        for node in graph.node:
            if node.op_type == "Loop":
                for port in next(onnx_trees.inner_graphs([node])).input[:2]:
                    port.type.tensor_type.shape.Clear()
                    port.type.tensor_type.shape.SetInParent()


def _optimized(graph: Any) -> Any:
    """Apply tf2onnx's optimizers without a net, or, where one of them fails, each with a copy to fall back on.

    The copies, 24 of them for ResNet50, take longer than the work.  Left out is the merging of equal nodes, which
    runtimes do when they load a file.
    """
    kept = {name: made for name, made in optimizer._get_optimizers().items() if name != "merge_duplication"}
    spare = copy.deepcopy(graph)
    try:
        return optimizer.optimize_graph(graph, catch_errors=False, optimizers=kept)
    except Exception:
        return optimizer.optimize_graph(spare, catch_errors=True, optimizers=kept)


def _outputs(signature: Signature) -> list[str]:
    """The tensors that the outputs are, each once."""
    return list(dict.fromkeys(signature.outputs.values()))


def _return_loop_weights(graph: Any, weights: dict[str, Array]) -> None:
    """Take the weights that enter a loop out of `weights` and make them constants of `graph` again.

    tf2onnx turns the loop of an LSTM or GRU into the ONNX operator of that name, which takes its weights in another
    order of gates, and only if it sees their values.
    """
    nodes = {node.name: node for node in graph.node}
    waiting = [name for node in graph.node if node.op in LOOPS for name in node.input]
    while waiting:
        node = nodes[source_node(waiting.pop())]
        if node.op in PASSING:
            waiting.extend(node.input)
        elif node.name in weights:
            _become_constant(node, weights.pop(node.name))


def _become_constant(node: Any, value: Array) -> None:
    dtype = node.attr["dtype"].type
    node.op = "Const"
    node.ClearField("attr")
    node.attr["dtype"].type = dtype
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))


class _Errors(logging.Handler):
    """Collects what tf2onnx logs as errors, since it raises none and returns a model in any case."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.messages: list[str] = []

    def __enter__(self) -> _Errors:
        logging.getLogger("tf2onnx").addHandler(self)
        return self

    def __exit__(self, *_: object) -> None:
        logging.getLogger("tf2onnx").removeHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr)
        if str(record.msg).startswith("rewriter "):  # a pattern that could have become one op stays several
            return
        reason = f": {record.exc_info[1]}" if record.exc_info else ""
        self.messages.append(record.getMessage().splitlines()[0] + reason)

    def raise_first(self, signature: Signature) -> None:
        if self.messages:
            raise GuestError(f"tf2onnx fails on signature {signature.name!r}: {self.messages[0]}")
