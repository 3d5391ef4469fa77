"""Replacing nodes of a skeleton by compositions of other ops, written as TensorFlow code.

A replacement is a function from tensors to one tensor.  It is traced on its own and spliced in where the node was, so
that a repair reads like the mathematics it states and not like a list of `NodeDef`s.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from .canonical import Canonical, Signature
from .freeze import FINDING, source_node

Replacement = Callable[..., Any]


def replace_node(graph: Any, node: Any, inputs: Sequence[str], dtypes: Sequence[Any], replacement: Replacement) -> None:
    """Turn `node` of `graph` into the result of `replacement`, called on the tensors `inputs` (`node:index`).

    The node keeps its name and becomes an `Identity`, so that nothing that refers to it changes.
    """
    specs = [tf.TensorSpec(None, dtype, name=f"arg{i}") for i, dtype in enumerate(dtypes)]
    with tf.Graph().as_default() as piece:
        arguments = [tf.compat.v1.placeholder(spec.dtype, name=spec.name) for spec in specs]
        result = tf.identity(replacement(*arguments))
    sources = {f"arg{i}": reference for i, reference in enumerate(inputs)}
    prefix = f"{node.name}/"
    for part in piece.as_graph_def().node:
        if part.name in sources:
            continue
        copy = graph.node.add()
        copy.CopyFrom(part)
        copy.name = prefix + part.name
        renamed = [sources.get(name, prefix + name) for name in part.input]
        del copy.input[:]
        copy.input.extend(renamed)
    node.op = "Identity"
    del node.input[:]
    node.input.append(prefix + result.op.name)
    node.ClearField("attr")
    node.attr["T"].type = result.dtype.as_datatype_enum


def lookups_as_search(model: Canonical, signature: Signature) -> Any:
    """Return the signature's graph with each lookup in an integer table as a binary search in constant tensors.

    No target but TensorFlow has tables from any integer to anything; all of them gather, compare and select.  String
    tables stay as they are.
    """
    graph = tf.compat.v1.GraphDef()
    graph.CopyFrom(signature.graph)
    for node in [node for node in graph.node if node.op in FINDING]:
        table = signature.tables.get(source_node(node.input[0]))
        if table is None:
            continue
        keys, values = model.table(table)
        if keys.dtype.kind == "i" and values.dtype.kind != "S" and len(keys):
            dtypes = [keys.dtype, values.dtype]
            replace_node(graph, node, list(node.input[1:]), dtypes, _binary_search(keys, values))
    return graph


def _binary_search(keys: Any, values: Any) -> Replacement:
    """Return a function `(wanted, default) → values[keys == wanted]`, elementwise, in ⌈log2(entries)⌉ rounds."""

    def search(wanted: Any, default: Any) -> Any:
        position = tf.zeros_like(wanted, tf.int32)
        step = 1 << max(len(keys) - 1, 1).bit_length() - 1
        while step:
            next_position = tf.minimum(position + step, len(keys) - 1)
            position = tf.where(tf.gather(keys, next_position) <= wanted, next_position, position)
            step //= 2
        found = tf.equal(tf.gather(keys, position), wanted)
        return tf.where(found, tf.gather(values, position), default)

    assert np.all(keys[1:] > keys[:-1]), "the canonical form sorts tables by key"
    return search
