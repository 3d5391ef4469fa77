"""What TFLite's built-in operators can express: TensorFlow op → dtypes, ranks and whatever else its kernels ask for.

Found by experiment: each op was traced alone over dtypes, ranks, open and fixed sizes and attributes, converted by
TensorFlow 2.21.0 and run by ai-edge-litert 2.3.0 and tflite-runtime 2.14.0 in processes of their own; `KERNELS` states where
both answered as TensorFlow does.  An op that isn't there isn't expressible: the format has no such operator, or nobody has
tried it.

`lacks` says in words why an operation can't be expressed.  The preflight refuses by it, and the rules that replace an op by
others ask it whether they are needed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from anyport_tf.rules import attribute

Operation = Any
Tensor = Any
Check = Callable[[Operation], str]

FLOAT = frozenset(["float32"])
WIDE = frozenset(["float32", "int32", "int64"])
MOVED = WIDE | {"bool", "int8", "uint8"}
"""What nearly every kernel that only moves values takes."""
ANY = MOVED | {"int16", "uint16", "uint32", "uint64", "complex64", "string", "resource", "variant"}

MOST_AXES = 6
"""Of a tensor, in most kernels of tflite-runtime 2.14.0 and in XNNPACK."""
MOST_IN_LIST = 4
"""Of an element of a list, which becomes a row of one tensor and is cut out of it."""
MOST_BROADCAST = 4
"""Axes of operands of different shapes."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Kernel:
    """What an operator asks for."""

    dtypes: frozenset[str]
    """Of the tensor that matters: the first input, or the input `of`."""
    of: int = 0
    rank: int | None = None
    """The most axes that any of its tensors may have."""
    broadcast: int | None = None
    """The most axes of operands that differ in shape."""
    check: Check = lambda operation: ""
    """Says what else is amiss, as a clause; nothing if nothing is."""


def lacks(operation: Operation) -> str:
    """Say why TFLite can't express an operation, as a clause; an empty string where it can."""
    kernel = KERNELS.get(operation.type)
    if kernel is None:
        return "the format has no such operator"
    return lacks_dtype(operation) or _lacks_rank(operation, kernel) or kernel.check(operation)


def lacks_dtype(operation: Operation) -> str:
    """Say which dtype an operation's kernel doesn't take, as a clause."""
    kernel = KERNELS[operation.type]
    dtype = main_dtype(operation)
    return "" if dtype is None or dtype.name in kernel.dtypes else f"its kernel takes no {dtype.name}"


def main_dtype(operation: Operation) -> Any:
    """Return the dtype that decides whether there is a kernel; None for an operation without tensors."""
    kernel = KERNELS[operation.type]
    tensors = [*operation.inputs[kernel.of : kernel.of + 1], *operation.outputs[:1]]
    return tensors[0].dtype.base_dtype if tensors else None


def _lacks_rank(operation: Operation, kernel: Kernel) -> str:
    ranks = [tensor.shape.rank for tensor in (*operation.inputs, *operation.outputs) if tensor.shape.rank is not None]
    most = max(ranks, default=0)
    if kernel.rank is not None and most > kernel.rank:
        return f"its kernel takes at most {kernel.rank} axes, and there are {most}"
    if kernel.broadcast is not None and most > kernel.broadcast and not _same_shapes(operation):
        return f"its kernel broadcasts over at most {kernel.broadcast} axes, and there are {most}"
    return ""


def _same_shapes(operation: Operation) -> bool:
    """Whether all operands are known to have one shape; a scalar is taken along."""
    shapes = [tensor.shape for tensor in operation.inputs if tensor.shape.rank != 0]
    return all(shape.is_fully_defined() and shape == shapes[0] for shape in shapes)


def _kernel(names: str, dtypes: frozenset[str] | str, **asks: Any) -> dict[str, Kernel]:
    wanted = frozenset(dtypes.split()) if isinstance(dtypes, str) else dtypes
    return dict.fromkeys(names.split(), Kernel(dtypes=wanted, **asks))


def _constant(*indices: int) -> Check:
    """Ask for constant inputs."""

    def check(operation: Operation) -> str:
        unknown = [index for index in indices if tf.get_static_value(operation.inputs[index]) is None]
        return f"its input {unknown[0]} must be constant" if unknown else ""

    return check


