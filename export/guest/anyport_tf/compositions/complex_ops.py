"""Which op becomes what on pairs of real tensors: `HANDLERS`, for `anyport_tf.complex_pairs`.

A handler is `(operation, inputs) → outputs`, like a rule's, but a complex input or output is a `Pair`.  It may raise
`Inapplicable`.  An op that isn't in the table stays as it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..rules import Inapplicable, attribute, value_of
from . import complex as c
from . import fourier
from .complex import Pair
from .shapes import vector

Operation = Any
Tensor = Any
Inputs = Sequence[Any]
"""Tensors and pairs."""
Handler = Callable[[Operation, Inputs], Any]

REAL_DTYPE = {tf.complex64: tf.float32, tf.complex128: tf.float64}

MOST_SQUARINGS = 64
"""The largest constant exponent that is multiplied out."""


def remade(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Make the operation again, of real tensors where it had complex ones."""
    attrs = {}
    for name, attr in operation.node_def.attr.items():
        if name.startswith("_"):
            continue
        attrs[name] = tf.compat.v1.AttrValue()
        attrs[name].CopyFrom(attr)
        if attr.type:
            attrs[name].type = real_dtype(tf.dtypes.as_dtype(attr.type)).as_datatype_enum
        if attr.list.type:
            attrs[name].list.type[:] = [
                real_dtype(tf.dtypes.as_dtype(item)).as_datatype_enum for item in attr.list.type
            ]
    dtypes = [real_dtype(tensor.dtype) for tensor in operation.outputs]
    made = tf.compat.v1.get_default_graph().create_op(operation.type, list(inputs), dtypes, attrs=attrs)
    return list(made.outputs)


def real_dtype(dtype: Any) -> Any:
    """Return the dtype of the parts of a complex one; any other as it is."""
    return REAL_DTYPE.get(dtype.base_dtype, dtype)


def _parts(inputs: Inputs, part: str) -> list[Tensor]:
    return [getattr(item, part) if isinstance(item, Pair) else item for item in inputs]


def each_part(operation: Operation, inputs: Inputs) -> list[Any]:
    """Apply the operation to the real parts and to the imaginary parts: it is linear, or only moves elements."""
    real = remade(operation, _parts(inputs, "real"))
    imag = remade(operation, _parts(inputs, "imag"))
    return [Pair(a, b) if old.dtype.is_complex else a for old, a, b in zip(operation.outputs, real, imag, strict=True)]


def of_real_part(operation: Operation, inputs: Inputs) -> list[Tensor]:
    """Apply the operation to the real part alone: it asks for the shape."""
    return remade(operation, _parts(inputs, "real"))


def _unary(function: Callable[[Pair], Any]) -> Handler:
    return lambda operation, inputs: function(inputs[0])


def _binary(function: Callable[[Pair, Pair], Any]) -> Handler:
    return lambda operation, inputs: function(inputs[0], inputs[1])


def _complex(operation: Operation, inputs: Inputs) -> Pair:
    """The parts broadcast against each other."""
    real, imag = inputs
    if real.shape.rank is None or imag.shape.rank is None or real.shape.as_list() != imag.shape.as_list():
        real, imag = real + tf.zeros_like(imag), imag + tf.zeros_like(real)
    return Pair(real, imag)


def _cast(operation: Operation, inputs: Inputs) -> Any:
    wanted = operation.outputs[0].dtype
    if wanted == tf.bool:
        return tf.logical_not(c.is_zero(inputs[0]))
    if not isinstance(inputs[0], Pair):
        return c.from_real(tf.cast(inputs[0], real_dtype(wanted)))
    if wanted.is_complex:
        return inputs[0].each(lambda part: tf.cast(part, real_dtype(wanted)))
    return tf.cast(inputs[0].real, wanted)  # TensorFlow drops the imaginary part too


def _constant(operation: Operation, inputs: Inputs) -> Pair:
    value = np.asarray(tf.get_static_value(operation.outputs[0]))
    return Pair(tf.constant(value.real), tf.constant(value.imag))


