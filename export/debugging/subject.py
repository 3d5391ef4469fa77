"""What is to be debugged: an artifact of an export, one runtime, and the source, found and checked before anything runs."""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from anyport import manifest, models, targets
from anyport.errors import RequestError
from anyport.loading import TIMEOUT_SECONDS
from anyport.models import Source
from anyport.protocols import Runtime, Target
from anyport.report import Artifact

FOLDER = "debug"
"""Where the debugger writes by default, inside the export."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class DebugOptions:
    """What `anyport debug` takes besides the export and the artifact."""

    runtime: str = ""
    """By default that of the first run that failed, else the first that the artifact was run in."""
    source: str = ""
    """Where the source is now; by default where it was."""
    signature: str = ""
    """By default the first that fails, else the first."""
    out: Path | None = None
    trust: bool = False
    python: str = ""
    timeout: float = TIMEOUT_SECONDS


@dataclasses.dataclass(frozen=True, kw_only=True)
class Subject:
    """An artifact, a runtime and a source that belong together."""

    folder: Path
    """The export's."""
    stated: Mapping[str, Any]
    """Its manifest."""
    artifact: Artifact
    target: Target
    runtime: Runtime
    source: Source

    @property
    def name(self) -> str:
        """Return what names it in folders and logs: `tflite-int8@litert`."""
        return f"{self.artifact.target}-{self.artifact.variant}@{self.runtime.name}"


def read(folder: Path, artifact: str, options: DebugOptions) -> Subject:
    """Find what was asked for; raises `RequestError` where something isn't there, or isn't what it was."""
    stated = manifest.read(folder)
    held = [manifest.artifact_from_json(item) for item in stated["artifacts"]]
    found, placed = _artifact(held, artifact)
    if placed and options.runtime:
        raise RequestError(f"{artifact} names a runtime, and so does --runtime", "Name it in one of the two.")
    if not found.files:
        raise RequestError(
            f"{found.target}:{found.variant} was not made: {found.reason}",
            "There is nothing to debug: export it again.",
        )
    target = _target(found)
    runtime = _runtime(target, found, placed or options.runtime)
    return Subject(
        folder=folder,
        stated=stated,
        artifact=found,
        target=target,
        runtime=runtime,
        source=_source(stated["source"], options),
    )


def _artifact(held: Sequence[Artifact], text: str) -> tuple[Artifact, str]:
    """Return the artifact that `target[:variant][@runtime]` names, and the runtime's name."""
    rest, _, runtime = text.partition("@")
    names = {f"{item.target}:{item.variant}": item for item in held}
    if not rest and len(held) == 1:
        return held[0], runtime
    if found := names.get(rest) or next((item for item in held if item.target == rest and item.path == rest), None):
        return found, runtime
    only = [item for item in held if item.target == rest]
    if len(only) == 1:
        return only[0], runtime
    near = difflib.get_close_matches(rest, [*names, *(item.target for item in held)], n=1, cutoff=0.4)
    asked = f"holds no artifact {rest!r}" if rest else "holds several artifacts"
    raise RequestError(
        f"this export {asked}; it holds {', '.join(names) or 'none'}",
        f"Did you mean --artifact {near[0]}?" if near else "Name one of them with --artifact.",
    )


def _target(artifact: Artifact) -> Target:
    target = targets.registry().get(artifact.target)
    if target is None:
        raise RequestError(
            f"no installed target is named {artifact.target!r}, which this export was made for", "Install its plug-in."
        )
    if target.cut is None:
        raise RequestError(
            f"the target {target.name!r} can't be debugged: it has no script that cuts its artifacts",
            "Tell its author; `anyport check` still proves it.",
        )
    return target


def _runtime(target: Target, artifact: Artifact, name: str) -> Runtime:
    if name:
        text = f"{target.name}:{artifact.variant}@{name}"
        return targets.choose([text])[0].runtimes[0]
    known = {item.name: item for item in target.runtimes}
    runs = [run for run in artifact.runs if run.runtime in known]
    failed = next((run for run in runs if run.status == "failed"), None)
    ran = failed or next((run for run in runs if run.status == "passed"), None)
    if ran is not None:
        return known[ran.runtime]
    return targets.choose([f"{target.name}:{artifact.variant}"])[0].runtimes[0]


def _source(stated: Mapping[str, Any], options: DebugOptions) -> Source:
    if stated["kind"] == "memory" and not options.source:
        raise RequestError(
            "this export was made from a model in memory, which is gone",
            "Name the same model with --source: a file, or FILE.py:NAME.",
        )
    text = options.source or stated["name"]
    try:
        source = models.classify(text)
    except RequestError as error:
        raise RequestError(
            f"the source of this export, {text!r}, is not there: {error}", "Say where it is now: --source SOURCE."
        ) from error
    if stated["kind"] != "memory" and source.sha256 != stated["sha256"]:
        raise RequestError(
            f"{text} is not the source that this export was made from: its contents have changed since",
            "Export it again, or name the model as it was with --source.",
        )
    return source
