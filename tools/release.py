"""Export the zoo into one folder, proved and with checksums: `python tools/release.py FOLDER [--model M] [--to T]`.

Called by `nox -s release`.  The folder appears whole or not at all, and holds

* `MODEL/` — one export each, as `anyport export` writes it;
* `release.json` — `{"anyport", "exit_code", "models": [{"model", "seconds", "exit_code", "error", "artifacts": [{"target",
  "variant", "status", "reason", "bytes", "runs": [{"runtime", "version", "status", "reason"}]}]}]}`;
* `junit.xml` — a test case for each artifact in each runtime;
* `SHA256SUMS` — of every other file; `sha256sum -c SHA256SUMS` checks them.

The exit code is that of the worst export, in the order of `anyport`'s own: wrong answers, failures, what was not run.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import xml.etree.ElementTree as ET
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import anyport
from anyport import manifest, publish, targets
from anyport.models import zoo
from anyport.terminal import Plain, Progress

SUMMARY, JUNIT, SUMS = "release.json", "junit.xml", "SHA256SUMS"
WORST_FIRST = (anyport.ParityError, anyport.ConversionError, anyport.RequestError, anyport.ToolchainError)


def main(argv: Sequence[str] | None = None) -> int:
    """Make the release and return the exit code of its worst export."""
    arguments = _parser().parse_args(argv)
    out: Path = arguments.out
    if out.exists() and not (out / SUMMARY).is_file() and (not out.is_dir() or any(out.iterdir())):
        print(f"release: {out} exists and is not a release; name another folder", file=sys.stderr)
        return anyport.RequestError.exit_code
    try:
        with publish.staging(out) as folder:
            code = _release(folder, arguments.model or zoo.names(), arguments.to or _everything(), Plain())
            publish.publish(folder, out)
    except anyport.AnyportError as error:
        print(f"release: {error}\n  {error.hint}", file=sys.stderr)
        return error.exit_code
    print(f"{out}: {SUMMARY}, {JUNIT}, {SUMS}")
    return code


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Export the zoo into one folder, proved and with checksums.")
    parser.add_argument("out", type=Path, metavar="FOLDER")
    parser.add_argument(
        "--model", action="append", choices=zoo.names(), metavar="M", help="repeatable; the whole zoo by default"
    )
    parser.add_argument(
        "--to", action="append", metavar="T", help="as for `anyport export`; every target and variant by default"
    )
    return parser


def _everything() -> list[str]:
    return [f"{target.name}:{variant}" for target in targets.registry().values() for variant in target.variants]


def _release(folder: Path, models: Iterable[str], to: Sequence[str], progress: Progress) -> int:
    targets.choose(to)  # a wrong name is wrong for every model: say so before the first
    done = [_export(model, to, folder / model, progress) for model in models]
    code = next(
        (kind.exit_code for kind in WORST_FIRST if any(item["exit_code"] == kind.exit_code for item in done)), 0
    )
    summary = {"anyport": anyport.__version__, "exit_code": code, "models": done}
    (folder / SUMMARY).write_text(json.dumps(summary, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    _junit(done).write(folder / JUNIT, encoding="utf-8", xml_declaration=True)
    lines = [f"{item['sha256']}  {item['path']}\n" for item in manifest.list_files(folder, folder)]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")
    return code


def _export(model: str, to: Sequence[str], out: Path, progress: Progress) -> dict[str, Any]:
    """Export one model; one that can't be exported at all is data too."""
    started = time.monotonic()
    found: dict[str, Any] = {"model": model, "seconds": 0.0, "exit_code": 0, "error": "", "artifacts": []}
    with progress.step(model):
        try:
            report = anyport.export(model, to, out)
        except anyport.Interrupted:
            raise
        except anyport.AnyportError as error:
            found |= {"exit_code": error.exit_code, "error": str(error)}
        else:
            found |= {"exit_code": report.exit_code, "artifacts": [_artifact(item) for item in report.artifacts]}
    progress.note(f"{model}: {found['error'] or ', '.join(_words(item) for item in found['artifacts'])}")
    return {**found, "seconds": round(time.monotonic() - started, 1)}


def _artifact(artifact: anyport.Artifact) -> dict[str, Any]:
    return {
        "target": artifact.target,
        "variant": artifact.variant,
        "status": artifact.status,
        "reason": artifact.reason,
        "seconds": round(artifact.convert_seconds, 3),
        "bytes": sum(file["size"] for file in artifact.files),
        "runs": [
            {
                "seconds": run.seconds.get("total", 0.0),
                **{key: getattr(run, key) for key in ("runtime", "version", "status", "reason")},
            }
            for run in artifact.runs
        ],
    }


def _words(artifact: dict[str, Any]) -> str:
    return f"{artifact['target']}:{artifact['variant']} {artifact['status'].replace('_', ' ')}"


def _junit(done: Sequence[dict[str, Any]]) -> ET.ElementTree[ET.Element]:
    """Return the verdicts as JUnit knows them: what was not run is an error there, since a skip looks green."""
    root = ET.Element("testsuites", name="anyport release")
    for model in done:
        suite = ET.SubElement(root, "testsuite", name=model["model"], time=str(model["seconds"]))
        if model["error"]:
            _case(suite, model["model"], "load", "error", model["error"], model["seconds"])
        for artifact in model["artifacts"]:
            name = f"{model['model']}.{artifact['target']}:{artifact['variant']}"
            if not artifact["runs"]:
                _case(suite, name, "convert", artifact["status"], artifact["reason"], artifact["seconds"])
            for run in artifact["runs"]:
                _case(suite, name, run["runtime"], run["status"], run["reason"], run["seconds"])
        kinds = {"tests": "testcase", "failures": "testcase/failure", "errors": "testcase/error"}
        for key, path in kinds.items():
            suite.set(key, str(len(suite.findall(path))))
    return ET.ElementTree(root)


def _case(suite: ET.Element, name: str, runtime: str, status: str, reason: str, seconds: float) -> None:
    case = ET.SubElement(suite, "testcase", classname=name, name=runtime, time=f"{seconds:.3f}")
    if status != "passed":
        ET.SubElement(case, "failure" if status == "failed" else "error", type=status, message=reason)


if __name__ == "__main__":
    sys.exit(main())
