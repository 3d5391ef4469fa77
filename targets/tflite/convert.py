"""Guest script: canonical form → one `.tflite` that holds every signature, and the self-test that goes with it.

Request: `canonical`, `out` (an empty folder), `variant`.  Result: `signatures` — for each `file`, `key` (the name of
the signature in the file), `inputs` and `outputs` (contract name → the file's name), `dtypes` (for `inputs` and `outputs`,
contract name → the file's dtype where it isn't the contract's) and `batch`, the number of rows that the file takes at
a time, or None where any will do — `notes` and `repairs`.

The way in is a SavedModel with the weights as variables: MLIR reads them from the checkpoint, where a frozen graph
would carry them through protobufs (ResNet50: 8.5 s against 12.8 s).
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
import tflite_batch
from tensorflow.lite.python import lite
from tflite_prepare import prepare

from anyport_guest import GuestError, Progress
from anyport_tf.canonical import Canonical
from anyport_tf.preflight import repairs_report
from anyport_tf.saved_model import argument_names, write_saved_model

FILE = "model.tflite"
SELFTEST = "selftest.py"
"""Goes with the file to the board, and proves it there."""


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    source = Canonical.read(request["canonical"])
    progress("repairing")
    prepared = prepare(source, request)
    prepared.check("TFLite")
    progress("converting")
    content = _convert(prepared.model)
    (Path(request["out"]) / FILE).write_bytes(content)
    shutil.copyfile(Path(__file__).with_name(SELFTEST), Path(request["out"]) / SELFTEST)
    contracts = zip(source.contract["signatures"], prepared.model.contract["signatures"], strict=True)
    return {
        "signatures": {stated["name"]: _mapping(stated, file) for stated, file in contracts},
        "notes": list(prepared.notes),
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


def _shapes(contract: Mapping[str, Any]) -> list[Any]:
    return [port["shape"] for port in contract["inputs"]]


def _other_dtypes(stated: Sequence[Mapping[str, Any]], file: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    return {port["name"]: own["dtype"] for port, own in zip(stated, file, strict=True) if port["dtype"] != own["dtype"]}


def _convert(model: Canonical) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        write_saved_model(model, folder)
        try:
            content = _Converter(folder, {tf.saved_model.SERVING}, list(model.signatures)).convert()
        except Exception as error:
            raise GuestError(
                f"the TFLite converter failed: {_last_line(str(error))}", "Its log has the whole story."
            ) from error
    if not content:
        raise GuestError("the TFLite converter returned nothing and no error")
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
