"""Guest script: a float32 `.onnx` → the same in int8, by onnxruntime.quantization; runs in a toolchain of its own.

Request: `artifact` (its folder, whose files are replaced), `signatures` (as `convert.py` returned them), `variant` (`int8` or
`int8-dynamic`) and for `int8` `calibration` (inputs as `anyport_guest.read_calls` reads them).  Result: `notes`.

`int8-dynamic` stores weights in 8 bits and measures activations as it runs; `int8` fixes the ranges of both, as pairs of
QuantizeLinear and DequantizeLinear that any runtime can read.  Only what multiplies matrices is quantised, where int8 saves
time and memory: an int8 Add or Softmax saves nothing, and costs accuracy where a mask is added.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime import quantization

from anyport_guest import Array, GuestError, Progress, Tensors, first_line, read_calls

MULTIPLYING = ("Conv", "ConvTranspose", "Gemm", "MatMul")
DYNAMIC = ("Gemm", "MatMul", "LSTM")
"""No Gather: onnxruntime 1.32.0 aborts when it loads the zoo's lstm_text with a quantised one (in `vector::operator[]`).  No
Conv: onnxruntime's guide to quantisation advises ranges that are fixed beforehand, `int8`, for convolutions."""


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    static = request["variant"] == "int8"
    calls = read_calls(request["calibration"], "inputs") if static else {}
    notes = []
    for name, mapping in request["signatures"].items():
        progress(f"quantising {name}")
        path = Path(request["artifact"], mapping["file"])
        kinds = _present(path, MULTIPLYING if static else DYNAMIC)
        if not kinds:
            notes.append(f"signature {name!r} holds nothing that int8 is of use to, and stays as it was")
            continue
        try:
            if static:
                _static(path, kinds, [_feeds(call, mapping["inputs"]) for call in calls[name]])
            else:
                _dynamic(path, kinds)
            onnx.checker.check_model(str(path), full_check=True)
        except Exception as error:  # onnxruntime's exceptions share no base class of their own
            raise GuestError(f"onnxruntime can't quantise signature {name!r}: {first_line(error)}") from error
    return {"notes": notes}


def _present(path: Path, kinds: tuple[str, ...]) -> list[str]:
    """Return which of the operators the file's graph holds."""
    found = {node.op_type for node in onnx.load(str(path), load_external_data=False).graph.node}
    return [kind for kind in kinds if kind in found]


def _feeds(call: Tensors, names: Mapping[str, str]) -> dict[str, Array]:
    return {
        names[key]: np.char.decode(array, "utf-8").astype(object) if array.dtype.kind == "S" else array
        for key, array in call.items()
    }


class _Calls(quantization.CalibrationDataReader):
    """Hands the calibrator one call after the other, then None."""

    def __init__(self, calls: list[dict[str, Array]]) -> None:
        self._left = iter(calls)

    def get_next(self) -> dict[str, Array] | None:
        return next(self._left, None)


def _static(path: Path, kinds: list[str], calls: list[dict[str, Array]]) -> None:
    made = path.with_suffix(".quantised")
    quantization.quantize_static(
        str(path),
        str(made),
        _Calls(calls),
        quant_format=quantization.QuantFormat.QDQ,
        op_types_to_quantize=kinds,
        per_channel=True,
        activation_type=quantization.QuantType.QInt8,
        weight_type=quantization.QuantType.QInt8,
    )
    os.replace(made, path)


def _dynamic(path: Path, kinds: list[str]) -> None:
    made = path.with_suffix(".quantised")
    quantization.quantize_dynamic(
        str(path), str(made), op_types_to_quantize=kinds, weight_type=quantization.QuantType.QUInt8
    )
    os.replace(made, path)
