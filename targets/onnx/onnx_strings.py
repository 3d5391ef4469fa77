"""Handlers for what ONNX can do with strings, from opset 20 on.  Importing this file registers them with tf2onnx.

ONNX' strings are UTF-8, TensorFlow's any bytes: a model that is given others fails in onnxruntime.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto
from onnx_nodes import become, constant, flat, make
from tf2onnx.handler import tf_op

OPSET = 20
"""The operator set in which StringConcat, StringSplit and RegexFullMatch came."""


def _with_one_more(ctx: Any, strings: str) -> str:
    """Return a vector of strings and one more, so that there is one: onnxruntime makes one up of none."""
    return make(ctx, "Concat", flat(ctx, strings), constant(ctx, ["x"]), axis=0)


def _without_last(ctx: Any, tensor: str) -> str:
    ends = (constant(ctx, np.array([number], np.int64)) for number in (0, -1, 0))
    return make(ctx, "Slice", tensor, *ends)


def _shaped_like(ctx: Any, strings: str, x: str) -> str:
    return make(ctx, "Reshape", strings, make(ctx, "Shape", x))


@tf_op(["StringLower", "StringUpper"])
class StringCase:
    """ASCII letters alone, as TensorFlow without an encoding: the locale "C", which every machine has."""

    @classmethod
    def version_20(cls, ctx: Any, node: Any, **kwargs: Any) -> None:
        x, action = node.input[0], "LOWER" if node.type == "StringLower" else "UPPER"
        attributes = {"case_change_action": action, "is_case_sensitive": 1, "locale": "C"}
        changed = make(ctx, "StringNormalizer", _with_one_more(ctx, x), **attributes)
        become(ctx, node, [_shaped_like(ctx, _without_last(ctx, changed), x)])


@tf_op("StringJoin")
class StringJoin:
    @classmethod
    def version_20(cls, ctx: Any, node: Any, **kwargs: Any) -> None:
        separator = node.get_attr_value("separator") or b""
        joined = node.input[0]
        for tensor in node.input[1:]:
            if separator:
                joined = make(ctx, "StringConcat", joined, constant(ctx, np.array(separator.decode(), object)))
            joined = make(ctx, "StringConcat", joined, tensor)
        become(ctx, node, [joined])


@tf_op(["RegexFullMatch", "StaticRegexFullMatch"])
class RegexFullMatch:
    """Both are RE2, in TensorFlow and in onnxruntime."""

    @classmethod
    def version_20(cls, ctx: Any, node: Any, **kwargs: Any) -> None:
        pattern = node.get_attr_value("pattern") or node.inputs[1].get_tensor_value(as_list=False).item()
        pattern = pattern.decode() if isinstance(pattern, bytes) else pattern
        become(ctx, node, [make(ctx, "RegexFullMatch", node.input[0], pattern=pattern)])


@tf_op("StringSplitV2")
class StringSplit:
    """Split into a matrix, and take from it what is no filling; of an empty string TensorFlow makes one empty piece."""

    @classmethod
    def version_20(cls, ctx: Any, node: Any, **kwargs: Any) -> None:
        x, separator = node.input[0], _text(node.inputs[1])
        limit = node.get_attr_value("maxsplit", -1)
        attributes: dict[str, Any] = {"delimiter": separator} | ({"maxsplit": limit} if limit >= 0 else {})
        split = ctx.make_node("StringSplit", [_with_one_more(ctx, x)], attr=attributes, output_count=2)
        pieces, counts = (_without_last(ctx, tensor) for tensor in split.output)
        counts = make(ctx, "Max", counts, constant(ctx, np.array([1], np.int64)))
        width = make(ctx, "Shape", pieces, start=1)
        columns = make(ctx, "Range", constant(ctx, np.int64(0)), _scalar(ctx, width), constant(ctx, np.int64(1)))
        filled = make(ctx, "Less", columns, make(ctx, "Unsqueeze", counts, constant(ctx, np.array([1], np.int64))))
        places = make(ctx, "Transpose", make(ctx, "NonZero", filled), perm=[1, 0])
        counted = make(ctx, "Concat", counts, constant(ctx, np.array([0], np.int64)), axis=0)
        most = make(ctx, "ReduceMax", counted, keepdims=1)
        shape = make(ctx, "Concat", make(ctx, "Shape", x), most, axis=0)
        become(ctx, node, [places, make(ctx, "GatherND", pieces, places), shape])


def _text(node: Any) -> str:
    value = node.get_tensor_value(as_list=False).item()
    return value.decode() if isinstance(value, bytes) else str(value)


def _scalar(ctx: Any, vector: str) -> str:
    return make(ctx, "Squeeze", vector, constant(ctx, np.array([0], np.int64)))


@tf_op(["Equal", "NotEqual"])
class Equal:
    """tf2onnx compares strings as the integers that they don't spell."""

    @classmethod
    def version_19(cls, ctx: Any, node: Any, **kwargs: Any) -> None:
        equal = make(ctx, "Equal", *node.input)
        become(ctx, node, [make(ctx, "Not", equal) if node.type == "NotEqual" else equal])


@tf_op("StringToNumber")
class StringToNumber:
    """onnxruntime makes one cast of two in a row, and reads no "1e3" as an integer: the shape, once more, keeps them apart."""

    @classmethod
    def version_20(cls, ctx: Any, node: Any, **kwargs: Any) -> None:
        number = make(ctx, "Cast", node.input[0], to=node.output_dtypes[0] or TensorProto.FLOAT)
        become(ctx, node, [_shaped_like(ctx, number, node.input[0])])