def _all(*checks: Check) -> Check:
    return lambda operation: next((reason for check in checks if (reason := check(operation))), "")


def _plain(**wanted: Any) -> Check:
    """Ask for attributes of these values."""

    def check(operation: Operation) -> str:
        for name, value in wanted.items():
            given = attribute(operation, name, value)
            if given != value and given not in (value if isinstance(value, tuple) else ()):
                return f"there is no operator for {name} = {given}"
        return ""

    return check


def _main_diagonal(index: int) -> Check:
    """Ask for the diagonal from corner to corner: the converter lowers no other."""

    def check(operation: Operation) -> str:
        k = tf.get_static_value(operation.inputs[index])
        return "" if k is not None and not k.any() else "there is an operator for the main diagonal alone"

    return check


def _known_rank(operation: Operation) -> str:
    return "" if operation.inputs[0].shape.rank is not None else "the rank of what it takes isn't known"


def _one_axis(operation: Operation) -> str:
    axes = tf.get_static_value(operation.inputs[1])
    return "" if axes is not None and len(axes) == 1 else "it reverses one constant axis at a time"


def _slice(operation: Operation) -> str:
    """Ask for no axes that come and go but single elements taken from an axis, and for known steps."""
    if attribute(operation, "ellipsis_mask") or attribute(operation, "new_axis_mask"):
        return "the operator has no ellipsis and no new axes"
    entries, rank = operation.inputs[1].shape[0], operation.inputs[0].shape.rank
    if rank is None or entries is None or entries > rank:
        return "the rank of what it takes isn't known"
    return _constant(3)(operation)


def _blocks(operation: Operation) -> str:
    rank, blocks = operation.inputs[0].shape.rank, operation.inputs[1].shape[0]
    if rank not in (3, 4) or blocks != rank - 2:
        return "its kernel wants one block size for each axis between batch and channels, one or two of them"
    return _constant(1)(operation)


def _pool(operation: Operation) -> str:
    sizes = [*attribute(operation, "ksize"), *attribute(operation, "strides")]
    return "" if sizes[0] == sizes[3] == sizes[4] == sizes[7] == 1 else "its kernel pools over height and width alone"


def _convolution(operation: Operation) -> str:
    strides, dilations = attribute(operation, "strides"), attribute(operation, "dilations", [1, 1, 1, 1])
    if strides[0] != 1 or strides[-1] != 1 or dilations[0] != 1 or dilations[-1] != 1:
        return "its kernel has strides and dilations along height and width alone"
    if operation.inputs[1].shape.rank is None or None in operation.inputs[1].shape[:-1].as_list():
        return "the kernel's size isn't known"
    return ""


def _depthwise(operation: Operation) -> str:
    strides, dilations = attribute(operation, "strides"), attribute(operation, "dilations", [1, 1, 1, 1])
    if strides[1] != strides[2]:
        return "its kernel strides alike along height and width"
    if strides[1] != 1 and dilations[1:3] != [1, 1]:
        return "its kernel can't both stride and dilate"
    return _convolution(operation)


def _volume(operation: Operation) -> str:
    """Ask for a 3-D convolution without groups, dilations and channels first."""
    channels, kernel = operation.inputs[0].shape[-1], operation.inputs[1].shape[3]
    if channels != kernel:
        return "its kernel has no groups of channels"
    return _all(_plain(dilations=[1, 1, 1, 1, 1]), _convolution)(operation)


def _transposed(operation: Operation) -> str:
    if attribute(operation, "dilations", []) not in ([], [1, 1, 1, 1]):
        return "its kernel has no dilations"
    groups = operation.inputs[2].shape[-1] != operation.inputs[1].shape[3]
    return "its kernel has no groups of channels" if groups else ""


def _padded_boxes(operation: Operation) -> str:
    return (
        "" if attribute(operation, "pad_to_max_output_size") else "its kernel always pads to the most boxes it may give"
    )


def _fused_norm(operation: Operation) -> str:
    read = [index for index, tensor in enumerate(operation.outputs) if index and tensor.consumers()]
    if attribute(operation, "is_training") and read:
        return "its operator gives no statistics"
    return _plain(data_format="NHWC")(operation)


