"""Guest script: run each signature's `.onnx` in onnxruntime on the CPU.

Request: `artifact` (its folder), `signatures` (as `convert.py` returned them), `samples` and `outputs` (the `.npz` to
read and to write).  Result: `runtime`, `version`, `backend` and `seconds`: `load` of all files, `first` call of a
signature, and `warm`, the median of that call repeated; of several signatures the slowest.

Runs where NumPy and onnxruntime are and nothing else.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnxruntime

from anyport_guest import (
    Array,
    GuestError,
    Progress,
    Tensors,
    carrying,
    read_calls,
    read_state,
    run_calls,
    slowest,
    write_calls,
)

PROVIDER = "CPUExecutionProvider"

Run = Callable[[Tensors], Tensors]


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    calls = read_calls(request["samples"], "inputs")
    progress("loading")
    started = time.monotonic()
    state = read_state(request["artifact"])
    runs = {
        name: carrying(_runner(request["artifact"], name, mapping), mapping.get("states", {}), state)
        for name, mapping in request["signatures"].items()
    }
    load = time.monotonic() - started
    progress("running")
    timed = {
        name: run_calls(calls[name], mapping["batch"], runs[name]) for name, mapping in request["signatures"].items()
    }
    write_calls(request["outputs"], outputs={name: each.outputs for name, each in timed.items()})
    seconds = {"load": load, **slowest(timed)}
    return {"runtime": "onnxruntime", "version": onnxruntime.__version__, "backend": PROVIDER, "seconds": seconds}


def _runner(folder: str, name: str, mapping: Mapping[str, Any]) -> Run:
    """Load a signature's file and return the function that runs it by the contract's names."""
    path = os.path.join(folder, mapping["file"])
    session = _explained(name, lambda: onnxruntime.InferenceSession(path, providers=[PROVIDER]))
    if session.get_providers() != [PROVIDER]:
        raise GuestError(f"onnxruntime chose {session.get_providers()} where {PROVIDER} was asked for")
    given, got = mapping["inputs"], mapping["outputs"]

    def run(inputs: Tensors) -> Tensors:
        feeds = {given[key]: _feed(array) for key, array in inputs.items()}
        values = _explained(name, lambda: session.run(list(got.values()), feeds))
        return dict(zip(got, values, strict=True))

    return run


def _feed(array: Array) -> Array:
    """Return the array as onnxruntime takes it: strings as Python's."""
    return np.char.decode(array, "utf-8").astype(object) if array.dtype.kind == "S" else array


def _explained(signature: str, action: Callable[[], Any]) -> Any:
    """Return what `action` returns; an error of onnxruntime keeps its words."""
    try:
        return action()
    except Exception as error:  # onnxruntime's exceptions share no base class of their own
        text = str(error).strip().splitlines() or [type(error).__name__]
        raise GuestError(f"onnxruntime can't run signature {signature!r}: {text[0][:400]}") from error
