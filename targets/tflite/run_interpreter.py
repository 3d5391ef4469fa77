"""Guest script: run a `.tflite` in the interpreter that its toolchain holds, ai-edge-litert's or tflite-runtime's.

Request: `artifact` (its folder), `contract`, `signatures` (as `convert.py` returned them), `samples`, `outputs` (the
`.npz` to write) and `options.package`.  Result: `runtime`, `version`, `backend` and `seconds` (`load`, `first`, `warm`).
Inputs and outputs that the file holds as scaled integers are quantised and dequantised here, by the mapping's
`quantization`, so that what is compared is what a user of the file would get.
Refuses to run where TensorFlow can be imported: a device has none.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from anyport_guest import (
    Array,
    GuestError,
    Progress,
    Tensors,
    Timed,
    first_line,
    read_calls,
    run_calls,
    slowest,
    write_calls,
)

MODULES = {"ai-edge-litert": "ai_edge_litert.interpreter", "tflite-runtime": "tflite_runtime.interpreter"}


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    package = request["options"]["package"]
    if importlib.util.find_spec("tensorflow") is not None:
        raise GuestError("TensorFlow can be imported here, so this would prove nothing about a device")
    interpreter_module = importlib.import_module(MODULES[package])
    calls = read_calls(request["samples"], "inputs")
    timed: dict[str, Timed] = {}
    load = 0.0
    for name, mapping in request["signatures"].items():
        path = os.path.join(request["artifact"], mapping["file"])
        try:
            stated = _narrowed_outputs(request["contract"], name, mapping["dtypes"]["outputs"])
            run, load = _runner(interpreter_module, path, mapping, stated, time.monotonic())
            timed[name] = run_calls(calls[name], mapping["batch"], run)
        except (ValueError, RuntimeError) as error:
            raise GuestError(f"{package} can't run signature {name!r}: {first_line(error, 400)}") from error
    write_calls(request["outputs"], outputs={name: each.outputs for name, each in timed.items()})
    return {
        "runtime": package,
        "version": importlib.metadata.version(package),
        "backend": "cpu",
        "seconds": {"load": load, **slowest(timed)},
    }


def _runner(
    module: Any, path: str, mapping: dict[str, Any], stated: dict[str, str], started: float
) -> tuple[Callable[[Tensors], Tensors], float]:
    """Load the file and return a function that feeds one signature by the contract's names, and the load's seconds.

    `stated` is the contract's dtype of each output that has another in the file.
    """
    interpreter = module.Interpreter(model_path=path, num_threads=1)
    signature = interpreter.get_signature_runner(mapping["key"])
    details = signature.get_input_details()
    seconds = time.monotonic() - started
    dtypes = mapping["dtypes"]["inputs"]
    scaled = mapping.get("quantization", {"inputs": {}, "outputs": {}})

    def run(inputs: Tensors) -> Tensors:
        feeds = {}
        for name, array in inputs.items():
            given = mapping["inputs"][name]
            if given not in details:  # an input that nothing uses is not in the file
                continue
            if name in scaled["inputs"]:
                feeds[given] = _quantised(array, scaled["inputs"][name])
            else:
                feeds[given] = array.astype(object if array.dtype.kind == "S" else dtypes.get(name, array.dtype))
        answers = signature(**feeds)
        outputs = {name: answers[got] for name, got in mapping["outputs"].items()}
        outputs |= {name: _dequantised(outputs[name], scale) for name, scale in scaled["outputs"].items()}
        return {name: np.array(array, stated.get(name)) for name, array in outputs.items()}

    return run, seconds


def _quantised(array: Array, port: dict[str, Any]) -> Array:
    """Return the integers that stand for `array`: rounded half away from zero and clipped, as TFLite's QUANTIZE does."""
    limits = np.iinfo(port["dtype"])
    scaled = array.astype(np.float32) / np.float32(port["scale"])
    rounded = np.trunc(scaled + np.copysign(np.float32(0.5), scaled)) + port["zero_point"]
    return np.asarray(np.clip(rounded, limits.min, limits.max), port["dtype"])


def _dequantised(array: Array, port: dict[str, Any]) -> Array:
    """Return the numbers that the integers of an output stand for."""
    return np.asarray((array.astype(np.int32) - port["zero_point"]) * np.float32(port["scale"]), np.float32)


def _narrowed_outputs(contract: dict[str, Any], signature: str, dtypes: dict[str, str]) -> dict[str, str]:
    """Return the contract's dtype of each output of a signature that has another in the file."""
    stated = next(item for item in contract["signatures"] if item["name"] == signature)
    return {port["name"]: port["dtype"] for port in stated["outputs"] if port["name"] in dtypes}
