"""Guest script: look into a `.tflite`, and cut it, so that inner tensors become outputs or inputs.

Runs where TensorFlow is.  Two verbs; each request holds `artifact` (a folder), `signature` (the contract's name of it) and
`mapping` (its entry in the manifest's `signatures`).

* `describe` → `{"tensors": […], "inputs": {CONTRACT_NAME: TENSOR}, "outputs": {CONTRACT_NAME: TENSOR}}`.  One entry for each
  tensor that values of inputs or state decide, not their shapes alone, in the order of execution: `name` (the file's own),
  `sources` (nodes of the canonical graph that it may stand for, best first, `node:1` for what isn't the first output), `op`
  (operator that makes it), `dtype`, `shape` (None for what is open), `quantization` (`{scale, zero_point, axis}` or None) and
  `inputs` (tensors that the operator reads, constants left out).
* `cut`, with `out` (an empty folder), `feed` and `fetch` (names of tensors), `own_outputs` (whether the signature's outputs stay,
  true by default) and `rows` (1: the number of rows that it will be fed at a time; None: any) → `{"signatures": {signature:
  MAPPING}, "contract": ENTRY}`.  What is fed takes the place of what made it, and operators that nothing needs any more are
  left out, with their weights.  Inputs of the signature that something still needs stay, under the contract's names; so do
  its outputs.  Fed and fetched tensors have their own names.  Nothing is joined by rows: whoever feeds a cut of a file that
  takes a row at a time (`mapping["batch"]`) feeds it so himself, since not every inner tensor has rows.

Scaled integers are fed and fetched as float32, by a QUANTIZE or DEQUANTIZE that is added to the file: every runtime has them,
LiteRT.js too, which takes and gives no int8, and no number of the file itself changes by it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tflite_file
from tensorflow.lite.python import schema_py_generated as schema
from tflite_file import Graph, Operator
from tflite_names import repaired, sources

from anyport_guest import BadRequest, Progress

FILE = "model.tflite"
ROLES = ("inputs", "outputs")
NO_NUMBERS = ("resource", "variant")
COPYING = {"float32": "MAXIMUM", "int32": "MAXIMUM", "int64": "MAXIMUM", "bool": "LOGICAL_OR"}
"""Type → an operator that, given a tensor twice, makes the same again.  LiteRT.js leaves in an output that other operators read
as well whatever was in its memory."""
STATING = ("SHAPE", "RANK")
"""Operators that read no values: what is made of theirs alone is known before a file runs, and LiteRT.js then leaves in such an
output whatever was in its memory."""
SCALED = ("int8", "uint8", "int16")
"""Types that QUANTIZE and DEQUANTIZE know."""
VERSIONS = {"QUANTIZE": {"uint8": 1, "int8": 1, "int16": 2}, "DEQUANTIZE": {"uint8": 1, "int8": 2, "int16": 3}}
EFFECTS = ("ASSIGN_VARIABLE", "CALL_ONCE")
"""Operators that are there for what they do to variables."""


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    mapping = request["mapping"]
    taken = {*mapping["inputs"], *mapping["outputs"]}
    graph = tflite_file.read(Path(request["artifact"], mapping["file"]), mapping["key"], taken)
    return _describe(graph, mapping) if request["verb"] == "describe" else _cut(graph, mapping, request)


def _describe(graph: Graph, mapping: Mapping[str, Any]) -> dict[str, Any]:
    computed = _computed(graph)
    scopes = repaired(graph)
    return {
        "tensors": [
            {
                "name": graph.names[tensor],
                "sources": [*sources(graph, operator, tensor), *scopes.get(graph.names[tensor], [])],
                "op": graph.kind(operator),
                "dtype": graph.dtype(tensor),
                "shape": _shape(graph, tensor, None),
                "quantization": _quantization(graph, tensor),
                "inputs": [graph.names[item] for item in dict.fromkeys(map(int, operator.inputs)) if item in computed],
            }
            for operator in graph.own.operators
            for tensor in map(int, _ports(operator.outputs))
            if tensor in computed and graph.dtype(tensor) not in NO_NUMBERS
        ],
        **{role: {name: graph.names[tensor] for name, tensor in _own(graph, mapping, role).items()} for role in ROLES},
    }


def _own(graph: Graph, mapping: Mapping[str, Any], role: str) -> dict[str, int]:
    """Return contract name → tensor of the signature's inputs or outputs, those that the file has."""
    held = {port.name.decode(): int(port.tensorIndex) for port in getattr(graph.definition, role)}
    return {name: held[given] for name, given in mapping[role].items() if given in held}


