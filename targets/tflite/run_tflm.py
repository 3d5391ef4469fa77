"""Guest script: run a `.tflite` in TensorFlow Lite Micro, the interpreter of microcontrollers, and measure its arena.

Request: `artifact` (its folder), `contract`, `signatures` (as `convert.py` returned them), `samples` and `outputs` (the
`.npz` to write).  Result: `runtime`, `version`, `backend`, `seconds` (`load`, `first`, `warm`) and `details`: `arena_bytes`,
the tensor arena that the samples were run in; `operators`, the file's builtin operators by the schema's names; `inputs` and
`outputs`, the file's names in TFLM's order, a line each.

TFLM is static: a file holds one signature, and an open dimension is 1, so that samples are fed one by one.  What it has
no kernel for is refused, by the operator's name.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import os
import re
import tempfile
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from tflite_micro.python.tflite_micro import runtime
from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema
from tflite_scales import dequantised, quantised

from anyport_guest import (
    Array,
    GuestError,
    Progress,
    Refused,
    Tensors,
    Timed,
    first_line,
    read_calls,
    run_calls,
    slowest,
    write_calls,
)

PACKAGE = "tflite-micro"
ROOM = 2**28
"""Bytes of the arena in which the arena that is needed is measured; only what is used of it takes memory."""
ALIGNMENT = 16
"""Of an arena, in bytes."""
STEP, STEPS = 1024, 64
"""How an arena grows that turns out to be too small: while it plans, TFLM may need more than it takes in the end."""
MISSING = re.compile(r"Didn't find op for builtin opcode '(\w+)'")
UNPREPARED = re.compile(r"Node (\w+) \(number \d+\) failed to (?:prepare|invoke)")
REMEDY = "Replace what becomes that operator in the model, or choose a device that runs LiteRT."


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    name, mapping = _only_signature(request["signatures"])
    stated = next(item for item in request["contract"]["signatures"] if item["name"] == name)
    with open(os.path.join(request["artifact"], mapping["file"]), "rb") as file:
        content = file.read()
    _check_shapes(content)
    arena = _measured(content)
    started = time.monotonic()
    interpreter, arena = _smallest(content, arena)
    load = time.monotonic() - started
    dtypes = {port["name"]: port["dtype"] for port in stated["outputs"]}
    places = _places(content, mapping)
    call = _Call(interpreter=interpreter, places=places, mapping=mapping, stated=dtypes)
    timed = {name: _answered(read_calls(request["samples"], "inputs")[name], _rows(stated), call)}
    write_calls(request["outputs"], outputs={name: timed[name].outputs})
    return {
        "runtime": "tflm",
        "version": importlib.metadata.version(PACKAGE),
        "backend": "reference kernels",
        "seconds": {"load": load, **slowest(timed)},
        "details": {
            "arena_bytes": arena,
            "operators": " ".join(_operators(content)),
            **{role: "\n".join(sorted(found, key=found.__getitem__)) for role, found in places.items()},
        },
    }


def _answered(calls: list[Tensors], rows: int | None, call: _Call) -> Timed:
    lines: list[str] = []
    try:
        with _listening(lines):
            return run_calls(calls, rows, call.run)
    except (RuntimeError, ValueError) as error:
        raise _explained(error, [*lines, first_line(error)]) from error


def _only_signature(signatures: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    (name, mapping), *more = signatures.items()
    if more:
        raise Refused(
            f"TFLM runs the first signature of a file alone, and this model has {len(signatures)}: {', '.join(signatures)}",
            "Export each signature as a model of its own.",
        )
    return name, mapping


def _rows(stated: Mapping[str, Any]) -> int | None:
    """Return how many rows the file takes at a time: one where the contract of the signature leaves the batch open."""
    ports = [*stated["inputs"], *stated["outputs"]]
    return 1 if stated["inputs"] and all(port["shape"] and port["shape"][0] is None for port in ports) else None


def _places(content: bytes, mapping: Mapping[str, Any]) -> dict[str, dict[str, int]]:
    """Return the place of each input and output by the file's name: TFLM binds by place alone."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    (signature,) = [item for item in model.signatureDefs if item.signatureKey.decode() == mapping["key"]]
    graph = model.subgraphs[signature.subgraphIndex]
    ends = {"inputs": (signature.inputs, list(graph.inputs)), "outputs": (signature.outputs, list(graph.outputs))}
    return {
        role: {port.name.decode(): order.index(port.tensorIndex) for port in ports if port.tensorIndex in order}
        for role, (ports, order) in ends.items()
    }


