"""Softmax and what is made of it, said in exponentials and sums; over the last axis, as TensorFlow's ops are."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from .shapes import size

Operation = Any
Tensor = Any


def _shifted(logits: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the logits less their largest, their exponentials, and the sums of these."""
    below = logits - tf.reduce_max(logits, -1, keepdims=True)
    exponentials = tf.exp(below)
    return below, exponentials, tf.reduce_sum(exponentials, -1, keepdims=True)


def softmax(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    _, exponentials, total = _shifted(inputs[0])
    return exponentials / total


def log_softmax(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    below, _, total = _shifted(inputs[0])
    return below - tf.math.log(total)


def cross_entropy(operation: Operation, inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the loss of each row `[batch]` and its gradient `[batch, classes]`; labels are probabilities."""
    logits, labels = inputs
    below, exponentials, total = _shifted(logits)
    loss = tf.reduce_sum(labels * (tf.math.log(total) - below), -1)
    return loss, exponentials / total - labels


def sparse_cross_entropy(operation: Operation, inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the loss of each row and its gradient; labels are classes, and one that is none makes NaN."""
    logits, labels = inputs
    below, exponentials, total = _shifted(logits)
    classes = size(logits, -1)
    labels = tf.cast(labels, tf.int32)[:, None]
    hot = tf.equal(tf.range(classes), labels)
    valid = tf.logical_and(labels >= 0, labels < classes)
    nan = tf.constant(math.nan, logits.dtype)
    loss = tf.math.log(total) - tf.reduce_sum(tf.where(hot, below, tf.zeros([], below.dtype)), -1, keepdims=True)
    gradient = exponentials / total
    gradient = tf.where(hot, gradient - 1, gradient)
    return tf.where(valid, loss, nan)[:, 0], tf.where(valid, gradient, nan)


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "softmax-as-exp": (("Softmax",), softmax),
    "log-softmax-as-exp": (("LogSoftmax",), log_softmax),
    "cross-entropy-as-log-softmax": (("SoftmaxCrossEntropyWithLogits",), cross_entropy),
    "sparse-cross-entropy-as-log-softmax": (("SparseSoftmaxCrossEntropyWithLogits",), sparse_cross_entropy),
}
"""Rule → the ops that it is about, and what they become."""
