"""The model's own rounding noise: measured once in an export, by a guest, and read from the manifest in a check.

`measure` is called by the pipeline as soon as the source has answered; verdicts wait for it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anyport import guests
from anyport.compare import Noise
from anyport.guest.anyport_guest import read_calls
from anyport.guests import Job
from anyport.workshop import Workshop

SCRIPT = Path(__file__).parent / "guest" / "measure_noise.py"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Measured:
    """What a measurement came to."""

    outputs: Mapping[str, Any]
    """As the manifest has it; empty where it failed."""
    notes: tuple[str, ...]
    """Why it failed, or what the samples leave in the dark."""
    seconds: float


def measure(
    workshop: Workshop, canonical: Path, samples: Path, work: Path, seed: int, multiple: float, timeout: float
) -> Measured:
    """Measure the noise of the model in `canonical` on `samples`, to which masks of what rounding decides are added."""
    request = {"canonical": str(canonical), "samples": str(samples), "seed": seed, "multiple": multiple}
    log = workshop.logs / "noise.log"
    job = Job(name="noise", script=SCRIPT, request=request, folder=work, log=log, timeout=timeout)
    with workshop.slots, workshop.progress.step("noise floor") as show:
        outcome = workshop.zygote().run(job, show)
    guests.check_interrupted(outcome)
    if outcome.result is None:
        note = f"the model's own noise could not be measured, so --atol and --rtol decide: {outcome.message}"
        return Measured(outputs={}, notes=(note,), seconds=outcome.seconds)
    return Measured(outputs=outcome.result["noise"], notes=tuple(outcome.result["blind"]), seconds=outcome.seconds)


def read(outputs: Mapping[str, Any], samples: Path) -> Noise:
    """Return the noise that a manifest states, and the masks that lie with its samples."""
    undecided = read_calls(samples, "undecided") if outputs else {}
    return Noise(outputs=outputs, undecided=undecided)
