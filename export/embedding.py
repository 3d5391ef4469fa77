"""An artifact as sources for a firmware: proved once more where it will run, then written as that runtime says.

`anyport embed` and `anyport.embed` call `run_embed`.  Which runtimes know how (`Runtime.sources`) is their target's matter.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from anyport import targets
from anyport.errors import RequestError
from anyport.report import Artifact
from anyport.terminal import Progress
from anyport.verify import run_check


def run_embed(folder: Path, only: Sequence[str], out: Path, timeout: float, progress: Progress) -> list[Path]:
    """Write one artifact of the export in `folder` as sources into `out`, and return them.

    Raises `RequestError` if there isn't exactly one artifact that can be embedded, and what `Report.raise_for_status`
    raises if it isn't right where it will run: what is not proved is not written.
    """
    embedding = {item.name: item for target in targets.registry().values() for item in target.runtimes if item.sources}
    report = run_check(folder, only, list(embedding), timeout, progress)
    if len(report.artifacts) != 1:
        raise RequestError(
            f"several artifacts can be embedded: {', '.join(map(_name, report.artifacts))}",
            f"Name one of them: --only {_name(report.artifacts[0])}",
        )
    report.raise_for_status()
    (artifact,) = report.artifacts
    (run,) = artifact.runs
    write = embedding[run.runtime].sources
    assert write is not None
    return [
        _write(out / name, text)
        for name, text in write(folder / artifact.path, artifact.signatures, run.details).items()
    ]


def _name(artifact: Artifact) -> str:
    return f"{artifact.target}:{artifact.variant}"


def _write(path: Path, text: str) -> Path:
    """Write a file whole or not at all: a build may be watching it."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.partial")
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise RequestError(f"{path} can't be written: {error}", "Give another folder: -o FOLDER") from error
    return path