def _computed(graph: Graph) -> set[int]:
    """Return the tensors that values of inputs or state decide, the inputs among them."""
    found = {int(number) for number in graph.own.inputs}
    for operator in graph.own.operators:
        if graph.kind(operator) in STATING:
            continue
        if graph.kind(operator) in ("VAR_HANDLE", "READ_VARIABLE") or found.intersection(map(int, operator.inputs)):
            found.update(map(int, _ports(operator.outputs)))
    return found


def _ports(numbers: Sequence[int] | None) -> Sequence[int]:
    return () if numbers is None else numbers


def _shape(graph: Graph, tensor: int, rows: int | None) -> list[int | None]:
    """Return a tensor's shape; with `rows`, its open dimensions as the file closes them, to 1."""
    item = graph.own.tensors[tensor]
    signed = item.shapeSignature if item.shapeSignature is not None and rows is None else item.shape
    return [] if signed is None else [None if size < 0 else int(size) for size in signed]


def _quantization(graph: Graph, tensor: int) -> dict[str, Any] | None:
    """Return what a scaled integer means; the scale and the zero-point are lists where they go by channel."""
    stated = graph.own.tensors[tensor].quantization
    if stated is None or stated.scale is None or not len(stated.scale):
        return None
    scale, zero = [float(item) for item in stated.scale], [int(item) for item in _ports(stated.zeroPoint)]
    if len(scale) == 1:
        return {"scale": scale[0], "zero_point": (zero or [0])[0], "axis": None}
    return {"scale": scale, "zero_point": zero or [0] * len(scale), "axis": int(stated.quantizedDimension)}


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Port:
    """An input or output of the cut file, under the name that it has in the cut's contract."""

    name: str
    tensor: int
    scaled: Mapping[str, Any] | None = None
    """What the integers of the signature's own mean; None where the file holds what the contract says."""


