"""Which numbers an integer tensor can hold, as far as shapes, constants and the ops before it say.

TF.js computes integers in 32 bits, and divides them as floats of 24.  `Ranges` tells where that is enough: it propagates
intervals from constants, weights and inputs through the ops that models count and index with.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from anyport_tf.rules import attribute, value_of

Operation = Any
Tensor = Any
Bounds = tuple[int, int]
"""The smallest and the largest value; Python's integers, so that nothing overflows here."""

INT32: Bounds = (-(2**31), 2**31 - 1)
EXACT_FLOAT = 2**24
"""Up to here float32 holds every integer."""
LONGEST = 2**12
"""What an axis of unknown size is taken for; products of sizes are bounded by memory, not by this."""


class Ranges:
    """The intervals of one graph's tensors; `inputs` says what placeholders hold, by name."""

    def __init__(self, inputs: Mapping[str, Bounds]) -> None:
        self.inputs = inputs
        self.known: dict[str, Bounds] = {}

    def of(self, tensor: Tensor) -> Bounds:
        """Return what an integer (or boolean) tensor can hold; of floats, what their dtype can."""
        if tensor.name not in self.known:
            self.known[tensor.name] = self._any(tensor)  # of a loop's own tensors, while they are looked at
            self.known[tensor.name] = self._compute(tensor)
        return self.known[tensor.name]

    def wide(self, tensor: Tensor) -> Bounds:
        """Return the interval of the tensor's op before its dtype wraps it: beyond int32, TF.js would be wrong."""
        return self._interval(tensor) or self._any(tensor)

    def _compute(self, tensor: Tensor) -> Bounds:
        low, high = self._interval(tensor) or self._any(tensor)
        least, most = self._any(tensor)
        return (low, high) if least <= low and high <= most else (least, most)

    def _any(self, tensor: Tensor) -> Bounds:
        if tensor.dtype == tf.bool:
            return 0, 1
        if tensor.dtype.is_integer and tensor.dtype.size < 4:
            return int(tensor.dtype.min), int(tensor.dtype.max)
        return INT32

    def _interval(self, tensor: Tensor) -> Bounds | None:
        operation = tensor.op
        value = value_of(tensor)
        if value is not None and value.dtype.kind in "iub":
            return (int(value.min()), int(value.max())) if value.size else (0, 0)
        if operation.type == "Placeholder":
            return self.inputs.get(operation.name)
        if operation.type in PASSING:
            return self.of(operation.inputs[PASSING[operation.type]])
        if operation.type in CHOOSING:
            return _hull([self.of(item) for item in operation.inputs[CHOOSING[operation.type]]])
        handler = HANDLERS.get(operation.type)
        return handler(self, operation) if handler else None


def _hull(intervals: list[Bounds]) -> Bounds:
    return min(low for low, _ in intervals), max(high for _, high in intervals)


def _corners(combine: Callable[[int, int], int]) -> Callable[[Ranges, Operation], Bounds]:
    """Return the handler of an op that is monotonic in each operand."""

    def handler(ranges: Ranges, operation: Operation) -> Bounds:
        first, second = (ranges.of(item) for item in operation.inputs[:2])
        found = [combine(a, b) for a in first for b in second]
        return min(found), max(found)

    return handler


def _size(tensor: Tensor, axis: int | None = None) -> int:
    """Return the most elements that a tensor can have, along one axis or at all."""
    if tensor.shape.rank is None:
        return LONGEST
    sizes = [LONGEST if size is None else int(size) for size in tensor.shape.as_list()]
    if axis is not None:
        return sizes[axis]
    total = 1
    for size in sizes:
        total *= size
    return min(total, INT32[1])


def _shape(ranges: Ranges, operation: Operation) -> Bounds:
    sizes = [
        size for item in operation.inputs for size in (item.shape.as_list() if item.shape.rank is not None else [None])
    ]
    return 0, max([LONGEST if size is None else int(size) for size in sizes], default=0)


def _place(ranges: Ranges, operation: Operation) -> Bounds:
    """Indices into the first input."""
    source = operation.inputs[0]
    sizes = [LONGEST] if source.shape.rank is None else [_size(source, axis) for axis in range(source.shape.rank)]
    return 0, max(max(sizes, default=1) - 1, 0)


