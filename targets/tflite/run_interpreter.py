"""Guest script: run a `.tflite` in the interpreter that its toolchain holds, ai-edge-litert's or tflite-runtime's.

Request: `artifact` (its folder), `contract`, `signatures` (as `convert.py` returned them), `samples`, `outputs` (the
`.npz` to write), `options.package` and, where another processor is emulated, `options.machine`, its name.  Result:
`runtime`, `version`, `backend`, `seconds` (`load`, `first`, `warm`) and `details`.
Inputs and outputs that the file holds as scaled integers are quantised and dequantised here, by the mapping's
`quantization`, so that what is compared is what a user of the file would get.
Refuses to run where TensorFlow can be imported: a device has none.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import os
import platform
import time
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
from tflite_scales import dequantised, quantised

from anyport_guest import (
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

DELEGATE = "DELEGATE"
"""What an interpreter calls the operator that a part of the graph was replaced by."""
MODULES = {"ai-edge-litert": "ai_edge_litert.interpreter", "tflite-runtime": "tflite_runtime.interpreter"}


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    package = request["options"]["package"]
    if importlib.util.find_spec("tensorflow") is not None:
        raise GuestError("TensorFlow can be imported here, so this would prove nothing about a device")
    machine = platform.machine()
    if machine != request["options"].get("machine", machine):
        raise GuestError(f"this is {machine}, and the file was to be run on {request['options']['machine']}")
    interpreter_module = importlib.import_module(MODULES[package])
    calls = read_calls(request["samples"], "inputs")
    timed: dict[str, Timed] = {}
    load = 0.0
    # Signatures of one file share its variables, in one interpreter.
    interpreters: dict[str, Any] = {}
    for name, mapping in request["signatures"].items():
        path = os.path.join(request["artifact"], mapping["file"])
        try:
            stated = _narrowed_outputs(request["contract"], name, mapping["dtypes"]["outputs"])
            started = time.monotonic()
            if path not in interpreters:
                interpreters[path] = interpreter_module.Interpreter(model_path=path, num_threads=1)
            run = _runner(interpreters[path], mapping, stated)
            load = max(load, time.monotonic() - started)
            timed[name] = run_calls(calls[name], mapping["batch"], run)
        except (ValueError, RuntimeError) as error:
            raise GuestError(f"{package} can't run signature {name!r}: {first_line(error, 400)}") from error
    write_calls(request["outputs"], outputs={name: each.outputs for name, each in timed.items()})
    return {
        "runtime": package,
        "version": importlib.metadata.version(package),
        "backend": "cpu",
        "seconds": {"load": load, **slowest(timed)},
        "details": {"machine": machine, "numpy": np.__version__, "delegated": _delegated(interpreters.values())},
    }


def _delegated(interpreters: Iterable[Any]) -> int:
    """Return how many parts of the main graph its delegate, XNNPACK, took; the rest ran in the interpreter's own kernels."""
    operators = [operator["op_name"] for interpreter in interpreters for operator in interpreter._get_ops_details()]
    return operators.count(DELEGATE)


def _runner(interpreter: Any, mapping: dict[str, Any], stated: dict[str, str]) -> Callable[[Tensors], Tensors]:
    """Return a function that feeds one signature by the contract's names.

    `stated` is the contract's dtype of each output that has another in the file.
    """
    signature = interpreter.get_signature_runner(mapping["key"])
    details = signature.get_input_details()
    dtypes = mapping["dtypes"]["inputs"]
    scaled = mapping.get("quantization", {"inputs": {}, "outputs": {}})

    def run(inputs: Tensors) -> Tensors:
        feeds = {}
        for name, array in inputs.items():
            given = mapping["inputs"][name]
            if given not in details:  # an input that nothing uses is not in the file
                continue
            if name in scaled["inputs"]:
                feeds[given] = quantised(array, scaled["inputs"][name])
            else:
                feeds[given] = array.astype(object if array.dtype.kind == "S" else dtypes.get(name, array.dtype))
        answers = signature(**feeds)
        outputs = {name: answers[got] for name, got in mapping["outputs"].items()}
        outputs |= {name: dequantised(outputs[name], scale) for name, scale in scaled["outputs"].items()}
        return {name: np.array(array, stated.get(name)) for name, array in outputs.items()}

    return run


def _narrowed_outputs(contract: dict[str, Any], signature: str, dtypes: dict[str, str]) -> dict[str, str]:
    """Return the contract's dtype of each output of a signature that has another in the file."""
    stated = next(item for item in contract["signatures"] if item["name"] == signature)
    return {port["name"]: port["dtype"] for port in stated["outputs"] if port["name"] in dtypes}
