"""Guest script: load a SavedModel in TensorFlow, as a server does, and run its signatures.

Request: `artifact`, `signatures` (as `convert.py` returned them), `samples`, `outputs` (the `.npz` to write).
Result: `runtime`, `version`, `backend` and `seconds` (`load`, `first`, `warm`).
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import tensorflow as tf

from anyport_guest import GuestError, Progress, Tensors, read_calls, run_calls, slowest, storable, write_calls


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    calls = read_calls(request["samples"], "inputs")
    started = time.monotonic()
    loaded = tf.saved_model.load(request["artifact"])
    load_seconds = time.monotonic() - started
    timed = {
        name: run_calls(calls[name], None, partial(_run, loaded, name, mapping))
        for name, mapping in request["signatures"].items()
    }
    write_calls(request["outputs"], outputs={name: each.outputs for name, each in timed.items()})
    return {
        "runtime": "tensorflow",
        "version": tf.__version__,
        "backend": "cpu",
        "seconds": {"load": load_seconds, **slowest(timed)},
    }


def _run(loaded: Any, name: str, mapping: dict[str, Any], call: Tensors) -> Tensors:
    if name not in loaded.signatures:
        raise GuestError(f"the SavedModel has no signature {name!r}; it has {', '.join(loaded.signatures)}")
    outputs = loaded.signatures[name](**{mapping["inputs"][key]: tf.constant(value) for key, value in call.items()})
    return {key: storable(outputs[given].numpy()) for key, given in mapping["outputs"].items()}
