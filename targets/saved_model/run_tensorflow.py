"""Guest script: load a SavedModel in TensorFlow, as a server does, and run its signatures.

Request: `artifact`, `signatures` (as `convert.py` returned them), `samples`, `outputs` (the `.npz` to write).
Result: `runtime`, `version`, `backend` and `seconds` (`load`, `first`, `warm`).
"""

from __future__ import annotations

import statistics
import time
from typing import Any

import tensorflow as tf

from anyport_guest import GuestError, Progress, Tensors, read_calls, storable, write_calls

WARM_RUNS = 3


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    calls = read_calls(request["samples"], "inputs")
    started = time.monotonic()
    loaded = tf.saved_model.load(request["artifact"])
    load_seconds = time.monotonic() - started
    results, first = {}, []
    for name, mapping in request["signatures"].items():
        before = time.monotonic()
        results[name] = [_run(loaded, name, mapping, call) for call in calls[name]]
        first.append((time.monotonic() - before) / len(calls[name]))
    # Written before anything is run again: a signature with state answers differently the second time.
    write_calls(request["outputs"], outputs=results)
    warm = [_warm(loaded, name, mapping, calls[name][0]) for name, mapping in request["signatures"].items()]
    return {
        "runtime": "tensorflow",
        "version": tf.__version__,
        "backend": "cpu",
        "seconds": {"load": load_seconds, "first": max(first), "warm": max(warm)},
    }


def _run(loaded: Any, name: str, mapping: dict[str, Any], call: Tensors) -> Tensors:
    if name not in loaded.signatures:
        raise GuestError(f"the SavedModel has no signature {name!r}; it has {', '.join(loaded.signatures)}")
    outputs = loaded.signatures[name](**{mapping["inputs"][key]: tf.constant(value) for key, value in call.items()})
    return {key: storable(outputs[given].numpy()) for key, given in mapping["outputs"].items()}


def _warm(loaded: Any, name: str, mapping: dict[str, Any], call: Tensors) -> float:
    times = []
    for _ in range(WARM_RUNS):
        before = time.monotonic()
        _run(loaded, name, mapping, call)
        times.append(time.monotonic() - before)
    return statistics.median(times)
