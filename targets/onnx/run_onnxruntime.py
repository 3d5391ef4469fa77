"""Guest script: run each signature's `.onnx` in onnxruntime on the CPU.

Request: `artifact` (its folder), `signatures` (as `convert.py` returned them), `samples` and `outputs` (the `.npz` to
read and to write).  Result: `runtime`, `version`, `backend` and `seconds`: `load` of all files, `first` call of a
signature, and `warm`, the median of that call repeated; of several signatures the slowest.

Runs where NumPy and onnxruntime are and nothing else.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import onnxruntime

from anyport_guest import Array, GuestError, Progress, Tensors, read_calls, run_calls, write_calls

PROVIDER = "CPUExecutionProvider"

WARM_RUNS = 5
WARM_SECONDS = 1.0
"""Repeats of a call that are timed: this many, or as many as fit."""

Run = Callable[[Tensors], Tensors]


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    calls = read_calls(request["samples"], "inputs")
    progress("loading")
    started = time.monotonic()
    runs = {name: _runner(request["artifact"], name, mapping) for name, mapping in request["signatures"].items()}
    seconds = {"load": time.monotonic() - started, "first": 0.0, "warm": 0.0}
    results = {}
    progress("running")
    for name, mapping in request["signatures"].items():
        first, warm = _time(runs[name], calls[name][0])
        seconds["first"], seconds["warm"] = max(seconds["first"], first), max(seconds["warm"], warm)
        results[name] = run_calls(calls[name], mapping["batch"], runs[name])
    write_calls(request["outputs"], outputs=results)
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


def _time(run: Run, inputs: Tensors) -> tuple[float, float]:
    """Return the seconds of the first call and the median of its repeats."""
    times: list[float] = []
    while len(times) < 2 or (len(times) <= WARM_RUNS and sum(times) < WARM_SECONDS):
        started = time.monotonic()
        run(inputs)
        times.append(time.monotonic() - started)
    return times[0], statistics.median(times[1:])


def _explained(signature: str, action: Callable[[], Any]) -> Any:
    """Return what `action` returns; an error of onnxruntime keeps its words."""
    try:
        return action()
    except Exception as error:  # onnxruntime's exceptions share no base class of their own
        text = str(error).strip().splitlines() or [type(error).__name__]
        raise GuestError(f"onnxruntime can't run signature {signature!r}: {text[0][:400]}") from error
