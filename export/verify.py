"""A check: prove an existing export again, here and now, from its manifest and samples; the source isn't needed.

The folder is read and never written.
"""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from anyport import manifest, process, publish, targets
from anyport.errors import RequestError
from anyport.pipeline import run_everywhere
from anyport.protocols import Budget
from anyport.prove import bench_of
from anyport.report import Artifact, Report, judge
from anyport.targets import Choice
from anyport.terminal import Progress
from anyport.workshop import Workshop


def run_check(folder: Path, only: Sequence[str], runtimes: Sequence[str], timeout: float, progress: Progress) -> Report:
    """Check the files of an export against its manifest, and run its artifacts again.

    `only` names the artifacts (`target[:variant][@runtime]`), all of them by default; `runtimes` the places where those
    that can are run, by default each target's own choice.  Raises `RequestError` if the folder is no export, or
    has nothing that was named.
    """
    stated = manifest.read(folder)
    if problem := manifest.changed_file(folder, [_samples(stated)]):
        raise RequestError(
            f"the samples of {folder} are not those it was proved with: {problem}", "Export the model again."
        )
    artifacts = [manifest.artifact_from_json(item) for item in stated["artifacts"]]
    work = [(artifact, choice) for artifact, choice in _chosen(artifacts, only, runtimes)]
    with (
        Workshop(progress, publish.new_log_folder()) as workshop,
        _Check(folder, stated, timeout, workshop) as check,
        ThreadPoolExecutor(max_workers=8) as pool,
        process.ended_by_interrupt(),
    ):
        checked = list(pool.map(lambda item: check.artifact(*item), work))
    renewed = {**stated, "artifacts": [manifest.artifact_to_json(artifact) for artifact in checked]}
    return Report(path=folder, manifest=renewed, artifacts=tuple(checked))


def _samples(stated: dict[str, Any]) -> dict[str, Any]:
    return {key: stated["samples"][key] for key in ("path", "size", "sha256")}


def _chosen(
    artifacts: Sequence[Artifact], only: Sequence[str], runtimes: Sequence[str]
) -> list[tuple[Artifact, Choice]]:
    """Pair each artifact to check with the runtimes to check it in."""
    here = {(artifact.target, artifact.variant): artifact for artifact in artifacts}
    everything = [f"{name}:{variant}" for name, variant in here]
    choices = {(choice.target.name, choice.variant): choice for choice in targets.choose(only or everything)}
    if absent := [f"{name}:{variant}" for name, variant in choices if (name, variant) not in here]:
        raise RequestError(f"this export holds no {absent[0]}; it holds {', '.join(everything)}", "Name one of those.")
    if runtimes:
        if placed := [text for text in only if "@" in text]:
            raise RequestError(f"{placed[0]} names a runtime, and so does --runtime", "Name it in one of the two.")
        again = targets.choose([text for runtime in runtimes for text in targets.named(runtime, choices)])
        choices = {(choice.target.name, choice.variant): choice for choice in again}
    return [(here[pair], choice) for pair, choice in choices.items()]


class _Check:
    """One check in progress."""

    def __init__(self, folder: Path, stated: dict[str, Any], timeout: float, workshop: Workshop) -> None:
        self.folder = folder
        self.workshop = workshop
        self.work = Path(tempfile.mkdtemp(prefix="anyport-"))
        self.bench = bench_of(folder, stated, self.work, workshop, timeout)

    def __enter__(self) -> _Check:
        return self

    def __exit__(self, *failure: object) -> None:
        shutil.rmtree(self.work, ignore_errors=True)

    def artifact(self, artifact: Artifact, choice: Choice) -> Artifact:
        """Prove one artifact again."""
        if not artifact.files:  # it could not be made, and is no better now
            return artifact
        if problem := manifest.changed_file(self.folder, [*artifact.files, *artifact.self_test]):
            return dataclasses.replace(
                artifact, status="error", reason=problem, hint="Export the model again.", runs=()
            )
        name = f"{artifact.target}-{artifact.variant}"
        place = self.folder / artifact.path
        shop = self.workshop
        budget = None if artifact.budget is None else Budget(**artifact.budget)
        runs = run_everywhere(self.bench, choice, name, place, artifact.signatures, budget, shop.progress, shop.slots)
        status, reason = judge(runs)
        log = next((run.log for run in runs if run.status != "passed"), "")
        return dataclasses.replace(artifact, status=status, reason=reason, runs=runs, log=log)
