"""Guest script: canonical form → one `.tflite` that holds every signature, and the self-test that goes with it.

Request: `canonical`, `out` (an empty folder), `variant` and, for a variant that is calibrated, `calibration` (inputs as
`anyport_guest.read_calls` reads them).  Result: `signatures` — for each `file`, `key` (the name of the signature in the
file), `inputs` and `outputs` (contract name → the file's name), `dtypes` (for `inputs` and `outputs`, contract name → the
file's dtype where it isn't the contract's), `batch`, the number of rows that the file takes at a time, or None where any
will do, and where the file's inputs or outputs are scaled integers `quantization` (for `inputs` and `outputs`, contract
name → `dtype`, `scale` and `zero_point`: the number meant is `(integer − zero_point) · scale`) — `notes` and `repairs`.

The way in is a SavedModel with the weights as variables: MLIR reads them from the checkpoint, where a frozen graph
would carry them through protobufs (ResNet50: 8.5 s against 12.8 s).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
import tflite_batch
import tflite_quantise
from tensorflow.lite.python import lite
from tflite_limits import CALIBRATED
from tflite_prepare import prepare

from anyport_guest import Calls, GuestError, Progress, read_calls
from anyport_tf.canonical import Canonical
from anyport_tf.preflight import repairs_report
from anyport_tf.saved_model import argument_names, write_saved_model

FILE = "model.tflite"
SELFTEST = "selftest.py"
"""Goes with the file to the board, and proves it there."""


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    progress("repairing")
    prepared = prepare(Canonical.read(request["canonical"]), request)
    prepared.check("TFLite")
    source = prepared.source
    progress("converting")
    shutil.copyfile(Path(__file__).with_name(SELFTEST), Path(request["out"]) / SELFTEST)
    stated = {contract["name"]: contract for contract in source.contract["signatures"]}
    taken = {contract["name"]: contract for contract in prepared.model.contract["signatures"]}
    mapping = {name: _mapping(stated[name], taken[name]) for name in stated}
    content = _convert(prepared.model, request["variant"], _converter(source, prepared.model, mapping, request))
    (Path(request["out"]) / FILE).write_bytes(content)
    notes = tflite_quantise.notes(content) if request["variant"] in CALIBRATED else []
    return {
        "signatures": {
            name: {**bound, **_quantization(content, bound, request["variant"])} for name, bound in mapping.items()
        },
        "notes": [*prepared.notes, *notes],
        "repairs": repairs_report(source, prepared.repairs),
    }


def _mapping(stated: Mapping[str, Any], file: Mapping[str, Any]) -> dict[str, Any]:
    """Return how the contract of a signature maps onto the file's."""
    return {
        "file": FILE,
        "key": stated["name"],
        "inputs": argument_names(port["name"] for port in stated["inputs"]),
        "outputs": {port["name"]: port["name"] for port in stated["outputs"]},
        "dtypes": {role: _other_dtypes(stated[role], file[role]) for role in ("inputs", "outputs")},
        "batch": tflite_batch.BATCH if _shapes(stated) != _shapes(file) else None,
    }


def _quantization(content: bytes, mapping: Mapping[str, Any], variant: str) -> dict[str, Any]:
    """Return the mapping's `quantization` by the contract's names, nothing where the file takes and gives floats."""
    if variant == "float32":
        return {}
    found = tflite_quantise.ports(content, mapping["key"])
    scaled = {
        role: {name: found[role][given] for name, given in mapping[role].items() if given in found[role]}
        for role in ("inputs", "outputs")
    }
    return {"quantization": scaled} if any(scaled.values()) else {}


def _shapes(contract: Mapping[str, Any]) -> list[Any]:
    return [port["shape"] for port in contract["inputs"]]


def _other_dtypes(stated: Sequence[Mapping[str, Any]], file: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {port["name"]: own["dtype"] for port, own in zip(stated, file, strict=True) if port["dtype"] != own["dtype"]}


def _converter(
    source: Canonical, model: Canonical, mapping: Mapping[str, Any], request: Mapping[str, Any]
) -> Callable[[str], Any]:
    """Return what makes the converter of a SavedModel's folder for the variant that was asked for."""
    variant, signatures = request["variant"], list(model.signatures)
    if variant == "float32":
        return lambda folder: _Converter(folder, {tf.saved_model.SERVING}, signatures)
    calls: Calls = read_calls(request["calibration"], "inputs") if variant in CALIBRATED else {}
    names = {name: mapping[name]["inputs"] for name in signatures}
    data = tflite_quantise.dataset(calls, source, names, model)
    return lambda folder: tflite_quantise.QuantisingConverter(folder, signatures, variant, data)


def _convert(model: Canonical, variant: str, converter: Callable[[str], Any]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write_saved_model(model, folder)
        try:
            content = converter(folder).convert()
        except Exception as error:
            raise GuestError(
                f"the TFLite converter failed: {_last_line(str(error))}", "Its log has the whole story."
            ) from error
    if not content:
        raise GuestError(f"the TFLite converter returned an empty {variant} file and no error")
    return bytes(content)


class _Converter(lite.TFLiteSavedModelConverterV2):
    """`TFLiteConverter.from_saved_model` without what a float model doesn't need.

    The public one loads the SavedModel three times in Python, for its signature names, its stack traces and usage
    metrics, and then takes the finished flatbuffer apart and packs it again, twice.  That is half of its time:
    ResNet50 11.2 s against 4.9 s, the same operators and weights.
    """

    def __init__(self, folder: str, tags: set[str], signatures: list[str]) -> None:
        super().__init__(folder, tags, signatures)
        self.exclude_conversion_metadata = True

    def convert(self) -> bytes:
        return bytes(self._convert_from_saved_model(tf.compat.v1.GraphDef()))

    def _optimize_tflite_model(self, model: bytes, *_: Any, **__: Any) -> bytes:
        return model


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in reversed(lines) if "error:" in line), lines[-1] if lines else "no message")[:300]
