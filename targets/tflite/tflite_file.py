"""A `.tflite` taken apart and put together again: one signature's graph, and what of the file it needs.

`cut.py` reads a file with `read`, changes the graph of one signature (`Graph`), and writes with `write` what is left: the
graphs that it reaches through its loops and branches, and their tensors, buffers and operator codes, numbered anew.
Buffers stay NumPy views of the file's bytes, so that a file of 100 MB is copied once, when it is written.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import flatbuffers
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

from anyport_guest import BadRequest

FileModel = Any
Operator = Any
Tensor = Any
SubGraph = Any

KINDS = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
ACTIVATIONS = {number: name for name, number in vars(schema.ActivationFunctionType).items() if isinstance(number, int)}
DTYPES = {number: name.lower() for name, number in vars(schema.TensorType).items() if isinstance(number, int)}
"""Number of a type in the schema → NumPy's name of it, where NumPy has it; `resource` and `variant` hold no numbers."""

MOST_OLD_CODE = 127
"""Up to which an operator's code stands in the field of one byte that old readers know."""
ALIGNMENT = 16
"""Of a buffer, in bytes."""
ROOM = 2**20
"""Bytes for all of a file that isn't buffers; with more it only takes longer to write."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Graph:
    """The graph of one signature."""

    model: FileModel
    key: str
    names: Mapping[int, str]
    """Tensor → its name in the file, `NAME#TENSOR` where others have the same one."""

    @property
    def definition(self) -> Any:
        """The signature: names and tensors of its inputs and outputs."""
        return next(item for item in self.model.signatureDefs if item.signatureKey.decode() == self.key)

    @property
    def own(self) -> SubGraph:
        """The subgraph that the signature runs."""
        return self.model.subgraphs[self.definition.subgraphIndex]

    def kind(self, operator: Operator) -> str:
        """Return an operator's name in the schema, a custom one's own."""
        code = self.model.operatorCodes[operator.opcodeIndex]
        kind = KINDS[max(code.builtinCode, code.deprecatedBuiltinCode)]
        return str(code.customCode.decode()) if kind == "CUSTOM" else str(kind)

    def dtype(self, tensor: int) -> str:
        return str(DTYPES[self.own.tensors[tensor].type])

    def number(self, name: str) -> int:
        """Return the tensor of a name; raises `BadRequest` where there is none."""
        found = {own: number for number, own in self.names.items()}
        if name not in found:
            raise BadRequest(
                f"the file's signature {self.key!r} has no tensor {name!r}", "Describe the artifact first."
            )
        return found[name]


def read(path: str | Path, key: str, taken: Container[str] = ()) -> Graph:
    """Read the graph of the signature `key`; a tensor whose name is one of `taken` is told from that by its number."""
    model = flatbuffer_utils.read_model_from_bytearray(bytearray(Path(path).read_bytes()))
    keys = [item.signatureKey.decode() for item in model.signatureDefs or ()]
    if key not in keys:
        raise BadRequest(f"{Path(path).name} has no signature {key!r}; it has {', '.join(keys) or 'none'}")
    definition = model.signatureDefs[keys.index(key)]
    tensors = model.subgraphs[definition.subgraphIndex].tensors
    given = [(tensor.name or b"").decode() for tensor in tensors]
    often = Counter(given)
    names = {
        number: name if name and often[name] == 1 and name not in taken else f"{name}#{number}"
        for number, name in enumerate(given)
    }
    return Graph(model=model, key=key, names=names)


def add_tensor(graph: Graph, name: str, dtype: str, like: int) -> int:
    """Add a tensor of another's shape, without values, to the signature's graph; return its number."""
    other = graph.own.tensors[like]
    tensor = schema.TensorT()
    tensor.name, tensor.shape, tensor.shapeSignature, tensor.hasRank = name, other.shape, other.shapeSignature, True
    tensor.type = next(number for number, known in DTYPES.items() if known == dtype)
    if dtype == graph.dtype(like):
        tensor.quantization = other.quantization
    graph.own.tensors.append(tensor)
    return len(graph.own.tensors) - 1


def operator(graph: Graph, kind: str, version: int, read: Sequence[int], made: int) -> Operator:
    """Return a new operator of the schema's `kind`, without options, that makes a tensor of others."""
    code = schema.OperatorCodeT()
    code.builtinCode = getattr(schema.BuiltinOperator, kind)
    code.deprecatedBuiltinCode, code.version = min(code.builtinCode, MOST_OLD_CODE), version
    graph.model.operatorCodes.append(code)
    new = schema.OperatorT()
    new.opcodeIndex, new.inputs, new.outputs = len(graph.model.operatorCodes) - 1, list(read), [made]
    return new


