"""Guest script: run each signature's `.onnx` in onnxruntime, on the CPU or another provider.

Request: `artifact` (its folder), `signatures` (as `convert.py` returned them), `samples` and `outputs` (the `.npz` to
read and to write), and `options`: `provider` and `provider_options`, where it isn't the CPU's.  Result: `runtime`, `version`,
`backend` and `seconds`: `load` of all files, `first` call of a signature, and `warm`, the median of that call repeated; of
several signatures the slowest; with a provider, `details`: the number of nodes that each provider ran.

onnxruntime gives nodes that a provider lacks to the CPU's, and without its libraries the whole model.  What ran where is
read in the profile of the samples' run, and a provider that ran nothing is an error.

Runs where NumPy and onnxruntime are and nothing else.
"""

from __future__ import annotations

import collections
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping
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

CPU = "CPUExecutionProvider"

Run = Callable[[Tensors], Tensors]


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    options = request.get("options", {})
    calls = read_calls(request["samples"], "inputs")
    progress("loading")
    started = time.monotonic()
    state = read_state(request["artifact"])
    provider, choice = options.get("provider", CPU), options.get("provider_options", {})
    sessions = {
        name: _session(os.path.join(request["artifact"], mapping["file"]), name, provider, choice)
        for name, mapping in request["signatures"].items()
    }
    runs = {
        name: carrying(_runner(sessions[name], name, mapping), mapping.get("states", {}), state)
        for name, mapping in request["signatures"].items()
    }
    load = time.monotonic() - started
    progress("running")
    timed = {
        name: run_calls(calls[name], mapping["batch"], runs[name]) for name, mapping in request["signatures"].items()
    }
    details = _nodes(sessions.values(), provider) if provider != CPU else {}
    write_calls(request["outputs"], outputs={name: each.outputs for name, each in timed.items()})
    return {
        "runtime": "onnxruntime",
        "version": onnxruntime.__version__,
        "backend": provider,
        "seconds": {"load": load, **slowest(timed)},
        "details": details,
    }


def _session(path: str, name: str, provider: str, choice: Mapping[str, str]) -> Any:
    """Load a signature's file for a provider; what that one lacks may go to the CPU's."""
    options = onnxruntime.SessionOptions()
    providers: list[Any] = [CPU]
    if provider != CPU:
        onnxruntime.preload_dlls()  # CUDA's libraries lie in packages beside this one
        options.enable_profiling = True
        options.profile_file_prefix = os.path.join(tempfile.mkdtemp(prefix="anyport-profile-"), "profile")
        providers = [(provider, dict(choice)), CPU]
    session = _explained(name, lambda: onnxruntime.InferenceSession(path, options, providers=providers))
    if session.get_providers()[0] != provider:
        raise GuestError(f"onnxruntime chose {session.get_providers()} where {provider} was asked for")
    return session


def _nodes(sessions: Iterable[Any], provider: str) -> dict[str, int]:
    """Return how many nodes each provider ran, and end the profiling; an error where `provider` ran none."""
    ran: set[tuple[str, str, str]] = set()
    for session in sessions:
        path = session.end_profiling()
        with open(path, encoding="utf-8") as file:
            ran |= {(path, event["name"], event["args"]["provider"]) for event in json.load(file) if _is_node(event)}
        os.remove(path)
        os.rmdir(os.path.dirname(path))
    counted = collections.Counter(name for _, _, name in ran)
    if not counted[provider]:
        raise GuestError(f"{provider} ran no node: the model ran on {', '.join(counted) or 'nothing'} alone")
    return dict(counted)


def _is_node(event: Mapping[str, Any]) -> bool:
    return event.get("cat") == "Node" and bool(event.get("args", {}).get("provider"))


def _runner(session: Any, name: str, mapping: Mapping[str, Any]) -> Run:
    """Return the function that runs a signature by the contract's names."""
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
