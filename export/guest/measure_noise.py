"""Guest script: measure a model's own rounding noise, and how much of it the samples exercise, from its canonical form.

Request: `canonical` (see `anyport_tf.canonical`), `samples` (the `.npz` of an export, to which the masks of what rounding
decides are added as role `undecided`, if there are any), `multiple` and `seed`.  Result: `noise` (signature → output →
`floor`, `scale`, `method`, `undecided`; see `anyport_tf.noise`) and `blind`, sentences about what the samples leave in
the dark (`anyport_tf.coverage`).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import tensorflow as tf

from anyport_guest import Calls, Progress, first_line, read_calls, write_calls
from anyport_tf import coverage, noise
from anyport_tf.canonical import Canonical

ROLES = ("inputs", "outputs", "labels")


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    noise.plainly()
    model = Canonical.read(request["canonical"])
    calls = read_calls(request["samples"], "inputs")
    found, notes = noise.measure(model, calls, int(request["seed"]), float(request["multiple"]), progress)
    print(*notes, sep="\n")
    _write_masks(Path(request["samples"]), found)
    return {
        "blind": _blind_spots(model, calls, read_calls(request["samples"], "outputs")),
        "noise": {name: {key: item.summary() for key, item in its.items()} for name, its in found.items()},
    }


def _blind_spots(model: Canonical, calls: Calls, outputs: Calls) -> list[str]:
    said = coverage.still_outputs(model.contract, outputs)
    try:
        wider, watches = coverage.watched(model)
        if any(watches.values()):
            said += coverage.dark_parts(model, watches, noise.Engine(wider).run(calls, dict(wider.weights)))
    except (ValueError, tf.errors.OpError) as error:  # a graph that can't be imported a second time; the noise is known
        said.append(f"how much of the model the samples exercise could not be measured: {first_line(error)}")
    return said


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
