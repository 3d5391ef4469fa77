"""Repairs of strings, said in what `onnx_strings.py` can: splits at a word, and joins (`onnx_pieces.py`)."""

from __future__ import annotations

import dataclasses
import re
import re._constants as codes  # type: ignore[import-not-found]
import re._parser as parser  # type: ignore[import-not-found]
from collections.abc import Sequence
from typing import Any

import tensorflow as tf
from onnx_pieces import WHITE_SPACE, cut, rows_joined

from anyport_tf.compositions.ragged import concatenated_ranges
from anyport_tf.compositions.shapes import rank
from anyport_tf.rules import Inapplicable, attribute, value_of

Operation = Any
Tensor = Any

MOST_LITERALS = 64
"""Characters of a class that are replaced one after the other."""


def split(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Where it splits at white space: at each kind of it, without the empty pieces."""
    pieces = cut(inputs[0], WHITE_SPACE)
    words = pieces.at(tf.not_equal(pieces.text, ""))
    places = tf.stack([words.row, words.places()], axis=1)
    return [tf.cast(places, tf.int64), words.text, tf.cast(tf.stack([words.count, words.most()]), tf.int64)]


def is_at_white_space(operation: Operation) -> bool:
    """Tell whether white space is split at, as often as there is some."""
    separator = value_of(operation.inputs[1])
    return separator is not None and not separator.item() and attribute(operation, "maxsplit") < 0


def strip(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """From the first piece between white space to the last that isn't empty, joined with what stood between them."""
    pieces = cut(tf.reshape(inputs[0], [-1]), WHITE_SPACE)
    full = tf.cast(tf.not_equal(pieces.text, ""), tf.int32)
    so_far = tf.concat([[0], tf.cumsum(full)], axis=0)
    ends = tf.gather(so_far, pieces.splits())
    number = so_far[1:] - tf.gather(ends, pieces.row)
    count = tf.gather(ends[1:] - ends[:-1], pieces.row)
    text = tf.where(tf.logical_and(full > 0, number < 2), pieces.text, tf.strings.join([pieces.before, pieces.text]))
    inner = tf.logical_and(number > 0, number - full < count)
    return tf.reshape(dataclasses.replace(pieces, text=text).at(inner).joined(), tf.shape(inputs[0]))


def regex_replace(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Where the pattern is a word or a class of characters: cut there, and join with what is to stand there."""
    x, rewrite = inputs[0], attribute(operation, "rewrite")
    words = replaced_words(operation)
    if not words:
        raise Inapplicable("its pattern is more than a word or a class of characters")
    pieces = cut(tf.reshape(x, [-1]), words)
    if rewrite:
        behind = pieces.places() > 0
        text = tf.where(behind, tf.strings.join([rewrite, pieces.text]), pieces.text)
        pieces = dataclasses.replace(pieces, text=text)
    return tf.reshape(pieces.joined(), tf.shape(x))


def replaced_words(operation: Operation) -> list[str]:
    """Return the words that a replacement is about; none where it is about more than words."""
    pattern, rewrite = attribute(operation, "pattern"), attribute(operation, "rewrite")
    return [] if "\\" in rewrite or not attribute(operation, "replace_global") else _words(pattern)


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
    made = tf.reshape(rows_joined(matrix, attribute(operation, "separator") or ""), rows)
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