def _bitcast(operation: Operation, inputs: Inputs) -> Any:
    """Between a complex number and its two parts, which lie one after the other."""
    before, after = operation.inputs[0].dtype, operation.outputs[0].dtype
    if isinstance(inputs[0], Pair) and real_dtype(before) == after:
        return tf.stack([inputs[0].real, inputs[0].imag], axis=-1)
    if not isinstance(inputs[0], Pair) and real_dtype(after) == before:
        return Pair(*tf.unstack(inputs[0], num=2, axis=-1))
    raise Inapplicable("bits of complex numbers")


def _power(operation: Operation, inputs: Inputs) -> Pair:
    exponent = value_of(operation.inputs[1])
    if exponent is not None and exponent.size == 1:
        number = complex(exponent.reshape(-1)[0])
        if number.imag == 0 and number.real == int(number.real) and abs(number.real) <= MOST_SQUARINGS:
            power = c.integer_power(inputs[0], int(number.real))
            return power if exponent.ndim == 0 else power.each(lambda part: part + tf.zeros(exponent.shape, part.dtype))
    return c.power(*inputs)


def _prod(operation: Operation, inputs: Inputs) -> Pair:
    """Moduli multiply, angles add."""
    z, axes = inputs
    keep = attribute(operation, "keep_dims")
    radius = tf.reduce_prod(c.modulus(z), axes, keepdims=keep)
    return c.polar(radius, tf.reduce_sum(c.angle(z), axes, keepdims=keep))


def _cumprod(operation: Operation, inputs: Inputs) -> Pair:
    z, axis = inputs
    how = {"exclusive": attribute(operation, "exclusive"), "reverse": attribute(operation, "reverse")}
    return c.polar(tf.math.cumprod(c.modulus(z), axis, **how), tf.cumsum(c.angle(z), axis, **how))


def _euclidean_norm(operation: Operation, inputs: Inputs) -> Pair:
    z, axes = inputs
    squares = z.real * z.real + z.imag * z.imag
    return c.from_real(tf.sqrt(tf.reduce_sum(squares, axes, keepdims=attribute(operation, "keep_dims"))))


def _bilinear(operation: Operation, a: Pair, b: Pair) -> Pair:
    """Multiply by a real op that is linear in both: four products."""

    def times(x: Tensor, y: Tensor) -> Tensor:
        return remade(operation, [x, y])[0]

    return Pair(times(a.real, b.real) - times(a.imag, b.imag), times(a.real, b.imag) + times(a.imag, b.real))


def _matmul(operation: Operation, inputs: Inputs) -> Pair:
    """`adj_x` of a batched product conjugates too; `transpose_a` of a plain one doesn't."""
    a, b = inputs
    a = c.conjugate(a) if attribute(operation, "adj_x", False) else a
    b = c.conjugate(b) if attribute(operation, "adj_y", False) else b
    return _bilinear(operation, a, b)


def _einsum(operation: Operation, inputs: Inputs) -> Any:
    return each_part(operation, inputs) if len(inputs) == 1 else _bilinear(operation, *inputs)


def _conjugate_transpose(operation: Operation, inputs: Inputs) -> Pair:
    z, order = inputs
    return c.conjugate(z.each(lambda part: tf.transpose(part, order)))


def _squared_difference(operation: Operation, inputs: Inputs) -> Pair:
    difference: Pair = inputs[0] - inputs[1]
    return difference * c.conjugate(difference)


def _block(z: Pair) -> Tensor:
    """Return the real matrices [[A, −B], [B, A]] `[…, 2m, 2n]` that multiply as A + i·B do."""
    top, bottom = tf.concat([z.real, -z.imag], axis=-1), tf.concat([z.imag, z.real], axis=-1)
    return tf.concat([top, bottom], axis=-2)


