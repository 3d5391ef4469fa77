"""Resizes as gathers of few neighbours or as two matrix products, with TensorFlow's own weights; sizes static or not.

An axis of `n` elements becomes one of `m`.  Where `n`, `m` and the scale are known the weights are computed here, in float32
as TensorFlow's kernels do, and are constants of the graph; where they are not, the same formulas are part of it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..rules import Inapplicable, attribute
from .shapes import Size, product, reshaped, sizes, vector
from .static import known

Operation = Any
Tensor = Any
Values = Any
"""A NumPy array or a tensor."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Axis:
    """One axis of a resize: `before` elements become `after`, taken at `scale` of these to one of those."""

    before: Size
    after: Size
    scale: Values
    centers: bool
    """Whether positions are those of the elements' centers ("half pixel")."""
    corners: bool

    @property
    def maths(self) -> Any:
        """NumPy or TensorFlow: both call what is needed here by the same names."""
        return tf if any(tf.is_tensor(value) for value in (self.before, self.after, self.scale)) else np

    def steps(self) -> Values:
        """Return `[after]` float32: 0, 1, 2, …"""
        return _steps(self.maths, self.after)

    def positions(self) -> Values:
        """Return `[after]` float32: where each element lies among those before."""
        return (self.steps() + 0.5) * self.scale - 0.5 if self.centers else self.steps() * self.scale

    def bounded(self, places: Values) -> Values:
        """Return float places as int32 indices within the axis."""
        whole = _whole(self.maths, places)
        return self.maths.minimum(self.maths.maximum(whole, 0), self.before - 1)


def _steps(maths: Any, number: Size) -> Values:
    return tf.cast(tf.range(number), tf.float32) if maths is tf else np.arange(number, dtype=np.float32)


def _whole(maths: Any, values: Values) -> Values:
    return tf.cast(values, tf.int32) if maths is tf else values.astype(np.int32)


def _ratio(a: Size, b: Size) -> Values:
    if isinstance(a, int) and isinstance(b, int):
        return np.float32(a) / np.float32(b)
    return tf.cast(a, tf.float32) / tf.cast(b, tf.float32)


def axes_of(operation: Operation, x: Tensor, wanted: Tensor) -> list[Axis]:
    """Return height and width of a resize by the attributes `align_corners` and `half_pixel_centers`."""
    corners = bool(attribute(operation, "align_corners", False))
    centers = bool(attribute(operation, "half_pixel_centers", False))
    made = []
    for before, after in zip(sizes(x)[1:3], target_sizes(operation, wanted), strict=True):
        scale = _ratio(before, after)
        if corners and isinstance(after, int):
            scale = _ratio(before - 1, after - 1) if after > 1 else scale
        elif corners:
            scale = tf.where(after > 1, _ratio(before - 1, tf.maximum(after - 1, 1)), scale)
        made.append(Axis(before=before, after=after, scale=scale, centers=centers, corners=corners))
    return made


def target_sizes(operation: Operation, wanted: Tensor) -> list[Size]:
    """Return height and width asked for, static where the operation's own output knows them."""
    shape = operation.outputs[0].shape
    static = shape.as_list()[1:3] if shape.rank == 4 else [None, None]
    return [number if size is None else size for size, number in zip(static, vector(wanted, 2), strict=True)]


