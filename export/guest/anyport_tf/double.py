"""The canonical form in double precision: the same model, computed with 53 bits where the source computes with 24 or fewer.

`doubled(model)` returns a model whose floats are float64 and whose complex numbers are complex128, weights, constants, bodies
of loops and the contract's inputs and outputs included.  Casts between float dtypes thereby lose nothing.  An operator
that has no kernel for doubles on a CPU stays as it is, between two casts; so does what draws random numbers, which would
draw others, and what looks at the bits.

`anyport_tf.noise` runs it to learn how far the source's own rounding takes it from what the model states.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import kernels, op_def_registry, tensor_util

from .canonical import Array, Canonical, Signature
from .compositions.normalization import fused_batch_norm
from .rules import Rule, apply

NodeDef = Any
OpDef = Any

WIDE = {
    tf.float32.as_datatype_enum: tf.float64.as_datatype_enum,
    tf.float16.as_datatype_enum: tf.float64.as_datatype_enum,
    tf.bfloat16.as_datatype_enum: tf.float64.as_datatype_enum,
    tf.complex64.as_datatype_enum: tf.complex128.as_datatype_enum,
}
"""Dtype → the one that it is computed in here."""

AS_IT_IS = ("Bitcast", "Random", "StatelessRandom", "StatelessTruncated", "StatelessParameterized", "StatelessMultinomial",
            "TruncatedNormal", "Multinomial", "LookupTable", "MutableHash", "AsString", "StringFormat", "FakeQuant",
            "DecodeRaw", "DecodePaddedRaw")  # fmt: skip
"""How the names of ops begin whose results, or whose resources, depend on the width of a number."""

SUFFIX = "_anyport_double"
"""Of functions' names: TensorFlow keeps those of a process in one table."""

FOLLOWING = ("Placeholder", "PlaceholderWithDefault", "Const")

APART = Rule(
    name="fused-batch-norm-as-arithmetic",
    ops=("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"),
    becomes=fused_batch_norm,
    why="TensorFlow has no kernel of doubles for it",
    until="tensorflow 2.21.0",
)


def doubled(model: Canonical) -> Canonical:
    """Return the model in double precision, with the names that it has."""
    apart, _ = apply(model, [APART])
    kept = _of_tables(apart)
    weights = {name: value if name in kept else _wide_array(value) for name, value in apart.weights.items()}
    signatures = {name: _signature(signature) for name, signature in apart.signatures.items()}
    contract = {**apart.contract, "signatures": [_contract(item) for item in apart.contract["signatures"]]}
    return dataclasses.replace(apart, signatures=signatures, weights=weights, contract=contract)


def _of_tables(model: Canonical) -> set[str]:
    return {name for table in model.tables.values() for name in table.values()}


def _wide_array(value: Array) -> Array:
    wide = WIDE.get(tf.dtypes.as_dtype(value.dtype).as_datatype_enum) if value.dtype.kind not in "SOU" else None
    return value if wide is None else value.astype(tf.dtypes.as_dtype(wide).as_numpy_dtype)


def _contract(signature: Mapping[str, Any]) -> dict[str, Any]:
    def wide(port: Mapping[str, Any]) -> dict[str, Any]:
        dtype = tf.dtypes.as_dtype(port["dtype"]).as_datatype_enum
        return {**port, "dtype": tf.dtypes.as_dtype(WIDE.get(dtype, dtype)).name}

    return {**signature, **{role: [wide(port) for port in signature[role]] for role in ("inputs", "outputs")}}


def _signature(signature: Signature) -> Signature:
    graph = tf.compat.v1.GraphDef()
    graph.CopyFrom(signature.graph)
    body = _Body(graph.node, inside_function=False)
    body.widen()
    outputs = {name: body.replaced(tensor) for name, tensor in signature.outputs.items()}
    for function in graph.library.function:
        function.signature.name += SUFFIX
        for argument in (*function.signature.input_arg, *function.signature.output_arg):
            argument.type = WIDE.get(argument.type, argument.type)
        inner = _Body(function.node_def, inside_function=True)
        inner.widen()
        for name, tensor in function.ret.items():
            function.ret[name] = inner.replaced(tensor)
    return dataclasses.replace(signature, graph=graph, outputs=outputs)


