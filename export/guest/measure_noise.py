"""Guest script: measure a model's own rounding noise, from its canonical form and its samples.

Request: `canonical` (see `anyport_tf.canonical`), `samples` (the `.npz` of an export, to which the masks of what rounding
decides are added as role `undecided`, if there are any), `multiple` and `seed`.  Result: `noise` (signature → output →
`floor`, `scale`, `method`, `undecided`; see `anyport_tf.noise`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from anyport_guest import Progress, read_calls, write_calls
from anyport_tf import noise
from anyport_tf.canonical import Canonical

ROLES = ("inputs", "outputs", "labels")


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    noise.plainly()
    model = Canonical.read(request["canonical"])
    calls = read_calls(request["samples"], "inputs")
    found, notes = noise.measure(model, calls, int(request["seed"]), float(request["multiple"]), progress)
    print(*notes, sep="\n")
    _write_masks(Path(request["samples"]), found)
    return {"noise": {name: {key: item.summary() for key, item in its.items()} for name, its in found.items()}}


def _write_masks(path: Path, found: dict[str, dict[str, noise.Noise]]) -> None:
    masks = {
        name: [
            {key: item.undecided[number] for key, item in outputs.items() if item.undecided[number].any()}
            for number in range(len(next(iter(outputs.values())).undecided))
        ]
        for name, outputs in found.items()
    }
    if not any(call for its in masks.values() for call in its):
        return
    roles = {role: read_calls(path, role) for role in ROLES}
    # Others read the file meanwhile: they see the old one or the new one.
    partial = Path(f"{path}.partial")
    write_calls(partial, **roles, undecided=masks)
    partial.replace(path)
