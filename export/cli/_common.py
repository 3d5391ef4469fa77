"""What several commands share: their options, and how a report is printed."""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Callable, Mapping
from typing import Any

from anyport.report import Artifact, Report, Run

COLUMNS = ("artifact", "size", "convert", "runtime", "max abs err", "max rel err", "× noise", "warm", "verdict")
WIDE_ONLY = ("convert", "max abs err", "max rel err")
WIDE = 120
"""Columns of characters from which the table shows everything."""

STYLES = {"passed": "green", "failed": "bold red", "error": "red", "refused": "red", "not_run": "yellow"}


def add_output_arguments(parser: argparse.ArgumentParser) -> None:
    """Add `--json`, `--quiet` and `--verbose`."""
    parser.add_argument("--json", action="store_true", help="print the result as JSON on standard output")
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing but what went wrong")
    parser.add_argument("-v", "--verbose", action="store_true", help="a line for each thing that happens")


def add_loading_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what a command takes that loads a source: `--trust` and `--python`."""
    parser.add_argument("--trust", action="store_true", help="run Python code that a model file holds (Lambda layers)")
    parser.add_argument("--python", default="", metavar="PATH", help="the interpreter whose environment loads SOURCE")


def add_timeout_argument(parser: argparse.ArgumentParser) -> None:
    """Add `--timeout`."""
    parser.add_argument("--timeout", type=above_zero, metavar="S", help="seconds for any one step (default 1800)")


def from_zero(text: str) -> float:
    """Read a number from 0."""
    return _number(text, "a number from 0", lambda value: value >= 0)


def above_zero(text: str) -> float:
    """Read a number above 0."""
    return _number(text, "a number above 0", lambda value: value > 0)


def _number(text: str, expected: str, fits: Callable[[float], bool]) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and fits(value)):
        raise argparse.ArgumentTypeError(f"expected {expected}, got {text!r}")
    return value


def print_json(value: Any) -> None:
    """Print a value as JSON."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=False)
    print()


def print_report(report: Report, arguments: argparse.Namespace) -> None:
    """Print a report as the command's options ask."""
    if arguments.json:
        print_json(
            {
                "path": str(report.path),
                "passed": report.passed,
                "exit_code": report.exit_code,
                "manifest": report.manifest,
                "logs": {f"{artifact.target}:{artifact.variant}": artifact.log for artifact in report.artifacts},
            }
        )
        return
    if not arguments.quiet:
        _print_table(report)
    for artifact in report.artifacts:
        if artifact.status != "passed":
            _explain(artifact, report.next_step(artifact))


def _print_table(report: Report) -> None:
    from rich import box
    from rich.table import Table

    from anyport.terminal import console

    screen = console()
    # A narrow terminal shows the runtimes without their versions, and leaves out what the manifest has too.
    names = [name for name in COLUMNS if screen.width >= WIDE or name not in WIDE_ONLY]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in names:
        table.add_column(
            name, justify="left" if name in ("artifact", "runtime", "verdict") else "right", overflow="fold"
        )
    for artifact in report.artifacts:
        for number, run in enumerate(artifact.runs or (None,)):
            cells = {**(_artifact_cells(artifact) if number == 0 else {}), **_run_cells(artifact, run)}
            if run and screen.width < WIDE:
                cells["runtime"] = run.runtime
            table.add_row(*(cells.get(name, "") for name in names))
    screen.print(table)


def _artifact_cells(artifact: Artifact) -> dict[str, str]:
    size = sum(file["size"] for file in artifact.files)
    name = artifact.target if artifact.path == artifact.target else f"{artifact.target}:{artifact.variant}"
    return {"artifact": name, "size": _bytes(size) if size else "", "convert": f"{artifact.convert_seconds:.1f} s"}


def _run_cells(artifact: Artifact, run: Run | None) -> dict[str, str]:
    if run is None:
        return {"verdict": _verdict(artifact.status)}
    errors = [output.max_abs_error for output in run.outputs if output.max_abs_error is not None]
    relative = [output.max_rel_error for output in run.outputs if output.max_rel_error is not None]
    ratios = [output.noise_ratio for output in run.outputs if output.noise_ratio is not None]
    warm = run.seconds.get("warm")
    return {
        "runtime": f"{run.runtime} {run.version}".strip(),
        "max abs err": f"{max(errors):.1e}" if errors else "",
        "max rel err": f"{max(relative):.1e}" if relative else "",
        "× noise": f"{max(ratios):.2g}" if ratios else "",
        "warm": "emulated" if run.emulated else "" if warm is None else f"{warm * 1000:.2f} ms",
        "verdict": _verdict(run.status) + (_lost(run) if artifact.budget is not None else ""),
    }


def _lost(run: Run) -> str:
    """Say what a quantised artifact kept of the source: its noisiest output, and the accuracy where it is known."""
    ratios = [output.snr for output in run.outputs if output.snr is not None]
    changes = [
        output.accuracy - output.source_accuracy
        for output in run.outputs
        if output.accuracy is not None and output.source_accuracy is not None
    ]
    parts = [f"{min(ratios):.1f} dB"] if ratios else []
    parts += [f"accuracy {min(changes) * 100:+.2f} points"] if changes else []
    return f" ({', '.join(parts)})" if parts else ""


def _verdict(status: str) -> str:
    return f"[{STYLES[status]}]{status.replace('_', ' ')}[/]"


def _explain(artifact: Artifact, next_step: str) -> None:
    """Say on standard error what went wrong with an artifact, and where to read on."""
    print(
        f"{artifact.target}:{artifact.variant}: {artifact.status.replace('_', ' ')}: {artifact.reason}", file=sys.stderr
    )
    for run in artifact.runs:
        for output in run.outputs:
            if not output.passed and output.worst is not None:
                worst = output.worst
                print(
                    f"  {run.runtime}: {output.name}{list(worst.index)} of call {worst.call}: "
                    f"expected {worst.expected}, got {worst.actual}",
                    file=sys.stderr,
                )
    for line in (artifact.hint, next_step, f"log: {artifact.log}" if artifact.log else ""):
        if line:
            print(f"  {line}", file=sys.stderr)


def _bytes(count: int) -> str:
    size, units = float(count), ["B", "KiB", "MiB", "GiB"]
    while size >= 1024 and len(units) > 1:
        size, units = size / 1024, units[1:]
    return f"{size:.0f} {units[0]}" if units[0] == "B" else f"{size:.1f} {units[0]}"


def print_notes(manifest: Mapping[str, Any]) -> None:
    """Print what the source and the converters had to say."""
    for note in manifest["notes"]:
        print(f"note: {note}", file=sys.stderr)
    for artifact in manifest["artifacts"]:
        for note in artifact["notes"]:
            name = (
                artifact["target"]
                if artifact["path"] == artifact["target"]
                else f"{artifact['target']}:{artifact['variant']}"
            )
            print(f"note: {name}: {note}", file=sys.stderr)