def _check_shapes(content: bytes) -> None:
    """Refuse a file whose stated shapes TFLM would take for true when they aren't.

    TFLM infers no shapes.  Where the batch is open the file states 1, which SPACE_TO_BATCH_ND, what a dilated convolution
    becomes, makes more of; the kernel then fills a part of the tensor and says nothing.
    """
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    codes = [runtime.get_builtin_code_from_operator_code(code) for code in model.operatorCodes]
    for graph in model.subgraphs:
        for node in graph.operators or ():
            if codes[node.opcodeIndex] == schema.BuiltinOperator.SPACE_TO_BATCH_ND:
                given, made = (graph.tensors[ports[0]].shape for ports in (node.inputs, node.outputs))
                if np.prod(made) < np.prod(given):
                    raise Refused(
                        f"TFLM takes SPACE_TO_BATCH_ND of {list(map(int, given))} for {list(map(int, made))}, as the file "
                        "states it with an open batch, and would answer wrongly",
                        "Fix the model's batch at 1, or do without dilation.",
                    )


def _operators(content: bytes) -> list[str]:
    names = {value: key for key, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(content, 0))
    return sorted({names[runtime.get_builtin_code_from_operator_code(code)] for code in model.operatorCodes})


def _measured(content: bytes) -> int:
    """Return the bytes of the arena that the file takes, as TFLM records it."""
    lines: list[str] = []
    try:
        with _listening(lines):
            runtime.Interpreter.from_bytes(content, arena_size=ROOM).print_allocations()
    except (RuntimeError, ValueError) as error:
        raise _explained(error, lines) from error
    found = re.search(r"Arena allocation total (\d+) bytes", "\n".join(lines))
    if not found:
        raise GuestError("TFLM did not say what it takes of its arena")
    return -(-int(found[1]) // ALIGNMENT) * ALIGNMENT


def _smallest(content: bytes, arena: int) -> tuple[Any, int]:
    """Return an interpreter in the first arena, from `arena` bytes up, that it can be made in, and that arena's size."""
    for size in range(arena, arena + STEPS * STEP, STEP):
        lines: list[str] = []
        with contextlib.suppress(RuntimeError), _listening(lines):
            return runtime.Interpreter.from_bytes(content, arena_size=size), size
    raise GuestError(f"TFLM takes {arena} bytes, and could not be started in {arena + STEPS * STEP}")


@contextlib.contextmanager
def _listening(lines: list[str]) -> Iterator[None]:
    """Add to `lines` what TFLM, which has no other way to say it, prints while the body runs; the log gets it too."""
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            text = file.read()
            os.write(2, text)
            lines += text.decode(errors="replace").splitlines()


def _explained(error: Exception, lines: list[str]) -> GuestError:
    """Return what TFLM's refusal of a file means."""
    said = [line.strip() for line in lines if line.strip()]
    for line in said:
        if found := MISSING.search(line):
            return Refused(f"TFLM has no kernel for {found[1]}", REMEDY)
        if found := UNPREPARED.search(line):
            reasons = said[: said.index(line)] or ["it does not say why"]
            return Refused(f"TFLM can't run {found[1]}: {reasons[0][:200]}", REMEDY)
    return GuestError(f"TFLM can't run the file: {(said or [first_line(error)])[0][:300]}")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Call:
    """One signature, fed and read by the contract's names."""

    interpreter: Any
    places: Mapping[str, Mapping[str, int]]
    mapping: Mapping[str, Any]
    stated: Mapping[str, str]
    """The contract's dtype of each output."""

    def run(self, inputs: Tensors) -> Tensors:
        scaled = self.mapping.get("quantization", {"inputs": {}, "outputs": {}})
        for name, array in inputs.items():
            place = self.places["inputs"].get(self.mapping["inputs"][name])
            if place is not None:  # an input that nothing uses is not in the file
                self._feed(name, place, quantised(array, scaled["inputs"][name]) if name in scaled["inputs"] else array)
        self.interpreter.invoke()
        outputs = {}
        for name, given in self.mapping["outputs"].items():
            array = np.array(self.interpreter.get_output(self.places["outputs"][given]))
            array = dequantised(array, scaled["outputs"][name]) if name in scaled["outputs"] else array
            outputs[name] = array.astype(self.stated[name])
        return outputs

    def _feed(self, name: str, place: int, array: Array) -> None:
        details = self.interpreter.get_input_details(place)
        shape = list(details["shape"])
        if list(array.shape) != shape:
            raise Refused(
                f"TFLM can't resize an input: {name!r} is {shape} in the file and {list(array.shape)} in the samples",
                "Export the model with the shape that the device will use.",
            )
        self.interpreter.set_input(np.ascontiguousarray(array, details["dtype"]), place)
