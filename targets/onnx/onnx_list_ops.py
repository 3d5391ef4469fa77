"""Each operation on a list of tensors (`TensorList…`, which a `tf.TensorArray` is made of), said of one tensor.

`HANDLERS` is used by `onnx_lists.py`.  A list is a tensor `[length, …]`.  A handler takes the operation and what stands for
its inputs, a `Pending` for a list whose elements have no known shape yet, and returns what stands for its outputs.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from anyport_tf.compositions.shapes import Size, product, rank, size, sizes
from anyport_tf.rules import Inapplicable, attribute

Operation = Any
Tensor = Any

UNKNOWN = "the shape of its elements is known only when they are written"


@dataclasses.dataclass(frozen=True, kw_only=True, eq=False)
class Pending:
    """A list of which only the length and the dtype are known."""

    length: Size
    dtype: Any
    graph: Any
    """Where it was made: what is outside a loop for the loop's body."""

    def of(self, shape: Sequence[Size]) -> Tensor:
        """Return the list, its elements being of this shape: zeros until they are written, as in TensorFlow."""
        if self.dtype in (tf.variant, tf.resource):
            raise Inapplicable("its elements are lists or resources")
        return _zeros([self.length, *shape], self.dtype)


class Learned(Exception):
    """What is written into a `Pending` list inside a loop or a branch tells the shape of its elements."""

    def __init__(self, pending: Pending, shape: Any) -> None:
        self.pending, self.shape = pending, shape


def _pending(length: Size, dtype: Any) -> Pending:
    return Pending(length=length, dtype=dtype, graph=tf.compat.v1.get_default_graph())


def _zeros(shape: Sequence[Size], dtype: Any) -> Tensor:
    known = all(isinstance(number, int) for number in shape)
    return tf.fill(list(shape) if known else tf.stack(shape), tf.zeros([], dtype))


def _number(tensor: Tensor) -> Size:
    known = tf.get_static_value(tensor)
    return tf.reshape(tf.cast(tensor, tf.int32), []) if known is None else int(known)


def _whole(given: Any, shape: Any = None) -> Tensor:
    """Return a list as one tensor; `shape` are the sizes of its elements, where the operation states them."""
    if not isinstance(given, Pending):
        return given
    known = None if shape is None else tf.get_static_value(shape)
    if known is None or known.ndim != 1 or any(number < 0 for number in known):
        raise Inapplicable(UNKNOWN)
    return given.of([int(number) for number in known])


def _ready_for(given: Any, item: Tensor) -> Tensor:
    """Return a list into which `item` is to be written, as one tensor."""
    if not isinstance(given, Pending):
        return given
    if given.graph is tf.compat.v1.get_default_graph():
        return given.of(sizes(item))
    raise Learned(given, item.shape)


def reserve(operation: Operation, inputs: Sequence[Any]) -> Any:
    shape, length = inputs
    empty = operation.type == "EmptyTensorList"
    pending = _pending(0 if empty else _number(length), operation.get_attr("element_dtype"))
    known = tf.get_static_value(shape)
    return (
        pending if known is None or known.ndim != 1 or any(number < 0 for number in known) else _whole(pending, shape)
    )


def from_tensor(operation: Operation, inputs: Sequence[Any]) -> Tensor:
    return tf.identity(inputs[0])


def get_item(operation: Operation, inputs: Sequence[Any]) -> Tensor:
    return tf.gather(_whole(inputs[0], inputs[2]), inputs[1])


def set_item(operation: Operation, inputs: Sequence[Any]) -> Tensor:
    given, index, item = inputs
    whole = _ready_for(given, item)
    if attribute(operation, "resize_if_index_out_of_bounds"):
        whole = _resized(whole, tf.maximum(size(whole, 0), index + 1))
    return tf.tensor_scatter_nd_update(whole, tf.reshape(index, [1, 1]), item[None])


def _resized(whole: Tensor, length: Size) -> Tensor:
    missing = tf.maximum(length - size(whole, 0), 0)
    return tf.concat([whole[:length], _zeros([missing, *sizes(whole)[1:]], whole.dtype)], axis=0)


def resize(operation: Operation, inputs: Sequence[Any]) -> Any:
    given, length = inputs[0], _number(inputs[1])
    return _pending(length, given.dtype) if isinstance(given, Pending) else _resized(given, length)