class _Body:
    """The nodes of a graph or of a function, changed in place.

    A graph says `node:3` or, for the first output, `node`; a function `node:OUTPUT:0`, after the name of the output.
    """

    def __init__(self, nodes: Any, *, inside_function: bool) -> None:
        self.nodes = nodes
        self.inside_function = inside_function
        self._instead: dict[str, str] = {}

    def replaced(self, tensor: str) -> str:
        """Return what stands for a tensor now."""
        key = tensor if self.inside_function or ":" in tensor or tensor.startswith("^") else f"{tensor}:0"
        return self._instead.get(key, tensor)

    def widen(self) -> None:
        """Make every node double that can be, and put casts around the others."""
        nodes = list(self.nodes)
        definitions = {node.name: op_def_registry.get(node.op) for node in nodes}
        for node in nodes:
            _widen(node, definitions[node.name])
        for node in nodes:
            if (definition := definitions[node.name]) is not None and node.op not in FOLLOWING:
                self._cast_outputs(node, _arguments(node, definition.output_arg))
        for node in nodes:
            for i, name in enumerate(node.input):
                node.input[i] = self.replaced(name)
            if (definition := definitions[node.name]) is not None:
                self._cast_inputs(node, _arguments(node, definition.input_arg))

    def _cast_inputs(self, node: NodeDef, inputs: Sequence[tuple[str, int]]) -> None:
        data = [i for i, name in enumerate(node.input) if not name.startswith("^")]
        for i, (_, dtype) in zip(data, inputs, strict=False):
            if dtype in WIDE:
                name = f"{node.name}/{i}/anyport_narrow"
                cast = self._add(name, WIDE[dtype], dtype)
                cast.input.append(node.input[i])
                node.input[i] = self._output(name)

    def _cast_outputs(self, node: NodeDef, results: Sequence[tuple[str, int]]) -> None:
        positions: dict[str, int] = {}
        for number, (argument, dtype) in enumerate(results):
            at = positions[argument] = positions.get(argument, -1) + 1
            if dtype in WIDE:
                tensor = f"{node.name}:{argument}:{at}" if self.inside_function else f"{node.name}:{number}"
                name = f"{node.name}/{number}/anyport_double"
                cast = self._add(name, dtype, WIDE[dtype])
                cast.input.append(tensor)
                self._instead[tensor] = self._output(name)

    def _output(self, name: str) -> str:
        return f"{name}:y:0" if self.inside_function else f"{name}:0"

    def _add(self, name: str, source: int, target: int) -> NodeDef:
        node = self.nodes.add(name=name, op="Cast")
        node.attr["SrcT"].type, node.attr["DstT"].type = source, target
        node.attr["Truncate"].b = False
        return node


def _widen(node: NodeDef, definition: OpDef | None) -> None:
    """Make a node double, unless a double would mean something else to it, or no kernel of the CPU takes one."""
    node.attr.pop("_output_shapes", None)
    if node.op.startswith(AS_IT_IS):
        return
    saved = {name: node.attr[name].SerializeToString() for name in node.attr}
    _widen_attributes(node)
    changed = any(node.attr[name].SerializeToString() != text for name, text in saved.items())
    if changed and definition is not None and node.op not in FOLLOWING and not _has_kernel(node, definition):
        for name, text in saved.items():
            node.attr[name].ParseFromString(text)


def _widen_attributes(node: NodeDef) -> None:
    for name in list(node.attr):
        value = node.attr[name]
        kind = value.WhichOneof("value")
        if kind == "func":
            value.func.name += SUFFIX
        elif kind == "list" and value.list.func:
            for called in value.list.func:
                called.name += SUFFIX
        elif kind == "type":
            value.type = WIDE.get(value.type, value.type)
        elif kind == "list" and value.list.type:
            value.list.type[:] = [WIDE.get(dtype, dtype) for dtype in value.list.type]
        elif kind == "tensor" and value.tensor.dtype in WIDE:
            array = _wide_array(tensor_util.MakeNdarray(value.tensor))
            value.tensor.CopyFrom(tensor_util.make_tensor_proto(array))


_kernels: dict[str, list[Any]] = {}


def _has_kernel(node: NodeDef, definition: OpDef) -> bool:
    """Tell whether the op may have these dtypes, and a CPU kernel does; ops without kernels of their own are lowered."""
    for attribute in definition.attr:
        allowed = list(attribute.allowed_values.list.type)
        if attribute.type == "type" and allowed and node.attr[attribute.name].type not in allowed:
            return False
    if node.op not in _kernels:
        found = kernels.get_registered_kernels_for_op(node.op).kernel
        _kernels[node.op] = [kernel for kernel in found if kernel.device_type == "CPU"]
    return not _kernels[node.op] or any(_fits(node, kernel) for kernel in _kernels[node.op])


def _fits(node: NodeDef, kernel: Any) -> bool:
    for constraint in kernel.constraint:
        value = node.attr[constraint.name]
        stated = list(value.list.type) if value.WhichOneof("value") == "list" else [value.type]
        if any(dtype not in constraint.allowed_values.list.type for dtype in stated):
            return False
    return True


def _arguments(node: NodeDef, arguments: Sequence[Any]) -> list[tuple[str, int]]:
    """Return name and dtype of every input, or output, one entry for each tensor."""
    return [(argument.name, dtype) for argument in arguments for dtype in _dtypes(node, argument)]


def _dtypes(node: NodeDef, argument: Any) -> Iterator[int]:
    if argument.type_list_attr:
        yield from node.attr[argument.type_list_attr].list.type
        return
    dtype = node.attr[argument.type_attr].type if argument.type_attr else argument.type
    yield from [dtype] * (int(node.attr[argument.number_attr].i) if argument.number_attr else 1)
