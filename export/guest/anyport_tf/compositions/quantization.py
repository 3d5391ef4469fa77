"""Numbers rounded to a grid of few bits and back, in float32: what a network trained for quantization holds.

The formulas are those of TensorFlow's kernels, in their order: half a step more or less decides to which side a number falls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..rules import Inapplicable, attribute, value_of
from .shapes import rank

Operation = Any
Tensor = Any
Values = Any
"""A NumPy array or a tensor."""


def fake_quant(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`FakeQuantWithMinMaxArgs`, `…Vars` and `…VarsPerChannel`: clamp, count steps from the lowest, go back.

    The kernel for one range that is an operand divides by the step; the two others multiply by steps per unit.
    """
    low, high = _bounds(operation, inputs)
    maths = tf if tf.is_tensor(low) or tf.is_tensor(high) else np
    none = maths.equal(high, low)  # a range of nothing has no step, and its numbers become 0
    width = maths.where(none, np.float32(1), high - low)
    first = np.float32(1 if attribute(operation, "narrow_range") else 0)
    last = np.float32(2 ** int(attribute(operation, "num_bits")) - 1)
    step, per_unit = width / (last - first), (last - first) / width
    start = maths.minimum(maths.maximum(first - low / step, first), last)
    zero = maths.floor(start + np.float32(0.5))
    lowest, highest = (first - zero) * step, (last - zero) * step
    divides = operation.type == "FakeQuantWithMinMaxVars"

    def steps(values: Values) -> Values:
        return values / step if divides else values * per_unit

    origin = maths.floor(steps(-lowest) + np.float32(0.5))
    held = tf.maximum(tf.minimum(inputs[0], highest), lowest) - lowest
    made = tf.floor(steps(held) - origin + 0.5) * step
    if maths is np and not none.any():
        return made
    return tf.where(none, tf.zeros([], made.dtype), made)


def _bounds(operation: Operation, inputs: Sequence[Tensor]) -> tuple[Values, Values]:
    """Return the range: arrays where it is known, tensors where it is data."""
    if operation.type == "FakeQuantWithMinMaxArgs":
        return np.float32(attribute(operation, "min")), np.float32(attribute(operation, "max"))
    known = [value_of(tensor) for tensor in inputs[1:3]]
    if any(value is None for value in known):
        return inputs[1], inputs[2]
    return np.asarray(known[0], np.float32), np.asarray(known[1], np.float32)


