"""One debugging session, step by step: load the source, run the artifact, look into it, cut out what is suspected.

`run_debug` is what `anyport.debugging` offers.  The source is loaded and traced again while the artifact is proved in its
runtime; then the artifact is cut open, so that its inner tensors become outputs, and run again; a guest compares it with the
source segment by segment; and the segment that is suspected is cut out and run alone, on the source's values.
"""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from anyport import guests, manifest, process, publish
from anyport.compare import MULTIPLE, OutputVerdict
from anyport.debugging import reproduction, subject
from anyport.debugging.cuts import Cuts
from anyport.debugging.divergence import Divergence, layer_of
from anyport.debugging.subject import DebugOptions, Subject
from anyport.errors import ConversionError, RequestError, ToolchainError
from anyport.guest.anyport_guest import Array, read_calls
from anyport.guests import Job
from anyport.loading import LoadOptions, load
from anyport.protocols import Budget, Runtime
from anyport.prove import bench_of, execute, prove
from anyport.report import Run
from anyport.terminal import Progress
from anyport.workshop import Workshop

FIND = Path(__file__).parents[1] / "guest" / "find_divergence.py"

SNR_MARGIN = 3.0
"""A segment of an artifact with a budget is right from so many dB below what its output must have."""
MOVED = 0.25
"""Share of an output's error by which it may change when inner tensors are read."""


def run_debug(folder: Path, artifact: str, options: DebugOptions, progress: Progress) -> Divergence:
    """Find the first layer of an artifact that is wrong by itself, and write what was found.

    Raises `RequestError` for what isn't there or isn't what it was, `ToolchainError` where the runtime can't be had, and
    `ConversionError` where the artifact can't be run or cut.
    """
    asked = subject.read(folder, artifact, options)
    out = options.out or folder / subject.FOLDER / asked.name
    _check_out(out)
    with (
        Workshop(progress, publish.new_log_folder()) as workshop,
        _Session(asked, options, workshop) as session,
        process.ended_by_interrupt(),
    ):
        found = session.run(out)
        found.write()
    return found


def _check_out(out: Path) -> None:
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / "divergence.json").is_file())):
        raise RequestError(f"{out} is there and is not what anyport debug wrote", "Name another folder with -o.")
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)


