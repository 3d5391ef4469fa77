"""Export the catalogue of cases and write down what came of it: `python tools/matrix.py [CASE …] [--to TARGET]`.

Called by `nox -s matrix`.  Each case of `tests/parity/cases` is exported to every target and proved in every runtime; CASE
is a shell pattern for `MODULE.NAME` and can be repeated.  `--by-hand` has the official tools convert the same cases as their
documentation says (`bench/official/by_hand.py`) and holds the result against the same samples.

* `--write` writes each outcome into `docs/matrix.json` as it comes, so that a run that is ended loses nothing;
  `tools/matrix_page.py` makes the page of it.  With `--minutes M` no case is begun later than that; what was not run is
  written down as such, and `--missing` runs it another time.
* Cases run in a shuffled order (seeded), so that what is there is a fair sample at any time, and in the order of the
  patterns where there are several.  `--sample N` runs the first N of that order.
* `--check N` exports every N-th case and holds the outcomes against those written.

An outcome is `passes` (as it is), `repaired` (by the repairs named), `refused` (before any converter started, with
the reason) or `failed` (converted, and something went wrong: the answers differ, a runtime or a converter fails).  By hand it
is `passes`, `no file` (the tool fails), `fails` (the runtime does) or `wrong`.
"""

from __future__ import annotations

import argparse
import contextlib
import fnmatch
import json
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from typing import Any

from anyport import AnyportError, manifest, models, publish, targets
from anyport.guests import Job
from anyport.pipeline import Options, run_export
from anyport.protocols import Runtime
from anyport.prove import Bench, bench_of, prove
from anyport.report import Artifact
from anyport.targets import Choice
from anyport.terminal import Quiet
from anyport.workshop import Workshop, provide_toolchain

ROOT = Path(__file__).resolve().parent.parent
CASES = ROOT / "tests" / "parity" / "cases"
DATA = ROOT / "docs" / "matrix.json"
BY_HAND = ROOT / "bench" / "official" / "by_hand.py"
GOOD = ("passes", "repaired")
BY_HAND_BEST_FIRST = ("passes", "wrong", "fails", "no file")
TIMEOUT = 300.0
"""Seconds for any one step of the official tools."""

_workshop: Workshop | None = None


def main(argv: Sequence[str] | None = None) -> int:
    """Export the cases asked for; the exit code is 1 if something failed, or isn't as it is written."""
    arguments = _parser().parse_args(argv)
    choices = arguments.to or list(targets.BUILT_IN)
    with tempfile.TemporaryDirectory(prefix="anyport-matrix-") as folder:
        cases = list_cases(Path(folder), arguments.case)
        if arguments.check:
            return _check(cases, Path(folder), choices, arguments)
        outcomes = _run(_choose(cases, arguments), Path(folder), choices, arguments)
    print(_totals(cases, outcomes))
    if arguments.write and not arguments.case:
        _write(cases, {}, only=cases)
    return 1 if any(_is_bad(outcome) for outcome in outcomes.values()) else 0


def _choose(cases: Mapping[str, Any], arguments: argparse.Namespace) -> dict[str, Any]:
    """Return the cases to run, in the order in which they are run."""
    known = _written()["cases"] if arguments.missing else {}
    order = sorted(cases)
    random.Random(0).shuffle(order)
    order.sort(key=lambda name: next((i for i, p in enumerate(arguments.case) if fnmatch.fnmatch(name, p)), 0))
    return {name: cases[name] for name in [name for name in order if name not in known][: arguments.sample]}


def _run(cases: Mapping[str, Any], folder: Path, to: Sequence[str], arguments: argparse.Namespace) -> dict[str, Any]:
    outcomes: dict[str, Any] = {}
    started = time.monotonic()
    for name, outcome in _export_all(cases, folder, to, arguments):
        outcomes[name] = outcome
        if arguments.write:
            _write(cases, {name: outcome})
        print(f"[{len(outcomes)}/{len(cases)}] {_line(name, outcome, arguments.verbose)}", flush=True)
    print(f"{len(outcomes)} cases in {time.monotonic() - started:.0f} s")
    return outcomes


