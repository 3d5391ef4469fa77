"""Guest script: canonical form → SavedModel.

Request: `canonical`, `out` (an empty folder), `variant`.  Result: `signatures` — for each `inputs` and `outputs`
(contract name → the SavedModel's) — `notes` and `repairs`.
"""

from __future__ import annotations

from typing import Any

from saved_model_prepare import prepare

from anyport_guest import Progress
from anyport_tf.canonical import Canonical
from anyport_tf.preflight import repairs_report
from anyport_tf.saved_model import argument_names, write_saved_model


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    prepared = prepare(Canonical.read(request["canonical"]))
    model = prepared.model
    progress("writing")
    write_saved_model(model, request["out"])
    signatures = {
        name: {"inputs": argument_names(signature.inputs), "outputs": {output: output for output in signature.outputs}}
        for name, signature in model.signatures.items()
    }
    renamed = [
        f"the SavedModel calls the input {name!r} {given!r}, since its inputs are keyword arguments"
        for mapping in signatures.values()
        for name, given in mapping["inputs"].items()
        if name != given
    ]
    return {"signatures": signatures, "notes": renamed, "repairs": repairs_report(model, prepared.repairs)}
