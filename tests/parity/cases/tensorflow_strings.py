"""Strings: what serving signatures do before the numbers begin."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from graphs import floats, ints, spec, strings, traced


@traced(strings(None))
def lower_upper_strip(x):
    return {
        "lower": tf.strings.lower(x),
        "upper": tf.strings.upper(x),
        "strip": tf.strings.strip("\n " + x + " \t x\r\n"),
    }


@traced(strings(None))
def utf8_case(x):
    return tf.strings.upper(x, encoding="utf-8")


@traced(strings(None))
def lengths(x):
    return {"bytes": tf.strings.length(x), "characters": tf.strings.length(x, unit="UTF8_CHAR")}


@traced(strings(None), strings(None))
def join_and_add(a, b):
    return {"joined": tf.strings.join([a, b], separator="-"), "added": a + b, "same": a == b}


@traced(strings(None, 3))
def reduce_join(x):
    return tf.strings.reduce_join(x, axis=1, separator=" ")


@traced(strings(None))
def split_to_dense(x):
    return tf.strings.split(x, sep=" ").to_tensor("", shape=[None, 4])


@traced(strings(None))
def split_on_letter(x):
    return tf.strings.split(x, sep="a", maxsplit=1).to_tensor("", shape=[None, 2])


@traced(strings(None))
def characters(x):
    return tf.strings.bytes_split(x).to_tensor("", shape=[None, 8])


@traced(strings(None))
def regex(x):
    return {
        "vowels": tf.strings.regex_replace(x, "[aeiou]+", "_"),
        "first": tf.strings.regex_replace(x, r"^(\w)", r"<\1>", replace_global=False),
        "word": tf.strings.regex_full_match(x, "[a-z]+"),
    }


@traced(strings(None))
def substrings(x):
    return tf.strings.substr(x + "........", 1, 4)


@traced(strings(None), samples=lambda: {"x": np.array(["3", "-0.5", "1e3", "0", "42.125"])})
def to_number(x):
    return {"float": tf.strings.to_number(x), "rounded": tf.cast(tf.strings.to_number(x, tf.float64), tf.int32)}


@traced(floats(None), ints(None))
def as_string(x, n):
    return {
        "fixed": tf.strings.as_string(x, precision=2),
        "integer": tf.strings.as_string(n),
        "padded": tf.strings.as_string(n, width=6, fill="0"),
        "boolean": tf.strings.as_string(x > 0.0),
    }


@traced(strings(None))
def hash_buckets(x):
    return {
        "fast": tf.strings.to_hash_bucket_fast(x, 1000),
        "strong": tf.strings.to_hash_bucket_strong(x, 1000, key=[1, 2]),
    }


@traced(strings(None))
def ngrams(x):
    words = tf.strings.split(x + " and so on")
    return tf.strings.ngrams(words, 2).to_tensor("", shape=[None, 6])


@traced(strings(None))
def code_points(x):
    return tf.strings.unicode_decode(x, "UTF-8").to_tensor(-1, shape=[None, 8])


@traced(ints(None, 4))
def from_code_points(x):
    return tf.strings.unicode_encode(x % 26 + 97, "UTF-8")


@traced(strings(None))
def where_equal(x):
    known = tf.reduce_any(x[:, None] == tf.constant(["alpha", "beta", ""]), axis=1)
    return tf.where(known, x, "other")


@traced(strings(None))
def base64(x):
    encoded = tf.io.encode_base64(x, pad=True)
    return {"encoded": encoded, "back": tf.io.decode_base64(encoded)}


@traced(strings(None))
def decode_raw(x):
    return tf.io.decode_raw(x, tf.uint8, fixed_length=6)


@traced(strings(None), samples=lambda: {"lines": np.array(["1,2.5,a", "-3,,b", "0,7,"])})
def decode_csv(lines):
    number, value, name = tf.io.decode_csv(lines, [0, -1.0, ""])
    return {"number": number, "value": value, "name": name}


def _example(value: float, words: list[bytes]) -> bytes:
    feature = {
        "value": tf.train.Feature(float_list=tf.train.FloatList(value=[value, value * 2])),
        "words": tf.train.Feature(bytes_list=tf.train.BytesList(value=words)),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()


def _examples() -> dict[str, np.ndarray]:
    return {
        "serialized": np.array([_example(1.5, [b"alpha", b"x"]), _example(-2.5, [b"y"]), _example(0.25, [b"beta"])])
    }


@traced(strings(None), samples=_examples)
def parse_example(serialized):
    """TensorFlow's own wire format, as TensorFlow Serving's clients send it."""
    parsed = tf.io.parse_example(
        serialized, {"value": tf.io.FixedLenFeature([2], tf.float32), "words": tf.io.VarLenFeature(tf.string)}
    )
    words = tf.sparse.to_dense(parsed["words"], "none")
    return {"value": parsed["value"] * 2.0, "words": words}


@traced(spec("string"))
def scalar_string(x):
    return tf.strings.join(["<", tf.strings.lower(x), ">"]), tf.strings.length(x)


@traced(strings(None), ints(None))
def strings_moved_about(x, picks):
    """Strings that are only gathered, stacked, padded and reshaped."""
    x = tf.concat([x, ["end"]], axis=0)
    return tf.reshape(tf.stack([tf.gather(x, picks % tf.size(x)), tf.tile(x[-1:], [tf.size(picks)])], axis=1), [-1])


@traced(strings(None))
def bytes_to_features(x):
    """A byte-level featuriser: counts of each letter class."""
    codes = tf.cast(tf.io.decode_raw(x, tf.uint8, fixed_length=12), tf.int32)
    letters = (codes >= 97) & (codes <= 122)
    return tf.stack([tf.math.count_nonzero(letters, axis=1), tf.math.count_nonzero(codes == 32, axis=1)], axis=1)


@traced(ints(None), floats(None, 4))
def labels_gathered(which, scores):
    """Labels that are constants, chosen by numbers."""
    labels = tf.constant(["ant", "bee", "cat", "dog"])
    best = tf.math.top_k(scores, 2)
    return {"which": tf.gather(labels, which % 4), "best": tf.gather(labels, best.indices), "score": best.values}


@traced(strings(None, 3), ints(None))
def strings_rearranged(x, picks):
    return {
        "turned": tf.transpose(x),
        "picked": tf.gather(x, picks % 3, axis=1),
        "reversed": tf.reverse(x, [1]),
        "padded": tf.pad(x, [[0, 1], [2, 0]], constant_values="-"),
        "halves": tf.split(x, [1, 2], axis=1)[1],
    }


@traced(strings(None), samples=lambda: {"x": np.array(["a", "b", "a", "ü", "b", "a"])})
def distinct_strings(x):
    values, index, count = tf.unique_with_counts(x)
    return {"values": values, "index": index, "count": count}


@traced(strings(None), samples=lambda: {"x": np.array(["a b  c", "", " x\ty ", "ü,ö", ",", "a,b,,c,"])})
def split_anywhere(x):
    words, fields = tf.strings.split(x), tf.strings.split(x, ",")
    return {"words": words.to_tensor(""), "fields": fields.to_tensor("?"), "counts": fields.row_lengths()}