def nearest(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Two gathers."""
    x = inputs[0]
    for number, axis in enumerate(axes_of(operation, x, inputs[1]), start=1):
        places = (axis.steps() + 0.5) * axis.scale if axis.centers else axis.steps() * axis.scale
        if axis.corners:  # halves go away from 0; adding 0.5 before the floor would round 0.49999997 up
            low = axis.maths.floor(places)
            places = axis.maths.where(places - low >= 0.5, low + 1, low)
        x = tf.gather(x, axis.bounded(axis.maths.floor(places)), axis=number)
    return x


def bilinear(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Along width, then along height: two gathers, and what lies between them."""
    x = tf.cast(inputs[0], tf.float32)
    height, width = axes_of(operation, x, inputs[1])
    for number, axis in ((2, width), (1, height)):
        places = axis.positions()
        low = axis.maths.floor(places)
        part = axis.maths.reshape(places - low, [-1, 1, 1] if number == 1 else [-1, 1])
        lower = tf.gather(x, axis.bounded(low), axis=number)
        upper = tf.gather(x, axis.bounded(low + 1), axis=number)
        x = lower + (upper - lower) * part
    return x


def bicubic(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Along width, then along height: four gathers, each with its weight."""
    x = tf.cast(inputs[0], tf.float32)
    height, width = axes_of(operation, x, inputs[1])
    for number, axis in ((2, width), (1, height)):
        places, weights = _cubic(axis)
        shape = [-1, 1, 1] if number == 1 else [-1, 1]
        parts = [
            tf.gather(x, place, axis=number) * axis.maths.reshape(weight, shape)
            for place, weight in zip(places, weights, strict=True)
        ]
        x = (parts[0] + parts[1]) + (parts[2] + parts[3])
    return x


TABLE = 1024
"""TensorFlow's bicubic kernel takes its coefficients from a table of this many steps to an element."""


def _cubic(axis: Axis) -> tuple[list[Values], list[Values]]:
    """Return indices and weights of the four neighbours; with `centers` those beyond the edge weigh nothing."""
    maths = axis.maths
    positions = axis.positions()
    low = maths.floor(positions)
    part = maths.round((positions - low) * TABLE) * np.float32(1 / TABLE)
    a = -0.5 if axis.centers else -0.75

    def near(t: Values) -> Values:
        return ((a + 2) * t - (a + 3)) * t * t + 1

    def far(t: Values) -> Values:
        return ((a * t - 5 * a) * t + 8 * a) * t - 4 * a

    weights = [far(part + 1), near(part), near(1 - part), far(2 - part)]
    places = [axis.bounded(low + shift) for shift in (-1, 0, 1, 2)]
    if not axis.centers:
        return places, weights
    inside = [
        maths.where((low + shift >= 0) & (low + shift <= _float(axis.before - 1)), weight, np.float32(0))
        for shift, weight in zip((-1, 0, 1, 2), weights, strict=True)
    ]
    total = inside[0] + inside[1] + inside[2] + inside[3]
    return places, [weight / total for weight in inside]


def _float(number: Size) -> Values:
    return tf.cast(number, tf.float32) if tf.is_tensor(number) else np.float32(number)


def area(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Two matrix products: each element is the mean of what it covers."""
    x = tf.cast(inputs[0], tf.float32)
    return weighted(x, *(_covered(axis) for axis in axes_of(operation, x, inputs[1])))


def _covered(axis: Axis) -> Values:
    """Return `[after, before]`: how much of each element before lies in each after; the last one has no end."""
    maths = axis.maths
    start = maths.reshape(axis.steps() * axis.scale, [-1, 1])
    end = maths.reshape((axis.steps() + 1) * axis.scale, [-1, 1])
    left = _steps(maths, axis.before)
    right = maths.where(left < _float(axis.before - 1), left + 1, np.float32(np.finfo(np.float32).max))
    return maths.maximum(maths.minimum(right, end) - maths.maximum(left, start), np.float32(0)) / axis.scale


def weighted(x: Tensor, rows: Values, columns: Values) -> Tensor:
    """Return `x` [N, H, W, C] with height and width mixed by weights `[after, before]`."""
    batch, height, width, channels = sizes(x)
    x = reshaped(x, [batch, height, product([width, channels])])
    x = tf.matmul(rows, x)
    height = sizes(x)[1] if x.shape[1] is not None else tf.shape(rows)[0]
    x = reshaped(x, [product([batch, height]), width, channels])
    x = tf.matmul(columns, x)
    return reshaped(
        x, [batch, height, tf.shape(columns)[0] if columns.shape[0] is None else columns.shape[0], channels]
    )


def _lanczos(radius: float) -> Callable[[Any, Values], Values]:
    def weight(maths: Any, x: Values) -> Values:
        angle = math.pi * maths.maximum(x, np.float32(1e-3))
        value = radius * maths.sin(angle) * maths.sin(angle / radius) / (angle * angle)
        return maths.where(x > radius, np.float32(0), maths.where(x <= 1e-3, np.float32(1), value))

    return weight


def _gaussian(maths: Any, x: Values) -> Values:
    return maths.where(x >= 1.5, np.float32(0), maths.exp(-2.0 * x * x))


def _box(maths: Any, x: Values) -> Values:
    half = (
        maths.where(x == 0.5, np.float32(0.5), np.float32(0)) if maths is np else tf.where(tf.equal(x, 0.5), 0.5, 0.0)
    )
    return maths.where(x < 0.5, np.float32(1), half)


def _triangle(maths: Any, x: Values) -> Values:
    return maths.maximum(1 - x, np.float32(0))


def _keys_cubic(maths: Any, x: Values) -> Values:
    outer = ((-0.5 * x + 2.5) * x - 4) * x + 2
    return maths.where(x >= 2, np.float32(0), maths.where(x >= 1, outer, (1.5 * x - 2.5) * x * x + 1))


def _mitchell_cubic(maths: Any, x: Values) -> Values:
    outer = ((-7 / 18 * x + 2) * x - 10 / 3) * x + 16 / 9
    return maths.where(x >= 2, np.float32(0), maths.where(x >= 1, outer, (7 / 6 * x - 2) * x * x + 8 / 9))


KERNELS: Mapping[str, tuple[float, Callable[[Any, Values], Values]]] = {
    "lanczos1": (1.0, _lanczos(1.0)),
    "lanczos3": (3.0, _lanczos(3.0)),
    "lanczos5": (5.0, _lanczos(5.0)),
    "gaussian": (1.5, _gaussian),
    "box": (0.5, _box),
    "triangle": (1.0, _triangle),
    "keyscubic": (2.0, _keys_cubic),
    "mitchellcubic": (2.0, _mitchell_cubic),
}
"""Kernel → its radius, and its weight at a distance ≥ 0."""


def scale_and_translate(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Two matrix products: each element is a mean, weighted by a kernel about where it came from."""
    x, wanted, scale, translation = inputs
    x = tf.cast(x, tf.float32)
    name = attribute(operation, "kernel_type")
    if name not in KERNELS:
        raise Inapplicable(f"its kernel is {name!r}")
    scales, shifts = (_two(tensor) for tensor in (scale, translation))
    weights = [
        _span(before, after, factor, shift, KERNELS[name], bool(attribute(operation, "antialias")))
        for before, after, factor, shift in zip(
            sizes(x)[1:3], target_sizes(operation, wanted), scales, shifts, strict=True
        )
    ]
    return weighted(x, *weights)


def _two(tensor: Tensor) -> list[Values]:
    value = known(tensor)
    return [tensor[0], tensor[1]] if value is None else list(value.astype(np.float32))


def _span(before: Size, after: Size, scale: Values, shift: Values, kernel: Any, antialias: bool) -> Values:
    """Return `[after, before]` weights that sum to 1, or to 0 where the center lies outside."""
    radius, function = kernel
    maths = tf if any(tf.is_tensor(value) for value in (before, after, scale, shift)) else np
    inverse = 1 / scale
    stretch = maths.maximum(inverse, np.float32(1)) if antialias else np.float32(1)
    center = maths.reshape((_steps(maths, after) + 0.5) * inverse - inverse * shift, [-1, 1])
    end = _float(before)
    left = _steps(maths, before)
    weights = function(maths, maths.abs(left + 0.5 - center) / stretch)
    first, last = -maths.floor(radius * stretch + 0.5 - center), maths.floor(center + radius * stretch - 0.5)
    first, last = (maths.minimum(maths.maximum(edge, np.float32(0)), end - 1) for edge in (first, last))
    seen = (left >= first) & (left <= last) & (center >= 0) & (center <= end)
    weights = maths.where(seen, weights, np.float32(0))
    total = tf.reduce_sum(weights, 1, keepdims=True) if maths is tf else weights.sum(1, keepdims=True)
    counts = maths.abs(total) >= 1000 * np.finfo(np.float32).tiny
    return maths.where(counts, weights / maths.where(counts, total, np.float32(1)), np.float32(0))


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "resize-nearest-as-gather": (("ResizeNearestNeighbor",), nearest),
    "resize-bilinear-as-gather": (("ResizeBilinear",), bilinear),
    "resize-bicubic-as-gather": (("ResizeBicubic",), bicubic),
    "resize-area-as-matmul": (("ResizeArea",), area),
    "scale-and-translate-as-matmul": (("ScaleAndTranslate",), scale_and_translate),
}
"""Rule → the ops that it is about, and what they become."""
