"""Lookup tables of every kind that has entries when it is exported."""

from __future__ import annotations

import tempfile
from pathlib import Path

import tensorflow as tf
from catalogue import case
from graphs import spec, strings, weight

WORDS = ["alpha", "beta", "gamma", "delta", "zwölf"]


class Lookup(tf.Module):
    """A module that holds on to its tables, and one function."""

    def __init__(self, tables, call, *specs):
        super().__init__()
        self.tables = tables
        self.call = tf.function(call, input_signature=specs)


def _table(keys, values, default, key_dtype, value_dtype):
    entries = tf.lookup.KeyValueTensorInitializer(keys, values, key_dtype=key_dtype, value_dtype=value_dtype)
    return tf.lookup.StaticHashTable(entries, default)


@case
def string_to_int():
    table = _table(WORDS, list(range(5)), -1, tf.string, tf.int64)
    return Lookup(table, lambda words: table.lookup(words), strings(None))


@case
def string_to_float():
    table = _table(WORDS, [0.5, 1.5, -2.0, 3.25, 9.0], 0.0, tf.string, tf.float32)
    return Lookup(table, lambda words: table.lookup(words) * 2.0, strings(None, 3))


@case
def int_to_string():
    table = _table([0, 1, 2, 5, 90], WORDS, "unknown", tf.int64, tf.string)
    return Lookup(table, lambda ids: table.lookup(ids), spec("int64", None))


@case
def int_to_int():
    table = _table([0, 10, 20, 30], [4, 3, 2, 1], 0, tf.int64, tf.int64)
    return Lookup(table, lambda ids: table.lookup(ids) + table.size(), spec("int64", None, 2))


@case
def int32_keys():
    table = _table([3, 1, 4, 15, 92], [0.25, 0.5, 1.0, 2.0, 4.0], -1.0, tf.int32, tf.float32)
    return Lookup(table, lambda ids: table.lookup(ids), spec("int32", None))


@case
def labels_of_classes():
    """What a classifier serves: the best class by name."""
    table = _table(list(range(5)), WORDS, "unknown", tf.int64, tf.string)

    def call(x):
        scores = tf.nn.softmax(x @ weight(4, 5))
        return {"label": table.lookup(tf.argmax(scores, axis=1)), "score": tf.reduce_max(scores, axis=1)}

    return Lookup(table, call, spec("float32", None, 4))


@case
def vocabulary_with_buckets():
    entries = tf.lookup.KeyValueTensorInitializer(WORDS, list(range(5)), tf.string, tf.int64)
    table = tf.lookup.StaticVocabularyTable(entries, num_oov_buckets=3)
    return Lookup(table, lambda words: table.lookup(words), strings(None))


@case
def vocabulary_file():
    """The table's entries come from a text file."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", delete=False, encoding="utf-8") as file:
        file.write("\n".join(WORDS))
    entries = tf.lookup.TextFileInitializer(
        file.name, tf.string, tf.lookup.TextFileIndex.WHOLE_LINE, tf.int64, tf.lookup.TextFileIndex.LINE_NUMBER
    )
    table = tf.lookup.StaticHashTable(entries, -1)
    Path(file.name).unlink()
    return Lookup([table, entries], lambda words: table.lookup(words), strings(None))


@case
def vocabulary_then_embedding():
    table = _table(WORDS, list(range(1, 6)), 0, tf.string, tf.int64)
    embedding = tf.Variable(weight(6, 4))
    return Lookup(
        [table, embedding],
        lambda words: tf.reduce_mean(tf.nn.embedding_lookup(embedding, table.lookup(words)), axis=1),
        strings(None, 6),
    )


@case
def two_tables():
    """One table's answers are the next one's keys."""
    first = _table(WORDS, list(range(5)), 5, tf.string, tf.int64)
    second = _table(list(range(5)), [10.0, 20.0, 30.0, 40.0, 50.0], -1.0, tf.int64, tf.float32)
    return Lookup([first, second], lambda words: second.lookup(first.lookup(words)), strings(None))


@case
def dense_hash_table():
    table = tf.lookup.experimental.DenseHashTable(tf.int64, tf.float32, -1.0, empty_key=-1, deleted_key=-2)
    table.insert(tf.constant([1, 2, 50], tf.int64), tf.constant([0.1, 0.2, 0.5]))
    return Lookup(table, lambda ids: table.lookup(ids), spec("int64", None))


@case
def mutable_table_filled_before():
    table = tf.lookup.experimental.MutableHashTable(tf.string, tf.int64, -1)
    table.insert(tf.constant(WORDS), tf.constant([5, 4, 3, 2, 1], tf.int64))
    return Lookup(table, lambda words: table.lookup(words), strings(None))


@case
def lookup_in_loop():
    """Follows links until they end."""
    table = _table([7, 3, 9, 1], [3, 9, 1, 0], 0, tf.int64, tf.int64)

    def call(start):
        steps = tf.zeros_like(start)
        at = start
        while tf.reduce_any(at > 0):
            steps += tf.cast(at > 0, tf.int64)
            at = table.lookup(at)
        return steps

    return Lookup(table, call, spec("int64", None))


@case
def lookup_of_split_words():
    table = _table(["the", "quick", "brown", "fox"], [1, 2, 3, 4], 0, tf.string, tf.int64)
    return Lookup(
        table,
        lambda lines: tf.reduce_sum(table.lookup(tf.strings.split(lines).to_tensor("")), axis=1),
        strings(None),
    )
