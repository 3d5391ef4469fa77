"""Guest script: load a SavedModel in TensorFlow, as a server does, and run its signatures.

Request: `artifact`, `signatures` (as `convert.py` returned them), `samples`, `outputs` (the `.npz` to write) and
`options.device`: `GPU`, or nothing for the CPU.  Result: `runtime`, `version`, `backend` and `seconds` (`load`, `first`,
`warm`).  On a GPU TensorFlow computes products of matrices in TF32, ten bits of mantissa, unless told not to; here it is told.
That the GPU was used is seen by the memory that was taken on it: TensorFlow places what it can't run there on the CPU without
a word.
"""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import tensorflow as tf

from anyport_guest import GuestError, Progress, Tensors, read_calls, run_calls, slowest, storable, write_calls


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    gpu = _prepare_gpu() if request.get("options", {}).get("device") == "GPU" else None
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
        "backend": "cpu" if gpu is None else "gpu",
        "seconds": {"load": load_seconds, **slowest(timed)},
        "details": {} if gpu is None else {"renderer": gpu, "gpu_bytes": _used_on_gpu()},
    }


def _prepare_gpu() -> str:
    """Have TensorFlow compute in float32 on the GPU that it sees, and return that one's name."""
    found = tf.config.list_physical_devices("GPU")
    if not found:
        raise GuestError(
            "TensorFlow sees no GPU here, though a driver is installed", "Its log says which library it could not load."
        )
    tf.config.experimental.enable_tensor_float_32_execution(False)
    return str(tf.config.experimental.get_device_details(found[0]).get("device_name", found[0].name))


def _used_on_gpu() -> int:
    """Return the most memory that was taken on the GPU, in bytes; an error where nothing was."""
    most = int(tf.config.experimental.get_memory_info("GPU:0")["peak"])
    if not most:
        raise GuestError("TensorFlow put no tensor on the GPU: the model ran on the CPU alone")
    return most


def _run(loaded: Any, name: str, mapping: dict[str, Any], call: Tensors) -> Tensors:
    if name not in loaded.signatures:
        raise GuestError(f"the SavedModel has no signature {name!r}; it has {', '.join(loaded.signatures)}")
    outputs = loaded.signatures[name](**{mapping["inputs"][key]: tf.constant(value) for key, value in call.items()})
    return {key: storable(outputs[given].numpy()) for key, given in mapping["outputs"].items()}
