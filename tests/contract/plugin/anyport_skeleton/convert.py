"""Guest script: canonical form → `NUMBER.pb` for each signature, and `weights.npz`.

Request: `canonical`, `out` (an empty folder), `variant`.  Result: `signatures` — for each `graph` (file), `inputs` and
`outputs` (contract name → tensor), `weights` (placeholder → key in `weights.npz`) and `answers` — and `notes`.

Variants: `plain` is honest.  `raises`, `refuses`, `aborts` and `hangs` are converters that fail; `mute` returns no
signatures; `wrong` spoils the weights; `lost` has the runtime keep its answers to itself.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from anyport_guest import Progress, Refused
from anyport_tf.canonical import Canonical


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    model, out, variant = Canonical.read(request["canonical"]), Path(request["out"]), request["variant"]
    _fail(variant, progress)
    keys = {name: f"w{number}" for number, name in enumerate(model.weights)}
    spoil = 1.05 if variant == "wrong" else 1.0
    np.savez(out / "weights.npz", **{key: model.weights[name] * np.float32(spoil) for name, key in keys.items()})
    signatures = {}
    for number, signature in enumerate(model.signatures.values()):
        if signature.variables or signature.tables:
            raise Refused("a skeleton has no state and no tables", "Leave this target out.")
        (out / f"{number}.pb").write_bytes(signature.graph.SerializeToString(deterministic=True))
        signatures[signature.name] = {
            "graph": f"{number}.pb",
            "inputs": {name: f"{placeholder}:0" for name, placeholder in signature.inputs.items()},
            "outputs": dict(signature.outputs),
            "weights": {f"{placeholder}:0": keys[name] for placeholder, name in signature.weights.items()},
            "answers": variant != "lost",
        }
    return {"signatures": signatures, "notes": []} if variant != "mute" else {}


def _fail(variant: str, progress: Progress) -> None:
    if variant == "raises":
        raise ValueError("the converter's own words")
    if variant == "refuses":
        raise Refused("a skeleton can't express MatMul (from 'mlp/MatMul')", "Replace that layer.")
    if variant == "aborts":
        print("last words of a library", flush=True)
        os.abort()
    if variant == "hangs":
        progress("hanging")
        time.sleep(600)
