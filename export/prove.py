"""Proving artifacts: run each in its runtimes, and compare what they answer with what the source answered.

Used by an export for what it has just made, and by a check for what lies in an export's folder.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import shutil
import sys
import zipfile
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from anyport import budget, guests, noise, pages, toolchains
from anyport.compare import Noise, Tolerance, coarser, compare_run
from anyport.errors import AnyportError
from anyport.guest.anyport_guest import read_calls
from anyport.guests import Job, Outcome, Zygote
from anyport.protocols import Budget, Runtime, Toolchain
from anyport.report import Run, Status
from anyport.workshop import Workshop

OURS = ("host", "browser")
"""Interpreters of ours, which start the runtime as another process or ask one that runs."""

Provide = Callable[[Toolchain], toolchains.Installed]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Bench:
    """What proving needs, whoever asks for it."""

    contract: Mapping[str, Any]
    samples: Path
    work: Path
    """Where requests, responses and outputs go."""
    logs: Path
    tolerance: Tolerance
    """For artifacts without a budget."""
    noise: Callable[[], Noise]
    """Waits for the model's own noise, and gives it."""
    timeout: float
    provide: Provide
    """Provisions a toolchain, or raises `ToolchainError`."""
    zygote: Callable[[], Zygote]
    """Starts the TensorFlow zygote, or returns the one there is."""
    browsers: Callable[[], AbstractContextManager[str]]
    """Waits for the browsers, and gives where they take orders."""


def bench_of(folder: Path, stated: Mapping[str, Any], work: Path, workshop: Workshop, timeout: float) -> Bench:
    """Return what proving an export again needs, as its manifest `stated` has it."""
    samples = folder / stated["samples"]["path"]
    return Bench(
        contract=stated["contract"],
        samples=samples,
        work=work,
        logs=workshop.logs,
        tolerance=Tolerance(**stated["tolerance"]),
        noise=functools.partial(noise.read, stated.get("noise", {}), samples),
        timeout=timeout,
        provide=workshop.provide,
        zygote=workshop.zygote,
        browsers=workshop.browsers,
    )


def prove(
    bench: Bench,
    runtime: Runtime,
    name: str,
    folder: Path,
    signatures: Mapping[str, Any],
    allowed: Budget | None,
    turn: AbstractContextManager[guests.Report],
) -> Run:
    """Run the artifact in `folder` in one runtime and return the verdict.

    `name` tells this run from others in logs and files; `allowed` is the artifact's budget, if it has one.  `turn` is
    entered for the run alone, once its toolchains are provided: a download must not keep a processor from those who
    could use it.
    """
    answered = execute(bench, runtime, name, folder, signatures, turn)
    return answered if isinstance(answered, Run) else _verdict(bench, runtime, answered, allowed)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answered:
    """How a runtime ended, and the file that it wrote its answers to."""

    outcome: Outcome
    outputs: Path


def execute(
    bench: Bench,
    runtime: Runtime,
    name: str,
    folder: Path,
    signatures: Mapping[str, Any],
    turn: AbstractContextManager[guests.Report],
) -> Answered | Run:
    """Run the artifact as `prove` does, and judge nothing; a `Run` says why it can't be run here."""
    log = bench.logs / f"{name}.log"
    if missing := [program for program in runtime.needs if shutil.which(program) is None]:
        return Run(runtime=runtime.name, status="not_run", reason=f"{missing[0]} is not on PATH")
    if lacking := runtime.lacking():
        return Run(runtime=runtime.name, status="not_run", reason=lacking)
    local = dict(runtime.local() or {})
    try:
        provided = {toolchain.name: bench.provide(toolchain) for toolchain in runtime.required()}
        page = pages.resolve(runtime, bench.provide)
        zygote = bench.zygote() if runtime.interpreter == "zygote" else None
    except AnyportError as error:
        return Run(runtime=runtime.name, status="not_run", reason=str(error), log=error.log or str(log))
    outputs = bench.work / f"{name}.outputs.npz"
    request = {
        "artifact": str(folder),
        "contract": bench.contract,
        "signatures": signatures,
        "samples": str(bench.samples),
        "outputs": str(outputs),
        "toolchains": {key: str(item.path) for key, item in provided.items()},
        "options": {"timeout": bench.timeout, **runtime.options, **local},
        **({"page": {key: str(path) for key, path in page.items()}} if page else {}),
    }
    job = Job(name=name, script=runtime.script, request=request, folder=bench.work, log=log, timeout=bench.timeout)
    with contextlib.ExitStack() as stack:
        if runtime.interpreter == "browser":
            # Before the turn: whoever waits for the browsers must not keep a processor from those who could use it.
            request["browsers"] = stack.enter_context(bench.browsers())
        tell = stack.enter_context(turn)
        if zygote is not None:
            outcome = zygote.run(job, tell)
        else:
            python = sys.executable if runtime.interpreter in OURS else provided[runtime.toolchains[0].name].python
            outcome = guests.run(python, job, tell)
    return Answered(outcome=outcome, outputs=outputs)


def _verdict(bench: Bench, runtime: Runtime, answered: Answered, allowed: Budget | None) -> Run:
    outcome, outputs = answered.outcome, answered.outputs
    guests.check_interrupted(outcome)
    log = str(outcome.log)
    if outcome.result is None:
        status: Status = "refused" if outcome.kind == "refused" else "error"
        reason = ". ".join(part.rstrip(".") for part in (outcome.message, outcome.hint) if part)
        return Run(runtime=runtime.name, status=status, reason=reason, emulated=runtime.emulated, log=log)
    result = outcome.result
    try:
        answers = read_calls(outputs, "outputs")
        told: dict[str, Any] = {
            "version": str(result["version"]),
            "backend": str(result["backend"]),
            "seconds": {**{key: float(value) for key, value in result["seconds"].items()}, "total": outcome.seconds},
            "details": dict(result.get("details", {})),
            "emulated": runtime.emulated,
            "max_rss": 0 if runtime.interpreter in OURS or runtime.emulated else outcome.max_rss,
        }
    except (OSError, KeyError, TypeError, ValueError, AttributeError, zipfile.BadZipFile) as error:
        reason = f"{runtime.script.name} broke the format of its answer: {type(error).__name__}: {error}"
        return Run(runtime=runtime.name, status="error", reason=reason, log=log)
    own_noise = bench.noise()
    expected, labels = (read_calls(bench.samples, role) for role in ("outputs", "labels"))
    tolerance = coarser(bench.tolerance, runtime.coarseness)
    verdicts = compare_run(bench.contract, expected, answers, tolerance, labels, own_noise)
    if allowed is not None:
        verdicts = budget.judge(verdicts, allowed)
    wrong = next((verdict for verdict in verdicts if not verdict.passed), None)
    return Run(
        runtime=runtime.name,
        status="failed" if wrong else "passed",
        reason=f"output {wrong.name!r} of {wrong.signature!r}: {wrong.reason}" if wrong else "",
        outputs=verdicts,
        log=log,
        **told,
    )
