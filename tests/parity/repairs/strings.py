"""Strings moved by their places, put together and taken apart: TF.js' repairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from examples import KEEPING
from shorthand import declare

raw = tf.raw_ops

KEEPING.update(
    {"strings-moved-by-place", "strings-selected-by-place", "strings-padded-by-place", "strings-filled-by-place"}
)


def words(*shape: int) -> Any:
    """Return words, some of which are equal, one empty and one with letters beyond ASCII."""
    known = np.array([b"a", b"", b"zw\xc3\xb6lf", b"b c", b"a"], object)
    return known[np.arange(int(np.prod(shape))) % len(known)].reshape(shape)


PICKS = np.array([2, 0, 2], np.int32)

for _name, _call in {
    "transposed": tf.transpose,
    "gathered": lambda x: tf.gather(x, PICKS, axis=1),
    "gathered_rows": lambda x: tf.gather(x, PICKS),
    "gathered_singly": lambda x: tf.gather_nd(x, [[0, 1], [2, 2]]),
    "gathered_by_row": lambda x: tf.gather(x, tf.stack([PICKS, PICKS, PICKS]), batch_dims=1),
    "tiled": lambda x: tf.tile(x, [2, 3]),
    "reversed": lambda x: tf.reverse(x, [0, 1]),
    "broadcast": lambda x: tf.broadcast_to(x, [2, 3, 3]),
    "rolled": lambda x: tf.roll(x, 1, 1),
    "mirrored": lambda x: tf.pad(x, [[1, 1], [0, 2]], mode="REFLECT"),
}.items():
    declare("strings-moved-by-place", _name, _call, words(3, 3))
declare(
    "strings-moved-by-place",
    "of_a_vector",
    lambda x, i: tf.gather(x, i),
    words(5),
    np.array([[4, 2], [0, 0]], np.int32),
)
declare("strings-moved-by-place", "none", lambda x, i: tf.gather(x, i), words(5), np.zeros([0], np.int32))
declare("strings-moved-by-place", "from_few", lambda x: tf.gather(x, [0] * 9), words(2))
declare(
    "strings-selected-by-place",
    "broadcast",
    lambda x, c: tf.where(c[:, None], x, "no"),
    words(3, 2),
    [True, False, True],
)
declare(
    "strings-selected-by-place", "rows", lambda x, c: raw.Select(condition=c, x=x, y=tf.reverse(x, [1])),
    words(3, 2), [True, False, True],
)  # fmt: skip
declare("strings-padded-by-place", "blank", lambda x: tf.pad(x, [[0, 1], [2, 0]]), words(3, 2))
declare("strings-padded-by-place", "words", lambda x: tf.pad(x, [[1, 0], [0, 1]], constant_values="-"), words(3, 2))
declare("strings-filled-by-place", "filled", lambda x: tf.fill([tf.size(x), 2], x[0]), words(3))
declare("distinct-strings-by-place", "distinct", lambda x: tuple(tf.unique(x)), words(9))
declare("distinct-strings-by-place", "counted", lambda x: tuple(tf.unique_with_counts(x)), words(9))
declare(
    "join-as-ngrams",
    "three",
    lambda a, b: tf.strings.join([a, b, "!"], separator=", "),
    words(4),
    words(4)[::-1].copy(),
)
declare("join-as-ngrams", "sum", lambda a, b: a + b, words(3, 2), words(2), unknown=())
declare("join-as-ngrams", "one", lambda a: tf.strings.join([a]), words(4))
declare("reduce-join-as-ngrams", "last", lambda x: tf.strings.reduce_join(x, 1, separator=" "), words(4, 3))
declare(
    "reduce-join-as-ngrams", "kept", lambda x: tf.strings.reduce_join(x, 0, keepdims=True), words(4, 3), unknown=(1,)
)
declare("reduce-join-as-ngrams", "both_in_order", lambda x: tf.strings.reduce_join(x, [0, 1]), words(2, 3), unknown=())
declare("reduce-join-as-ngrams", "both", lambda x: tf.strings.reduce_join(x, [1, 0]), words(2, 3), unknown=())

NUMBERS = np.array([[0, 7, -7, 10], [-(2**31), 2**31 - 1, 1200, -99]], np.int32)
declare("integers-written-in-digits", "integers", tf.strings.as_string, NUMBERS)
declare("integers-written-in-digits", "narrow", tf.strings.as_string, NUMBERS[0].astype(np.int8))
declare("integers-written-in-digits", "booleans", tf.strings.as_string, NUMBERS > 0)

LINES = np.array([b"a b  c", b"", b" x\ty ", b",", b"a,b,,c,", "zw\u00f6lf,\u00fc".encode()], object)
for _separator in ("", ","):
    declare(
        "split-as-older-split", "at_character" if _separator else "at_whitespace",
        lambda x, at=_separator: tuple(raw.StringSplitV2(input=x, sep=at)), LINES,
    )  # fmt: skip
    declare(
        "split-as-older-split", f"nothing{_separator}",
        lambda x, at=_separator: tuple(raw.StringSplitV2(input=x, sep=at)), LINES[:0],
    )  # fmt: skip
