"""Normalisation said in sums and products: by the batch's statistics or by given ones, by neighbouring channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from ..rules import attribute
from .shapes import product, rank, sizes

Operation = Any
Tensor = Any


def fused_batch_norm(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`(x − mean) · (scale / √(variance + ε)) + offset`; in training by the batch's own mean and variance."""
    x, scale, offset, given_mean, given_variance = inputs
    channels = 1 if attribute(operation, "data_format").startswith("NC") else rank(x) - 1
    others = [axis for axis in range(rank(x)) if axis != channels]
    along = [-1 if axis == channels else 1 for axis in range(rank(x))]
    values = tf.cast(x, scale.dtype)
    if attribute(operation, "is_training"):
        mean, variance = _moments(values, others)
        running = _running(operation, (mean, variance), (given_mean, given_variance), sizes(x), others)
    else:
        mean, variance = given_mean, given_variance
        running = [tf.identity(mean), tf.identity(variance)]
    factor = scale * tf.math.rsqrt(variance + attribute(operation, "epsilon"))
    if channels != rank(x) - 1:
        mean, factor, offset = (tf.reshape(part, along) for part in (mean, factor, offset))
    made = tf.cast((values - mean) * factor + offset, x.dtype)
    saved = [tf.reshape(mean, [-1]), tf.identity(variance), tf.zeros([], scale.dtype)]
    return [made, *running, *saved[: len(operation.outputs) - 3]]


def _moments(values: Tensor, axes: Sequence[int]) -> tuple[Tensor, Tensor]:
    mean = tf.reduce_mean(values, axes, keepdims=True)
    return tf.reshape(mean, [-1]), tf.reduce_mean(tf.square(values - mean), axes)


def _running(operation: Operation, batch: Any, given: Any, shape: Sequence[Any], axes: Sequence[int]) -> list[Tensor]:
    """Return mean and variance as the operation reports them: of a sample (Bessel), moved by `exponential_avg_factor`."""
    mean, variance = batch
    count = tf.cast(product([shape[axis] for axis in axes]), variance.dtype)
    found = [mean, variance * (count / tf.maximum(count - 1, 1))]
    factor = attribute(operation, "exponential_avg_factor", 1.0)
    if factor == 1.0:
        return found
    return [(1 - factor) * old + factor * new for old, new in zip(given, found, strict=True)]


def local_response(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`x / (bias + α · Σ x²)^β`, the sum over a window of channels: a pool along them, times its length."""
    (x,) = inputs
    radius = int(attribute(operation, "depth_radius"))
    batch, height, width, channels = sizes(x)
    squares = tf.pad(tf.reshape(tf.square(x), [-1, 1, channels, 1]), [[0, 0], [0, 0], [radius, radius], [0, 0]])
    length = 2 * radius + 1
    means = tf.nn.avg_pool2d(squares, [1, length], 1, "VALID")
    bias, alpha, beta = (attribute(operation, name) for name in ("bias", "alpha", "beta"))
    sums = tf.reshape(means * (alpha * length) + bias, tf.stack([batch, height, width, channels]))
    return x * tf.pow(sums, -beta)


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "fused-batch-norm-as-arithmetic": (
        ("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"),
        fused_batch_norm,
    ),
    "lrn-as-arithmetic": (("LRN",), local_response),
}
"""Rule → the ops that it is about, and what they become."""