def push_back(operation: Operation, inputs: Sequence[Any]) -> Tensor:
    given, item = inputs
    return tf.concat([_ready_for(given, item), item[None]], axis=0)


def pop_back(operation: Operation, inputs: Sequence[Any]) -> list[Tensor]:
    whole = _whole(inputs[0], inputs[1])
    return [whole[:-1], whole[-1]]


def length_of(operation: Operation, inputs: Sequence[Any]) -> Tensor:
    given = inputs[0]
    length = given.length if isinstance(given, Pending) else size(given, 0)
    return tf.identity(tf.convert_to_tensor(length, tf.int32))


def stack(operation: Operation, inputs: Sequence[Any]) -> Tensor:
    return tf.identity(_whole(*inputs))


def gather(operation: Operation, inputs: Sequence[Any]) -> Tensor:
    return tf.gather(_whole(inputs[0], inputs[2]), inputs[1])


def scatter(operation: Operation, inputs: Sequence[Any]) -> Tensor:
    tensor, indices = inputs[:2]
    number = _number(inputs[3]) if len(inputs) > 3 else -1
    if not isinstance(number, int) or number < 0:
        number = tf.reduce_max(tf.concat([indices, [-1]], axis=0)) + 1
    empty = _zeros([number, *sizes(tensor)[1:]], tensor.dtype)
    return tf.tensor_scatter_nd_update(empty, indices[:, None], tensor)


def scatter_into(operation: Operation, inputs: Sequence[Any]) -> Tensor:
    given, tensor, indices = inputs
    whole = _ready_for(given, tensor[0])
    whole = _resized(whole, tf.maximum(size(whole, 0), tf.reduce_max(tf.concat([indices, [-1]], axis=0)) + 1))
    return tf.tensor_scatter_nd_update(whole, indices[:, None], tensor)


def concat(operation: Operation, inputs: Sequence[Any]) -> list[Tensor]:
    """Elements one after the other: all are of the same size, or they couldn't be one tensor."""
    whole = _whole(inputs[0])
    if rank(whole) < 2:
        raise Inapplicable("its elements are scalars")
    length, each, *inner = sizes(whole)
    rows = tf.reshape(whole, tf.stack([product([length, each]), *inner]))
    return [rows, tf.fill(tf.stack([length]), tf.cast(each, tf.int64))]


def split(operation: Operation, inputs: Sequence[Any]) -> Tensor:
    tensor, lengths = inputs[0], tf.get_static_value(inputs[2])
    if lengths is None or len(set(lengths.tolist())) != 1:
        raise Inapplicable("its elements have different sizes")
    return tf.reshape(tensor, tf.stack([len(lengths), int(lengths[0]), *sizes(tensor)[1:]]))


def concat_lists(operation: Operation, inputs: Sequence[Any]) -> Tensor:
    return tf.concat([_whole(inputs[0]), _whole(inputs[1])], axis=0)


def zeros_like(operation: Operation, inputs: Sequence[Any]) -> Tensor:
    return tf.zeros_like(_whole(inputs[0]))


def identity(operation: Operation, inputs: Sequence[Any]) -> Any:
    return inputs[0] if isinstance(inputs[0], Pending) else tf.identity(inputs[0])


HANDLERS: Mapping[str, Callable[[Operation, Sequence[Any]], Any]] = {
    "EmptyTensorList": reserve,
    "Identity": identity,
    "TensorListConcatLists": concat_lists,
    "TensorListConcatV2": concat,
    "TensorListFromTensor": from_tensor,
    "TensorListGather": gather,
    "TensorListGetItem": get_item,
    "TensorListLength": length_of,
    "TensorListPopBack": pop_back,
    "TensorListPushBack": push_back,
    "TensorListReserve": reserve,
    "TensorListResize": resize,
    "TensorListScatter": scatter,
    "TensorListScatterIntoExistingList": scatter_into,
    "TensorListScatterV2": scatter,
    "TensorListSetItem": set_item,
    "TensorListSplit": split,
    "TensorListStack": stack,
    "ZerosLike": zeros_like,
}
"""Op → what it becomes; `Identity` and `ZerosLike` of a list."""