def _inverse(operation: Operation, inputs: Inputs) -> Pair:
    adjoint = attribute(operation, "adjoint")
    columns = tf.split(tf.linalg.inv(_block(inputs[0]), adjoint=adjoint), 2, axis=-1)[0]
    return Pair(*tf.split(columns, 2, axis=-2))


def _solve(operation: Operation, inputs: Inputs) -> Pair:
    matrix, right = inputs
    stacked = tf.concat([right.real, right.imag], axis=-2)
    solution = tf.linalg.solve(_block(matrix), stacked, adjoint=attribute(operation, "adjoint"))
    return Pair(*tf.split(solution, 2, axis=-2))


# Lists of complex tensors hold pairs, stacked in a last axis.


def _list_op(operation: Operation, inputs: Inputs) -> list[Any]:
    given = [tf.stack([item.real, item.imag], axis=-1) if isinstance(item, Pair) else item for item in inputs]
    for index, argument in enumerate(operation.op_def.input_arg):
        if argument.name == "element_shape":
            given[index] = _with_pair_axis(given[index])
    made = remade(operation, given)
    return [
        Pair(*tf.unstack(new, num=2, axis=-1)) if old.dtype.is_complex else new
        for old, new in zip(operation.outputs, made, strict=True)
    ]


def _with_pair_axis(shape: Tensor) -> Tensor:
    if shape.shape.rank == 0:  # -1: nothing is known of the elements
        return shape
    return tf.concat([shape, tf.constant([2], shape.dtype)], axis=0)


# Fourier transforms.


def _fft(count: int, inverse: bool) -> Handler:
    return lambda operation, inputs: fourier.fft(inputs[0], axes=range(-count, 0), inverse=inverse)


def _rfft(count: int) -> Handler:
    return lambda operation, inputs: fourier.rfft(inputs[0], vector(inputs[1], count), axes=range(-count, 0))


def _irfft(count: int) -> Handler:
    return lambda operation, inputs: fourier.irfft(inputs[0], vector(inputs[1], count), axes=range(-count, 0))


LINEAR = (
    "Add", "AddV2", "Sub", "Neg", "AddN", "AccumulateNV2", "BiasAdd", "Sum", "Mean", "Cumsum", "Identity", "IdentityN",
    "StopGradient", "PreventGradient", "Snapshot", "EnsureShape", "Reshape", "ExpandDims", "Squeeze", "Transpose",
    "Concat", "ConcatV2", "ConcatOffset", "Pack", "Unpack", "Split", "SplitV", "Slice", "StridedSlice", "Gather",
    "GatherV2", "GatherNd", "Pad", "PadV2", "MirrorPad", "Tile", "BroadcastTo", "Roll", "Reverse", "ReverseV2",
    "ReverseSequence", "Select", "SelectV2", "Fill", "ZerosLike", "OneHot", "Diag", "DiagPart", "MatrixDiag", "MatrixDiagV2",
    "MatrixDiagV3", "MatrixDiagPart", "MatrixDiagPartV2", "MatrixDiagPartV3", "MatrixSetDiag", "MatrixSetDiagV2",
    "MatrixSetDiagV3", "MatrixBandPart", "SpaceToBatch", "SpaceToBatchND", "BatchToSpace", "BatchToSpaceND", "SpaceToDepth",
    "DepthToSpace", "DynamicPartition", "DynamicStitch", "ParallelDynamicStitch", "ScatterNd", "TensorScatterAdd",
    "TensorScatterSub", "TensorScatterUpdate", "TensorStridedSliceUpdate", "SparseToDense", "SegmentSum", "SegmentSumV2",
    "SegmentMean", "UnsortedSegmentSum", "InplaceUpdate", "InplaceAdd",
)  # fmt: skip
"""Ops that do to the parts what they do to the whole."""

