"""What TF.js lacks, or gets wrong, and what it becomes.

Each kernel of the wasm backend, 4.22.0, was held against TensorFlow over dtypes, ranks, axes and attributes.  A rule says in its
`why` what came out; a version in which that comes out right makes the rule superfluous.

What remains: Relu6 makes 0 of NaN, and where an axis that isn't reduced is empty, reductions trap.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf
import tfjs_maths
import tfjs_strings
import tfjs_tensors

from anyport_tf.compositions.registry import COMPOSITIONS
from anyport_tf.rules import Rule, attribute, value_of

Operation = Any
When = Callable[[Operation], bool]

SEEN = "tensorflowjs 4.22.0"
LACKING = "the format has no such op"


def _always(operation: Operation) -> bool:
    return True


def _rule(name: str, ops: str, becomes: Callable[..., Any], why: str, when: When = _always) -> Rule:
    return Rule(name=name, ops=tuple(ops.split()), becomes=becomes, why=why, until=SEEN, when=when)


def _shared(names: str, why: str = LACKING, when: When = _always, ops: str = "") -> list[Rule]:
    """Return the shared compositions called `names` as rules, for all their ops or for some."""
    return [
        Rule(name=name, ops=tuple(ops.split()) or all_ops, becomes=becomes, why=why, until=SEEN, when=when)
        for name in names.split()
        for all_ops, becomes in [COMPOSITIONS[name]]
    ]


def _of_a_seed(operation: Operation) -> bool:
    """Whether random numbers are drawn by a seed; a generator's state is of int64."""
    return bool(operation.inputs[1].op.type == "StatelessRandomGetKeyCounter")


def _of_bools(operation: Operation) -> bool:
    return bool(operation.outputs[0].dtype == tf.bool)


def _of_strings(operation: Operation) -> bool:
    return bool(operation.inputs[0].dtype == tf.string)


def _makes_strings(operation: Operation) -> bool:
    return bool(operation.outputs[0].dtype == tf.string)


def _of_integers(operation: Operation) -> bool:
    return bool(operation.inputs[0].dtype.is_integer)


def _of_floats(operation: Operation) -> bool:
    return bool(operation.inputs[0].dtype.is_floating)


def _not_of_floats(operation: Operation) -> bool:
    return not operation.inputs[0].dtype.is_floating


def _not_of_bools(operation: Operation) -> bool:
    return bool(operation.inputs[0].dtype != tf.bool)


def _makes_bool(operation: Operation) -> bool:
    return bool(operation.outputs[0].dtype == tf.bool and operation.inputs[0].dtype != tf.bool)


def _channels_first(operation: Operation) -> bool:
    return str(attribute(operation, "data_format", "NHWC")).startswith("NC")


def _has_negative_axis(operation: Operation) -> bool:
    axis = value_of(operation.inputs[1])
    return axis is not None and bool(axis < 0) and operation.inputs[0].shape.rank is not None


def _is_grouped(operation: Operation) -> bool:
    x, kernel = operation.inputs
    return None not in (x.shape.rank, kernel.shape.rank) and bool(x.shape[-1] != kernel.shape[-2])


def _strides_and_dilates(operation: Operation) -> bool:
    return bool(max(attribute(operation, "strides")) > 1 and max(attribute(operation, "dilations")) > 1)


def _pads_itself(operation: Operation) -> bool:
    return bool(attribute(operation, "padding") == "EXPLICIT")


def _is_training(operation: Operation) -> bool:
    return _channels_first(operation) or bool(attribute(operation, "is_training"))


def _reflects(operation: Operation) -> bool:
    return bool(operation.type == "ImageProjectiveTransformV2" or attribute(operation, "fill_mode") == "REFLECT")


NO_STRINGS = "its kernels take no strings"

