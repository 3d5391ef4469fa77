"""An export from end to end: source → contract and canonical form → artifacts → proof → a folder.

`run_export` is called by `anyport export` and by `anyport.export`.  The TensorFlow toolchain is provided first, since
nothing can start without it; the runtimes' toolchains are provided meanwhile.  Conversions start as soon as the
canonical form is written, while the source still answers the samples; each artifact goes through its runtimes as soon
as it is there.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from anyport import budget, guests, manifest, noise, pages, process, publish
from anyport.compare import Tolerance
from anyport.errors import RequestError, ToolchainError
from anyport.guests import Job
from anyport.loading import LoadOptions, Prepared, check_options, load
from anyport.models import TENSORFLOW, Source
from anyport.protocols import Budget, Refinement, Runtime, Toolchain
from anyport.prove import Bench, prove
from anyport.report import Artifact, Report, Run, Status, judge
from anyport.targets import Choice, registry
from anyport.terminal import Progress
from anyport.workshop import Workshop

GENERATED = (
    "calibrated with generated inputs, which are nothing like yours: give real ones with --calibration or --samples"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options(LoadOptions):
    """What an export takes besides the source and the targets."""

    out: Path
    tolerance: Tolerance = dataclasses.field(default_factory=Tolerance)
    budget: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """Parts of the budget of every quantised variant that are other than by default (`protocols.Budget`)."""
    settings: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """What the user chose of the targets' `settings`."""
    force: bool = False


def run_export(
    source: Source,
    choices: Sequence[Choice],
    options: Options,
    progress: Progress,
    prepared: Prepared | None = None,
    workshop: Workshop | None = None,
) -> Report:
    """Export `source` to every choice, prove each artifact, and publish the folder `options.out`.

    `workshop` is one that outlives this export; by default it has its own.  Raises `RequestError` for a source, sample
    file or folder that won't do, and `ToolchainError` if TensorFlow can't be provided; then nothing was written.
    Whatever happens to one artifact alone is in the report.
    """
    check_request(choices, options)
    options = with_companions(options, source)
    with contextlib.ExitStack() as stack:
        staging = stack.enter_context(publish.staging(options.out))
        shop = workshop or stack.enter_context(Workshop(progress, publish.new_log_folder()))
        export = stack.enter_context(_Export(source, options, staging, shop, prepared))
        stack.enter_context(process.ended_by_interrupt())
        report = export.run(choices)
        publish.publish(staging, options.out)
    return report


def check_request(choices: Sequence[Choice], options: Options) -> None:
    """Raise `RequestError` for what can be told before anything is loaded."""
    if not choices:
        raise RequestError("no target was named", "Add --to TARGET; `anyport targets` lists them.")
    if options.budget and not any(choice.variant in choice.target.budgets for choice in choices):
        raise RequestError(
            "a budget was given, and no variant that was asked for has one",
            "Leave --budget out, or name a quantised variant: --to tflite:int8; float32 is held to --atol and --rtol.",
        )
    for name, value in options.settings.items():
        _check_setting(name, value, choices)
    publish.check_destination(options.out, options.force)
    check_options(options)


def _check_setting(name: str, value: int, choices: Sequence[Choice]) -> None:
    taking = [choice.target for choice in choices if name in choice.target.settings]
    if not taking:
        known = [target.name for target in registry().values() if name in target.settings]
        raise RequestError(f"no target that was asked for has --{name}", f"It belongs to {', '.join(known) or 'none'}.")
    for target in taking:
        least, most = target.settings[name]
        if not least <= value <= most:
            raise RequestError(
                f"{target.name} can't be converted with {name} {value}; it can from {least} to {most}",
                f"Type --{name} {most if value > most else least}, or leave it out.",
            )


