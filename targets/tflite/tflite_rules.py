"""What TFLite's built-in operators lack, or get wrong, and what it becomes.

Most rules are asked for by `tflite_ops.lacks`: a composition that several targets share is used where the table of kernels says
that an operation can't be expressed.  The others repair what converts and then runs wrongly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import tensorflow as tf
from tflite_ops import KERNELS, MOST_BROADCAST, lacks, lacks_dtype

from anyport_tf.compositions import (
    audio,
    bits,
    branches,
    broadcasting,
    colours,
    contraction,
    convolution,
    counting,
    cumulative,
    decided,
    decoding,
    decompositions,
    diagonals,
    dtypes,
    elementary,
    elementwise,
    float8,
    incomplete,
    indexing,
    integers,
    layouts,
    linalg,
    losses,
    normalization,
    not_finite,
    pooling,
    quantization,
    ragged,
    resizing,
    sampling,
    scatter,
    segments,
    slice_updates,
    slicing,
    sorting,
    sparse,
    special,
    suppression,
)
from anyport_tf.rules import Inapplicable, Rule, attribute

Operation = Any
Tensor = Any
Composition = Callable[[Operation, Sequence[Tensor]], Any]
Family = Mapping[str, tuple[tuple[str, ...], Composition]]

SEEN = "TensorFlow 2.21.0, tflite-runtime 2.14.0"


def _rule(
    name: str,
    ops: str,
    becomes: Composition,
    why: str,
    when: Callable[[Operation], bool] = lambda operation: bool(lacks(operation)),
) -> Rule:
    return Rule(name=name, ops=tuple(ops.split()), becomes=becomes, why=why, until=SEEN, when=when)


def _lacking(family: Family, *, without: Iterable[str] = ()) -> list[Rule]:
    """Return a rule for each composition of a family, needed where TFLite lacks the operation."""
    return [
        _rule(
            name, " ".join(ops), becomes, f"TFLite's built-in operators don't have {_listed(ops)} as the model uses it"
        )
        for name, (ops, becomes) in family.items()
        if name not in without
    ]


def _listed(ops: Sequence[str]) -> str:
    return " or ".join(ops) if len(ops) < 4 else f"{ops[0]} and its kin"


def _always(operation: Operation) -> bool:
    return True


# Elements.


def _positive(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    return tf.maximum(inputs[0], tf.negative(inputs[0]))


def _relu6(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    zero = tf.zeros([], inputs[0].dtype)
    return tf.minimum(tf.maximum(inputs[0], zero), zero + 6)


def _relu(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    return tf.maximum(inputs[0], tf.zeros([], inputs[0].dtype))


def _product_of_itself(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    return inputs[0] * inputs[0]


# Sums over other axes than the last.


def _sums_square(operation: Operation) -> bool:
    """Whether the operation looks to the converter like the sum of squares of an L2 norm, whatever its axes are."""
    if operation.inputs[0].op.type != "Square":
        return False
    readers = {reader.type for reader in operation.outputs[0].consumers()}
    axes, rank = tf.get_static_value(operation.inputs[1]), operation.inputs[0].shape.rank
    last = axes is not None and rank is not None and {int(axis) % rank for axis in axes.reshape(-1)} == {rank - 1}
    return not last and bool(readers & {"Rsqrt", "Sqrt", "Maximum", "Add", "AddV2"})


def _sum_of_products(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    x = inputs[0].op.inputs[0]
    return tf.reduce_sum(tf.abs(x) * tf.abs(x), inputs[1], keepdims=attribute(operation, "keep_dims"))


def _with_narrow_axes(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    if operation.inputs[1].dtype != tf.int64:
        raise Inapplicable("its axes are int32 already")
    return dtypes.with_dtype(operation, [inputs[0], tf.cast(inputs[1], tf.int32)], "Tidx", tf.int32)


# Integers.


def _cuts_integers(operation: Operation) -> bool:
    """Whether integers are cut from both sides: at 0 and 6, the converter takes that for its Relu6 of floats."""
    beside = [tensor.op.type for tensor in operation.inputs]
    beside += [reader.type for reader in operation.outputs[0].consumers()]
    return bool(operation.outputs[0].dtype.is_integer) and "Maximum" in beside


def _least_by_choice(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    return tf.where(inputs[0] < inputs[1], inputs[0], inputs[1])


def _of_int64(operation: Operation) -> bool:
    return bool(operation.outputs[0].dtype == tf.int64)


def _quotient_by_steps(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """The quotient towards 0 of integers below 2⁶²: float32's, then that of each rest, which is 2⁻²² of the one before."""
    a, b = inputs
    quotient, rest = tf.zeros_like(a + b), a + tf.zeros_like(b)
    for _ in range(4):
        step = tf.cast(tf.round(tf.cast(rest, tf.float32) / tf.cast(b, tf.float32)), tf.int64)
        quotient, rest = quotient + step, rest - step * b
    beyond = tf.logical_and(tf.not_equal(rest, 0), tf.not_equal(rest < 0, a < 0))
    back = tf.where(tf.not_equal(a < 0, b < 0), tf.ones_like(quotient), -tf.ones_like(quotient))
    return tf.where(beyond, quotient + back, quotient)


