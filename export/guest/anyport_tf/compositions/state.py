"""Changes of variables said as a read, a computation and one assignment: what a runtime with plain variables can do.

The operations have no outputs, but for `RngReadAndSkip`: each function returns the operation that stands for them, on which
what waited for the old one waits.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from ..rules import Inapplicable, attribute, value_of

Operation = Any
Tensor = Any
Change = Callable[[Tensor, Sequence[Tensor]], Tensor]

PHILOX = 1
SKIPPED = 256
"""Numbers that are set aside for each one asked for, as a sampler may throw some away.

tensorflow/core/kernels/stateful_random_ops.cc, `RngReadAndSkipOp`."""


def _changed(change: Change) -> Callable[[Operation, Sequence[Tensor]], Operation]:
    """Return a composition that assigns what `change` makes of the variable's value and the other inputs."""

    def composition(operation: Operation, inputs: Sequence[Tensor]) -> Operation:
        variable, *others = inputs
        dtype = attribute(operation, "dtype") or attribute(operation, "T")
        value = tf.raw_ops.ReadVariableOp(resource=variable, dtype=dtype)
        return tf.raw_ops.AssignVariableOp(resource=variable, value=change(value, others))

    return composition


def _rows(scatter: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Change:
    """Return a change of rows, each update for the row that its index names."""

    def change(value: Tensor, others: Sequence[Tensor]) -> Tensor:
        indices, updates = others
        if updates.shape.rank is None or indices.shape.rank is None:
            raise Inapplicable("the rank of its updates is unknown")
        if updates.shape.rank < indices.shape.rank:
            raise Inapplicable("one update is for many rows")
        if indices.shape.rank == 0:
            indices, updates = indices[None], updates[None]
        return scatter(value, indices[..., None], updates)

    return change


def _elements(scatter: Callable[[Tensor, Tensor, Tensor], Tensor]) -> Change:
    return lambda value, others: scatter(value, *others)


def assigned_slice(operation: Operation, inputs: Sequence[Tensor]) -> Operation:
    """`ResourceStridedSliceAssign`: the whole variable with a slice of it replaced."""
    variable, begin, end, strides, part = inputs
    masks = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")
    value = tf.raw_ops.ReadVariableOp(resource=variable, dtype=part.dtype)
    made = tf.raw_ops.TensorStridedSliceUpdate(
        input=value,
        begin=begin,
        end=end,
        strides=strides,
        value=part,
        **{name: attribute(operation, name) for name in masks},
    )
    return tf.raw_ops.AssignVariableOp(resource=variable, value=made)


def read_and_skip(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`RngReadAndSkip` of a Philox generator: its state as it was; the counter, the first two of three, moves on."""
    variable, algorithm, count = inputs
    known = value_of(algorithm)
    if known is None or int(known) != PHILOX:
        raise Inapplicable(f"its algorithm is {known}, and not Philox")
    skipped = _signed(count) * SKIPPED
    state = tf.reshape(tf.raw_ops.ReadVariableOp(resource=variable, dtype=tf.int64), [3])
    low = state[0] + skipped
    # Unsigned numbers in signed ones: the sum has gone round if it was negative and is not.
    carry = tf.cast(tf.logical_and(state[0] < 0, low >= 0), tf.int64)
    moved = tf.stack([low, state[1] + carry, state[2]])
    with tf.control_dependencies([tf.raw_ops.AssignVariableOp(resource=variable, value=moved)]):
        return tf.identity(state)


def _signed(count: Tensor) -> Tensor:
    """Return an unsigned count as int64: no runtime computes with unsigned integers of 64 bits."""
    known = value_of(count)
    if known is not None:
        return tf.constant(int(known), tf.int64)
    if count.op.type != "Cast" or not count.op.inputs[0].dtype.is_integer:
        raise Inapplicable("it isn't known how many numbers it skips")
    return tf.cast(count.op.inputs[0], tf.int64)


def _descent(value: Tensor, others: Sequence[Tensor]) -> Tensor:
    rate, gradient = others
    return value - rate * gradient


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "assign-add-as-assign": (("AssignAddVariableOp",), _changed(lambda value, others: value + others[0])),
    "assign-sub-as-assign": (("AssignSubVariableOp",), _changed(lambda value, others: value - others[0])),
    "gradient-descent-as-assign": (("ResourceApplyGradientDescent",), _changed(_descent)),
    "scatter-nd-update-as-assign": (("ResourceScatterNdUpdate",), _changed(_elements(tf.tensor_scatter_nd_update))),
    "scatter-nd-add-as-assign": (("ResourceScatterNdAdd",), _changed(_elements(tf.tensor_scatter_nd_add))),
    "scatter-nd-sub-as-assign": (("ResourceScatterNdSub",), _changed(_elements(tf.tensor_scatter_nd_sub))),
    "scatter-update-as-assign": (("ResourceScatterUpdate",), _changed(_rows(tf.tensor_scatter_nd_update))),
    "scatter-add-as-assign": (("ResourceScatterAdd",), _changed(_rows(tf.tensor_scatter_nd_add))),
    "scatter-sub-as-assign": (("ResourceScatterSub",), _changed(_rows(tf.tensor_scatter_nd_sub))),
    "scatter-max-as-assign": (("ResourceScatterMax",), _changed(_rows(tf.tensor_scatter_nd_max))),
    "scatter-min-as-assign": (("ResourceScatterMin",), _changed(_rows(tf.tensor_scatter_nd_min))),
    "strided-slice-assign-as-assign": (("ResourceStridedSliceAssign",), assigned_slice),
    "rng-read-and-skip-as-assign": (("RngReadAndSkip",), read_and_skip),
}
"""Rule → the ops that it is about, and what they become."""
