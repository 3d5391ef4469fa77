"""Strings, of which TF.js' wasm backend can only slice, concatenate, look up, hash, split and join a few.

What moves strings about is done to their places, counted from 0; they themselves are gathered once, from a list of single
strings, which TF.js' executor keeps in plain JavaScript.  What puts strings together is said as n-grams of rows, and what
takes them apart as the older `StringSplit`, which TF.js has.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from anyport_tf.compositions.dtypes import values_attr, values_input, with_dtype
from anyport_tf.compositions.indexing import row_condition
from anyport_tf.compositions.shapes import product, rank, reshaped, size, sizes
from anyport_tf.rules import Inapplicable, attribute, value_of

Operation = Any
Tensor = Any

raw = tf.raw_ops

MOVING = "BroadcastTo GatherNd GatherV2 MirrorPad ReverseSequence ReverseV2 Roll Tile Transpose"
"""Ops that put every string somewhere, and have no kernel for strings."""

NATIVE = frozenset(
    [
        "Assert", "Case", "ConcatV2", "Const", "Enter", "ExpandDims", "Exit", "Identity", "IdentityN", "If", "Merge",
        "NextIteration", "Pack", "PartitionedCall", "Placeholder", "PlaceholderWithDefault", "Rank", "Reshape", "Shape", "Size",
        "Slice", "Snapshot", "Squeeze", "StatefulPartitionedCall", "StatelessCase", "StatelessIf",
        "StatelessWhile", "StopGradient", "StridedSlice", "StringNGrams", "StringSplit", "StringToHashBucketFast", "Switch",
        "Unpack", "While",
    ]
)  # fmt: skip
"""Ops that take strings on wasm; so do lookups and lists."""


def takes_strings(op: str) -> bool:
    """Whether TF.js' wasm backend can run an op on strings."""
    return op in NATIVE or op.startswith(("TensorList", "LookupTable"))


# Moving.