STRINGS = (
    _rule("strings-moved-by-place", tfjs_strings.MOVING, tfjs_strings.moved, NO_STRINGS, _makes_strings),
    _rule("strings-selected-by-place", "Select SelectV2", tfjs_strings.selected, NO_STRINGS, _makes_strings),
    _rule("strings-padded-by-place", "Pad PadV2", tfjs_strings.padded_with, NO_STRINGS, _makes_strings),
    *_shared("split-as-slices", "its Split takes no strings", _makes_strings),
    _rule("strings-filled-by-place", "Fill", tfjs_strings.filled, NO_STRINGS, _makes_strings),
    _rule(
        "distinct-strings-by-place", "Unique UniqueV2 UniqueWithCounts UniqueWithCountsV2", tfjs_strings.distinct, NO_STRINGS,
        _makes_strings,
    ),
    _rule("equal-strings-as-hashes", "Equal NotEqual", tfjs_strings.equal_strings, "it compares addresses of strings", _of_strings),
    _rule(
        "join-as-ngrams", "StringJoin Add AddV2", tfjs_strings.joined, LACKING,
        lambda operation: _makes_strings(operation) and tfjs_strings.has_plain_separator(operation),
    ),
    _rule("reduce-join-as-ngrams", "ReduceJoin", tfjs_strings.reduced, LACKING, tfjs_strings.has_plain_separator),
    _rule("integers-written-in-digits", "AsString", tfjs_strings.written, LACKING, tfjs_strings.is_plainly_written),
    _rule("split-as-older-split", "StringSplitV2", tfjs_strings.split, LACKING),
)  # fmt: skip

ARITHMETIC = (
    _rule(
        "passing-op", "EnsureShape CheckNumerics PreventGradient", tfjs_maths.same,
        "its EnsureShape fails, and it lacks the others",
    ),
    _rule("erfc-as-erf", "Erfc", tfjs_maths.erfc, LACKING),
    *_shared("erfinv-as-log ndtri-as-log lgamma-as-log digamma-as-log"),
    *_shared("bessel-i0-as-polynomial bessel-i1-as-polynomial bessel-i0e-as-polynomial bessel-i1e-as-polynomial"),
    *_shared("xlogy-as-where xlog1py-as-where xdivy-as-where mul-no-nan-as-where l2-loss-as-sum"),
    *_shared("approximate-equal-as-less next-after-as-addition softsign-as-division activation-gradient-as-arithmetic"),
    *_shared("reciprocal-as-division", ops="Inv"),
    *_shared("add-n-as-additions", ops="AccumulateNV2"),
    *_shared("round-as-floor", ops="Rint"),
    *_shared("sign-as-where", "its Sign makes 0 of NaN", _of_floats),
    *_shared("clip-as-minimum", "its ClipByValue takes integers for floats, and a bound for NaN"),
    *_shared("mod-as-floor", "its Mod has the divisor's sign", _of_floats),
    *_shared("integer-mod-as-floor-div", "its Mod has the divisor's sign", _of_integers),
    *_shared("floor-mod-as-floor", "its FloorMod loses the rest of large quotients", _of_floats),
    *_shared("integer-truncate-div-as-floor-div", "its Div rounds down", _of_integers),
    _rule("truncated-division", "TruncateDiv", tfjs_maths.truncated_quotient, LACKING, _of_floats),
    _rule(
        "integer-floor-div-by-steps", "FloorDiv", tfjs_maths.floor_quotient,
        "it divides integers as floats", tfjs_maths.is_large_quotient,
    ),
    _rule("integer-abs-as-maximum", "Abs", tfjs_maths.absolute, "its Abs takes integers through floats", _of_integers),
    _rule("integer-neg-as-sub", "Neg", tfjs_maths.negated, "its Neg takes integers through floats", _of_integers),
    _rule("integer-mean-as-sum", "Mean", tfjs_maths.integer_mean, "its Mean makes floats of integers", _of_integers),
    _rule("extreme-of-nan", "Maximum Minimum", tfjs_maths.extreme, "it loses NaN in the second operand", tfjs_maths.may_be_nan),
    *_shared("bitwise-as-arithmetic invert-as-subtraction population-count-as-sum"),
    *_shared("left-shift-as-product right-shift-as-division"),
    *_shared("integer-matmul-as-float-limbs", "its wasm backend multiplies matrices of floats alone", _of_integers),
    _rule(
        "narrow-integer-wraps", " ".join(tfjs_maths.WRAPPING), tfjs_maths.in_32_bits,
        "it holds integers in 32 bits", tfjs_maths.is_narrow,
    ),
    _rule("cast-to-narrow-wraps", "Cast", tfjs_maths.cut, "it holds integers in 32 bits", tfjs_maths.cuts),
    _rule("cast-to-half-rounds", "Cast", tfjs_maths.rounded, "its floats have 32 bits", tfjs_maths.rounds),
    _rule("cast-to-bool-as-not-equal", "Cast", tfjs_maths.to_bool, "its Cast to bool keeps the lowest byte alone", _makes_bool),
    *_shared("bitcast-as-arithmetic", LACKING, tfjs_maths.fits_32_bits),
    *_shared("igamma-as-loop igammac-as-loop betainc-as-loop zeta-as-sum polygamma-as-zeta"),
    *_shared("audio-spectrogram-as-matmul mfcc-as-matmul quantize-as-floats dequantize-as-floats"),
    *_shared("fake-quant-as-floor", "it ignores the op, or lacks it"),
    *_shared("quantize-and-dequantize-as-round"),
)  # fmt: skip

