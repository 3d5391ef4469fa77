"""Export the catalogue of cases and write down what came of it: `python tools/matrix.py [CASE …] [--to TARGET]`.

Called by `nox -s matrix`.  Each case of `tests/parity/cases` is exported to every target and proved in every runtime.
The outcomes go to `docs/matrix.json`, one line a case, and `docs/matrix.md`, the page made from it (`--write`); without
`--write` they are printed alone.  CASE is a shell pattern for `MODULE.NAME` and can be repeated.

An outcome is `passes` (as it is), `repaired` (by the repairs named), `refused` (before any converter started, with
the reason), `failed` (converted, and something went wrong: the answers differ, a runtime or a converter fails) or `unloadable`.
"""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from anyport import AnyportError, models, publish, targets
from anyport.pipeline import Options, run_export
from anyport.report import Artifact
from anyport.targets import Choice
from anyport.terminal import Quiet
from anyport.workshop import Workshop, provide_toolchain

ROOT = Path(__file__).resolve().parent.parent
CASES = ROOT / "tests" / "parity" / "cases"
DATA = ROOT / "docs" / "matrix.json"
GOOD = ("passes", "repaired")

_workshop: Workshop | None = None


def main(argv: Sequence[str] | None = None) -> int:
    """Export the cases asked for; the exit code is 1 if an outcome is `failed` or `unloadable`."""
    arguments = _parser().parse_args(argv)
    choices = arguments.to or list(targets.BUILT_IN)
    with tempfile.TemporaryDirectory(prefix="anyport-matrix-") as folder:
        cases = list_cases(Path(folder), arguments.case)
        outcomes: dict[str, Any] = {}
        started = time.monotonic()
        for name, outcome in _export_all(cases, Path(folder), choices, arguments.jobs):
            outcomes[name] = outcome
            print(_line(name, outcome, arguments.verbose), flush=True)
        print(f"{len(outcomes)} cases in {time.monotonic() - started:.0f} s")
    print(_totals(cases, outcomes))
    if arguments.json:
        arguments.json.write_text(json.dumps(outcomes, indent=1, ensure_ascii=False), encoding="utf-8")
    bad = [name for name, outcome in outcomes.items() if _is_bad(outcome)]
    return 1 if bad else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Export the catalogue of cases and write down what came of it.")
    parser.add_argument("case", nargs="*", metavar="CASE", help="a pattern for MODULE.NAME; every case by default")
    parser.add_argument("--to", action="append", metavar="T", help="as for `anyport export`; every target by default")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="exports at a time")
    parser.add_argument("--verbose", action="store_true", help="print reasons in full")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the outcomes of this run there")
    return parser


def list_cases(folder: Path, patterns: Sequence[str] = ()) -> dict[str, Any]:
    """Return the cases that match, as `list_cases.py` describes them, their samples written into `folder`."""
    python = provide_toolchain(models.TENSORFLOW, Quiet(), publish.new_log_folder()).python
    script = [str(python), str(CASES / "list_cases.py"), str(folder)]
    subprocess.run(script, check=True, env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}, stderr=subprocess.DEVNULL)
    cases = json.loads((folder / "cases.json").read_text(encoding="utf-8"))
    matching = [name for name in cases if not patterns or any(fnmatch.fnmatch(name, p) for p in patterns)]
    if not matching:
        raise SystemExit(f"matrix: no case matches {' '.join(patterns)}")
    return {name: cases[name] for name in matching}


def _export_all(
    cases: Mapping[str, Any], folder: Path, to: Sequence[str], jobs: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Export the cases, several at a time, and yield their outcomes as they come."""
    targets.choose(to)  # a wrong name is wrong for every case
    with ProcessPoolExecutor(max_workers=jobs, initializer=_open_workshop) as pool:
        waiting = {pool.submit(export_case, case, folder, to): name for name, case in cases.items()}
        for future in as_completed(waiting):
            yield waiting[future], future.result()


def _open_workshop() -> None:
    """Start one zygote for each process; it ends with its input, when the process does."""
    global _workshop
    _workshop = Workshop(Quiet(), publish.new_log_folder())


def export_case(case: Mapping[str, Any], folder: Path, to: Sequence[str]) -> dict[str, Any]:
    """Export one case and return `{"seconds", "targets": {TARGET: {"outcome", …}}}`, or `{"seconds", "unloadable"}`."""
    source = models.classify(f"{CASES / case['file']}:{case['name']}")
    out = folder / f"out-{os.getpid()}"
    samples = folder / case["samples"] if case["samples"] else None
    choices: list[Choice] = targets.choose(to)
    started = time.monotonic()
    try:
        report = run_export(source, choices, Options(out=out, samples=samples), Quiet(), workshop=_workshop)
    except AnyportError as error:
        return {"seconds": round(time.monotonic() - started, 1), "unloadable": str(error)}
    finally:
        shutil.rmtree(out, ignore_errors=True)
    found = {artifact.target: _outcome(artifact) for artifact in report.artifacts}
    return {"seconds": round(time.monotonic() - started, 1), "targets": found}


def _outcome(artifact: Artifact) -> dict[str, Any]:
    repairs = sorted({repair["rule"] for repair in artifact.repairs})
    if artifact.status == "passed":
        return {"outcome": "repaired", "repairs": repairs} if repairs else {"outcome": "passes"}
    if artifact.status == "refused":
        return {"outcome": "refused", "reason": artifact.reason, "hint": artifact.hint}
    return {"outcome": "failed", "reason": f"{artifact.status}: {artifact.reason}", "repairs": repairs}


def _is_bad(outcome: Mapping[str, Any]) -> bool:
    return "unloadable" in outcome or any(item["outcome"] == "failed" for item in outcome["targets"].values())


def _line(name: str, outcome: Mapping[str, Any], verbose: bool) -> str:
    if "unloadable" in outcome:
        return f"{name}: unloadable: {outcome['unloadable'][:400]}"
    parts = []
    for target, item in outcome["targets"].items():
        reason = item.get("reason", "")
        parts.append(f"{target} {item['outcome']}{f': {reason if verbose else reason[:200]}' if reason else ''}")
    return f"{name} ({outcome['seconds']} s): {' | '.join(parts)}"


def _totals(cases: Mapping[str, Any], outcomes: Mapping[str, Any]) -> str:
    """Return the share of good outcomes by family and target."""
    lines = []
    for family in sorted({case["family"] for case in cases.values()}):
        members = [name for name, case in cases.items() if case["family"] == family]
        good: Counter[str] = Counter()
        for name in members:
            found = outcomes[name].get("targets", {})
            good.update(target for target, item in found.items() if item["outcome"] in GOOD)
            good["all"] += bool(found) and all(item["outcome"] in GOOD for item in found.values())
        shares = ", ".join(f"{key} {count} ({100 * count / len(members):.1f} %)" for key, count in good.items())
        lines.append(f"{family}: {len(members)} cases; {shares}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