class _Session:
    """One session in progress: its folders, and what all steps need."""

    def __init__(self, asked: Subject, options: DebugOptions, workshop: Workshop) -> None:
        self.asked, self.options, self.workshop = asked, options, workshop
        self.work = Path(tempfile.mkdtemp(prefix="anyport-"))
        self.canonical = self.work / "canonical"
        self.canonical.mkdir()
        self.place = asked.folder / asked.artifact.path
        self.bench = bench_of(asked.folder, asked.stated, self.work, workshop, options.timeout)

    def __enter__(self) -> _Session:
        return self

    def __exit__(self, *failure: object) -> None:
        shutil.rmtree(self.work, ignore_errors=True)

    def run(self, out: Path) -> Divergence:
        """Take every step; `out` is empty and gets the reproduction."""
        with ThreadPoolExecutor(max_workers=1) as pool:
            loading = pool.submit(self._load)
            run = self._prove()
            self._await(loading)
        signature = self._signature(run)
        mapping = self.asked.artifact.signatures[signature]
        whole = Look(session=self, signature=signature, mapping=mapping, run=run)
        return whole.result(out)

    def _load(self) -> Mapping[str, Any]:
        options = LoadOptions(trust=self.options.trust, python=self.options.python, timeout=self.options.timeout)
        return load(
            self.asked.source, options, self.workshop, self.canonical, None, None, lambda step, show: show(step)
        )

    def _await(self, loading: Future[Mapping[str, Any]]) -> None:
        found, stated = loading.result()["contract"], self.asked.stated["contract"]
        if _ports(found) != _ports(stated):
            raise RequestError(
                f"{self.asked.source.text} has other inputs or outputs than the model that this export was made from",
                "Name that one with --source, or export this one.",
            )

    def _prove(self) -> Run:
        artifact = self.asked.artifact
        allowed = None if artifact.budget is None else Budget(**artifact.budget)
        run = prove(
            self.bench,
            self.asked.runtime,
            self.asked.name,
            self.place,
            artifact.signatures,
            allowed,
            self.turn(self.asked.runtime.name),
        )
        if run.status == "not_run":
            raise ToolchainError(
                f"{run.runtime} can't be had here: {run.reason}", "`anyport doctor` says more.", run.log
            )
        if run.status in ("error", "refused"):
            raise ConversionError(
                f"{self.asked.name} gives no answer to compare: {run.reason}", "Its log has the whole story.", run.log
            )
        return run

    def _signature(self, run: Run) -> str:
        names = [item["name"] for item in self.asked.stated["contract"]["signatures"]]
        if self.options.signature and self.options.signature not in names:
            raise RequestError(
                f"there is no signature {self.options.signature!r}; there are {', '.join(names)}",
                "Name one of them with --signature.",
            )
        failed = [output.signature for output in run.outputs if not output.passed]
        return self.options.signature or (failed or names)[0]

    @contextlib.contextmanager
    def turn(self, step: str) -> Iterator[Callable[[str], None]]:
        """Show a step, and wait for a processor."""
        with self.workshop.slots, self.workshop.progress.step(f"{self.asked.name}: {step}") as show:
            yield show

    def ask(self, step: str, script: Path, request: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what a guest of the TensorFlow zygote answers; raises `ConversionError`."""
        log = self.workshop.logs / f"{self.asked.name}.{step}.log"
        job = Job(
            name=f"{self.asked.name}.{step}",
            script=script,
            request=request,
            folder=self.work,
            log=log,
            timeout=self.options.timeout,
        )
        zygote = self.workshop.zygote()
        with self.turn(step) as show:
            outcome = zygote.run(job, show)
        guests.check_interrupted(outcome)
        if outcome.result is None:
            raise ConversionError(outcome.message, outcome.hint or "Its log has the whole story.", str(log))
        return outcome.result

    def answers(
        self, step: str, folder: Path, cut: Mapping[str, Any], samples: Path, runtime: Runtime
    ) -> list[dict[str, Array]]:
        """Run a cut artifact on `samples` and return what it answers, call by call; raises `ConversionError`."""
        bench = dataclasses.replace(self.bench, contract={"signatures": [cut["contract"]]}, samples=samples)
        name = f"{self.asked.name}.{step}"
        done = execute(bench, runtime, name, folder, cut["signatures"], self.turn(f"{runtime.name}, {step}"))
        if isinstance(done, Run):
            raise ConversionError(
                f"{runtime.name} can't run what was cut out of the artifact: {done.reason}", log=done.log
            )
        guests.check_interrupted(done.outcome)
        if done.outcome.result is None:
            raise ConversionError(
                f"{runtime.name} can't run what was cut out of the artifact: {done.outcome.message}",
                "Its log has the whole story.",
                str(done.outcome.log),
            )
        return read_calls(done.outputs, "outputs")[cut["contract"]["name"]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Look:
    """A look into one signature of the artifact."""

    session: _Session
    signature: str
    mapping: Mapping[str, Any]
    run: Run

    def result(self, out: Path) -> Divergence:
        session, asked = self.session, self.session.asked
        described = self.cutting("describe", {"verb": "describe"})
        samples = session.work / "looked_at.npz"
        worst = self.failed.worst if self.failed else None
        common = {
            "canonical": str(session.canonical),
            "signature": self.signature,
            "described": described,
            "samples": str(samples),
        }
        plan = session.ask(
            "plan",
            FIND,
            {
                **common,
                "verb": "plan",
                "all_samples": str(session.bench.samples),
                "batch": self.mapping.get("batch") or asked.runtime.rows,
                "worst": None if worst is None else dataclasses.asdict(worst),
            },
        )
        folder, cut = self.cut("taps", [], plan["fetch"], own_outputs=True, rows=plan["rows"])
        answers = session.answers("taps", folder, cut, samples, asked.runtime)
        moved = self.changed(answers)
        suspected, values = session.work / "suspected.npz", session.work / "values.npz"
        found = session.ask(
            "find",
            FIND,
            {
                **common,
                "verb": "find",
                "outputs": str(session.work / f"{asked.name}.taps.outputs.npz"),
                "multiple": self.multiple,
                "least_snr": self.least_snr,
                "blame": self.failed is not None and not moved,
                "cut_samples": str(suspected),
                **({"values": str(values)} if moved else {}),
            },
        )
        if moved:
            found = Cuts(self, described, found, values, plan["rows"]).result(suspected)
        confirmed, made = self.confirm(found, suspected, plan["rows"], out)
        return Divergence(
            path=out,
            target=asked.artifact.target,
            variant=asked.artifact.variant,
            runtime=asked.runtime.name,
            version=self.run.version,
            signature=self.signature,
            passed=self.failed is None,
            reason=""
            if self.failed is None
            else f"output {self.failed.name!r} of {self.signature!r}: {self.failed.reason}",
            method="cuts" if moved else "taps",
            notes=[*self.altered(), *moved, *found["notes"]],
            layers=[layer_of(item) for item in found["layers"]],
            first_wrong=found["first_wrong"],
            cause=found["cause"],
            worst=found["worst"],
            reproduction=made,
            confirmed=confirmed,
        )

    @property
    def failed(self) -> OutputVerdict | None:
        """Return the verdict of the signature's first output that fails."""
        return next((item for item in self.run.outputs if item.signature == self.signature and not item.passed), None)

    @property
    def multiple(self) -> float:
        stated = self.session.asked.stated["tolerance"].get("multiple") or MULTIPLE
        return float(stated) * self.session.asked.runtime.coarseness

    @property
    def least_snr(self) -> float | None:
        budget = self.session.asked.artifact.budget
        snr = None if budget is None else budget.get("snr")
        return None if snr is None else float(snr) - SNR_MARGIN

    def altered(self) -> list[str]:
        asked = self.session.asked
        problem = manifest.changed_file(asked.folder, asked.artifact.files)
        return [f"what was debugged is not what was exported: {problem}"] if problem else []

    def changed(self, answers: Sequence[Mapping[str, Array]]) -> list[str]:
        """Say whether reading inner tensors changes what the runtime computes, as fused operators may."""
        failed = self.failed
        if failed is None or failed.worst is None or failed.name not in answers[0]:
            return []
        worst, value = failed.worst, answers[0][failed.name]
        if not isinstance(worst.actual, float) or not isinstance(worst.expected, float) or not worst.index:
            return []
        index = (0, *worst.index[1:])
        if len(index) != value.ndim or not np.isfinite(value[index]):
            return []
        if abs(float(value[index]) - worst.actual) <= MOVED * abs(worst.actual - worst.expected):
            return []
        return [
            f"reading inner tensors changes the result: {failed.name}{list(worst.index)} of call {worst.call} is "
            f"{float(value[index])!r} instead of {worst.actual!r}; the runtime fuses operators where nobody looks"
        ]

    def cutting(self, step: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
        script = self.session.asked.target.cut
        assert script is not None, "subject.read refuses a target that can't be cut"
        common = {"artifact": str(self.session.place), "signature": self.signature, "mapping": self.mapping}
        return self.session.ask(step, script, {**common, **request})

    def cut(
        self, step: str, feed: Sequence[str], fetch: Sequence[str], *, own_outputs: bool, rows: int | None
    ) -> tuple[Path, Mapping[str, Any]]:
        """Cut the artifact; return the folder and what the target's script says of what is in it."""
        folder = self.session.work / f"cut-{step}"
        folder.mkdir()
        request = {
            "verb": "cut",
            "out": str(folder),
            "feed": list(feed),
            "fetch": list(fetch),
            "own_outputs": own_outputs,
            "rows": rows,
        }
        return folder, self.cutting(f"cut-{step}", request)

    def confirm(
        self, found: Mapping[str, Any], samples: Path, rows: int | None, out: Path
    ) -> tuple[bool | None, str | None]:
        """Cut out what is suspected, run it on the source's values, and write the reproduction if it fails alone."""
        suspect = found["suspect"]
        if suspect is None:
            return None, None
        folder, cut = self.cut("suspect", suspect["feed"], suspect["fetch"], own_outputs=False, rows=rows)
        runtime = self.session.asked.runtime
        actual = self.session.answers("suspect", folder, cut, samples, runtime)
        (output,) = cut["contract"]["outputs"]
        expected = [
            {output["name"]: call[suspect["output"]]} for call in read_calls(samples, "outputs")[self.signature]
        ]
        if not reproduction.differs(expected, actual, suspect["allowed"]):
            return False, None
        said = layer_of(found["layers"][found["first_wrong"]]).said
        inputs = read_calls(samples, "inputs")[self.signature]
        made = reproduction.write(out, runtime, folder, cut, inputs[0], expected[0], suspect["allowed"], said)
        return True, made


def _ports(contract: Mapping[str, Any]) -> Any:
    return [
        (
            item["name"],
            [(port["name"], port["dtype"], port["shape"]) for role in ("inputs", "outputs") for port in item[role]],
        )
        for item in contract["signatures"]
    ]