class _Export:
    """One export in progress: its folders and its threads."""

    def __init__(
        self,
        source: Source,
        options: Options,
        staging: Path,
        workshop: Workshop,
        prepared: Prepared | None,
    ) -> None:
        self.source = source
        self.prepared = prepared
        self.options = options
        self.workshop = workshop
        self.progress = workshop.progress
        self.staging = staging
        self.logs = workshop.logs
        self.work = Path(tempfile.mkdtemp(prefix="anyport-"))
        self.samples = staging / manifest.SAMPLES
        self.calibration = self.work / "calibration.npz"
        self.timings: dict[str, float] = {}
        self._pool = ThreadPoolExecutor(max_workers=16, thread_name_prefix="anyport")

    def __enter__(self) -> _Export:
        return self

    def __exit__(self, *failure: object) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)
        shutil.rmtree(self.work, ignore_errors=True)

    def run(self, choices: Sequence[Choice]) -> Report:
        """Do everything but publish: the staging folder then holds the whole export."""
        started = time.monotonic()
        for toolchain in _toolchains(choices):
            self.workshop.begin(toolchain)
        zygote = self.workshop.zygote()
        canonical = self.prepared.canonical if self.prepared else self.work / "canonical"
        canonical.mkdir(exist_ok=True)
        traced = threading.Event()
        loading = self._pool.submit(self._load, canonical, traced)
        zygote.preload(list(dict.fromkeys(module for choice in choices for module in choice.target.preload)))
        loading.add_done_callback(lambda _: traced.set())
        traced.wait()
        if loading.done():
            loading.result()  # raises what went wrong before there was anything to convert
        measuring = self._pool.submit(self._measure, canonical, loading)
        artifacts = [self._pool.submit(self._artifact, choice, canonical, loading, measuring) for choice in choices]
        loaded = loading.result()
        made = [future.result() for future in artifacts]
        measured = measuring.result()
        self.timings["total"] = round(time.monotonic() - started, 3)
        names = [toolchain.name for toolchain in _toolchains(choices)]
        written = manifest.build(
            source={
                "kind": self.source.kind,
                "name": self.source.text,
                "sha256": self.source.sha256,
                "versions": loaded["versions"],
            },
            contract=loaded["contract"],
            toolchains={name: key for name, key in self.workshop.keys().items() if name in names},
            tolerance=self.options.tolerance,
            samples={
                **manifest.describe(self.samples, self.staging),
                "seed": None if self.options.samples else self.options.seed,
            },
            noise=measured.outputs,
            notes=[*loaded["notes"], *measured.notes],
            timings=self.timings,
            artifacts=made,
        )
        manifest.write(self.staging, written)
        return Report(path=self.options.out, manifest=written, artifacts=tuple(made))

    def _load(self, canonical: Path, traced: threading.Event) -> Mapping[str, Any]:
        """Load and trace the source, and have it answer the samples; sets `traced` when conversions may start."""

        def tell(step: str, show: Callable[[str], None]) -> None:
            self.timings.setdefault(f"until_{step.replace(' ', '_')}", round(time.monotonic() - started, 3))
            if step == "canonical":
                traced.set()
            else:
                show(step)

        if self.prepared is not None:
            shutil.copyfile(self.prepared.samples, self.samples)
            if self.prepared.calibration is not None:
                self.calibration = self.prepared.calibration
            self.timings["source"] = round(self.prepared.seconds, 3)
            return self.prepared.result
        started = time.monotonic()
        result = load(self.source, self.options, self.workshop, canonical, self.samples, self.calibration, tell)
        self.timings["source"] = round(time.monotonic() - started, 3)
        return result

    def _measure(self, canonical: Path, loading: Future[Mapping[str, Any]]) -> noise.Measured:
        """Measure the model's own noise once the source has answered, unless constants decide."""
        loading.result()
        multiple = self.options.tolerance.multiple
        if multiple is None:
            return noise.Measured(outputs={}, notes=(), seconds=0.0)
        measured = noise.measure(
            self.workshop, canonical, self.samples, self.work, self.options.seed, multiple, self.options.timeout
        )
        self.timings["noise"] = round(measured.seconds, 3)
        return measured

    def _artifact(
        self,
        choice: Choice,
        canonical: Path,
        loading: Future[Mapping[str, Any]],
        measuring: Future[noise.Measured],
    ) -> Artifact:
        """Convert one artifact, and run it everywhere it was asked for."""
        name = f"{choice.target.name}-{choice.variant}"
        folder = self.staging / choice.target.directory(choice.variant)
        folder.mkdir(parents=True)
        if choice.variant in choice.target.calibrated and not self.options.calibration:
            loading.result()  # it is calibrated with the samples, which are written when the source has answered them
        artifact = self._convert(choice, name, canonical, folder)
        if artifact.status in ("error", "refused"):
            shutil.rmtree(folder)
            return artifact
        page = pages.write(folder, choice.runtimes, self.workshop.provide)
        contract = loading.result()["contract"]
        bench = Bench(
            contract=contract,
            samples=self.samples,
            work=self.work,
            logs=self.logs,
            tolerance=self.options.tolerance,
            noise=lambda: noise.read(measuring.result().outputs, self.samples),
            timeout=self.options.timeout,
            provide=self.workshop.provide,
            zygote=self.workshop.zygote,
            browsers=self.workshop.browsers,
        )
        allowed = budget.chosen(
            choice.target.budgets.get(choice.variant), self.options.budget, generated=self.options.samples is None
        )
        runs = run_everywhere(
            bench, choice, name, folder, artifact.signatures, allowed, self.progress, self.workshop.slots
        )
        status, reason = judge(runs)
        log = next((run.log for run in runs if run.status != "passed"), artifact.log)
        listed = manifest.list_files(folder, self.staging)
        beside = {f"{artifact.path}/{name}" for name in page}
        return dataclasses.replace(
            artifact,
            status=status,
            reason=reason,
            runs=runs,
            budget=None if allowed is None else dataclasses.asdict(allowed),
            files=[file for file in listed if file["path"] not in beside],
            self_test=[file for file in listed if file["path"] in beside],
            log=log,
        )

    def _convert(self, choice: Choice, name: str, canonical: Path, folder: Path) -> Artifact:
        log = self.logs / f"{name}.convert.log"
        settings = {key: value for key, value in self.options.settings.items() if key in choice.target.settings}
        request = {"canonical": str(canonical), "out": str(folder), "variant": choice.variant, "options": settings}
        if choice.variant in choice.target.calibrated:
            request["calibration"] = str(self.calibration if self.options.calibration else self.samples)
        job = Job(
            name=f"{name}.convert",
            script=choice.target.convert,
            request=request,
            folder=self.work,
            log=log,
            timeout=self.options.timeout,
        )
        with self.workshop.slots, self.progress.step(f"{_title(choice)}: convert") as show:
            outcome = self.workshop.zygote().run(job, show)
        guests.check_interrupted(outcome)
        common: dict[str, Any] = {
            "target": choice.target.name,
            "variant": choice.variant,
            "path": choice.target.directory(choice.variant),
            "toolchain": self.workshop.provide(TENSORFLOW).key,
            "convert_seconds": outcome.seconds,
            "convert_max_rss": outcome.max_rss,
            "log": str(log),
        }
        if outcome.result is None:
            status: Status = "refused" if outcome.kind == "refused" else "error"
            return Artifact(status=status, reason=outcome.message, hint=outcome.hint, **common)
        if missing := [key for key in ("signatures", "notes") if key not in outcome.result]:
            return Artifact(status="error", reason=f"{choice.target.convert.name} returned no {missing[0]!r}", **common)
        made = Artifact(
            status="not_run",
            signatures=outcome.result["signatures"],
            notes=(*outcome.result["notes"], *self._calibration_notes(choice)),
            repairs=tuple(outcome.result.get("repairs", ())),
            **common,
        )
        refinement = choice.target.refinements.get(choice.variant)
        return made if refinement is None else self._refine(choice, refinement, made, name, folder)

    def _refine(self, choice: Choice, step: Refinement, made: Artifact, name: str, folder: Path) -> Artifact:
        """Take the second step of a conversion, in its own toolchain."""
        log = self.logs / f"{name}.refine.log"
        try:
            python = self.workshop.provide(step.toolchain).python
        except ToolchainError as error:
            return dataclasses.replace(made, status="error", reason=str(error), hint=error.hint, log=error.log)
        request = {"artifact": str(folder), "signatures": made.signatures, "variant": choice.variant}
        if choice.variant in choice.target.calibrated:
            request["calibration"] = str(self.calibration if self.options.calibration else self.samples)
        job = Job(
            name=f"{name}.refine",
            script=step.script,
            request=request,
            folder=self.work,
            log=log,
            timeout=self.options.timeout,
        )
        with self.workshop.slots, self.progress.step(f"{_title(choice)}: {step.script.stem}") as show:
            outcome = guests.run(python, job, show)
        guests.check_interrupted(outcome)
        seconds = made.convert_seconds + outcome.seconds
        if outcome.result is None:
            status: Status = "refused" if outcome.kind == "refused" else "error"
            reason, hint = outcome.message, outcome.hint
            return dataclasses.replace(
                made, status=status, reason=reason, hint=hint, convert_seconds=seconds, log=str(log)
            )
        return dataclasses.replace(
            made,
            signatures=outcome.result.get("signatures", made.signatures),
            notes=(*made.notes, *outcome.result.get("notes", ())),
            convert_seconds=seconds,
        )

    def _calibration_notes(self, choice: Choice) -> tuple[str, ...]:
        known = self.options.calibration or self.options.samples
        return () if known or choice.variant not in choice.target.calibrated else (GENERATED,)


