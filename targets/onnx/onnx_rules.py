"""What tf2onnx or onnxruntime lack, or get wrong, and what it becomes.

Every handler of tf2onnx 1.17.0 was held against TensorFlow in onnxruntime 1.32.0 over dtypes, ranks, axes and attributes.  A rule
says in its `why` what came out; a version in which that comes out right makes the rule superfluous.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import onnx_maths
import onnx_tensors
import onnx_windows
import tensorflow as tf

from anyport_tf.compositions import (
    convolution,
    counting,
    cumulative,
    elementary,
    elementwise,
    indexing,
    layouts,
    normalization,
    pooling,
    ragged,
    resizing,
    scatter,
    segments,
    sorting,
    special,
)
from anyport_tf.rules import Rule

Operation = Any
Tensor = Any
When = Callable[[Operation], bool]

TF2ONNX = "tf2onnx 1.17.0"
ONNXRUNTIME = "onnxruntime 1.32.0"


def _always(operation: Operation) -> bool:
    return True


def _rule(
    name: str, ops: str, becomes: Callable[..., Any], why: str, when: When = _always, until: str = TF2ONNX
) -> Rule:
    return Rule(name=name, ops=tuple(ops.split()), becomes=becomes, why=why, until=until, when=when)


def _shared(family: ModuleType, names: str, why: str, when: When = _always) -> list[Rule]:
    """Return the rules of a family of compositions that are called `names`, for the same reason."""
    return [
        Rule(name=name, ops=ops, becomes=becomes, why=why, until=TF2ONNX, when=when)
        for name in names.split()
        for ops, becomes in [family.COMPOSITIONS[name]]
    ]


def _of_strings(operation: Operation) -> bool:
    return bool(operation.outputs[0].dtype == tf.string)


def _of_integers(operation: Operation) -> bool:
    return bool(operation.outputs[0].dtype.is_integer)


def _not_float32(operation: Operation) -> bool:
    return bool(operation.inputs[0].dtype != tf.float32)


LACKING = "ONNX has nothing like it, and tf2onnx no handler for it"

RULES: tuple[Rule, ...] = (
    # Elementwise.
    _rule("erfc-as-erf", "Erfc", onnx_maths.erfc, "ONNX has no Erfc"),
    _rule("rank-and-shapes-as-shape", "Rank ShapeN", onnx_tensors.shapes, "tf2onnx has no handler for them"),
    *_shared(elementary, "expm1-as-tanh log1p-as-log", "ONNX has none"),
    *_shared(
        elementwise,
        "xlogy-as-where xdivy-as-where xlog1py-as-where mul-no-nan-as-where approximate-equal-as-less next-after-as-addition"
        " l2-loss-as-sum cross-as-gathers activation-gradient-as-arithmetic",
        LACKING,
    ),
    *_shared(elementwise, "add-n-as-additions", "ONNX' Sum takes floats alone", _of_integers),
    *_shared(elementwise, "clip-as-minimum", "ONNX' Clip takes scalar bounds alone", onnx_maths.has_tensor_bounds),
    *_shared(
        elementwise, "integer-floor-div-as-truncate-div", "tf2onnx writes Div, which rounds towards 0", _of_integers
    ),
    _rule("inv-as-reciprocal", "Inv", onnx_maths.reciprocal, "tf2onnx has no handler for it"),
    _rule("round-of-integers-as-identity", "Round", onnx_maths.same, "ONNX' Round takes floats alone", _of_integers),
    _rule(
        "shift-of-signed-as-division",
        "RightShift",
        onnx_maths.right_shift,
        "ONNX shifts unsigned integers alone",
        onnx_maths.is_signed,
    ),
    _rule(
        "shift-of-signed-as-unsigned",
        "LeftShift",
        onnx_maths.left_shift,
        "ONNX shifts unsigned integers alone",
        onnx_maths.is_signed,
    ),
    *_shared(
        special,
        "erfinv-as-log ndtri-as-log lgamma-as-log digamma-as-log bessel-i0e-as-polynomial bessel-i1e-as-polynomial"
        " bessel-i0-as-polynomial bessel-i1-as-polynomial",
        LACKING,
    ),
    # Products and sums.
    _rule(
        "adjoint-as-transpose",
        "BatchMatMulV2 BatchMatMulV3",
        onnx_maths.adjoint,
        "tf2onnx transposes floats alone",
        onnx_maths.has_adjoint,
    ),
    _rule(
        "cumulative-axis-from-front",
        "Cumprod",
        onnx_maths.axis_from_front,
        "tf2onnx fails on a negative axis",
        onnx_maths.negative_axis,
    ),
    *_shared(cumulative, "cumulative-logsumexp-as-doubling", LACKING),
    *_shared(
        segments,
        "segment-sum-as-scatter segment-mean-as-scatter sparse-segment-as-scatter",
        "tf2onnx puts rows of a negative segment into the last, fails on integers and divides by the 0 rows of an empty one",
    ),
    _rule(
        "segment-extreme-as-scatter",
        "SegmentMax SegmentMaxV2 SegmentMin SegmentMinV2 UnsortedSegmentMax UnsortedSegmentMin",
        onnx_maths.segment_extreme,
        "tf2onnx yields infinity for empty segments, and fails on integers",
    ),
    *_shared(segments, "segment-extreme-as-mask", "tf2onnx puts rows of a negative segment into the last"),
    *_shared(counting, "bincount-as-scatter", "tf2onnx fails on weights, and on more than one dimension"),
    *_shared(counting, "ragged-bincount-as-scatter sparse-bincount-as-scatter histogram-as-scatter", LACKING),
    _rule("euclidean-norm-as-root", "EuclideanNorm", onnx_maths.euclidean_norm, "tf2onnx has no handler for it"),
    # Shapes and indices.
    _rule("one-hot-as-equal", "OneHot", indexing.one_hot, "ONNX' OneHot counts negative indices from the end"),
    _rule("lin-space-as-range", "LinSpace", onnx_maths.lin_space, LACKING),
    _rule("broadcast-args-as-maximum", "BroadcastArgs", onnx_tensors.broadcast_args, LACKING),
    _rule(
        "zeros-like-strings-as-fill",
        "ZerosLike",
        onnx_tensors.empty_strings,
        "ONNX fills with numbers alone",
        _of_strings,
    ),
    _rule(
        "pad-of-strings-as-gather",
        "Pad PadV2",
        onnx_tensors.pad_as_gather,
        "onnxruntime pads numbers alone",
        _of_strings,
    ),
    _rule(
        "reverse-sequence-from-front",
        "ReverseSequence",
        onnx_tensors.reverse_sequence,
        "ONNX reverses one of the first two axes",
        onnx_tensors.reverses_inner,
    ),
    _rule(
        "set-diag-as-select",
        "MatrixSetDiag MatrixSetDiagV2 MatrixSetDiagV3",
        onnx_tensors.set_diag,
        "tf2onnx leaves ops of TensorFlow in its output",
    ),
    _rule("diag-as-matrix-diag", "Diag", onnx_tensors.diag, "tf2onnx has no handler for it"),
    _rule("diag-part-as-gather", "DiagPart", onnx_tensors.diag_part, LACKING),
    *_shared(
        scatter, "dynamic-stitch-as-scatter", "tf2onnx appends what lies at the same index, and fails on scalar indices"
    ),
    *_shared(scatter, "invert-permutation-as-scatter", "tf2onnx states a wrong dtype"),
    *_shared(scatter, "strided-slice-update-as-scatter", LACKING),
    *_shared(
        sorting,
        "nth-element-as-top-k in-top-k-as-comparison search-sorted-as-comparison bucketize-as-comparison list-diff-as-comparison",
        LACKING,
    ),
    _rule(
        "unique-of-vector",
        "UniqueV2 UniqueWithCountsV2",
        onnx_tensors.unique,
        "tf2onnx has no handler for it",
        onnx_tensors.is_of_one_axis,
    ),
    *_shared(
        sorting,
        "unique-as-comparison",
        "tf2onnx has no handler for unique rows",
        lambda operation: operation.type.endswith("V2"),
    ),
    *_shared(
        ragged,
        "ragged-range-as-positions ragged-to-tensor-as-gather ragged-gather-as-gather ragged-to-sparse-as-positions",
        "tf2onnx fails where shapes vary",
    ),
    # Windows.
    *_shared(
        layouts,
        "channels-first-as-channels-last",
        "tf2onnx finds the number of groups in channels that come last alone",
        onnx_windows.is_grouped_channels_first,
    ),
    *_shared(
        convolution,
        "grouped-conv-as-split",
        "tf2onnx takes no groups in 3-D convolutions",
        onnx_windows.is_grouped_conv3d,
    ),
    _rule(
        "same-dilated-as-pad",
        "Conv2D DepthwiseConv2dNative Conv3D",
        onnx_windows.same_as_pad,
        "onnxruntime pads a dilated window for fixed shapes alone",
        onnx_windows.same_and_dilated,
    ),
    *_shared(convolution, "conv2d-transpose-as-conv2d", "tf2onnx writes negative paddings", onnx_windows.leaves_gaps),
    _rule(
        "conv3d-transpose-as-conv3d",
        "Conv3DBackpropInputV2",
        onnx_windows.conv3d_transpose,
        "tf2onnx writes negative paddings",
        onnx_windows.leaves_gaps,
    ),
    *_shared(
        pooling,
        "dilation2d-as-maximum extract-volume-patches-as-gather max-pool-gradient-as-patches average-pool-gradient-as-slices",
        LACKING,
    ),
    *_shared(pooling, "extract-patches-as-gather", "tf2onnx fails where sizes vary"),
    *_shared(
        normalization, "fused-batch-norm-as-arithmetic", "ONNX yields fewer outputs", onnx_windows.needs_statistics
    ),
    # Images.
    _rule(
        "resized-integers-as-float32",
        "ResizeBilinear ResizeBicubic ResizeArea CropAndResize",
        onnx_tensors.in_float32,
        "tf2onnx states a wrong dtype",
        _not_float32,
    ),
    *_shared(
        resizing,
        "resize-bicubic-as-gather",
        "ONNX' cubic has other coefficients, and onnxruntime takes channels first alone",
    ),
    *_shared(resizing, "resize-area-as-matmul", "tf2onnx yields other numbers"),
    *_shared(resizing, "scale-and-translate-as-matmul", LACKING),
    # Numbers.
    _rule(
        "fake-quant-as-rounding",
        "FakeQuantWithMinMaxArgs FakeQuantWithMinMaxVars FakeQuantWithMinMaxVarsPerChannel",
        onnx_maths.fake_quant,
        "tf2onnx takes ranges about 0 of 8 bits alone",
    ),
)
