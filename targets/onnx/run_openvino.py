"""Guest script: run each signature's `.onnx` in OpenVINO on the CPU.

Request: `artifact` (its folder), `signatures` (as `convert.py` returned them), `samples` and `outputs` (the `.npz` to
read and to write).  Result: `runtime`, `version`, `backend`, `details` and `seconds`, as `run_onnxruntime.py` states them.

Computes in float32: on processors that have bfloat16, OpenVINO would take that by itself.  Runs where NumPy and OpenVINO
are and nothing else.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import openvino

from anyport_guest import (
    GuestError,
    Progress,
    Refused,
    Tensors,
    carrying,
    first_line,
    read_calls,
    read_state,
    run_calls,
    slowest,
    write_calls,
)

DEVICE = "CPU"
ACCURATE = {"INFERENCE_PRECISION_HINT": "f32", "EXECUTION_MODE_HINT": "ACCURACY"}

Run = Callable[[Tensors], Tensors]


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    calls = read_calls(request["samples"], "inputs")
    progress("loading")
    state = read_state(request["artifact"])
    started = time.monotonic()
    core = openvino.Core()
    runs = {
        name: carrying(_runner(core, request["artifact"], name, mapping), mapping.get("states", {}), state)
        for name, mapping in request["signatures"].items()
    }
    load = time.monotonic() - started
    progress("running")
    timed = {
        name: run_calls(calls[name], mapping["batch"], runs[name]) for name, mapping in request["signatures"].items()
    }
    write_calls(request["outputs"], outputs={name: each.outputs for name, each in timed.items()})
    return {
        "runtime": "openvino",
        "version": openvino.get_version().split("-")[0],
        "backend": DEVICE,
        "seconds": {"load": load, **slowest(timed)},
        "details": {"processor": core.get_property(DEVICE, "FULL_DEVICE_NAME")},
    }


def _runner(core: Any, folder: str, name: str, mapping: Mapping[str, Any]) -> Run:
    """Compile a signature's file and return the function that runs it by the contract's names."""
    path = os.path.join(folder, mapping["file"])
    compiled = _explained(name, lambda: core.compile_model(core.read_model(path), DEVICE, ACCURATE))
    if (used := list(compiled.get_property("EXECUTION_DEVICES"))) != [DEVICE]:
        raise GuestError(f"OpenVINO chose {used} where {DEVICE} was asked for")
    taken = {tensor for port in compiled.inputs for tensor in port.get_names()}
    given = {key: tensor for key, tensor in mapping["inputs"].items() if tensor in taken}

    def run(inputs: Tensors) -> Tensors:
        feeds = {given[key]: _feed(array) for key, array in inputs.items() if key in given}
        values = _explained(name, lambda: compiled(feeds))
        return {key: np.array(values[tensor]) for key, tensor in mapping["outputs"].items()}

    return run


def _feed(array: Any) -> Any:
    """Return the array as OpenVINO takes it: strings as Python's, everything else row by row."""
    return np.char.decode(array, "utf-8") if array.dtype.kind == "S" else np.ascontiguousarray(array)


def _explained(signature: str, action: Callable[[], Any]) -> Any:
    """Return what `action` returns; an error of OpenVINO keeps the line that tells something."""
    try:
        return action()
    except Exception as error:  # OpenVINO raises RuntimeError, and classes of its own without a common base
        if unread := re.search(r"Conversion is failed for: (.*)", str(error)):
            raise Refused(
                f"OpenVINO can't read {unread[1]} of signature {signature!r}", "Run the file in onnxruntime, which can."
            ) from error
        lines = [line.strip() for line in str(error).splitlines() if line.strip()]
        telling = next((line for line in lines if not line.startswith(("Exception from", "Check 'false'"))), "")
        raise GuestError(f"OpenVINO can't run signature {signature!r}: {telling[:400] or first_line(error)}") from error