MOST_BYTES = 2**24 // 2**14
"""Products of bytes that float32 sums without rounding."""


def _of_bytes(operation: Operation) -> bool:
    kinds = {tensor.dtype.name for tensor in operation.inputs}
    return kinds <= {"int8"} and operation.outputs[0].dtype.name == "int32"


def _bytes_as_floats(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """A matrix product of bytes in float32, which is exact up to `MOST_BYTES` of them."""
    inner = inputs[0].shape[-2 if attribute(operation, "adj_x") else -1] if inputs[0].shape.rank else None
    if inner is None or inner > MOST_BYTES:
        raise Inapplicable(f"its inner size is {inner}")
    left, right = (tf.cast(tensor, tf.float32) for tensor in inputs)
    product = tf.matmul(
        left, right, transpose_a=attribute(operation, "adj_x"), transpose_b=attribute(operation, "adj_y")
    )
    return tf.cast(product, tf.int32)


# Shapes.


def _checked_shape(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`EnsureShape` says what is known, and stops a run that shows otherwise; a device has nobody to tell."""
    made = tf.identity(inputs[0])
    made.set_shape(operation.outputs[0].shape)
    return made


def _unique_counts(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    if operation.type != "UniqueV2" or inputs[0].shape.rank != 1:
        raise Inapplicable("it isn't plain")
    made = tf.raw_ops.Unique(x=inputs[0], out_idx=attribute(operation, "out_idx"))
    return [made.y, made.idx]


def _boxes(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Non-maximum suppression that pads, cut to the boxes that it found."""
    attrs = {"pad_to_max_output_size": tf.compat.v1.AttrValue(b=True), "T": operation.node_def.attr["T"]}
    if "T_threshold" in operation.node_def.attr:
        attrs["T_threshold"] = operation.node_def.attr["T_threshold"]
    dtypes_ = [tensor.dtype for tensor in operation.outputs]
    made = tf.compat.v1.get_default_graph().create_op(operation.type, list(inputs), dtypes_, attrs=attrs).outputs
    return [*(tensor[: made[-1]] for tensor in made[:-1]), made[-1]]


def _boxes_found(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`NonMaxSuppressionV3` by V4, which also says how many boxes it found."""
    made = tf.raw_ops.NonMaxSuppressionV4(
        boxes=inputs[0],
        scores=inputs[1],
        max_output_size=inputs[2],
        iou_threshold=inputs[3],
        score_threshold=inputs[4],
        pad_to_max_output_size=True,
    )
    return made.selected_indices[: made.valid_outputs]


def _complex_of_bits(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    return tf.bitcast(tf.stack(list(inputs), -1), tf.complex64)


def _max_as_mask(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`ArgMax` and `ArgMin` of integers: the first place where the extreme value is."""
    value, axis = inputs[0], tf.get_static_value(inputs[1])
    if axis is None or value.shape.rank is None:
        raise Inapplicable("its axis isn't constant")
    along = int(axis) % value.shape.rank
    reduce = tf.reduce_max if operation.type == "ArgMax" else tf.reduce_min
    count = tf.shape(value)[along]
    places = tf.reshape(tf.range(count), [-1 if axis == along else 1 for axis in range(value.shape.rank)])
    there = tf.equal(value, reduce(value, along, keepdims=True))
    return tf.cast(tf.reduce_min(tf.where(there, places, count), along), operation.outputs[0].dtype)


def _in_wider(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    return dtypes.in_wider(operation, inputs, lambda made: not lacks_dtype(made))


def _by_place(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    return dtypes.by_place(operation, inputs, lambda made: not lacks_dtype(made))


def _of_missing_dtype(operation: Operation) -> bool:
    return bool(lacks_dtype(operation))


def _of_many_axes(operation: Operation) -> bool:
    return not lacks_dtype(operation) and "axes" in lacks(operation)


ELEMENTWISE = (
    "Abs Add AddV2 Atan2 BitwiseXor Cast Ceil CheckNumerics Cos Div DivNoNan Elu Equal Exp Expm1 Floor FloorDiv FloorMod Greater "
    "GreaterEqual IsFinite IsInf IsNan LeakyRelu Less LessEqual Log Log1p LogicalAnd LogicalNot LogicalOr Maximum Minimum Mul "
    "MulNoNan Neg NotEqual Pow RealDiv Reciprocal Relu Relu6 RightShift Rint Round Rsqrt SelectV2 Selu Sigmoid Sign Sin Softplus "
    "Softsign Sqrt Square SquaredDifference Sub Tanh TruncateDiv Xdivy Xlog1py Xlogy"
)

RULES: tuple[Rule, ...] = (
    # Branches first: what can't run needs no repair.
    _rule(
        "static-size-as-constant",
        "StridedSlice",
        decided.size_as_constant,
        "a branch hangs on a size, and the one that can't run has no shapes",
        decided.is_size,
    ),
    _rule(
        "decided-if-as-branch",
        "If StatelessIf",
        decided.decided,
        "the converter infers shapes in the branch that can't run",
        decided.is_decided,
    ),
    # What the converter gets wrong.
    _rule(
        "sum-of-squares-not-for-l2-norm",
        "Sum",
        _sum_of_products,
        "the converter takes a norm over any axes for its L2 normalization over the last",
        _sums_square,
    ),
    *_lacking(quantization.COMPOSITIONS),
    # Control and checks.
    _rule("ensured-shape-as-identity", "EnsureShape", _checked_shape, "the format can't check a shape"),
    # Layouts first: what comes after them is about channels last.
    *_lacking(layouts.COMPOSITIONS),
    *_lacking(convolution.COMPOSITIONS),
    *_lacking(pooling.COMPOSITIONS),
    *_lacking(normalization.COMPOSITIONS),
    *_lacking(resizing.COMPOSITIONS),
    # Slices.
    *_lacking(slicing.COMPOSITIONS),
    _rule("einsum-as-matmul", "Einsum", contraction.einsum, "the converter knows a few equations only", _always),
    *_lacking(diagonals.COMPOSITIONS),
    # Elements.
    _rule("abs-as-maximum", "Abs", _positive, "its Abs takes no int64"),
    _rule("relu-as-maximum", "Relu", _relu, "its Relu takes no narrow integers"),
    _rule("relu6-as-minimum", "Relu6", _relu6, "its Relu6 takes no integers"),
    _rule("square-as-product", "Square", _product_of_itself, "its Square takes no narrow integers"),
    *_lacking(float8.COMPOSITIONS),
    *_lacking(elementary.COMPOSITIONS),
    *_lacking(special.COMPOSITIONS),
    *_lacking(incomplete.COMPOSITIONS),
    *_lacking(elementwise.COMPOSITIONS, without=("integer-truncate-div-as-floor-div",)),
    *_lacking(integers.COMPOSITIONS),
    *_lacking(bits.COMPOSITIONS),
    _rule(
        "least-of-integers-by-choice",
        "Minimum",
        _least_by_choice,
        "the converter takes a cut of integers at 0 and 6 for its Relu6 of floats",
        _cuts_integers,
    ),
    _rule("int64-quotient-by-steps", "Div TruncateDiv", _quotient_by_steps, "its Div takes no int64", _of_int64),
    _rule(
        "bytes-matmul-as-floats",
        "BatchMatMulV3",
        _bytes_as_floats,
        "its matrix product takes bytes only with a scale",
        _of_bytes,
    ),
    # Order, counts and places.
    _rule("arg-extreme-as-mask", "ArgMax ArgMin", _max_as_mask, "its ArgMax takes no int64"),
    _rule("unique-v2-as-unique", "UniqueV2", _unique_counts, "the format knows the first version of Unique alone"),
    *_lacking(cumulative.COMPOSITIONS),
    *_lacking(sorting.COMPOSITIONS),
    *_lacking(scatter.COMPOSITIONS),
    *_lacking(slice_updates.COMPOSITIONS),
    *_lacking(segments.COMPOSITIONS),
    *_lacking(counting.COMPOSITIONS),
    *_lacking(sparse.COMPOSITIONS),
    *_lacking(ragged.COMPOSITIONS),
    *_lacking(indexing.COMPOSITIONS),
    # Families.
    *_lacking(audio.COMPOSITIONS),
    *_lacking(branches.COMPOSITIONS),
    *_lacking(colours.COMPOSITIONS),
    *_lacking(sampling.COMPOSITIONS),
    *_lacking(suppression.COMPOSITIONS),
    *_lacking(losses.COMPOSITIONS),
    *_lacking(decoding.COMPOSITIONS),
    *_lacking(linalg.COMPOSITIONS),
    *_lacking(decompositions.COMPOSITIONS),
    _rule(
        "boxes-cut-to-those-found",
        "NonMaxSuppressionV4 NonMaxSuppressionV5",
        _boxes,
        "its operator always gives as many boxes as it may",
    ),
    _rule(
        "equal-to-infinity-as-comparison",
        "Equal NotEqual",
        not_finite.equal_to_infinity,
        "the converter writes the largest number for an infinite constant",
        not_finite.is_about_infinity,
    ),
    _rule(
        "infinite-quotient-restored",
        "Div RealDiv",
        not_finite.infinite_quotient,
        "its kernel cuts quotients at the largest number",
        not_finite.may_be_infinite,
    ),
    _rule(
        "nan-put-back",
        "Maximum Minimum Tanh",
        not_finite.put_back,
        "its kernels for x86 give a number for NaN",
        not_finite.loses_nan,
    ),
    _rule(
        "boxes-counted",
        "NonMaxSuppressionV3",
        _boxes_found,
        "its operator always gives as many boxes as it may",
    ),
    _rule("complex-of-bits", "Complex", _complex_of_bits, "the format has no operator that makes a complex number"),
    _rule("int32-axes", "Mean", _with_narrow_axes, "its Mean takes int32 axes alone", _always),
    # Last: any op of another dtype, or of fewer axes.
    _rule(
        "narrow-integers-as-wider", " ".join(KERNELS), _in_wider, "its kernel takes no such integers", _of_missing_dtype
    ),
    _rule(
        "values-moved-by-place",
        " ".join(dtypes.MOVING),
        _by_place,
        "its kernel moves no values of that dtype",
        _of_missing_dtype,
    ),
    _rule(
        "elements-over-fewer-axes",
        ELEMENTWISE,
        broadcasting.fewer_axes(MOST_BROADCAST),
        "its kernels broadcast over a few axes only",
        _of_many_axes,
    ),
)
"""In the order in which they are asked."""