SUMS = (
    _rule(
        "reduction-of-nothing", "Sum Prod Mean Max Min All Any", tfjs_tensors.guarded_reduction,
        "its reductions yield what memory held where there is nothing to reduce", tfjs_tensors.has_open_axis,
    ),
    _rule(
        "cumulative-axis-from-front", "Cumsum Cumprod", tfjs_maths.axis_from_front,
        "its kernel writes past its memory where the axis is negative", _has_negative_axis,
    ),
    *_shared("cumulative-logsumexp-as-doubling"),
    *_shared("segment-sum-as-scatter segment-mean-as-scatter segment-extreme-as-mask sparse-segment-as-scatter"),
    *_shared("ragged-bincount-as-scatter sparse-bincount-as-scatter sparse-counts-as-scatter histogram-as-scatter"),
    *_shared("cross-entropy-as-log-softmax sparse-cross-entropy-as-log-softmax"),
)  # fmt: skip

MATRICES = (
    *_shared("einsum-as-matmul", "its wasm backend has no kernel for Einsum"),
    _rule("matmul-of-two-dtypes", "BatchMatMulV3", tfjs_tensors.plain_product, LACKING),
    _rule(
        "matmul-broadcast-before", "BatchMatMulV2", tfjs_tensors.spread_matrices,
        "it broadcasts one axis of a stack of matrices alone", tfjs_tensors.may_broadcast,
    ),
    *_shared("band-part-as-where", "its MatrixBandPart misreads its bounds"),
    *_shared("inverse-as-elimination solve-as-elimination lu-as-elimination log-determinant-as-elimination"),
    *_shared("cholesky-as-columns triangular-solve-as-substitution tridiagonal-solve-as-elimination"),
    *_shared("banded-solve-as-substitution tridiagonal-matmul-as-shifts cross-as-products determinant-as-elimination"),
    *_shared("qr-as-householder svd-as-jacobi eigh-as-jacobi least-squares-as-elimination"),
    *_shared("square-root-as-iteration"),
    *_shared("diag-part-as-gather matrix-diag-as-gather set-diag-as-gather"),
    *_shared("tensor-diag-as-where tensor-diag-part-as-gather"),
    *_shared("sparse-dense-matmul-as-scatter sparse-matmul-as-matmul sparse-dense-add-as-scatter"),
    *_shared("sparse-dense-cwise-as-gather sparse-reorder-as-top-k sparse-add-as-sort sparse-slice-as-where"),
    *_shared("sparse-concat-as-sort sparse-softmax-as-segments sparse-reduce-as-scatter"),
)  # fmt: skip

