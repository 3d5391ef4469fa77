"""Examples of decoded sequences (`compositions/decoding.py`)."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from examples import example
from shorthand import drawn


def decoder(repeated: bool, blank: int, open_sizes: bool) -> Any:
    """Return a maker of an example: 9 steps of 4 sequences, of which one has no step at all."""

    def make() -> tuple[Any, list[Any]]:
        def call(scores: Any, lengths: Any) -> Any:
            return list(
                tf.raw_ops.CTCGreedyDecoder(
                    inputs=scores, sequence_length=lengths, merge_repeated=repeated, blank_index=blank
                )
            )

        shape = [None, None, 3] if open_sizes else [9, 4, 3]
        spec = [tf.TensorSpec(shape), tf.TensorSpec(shape[1:2], tf.int32)]
        return tf.function(call, input_signature=spec), [drawn(9, 4, 3), np.array([9, 0, 5, 7], np.int32)]

    make.__name__ = f"merged_{repeated}_blank_{blank}_open_{open_sizes}"
    return make


for _repeated in (True, False):
    for _blank in (-1, 0):
        example("ctc-greedy-decoder-as-argmax")(decoder(_repeated, _blank, open_sizes=_repeated))
