"""What a recogniser says at each step, decoded: the most likely class, repeated ones merged, blanks removed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from ..rules import attribute
from .shapes import fixed, size

Operation = Any
Tensor = Any


def greedy_decoder(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`CTCGreedyDecoder` of scores `[time, batch, classes]`: a sparse matrix of classes, and what they add up to."""
    scores, lengths = tf.transpose(inputs[0], [1, 0, 2]), tf.cast(inputs[1], tf.int32)
    blank = attribute(operation, "blank_index", -1)
    blank = blank if blank >= 0 else blank + fixed(scores, 2)
    best = tf.cast(tf.argmax(scores, -1), tf.int32)
    within = tf.range(size(scores, 1))[tf.newaxis] < lengths[:, tf.newaxis]
    kept = tf.logical_and(within, tf.not_equal(best, blank))
    if attribute(operation, "merge_repeated", False):
        before = tf.concat([tf.zeros_like(best[:, :1]) - 1, best[:, :-1]], 1)
        kept = tf.logical_and(kept, tf.not_equal(best, before))
    likelihood = tf.reduce_sum(
        tf.where(within, tf.reduce_max(scores, -1), tf.zeros([], scores.dtype)), 1, keepdims=True
    )
    return [*_sparse(best, kept), -likelihood]


def _sparse(values: Tensor, kept: Tensor) -> list[Tensor]:
    """Return indices, values and shape of a sparse matrix: in each row those kept, moved to its front."""
    count = tf.cast(kept, tf.int32)
    until = tf.cumsum(count, axis=1)
    places = tf.cast(tf.where(kept), tf.int32)
    indices = tf.stack([places[:, 0], tf.gather_nd(until, places) - 1], 1)
    shape = tf.stack([size(values, 0), tf.reduce_max(tf.reduce_sum(count, 1))])
    return [tf.cast(made, tf.int64) for made in (indices, tf.gather_nd(values, places), shape)]


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "ctc-greedy-decoder-as-argmax": (("CTCGreedyDecoder",), greedy_decoder),
}
"""Rule → the ops that it is about, and what they become."""
