"""Guest script: canonical form → one `.onnx` per signature, and the self-test that goes with them.

Request: `canonical`, `out` (an empty folder), `variant`, `options.opset` (18 unless given).  The int8 variants leave here in
float32: `refine.py` makes them int8.  Result: `signatures` — for
each `file`, `inputs` and `outputs` (contract name → the file's name) and `batch`, always None: ONNX keeps dimensions
open, and `states` (input → output) where it has any — with `repairs`, `notes` and `checker`, which is `clean` or absent.

The stages, one file each: `onnx_prepare.py` folds and repairs (`onnx_rules.py`, `onnx_lists.py`) the graph and finds what
can't be said (`onnx_express.py`), `onnx_bridge.py` has tf2onnx convert the skeleton with its weights as inputs,
`onnx_ports.py` gives inputs and outputs the contract's names and shapes, `onnx_order.py` makes the result repeatable,
`onnx_kernels.py` casts where onnxruntime has no kernel for a dtype, `onnx_attach.py` folds what is computed from weights
alone, `onnx_seal.py` puts them in, writes the file and checks it.  `onnx_handlers.py` and `onnx_steady.py` repair tf2onnx
itself.
"""

from __future__ import annotations

import shutil
import urllib.parse
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import onnx_attach
import onnx_bridge
import onnx_float16
import onnx_kernels
import onnx_order
import onnx_ports
import onnx_seal
from onnx_prepare import opset, prepare

from anyport_guest import Progress
from anyport_tf.canonical import Canonical, Signature
from anyport_tf.explicit_state import states, write_initial
from anyport_tf.preflight import repairs_report
from anyport_tf.rules import Repair

SELFTEST = "selftest.py"
"""Goes with the files to the server or board, and proves them there."""


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    prepared = prepare(Canonical.read(request["canonical"]), request)
    prepared.check("ONNX")
    shutil.copyfile(Path(__file__).with_name(SELFTEST), Path(request["out"]) / SELFTEST)
    model = prepared.model
    repairs = list(prepared.repairs)
    converted = {}
    for name, signature in model.signatures.items():
        progress(f"converting {name}")
        file = "model.onnx" if len(model.signatures) == 1 else f"{urllib.parse.quote(name, safe='')}.onnx"
        converted[name], supplied = _convert(model, signature, request, Path(request["out"]) / file)
        repairs += _as_repairs(supplied)
    write_initial(prepared.source, request["out"])
    return {
        "signatures": converted,
        "repairs": repairs_report(model, repairs),
        "notes": list(prepared.notes),
        "checker": "clean",
    }


def _convert(
    model: Canonical, signature: Signature, request: Mapping[str, Any], path: Path
) -> tuple[dict[str, Any], list[onnx_kernels.Supplied]]:
    """Convert one signature into the file `path`; return how it is fed and read, and what computes in another dtype."""
    converted = onnx_bridge.convert(model, signature, opset(model, request))
    onnx_model = converted.model
    contract = next(item for item in model.contract["signatures"] if item["name"] == signature.name)
    inputs, outputs, weights = onnx_ports.state(onnx_model, signature, converted.weights, contract)
    new = onnx_order.settle(onnx_model)
    weights = {new.get(name, name): array for name, array in weights.items()}
    supplied = onnx_kernels.supply(onnx_model, weights)
    arrays = onnx_attach.fold(onnx_model, weights)
    if request["variant"] == "float16":
        arrays = onnx_float16.halve(onnx_model, arrays)
    onnx_seal.write(onnx_model, arrays, path)
    return {"file": path.name, "inputs": inputs, "outputs": outputs, "batch": None, **states(contract)}, supplied


def _as_repairs(supplied: Iterable[onnx_kernels.Supplied]) -> list[Repair]:
    runtime = onnx_kernels.runtime()
    return [
        Repair(
            rule=f"{item.dtype}-as-{item.instead}",
            why=f"onnxruntime has no kernel of {item.dtype} for {item.op}",
            until=f"onnxruntime {runtime}",
            node=item.node,
        )
        for item in supplied
    ]