PLACES = (
    _rule("shape-of-each", "ShapeN", tfjs_tensors.shapes, "its ShapeN yields floats"),
    _rule("where-of-numbers", "Where", tfjs_tensors.where, "its Where looks at the lowest byte alone", _not_of_bools),
    *_shared("one-hot-as-equal", "its OneHot writes integers whatever it was asked for"),
    *_shared("bool-select-as-logic", "its Select takes bools for four bytes each", _of_bools),
    _rule("bool-reverse-as-integers", "ReverseV2", tfjs_maths.reverse, "its Reverse takes bools for four bytes each", _of_bools),
    *_shared(
        "strided-slice-as-gather", "its StridedSlice with steps yields float32 whatever it got, and loses axes that end",
        tfjs_tensors.misreads_steps,
    ),
    _rule(
        "gather-of-nothing", "GatherV2", tfjs_tensors.gathered_nothing,
        "its Gather yields four axes where there is nothing to gather from", tfjs_tensors.gathers_from_nothing,
    ),
    *_shared(
        "batched-gather-as-gather", "its Gather with batch dimensions reads wrong rows",
        lambda op: bool(attribute(op, "batch_dims")),
    ),
    *_shared("roll-as-concat reverse-sequence-as-gather unravel-index-as-remainders"),
    *_shared("tensor-scatter-add-as-scatter tensor-scatter-extreme-as-mask strided-slice-update-as-scatter"),
    *_shared("strided-slice-gradient-as-scatter dynamic-update-slice-as-gather"),
    *_shared("broadcast-args-as-where broadcast-gradient-as-where ctc-greedy-decoder-as-argmax"),
    *_shared("stateless-uniform-as-bits stateless-normal-as-bits stateless-integers-as-bits", when=_of_a_seed),
    *_shared("stateless-whole-integers-as-bits", when=_of_a_seed),
    *_shared("dynamic-partition-as-where dynamic-stitch-as-scatter invert-permutation-as-scatter"),
    *_shared("nth-element-as-top-k in-top-k-as-comparison bucketize-as-comparison"),
    *_shared("unique-as-comparison", ops="UniqueWithCounts UniqueWithCountsV2"),
    *_shared("ragged-range-as-positions ragged-to-tensor-as-gather ragged-gather-as-gather ragged-to-sparse-as-positions"),
    _rule(
        "list-concat-as-stack", "TensorListConcatV2", tfjs_tensors.concatenated,
        "its lists hold elements of one shape, which it looks for in an attribute",
    ),
    _rule(
        "lookup-of-any-rank", "LookupTableFind LookupTableFindV2", tfjs_tensors.lookup,
        "its LookupTableFind yields rank 1 whatever it was asked for",
        lambda operation: operation.type == "LookupTableFind" or operation.inputs[1].shape.rank != 1,
    ),
)  # fmt: skip

IMAGES = (
    *_shared("channels-first-as-channels-last", "its wasm backend has the channels last", _channels_first,
        "Conv2D DepthwiseConv2dNative Conv3D MaxPool AvgPool MaxPoolV2 MaxPool3D AvgPool3D Conv2DBackpropInput"
        " Conv3DBackpropInputV2 SpaceToDepth",
    ),
    *_shared("bias-add-as-add", "its BiasAdd has the channels last", _channels_first, "BiasAdd"),
    *_shared("bias-add-as-add", ops="BiasAddV1"),
    *_shared("bias-add-gradient-as-sum space-to-depth-as-transpose"),
    *_shared("depth-to-space-as-transpose", "its DepthToSpace takes floats alone", _not_of_floats),
    *_shared("grouped-conv-as-split", "its convolutions have one group", _is_grouped),
    *_shared("dilated-conv-as-sparse-kernel", "it strides or dilates, not both", _strides_and_dilates),
    *_shared("conv3d-transpose-as-conv2d-transpose conv2d-kernel-gradient-as-conv2d"),
    *_shared("explicit-padding-as-pad", "its MaxPool pads by SAME or VALID", _pads_itself, "MaxPool"),
    *_shared("max-pool-as-slices", "its MaxPool takes floats alone", _of_integers, "MaxPool"),
    *_shared("max-pool-v2-as-max-pool extract-patches-as-gather extract-volume-patches-as-gather"),
    *_shared("pool3d-as-pool2d", "its pools of volumes start at the smallest positive number, and stride wrongly"),
    *_shared("max-pool-with-argmax-as-patches dilation2d-as-maximum", "its largest value starts at the smallest positive number"),
    *_shared("max-pool-gradient-as-patches average-pool-gradient-as-slices"),
    *_shared("fused-batch-norm-as-arithmetic", "its BatchNorm has the channels last and given statistics", _is_training),
    *_shared("resize-nearest-as-gather", "its ResizeNearestNeighbor makes floats of integers", _not_of_floats),
    *_shared("resize-bicubic-as-gather resize-area-as-matmul scale-and-translate-as-matmul"),
    *_shared("projective-transform-as-gather", "it reflects otherwise, or lacks the op", _reflects),
    *_shared("rgb-to-hsv-as-arithmetic hsv-to-rgb-as-arithmetic draw-boxes-as-where adjust-contrast-as-arithmetic"),
    *_shared("adjust-saturation-as-arithmetic adjust-hue-as-arithmetic"),
    *_shared("non-max-suppression-soft-as-argmax", "it neither counts nor pads"),
    *_shared("combined-non-max-suppression-as-argmax"),
)  # fmt: skip

BRANCHES = _shared("case-as-ifs")

RULES: tuple[Rule, ...] = (*BRANCHES, *STRINGS, *ARITHMETIC, *SUMS, *MATRICES, *PLACES, *IMAGES)
"""In the order in which they are asked."""
