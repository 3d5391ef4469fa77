"""Ops that tf2onnx has no handler for, or the wrong one.  Importing this file registers them with tf2onnx.

tf2onnx 1.17.0 leaves Erfc, Expm1 and Log1p in its output, exits 0, and the file is invalid; its lookup tables know
strings ↔ int64 only.  When a newer version's `onnx_opset/math.py` names the three, those handlers can go.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from onnx import TensorProto
from tf2onnx import constants, utils
from tf2onnx.handler import tf_op

ML_OPSET = 2
"""Version of the operator set `ai.onnx.ml` in which LabelEncoder takes int64 keys to int64 values."""


@tf_op("Expm1")
class Expm1:
    """expm1(x) = tanh(x/2)·(exp(x) + 1): an identity, and exact where exp(x) − 1 loses every digit, near 0."""

    @classmethod
    def version_7(cls, ctx: Any, node: Any, **kwargs: Any) -> None:
        x = _Composition(ctx, node)
        tanh = x.make("Tanh", x.make("Mul", x.input, x.constant(0.5)))
        x.finish("Mul", tanh, x.make("Add", x.make("Exp", x.input), x.constant(1)))


@tf_op("Log1p")
class Log1p:
    """log1p(x) = x·log(u)/(u − 1) with u = 1 + x rounded; x itself where u is 1; log(u) above 1, where u may be ∞.

    W. Kahan's formula, as in D. Goldberg, What every computer scientist should know about floating-point arithmetic
    (1991), theorem 4: within 5 units in the last place, where log(1 + x) loses every digit near 0.
    """

    @classmethod
    def version_9(cls, ctx: Any, node: Any, **kwargs: Any) -> None:
        x = _Composition(ctx, node)
        one = x.constant(1)
        u = x.make("Add", x.input, one)
        log = x.make("Log", u)
        ratio = x.make("Div", x.make("Mul", x.input, log), x.make("Sub", u, one))
        near = x.make("Where", x.make("Equal", u, one), x.input, ratio)
        x.finish("Where", x.make("Greater", x.input, one), log, near)


@tf_op("LookupTableFindV2")
class LookupTableFind:
    """A lookup as LabelEncoder(key → position) and Gather(values and the default, position): exact for any values."""

    # tf2onnx registers its own, for strings ↔ int64, as version 8; the highest version is taken.
    @classmethod
    def version_9(cls, ctx: Any, node: Any, initialized_tables: Any, **kwargs: Any) -> None:
        keys, values = initialized_tables[node.input[0].split(":")[0]]
        query, default = node.input[1:]
        position = _positions(ctx, query, keys)
        every = _with_default(ctx, values, default)
        _replace(ctx, node, "Gather", [every, position], {"axis": 0})


def _positions(ctx: Any, query: str, keys: Any) -> str:
    """Return the tensor of each query's position among `keys`, `len(keys)` where it is none of them."""
    attributes: dict[str, Any] = {"values_int64s": list(range(len(keys))), "default_int64": len(keys)}
    if keys.dtype.kind == "S":
        attributes["keys_strings"] = [key.decode() for key in keys]
    else:
        attributes["keys_int64s"] = keys.astype(np.int64).tolist()
        query = ctx.make_node("Cast", [query], attr={"to": TensorProto.INT64}).output[0]
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
    plain = values.astype(object) if values.dtype.kind == "S" else values
    table = ctx.make_const(utils.make_name("table_values"), plain, raw=values.dtype.kind != "S").output[0]
    minus_one = ctx.make_const(utils.make_name("one_element"), np.array([-1], np.int64)).output[0]
    flat = ctx.make_node("Reshape", [default, minus_one]).output[0]
    return str(ctx.make_node("Concat", [table, flat], attr={"axis": 0}).output[0])


class _Composition:
    """Makes the nodes that take the place of an elementwise node of one input."""

    def __init__(self, ctx: Any, node: Any) -> None:
        self._ctx, self._node = ctx, node
        self.input = str(node.input[0])
        self._dtype = utils.map_onnx_to_numpy_type(ctx.get_dtype(self.input))

    def constant(self, value: float) -> str:
        return str(self._ctx.make_const(utils.make_name(self._node.name), np.array(value, self._dtype)).output[0])

    def make(self, op: str, *inputs: str) -> str:
        return str(self._ctx.make_node(op, list(inputs), op_name_scope=self._node.name).output[0])

    def finish(self, op: str, *inputs: str) -> None:
        """Make the last node, which takes over the name, the output and the shape of the node replaced."""
        _replace(self._ctx, self._node, op, list(inputs), {})


def _replace(ctx: Any, node: Any, op: str, inputs: list[str], attributes: dict[str, Any]) -> None:
    shapes, dtypes = node.output_shapes, node.output_dtypes
    ctx.remove_node(node.name)
    ctx.make_node(op, inputs, attr=attributes, name=node.name, outputs=node.output, shapes=shapes, dtypes=dtypes)
