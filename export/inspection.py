"""Looking at a model before it is exported: its contract, its size, its ops, and what each target can do with it.

`run_inspect` is called by `anyport inspect` and `anyport.inspect`.  It loads and traces the source as an export does and asks
each target's preflight, which is the same that its converter starts with; nothing is converted, run or written.
"""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal

from anyport import guests, process, publish
from anyport.errors import EXIT_DONE, ConversionError
from anyport.guests import Job
from anyport.loading import LoadOptions, Prepared, check_options, load
from anyport.models import Source
from anyport.targets import Choice
from anyport.terminal import Progress
from anyport.workshop import Workshop

SUMMARIZE = Path(__file__).parent / "guest" / "summarize.py"

Verdict = Literal["as it is", "repaired", "refused", "unknown"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outlook:
    """What one target can do with the model."""

    target: str
    variant: str
    verdict: Verdict
    """`unknown` where the target has no preflight, or it failed (`reason` says so)."""
    repairs: Sequence[Mapping[str, Any]] = ()
    """`{rule, why, until, where}` each."""
    refusals: Sequence[Mapping[str, Any]] = ()
    """`{op, node, origin, reason, hint}` each."""
    notes: Sequence[str] = ()
    reason: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Inspection:
    """What was found."""

    source: str
    contract: Mapping[str, Any]
    parameters: Mapping[str, int]
    """`elements` and `bytes` of the source's variables."""
    signatures: Mapping[str, Mapping[str, Any]]
    """For each signature `count` (floating-point operations for one sample), `loops`, `unknown` and `ops`."""
    notes: Sequence[str]
    outlooks: Sequence[Outlook]

    @property
    def exit_code(self) -> int:
        """Return that of a failed conversion if some target can't run the model, else 0."""
        refused = any(outlook.verdict == "refused" for outlook in self.outlooks)
        return ConversionError.exit_code if refused else EXIT_DONE


def run_inspect(
    source: Source,
    choices: Sequence[Choice],
    options: LoadOptions,
    progress: Progress,
    prepared: Prepared | None = None,
) -> Inspection:
    """Inspect `source` for every choice; raises `RequestError` and `ToolchainError` as an export does."""
    check_options(options)
    work = Path(tempfile.mkdtemp(prefix="anyport-"))
    try:
        with Workshop(progress, publish.new_log_folder()) as workshop, process.ended_by_interrupt():
            return _inspect(source, choices, options, workshop, work, prepared)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _inspect(
    source: Source,
    choices: Sequence[Choice],
    options: LoadOptions,
    workshop: Workshop,
    work: Path,
    prepared: Prepared | None,
) -> Inspection:
    zygote = workshop.zygote([module for choice in choices for module in choice.target.preload])
    if prepared is None:
        canonical = work / "canonical"
        canonical.mkdir()
        loaded = load(source, options, workshop, canonical, None, None, lambda step, show: show(step))
    else:
        canonical, loaded = prepared.canonical, prepared.result

    def ask(name: str, script: Path, request: Mapping[str, Any]) -> guests.Outcome:
        log = workshop.logs / f"{name}.log"
        job = Job(name=name, script=script, request=request, folder=work, log=log, timeout=options.timeout)
        with workshop.slots, workshop.progress.step(name) as show:
            outcome = zygote.run(job, show)
        guests.check_interrupted(outcome)
        return outcome

    def look(choice: Choice) -> Outlook:
        target, variant = choice.target, choice.variant
        if target.preflight is None:
            return Outlook(target=target.name, variant=variant, verdict="unknown", reason="it has no preflight")
        request = {"canonical": str(canonical), "variant": variant, "options": {}}
        return _outlook(choice, ask(f"{target.name}-{variant}.preflight", target.preflight, request))

    with ThreadPoolExecutor(max_workers=8) as pool:
        summary = pool.submit(ask, "summary", SUMMARIZE, {"canonical": str(canonical)})
        outlooks = list(pool.map(look, choices))
    outcome = summary.result()
    if outcome.result is None:
        raise ConversionError(outcome.message, outcome.hint or "Its log has the whole story.", str(outcome.log))
    return Inspection(
        source=source.text,
        contract=loaded["contract"],
        parameters=outcome.result["parameters"],
        signatures=outcome.result["signatures"],
        notes=loaded["notes"],
        outlooks=outlooks,
    )


def _outlook(choice: Choice, outcome: guests.Outcome) -> Outlook:
    common: dict[str, Any] = {"target": choice.target.name, "variant": choice.variant}
    if outcome.result is None:
        return Outlook(verdict="unknown", reason=f"{outcome.message} (log: {outcome.log})", **common)
    found: dict[str, Any] = {key: tuple(outcome.result[key]) for key in ("repairs", "refusals", "notes")}
    verdict: Verdict = "refused" if found["refusals"] else "repaired" if found["repairs"] else "as it is"
    return Outlook(verdict=verdict, **found, **common)
