"""Guest script: run a `.tflite` in ai-edge-litert's CompiledModel, the interface that is to follow the Interpreter.

Request: as `run_interpreter.py`'s, without `options`.  Result: the same, with `seconds` and `details`.

CompiledModel knows no scales (2.3.0): the mapping's `quantization` does.  It is fed the shapes that the file states: where
the rows are open it is resized without an error and then writes beyond its buffers ("Custom allocation is too small",
`free(): invalid next size`), so that rows are fed one at a time and any other open shape is refused, as are the dtypes that its
buffers don't hold.  That XNNPACK was made is read in its log, the only place that tells; how much of the graph it took is not
said.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import importlib.util
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from typing import IO, Any

import numpy as np
from tflite_scales import dequantised, quantised

from anyport_guest import (
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

PACKAGE = "ai-edge-litert"
DELEGATE = "XNNPACK delegate"
HELD = ("float32", "int32", "int8", "uint8", "bool", "float16")
"""What its buffers hold, of what a file of ours may have."""
HINT = "Run it in ai-edge-litert's Interpreter: @litert."


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    if importlib.util.find_spec("tensorflow") is not None:
        raise GuestError("TensorFlow can be imported here, so this would prove nothing about a device")
    calls = read_calls(request["samples"], "inputs")
    contracts = {item["name"]: item for item in request["contract"]["signatures"]}
    timed: dict[str, Timed] = {}
    load = 0.0
    # Signatures of one file share its variables, in one model.
    models: dict[str, Any] = {}
    for name, mapping in request["signatures"].items():
        path = os.path.join(request["artifact"], mapping["file"])
        try:
            rows = _rows(contracts[name], mapping)
            started = time.monotonic()
            if path not in models:
                models[path] = _load(path)
            run = _runner(models[path], mapping, contracts[name])
            load = max(load, time.monotonic() - started)
            timed[name] = run_calls(calls[name], rows, run)
        except (ValueError, RuntimeError) as error:
            raise GuestError(f"CompiledModel can't run signature {name!r}: {first_line(error, 400)}") from error
    write_calls(request["outputs"], outputs={name: each.outputs for name, each in timed.items()})
    return {
        "runtime": f"{PACKAGE} CompiledModel",
        "version": importlib.metadata.version(PACKAGE),
        "backend": "cpu",
        "seconds": {"load": load, **slowest(timed)},
        "details": {"delegate": "XNNPACK", "numpy": np.__version__},
    }


def _rows(contract: Mapping[str, Any], mapping: Mapping[str, Any]) -> int | None:
    """Return how many rows are fed at a time; refuses what is open beyond them."""
    if mapping["batch"]:
        return int(mapping["batch"])
    ports = [*contract["inputs"], *contract["outputs"]]
    open_rows = [port["shape"][:1] == [None] for port in ports]
    if any(None in port["shape"][1:] for port in ports) or any(open_rows) != all(open_rows):
        told = ", ".join(
            f"{port['name']} {['any' if size is None else size for size in port['shape']]}" for port in ports
        )
        raise Refused(f"CompiledModel takes the shapes that the file states, and {contract['name']!r} has {told}", HINT)
    return 1 if any(open_rows) else None


def _load(path: str) -> Any:
    """Load the file for the CPU, with the delegate asked for by name, and see that it was made."""
    from ai_edge_litert import compiled_model as litert

    options = litert.Options(
        hardware_accelerators=litert.HardwareAccelerator.CPU,
        cpu_options=litert.CpuOptions(num_threads=1, kernel_mode=litert.CpuKernelMode.DELEGATE),
    )
    with _what_it_prints() as printed:
        model = litert.CompiledModel.from_file(path, options=options)
        printed.seek(0)
        log = printed.read()
    sys.stderr.write(log)
    if DELEGATE not in log:
        raise GuestError("CompiledModel made no XNNPACK delegate, which was asked for")
    return model


@contextlib.contextmanager
def _what_it_prints() -> Iterator[IO[str]]:
    """Yield a file that gets what C++ writes to standard error meanwhile."""
    with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as file:
        kept = os.dup(2)
        os.dup2(file.fileno(), 2)
        try:
            yield file
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def _runner(model: Any, mapping: Mapping[str, Any], contract: Mapping[str, Any]) -> Callable[[Tensors], Tensors]:
    """Return a function that feeds one signature by the contract's names; its buffers are made once."""
    key = mapping["key"]
    taken, given = model.get_input_tensor_details(key), model.get_output_tensor_details(key)
    for name, detail in {**taken, **given}.items():
        if detail["dtype"] not in HELD:
            raise Refused(f"CompiledModel's buffers hold no {detail['dtype']}, which {name!r} is", HINT)
    feeds = {name: model.create_input_buffer_by_name(key, name) for name in taken}
    answers = {name: model.create_output_buffer_by_name(key, name) for name in given}
    narrowed = mapping["dtypes"]["outputs"]
    stated = {port["name"]: port["dtype"] for port in contract["outputs"] if port["name"] in narrowed}
    scaled = mapping.get("quantization", {"inputs": {}, "outputs": {}})

    def run(inputs: Tensors) -> Tensors:
        for name, array in inputs.items():
            buffer, detail = feeds.get(mapping["inputs"][name]), taken.get(mapping["inputs"][name])
            if buffer is not None:  # an input that nothing uses is not in the file
                value = quantised(array, scaled["inputs"][name]) if name in scaled["inputs"] else array
                buffer.write(_as_stated(name, value, detail))
        model.run_by_name(key, feeds, answers)
        outputs = {}
        for name, got in mapping["outputs"].items():
            shape, dtype = given[got]["shape"], np.dtype(given[got]["dtype"])
            value = answers[got].read(int(np.prod(shape)), dtype).reshape(shape)
            outputs[name] = dequantised(value, scaled["outputs"][name]) if name in scaled["outputs"] else value
        return {name: np.array(array, stated.get(name)) for name, array in outputs.items()}

    return run


def _as_stated(name: str, array: Any, detail: Mapping[str, Any]) -> Any:
    if list(array.shape) != list(detail["shape"]):
        raise Refused(
            f"CompiledModel takes {name!r} as {list(detail['shape'])} alone, and it is {list(array.shape)}", HINT
        )
    return np.ascontiguousarray(array.astype(detail["dtype"]))
