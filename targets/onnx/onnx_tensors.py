"""Repairs that ONNX alone needs, of shapes and places: what its operators can't take, said in those that can."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from anyport_tf.compositions import dtypes
from anyport_tf.compositions.shapes import rank
from anyport_tf.rules import attribute

Operation = Any
Tensor = Any


def shapes(operation: Operation, inputs: Sequence[Tensor]) -> Any:
    """`Rank` and `ShapeN`."""
    if operation.type == "Rank":
        known = inputs[0].shape.rank
        return tf.size(tf.shape(inputs[0])) if known is None else tf.constant(known, tf.int32)
    return [tf.shape(tensor, attribute(operation, "out_type")) for tensor in inputs]


def empty_strings(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    return tf.fill(tf.shape(inputs[0]), "")


def pad_as_gather(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Pad the places of the elements; the padding is the element behind the last."""
    x, paddings, *value = inputs
    count = tf.size(x)
    places = tf.reshape(tf.range(count), tf.shape(x))
    places = tf.pad(places, paddings, constant_values=count)
    padding = value[0] if value else tf.zeros([], x.dtype)
    return tf.gather(tf.concat([tf.reshape(x, [-1]), tf.reshape(padding, [1])], axis=0), places)


def may_go_to_the_end(operation: Operation) -> bool:
    """Whether a size may be -1, which means all that is left, where the beginning isn't constant or the size isn't."""
    begin, size = (tf.get_static_value(tensor) for tensor in operation.inputs[1:])
    if size is None:
        return bool(operation.inputs[2].op.type != "SelectV2")  # which this repair makes
    return begin is None and bool((size < 0).any())


def slice_of_stated_size(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    x, begin, size = inputs
    left = tf.shape(x, out_type=size.dtype) - begin
    return tf.slice(x, begin, tf.where(size < 0, left, size))


def reverses_inner(operation: Operation) -> bool:
    return {attribute(operation, "seq_dim"), attribute(operation, "batch_dim")} != {0, 1}


def reverse_sequence(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Bring the batch to the front and time behind it, and both back."""
    x, lengths = inputs
    time, batch = (int(attribute(operation, name)) % rank(x) for name in ("seq_dim", "batch_dim"))
    order = [batch, time, *(axis for axis in range(rank(x)) if axis not in (batch, time))]
    back = [order.index(axis) for axis in range(rank(x))]
    return tf.transpose(tf.reverse_sequence(tf.transpose(x, order), lengths, seq_axis=1, batch_axis=0), back)


def by_place(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Move places, and gather the values one by one."""
    return dtypes.by_place(operation, inputs, lambda made: True)


def gathers_rows(operation: Operation) -> bool:
    """Whether a gather of strings takes more than one at a time."""
    if operation.outputs[0].dtype != tf.string:
        return False
    params, indices = operation.inputs[:2]
    if operation.type == "GatherNd":
        return params.shape.rank is None or params.shape.rank != indices.shape[-1]
    return bool(params.shape.rank != 1)


def is_of_one_axis(operation: Operation) -> bool:
    return bool(operation.inputs[0].shape.rank == 1)


def unique(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`UniqueV2` of a vector, whose axis says nothing."""
    index = attribute(operation, "out_idx")
    made = tf.unique_with_counts if "Counts" in operation.type else tf.unique
    return list(made(inputs[0], out_idx=index))


def in_float32(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """The same operation on a float32 image: it yields one in any case."""
    attrs = {name: attr for name, attr in operation.node_def.attr.items() if not name.startswith("_")}
    attrs["T"] = tf.compat.v1.AttrValue(type=tf.float32.as_datatype_enum)
    image = tf.cast(inputs[0], tf.float32)
    made = tf.compat.v1.get_default_graph().create_op(operation.type, [image, *inputs[1:]], [tf.float32], attrs=attrs)
    return made.outputs[0]