def _cast(operation: Operation) -> str:
    made = operation.outputs[0].dtype.name
    taken = operation.inputs[0].dtype.name
    if made == taken:
        return ""
    if made not in CAST:
        return f"its kernel makes no {made}"
    return "its kernel makes no complex numbers of int64" if (taken, made) == ("complex64", "bool") else ""


def _gelu(operation: Operation) -> bool:
    """Whether the converter makes its GELU of `x/2 · erfc(−x·√½)`: each of its parts must be read by the next alone."""
    (scaled,) = operation.inputs
    if scaled.op.type != "Mul" or len(scaled.consumers()) != 1 or len(operation.outputs[0].consumers()) != 1:
        return False
    negative, root = scaled.op.inputs
    product = operation.outputs[0].consumers()[0]
    if negative.op.type != "Neg" or len(negative.consumers()) != 1 or product.type != "Mul":
        return False
    half = product.inputs[0]
    x = negative.op.inputs[0]
    if (
        half.op.type != "Mul"
        or len(half.consumers()) != 1
        or half.op.inputs[1].name != x.name
        or not _is_number(half.op.inputs[0], 0.5)
    ):
        return False
    # What is the same elsewhere becomes one, and is read twice then.
    alike = [
        other
        for other in x.consumers()
        if other.type == "Neg" or (other.type == "Mul" and _is_number(other.inputs[0], 0.5))
    ]
    return len(alike) == 2 and _is_number(root, 0.5**0.5)


def _is_number(tensor: Tensor, number: float) -> bool:
    value = tf.get_static_value(tensor)
    return value is not None and value.ndim == 0 and abs(float(value) - number) < 1e-6


def _part_of_gelu(operation: Operation) -> str:
    return "" if _gelu(operation) else "the format has no such operator"


CAST = WIDE | {"bool", "int8", "uint8", "int16", "uint16", "uint32", "complex64"}
HOLDS = ANY - {"uint16"}
"""What a tensor may be without being computed with."""


def _known_elements(operation: Operation) -> str:
    """Ask for elements of constant shape: the converter makes one tensor of a list."""
    shape = tf.get_static_value(operation.inputs[0])
    if shape is None or shape.ndim != 1 or not (shape >= 0).all():
        return "the shape of the list's elements isn't known"
    if len(shape) > MOST_IN_LIST:
        return f"its elements may have at most {MOST_IN_LIST} axes, and have {len(shape)}"
    return ""


def _has_lookup(operation: Operation) -> str:
    """Ask for a table from strings to int64 or back; those of integers are searches already."""
    pair = (operation.inputs[1].dtype.name, operation.outputs[0].dtype.name)
    known = pair in (("string", "int64"), ("int64", "string"))
    return "" if known else f"its tables map strings to int64 and back, and this one {pair[0]} to {pair[1]}"


def _variable(operation: Operation) -> str:
    dtype = attribute(operation, "dtype")
    return "" if dtype.name in MOVED | {"int16", "complex64"} else f"its variables hold no {dtype.name}"