def _check(cases: Mapping[str, Any], folder: Path, to: Sequence[str], arguments: argparse.Namespace) -> int:
    """Hold what is written against the catalogue, and every N-th case against a run."""
    data = _written()
    written, listed = data["cases"], {*data["cases"], *data["not_run"]}
    problems = [f"{name} is not in {DATA.name}" for name in cases if name not in listed]
    if not arguments.case:
        problems += [f"{name} is in {DATA.name} and not in the catalogue" for name in listed if name not in cases]
    chosen = {name: cases[name] for name in sorted(written)[:: arguments.check] if name in cases}
    for name, outcome in _run(chosen, folder, to, arguments).items():
        found = {target: _essence(item) for target, item in outcome["targets"].items()}
        stated = {target: _essence(written[name]["targets"][target]) for target in found}
        if found != stated:
            problems.append(f"{name}: {found}, written {stated}")
    print("\n".join(problems) or f"{DATA.name} is current, by {len(chosen)} of {len(cases)} cases")
    return 1 if problems else 0


def _essence(item: Mapping[str, Any]) -> tuple[str, tuple[str, ...]]:
    return item["outcome"], tuple(item.get("repairs", ()))


def _written() -> dict[str, Any]:
    if DATA.is_file():
        return dict(json.loads(DATA.read_text(encoding="utf-8")))
    return {"versions": {}, "rules": {}, "cases": {}, "not_run": []}


