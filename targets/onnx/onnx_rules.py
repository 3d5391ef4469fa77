"""What tf2onnx or onnxruntime lack, or get wrong, and what it becomes.

Every handler of tf2onnx 1.17.0 was held against TensorFlow in onnxruntime 1.32.0 over dtypes, ranks, axes and attributes.  A rule
says in its `why` what came out; a version in which that comes out right makes the rule superfluous.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import onnx_maths
import onnx_tensors
import onnx_texts
import onnx_windows
import tensorflow as tf

from anyport_tf.compositions import decided, indexing
from anyport_tf.compositions.registry import COMPOSITIONS
from anyport_tf.rules import Rule

Operation = Any
When = Callable[[Operation], bool]

TF2ONNX = "tf2onnx 1.17.0"
ONNXRUNTIME = "onnxruntime 1.32.0"
LACKING = "tf2onnx has no handler for it"
DTYPE = "tf2onnx states a dtype that it hasn't"


def _always(operation: Operation) -> bool:
    return True


def _rule(
    name: str, ops: str, becomes: Callable[..., Any], why: str, when: When = _always, until: str = TF2ONNX
) -> Rule:
    return Rule(name=name, ops=tuple(ops.split()), becomes=becomes, why=why, until=until, when=when)


def _shared(names: str, why: str = LACKING, when: When = _always, ops: str = "") -> list[Rule]:
    """Return the shared compositions called `names` as rules, for all their ops or for some."""
    return [
        Rule(name=name, ops=tuple(ops.split()) or all_ops, becomes=becomes, why=why, until=TF2ONNX, when=when)
        for name in names.split()
        for all_ops, becomes in [COMPOSITIONS[name]]
    ]


def _of_strings(operation: Operation) -> bool:
    return bool(operation.outputs[0].dtype == tf.string)


def _of_integers(operation: Operation) -> bool:
    return bool(operation.outputs[0].dtype.is_integer)


def _of_floats(operation: Operation) -> bool:
    return bool(operation.inputs[0].dtype.is_floating)


def _not_float32(operation: Operation) -> bool:
    return bool(operation.inputs[0].dtype != tf.float32)


def _of_float8(operation: Operation) -> bool:
    return "float8" in operation.inputs[0].dtype.name


ELEMENTWISE = (
    *_shared("float8-as-rounding", "tf2onnx knows no floats of 8 bits", _of_float8),
    _rule("erfc-as-erf", "Erfc", onnx_maths.erfc, "ONNX has no Erfc"),
    *_shared("expm1-as-tanh log1p-as-log", "ONNX has neither Expm1 nor Log1p"),
    *_shared("xlogy-as-where xlog1py-as-where xdivy-as-where mul-no-nan-as-where"),
    *_shared("approximate-equal-as-less next-after-as-addition l2-loss-as-sum"),
    *_shared("activation-gradient-as-arithmetic"),
    *_shared("reciprocal-as-division", ops="Inv"),
    *_shared("bitcast-as-arithmetic"),
    *_shared("add-n-as-additions", "ONNX' Sum takes floats alone", _of_integers, "AddN"),
    *_shared("add-n-as-additions", ops="AccumulateNV2"),
    *_shared("clip-as-minimum", "ONNX' Clip takes scalar bounds alone", onnx_maths.has_tensor_bounds),
    *_shared("integer-floor-div-as-truncate-div", "tf2onnx rounds the quotient towards 0", _of_integers),
    _rule("shift-of-signed", "LeftShift", onnx_maths.left_shift, "ONNX shifts unsigned integers", onnx_maths.is_signed),
    _rule(
        "right-shift-of-signed",
        "RightShift",
        onnx_maths.right_shift,
        "ONNX shifts unsigned integers",
        onnx_maths.is_signed,
    ),
    _rule("population-count-as-sums", "PopulationCount", onnx_maths.population_count, LACKING),
    _rule("string-of-bool", "AsString", onnx_maths.string_of_bool, "tf2onnx yields 0 and 1", onnx_maths.takes_bools),
    *_shared("erfinv-as-log ndtri-as-log lgamma-as-log digamma-as-log"),
    *_shared("bessel-i0-as-polynomial bessel-i1-as-polynomial bessel-i0e-as-polynomial bessel-i1e-as-polynomial"),
    *_shared("igamma-as-loop igammac-as-loop betainc-as-loop zeta-as-sum polygamma-as-zeta"),
    *_shared("quantize-as-floats dequantize-as-floats"),
    *_shared("fake-quant-as-floor", "tf2onnx takes constant ranges about 0 of 8 bits alone"),
    *_shared("quantize-and-dequantize-as-round", "tf2onnx looks at few of its attributes"),
)

SUMS = (
    _rule(
        "adjoint-as-transpose", "BatchMatMulV2 BatchMatMulV3", onnx_maths.adjoint,
        "tf2onnx transposes floats alone", onnx_maths.has_adjoint,
    ),
    _rule("axis-from-front", "Cumprod", onnx_maths.axis_from_front, "tf2onnx fails on a negative axis", onnx_maths.negative_axis),
    _rule("euclidean-norm-as-root", "EuclideanNorm", onnx_maths.euclidean_norm, LACKING),
    _rule("narrow-arg-max", "ArgMax", onnx_maths.narrow_index, DTYPE, onnx_maths.yields_narrow),
    *_shared("cumulative-logsumexp-as-doubling"),
    *_shared(
        "segment-sum-as-scatter segment-mean-as-scatter sparse-segment-as-scatter",
        "tf2onnx counts rows of a negative segment for the last one, and divides by the 0 rows of an empty one", _of_floats,
    ),
    *_shared("segment-sum-as-scatter", "tf2onnx counts rows of a negative segment for the last one", _of_integers),
    _rule(
        "segment-extreme-as-scatter",
        "SegmentMax SegmentMaxV2 SegmentMin SegmentMinV2 UnsortedSegmentMax UnsortedSegmentMin",
        onnx_maths.segment_extreme,
        "tf2onnx yields infinity for empty segments, and fails on integers",
    ),
    *_shared("segment-extreme-as-mask", "tf2onnx counts rows of a negative segment for the last one"),
    *_shared("bincount-as-scatter", "tf2onnx fails on weights, and on more than one dimension"),
    *_shared("ragged-bincount-as-scatter sparse-bincount-as-scatter sparse-counts-as-scatter histogram-as-scatter"),
    *_shared("cross-entropy-as-log-softmax sparse-cross-entropy-as-log-softmax", "tf2onnx yields the loss alone"),
)  # fmt: skip

MATRICES = (
    *_shared("inverse-as-elimination solve-as-elimination lu-as-elimination log-determinant-as-elimination"),
    *_shared("cholesky-as-columns triangular-solve-as-substitution tridiagonal-solve-as-elimination"),
    *_shared("banded-solve-as-substitution tridiagonal-matmul-as-shifts cross-as-products"),
    *_shared("qr-as-householder svd-as-jacobi eigh-as-jacobi least-squares-as-elimination"),
    *_shared("square-root-as-iteration"),
    *_shared("set-diag-as-gather", "tf2onnx leaves ops of TensorFlow in its output"),
    *_shared("tensor-diag-as-where tensor-diag-part-as-gather"),
    *_shared("sparse-dense-matmul-as-scatter sparse-matmul-as-matmul sparse-dense-add-as-scatter"),
    *_shared("sparse-dense-cwise-as-gather sparse-reorder-as-top-k sparse-add-as-sort sparse-slice-as-where"),
    *_shared("sparse-concat-as-sort sparse-softmax-as-segments sparse-reduce-as-scatter"),
)

PLACES = (
    _rule("rank-and-shapes", "Rank ShapeN", onnx_tensors.shapes, LACKING),
    _rule("lin-space-as-range", "LinSpace", onnx_maths.lin_space, LACKING),
    _rule("one-hot-as-equal", "OneHot", indexing.one_hot, "ONNX' OneHot counts negative indices from the end"),
    _rule("zeros-like-strings", "ZerosLike", onnx_tensors.empty_strings, "ONNX fills with numbers alone", _of_strings),
    _rule("pad-of-strings-as-gather", "Pad PadV2", onnx_tensors.pad_as_gather, "onnxruntime pads numbers alone", _of_strings),
    _rule(
        "strings-by-place", "GatherV2 GatherNd", onnx_tensors.by_place,
        "onnxruntime gathers the first string of each row alone", onnx_tensors.gathers_rows, ONNXRUNTIME,
    ),
    _rule(
        "slice-of-stated-size", "Slice", onnx_tensors.slice_of_stated_size,
        "tf2onnx adds the largest integer to where a slice begins that goes to the end", onnx_tensors.may_go_to_the_end,
    ),
    _rule(
        "reverse-sequence-from-front", "ReverseSequence", onnx_tensors.reverse_sequence,
        "ONNX reverses one of the first two axes", onnx_tensors.reverses_inner,
    ),
    *_shared("dynamic-stitch-as-scatter", "tf2onnx appends what lies at the same index, and fails on scalars"),
    *_shared("invert-permutation-as-scatter", DTYPE),
    *_shared("strided-slice-update-as-scatter strided-slice-gradient-as-scatter dynamic-update-slice-as-gather"),
    *_shared("broadcast-args-as-where broadcast-gradient-as-where ctc-greedy-decoder-as-argmax"),
    *_shared("nth-element-as-top-k in-top-k-as-comparison search-sorted-as-comparison bucketize-as-comparison"),
    *_shared("list-diff-as-comparison"),
    _rule("unique-of-vector", "UniqueV2 UniqueWithCountsV2", onnx_tensors.unique, LACKING, onnx_tensors.is_of_one_axis),
    *_shared("unique-as-comparison", ops="UniqueV2 UniqueWithCountsV2"),
    *_shared("ragged-range-as-positions ragged-to-tensor-as-gather ragged-gather-as-gather", "tf2onnx fails where sizes vary"),
    *_shared("ragged-to-sparse-as-positions", "tf2onnx fails where sizes vary"),
)  # fmt: skip

IMAGES = (
    *_shared(
        "channels-first-as-channels-last",
        "tf2onnx finds the groups of channels that come last", onnx_windows.is_grouped_channels_first, "Conv2D",
    ),
    *_shared("grouped-conv-as-split", "tf2onnx takes no groups of volumes", onnx_windows.is_grouped_conv3d, "Conv3D"),
    _rule(
        "same-dilated-as-pad", "Conv2D DepthwiseConv2dNative Conv3D", onnx_windows.same_as_pad,
        "onnxruntime computes the padding of dilated windows for fixed sizes alone", onnx_windows.same_and_dilated,
    ),
    *_shared("conv2d-transpose-as-conv2d", "tf2onnx writes negative paddings", onnx_windows.leaves_gaps),
    _rule(
        "conv3d-transpose-as-conv3d", "Conv3DBackpropInputV2", onnx_windows.conv3d_transpose,
        "tf2onnx writes negative paddings", onnx_windows.leaves_gaps,
    ),
    *_shared("conv2d-kernel-gradient-as-conv2d"),
    *_shared("bias-add-gradient-as-sum"),
    *_shared("dilation2d-as-maximum extract-volume-patches-as-gather"),
    *_shared("max-pool-gradient-as-patches average-pool-gradient-as-slices"),
    *_shared("extract-patches-as-gather", "tf2onnx fails where sizes vary"),
    *_shared("fused-batch-norm-as-arithmetic", "ONNX yields fewer outputs", onnx_windows.needs_statistics),
    _rule(
        "resized-in-float32", "ResizeBilinear ResizeBicubic ResizeArea CropAndResize",
        onnx_tensors.in_float32, DTYPE, _not_float32,
    ),
    *_shared(
        "resize-bilinear-as-gather resize-nearest-as-gather",
        "tf2onnx states a factor, which rounds to another size", onnx_windows.misses_its_size,
    ),
    *_shared("resize-bicubic-as-gather", "ONNX' cubic has other coefficients"),
    *_shared("resize-area-as-matmul", "tf2onnx yields other numbers"),
    *_shared("scale-and-translate-as-matmul"),
    *_shared("crop-and-resize-as-gather", "tf2onnx takes the nearest from the wrong side"),
    *_shared("projective-transform-as-gather"),
    *_shared("rgb-to-hsv-as-arithmetic hsv-to-rgb-as-arithmetic draw-boxes-as-where"),
    *_shared("adjust-saturation-as-arithmetic adjust-hue-as-arithmetic", "tf2onnx yields other colours"),
    *_shared("non-max-suppression-soft-as-argmax", "tf2onnx ignores sigma"),
    *_shared("audio-spectrogram-as-matmul"),
)  # fmt: skip

TEXTS = (
    _rule(
        "split-at-white-space", "StringSplitV2", onnx_texts.split,
        "onnxruntime splits at spaces alone, and not at tabs and ends of lines", onnx_texts.is_at_white_space, ONNXRUNTIME,
    ),
    _rule("strip-as-split", "StringStrip", onnx_texts.strip, "ONNX has no such op"),
    _rule("regex-replace-as-split", "StaticRegexReplace", onnx_texts.regex_replace, "ONNX finds patterns and replaces none"),
    _rule("reduce-join-as-joins", "ReduceJoin", onnx_texts.reduce_join, LACKING),
    _rule("n-grams-as-joins", "StringNGrams", onnx_texts.n_grams, LACKING),
    _rule("addition-of-strings", "Add AddV2", onnx_texts.added, "ONNX adds numbers alone", _of_strings),
)  # fmt: skip

BRANCHES = (
    *_shared("case-as-ifs", "ONNX has If alone"),
    _rule(
        "static-size-as-constant", "StridedSlice", decided.size_as_constant,
        "tf2onnx computes a size when the model runs, where others of the shape vary", decided.is_size,
    ),
    _rule(
        "decided-if-as-branch", "If StatelessIf", decided.decided,
        "ONNX' checker infers shapes in the branch that can't run", decided.is_decided,
    ),
)  # fmt: skip

RULES: tuple[Rule, ...] = (*BRANCHES, *TEXTS, *ELEMENTWISE, *SUMS, *MATRICES, *PLACES, *IMAGES)
