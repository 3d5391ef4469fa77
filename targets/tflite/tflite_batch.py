"""A fixed batch, for loops over lists: the converter lowers a list of tensors only where the shape of its elements is known.

A recurrent layer's elements are `[batch, units]`.  With the batch open nothing is known of them in time; with a batch of 1 all
is, and the file takes one row at a time.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import tensor_util

from anyport_tf.canonical import Canonical, Signature
from anyport_tf.freeze import all_nodes, source_node

GraphDef = Any

BATCH = 1
LISTS = {
    "TensorListReserve": 0,
    "TensorListFromTensor": 1,
    "TensorListStack": 1,
    "TensorListGetItem": 2,
    "EmptyTensorList": 0,
}
"""Ops of lists, with the input that states an element's shape."""


def open_batch(contract: Mapping[str, Any]) -> bool:
    """Tell whether every input and output of a signature counts samples in its first dimension."""
    ports = [*contract["inputs"], *contract["outputs"]]
    return bool(ports) and all(port["shape"] and port["shape"][0] is None for port in ports)


def has_lists(graph: GraphDef) -> bool:
    """Tell whether the graph or one of its functions holds lists of tensors."""
    return any(node.op in LISTS for node in all_nodes(graph))


def fixed(model: Canonical) -> Canonical:
    """Return the model with the batch of every signature that counts samples fixed."""
    contracts = {contract["name"]: contract for contract in model.contract["signatures"]}
    signatures = {
        name: _fixed(signature) if open_batch(contracts[name]) else signature
        for name, signature in model.signatures.items()
    }
    stated = [_contract(contract) if open_batch(contract) else contract for contract in contracts.values()]
    return dataclasses.replace(model, signatures=signatures, contract={**model.contract, "signatures": stated})


def _contract(stated: Mapping[str, Any]) -> dict[str, Any]:
    return {**stated, "inputs": [{**port, "shape": [BATCH, *port["shape"][1:]]} for port in stated["inputs"]]}


def _fixed(signature: Signature) -> Signature:
    graph = tf.compat.v1.GraphDef()
    graph.CopyFrom(signature.graph)
    inputs = set(signature.inputs.values())
    for node in graph.node:
        node.attr.pop("_output_shapes", None)
        if node.name in inputs:
            node.attr["shape"].shape.dim[0].size = BATCH
    for nodes in (graph.node, *(function.node_def for function in graph.library.function)):
        _state_element_shapes(nodes)
    return dataclasses.replace(signature, graph=graph)


def _state_element_shapes(nodes: Any) -> None:
    """Fill in the open dimension of each list's element shape: traced with the batch open, it is the batch.

    Where it should be another dimension after all, conversion fails or the outputs differ; it can't pass unseen.
    """
    by_name = {node.name: node for node in nodes}
    shapes = {source_node(node.input[LISTS[node.op]]) for node in nodes if node.op in LISTS}
    for node in [by_name[name] for name in shapes if name in by_name and by_name[name].op == "Const"]:
        value = tensor_util.MakeNdarray(node.attr["value"].tensor).copy()
        if value.ndim == 1 and (value == -1).sum() == 1:
            value[value == -1] = BATCH
            node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
