"""Numbers rounded to a grid of few bits and back, in float32: what a network trained for quantization holds.

The formulas are those of TensorFlow's kernels, in their order: half a step more or less decides to which side a number falls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..rules import attribute, value_of

Operation = Any
Tensor = Any

LARGEST = float(np.finfo(np.float32).max)


def fake_quant(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`FakeQuantWithMinMaxArgs`, `…Vars` and `…VarsPerChannel`: clamp, count steps from the lowest, go back."""
    if operation.type == "FakeQuantWithMinMaxArgs":
        low, high = (np.float32(attribute(operation, name)) for name in ("min", "max"))
    else:
        low, high = (_as_constant(tensor) for tensor in inputs[1:3])
    first = 1 if attribute(operation, "narrow_range") else 0
    last = (1 << int(attribute(operation, "num_bits"))) - 1
    lowest, highest, step = _nudged(low, high, np.float32(first), np.float32(last))
    per_step = _library(step).float32(1) / step if isinstance(step, np.ndarray | np.floating) else 1 / step
    floor = np.floor if _is_known(lowest) else tf.floor
    zero = floor(-lowest * per_step + np.float32(0.5))
    clamped = tf.maximum(tf.minimum(inputs[0], highest), lowest)
    made = tf.floor((clamped - lowest) * per_step - zero + 0.5) * step
    # Where the range is a single point, 0, there is no step.
    none = np.equal(low, high) if _is_known(low) else tf.equal(low, high)
    if _is_known(none):
        return tf.zeros_like(inputs[0]) if np.all(none) else made
    return tf.where(none, tf.zeros_like(inputs[0]), made)


def _as_constant(tensor: Tensor) -> Any:
    known = value_of(tensor)
    return tensor if known is None else np.asarray(known, np.float32)


def _is_known(value: Any) -> bool:
    return not tf.is_tensor(value)


def _library(value: Any) -> Any:
    return np if _is_known(value) else tf


def _nudged(low: Any, high: Any, first: Any, last: Any) -> tuple[Any, Any, Any]:
    """Return the lowest and highest value and the step of a range moved so that 0 is on the grid."""
    step = (high - low) / (last - first)
    with np.errstate(divide="ignore", invalid="ignore"):
        zero = first - low / step
    if _is_known(zero):
        rounded = np.floor(np.clip(zero, first, last) + np.float32(0.5))
    else:
        rounded = tf.floor(tf.clip_by_value(zero, first, last) + 0.5)
    return (first - rounded) * step, (last - rounded) * step, step


def quantize_and_dequantize(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`QuantizeAndDequantize` of versions 2 to 4: a symmetric grid, scaled to the side of the range that needs it."""
    x, low, high = inputs[:3]
    axis = attribute(operation, "axis", -1)
    bits = int(attribute(operation, "num_bits", 8)) if operation.type != "QuantizeAndDequantizeV3" else inputs[3]
    if operation.type == "QuantizeAndDequantizeV3":
        bits = int(np.asarray(value_of(bits)))
    signed = attribute(operation, "signed_input")
    last = (1 << bits - 1) - 1 if signed else (1 << bits) - 1
    first = -last - (0 if attribute(operation, "narrow_range") else 1) if signed else 0
    given = attribute(operation, "range_given")
    if not given:
        others = None if axis == -1 else [a for a in range(x.shape.rank) if a != axis]
        low, high = tf.reduce_min(x, others), tf.reduce_max(x, others)
    if axis != -1:
        along = [-1 if a == axis else 1 for a in range(x.shape.rank)]
        low, high = tf.reshape(low, along), tf.reshape(high, along)
    by_low = tf.where(first * low > 0, first / low, LARGEST) if first else tf.fill(tf.shape(low), LARGEST)
    by_high = tf.where(last * high > 0, last / high, LARGEST)
    lower = by_low < by_high
    steps = tf.where(lower, by_low, by_high)
    step = tf.where(lower, low / first if first else low, high / last)
    if given:
        x = tf.maximum(tf.minimum(x, tf.where(lower, last * step, high)), tf.where(lower, low, first * step))
    half_up = attribute(operation, "round_mode", "HALF_TO_EVEN") == "HALF_UP"
    return (tf.floor(x * steps + 0.5) if half_up else tf.round(x * steps)) * step


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "fake-quant-as-floor": (
        ("FakeQuantWithMinMaxArgs", "FakeQuantWithMinMaxVars", "FakeQuantWithMinMaxVarsPerChannel"),
        fake_quant,
    ),
    "quantize-and-dequantize-as-round": (
        ("QuantizeAndDequantizeV2", "QuantizeAndDequantizeV3", "QuantizeAndDequantizeV4"),
        quantize_and_dequantize,
    ),
}
"""Rule → the ops that it is about, and what they become."""
