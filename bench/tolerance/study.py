"""How far right artifacts are from their sources, and wrong ones: the study behind the verdict's multiple.

`python bench/tolerance/study.py [CASE …]`, called by `nox -s tolerance`.  Every case of `tests/parity/cases` is exported to every
target in turn, and each output's error in each runtime is written down in multiples of the model's own noise; then the model is
broken in one place at a time (`mutate.py`), and the same is done for what comes of it.

Outcomes go to `docs/tolerance.json` as they come; cases that are there are left out unless `--again`.  Cases run in a shuffled
order (seeded), so that what is there is a fair sample at any time.  `tools/tolerance_page.py` makes the page of it.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from anyport import AnyportError, guests, models, publish, targets
from anyport.guests import Job
from anyport.loading import Prepared, load
from anyport.pipeline import Options, run_export
from anyport.terminal import Quiet
from anyport.workshop import Workshop

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "docs" / "tolerance.json"
MUTATE = Path(__file__).with_name("mutate.py")
TIMEOUT = 600.0

sys.path.append(str(ROOT / "tools"))
from matrix import CASES, list_cases  # noqa: E402


def main(argv: Sequence[str] | None = None) -> int:
    arguments = _parser().parse_args(argv)
    known: dict[str, Any] = json.loads(DATA.read_text(encoding="utf-8"))["cases"] if DATA.is_file() else {}
    started = time.monotonic()
    with (
        tempfile.TemporaryDirectory(prefix="anyport-tolerance-") as folder,
        Workshop(Quiet(), publish.new_log_folder()) as workshop,
    ):
        cases = list_cases(Path(folder), arguments.case)
        order = sorted(name for name in cases if arguments.again or name not in known)
        random.Random(1).shuffle(order)
        for number, name in enumerate(order, 1):
            if arguments.minutes and time.monotonic() - started > 60 * arguments.minutes:
                break
            known[name] = studied(cases[name], Path(folder), workshop, arguments.to or list(targets.BUILT_IN))
            print(f"[{number}/{len(order)}] {name} {_line(known[name])}", flush=True)
            _write(known)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description="Measure right and wrong artifacts in multiples of their models' noise."
    )
    parser.add_argument("case", nargs="*", metavar="CASE", help="a pattern for MODULE.NAME; every case by default")
    parser.add_argument("--to", action="append", metavar="T", help="as for `anyport export`; every target by default")
    parser.add_argument("--minutes", type=float, metavar="M", help="begin no case later than this")
    parser.add_argument("--again", action="store_true", help=f"also what is in {DATA.name}")
    return parser


def studied(case: Mapping[str, Any], folder: Path, workshop: Workshop, to: Sequence[str]) -> dict[str, Any]:
    """Return `right` (`[target, runtime, ratio, status, reason]`), `wrong` (what `mutate.py` returns) and `noise` of a case."""
    work = Path(tempfile.mkdtemp(dir=folder))
    try:
        return _measured(case, folder, work, workshop, to)
    except AnyportError as error:
        return {"error": str(error)}
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _measured(
    case: Mapping[str, Any], folder: Path, work: Path, workshop: Workshop, to: Sequence[str]
) -> dict[str, Any]:
    source = models.classify(f"{CASES / case['file']}:{case['name']}")
    given = folder / case["samples"] if case["samples"] else None
    options = Options(out=work / "out", samples=given)
    canonical, samples = work / "canonical", work / "samples.npz"
    canonical.mkdir()
    result = load(source, options, workshop, canonical, samples, None, lambda step, show: None)
    prepared = Prepared(canonical=canonical, samples=samples, result=result, seconds=0.0)
    report = run_export(source, targets.choose(to), options, Quiet(), prepared, workshop)
    right = [
        [artifact.target, run.runtime, _most(run.outputs), run.status, run.reason]
        for artifact in report.artifacts
        for run in artifact.runs
    ]
    noise = report.manifest["noise"]
    request = {"canonical": str(canonical), "samples": str(work / "out" / "samples.npz"), "noise": noise, "seed": 0}
    log = workshop.logs / "mutate.log"
    job = Job(name="mutate", script=MUTATE, request=request, folder=work, log=log, timeout=TIMEOUT)
    outcome = workshop.zygote().run(job, lambda step: None)
    guests.check_interrupted(outcome)
    wrong = outcome.result["mutations"] if outcome.result else outcome.message
    return {"noise": noise, "notes": list(report.manifest["notes"]), "right": right, "wrong": wrong}


def _most(outputs: Sequence[Any]) -> float | None:
    ratios = [output.noise_ratio for output in outputs if output.noise_ratio is not None]
    return max(ratios, default=None)


def _line(found: Mapping[str, Any]) -> str:
    if "error" in found:
        return found["error"][:160]
    ratios = [item[2] for item in found["right"] if item[2] is not None]
    failed = [f"{item[1]}: {item[4][:90]}" for item in found["right"] if item[3] == "failed"]
    return f"right ≤ {max(ratios, default=0):.2g}, {_wrong(found['wrong'])} {failed or ''}"


def _wrong(found: Any) -> str:
    if isinstance(found, str):
        return found[:160]
    ratios = [item["ratio"] for item in found if item["ratio"]]
    return f"wrong ≥ {min(ratios):.3g}" if ratios else "nothing to break"


def _write(known: Mapping[str, Any]) -> None:
    lines = [f"  {json.dumps(name)}: {json.dumps(known[name], ensure_ascii=False)}" for name in sorted(known)]
    partial = DATA.with_suffix(".partial")
    partial.write_text('{\n "cases": {\n' + ",\n".join(lines) + "\n }\n}\n", encoding="utf-8")
    partial.replace(DATA)


if __name__ == "__main__":
    sys.exit(main())
