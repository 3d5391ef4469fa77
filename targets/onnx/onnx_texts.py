"""Repairs of strings, said in what `onnx_strings.py` can: splits at a word, and joins."""

from __future__ import annotations

import re
import re._constants as codes  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from anyport_tf.compositions.ragged import concatenated_ranges
from anyport_tf.compositions.shapes import rank
from anyport_tf.rules import Inapplicable, attribute, value_of

Operation = Any
Tensor = Any

MOST_LITERALS = 64
"""Characters of a class that are replaced one after the other."""


def regex_replace(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Where the pattern is a word or a class of characters: split there, and join with what is to stand there."""
    x, rewrite = inputs[0], attribute(operation, "rewrite")
    literals = replaced_words(operation)
    if not literals:
        raise Inapplicable("its pattern is more than a word or a class of characters")
    flat = tf.reshape(x, [-1])
    for literal in literals:
        flat = _replaced(flat, literal, rewrite)
    return tf.reshape(flat, tf.shape(x))


def replaced_words(operation: Operation) -> list[str]:
    """Return the words that a replacement is about, one after the other; none where it is about more than words."""
    pattern, rewrite = attribute(operation, "pattern"), attribute(operation, "rewrite")
    words = _words(pattern)
    again = len(words) > 1 and any(word in rewrite for word in words)
    return [] if "\\" in rewrite or again or not attribute(operation, "replace_global") else words


def _words(pattern: str) -> list[str]:
    try:
        parsed = list(parser.parse(pattern))
    except re.error:
        return []
    if parsed and all(code == codes.LITERAL for code, _ in parsed):
        return ["".join(chr(value) for _, value in parsed)]
    if len(parsed) != 1 or parsed[0][0] != codes.IN:
        return []
    words: list[str] = []
    for code, value in parsed[0][1]:
        if code == codes.LITERAL:
            words.append(chr(value))
        elif code == codes.RANGE and value[1] - value[0] < MOST_LITERALS:
            words += [chr(number) for number in range(value[0], value[1] + 1)]
        else:
            return []
    return words if len(words) <= MOST_LITERALS else []


def _replaced(x: Tensor, word: str, rewrite: str) -> Tensor:
    """Return a vector of strings with every `word` in them replaced."""
    split = tf.raw_ops.StringSplitV2(input=x, sep=tf.constant(word))
    numbers = tf.range(1, tf.shape(split.values)[0] + 1)
    places = tf.scatter_nd(split.indices, numbers, split.shape)
    pieces = tf.gather(tf.concat([tf.constant([""]), split.values], axis=0), places)
    if rewrite:
        behind = tf.logical_and(places > 0, tf.range(tf.shape(places)[1]) > 0)
        pieces = tf.where(behind, tf.strings.join([rewrite, pieces]), pieces)
    return _joined(pieces, "")


def _joined(pieces: Tensor, separator: str) -> Tensor:
    """Join the rows of a matrix of strings."""

    def step(column: Tensor, joined: Tensor) -> tuple[Tensor, Tensor]:
        piece = tf.gather(pieces, column, axis=1)
        longer = tf.strings.join([joined, piece], separator)
        return column + 1, tf.where(column > 0, longer, piece) if separator else longer

    count = tf.shape(pieces)[1]
    start = tf.fill(tf.shape(pieces)[:1], "")
    shapes = [tf.TensorShape([]), tf.TensorShape([None])]
    return tf.while_loop(lambda column, joined: column < count, step, [tf.constant(0), start], shapes)[1]


def reduce_join(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Bring the axes to the end, in their order, as one, and join along that."""
    x, axes = inputs[0], value_of(inputs[1])
    if axes is None:
        raise Inapplicable("its axes are known only when the model runs")
    joined = [int(axis) % rank(x) for axis in axes.reshape(-1)] or list(range(rank(x)))[::-1]
    kept = [axis for axis in range(rank(x)) if axis not in joined]
    shape = tf.shape(x)
    rows = tf.gather(shape, tf.constant(kept, tf.int32))
    matrix = tf.reshape(
        tf.transpose(x, [*kept, *joined]), [tf.reduce_prod(rows), tf.reduce_prod(tf.gather(shape, joined))]
    )
    made = tf.reshape(_joined(matrix, attribute(operation, "separator") or ""), rows)
    for axis in sorted(joined) if attribute(operation, "keep_dims") else ():
        made = tf.expand_dims(made, axis)
    return made


def n_grams(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`StringNGrams` without padding: for each row and each width, the words from each place on, so many joined."""
    words, splits = inputs
    if attribute(operation, "pad_width") or attribute(operation, "preserve_short_sequences"):
        raise Inapplicable("it pads rows, or keeps those that are too short")
    widths = [int(width) for width in attribute(operation, "ngram_widths")]
    lengths = tf.cast(splits[1:] - splits[:-1], tf.int32)
    counts = tf.maximum(lengths[:, None] - tf.constant(widths) + 1, 0)
    starts = tf.reshape(tf.cast(splits[:-1], tf.int32)[:, None] + tf.zeros_like(counts), [-1])
    group, place, _ = concatenated_ranges(starts, tf.reshape(counts, [-1]))
    first = tf.gather(starts, group) + place
    width = tf.gather(tf.constant(widths), tf.math.floormod(group, len(widths)))
    words = tf.concat([words, tf.fill([max(widths)], "")], axis=0)
    made = tf.gather(words, first)
    for number in range(1, max(widths)):
        longer = tf.strings.join([made, tf.gather(words, first + number)], attribute(operation, "separator") or "")
        made = tf.where(width > number, longer, made)
    ends = tf.cumsum(tf.reduce_sum(counts, axis=1))
    return [made, tf.cast(tf.concat([[0], ends], axis=0), splits.dtype)]


def added(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    return tf.strings.join(list(inputs))