KERNELS: dict[str, Kernel] = {
    # Elementwise, of one tensor.
    **_kernel(
        "Exp Expm1 Log Log1p Sqrt Rsqrt Sin Cos Tanh Sigmoid Softplus Softsign Relu6 Elu Selu Floor Ceil Round Rint "
        "Reciprocal Inv LeakyRelu Softmax LogSoftmax L2Loss CheckNumerics",
        FLOAT,
        rank=MOST_AXES,
    ),
    **_kernel("Abs", "float32 int32 int16", rank=MOST_AXES),
    **_kernel("Sign", "float32 int32", rank=MOST_AXES),
    **_kernel("Neg Relu", WIDE, rank=MOST_AXES),
    **_kernel("Square", WIDE | {"int16", "uint32"}, rank=MOST_AXES),
    **_kernel("Erfc", FLOAT, check=_part_of_gelu),
    **_kernel("LogicalNot", "bool"),
    **_kernel("OnesLike ZerosLike", HOLDS - {"uint64", "string", "resource", "variant"}),
    **_kernel("Identity StopGradient PreventGradient", ANY),
    **_kernel("IdentityN", ANY),
    **_kernel("Snapshot", ANY - {"string"}),
    **_kernel("Cast", CAST, check=_cast),
    **_kernel("Bitcast", HOLDS - {"int16", "bool", "string"}),
    # Elementwise, of two tensors.
    **_kernel("Add AddV2", WIDE | {"int16"}, rank=MOST_AXES, broadcast=5),
    **_kernel("Sub Maximum Minimum SquaredDifference", WIDE, rank=MOST_AXES, broadcast=MOST_BROADCAST),
    **_kernel("Mul", WIDE | {"int16", "uint32", "complex64"}, rank=MOST_AXES, broadcast=MOST_BROADCAST),
    **_kernel("MulNoNan RealDiv DivNoNan Xdivy Xlogy Xlog1py", FLOAT, rank=MOST_AXES, broadcast=MOST_BROADCAST),
    **_kernel("Div TruncateDiv Pow", "float32 int32", rank=MOST_AXES, broadcast=MOST_BROADCAST),
    **_kernel("FloorDiv", "float32 int32 int8 int16", rank=MOST_AXES, broadcast=MOST_BROADCAST),
    **_kernel("FloorMod", WIDE | {"int8", "int16"}, rank=MOST_AXES, broadcast=MOST_BROADCAST),
    **_kernel("Atan2", FLOAT, rank=MOST_AXES, broadcast=0),
    **_kernel("Equal NotEqual", WIDE | {"bool", "string"}, rank=MOST_AXES, broadcast=MOST_BROADCAST),
    **_kernel("Less GreaterEqual", WIDE | {"int16"}, rank=MOST_AXES, broadcast=MOST_BROADCAST),
    **_kernel("LessEqual Greater", WIDE, rank=MOST_AXES, broadcast=MOST_BROADCAST),
    **_kernel("LogicalAnd LogicalOr", "bool", broadcast=MOST_BROADCAST),
    **_kernel("BitwiseXor RightShift", "int8 int16 int32 uint8 uint32", broadcast=MOST_BROADCAST),
    **_kernel("AddN", WIDE | {"int16"}, rank=MOST_AXES),
    **_kernel("Select SelectV2", MOVED - {"uint8"} | {"int16", "uint32"}, of=1, broadcast=5),
    # Shapes.
    **_kernel("Shape Size Rank", ANY),
    **_kernel("ShapeN", ANY),
    **_kernel("Reshape ExpandDims Squeeze", HOLDS),
    **_kernel("BroadcastTo", MOVED | {"int16", "uint32", "complex64"}),
    **_kernel("BroadcastArgs", "int32 int64"),
    **_kernel("Fill", MOVED | {"int16", "uint32", "complex64"}, of=1),
    **_kernel("Range LinSpace", WIDE),
    # Moving values.
    **_kernel("Transpose", MOVED, rank=MOST_AXES),
    **_kernel("Tile", WIDE | {"bool", "uint8", "string"}),
    **_kernel("ConcatV2 Concat", MOVED | {"int16", "uint32"}, rank=MOST_AXES),
    **_kernel("Pack", MOVED | {"int16", "uint32"}),
    **_kernel("Unpack", MOVED - {"int64"} | {"int16"}),
    **_kernel("Split", MOVED - {"int64", "bool"} | {"int16"}, of=1, rank=MOST_AXES, check=_constant(0)),
    **_kernel("SplitV", MOVED - {"bool"} | {"int16"}, rank=MOST_AXES, check=_constant(1, 2)),
    **_kernel("Pad", WIDE, rank=5),
    **_kernel("PadV2", WIDE | {"uint8"}, rank=5),
    **_kernel("MirrorPad", WIDE | {"int8", "uint8"}, rank=4),
    **_kernel("Slice", MOVED | {"uint32", "string"}, rank=5),
    **_kernel("StridedSlice", MOVED | {"int16", "uint32", "string"}, rank=5, check=_slice),
    **_kernel("ReverseV2", MOVED - {"int8"} | {"int16"}, check=_one_axis),
    **_kernel("ReverseSequence", WIDE),
    **_kernel("Gather GatherV2", MOVED | {"int16"}),
    **_kernel("GatherNd", MOVED - {"bool"} | {"int16", "string"}),
    **_kernel("ScatterNd", MOVED, of=1),
    **_kernel("TensorScatterAdd", WIDE),
    **_kernel("TensorScatterUpdate", WIDE | {"bool"}),
    **_kernel("OneHot", MOVED, of=2),
    **_kernel("MatrixDiag MatrixSetDiag", MOVED | {"int16"}),
    **_kernel("MatrixDiagV3", MOVED - {"bool"} | {"int16"}, check=_main_diagonal(1)),
    **_kernel("MatrixSetDiagV3", MOVED - {"bool"} | {"int16"}, check=_main_diagonal(2)),
    **_kernel("MatrixBandPart", WIDE | {"int8", "int16", "uint32"}),
    # Reductions and the like.
    **_kernel("Sum Prod Max Min", WIDE, rank=MOST_AXES),
    **_kernel("Mean", WIDE, rank=MOST_AXES),
    **_kernel("All Any", "bool"),
    **_kernel("ArgMax ArgMin", "float32 int32 int8 uint8"),
    **_kernel("Cumsum", WIDE),
    **_kernel("TopKV2", MOVED - {"bool"} | {"int16"}),
    **_kernel("Unique", MOVED - {"bool"} | {"int16"}),
    **_kernel("Where", WIDE | {"bool"}),
    **_kernel("Bucketize", WIDE),
    **_kernel("UnsortedSegmentSum UnsortedSegmentMax UnsortedSegmentMin UnsortedSegmentProd", "float32 int32"),
    # Networks.
    **_kernel("MatMul", FLOAT),
    **_kernel("BatchMatMul BatchMatMulV2 BatchMatMulV3", FLOAT, rank=5),
    **_kernel("BiasAdd", FLOAT, check=_plain(data_format="NHWC")),
    **_kernel("Conv2D", FLOAT, check=_all(_plain(data_format="NHWC"), _convolution)),
    **_kernel(
        "DepthwiseConv2dNative", FLOAT, check=_all(_plain(data_format="NHWC", padding=("SAME", "VALID")), _depthwise)
    ),
    **_kernel("Conv2DBackpropInput", FLOAT, of=1, check=_all(_plain(data_format="NHWC"), _transposed)),
    **_kernel("Conv3D", FLOAT, check=_all(_plain(data_format="NDHWC"), _volume)),
    **_kernel("Conv3DBackpropInputV2", FLOAT, of=1, check=_plain(data_format="NDHWC", dilations=[1, 1, 1, 1, 1])),
    **_kernel("MaxPool AvgPool", FLOAT, check=_all(_plain(data_format="NHWC", padding=("SAME", "VALID")), _pool)),
    **_kernel("FusedBatchNorm FusedBatchNormV2 FusedBatchNormV3", FLOAT, rank=4, check=_fused_norm),
    **_kernel("LRN", FLOAT),
    **_kernel("SoftmaxCrossEntropyWithLogits", FLOAT),
    # Images.
    **_kernel("ResizeBilinear ResizeNearestNeighbor", FLOAT),
    **_kernel("SpaceToBatchND BatchToSpaceND", FLOAT, check=_blocks),
    **_kernel("SpaceToDepth", WIDE, check=_plain(data_format="NHWC")),
    **_kernel("DepthToSpace", WIDE | {"uint8"}, check=_plain(data_format="NHWC")),
    **_kernel("NonMaxSuppressionV4 NonMaxSuppressionV5", FLOAT, check=_padded_boxes),
    # Random numbers: another generator than TensorFlow's, so that no two runs agree.
    **_kernel("RandomUniform RandomStandardNormal", "int32 int64"),
    **_kernel("Multinomial", FLOAT),
    # Complex numbers.
    **_kernel("Real Imag ComplexAbs", "complex64"),
    # Tables, control flow, and what means nothing when a model runs.
    **_kernel("LookupTableFindV2", ANY, check=_has_lookup),
    **_kernel("If StatelessIf While StatelessWhile PartitionedCall StatefulPartitionedCall", ANY),
    **_kernel("TensorListReserve EmptyTensorList", ANY, check=_known_elements),
    **_kernel(
        "TensorListConcatV2 TensorListFromTensor TensorListGetItem TensorListLength TensorListPushBack TensorListResize "
        "TensorListSetItem TensorListStack",
        ANY,
    ),
    **_kernel("ReadVariableOp AssignVariableOp", "resource", check=_variable),
    **_kernel("Const Placeholder NoOp Assert PrintV2 StringFormat", ANY),
}
