"""`anyport.json`: what an export is, file by file and verdict by verdict.

Written by an export, read and held against the published schema (`manifest.schema.json`) by a check.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from anyport._version import __version__
from anyport.compare import OutputVerdict, Tolerance, Worst
from anyport.errors import RequestError
from anyport.report import Artifact, Report, Run

NAME = "anyport.json"
SAMPLES = "samples.npz"
FORMAT = 1
SCHEMA = Path(__file__).parent / "manifest.schema.json"


def build(
    *,
    source: Mapping[str, Any],
    contract: Mapping[str, Any],
    toolchains: Mapping[str, str],
    tolerance: Tolerance,
    samples: Mapping[str, Any],
    noise: Mapping[str, Any],
    notes: Sequence[str],
    timings: Mapping[str, float],
    artifacts: Iterable[Artifact],
) -> dict[str, Any]:
    """Return the manifest of an export."""
    return {
        "format": FORMAT,
        "anyport": __version__,
        "source": dict(source),
        "contract": dict(contract),
        "samples": dict(samples),
        "tolerance": dataclasses.asdict(tolerance),
        "noise": dict(noise),
        "toolchains": dict(toolchains),
        "notes": list(notes),
        "timings": dict(timings),
        "artifacts": [artifact_to_json(artifact) for artifact in artifacts],
    }


def artifact_to_json(artifact: Artifact) -> dict[str, Any]:
    """Return an artifact as it stands in the manifest; logs stay behind, they belong to this machine."""
    value = dataclasses.asdict(artifact)
    del value["log"]
    value["convert_seconds"] = round(artifact.convert_seconds, 3)
    value["runs"] = [_run_to_json(run) for run in artifact.runs]
    return value


def _run_to_json(run: Run) -> dict[str, Any]:
    value = dataclasses.asdict(run)
    del value["log"]
    value["seconds"] = {name: round(seconds, 6) for name, seconds in run.seconds.items()}
    value["outputs"] = [_output_to_json(output) for output in run.outputs]
    return value


def _output_to_json(output: OutputVerdict) -> dict[str, Any]:
    value = dataclasses.asdict(output)
    if output.max_rel_error is not None and math.isinf(output.max_rel_error):
        value["max_rel_error"] = None  # JSON has no infinity; the absolute error says it
    return value


def artifact_from_json(value: Mapping[str, Any]) -> Artifact:
    """Return an artifact as the manifest states it."""
    return Artifact(**{**value, "runs": tuple(_run_from_json(run) for run in value["runs"])})


def _run_from_json(value: Mapping[str, Any]) -> Run:
    return Run(**{**value, "outputs": tuple(_output_from_json(output) for output in value["outputs"])})


def _output_from_json(value: Mapping[str, Any]) -> OutputVerdict:
    worst = value["worst"]
    return OutputVerdict(**{**value, "worst": Worst(**{**worst, "index": tuple(worst["index"])}) if worst else None})


def write(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Write the manifest into an export's folder."""
    text = json.dumps(manifest, indent=2, ensure_ascii=False, allow_nan=False)
    (folder / NAME).write_text(text + "\n", encoding="utf-8")


def read(folder: Path) -> dict[str, Any]:
    """Read and validate the manifest of an export.

    Raises `RequestError` where there is none, or it isn't one.
    """
    path = folder / NAME
    if not path.is_file():
        raise RequestError(f"{folder} is no export: it has no {NAME}", "Give the folder that anyport export wrote.")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RequestError(f"{path} can't be read: {error}", "Export the model again.") from error
    if reason := _invalid(manifest):
        raise RequestError(f"{path} is not a manifest of this anyport: {reason}", "Export the model again.")
    return dict(manifest)


def _invalid(manifest: Any) -> str:
    import jsonschema

    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    error = jsonschema.exceptions.best_match(jsonschema.Draft202012Validator(schema).iter_errors(manifest))
    return "" if error is None else f"{error.json_path}: {error.message[:200]}"


def list_files(folder: Path, root: Path) -> list[dict[str, Any]]:
    """Return `{path, size, sha256}` of every file below `folder`, paths relative to `root`, in order."""
    return [describe(path, root) for path in sorted(folder.rglob("*")) if path.is_file()]


def describe(path: Path, root: Path) -> dict[str, Any]:
    """Return `{path, size, sha256}` of one file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return {"path": path.relative_to(root).as_posix(), "size": path.stat().st_size, "sha256": digest.hexdigest()}


def changed_file(folder: Path, files: Sequence[Mapping[str, Any]]) -> str:
    """Return what is wrong with the first file that isn't as the manifest states it, or nothing."""
    for stated in files:
        path = folder / stated["path"]
        if not path.is_file():
            return f"{stated['path']} is missing"
        found = describe(path, folder)
        if found != dict(stated):
            sizes = f"{found['size']} bytes, stated {stated['size']}"
            how = "its contents differ" if found["size"] == stated["size"] else sizes
            return f"{stated['path']} is not the file that was exported ({how})"
    return ""


def report(folder: Path, manifest: Mapping[str, Any]) -> Report:
    """Return an export's report from its manifest."""
    artifacts = tuple(artifact_from_json(item) for item in manifest["artifacts"])
    return Report(path=folder, manifest=manifest, artifacts=artifacts)