def quantize_and_dequantize(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`QuantizeAndDequantize` of versions 2 to 4: a symmetric grid, scaled to the side of the range that needs it."""
    x, low, high, *rest = inputs
    bits = value_of(rest[0]) if rest else attribute(operation, "num_bits")
    if bits is None:
        raise Inapplicable("its number of bits is not constant")
    axis, given = int(attribute(operation, "axis", -1)), attribute(operation, "range_given")
    if not given:
        others = [index for index in range(rank(x)) if index != axis]
        low, high = tf.reduce_min(x, others), tf.reduce_max(x, others)
    if axis != -1:
        along = [-1 if index == axis else 1 for index in range(rank(x))]
        low, high = tf.reshape(low, along), tf.reshape(high, along)
    steps, step, low, high = _symmetric(operation, int(bits), low, high)
    held = tf.maximum(tf.minimum(x, high), low) if given else x
    half_up = attribute(operation, "round_mode", "HALF_TO_EVEN") == "HALF_UP"
    return (tf.floor(held * steps + 0.5) if half_up else tf.round(held * steps)) * step


def _symmetric(operation: Operation, bits: int, low: Tensor, high: Tensor) -> tuple[Tensor, ...]:
    """Return steps per unit, the step, and the range: the side that allows fewer steps decides, the other follows."""
    signed = attribute(operation, "signed_input")
    last = 2 ** (bits - 1) - 1 if signed else 2**bits - 1
    first = (-last - (0 if attribute(operation, "narrow_range", False) else 1)) if signed else 0
    below, above = first * low > 0, last * high > 0
    one = tf.ones([], low.dtype)
    by_low = tf.where(below, first / tf.where(below, low, one), low.dtype.max)
    by_high = tf.where(above, last / tf.where(above, high, one), low.dtype.max)
    lower = by_low < by_high
    step_low, step_high = (low / first if first else tf.zeros_like(low)), high / last
    steps, step = tf.where(lower, by_low, by_high), tf.where(lower, step_low, step_high)
    return steps, step, tf.where(lower, low, first * step_high), tf.where(lower, last * step_low, high)


LEVELS = {tf.quint8: (0, 255), tf.qint8: (-128, 127), tf.quint16: (0, 65535), tf.qint16: (-32768, 32767)}
"""The codes of each quantised dtype, which no target has: they stay floats."""


def quantize(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Return the codes, whose cast to the quantised dtype nothing needs once `Dequantize` is repaired, and their range."""
    codes, low, high = _quantized(operation)
    return [tf.cast(codes, operation.outputs[0].dtype), low, high]


def dequantize(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Return the numbers that codes stand for."""
    dtype, mode = inputs[0].dtype, attribute(operation, "mode")
    if dtype not in LEVELS or attribute(operation, "axis", -1) != -1 or mode not in ("MIN_COMBINED", "SCALED"):
        raise Inapplicable(f"{mode} of {dtype.name} is not known")
    codes, low, high = (_unquantized(tensor) for tensor in inputs)
    first, last = LEVELS[dtype]
    if mode == "SCALED":
        first += 1 if first and attribute(operation, "narrow_range") else 0
        made = codes * (tf.maximum(low / first, high / last) if first else high / last)
    else:
        made = (codes - first) * ((high - low) / (last - first)) + low
    return tf.cast(made, operation.outputs[0].dtype)


def _unquantized(tensor: Tensor) -> Tensor:
    """Return codes, or an end of their range, as float32."""
    while tensor.op.type == "Identity":
        tensor = tensor.op.inputs[0]
    if tensor.op.type == "QuantizeV2":
        return _quantized(tensor.op)[tensor.value_index]
    if tensor.op.type == "Cast" and tensor.dtype in LEVELS:
        return tf.cast(tensor.op.inputs[0], tf.float32)
    return tensor if tensor.dtype == tf.float32 else tf.cast(tensor, tf.float32)


def _quantized(operation: Operation) -> tuple[Tensor, Tensor, Tensor]:
    """Return what `QuantizeV2` yields, the codes as float32."""
    dtype, mode = operation.outputs[0].dtype, attribute(operation, "mode")
    if dtype not in LEVELS or attribute(operation, "axis", -1) != -1 or mode not in ("MIN_COMBINED", "SCALED"):
        raise Inapplicable(f"{mode} of {dtype.name} is not known")
    x, low, high = operation.inputs
    least = tf.maximum(tf.maximum(tf.abs(low), tf.abs(high)), 1) * attribute(operation, "ensure_minimum_range", 0.01)
    low = tf.minimum(low, 0)
    high = tf.maximum(tf.maximum(high, low + least), 0)
    first, last = LEVELS[dtype]
    if mode == "SCALED":
        first += 1 if first and attribute(operation, "narrow_range") else 0
        by_low = first / tf.where(low < 0, low, 1) if first else high.dtype.max
        by_low = tf.where(low < 0, by_low, high.dtype.max)
        per_unit = tf.minimum(by_low, last / tf.where(high > 0, high, last / high.dtype.max))
        low, high = first / per_unit, last / per_unit
        codes = tf.maximum(tf.minimum(x, high), low) * per_unit
        even = attribute(operation, "round_mode") == "HALF_TO_EVEN"
        return (tf.round(codes) if even else _away_from_zero(codes)), low, high
    steps = (tf.maximum(tf.minimum(x, high), low) - low) * ((last - first) / (high - low))
    return (_away_from_zero(steps + first) if first else tf.floor(steps + 0.5)), low, high


def _away_from_zero(x: Tensor) -> Tensor:
    size = tf.abs(x)
    low = tf.floor(size)
    nearest = tf.where(size - low >= 0.5, low + 1, low)
    return tf.where(x < 0, -nearest, nearest)


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "fake-quant-as-floor": (
        ("FakeQuantWithMinMaxArgs", "FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxVarsPerChannel"),
        fake_quant,
    ),
    "quantize-and-dequantize-as-round": (
        ("QuantizeAndDequantizeV2", "QuantizeAndDequantizeV3", "QuantizeAndDequantizeV4"),
        quantize_and_dequantize,
    ),
    "quantize-as-floats": (("QuantizeV2",), quantize),
    "dequantize-as-floats": (("Dequantize",), dequantize),
}
"""Rule → the ops that it is about, and what they become."""
