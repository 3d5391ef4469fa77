"""Writing elements where indices say: scatters, partitions and stitches.

Of several elements for one place, additions take all and updates the last.  A scatter that adds can update once there is
only one element for each place: constant indices are sorted out beforehand, others when the model runs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..rules import Inapplicable, attribute, value_of
from .segments import sum_as_matmul
from .shapes import Size, fixed, product, rank, reshaped, size, sizes, vector

Operation = Any
Tensor = Any


def scatter_nd(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`ScatterNd` without relying on a scatter that adds: a product with the matrix of what goes where."""
    indices, updates, shape = inputs
    depth = fixed(indices, -1)
    number = fixed(shape, 0)
    wanted = vector(shape, number)
    places, rows = _rows(indices, updates, wanted[:depth])
    return reshaped(sum_as_matmul(rows, places, product(wanted[:depth])), wanted)


def tensor_scatter_add(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`TensorScatterAdd` and `TensorScatterSub`, as a scatter into zeros."""
    tensor, indices, updates = inputs
    made = tf.scatter_nd(tf.cast(indices, tf.int32), updates, tf.stack(sizes(tensor)))
    return tensor + made if operation.type == "TensorScatterAdd" else tensor - made


def tensor_scatter_extreme(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`TensorScatterMax` and `TensorScatterMin`: for each place, all updates under a mask."""
    tensor, indices, updates = inputs
    outer = sizes(tensor)[: fixed(indices, -1)]
    places, rows = _rows(indices, updates, outer)
    flat = reshaped(tensor, [product(outer), size(rows, 1)])
    meant = tf.equal(places[None], tf.range(product(outer))[:, None])[:, :, None]
    if operation.type == "TensorScatterMax":
        made = tf.maximum(flat, tf.reduce_max(tf.where(meant, rows[None], tensor.dtype.min), axis=1))
    else:
        made = tf.minimum(flat, tf.reduce_min(tf.where(meant, rows[None], tensor.dtype.max), axis=1))
    return reshaped(made, sizes(tensor))


def tensor_scatter_update(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`TensorScatterUpdate`: where something was written, the last of it, elsewhere what was there."""
    tensor, indices, updates = inputs
    outer = sizes(tensor)[: fixed(indices, -1)]
    places, rows = _rows(indices, updates, outer)
    flat = reshaped(tensor, [product(outer), size(rows, 1)])
    return reshaped(_written(flat, places, rows), sizes(tensor))


def strided_slice_update(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`TensorStridedSliceUpdate`: the slice of a tensor's places is where the value goes, each place once."""
    tensor, begin, end, strides, value = inputs
    masks = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
    everywhere = reshaped(tf.range(product(sizes(tensor))), sizes(tensor))
    places = tf.raw_ops.StridedSlice(
        input=everywhere, begin=begin, end=end, strides=strides, **{mask: attribute(operation, mask) for mask in masks}
    )
    value = tf.reshape(tf.broadcast_to(value, tf.shape(places)), [-1, 1])
    flat = tf.reshape(tensor, [-1, 1])
    return reshaped(written_once(flat, tf.reshape(places, [-1]), value), sizes(tensor))


def dynamic_partition(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`DynamicPartition`: for each part, the rows whose number it is."""
    data, parts = inputs
    outer = rank(parts)
    rows = reshaped(data, [product(sizes(parts)), *sizes(data)[outer:]]) if outer != 1 else data
    numbers = tf.reshape(parts, [-1])
    count = attribute(operation, "num_partitions")
    return [tf.gather(rows, tf.where(tf.equal(numbers, part))[:, 0]) for part in range(count)]


def dynamic_stitch(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`DynamicStitch`: each row of the data goes to its index; of several the last, of none zeros."""
    count = len(inputs) // 2
    indices, data = inputs[:count], inputs[count:]
    inner = sizes(data[0])[rank(indices[0]) :]
    places = tf.concat([tf.reshape(item, [-1]) for item in indices], axis=0)
    rows = tf.concat([reshaped(item, [size_of(item, inner), product(inner)]) for item in data], axis=0)
    known = [value.reshape(-1) for item in indices if (value := value_of(item)) is not None]
    if len(known) == count:
        values = np.concatenate(known)
        total: Size = int(values.max(initial=-1)) + 1
        places = tf.constant(values, tf.int32)
    else:
        total = tf.reduce_max(tf.concat([places, [-1]], axis=0)) + 1
    empty = tf.zeros(tf.stack([total, product(inner)]), data[0].dtype)
    return reshaped(_written(empty, places, rows), [total, *inner])


def size_of(tensor: Tensor, inner: Sequence[Size]) -> Size:
    """Return how many rows a tensor has whose last axes are `inner`."""
    return product(sizes(tensor)[: rank(tensor) - len(inner)])


def invert_permutation(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`InvertPermutation`: each position goes where its element says."""
    order = inputs[0]
    length = size(order, 0)
    return tf.scatter_nd(tf.cast(order, tf.int32)[:, None], tf.range(length, dtype=order.dtype), tf.stack([length]))


def _rows(indices: Tensor, updates: Tensor, outer: Sequence[Size]) -> tuple[Tensor, Tensor]:
    """Return the number of the row that each update is for `[n]`, and the updates `[n, d]`."""
    number = rank(indices) - 1
    flat = tf.cast(reshaped(indices, [product(sizes(indices)[:-1]), fixed(indices, -1)]), tf.int32)
    shape = sizes(updates)
    return linear(flat, outer), reshaped(updates, [product(shape[:number]), product(shape[number:])])


def linear(indices: Tensor, shape: Sequence[Size]) -> Tensor:
    """Return the position in the whole `[n]` of each row of indices `[n, axes]`; 0 where there are no axes."""
    places = indices[:, 0] if shape else tf.reduce_sum(indices, axis=1)
    for axis in range(1, len(shape)):
        places = places * shape[axis] + indices[:, axis]
    return places


def _written(flat: Tensor, places: Tensor, rows: Tensor) -> Tensor:
    """Return `flat` `[p, d]` with the rows `[n, d]` written at their places `[n]`, one after the other."""
    known = value_of(places) if value_of(places) is not None else tf.get_static_value(places)
    total = size(flat, 0)
    if known is not None and isinstance(total, int):
        source = np.full(total, -1, np.int32)
        source[known] = np.arange(len(known))  # the last of several stays
        found = tf.gather(rows, np.maximum(source, 0))
        return tf.where(tf.constant(source >= 0)[:, None], found, flat)
    # Sorted by place (and, at one place, by time) the last of each is the one before another place begins.
    order = tf.math.top_k(-places, size(places, 0)).indices
    places, rows = tf.gather(places, order), tf.gather(rows, order)
    last = tf.concat([tf.not_equal(places[1:], places[:-1]), tf.ones_like(places[:1], tf.bool)], axis=0)
    last = last[: size(places, 0)]
    return written_once(flat, tf.where(last, places, tf.zeros_like(places) + total), rows)


def written_once(flat: Tensor, places: Tensor, rows: Tensor) -> Tensor:
    """Write rows at places of which no two are the same, but for the one after the last, which is cut off."""
    total = size(flat, 0)
    dtype = flat.dtype
    if dtype == tf.string:
        raise Inapplicable("strings")
    stored = tf.cast(rows, tf.int32) if dtype == tf.bool else rows
    shape = tf.stack([total + 1, size(rows, 1)])
    found = tf.scatter_nd(places[:, None], stored, shape)[:total]
    hits = tf.scatter_nd(places[:, None], tf.ones_like(places), tf.stack([total + 1]))[:total]
    found = tf.not_equal(found, 0) if dtype == tf.bool else found
    return tf.where(tf.greater(hits, 0)[:, None], found, flat)


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "scatter-nd-as-matmul": (("ScatterNd",), scatter_nd),
    "tensor-scatter-add-as-scatter": (("TensorScatterAdd", "TensorScatterSub"), tensor_scatter_add),
    "tensor-scatter-extreme-as-mask": (("TensorScatterMax", "TensorScatterMin"), tensor_scatter_extreme),
    "tensor-scatter-update-as-scatter": (("TensorScatterUpdate",), tensor_scatter_update),
    "strided-slice-update-as-scatter": (("TensorStridedSliceUpdate",), strided_slice_update),
    "dynamic-partition-as-where": (("DynamicPartition",), dynamic_partition),
    "dynamic-stitch-as-scatter": (("DynamicStitch", "ParallelDynamicStitch"), dynamic_stitch),
    "invert-permutation-as-scatter": (("InvertPermutation",), invert_permutation),
}
"""Rule → the ops that it is about, and what they become."""