def _values_and_places(ranges: Ranges, operation: Operation) -> Bounds:
    return _hull([ranges.of(operation.inputs[0]), _place(ranges, operation)])


def _cast(ranges: Ranges, operation: Operation) -> Bounds | None:
    source = operation.inputs[0]
    return ranges.of(source) if source.dtype.is_integer or source.dtype == tf.bool else None


def _absolute(ranges: Ranges, operation: Operation) -> Bounds:
    low, high = ranges.of(operation.inputs[0])
    return (0 if low <= 0 <= high else min(abs(low), abs(high))), max(abs(low), abs(high))


def _square(ranges: Ranges, operation: Operation) -> Bounds:
    return 0, max(bound * bound for bound in ranges.of(operation.inputs[0]))


def _squared_difference(ranges: Ranges, operation: Operation) -> Bounds:
    low, high = _corners(lambda a, b: a - b)(ranges, operation)
    return 0, max(low * low, high * high)


def _remainder(ranges: Ranges, operation: Operation) -> Bounds:
    low, high = ranges.of(operation.inputs[1])
    return min(low + 1, 0), max(high - 1, 0)


def _truncated_remainder(ranges: Ranges, operation: Operation) -> Bounds:
    most = max(abs(bound) for bound in ranges.of(operation.inputs[1])) - 1
    low, high = ranges.of(operation.inputs[0])
    return max(min(low, 0), -most), min(max(high, 0), most)


def _quotient(ranges: Ranges, operation: Operation) -> Bounds:
    """A division by integers never makes an integer larger."""
    most = max(abs(bound) for bound in ranges.of(operation.inputs[0]))
    first, second = (ranges.of(item) for item in operation.inputs)
    return (first[0] if first[0] < 0 else 0, first[1]) if second[0] >= 0 and first[0] >= 0 else (-most, most)


def _sum(ranges: Ranges, operation: Operation) -> Bounds:
    low, high = ranges.of(operation.inputs[0])
    made = operation.outputs[0]
    count = _size(operation.inputs[0])
    if operation.type == "Sum" and made.shape.is_fully_defined() and operation.inputs[0].shape.is_fully_defined():
        count = count // max(_size(made), 1)
    return min(low * count, low), max(high * count, high)


def _cumulative_sum(ranges: Ranges, operation: Operation) -> Bounds:
    low, high = ranges.of(operation.inputs[0])
    axis = value_of(operation.inputs[1])
    count = _size(operation.inputs[0], None if axis is None else int(axis))
    return min(low * count, 0, low), max(high * count, 0, high)


def _product(ranges: Ranges, operation: Operation) -> Bounds:
    most = max(abs(bound) for bound in ranges.of(operation.inputs[0]))
    if most <= 1:
        return -most, most
    count = min(_size(operation.inputs[0]), 64)
    shape = (
        operation.inputs[0].op.type in ("Shape", "GatherV2", "StridedSlice") and operation.outputs[0].shape.rank == 0
    )
    # The product of a tensor's sizes is its number of elements, which memory holds.
    return (0, INT32[1]) if shape else (-(most**count), most**count)


def _power(ranges: Ranges, operation: Operation) -> Bounds:
    base, exponent = (max(abs(bound) for bound in ranges.of(item)) for item in operation.inputs)
    most = base ** min(exponent, 64) if base > 1 else 1
    return -most, most


def _matrix_product(ranges: Ranges, operation: Operation) -> Bounds:
    a, b = (max(abs(bound) for bound in ranges.of(item)) for item in operation.inputs[:2])
    most = a * b * _size(operation.inputs[0], -1)
    return -most, most


def _scattered(ranges: Ranges, operation: Operation) -> Bounds:
    low, high = ranges.of(operation.inputs[1])
    count = _size(operation.inputs[0], 0)
    return min(low * count, 0), max(high * count, 0)


def _bucket(ranges: Ranges, operation: Operation) -> Bounds:
    return 0, int(attribute(operation, "num_buckets")) - 1