def moved(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """What the op does to the strings, done to their places."""
    if operation.type.startswith("Gather") and _picks_of_a_list(operation, inputs):
        places = inputs[1] if operation.type == "GatherV2" else tf.squeeze(inputs[1], -1)
        return [picked(inputs[0], tf.cast(places, tf.int32))]
    values = inputs[values_input(operation, values_attr(operation))]
    flat = tf.reshape(values, [-1])
    return [picked(flat, places) for places in _places_moved(operation, inputs)]


def _picks_of_a_list(operation: Operation, inputs: Sequence[Tensor]) -> bool:
    """Whether single strings are gathered from a vector."""
    if rank(inputs[0]) != 1:
        return False
    return bool(inputs[1].shape[-1] == 1) if operation.type == "GatherNd" else not attribute(operation, "batch_dims")


def _places_moved(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    attr = values_attr(operation)
    place = values_input(operation, attr)
    counted = tf.reshape(tf.range(product(sizes(inputs[place]))), tf.shape(inputs[place]))
    return with_dtype(operation, [*inputs[:place], counted, *inputs[place + 1 :]], attr, tf.int32)


def picked(strings: Tensor, places: Tensor) -> Tensor:
    """Return those of `strings` `[n]` that stand at `places`, of any shape.

    An empty string is picked beside them: TF.js forgets the dtype of nothing.  From a list, it picks no more elements than
    the list has.
    """
    padded = tf.concat([strings, [""]], 0)
    wanted = tf.concat([tf.reshape(places, [-1]), tf.reshape(size(strings, 0), [1])], 0)
    no_axes = tf.constant([], tf.int32)
    kept = raw.TensorListFromTensor(tensor=padded, element_shape=no_axes)
    kept = raw.TensorListResize(input_handle=kept, size=tf.maximum(size(padded, 0), size(wanted, 0)))
    found = raw.TensorListGather(input_handle=kept, indices=wanted, element_shape=no_axes, element_dtype=tf.string)
    return tf.reshape(found[:-1], tf.shape(places))


def selected(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`Select` and `SelectV2`: the places of one operand, or those of the other behind them."""
    which, yes, no = inputs
    count = product(sizes(yes))
    first = tf.reshape(tf.range(count), tf.shape(yes))
    second = tf.reshape(tf.range(product(sizes(no))), tf.shape(no)) + count
    places = tf.where(row_condition(operation, which, yes), first, second)
    return picked(tf.concat([tf.reshape(yes, [-1]), tf.reshape(no, [-1])], 0), places)


def padded_with(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`Pad` and `PadV2`: places padded with that of the string that pads, behind all others."""
    value, paddings = inputs[:2]
    filler = inputs[2] if len(inputs) > 2 else tf.constant("")
    count = product(sizes(value))
    places = tf.reshape(tf.range(count), tf.shape(value))
    wide = tf.pad(places - count, paddings) + count
    return picked(tf.concat([tf.reshape(value, [-1]), tf.reshape(filler, [1])], 0), wide)


def filled(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`Fill`: the same place everywhere."""
    dimensions, value = inputs
    return picked(tf.reshape(value, [1]), tf.fill(dimensions, 0))


def distinct(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`Unique` and its kin: each string where it stands first."""
    values = inputs[0]
    same = tf.equal(values[:, tf.newaxis], values)
    places = tf.range(size(values, 0))
    first = tf.reduce_min(tf.where(same, places, size(values, 0)), 1)
    chosen = tf.where(tf.equal(first, places))[:, 0]
    chosen = tf.cast(chosen, tf.int32)
    index = tf.reduce_sum(tf.cast(chosen < first[:, tf.newaxis], tf.int32), 1)
    made = [picked(values, chosen), tf.cast(index, operation.outputs[1].dtype)]
    if len(operation.outputs) > 2:
        counts = tf.reduce_sum(tf.cast(tf.gather(same, chosen), tf.int32), 1)
        made.append(tf.cast(counts, operation.outputs[2].dtype))
    return made


# Comparing.

BUCKETS = (2**31 - 1, 2**31 - 19)
"""Two primes: strings whose hash of 64 bits agrees modulo both are the same, or the hash is broken."""


def equal_strings(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Whether strings are equal: whether their hashes are."""
    same = [tf.equal(*(tf.strings.to_hash_bucket_fast(item, count) for item in inputs)) for count in BUCKETS]
    both = tf.logical_and(*same)
    return both if operation.type == "Equal" else tf.logical_not(both)


# Putting together.


def has_plain_separator(operation: Operation) -> bool:
    """Whether a separator is one that TF.js reads as it is: it makes capitals small, and knows no other alphabet."""
    return is_plain(attribute(operation, "separator", ""))


def is_plain(text: str) -> bool:
    return text.isascii() and text == text.lower()


def joined(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`StringJoin` and the addition of strings: rows of as many strings as there are operands, each joined."""
    separator = attribute(operation, "separator", "")
    wide = [tf.reshape(item, [1] * max(map(rank, inputs))) if rank(item) == 0 else item for item in inputs]
    shape = _common_shape(inputs)
    rows = [tf.reshape(tf.broadcast_to(item, shape), [-1]) for item in wide]
    return tf.reshape(joined_rows(tf.stack(rows, 1), separator), shape)


def _common_shape(inputs: Sequence[Tensor]) -> Tensor:
    shape = tf.shape(inputs[0])
    for item in inputs[1:]:
        shape = tf.broadcast_dynamic_shape(shape, tf.shape(item))
    return shape


def joined_rows(rows: Tensor, separator: str) -> Tensor:
    """Return each row of `[n, m]` strings, m > 0 and fixed, as one string: the only n-gram of m in it."""
    count, width = sizes(rows)
    if not isinstance(width, int) or not width:
        raise Inapplicable("the number of strings to join isn't fixed")
    if width == 1:
        return tf.reshape(rows, [-1])
    splits = tf.range(count + 1) * width
    return raw.StringNGrams(
        data=tf.reshape(rows, [-1]),
        data_splits=splits,
        separator=separator,
        ngram_widths=[width],
        left_pad="",
        right_pad="",
        pad_width=0,
        preserve_short_sequences=False,
    ).ngrams


def reduced(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`ReduceJoin`: the axes that are joined moved behind the others, the first named last: it varies fastest."""
    value, axes = inputs[0], value_of(inputs[1])
    if axes is None or not axes.size:
        raise Inapplicable("its axes aren't constant, or there are none")
    count = rank(value)
    joining = [int(axis) % count for axis in reversed(axes.reshape(-1))]
    kept = [axis for axis in range(count) if axis not in joining]
    lengths = sizes(value)
    turned = tf.transpose(value, [*kept, *joining]) if [*kept, *joining] != list(range(count)) else value
    rows = reshaped(turned, [product([lengths[axis] for axis in kept]), product([lengths[axis] for axis in joining])])
    shape = [1 if axis in joining else lengths[axis] for axis in range(count)]
    if not attribute(operation, "keep_dims"):
        shape = [lengths[axis] for axis in kept]
    return reshaped(joined_rows(rows, attribute(operation, "separator")), shape)


# Writing numbers.

DIGITS = 10
"""As many as an integer of 32 bits has."""
PIECES = ("0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "-", "")
MINUS, NOTHING = 10, 11
"""Where in `PIECES` these stand."""


def is_plainly_written(operation: Operation) -> bool:
    """Whether `AsString` writes integers or booleans, without padding them."""
    dtype = operation.inputs[0].dtype
    return bool(dtype.is_integer or dtype == tf.bool) and bool(attribute(operation, "width") <= 0)


def written(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`AsString` of integers: the pieces of each, joined; of booleans, one of two words."""
    (value,) = inputs
    if value.dtype == tf.bool:
        return tf.where(value, "true", "false")
    pieces = picked(tf.constant(PIECES), tf.stack(_pieces(tf.cast(value, tf.int32)), -1))
    return tf.reshape(joined_rows(tf.reshape(pieces, [-1, DIGITS + 1]), ""), tf.shape(value))


def _pieces(value: Tensor) -> list[Tensor]:
    """Return the sign and the digits as places in `PIECES`.  Negative numbers reach further than positive ones."""
    negative = value < 0
    rest = tf.where(negative, value, -value)
    places: list[Tensor] = []
    for _ in range(DIGITS):
        quotient = tf.math.floordiv(rest, -10)
        digit = tf.negative(rest + 10 * quotient)
        places.insert(0, tf.where(tf.equal(rest, 0), NOTHING, digit) if places else digit)
        rest = tf.negative(quotient)
    return [tf.where(negative, MINUS, NOTHING), *places]


# Taking apart.

WHITESPACE = " \t\n\v\f\r"


def split(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`StringSplitV2` without a limit, at whitespace or at a character.

    At a character, the older op makes nothing of an empty string instead of one part: the character is added to each
    string, and the empty part behind it taken away.
    """
    value, separator = inputs[0], value_of(inputs[1])
    if separator is None or attribute(operation, "maxsplit") != -1:
        raise Inapplicable("its separator isn't constant, or it has a limit")
    text = separator.reshape(-1)[0].decode("latin-1")
    if not text:
        return list(raw.StringSplit(input=value, delimiter=WHITESPACE, skip_empty=True))
    if len(text) > 1 or not is_plain(text):
        raise Inapplicable("its separator isn't one plain character")
    ended = joined_rows(tf.stack([value, tf.fill(tf.shape(value), "")], 1), text)
    places, parts, shape = raw.StringSplit(input=ended, delimiter=text, skip_empty=False)
    row = tf.cast(places[:, 0], tf.int32)
    kept = tf.cast(tf.where(tf.equal(row, tf.concat([row[1:], [-1]], 0)))[:, 0], tf.int32)
    return [tf.gather(places, kept), picked(parts, kept), tf.stack([shape[0], tf.maximum(shape[1] - 1, 0)])]
