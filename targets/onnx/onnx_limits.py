"""What the handlers of an op can't do, though they take it: told from the op's attributes before anything is converted.

`reason` is called by `onnx_express.refusals`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

from anyport_tf.freeze import source_node

Node = Any
Constants = Mapping[str, Node]
"""The constants of the same graph or function, by name."""

Limit = Callable[[Node, Constants], str]
"""Returns why the node can't be converted, nothing where it can."""

FLOATS = {dtype.as_datatype_enum for dtype in (tf.float16, tf.bfloat16, tf.float32, tf.float64)}
STRING = tf.string.as_datatype_enum


def reason(node: Node, constants: Constants) -> str:
    """Return why the node can't be converted, nothing where it can."""
    return LIMITS[node.op](node, constants) if node.op in LIMITS else ""


def _random(node: Node, constants: Constants) -> str:
    return "it draws random numbers, and no other runtime draws the same"


def _as_string(node: Node, constants: Constants) -> str:
    if "T" in node.attr and node.attr["T"].type in FLOATS:
        return "ONNX writes floats with other digits"
    return "ONNX fills up no digits" if "width" in node.attr and node.attr["width"].i > 0 else ""


def _letter_case(node: Node, constants: Constants) -> str:
    encoded = "encoding" in node.attr and node.attr["encoding"].s
    return "ONNX changes the case of ASCII letters alone on every machine" if encoded else ""


def _round(node: Node, constants: Constants) -> str:
    """`tf.round` leaves integers alone; whoever calls the op itself gets zeros from TensorFlow 2.21's kernel."""
    floats = "T" not in node.attr or node.attr["T"].type in FLOATS
    return "" if floats else "ONNX rounds floats alone, and TensorFlow's own result for integers is wrong"


def _split(node: Node, constants: Constants) -> str:
    separator = constants.get(source_node(node.input[1]))
    if separator is None:
        return "its separator is known only when the model runs"
    blank = not any(separator.attr["value"].tensor.string_val)
    return "onnxruntime splits at spaces alone where it splits at white space" if blank else ""


def _pattern(node: Node, constants: Constants) -> str:
    return "" if source_node(node.input[1]) in constants else "its pattern is known only when the model runs"


def _numbers(node: Node, constants: Constants) -> str:
    return "onnxruntime adds up numbers alone" if "T" in node.attr and node.attr["T"].type == STRING else ""


def _float_means(node: Node, constants: Constants) -> str:
    return "" if "T" not in node.attr or node.attr["T"].type in FLOATS else "tf2onnx divides integers by empty segments"


LIMITS: Mapping[str, Limit] = {
    "AsString": _as_string,
    "RegexFullMatch": _pattern,
    "Round": _round,
    "ScatterNd": _numbers,
    "SegmentMean": _float_means,
    "StringLower": _letter_case,
    "StringSplitV2": _split,
    "StringUpper": _letter_case,
    **dict.fromkeys(
        ("Multinomial", "RandomShuffle", "RandomStandardNormal", "RandomUniform", "RandomUniformInt"), _random
    ),
}