PASSING = {
    "Identity": 0, "StopGradient": 0, "Snapshot": 0, "PlaceholderWithDefault": 0, "EnsureShape": 0, "Reshape": 0, "Transpose": 0,
    "Squeeze": 0, "ExpandDims": 0, "StridedSlice": 0, "Slice": 0, "GatherV2": 0, "GatherNd": 0, "ReverseV2": 0, "Tile": 0,
    "BroadcastTo": 0, "Unpack": 0, "SplitV": 0, "Split": 1, "Max": 0, "Min": 0, "Roll": 0, "ReverseSequence": 0,
    "Fill": 1, "MirrorPad": 0, "DynamicPartition": 0, "BatchToSpaceND": 0, "Bitcast": 0, "InvertPermutation": 0,
    "MaxPool": 0, "Relu": 0, "IdentityN": 0,
}  # fmt: skip
"""Op → which input's values its own are."""

CHOOSING = {
    "Pack": slice(None), "ConcatV2": slice(None, -1), "Select": slice(1, None), "SelectV2": slice(1, None),
    "Maximum": slice(None), "Minimum": slice(None), "ClipByValue": slice(None), "PadV2": slice(0, 3, 2),
    "OneHot": slice(2, 4), "TensorScatterUpdate": slice(0, 3, 2), "Range": slice(0, 2), "RandomUniformInt": slice(1, 3),
    "DynamicStitch": slice(None), "ParallelDynamicStitch": slice(None), "TensorScatterMax": slice(0, 3, 2),
    "TensorScatterMin": slice(0, 3, 2), "BroadcastArgs": slice(None), "ConcatOffset": slice(1, None),
}  # fmt: skip
"""Op → the inputs among whose values each of its own is (or between which it lies)."""

HANDLERS: Mapping[str, Callable[[Ranges, Operation], Bounds | None]] = {
    "Shape": _shape,
    "ShapeN": _shape,
    "Size": lambda ranges, operation: (0, _size(operation.inputs[0])),
    "Rank": lambda ranges, operation: (0, 32),
    "ArgMax": _place,
    "ArgMin": _place,
    "Where": _place,
    "Unique": _values_and_places,
    "UniqueV2": _values_and_places,
    "UniqueWithCounts": _values_and_places,
    "UniqueWithCountsV2": _values_and_places,
    "TopKV2": _values_and_places,
    "ListDiff": _values_and_places,
    "LowerBound": lambda ranges, operation: (0, _size(operation.inputs[0], -1)),
    "UpperBound": lambda ranges, operation: (0, _size(operation.inputs[0], -1)),
    "Bucketize": lambda ranges, operation: (0, len(attribute(operation, "boundaries"))),
    "Cast": _cast,
    "Pad": lambda ranges, operation: _hull([ranges.of(operation.inputs[0]), (0, 0)]),
    "ZerosLike": lambda ranges, operation: (0, 0),
    "OnesLike": lambda ranges, operation: (1, 1),
    "Sign": lambda ranges, operation: (-1, 1),
    "Abs": _absolute,
    "Neg": lambda ranges, operation: (-ranges.of(operation.inputs[0])[1], -ranges.of(operation.inputs[0])[0]),
    "Add": _corners(lambda a, b: a + b),
    "AddV2": _corners(lambda a, b: a + b),
    "Sub": _corners(lambda a, b: a - b),
    "Mul": _corners(lambda a, b: a * b),
    "AddN": lambda ranges, operation: (
        sum(ranges.of(item)[0] for item in operation.inputs),
        sum(ranges.of(item)[1] for item in operation.inputs),
    ),
    "Square": _square,
    "SquaredDifference": _squared_difference,
    "FloorMod": _remainder,
    "Mod": _truncated_remainder,
    "TruncateMod": _truncated_remainder,
    "FloorDiv": _quotient,
    "TruncateDiv": _quotient,
    "Div": _quotient,
    "Sum": _sum,
    "Cumsum": _cumulative_sum,
    "Prod": _product,
    "Cumprod": _product,
    "Pow": _power,
    "MatMul": _matrix_product,
    "BatchMatMulV2": _matrix_product,
    "BatchMatMulV3": _matrix_product,
    "ScatterNd": _scattered,
    "StringToHashBucketFast": _bucket,
    "StringToHashBucket": _bucket,
    "Bincount": lambda ranges, operation: (0, _size(operation.inputs[0])),
    "DenseBincount": lambda ranges, operation: (0, _size(operation.inputs[0])),
}


def is_small(tensor: Tensor) -> bool:
    """Whether float32 holds every value of the integer tensor."""
    low, high = Ranges({}).of(tensor)
    return low >= -EXACT_FLOAT and high <= EXACT_FLOAT
