"""What TF.js' wasm backend gets wrong about shapes, places and strings, said in what it gets right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from tfjs_marks import again as marked
from tfjs_marks import is_marked

from anyport_tf.compositions.shapes import again, product, rank, size, sizes
from anyport_tf.rules import Inapplicable, attribute, value_of

Operation = Any
Tensor = Any


def shapes(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`ShapeN` as a `Shape` for each operand."""
    return [tf.shape(item, out_type=made.dtype) for item, made in zip(inputs, operation.outputs, strict=True)]


def where(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`Where` of numbers as one of booleans."""
    return tf.where(tf.not_equal(inputs[0], tf.zeros([], inputs[0].dtype)))


def misreads_steps(operation: Operation) -> bool:
    """Whether a slice may have steps beside what the kernel can't step through: other dtypes, single elements.

    What a loop's body is handed as steps is a constant of the graph around it, and nearly always 1.
    """
    steps = value_of(operation.inputs[3])
    handed_in = operation.inputs[3].op.type == "Placeholder"
    stepping = not handed_in if steps is None else bool((steps != 1).any())
    return stepping and (not operation.inputs[0].dtype.is_floating or bool(attribute(operation, "shrink_axis_mask")))


def gathers_from_nothing(operation: Operation) -> bool:
    """Whether the operand of a gather is empty, whatever is gathered."""
    x = operation.inputs[0]
    return x.shape.rank is not None and 0 in x.shape.as_list()


def gathered_nothing(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Nothing, in the shape that it should have."""
    x, indices = inputs[:2]
    axis, batch = value_of(inputs[2]), int(attribute(operation, "batch_dims"))
    if axis is None:
        raise Inapplicable("its axis isn't constant")
    along, lengths = int(axis) % rank(x), sizes(x)
    batch = batch + rank(indices) if batch < 0 else batch
    return tf.fill([*lengths[:along], *sizes(indices)[batch:], *lengths[along + 1 :]], tf.zeros([], x.dtype))


# Reductions.


def has_open_axis(operation: Operation) -> bool:
    """Whether a reduction may run over no elements: TF.js then returns what its memory held."""
    x, axes = operation.inputs[0], value_of(operation.inputs[1])
    if is_marked(operation):
        return False
    if axes is None or x.shape.rank is None:
        return True
    return any(x.shape[int(axis) % x.shape.rank] in (None, 0) for axis in axes.reshape(-1)) if x.shape.rank else False


def guarded_reduction(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """The reduction, or its identity where there is nothing to reduce."""
    x, axes = inputs
    known = value_of(axes)
    if known is None:
        count = tf.reduce_prod(tf.gather(tf.shape(x), axes))
    else:
        count = product([size(x, int(axis) % rank(x)) for axis in known.reshape(-1)])
    made = marked(operation, inputs)
    none = tf.equal(count, 0)
    if operation.type == "All":
        return tf.logical_or(made, none)
    if operation.type == "Any":
        return tf.logical_and(made, tf.logical_not(none))
    return tf.where(none, tf.constant(_identity(operation.type, made.dtype), made.dtype), made)


def _identity(op: str, dtype: Any) -> Any:
    """Return what TensorFlow's reduction yields of nothing; of int64 what int32 does, which TF.js holds it in."""
    infinity = float("inf") if dtype.is_floating else None
    limits = tf.int32 if dtype == tf.int64 else dtype
    return {
        "Sum": 0,
        "Prod": 1,
        "Mean": float("nan"),
        "Max": -infinity if infinity else limits.min,
        "Min": infinity or limits.max,
    }[op]


# Matrices.


def may_broadcast(operation: Operation) -> bool:
    """Whether two stacks of matrices may differ in shape in a way that the kernel, which counts them off, gets wrong."""
    if any(item.shape.rank is None for item in operation.inputs):
        return False
    a, b = (item.shape[:-2].as_list() for item in operation.inputs)
    if all(length == 1 for length in a) or all(length == 1 for length in b):
        return False
    count = max(len(a), len(b))
    pairs = list(zip([1] * (count - len(a)) + a, [1] * (count - len(b)) + b, strict=True))
    # Of one axis of any size, either both have as many or one has one: the kernel can do both.
    several = [pair for pair in pairs if pair != (1, 1)]
    return len(several) > 1 and any(x is None or x != y for x, y in several)


def spread_matrices(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """The product of both stacks of matrices, broadcast and in one row."""
    a, b = inputs
    shapes_of = [tf.shape(item) for item in inputs]
    outer = tf.broadcast_dynamic_shape(shapes_of[0][:-2], shapes_of[1][:-2])
    wide = [_in_a_row(item, outer) for item in (a, b)]
    made = again(operation, wide)[0]
    return tf.reshape(made, tf.concat([outer, tf.shape(made)[-2:]], 0))


def _in_a_row(matrix: Tensor, outer: Tensor) -> Tensor:
    """Return `[…, n, m]` broadcast over `outer` as `[-1, n, m]`."""
    rows, columns = matrix.shape[-2:].as_list()
    last = [size(matrix, -2), size(matrix, -1)]
    spread = tf.broadcast_to(matrix, tf.concat([outer, tf.stack(last)], 0))
    known = [-1, *last] if None not in (rows, columns) else tf.stack([-1, *last])
    return tf.reshape(spread, known)


def plain_product(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`BatchMatMulV3`, whose operands may have dtypes of their own, as `BatchMatMulV2`."""
    dtype = operation.outputs[0].dtype
    a, b = (tf.cast(item, dtype) for item in inputs)
    return tf.raw_ops.BatchMatMulV2(x=a, y=b, adj_x=attribute(operation, "adj_x"), adj_y=attribute(operation, "adj_y"))


# Lists.


def concatenated(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`TensorListConcatV2` of elements of one known length: stacked, and the first two axes made one."""
    shape = element_shape(inputs[0])
    if not shape or shape[0] < 0:
        raise Inapplicable("the length of the list's elements isn't known")
    made, lengths = operation.outputs
    stacked = tf.raw_ops.TensorListStack(
        input_handle=inputs[0], element_shape=tf.constant(shape, tf.int32), element_dtype=made.dtype
    )
    whole = tf.reshape(stacked, tf.concat([[size(stacked, 0) * shape[0]], tf.shape(stacked)[2:]], 0))
    return [whole, tf.fill([size(stacked, 0)], tf.constant(shape[0], lengths.dtype))]


def element_shape(handle: Tensor) -> list[int] | None:
    """Return the shape with which a list was made, -1 for what isn't fixed; None where nobody says."""
    operation = handle.op
    while operation.type not in ("TensorListReserve", "EmptyTensorList", "TensorListFromTensor"):
        if operation.type in ("While", "StatelessWhile"):
            handle = operation.inputs[handle.value_index]
        elif operation.type in ("Identity", "TensorListSetItem", "TensorListPushBack", "TensorListResize"):
            handle = operation.inputs[0]
        else:
            return None
        operation = handle.op
    if operation.type == "TensorListFromTensor":
        axes = operation.inputs[0].shape
        return None if axes.rank is None else [-1 if length is None else length for length in axes.as_list()[1:]]
    known = value_of(operation.inputs[0])
    return None if known is None or known.ndim != 1 else [int(length) for length in known]


# Tables.


def lookup(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """A lookup of a vector of keys, in the keys' shape."""
    handle, keys, default = inputs
    flat = tf.raw_ops.LookupTableFindV2(table_handle=handle, keys=tf.reshape(keys, [-1]), default_value=default)
    return tf.reshape(flat, tf.shape(keys))
