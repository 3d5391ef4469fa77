"""A dtype that onnxruntime can compute with, for every operator: casts around those for which it has no kernel.

`supply` is called by `convert.py` before the weights come in, so that casts of weights are folded.  ONNX allows an operator more
dtypes than onnxruntime's CPU provider has kernels for, and tf2onnx writes operators of dtypes that not even ONNX allows;
`kernels.json`, written by `list_kernels.py`, says which there are.  What is computed in a wider dtype and cast back is exact;
only float64 is, for want of anything wider, computed in float32 where there is no kernel (`WIDER`, `NARROWER`).
"""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import onnx_trees
from onnx import TensorProto, defs, helper

from anyport_guest import Array

Types = dict[str, str]
"""Tensor → its dtype in ONNX's spelling (`float`, `int64`); `""` for a sequence, and where it isn't known."""

KERNELS = Path(__file__).with_name("kernels.json")

WIDER: Mapping[str, tuple[str, ...]] = {
    "bool": ("int32", "int64", "float", "uint8"),
    "int8": ("int32", "int64", "float", "double"),
    "uint8": ("int32", "int64", "float", "double"),
    "int16": ("int32", "int64", "float", "double"),
    "uint16": ("int32", "int64", "float", "double"),
    "int32": ("int64", "double"),
    "uint32": ("int64", "double"),
    "float16": ("float", "double"),
    "bfloat16": ("float", "double"),
    "float": ("double",),
}
"""Dtype → those that hold each of its values, and each result of an operator on them that it could hold itself."""

NARROWER: Mapping[str, tuple[str, ...]] = {"double": ("float",), "int64": ("double", "int32"), "uint64": ("int64",)}
"""Dtype → what is left where nothing is wider: values beyond its range or precision change."""

UNREDUCED = frozenset({"bool", "string", "float16", "bfloat16"})
"""What a scatter moves and can't add up (ORT 1.32.0: "MLFloat16 data type is not supported with ScatterND when reduction")."""

SCALED = {"RandomUniformLike": "dtype", "RandomNormalLike": "dtype", "RandomUniform": "dtype", "RandomNormal": "dtype"}
CHOSEN = {**SCALED, "Cast": "to", "EyeLike": "dtype", "Multinomial": "dtype"} | dict.fromkeys(
    ("HannWindow", "HammingWindow", "BlackmanWindow", "MelWeightMatrix"), "output_datatype"
)
"""Operators whose dtype is an attribute."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Supplied:
    """An operator that computes in another dtype than its tensors have."""

    op: str
    node: str
    dtype: str
    instead: str
    exact: bool


def supply(model: Any, weights: Mapping[str, Array]) -> list[Supplied]:
    """Put casts around the nodes of `model`, in place, that onnxruntime has no kernel for; return what was done.

    `weights` are the tensors that are still to come in.
    """
    opsets = {item.domain: item.version for item in model.opset_import}
    work = _Work(opsets)
    work.graph(
        model.graph, {name: _name(helper.np_dtype_to_tensor_dtype(value.dtype)) for name, value in weights.items()}
    )
    return work.done


def runtime() -> str:
    """Return the version of onnxruntime that `kernels.json` describes."""
    return str(_kernels()["onnxruntime"])


@functools.cache
def _kernels() -> Any:
    return json.loads(KERNELS.read_text(encoding="utf-8"))


class _Work:
    """One walk through a model."""

    def __init__(self, opsets: Mapping[str, int]) -> None:
        self.opsets = opsets
        self.done: list[Supplied] = []
        self.count = 0

    def graph(self, graph: Any, outer: Types) -> Types:
        """Go through a graph in order; return the dtypes of its tensors."""
        types = dict(outer)
        types.update((tensor.name, _name(tensor.data_type)) for tensor in graph.initializer)
        types.update((port.name, _port_type(port)) for port in graph.input)
        nodes: list[Any] = []
        for node in graph.node:
            nodes.extend(self.node(node, types))
        onnx_trees.replace(graph.node, nodes)
        return types

    def node(self, node: Any, types: Types) -> list[Any]:
        """Return the node, between casts where it needs them; its outputs' dtypes are added to `types`."""
        bodies = [self.graph(inner, types) for inner in onnx_trees.inner_graphs([node])]
        domain, since = node.domain, self._since(node)
        if bodies:
            types.update(_results(node, bodies[0]))
            return [node]
        if since is None:
            types.update(dict.fromkeys(node.output, ""))
            return [node]
        schema = defs.get_schema(node.op_type, since, domain)
        ins = [(position, name, _formal(schema.inputs, position)) for position, name in enumerate(node.input) if name]
        bound = {formal: types.get(name, "") for _, name, formal in ins if not formal.startswith(("tensor(", "seq("))}
        outs = [
            (position, name, _formal(schema.outputs, position)) for position, name in enumerate(node.output) if name
        ]
        for _, name, formal in outs:
            types[name] = _output_type(node, schema, formal, bound)
            bound.setdefault(formal, types[name])
        instead = _instead(node.op_type if not domain else f"{domain}:{node.op_type}", since, bound, _unable(node))
        if not instead:
            return [node]
        return self._between_casts(node, instead, bound, [*ins], [*outs])

    def _since(self, node: Any) -> int | None:
        try:
            return int(defs.get_schema(node.op_type, self.opsets[node.domain], node.domain).since_version)
        except (defs.SchemaError, KeyError):
            return None

    def _between_casts(
        self, node: Any, instead: Mapping[str, str], bound: Mapping[str, str], ins: Iterable[Any], outs: Iterable[Any]
    ) -> list[Any]:
        before, after = [], []
        for position, name, formal in ins:
            if formal in instead:
                cast = self._cast(name, instead[formal])
                node.input[position] = cast.output[0]
                before.append(cast)
        for position, name, formal in outs:
            if formal in instead:
                inner = self._free(name)
                node.output[position] = inner
                after.append(_cast_node(inner, name, f"{inner}/back", bound[formal]))
        for formal, dtype in instead.items():
            exact = dtype in WIDER.get(bound[formal], ())
            self.done.append(Supplied(op=node.op_type, node=node.name, dtype=bound[formal], instead=dtype, exact=exact))
        return [*before, node, *after]

    def _cast(self, name: str, dtype: str) -> Any:
        result = self._free(name)
        return _cast_node(name, result, result, dtype)

    def _free(self, name: str) -> str:
        self.count += 1
        return f"{name}/as_supplied_{self.count}"