def with_companions(options: LoadOptions, source: Source) -> Any:
    """Return the options with what comes with the model where the user gave nothing: samples, labels, calibration."""
    if options.samples is not None:
        return options  # labels that come with the model are not those of the user's samples
    return dataclasses.replace(
        options,
        samples=source.samples,
        labels=options.labels or source.labels,
        calibration=options.calibration or (str(source.calibration) if source.calibration else ""),
    )


def run_everywhere(
    bench: Bench,
    choice: Choice,
    name: str,
    folder: Path,
    signatures: Mapping[str, Any],
    allowed: Budget | None,
    progress: Progress,
    slots: threading.Semaphore,
) -> tuple[Run, ...]:
    """Run an artifact in each runtime that was asked for, one after the other."""

    @contextlib.contextmanager
    def turn(runtime: Runtime) -> Iterator[Callable[[str], None]]:
        with slots, progress.step(f"{_title(choice)}: {runtime.name}") as show:
            yield show

    return tuple(
        prove(bench, runtime, f"{name}.{runtime.name}", folder, signatures, allowed, turn(runtime))
        for runtime in choice.runtimes
    )


def _toolchains(choices: Sequence[Choice]) -> list[Toolchain]:
    """Every toolchain that exporting to `choices` needs, TensorFlow's first: nothing can start without it."""
    needed = [TENSORFLOW]
    refinements = [choice.target.refinements.get(choice.variant) for choice in choices]
    needed += [refinement.toolchain for refinement in refinements if refinement is not None]
    needed += [toolchain for choice in choices for runtime in choice.runtimes for toolchain in runtime.required()]
    return list({toolchain.name: toolchain for toolchain in needed}.values())


def _title(choice: Choice) -> str:
    return (
        choice.target.name if choice.variant == choice.target.variants[0] else f"{choice.target.name}:{choice.variant}"
    )
