"""Guest script: canonical form → one `.onnx` per signature.

Request: `canonical`, `out` (an empty folder), `variant`, `options.opset` (18 unless given).  Result: `signatures` — for
each `file`, `inputs` and `outputs` (contract name → the file's name) and `batch`, always None: ONNX keeps dimensions
open — with `notes` and `checker`, which is `clean` or absent.

The stages, one file each: `onnx_express.py` refuses what ONNX can't say, `onnx_bridge.py` has tf2onnx convert the
skeleton with its weights as inputs, `onnx_ports.py` gives inputs and outputs the contract's names and shapes,
`onnx_order.py` makes the result repeatable, `onnx_attach.py` folds what is computed from weights alone, `onnx_seal.py`
puts them in, writes the file and checks it.  `onnx_handlers.py` and `onnx_steady.py` repair tf2onnx itself.
"""

from __future__ import annotations

import urllib.parse
from pathlib import Path
from typing import Any

import onnx_attach
import onnx_bridge
import onnx_express
import onnx_order
import onnx_ports
import onnx_seal

from anyport_guest import Progress
from anyport_tf.canonical import Canonical, Signature

OPSET = 18
"""Old enough for the runtimes in the field (onnxruntime 1.14, 2023), new enough for Split, Pad and the reductions."""


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    model = Canonical.read(request["canonical"])
    opset = int(request.get("options", {}).get("opset", OPSET))
    for signature in model.signatures.values():
        onnx_express.refuse_state(signature)
    # Every signature is looked at before the first is converted: a refusal comes at once.
    prepared = {name: onnx_bridge.prepare(model, signature, opset) for name, signature in model.signatures.items()}
    converted = {}
    for name, signature in model.signatures.items():
        progress(f"converting {name}")
        file = "model.onnx" if len(model.signatures) == 1 else f"{urllib.parse.quote(name, safe='')}.onnx"
        converted[name] = _convert(model, signature, prepared[name], opset, Path(request["out"]) / file)
    return {"signatures": converted, "notes": [], "checker": "clean"}


def _convert(
    model: Canonical, signature: Signature, prepared: onnx_bridge.Prepared, opset: int, path: Path
) -> dict[str, Any]:
    """Convert one signature into the file `path`; return how it is fed and read."""
    onnx_model = onnx_bridge.convert(model, signature, prepared, opset)
    contract = next(item for item in model.contract["signatures"] if item["name"] == signature.name)
    inputs, outputs, weights = onnx_ports.state(onnx_model, signature, prepared.weights, contract)
    new = onnx_order.settle(onnx_model)
    weights = {new.get(name, name): array for name, array in weights.items()}
    onnx_seal.write(onnx_model, onnx_attach.fold(onnx_model, weights), path)
    return {"file": path.name, "inputs": inputs, "outputs": outputs, "batch": None}