def _cut(graph: Graph, mapping: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    own = {role: _own(graph, mapping, role) for role in ROLES}
    feed = [tensor for tensor in map(graph.number, request["feed"]) if tensor not in own["inputs"].values()]
    fetch = [graph.number(name) for name in request["fetch"]]
    kept = own["outputs"] if request.get("own_outputs", True) else {}
    _check(graph, feed, [*fetch, *kept.values()])
    first = [_fed(graph, tensor) for tensor in feed]
    needed = _needed(graph, [*fetch, *kept.values()], stays=not feed)
    graph.own.operators = [*(operator for _, operator in first if operator is not None), *needed]
    read = {int(number) for operator in needed for number in operator.inputs}.union(fetch, kept.values())
    scaled = {role: mapping.get("quantization", {}).get(role, {}) for role in ROLES}
    inputs = [
        _Port(name=name, tensor=tensor, scaled=scaled["inputs"].get(name))
        for name, tensor in own["inputs"].items()
        if not feed or tensor in read
    ]
    outputs = [_Port(name=name, tensor=tensor, scaled=scaled["outputs"].get(name)) for name, tensor in kept.items()]
    outputs += [_fetched(graph, tensor) for tensor in dict.fromkeys(fetch)]
    return _written(graph, request, [*inputs, *(port for port, _ in first)], outputs)


def _check(graph: Graph, feed: Sequence[int], fetch: Sequence[int]) -> None:
    """Refuse what can't be fed or fetched."""
    computed = _computed(graph)
    for tensor in (*feed, *fetch):
        if tensor not in computed or graph.dtype(tensor) in NO_NUMBERS:
            raise BadRequest(f"{graph.names[tensor]!r} can't be fed or fetched: nothing computes numbers for it")
    if both := set(feed) & set(fetch):
        raise BadRequest(f"{graph.names[min(both)]!r} can't be fed and fetched at once", "Leave it out of one.")
    if not fetch:
        raise BadRequest(
            "a cut without outputs was asked for", "Name tensors in `fetch`, or keep the signature's outputs."
        )


def _fed(graph: Graph, tensor: int) -> tuple[_Port, Operator | None]:
    """Have all that reads a tensor read a new input instead, made integers of where the tensor holds such."""
    name, dtype = graph.names[tensor], graph.dtype(tensor)
    place = tflite_file.add_tensor(graph, name, dtype, tensor)
    for operator in graph.own.operators:
        operator.inputs = [place if number == tensor else int(number) for number in operator.inputs]
    if not _is_scaled(graph, tensor):
        return _Port(name=name, tensor=place), None
    start = tflite_file.add_tensor(graph, f"{name}/float", "float32", tensor)
    version = VERSIONS["QUANTIZE"][dtype]
    return _Port(name=name, tensor=start), tflite_file.operator(graph, "QUANTIZE", version, [start], place)


def _fetched(graph: Graph, tensor: int) -> _Port:
    """Make an output of a tensor that is read inside, too: of a copy of it, in float32 where it holds scaled integers."""
    name, dtype = graph.names[tensor], graph.dtype(tensor)
    if _is_scaled(graph, tensor):
        end = tflite_file.add_tensor(graph, f"{name}/float", "float32", tensor)
        made = tflite_file.operator(graph, "DEQUANTIZE", VERSIONS["DEQUANTIZE"][dtype], [tensor], end)
    elif dtype in COPYING and any(tensor in operator.inputs for operator in graph.own.operators):
        end = tflite_file.add_tensor(graph, f"{name}/copy", dtype, tensor)
        made = tflite_file.operator(graph, COPYING[dtype], 1, [tensor, tensor], end)
    else:
        return _Port(name=name, tensor=tensor)
    graph.own.operators.append(made)
    return _Port(name=name, tensor=end)


def _is_scaled(graph: Graph, tensor: int) -> bool:
    return graph.dtype(tensor) in SCALED and _quantization(graph, tensor) is not None


def _needed(graph: Graph, wanted: Iterable[int], stays: bool) -> list[Operator]:
    """Return the operators that tensors are made by, in order, and what changes the variables that they read.

    Where something was fed, `stays` is false: then a variable is changed only if its new value is computed anyway.
    """
    needed, keep = set(wanted), set[int]()
    for operator in reversed(graph.own.operators):
        effect = graph.kind(operator) in EFFECTS and (stays or needed.issuperset(_values(graph, operator)))
        if effect or needed.intersection(map(int, _ports(operator.outputs))):
            needed.update(map(int, operator.inputs))
            keep.add(id(operator))
    return [operator for operator in graph.own.operators if id(operator) in keep]


def _values(graph: Graph, operator: Operator) -> list[int]:
    """Return what a variable is set to; `CALL_ONCE`, which sets them all to what they begin with, reads nothing."""
    return [int(number) for number in operator.inputs if graph.dtype(int(number)) not in NO_NUMBERS]


def _written(
    graph: Graph, request: Mapping[str, Any], inputs: Sequence[_Port], outputs: Sequence[_Port]
) -> dict[str, Any]:
    """Write the file with these inputs and outputs; return how runners feed and read it, and its contract."""
    ports = {"inputs": inputs, "outputs": outputs}
    stated = {role: [_contract(graph, port, request.get("rows")) for port in ports[role]] for role in ROLES}
    for role, items in ports.items():
        setattr(graph.definition, role, [_bound(port) for port in items])
        setattr(graph.own, role, list(dict.fromkeys(port.tensor for port in items)))
    scaled = {role: {port.name: port.scaled for port in ports[role] if port.scaled} for role in ROLES}
    tflite_file.write(graph, Path(request["out"], FILE))
    mapping = {
        "file": FILE,
        "key": graph.key,
        **{role: {port.name: port.name for port in ports[role]} for role in ROLES},
        "dtypes": {"inputs": {port["name"]: port["dtype"] for port in stated["inputs"]}, "outputs": {}},
        "batch": None,
        **({"quantization": scaled} if any(scaled.values()) else {}),
    }
    return {"signatures": {request["signature"]: mapping}, "contract": {"name": request["signature"], **stated}}


def _bound(port: _Port) -> Any:
    bound = schema.TensorMapT()
    bound.name, bound.tensorIndex = port.name, port.tensor
    return bound


def _contract(graph: Graph, port: _Port, rows: int | None) -> dict[str, Any]:
    dtype = "float32" if port.scaled else graph.dtype(port.tensor)
    return {"name": port.name, "dtype": dtype, "shape": _shape(graph, port.tensor, rows)}
