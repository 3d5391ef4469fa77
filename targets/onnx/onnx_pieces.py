"""Strings cut into pieces, and put together again: what splits, strips and replacements have in common in ONNX.

ONNX splits at one separator.  At any of several, each piece of the first split is split at the second, and so on; nothing
is joined in between.  Used by the rules in `onnx_texts.py`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

Tensor = Any

WHITE_SPACE = " \t\n\v\f\r"
"""What TensorFlow takes for such (`isspace`); onnxruntime 1.32 takes spaces alone."""


@dataclass(frozen=True)
class Pieces:
    """Pieces of a vector of `count` strings, in order: the string that each is of, what stood before it, and itself."""

    row: Tensor
    before: Tensor
    text: Tensor
    count: Tensor

    def at(self, where: Tensor) -> Pieces:
        """Return those for which the vector of booleans holds."""
        chosen = tf.where(where)[:, 0]
        row, before, text = (tf.gather(each, chosen) for each in (self.row, self.before, self.text))
        return Pieces(row, before, text, self.count)

    def splits(self) -> Tensor:
        """Return where the pieces of each string begin, and where the last ends; int32 `[count + 1]`."""
        counts = tf.scatter_nd(self.row[:, None], tf.ones_like(self.row), tf.stack([self.count]))
        return tf.concat([[0], tf.cumsum(counts)], axis=0)

    def places(self) -> Tensor:
        """Return the number of each piece in its string, from 0; int32."""
        return tf.range(tf.size(self.row)) - tf.gather(self.splits(), self.row)

    def most(self) -> Tensor:
        """Return the largest number of pieces of a string, 0 of no strings; int32."""
        return tf.reduce_max(tf.concat([self.places() + 1, [0]], axis=0))

    def joined(self) -> Tensor:
        """Return the strings that the pieces make one behind the other, without what stood between them."""
        shape = tf.stack([self.count, self.most()])
        numbers = tf.range(1, tf.size(self.row) + 1)
        places = tf.scatter_nd(tf.stack([self.row, self.places()], axis=1), numbers, shape)
        return rows_joined(tf.gather(tf.concat([[""], self.text], axis=0), places), "")


def cut(x: Tensor, separators: Sequence[str]) -> Pieces:
    """Cut each string of a vector at each of these separators; one that others begin with stands behind them."""
    found = Pieces(tf.range(tf.size(x)), tf.fill(tf.shape(x), ""), x, tf.size(x))
    for separator in separators:
        split = tf.raw_ops.StringSplitV2(input=found.text, sep=tf.constant(separator))
        parent, number = tf.unstack(tf.cast(split.indices, tf.int32), axis=1)
        before = tf.where(number > 0, separator, tf.gather(found.before, parent))
        found = Pieces(tf.gather(found.row, parent), before, split.values, found.count)
    return found


def rows_joined(pieces: Tensor, separator: str) -> Tensor:
    """Join the rows of a matrix of strings."""

    def step(column: Tensor, joined: Tensor) -> tuple[Tensor, Tensor]:
        piece = tf.gather(pieces, column, axis=1)
        longer = tf.strings.join([joined, piece], separator)
        return column + 1, tf.where(column > 0, longer, piece) if separator else longer

    count = tf.shape(pieces)[1]
    start = tf.fill(tf.shape(pieces)[:1], "")
    shapes = [tf.TensorShape([]), tf.TensorShape([None])]
    return tf.while_loop(lambda column, joined: column < count, step, [tf.constant(0), start], shapes)[1]