def _cast_node(source: str, result: str, name: str, dtype: str) -> Any:
    return helper.make_node("Cast", [source], [result], name=name, to=TensorProto.DataType.Value(dtype.upper()))


def _name(number: int) -> str:
    return TensorProto.DataType.Name(number).lower() if number else ""


def _port_type(port: Any) -> str:
    return _name(port.type.tensor_type.elem_type) if port.type.HasField("tensor_type") else ""


def _formal(parameters: Any, position: int) -> str:
    """Return the type constraint of the parameter at a position, the last one's where that takes any number."""
    return str(parameters[min(position, len(parameters) - 1)].type_str)


def _results(node: Any, body: Types) -> Types:
    """Return the dtypes of what a loop or a branch yields."""
    inner = next(onnx_trees.inner_graphs([node])).output
    inner = inner[1:] if node.op_type == "Loop" else inner  # a loop's body yields its condition first
    return {name: body.get(port.name, "") for name, port in zip(node.output, inner, strict=False)}


def _output_type(node: Any, schema: Any, formal: str, bound: Mapping[str, str]) -> str:
    """Return the dtype of an output."""
    if formal in bound and node.op_type not in CHOSEN:
        return bound[formal]
    if formal.startswith("tensor("):
        return formal[len("tensor(") : -1]
    allowed = {
        text for item in schema.type_constraints if item.type_param_str == formal for text in item.allowed_type_strs
    }
    if len(allowed) == 1 and (only := str(next(iter(allowed)))).startswith("tensor("):
        return only[len("tensor(") : -1]
    return _stated_type(node, bound)


def _stated_type(node: Any, bound: Mapping[str, str]) -> str:
    """Return the dtype that a node's attributes state."""
    attributes = {item.name: item for item in node.attribute}
    if node.op_type in CHOSEN and CHOSEN[node.op_type] in attributes:
        return _name(attributes[CHOSEN[node.op_type]].i)
    if node.op_type in ("Constant", "ConstantOfShape") and "value" in attributes:
        return _name(attributes["value"].t.data_type)
    if node.op_type == "LabelEncoder":
        kinds = {"values_int64s": "int64", "values_strings": "string", "values_floats": "float"}
        return next((dtype for name, dtype in kinds.items() if name in attributes), "")
    if node.op_type in SCALED or node.op_type == "EyeLike":
        return next(iter(bound.values()), "float")
    return {"ConstantOfShape": "float", "QuantizeLinear": "uint8", "DynamicQuantizeLinear": "uint8"}.get(
        node.op_type, ""
    )


def _unable(node: Any) -> frozenset[str]:
    """Return dtypes of which a kernel refuses to run the node, though it is registered for them."""
    reduces = any(item.name == "reduction" and item.s not in (b"", b"none") for item in node.attribute)
    return UNREDUCED if node.op_type in ("ScatterND", "ScatterElements") and reduces else frozenset()


def _instead(op: str, since: int, bound: Mapping[str, str], unable: frozenset[str]) -> dict[str, str]:
    """Return which dtypes the operator must compute in, by type constraint; nothing where a kernel takes them as they are.

    Nothing too for an operator without kernels, which onnxruntime takes apart, and where no cast would help.
    """
    best: tuple[int, dict[str, str]] | None = None
    for kernel in _fitting(op, since):
        cost, instead = 0, {}
        for formal, dtypes in kernel.items():
            dtype = bound.get(formal, "")
            allowed = [name for name in dtypes.split() if name not in unable]
            if not dtype or dtype in allowed:
                continue
            choices = [*WIDER.get(dtype, ()), *NARROWER.get(dtype, ())]
            found = next((choice for choice in choices if choice in allowed), None)
            if found is None:
                break
            cost += 1 + choices.index(found) + (100 if found in NARROWER.get(dtype, ()) else 0)
            instead[formal] = found
        else:
            if best is None or cost < best[0]:
                best = cost, instead
    return best[1] if best else {}


def _fitting(op: str, since: int) -> Iterator[dict[str, str]]:
    for first, last, kernel in _kernels()["kernels"].get(op, ()):
        if first <= since <= last:
            yield kernel