LISTS = (
    "TensorListReserve", "EmptyTensorList", "TensorListFromTensor", "TensorListStack", "TensorListSetItem",
    "TensorListGetItem", "TensorListPushBack", "TensorListPopBack", "TensorListGather", "TensorListScatter",
    "TensorListScatterV2", "TensorListScatterIntoExistingList", "TensorListConcat", "TensorListConcatV2",
    "TensorListSplit", "TensorListConcatLists",
)  # fmt: skip

HANDLERS: Mapping[str, Handler] = {
    **dict.fromkeys(LINEAR, each_part),
    **dict.fromkeys(LISTS, _list_op),
    **dict.fromkeys(("Shape", "ShapeN", "Size", "Rank"), of_real_part),
    "Const": _constant,
    "Complex": _complex,
    "Real": _unary(lambda z: z.real),
    "Imag": _unary(lambda z: z.imag),
    "Conj": _unary(c.conjugate),
    "ComplexAbs": _unary(c.modulus),
    "Angle": _unary(c.angle),
    "Cast": _cast,
    "Bitcast": _bitcast,
    "OnesLike": _unary(lambda z: Pair(tf.ones_like(z.real), tf.zeros_like(z.imag))),
    "Mul": _binary(lambda a, b: a * b),
    "MulNoNan": _binary(lambda a, b: c.where(c.is_zero(b), (a * b).each(tf.zeros_like), a * b)),
    "Div": _binary(lambda a, b: a / b),
    "RealDiv": _binary(lambda a, b: a / b),
    "DivNoNan": _binary(c.divide_no_nan),
    "Xdivy": _binary(lambda a, b: c.where(c.is_zero(a), (a / b).each(tf.zeros_like), a / b)),
    "Xlogy": _binary(lambda a, b: c.where(c.is_zero(a), (a * c.log(b)).each(tf.zeros_like), a * c.log(b))),
    "SquaredDifference": _squared_difference,
    "Pow": _power,
    "Square": _unary(c.square),
    "Reciprocal": _unary(c.reciprocal),
    "Inv": _unary(c.reciprocal),
    "Sign": _unary(c.sign),
    "Sqrt": _unary(c.sqrt),
    "Rsqrt": _unary(c.rsqrt),
    "Exp": _unary(c.exp),
    "Expm1": _unary(c.expm1),
    "Log": _unary(c.log),
    "Log1p": _unary(c.log1p),
    "Sin": _unary(c.sin),
    "Cos": _unary(c.cos),
    "Tan": _unary(c.tan),
    "Sinh": _unary(c.sinh),
    "Cosh": _unary(c.cosh),
    "Tanh": _unary(c.tanh),
    "Asin": _unary(c.asin),
    "Acos": _unary(c.acos),
    "Atan": _unary(c.atan),
    "Asinh": _unary(c.asinh),
    "Acosh": _unary(c.acosh),
    "Atanh": _unary(c.atanh),
    "Sigmoid": _unary(c.sigmoid),
    "Equal": _binary(c.equal),
    "NotEqual": _binary(lambda a, b: tf.logical_not(c.equal(a, b))),
    "Prod": _prod,
    "Cumprod": _cumprod,
    "EuclideanNorm": _euclidean_norm,
    "MatMul": _matmul,
    "BatchMatMul": _matmul,
    "BatchMatMulV2": _matmul,
    "BatchMatMulV3": _matmul,
    "Einsum": _einsum,
    "ConjugateTranspose": _conjugate_transpose,
    "MatrixInverse": _inverse,
    "MatrixSolve": _solve,
    "FFT": _fft(1, False),
    "FFT2D": _fft(2, False),
    "FFT3D": _fft(3, False),
    "IFFT": _fft(1, True),
    "IFFT2D": _fft(2, True),
    "IFFT3D": _fft(3, True),
    "RFFT": _rfft(1),
    "RFFT2D": _rfft(2),
    "RFFT3D": _rfft(3),
    "IRFFT": _irfft(1),
    "IRFFT2D": _irfft(2),
    "IRFFT3D": _irfft(3),
}  # fmt: skip

FOURIER = tuple(op for op in HANDLERS if "FFT" in op)
