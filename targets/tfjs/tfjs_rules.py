"""What TF.js lacks, or gets wrong, and what it becomes.

Each kernel of the wasm backend, 4.22.0, was held against TensorFlow over dtypes, ranks, axes and attributes.  A rule says in its
`why` what came out; a version in which that comes out right makes the rule superfluous.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from anyport_tf.compositions import contraction, indexing
from anyport_tf.rules import Rule, attribute

Operation = Any
Tensor = Any

SEEN = "tensorflowjs 4.22.0"


def _rule(
    name: str,
    ops: str,
    becomes: Callable[[Operation, Sequence[Tensor]], Any],
    why: str,
    when: Callable[[Operation], bool] = lambda operation: True,
) -> Rule:
    return Rule(name=name, ops=tuple(ops.split()), becomes=becomes, why=why, until=SEEN, when=when)


def _of_bools(operation: Operation) -> bool:
    return bool(operation.outputs[0].dtype == tf.bool)


def _of_integers(operation: Operation) -> bool:
    return not operation.outputs[0].dtype.is_floating


def _erfc(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    return 1 - tf.math.erf(inputs[0])


def _to_bool(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    return tf.not_equal(inputs[0], tf.zeros([], inputs[0].dtype))


def _makes_bool(operation: Operation) -> bool:
    return bool(operation.outputs[0].dtype == tf.bool and operation.inputs[0].dtype != tf.bool)


def _reverse(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    return tf.not_equal(tf.reverse(tf.cast(inputs[0], tf.int32), inputs[1]), 0)


def _clip(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    value, low, high = inputs
    return tf.minimum(tf.maximum(value, low), high)


def _has_negative_axis(operation: Operation) -> bool:
    axis = tf.get_static_value(operation.inputs[1])
    return axis is not None and axis < 0 and operation.inputs[0].shape.rank is not None


def _accumulate(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    accumulate = tf.cumsum if operation.type == "Cumsum" else tf.math.cumprod
    axis = int(tf.get_static_value(inputs[1])) + inputs[0].shape.rank
    return accumulate(inputs[0], axis, attribute(operation, "exclusive"), attribute(operation, "reverse"))


def _has_integer_steps(operation: Operation) -> bool:
    steps = tf.get_static_value(operation.inputs[3])
    return _of_integers(operation) and steps is not None and bool((steps != 1).any())


def _lookup(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    handle, keys, default = inputs
    flat = tf.raw_ops.LookupTableFindV2(table_handle=handle, keys=tf.reshape(keys, [-1]), default_value=default)
    return tf.reshape(flat, tf.shape(keys))


RULES: tuple[Rule, ...] = (
    _rule("erfc-as-erf", "Erfc", _erfc, "the format has no Erfc"),
    _rule("einsum-as-matmul", "Einsum", contraction.einsum, "its wasm backend has no kernel for Einsum"),
    _rule("cast-to-bool-as-not-equal", "Cast", _to_bool, "its Cast to bool keeps the lowest byte alone", _makes_bool),
    _rule("bool-reverse-as-integers", "ReverseV2", _reverse, "its Reverse takes bools for four bytes each", _of_bools),
    _rule("bool-select-as-logic", "Select SelectV2", indexing.select, "its Select takes bools for four bytes each", _of_bools),
    _rule(
        "integer-steps-as-gather",
        "StridedSlice",
        indexing.strided_slice_as_gather,
        "its StridedSlice with steps yields float32 whatever it got",
        _has_integer_steps,
    ),
    _rule(
        "batched-gather-as-gather",
        "GatherV2",
        indexing.batched_gather,
        "its Gather with batch dimensions reads wrong rows",
        lambda operation: bool(attribute(operation, "batch_dims")),
    ),
    _rule("one-hot-as-equal", "OneHot", indexing.one_hot, "its OneHot writes integers whatever it was asked for"),
    _rule("band-part-as-select", "MatrixBandPart", indexing.band_part, "its MatrixBandPart misreads its bounds"),
    _rule("integer-clip-as-maximum", "ClipByValue", _clip, "its ClipByValue takes integers for floats", _of_integers),
    _rule(
        "cumulative-axis-from-front",
        "Cumsum Cumprod",
        _accumulate,
        "its kernel writes past its memory where the axis is negative",
        _has_negative_axis,
    ),
    _rule(
        "lookup-of-any-rank",
        "LookupTableFind LookupTableFindV2",
        _lookup,
        "its LookupTableFind yields rank 1 whatever it was asked for",
        lambda operation: operation.type == "LookupTableFind" or operation.inputs[1].shape.rank != 1,
    ),
)
"""In the order in which they are asked."""