def write(graph: Graph, path: str | Path) -> None:
    """Write what the signature needs of the file: a file of this one signature, its graph the first."""
    model, definition = graph.model, graph.definition
    graphs = _reached(model, definition.subgraphIndex)
    model.subgraphs = [model.subgraphs[number] for number in graphs]
    model.signatureDefs = [definition]
    definition.subgraphIndex = 0
    for number, subgraph in enumerate(model.subgraphs):
        for operator in subgraph.operators:
            for options, name in _graph_fields(operator):
                setattr(options, name, graphs.index(getattr(options, name)))
        _number_tensors(subgraph, () if number else (*definition.inputs, *definition.outputs))
    _number_buffers(model)
    _number_codes(model)
    Path(path).write_bytes(_packed(model))


def _reached(model: FileModel, first: int) -> list[int]:
    """Return a graph and those that run as its loops, branches and calls, it itself first."""
    found = [first]
    for number in found:  # grows as it is walked
        fields = (field for operator in model.subgraphs[number].operators for field in _graph_fields(operator))
        found += list(dict.fromkeys(getattr(options, name) for options, name in fields) - dict.fromkeys(found).keys())
    return found


def _graph_fields(operator: Operator) -> Iterator[tuple[Any, str]]:
    """Yield the options of an operator, and the names of their fields, that hold the number of a graph."""
    for options in (operator.builtinOptions, operator.builtinOptions2):
        for name, value in vars(options).items() if options is not None else ():
            if (name.endswith("SubgraphIndex") or name == "subgraph") and value >= 0:
                yield options, name


def _number_tensors(subgraph: SubGraph, ports: Iterable[Any]) -> None:
    """Leave the tensors out that nothing uses, and number the others anew; `ports` are the signature's."""
    vectors = [(operator, name) for operator in subgraph.operators for name in ("inputs", "outputs", "intermediates")]
    vectors += [(subgraph, "inputs"), (subgraph, "outputs")]
    used = sorted({int(number) for item, name in vectors for number in _vector(item, name) if number >= 0})
    new = {old: number for number, old in enumerate(used)} | {-1: -1}
    for item, name in vectors:
        setattr(item, name, [new[int(number)] for number in _vector(item, name)])
    for port in ports:
        port.tensorIndex = new[port.tensorIndex]
    subgraph.tensors = [subgraph.tensors[number] for number in used]


def _vector(item: Any, name: str) -> Sequence[int]:
    value = getattr(item, name)
    return () if value is None else value


def _number_buffers(model: FileModel) -> None:
    """Leave the buffers out that no tensor and no metadata holds; the first, which is empty, stays the first."""
    holders = [tensor for subgraph in model.subgraphs for tensor in subgraph.tensors] + list(model.metadata or ())
    model.metadataBuffer = None
    used = sorted({0, *(holder.buffer for holder in holders)})
    new = {old: number for number, old in enumerate(used)}
    for holder in holders:
        holder.buffer = new[holder.buffer]
    model.buffers = [model.buffers[number] for number in used]


def _number_codes(model: FileModel) -> None:
    operators = [operator for subgraph in model.subgraphs for operator in subgraph.operators]
    used = sorted({operator.opcodeIndex for operator in operators})
    for operator in operators:
        operator.opcodeIndex = used.index(operator.opcodeIndex)
    model.operatorCodes = [model.operatorCodes[number] for number in used]


def _packed(model: FileModel) -> bytes:
    model.buffers = [_AlignedBuffer(buffer) for buffer in model.buffers]
    size = sum(len(buffer.data) for buffer in model.buffers if buffer.data is not None)
    builder = flatbuffers.Builder(size + ROOM)  # one that has to grow copies all that it holds, again and again
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


class _AlignedBuffer:
    """A buffer that is written at a multiple of 16 bytes, as the schema asks for and its generated Python does not."""

    def __init__(self, buffer: Any) -> None:
        self.data = buffer.data

    def Pack(self, builder: Any) -> int:  # noqa: N802  (called by the generated code)
        vector = None if self.data is None else self._vector(builder, memoryview(self.data))
        schema.BufferStart(builder)
        if vector is not None:
            schema.BufferAddData(builder, vector)
        return int(schema.BufferEnd(builder))

    def _vector(self, builder: Any, data: memoryview) -> int:
        builder.StartVector(1, len(data), ALIGNMENT)
        builder.head = builder.Head() - len(data)
        builder.Bytes[builder.Head() : builder.Head() + len(data)] = data
        return int(builder.EndVector())
