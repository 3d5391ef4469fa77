"""Ops that tf2onnx has no handler for, or the wrong one, and ONNX an operator.  Importing this file registers them with tf2onnx.

The highest version of a handler is taken, so these are versions above those of tf2onnx 1.17.0, whose faults the docstrings name.
What is to become several operators is a rule (`onnx_rules.py`) and no handler: a rule can be tested in TensorFlow.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto
from onnx_nodes import constant, flat, int64, make, replace
from tf2onnx import constants, utils
from tf2onnx.handler import tf_op

ML_OPSET = 2
"""Version of the operator set `ai.onnx.ml` in which LabelEncoder takes int64 keys to int64 values."""

INTEGERS = (
    TensorProto.INT8, TensorProto.INT16, TensorProto.INT32, TensorProto.INT64,
    TensorProto.UINT8, TensorProto.UINT16, TensorProto.UINT32, TensorProto.UINT64,
)  # fmt: skip


@tf_op(["Log", "IsInf"])
class AsItIs:
    """tf2onnx computes Log of float64 in float32, and fails on float16."""

    @classmethod
    def version_18(cls, ctx: Any, node: Any, **kwargs: Any) -> None:
        pass


@tf_op(["Select", "SelectV2"], onnx_op="Where")
class Select:
    """tf2onnx writes `c·a + (1 − c)·b`, in which NaN and infinity come through from the side that isn't selected."""

    @classmethod
    def version_18(cls, ctx: Any, node: Any, **kwargs: Any) -> None:
        condition, yes = node.input[0], node.input[1]
        rank, missing = ctx.get_rank(condition), (ctx.get_rank(yes) or 0) - 1
        if kwargs.get("tf_op") == "Select" and rank == 1 and missing > 0:  # a vector chooses among rows
            shape = constant(ctx, np.array([-1, *[1] * missing], np.int64))
            ctx.replace_input(node, condition, make(ctx, "Reshape", condition, shape), 0)


@tf_op(["Mod", "TruncateMod"], onnx_op="Mod")
class TruncateMod:
    """The rest has the sign of the dividend."""

    @classmethod
    def version_18(cls, ctx: Any, node: Any, **kwargs: Any) -> None:
        node.set_attr("fmod", 1)


@tf_op("FloorMod")
class FloorMod:
    """The rest has the sign of the divisor: ONNX' Mod of integers.  tf2onnx's has that of the dividend."""

    @classmethod
    def version_18(cls, ctx: Any, node: Any, **kwargs: Any) -> None:
        node.type = "Mod"
        if ctx.get_dtype(node.input[0]) in INTEGERS:
            return
        x, y = node.input
        rest = make(ctx, "Mod", x, y, fmod=1)
        zero = constant(ctx, np.array(0, utils.map_onnx_to_numpy_type(ctx.get_dtype(x))))
        differ = make(ctx, "Xor", make(ctx, "Less", rest, zero), make(ctx, "Less", y, zero))
        some = make(ctx, "Not", make(ctx, "Equal", rest, zero))
        replace(ctx, node, "Where", [make(ctx, "And", some, differ), make(ctx, "Add", rest, y), rest], {})


@tf_op(["Pad", "PadV2"])
class Pad:
    """tf2onnx casts what it pads to float32, but not the value that it pads with."""

    @classmethod
    def version_18(cls, ctx: Any, node: Any, **kwargs: Any) -> None:
        x, paddings, *value = node.input
        amounts = flat(ctx, make(ctx, "Transpose", paddings, perm=[1, 0]))
        replace(ctx, node, "Pad", [x, int64(ctx, amounts), *value], {"mode": "constant"})


@tf_op("ScatterNd")
class ScatterNd:
    """What lands on the same place is added up; tf2onnx keeps one of it."""

    @classmethod
    def version_18(cls, ctx: Any, node: Any, **kwargs: Any) -> None:
        indices, updates, shape = node.input
        zero = np.zeros([1], utils.map_onnx_to_numpy_type(ctx.get_dtype(updates)))
        empty = make(ctx, "Expand", constant(ctx, zero), int64(ctx, shape))
        replace(ctx, node, "ScatterND", [empty, int64(ctx, indices), updates], {"reduction": "add"})


@tf_op("LookupTableFindV2")
class LookupTableFind:
    """A lookup as LabelEncoder(key → position) and Gather(values and the default, position): exact for any values.

    tf2onnx's own is for strings ↔ int64 alone.
    """

    @classmethod
    def version_18(cls, ctx: Any, node: Any, initialized_tables: Any, **kwargs: Any) -> None:
        keys, values = initialized_tables[node.input[0].split(":")[0]]
        query, default = node.input[1:]
        position = _positions(ctx, query, keys)
        every = _with_default(ctx, values, default)
        replace(ctx, node, "Gather", [every, position], {"axis": 0})


def _positions(ctx: Any, query: str, keys: Any) -> str:
    """Return the tensor of each query's position among `keys`, `len(keys)` where it is none of them."""
    attributes: dict[str, Any] = {"values_int64s": list(range(len(keys))), "default_int64": len(keys)}
    if keys.dtype.kind == "S":
        attributes["keys_strings"] = [key.decode() for key in keys]
    else:
        attributes["keys_int64s"] = keys.astype(np.int64).tolist()
        query = int64(ctx, query)
    shape = ctx.get_shape(query)
    made = ctx.make_node(
        "LabelEncoder",
        [query],
        attr=attributes,
        domain=constants.AI_ONNX_ML_DOMAIN,
        shapes=[shape],
        dtypes=[TensorProto.INT64],
    )
    return str(made.output[0])


def _with_default(ctx: Any, values: Any, default: str) -> str:
    """Return the tensor `[*values, default]`."""
    return make(ctx, "Concat", constant(ctx, values), flat(ctx, default), axis=0)
