"""Guest script: where an artifact departs from its source, for `anyport debug`.

Every request holds `canonical`, `signature` (the contract's name), `described` (what the target's `cut.py` told of the artifact)
and `samples` (the `.npz` with the calls to look at).

* `{"verb": "plan", …, "all_samples", "batch", "worst"}` chooses the calls — `batch` is the artifact's or its runtime's (None: any
  number of rows), `worst` the `call` and `index` of the output's worst element, or None — and writes them to `samples`.
  Result: `fetch`, the artifact's tensors to read, and `rows`, as `protocols.Target.cut` takes it.
* `{"verb": "find", …, "outputs", "multiple", "least_snr", "blame", "cut_samples"}` compares what the artifact answered, tensors
  and all (`outputs`, an `.npz`).  `multiple` is how much of a segment's own noise is right, `least_snr` the decibels that are
  enough for a variant of fewer bits, or None; without `blame`, where the artifact passes or the taps can't be trusted, no fault
  is told.  Where `values` is given, the source's values of all taps are written there, by the artifact's names.  Result:
  `layers`, `first_wrong`, `cause` and `worst` as `divergence.json` has them; `notes`; and where there is a fault `suspect`: `feed`
  and `fetch`, tensors of the artifact, and `allowed`, by how much the outputs of that cut may be off.  Its inputs and the
  source's answers are in `cut_samples`.
"""

from __future__ import annotations

from typing import Any

from anyport_guest import Progress
from anyport_tf import debugging


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    return debugging.plan(request) if request["verb"] == "plan" else debugging.find(request, progress)