def _write(cases: Mapping[str, Any], outcomes: Mapping[str, Any], only: Collection[str] | None = None) -> None:
    """Write the outcomes into what is there, one line a case; with `only`, what isn't of this catalogue goes."""
    data = _written()
    known = {name: entry for name, entry in data["cases"].items() if only is None or name in only}
    for name, outcome in outcomes.items():
        entry = known.setdefault(name, {"family": cases[name]["family"], "says": cases[name]["says"], "targets": {}})
        entry["targets"] |= outcome["targets"]
        if "by_hand" in outcome:
            entry["by_hand"] = {**entry.get("by_hand", {}), **outcome["by_hand"]}
        data["versions"] |= outcome["versions"]
        for target, rules in outcome["rules"].items():
            data["rules"].setdefault(target, {}).update(rules)
    listed = {*data["not_run"], *cases} if only is None else {*only}
    data["not_run"] = sorted(listed - set(known))
    lines = [f"  {json.dumps(name)}: {json.dumps(known[name], ensure_ascii=False)}" for name in sorted(known)]
    del data["cases"]
    head = json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True)
    body = ",\n".join(lines)
    beside = DATA.with_suffix(".part")
    beside.write_text(f'{head[:-2]},\n "cases": {{\n{body}\n }}\n}}\n', encoding="utf-8")
    beside.replace(DATA)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Export the catalogue of cases and write down what came of it.")
    parser.add_argument("case", nargs="*", metavar="CASE", help="a pattern for MODULE.NAME; every case by default")
    parser.add_argument("--to", action="append", metavar="T", help="as for `anyport export`; every target by default")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="exports at a time")
    parser.add_argument("--verbose", action="store_true", help="print reasons in full")
    parser.add_argument("--by-hand", action="store_true", help="have the official tools convert the same cases too")
    parser.add_argument("--write", action="store_true", help=f"write the outcomes into {DATA.name}, as they come")
    parser.add_argument("--minutes", type=float, metavar="M", help="begin no case later than this")
    parser.add_argument("--missing", action="store_true", help=f"only what is not in {DATA.name}")
    parser.add_argument("--sample", type=int, metavar="N", help="only N cases, drawn with a fixed seed")
    parser.add_argument("--check", type=int, metavar="N", help=f"hold every N-th case against {DATA.name}")
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
    cases: Mapping[str, Any], folder: Path, to: Sequence[str], arguments: argparse.Namespace
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Export the cases, several at a time, and yield their outcomes as they come."""
    targets.choose(to)  # a wrong name is wrong for every case
    until = time.monotonic() + 60 * (arguments.minutes or math.inf)
    with ProcessPoolExecutor(max_workers=arguments.jobs, initializer=_open_workshop) as pool:
        waiting = {pool.submit(export_case, cases[name], folder, to, arguments.by_hand): name for name in cases}
        for future in as_completed(waiting):
            if not future.cancelled():
                yield waiting[future], future.result()
            if time.monotonic() > until:
                for other in waiting:
                    other.cancel()


def _open_workshop() -> None:
    """Start one zygote for each process; it ends with its input, when the process does."""
    global _workshop
    _workshop = Workshop(Quiet(), publish.new_log_folder())


def export_case(case: Mapping[str, Any], folder: Path, to: Sequence[str], by_hand: bool = False) -> dict[str, Any]:
    """Export one case and return `{"seconds", "targets", "rules", "versions"}` and, if asked for, `"by_hand"`."""
    assert _workshop is not None
    file = CASES / case["file"]
    out = folder / f"out-{os.getpid()}"
    samples = folder / case["samples"] if case["samples"] else None
    choices: list[Choice] = targets.choose(to)
    started = time.monotonic()
    found: dict[str, Any] = {"rules": {}, "versions": {}}
    try:
        source = models.classify(f"{file}:{case['name']}")
        report = run_export(source, choices, Options(out=out, samples=samples), Quiet(), workshop=_workshop)
        found["targets"] = {artifact.target: _outcome(artifact) for artifact in report.artifacts}
        for artifact in report.artifacts:
            stated = {repair["rule"]: {key: repair[key] for key in ("why", "until")} for repair in artifact.repairs}
            found["rules"][artifact.target] = stated
            found["versions"] |= {run.runtime: run.version for run in artifact.runs if run.version}
        if by_hand:
            told = {"file": str(file), "name": case["name"], "contract": report.manifest["contract"]}
            found["by_hand"] = {choice.target.name: _by_hand(choice, told, out) for choice in choices}
    except AnyportError as error:
        found["targets"] = {
            choice.target.name: {"outcome": "failed", "reason": f"source: {error}"} for choice in choices
        }
    finally:
        shutil.rmtree(out, ignore_errors=True)
    return {"seconds": round(time.monotonic() - started, 1), **found}


def _by_hand(choice: Choice, told: Mapping[str, Any], out: Path) -> dict[str, Any]:
    """Have the official tools convert the case, and return the best outcome of their routes in the first runtime."""
    assert _workshop is not None
    with tempfile.TemporaryDirectory(prefix="anyport-by-hand-") as work:
        Path(work, "made").mkdir()
        request = {**told, "target": choice.target.name, "out": str(Path(work, "made"))}
        log = _workshop.logs / "by-hand.log"
        job = Job(name="by-hand", script=BY_HAND, request=request, folder=Path(work), log=log, timeout=TIMEOUT)
        outcome = _workshop.zygote().run(job, lambda step: None)
        if outcome.result is None:
            return {"outcome": "no file", "reason": outcome.message}
        bench = bench_of(out, manifest.read(out), Path(work), _workshop, TIMEOUT)
        routes = [_route(bench, choice.runtimes[0], route) for route in outcome.result["routes"]]
    return min(routes, key=lambda item: BY_HAND_BEST_FIRST.index(item["outcome"]))


def _route(bench: Bench, runtime: Runtime, route: Mapping[str, Any]) -> dict[str, Any]:
    if "error" in route:
        return {"outcome": "no file", "route": route["route"], "reason": route["error"]}
    run = prove(
        bench,
        runtime,
        "by-hand",
        Path(route["folder"]),
        route["signatures"],
        None,
        contextlib.nullcontext(lambda step: None),
    )
    outcome = {"passed": "passes", "failed": "wrong"}.get(run.status, "fails")
    return {"outcome": outcome, "route": route["route"], **({"reason": run.reason[:300]} if run.reason else {})}


def _outcome(artifact: Artifact) -> dict[str, Any]:
    repairs = sorted({repair["rule"] for repair in artifact.repairs})
    if artifact.status == "passed":
        return {"outcome": "repaired", "repairs": repairs} if repairs else {"outcome": "passes"}
    if artifact.status == "refused":
        return {"outcome": "refused", "reason": artifact.reason, "hint": artifact.hint}
    return {"outcome": "failed", "reason": f"{artifact.status}: {artifact.reason}", "repairs": repairs}


def _is_bad(outcome: Mapping[str, Any]) -> bool:
    return any(item["outcome"] == "failed" for item in outcome["targets"].values())


def _line(name: str, outcome: Mapping[str, Any], verbose: bool) -> str:
    parts = []
    for target, item in outcome["targets"].items():
        reason = item.get("reason", "")
        parts.append(f"{target} {item['outcome']}{f': {reason if verbose else reason[:200]}' if reason else ''}")
    parts += [f"by hand {target} {item['outcome']}" for target, item in outcome.get("by_hand", {}).items()]
    return f"{name} ({outcome['seconds']} s): {' | '.join(parts)}"


def _totals(cases: Mapping[str, Any], outcomes: Mapping[str, Any]) -> str:
    """Return the share of good outcomes by family and target."""
    lines = []
    for family in sorted({case["family"] for case in cases.values()}):
        members = [name for name in outcomes if cases[name]["family"] == family]
        if not members:
            continue
        good: Counter[str] = Counter()
        for name in members:
            found = outcomes[name]["targets"]
            good.update(target for target, item in found.items() if item["outcome"] in GOOD)
            good["all"] += all(item["outcome"] in GOOD for item in found.values())
        shares = ", ".join(f"{key} {count} ({100 * count / len(members):.1f} %)" for key, count in good.items())
        lines.append(f"{family}: {len(members)} cases; {shares}")
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
