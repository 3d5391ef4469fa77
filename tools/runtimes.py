"""Prove every zoo model, in every variant, in every runtime: `python tools/runtimes.py --results FILE [--write] [TARGET …]`.

Called by `nox -s table_of_runtimes`.  Each answer is written to the results file as it comes, and what is there isn't asked
again, so that the hours it takes can be taken in pieces: `--model NAME`, `--runtime NAME` and `--variant NAME`, repeatable,
say which.  `--write` makes `docs/runtimes.md` of what there is; what isn't is "not measured".
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from matrix_page import replace_marked
from variants import BUDGETS

from anyport import models, publish, targets
from anyport.models import zoo
from anyport.pipeline import Options, run_export
from anyport.protocols import Runtime, Target
from anyport.terminal import Quiet
from anyport.workshop import Workshop

Results = dict[str, dict[str, dict[str, dict[str, Any]]]]
"""Target → model → variant → `status` and `reason` of the artifact, and `runs`: runtime → what `_kept` keeps."""

PAGE = Path(__file__).parent.parent / "docs" / "runtimes.md"
MARKS = ("<!-- runtimes: made by tools/runtimes.py -->", "<!-- /runtimes -->")
LARGE = ("mobilenet_v2", "resnet50")
"""Models that come last."""
SECONDS = 3000.0
"""What a run may take: the largest model on an emulated board is slow."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Prove every zoo model, in every variant, in every runtime.")
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="these targets alone")
    for name in ("model", "variant", "runtime"):
        parser.add_argument(f"--{name}", action="append", help=f"this {name} alone; repeatable")
    parser.add_argument("--again", action="append", default=[], help="ask this runtime anew; repeatable")
    parser.add_argument("--results", type=Path, required=True, help="the file to go on from and to write to")
    parser.add_argument("--write", action="store_true", help="write the page")
    parser.add_argument("--no-run", action="store_true", help="measure nothing")
    arguments = parser.parse_args()
    results: Results = json.loads(arguments.results.read_text(encoding="utf-8")) if arguments.results.exists() else {}
    for found in [] if arguments.no_run else measure(arguments, results):
        arguments.results.parent.mkdir(parents=True, exist_ok=True)
        arguments.results.write_text(json.dumps(found, indent=1, sort_keys=True), encoding="utf-8")
    if arguments.write:
        text = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(replace_marked(text, MARKS, ["", page(results).removesuffix("\n")]), encoding="utf-8")


def measure(arguments: argparse.Namespace, results: Results) -> Iterator[Results]:
    """Add to `results` what isn't there, and yield them after each export."""
    names = sorted(arguments.model or zoo.names(), key=lambda name: LARGE.index(name) + 1 if name in LARGE else 0)
    with Workshop(Quiet(), publish.new_log_folder()) as workshop, tempfile.TemporaryDirectory() as folder:
        for name in names:
            for target in arguments.targets or list(targets.BUILT_IN):
                texts = _missing(arguments, results.get(target, {}).get(name, {}), targets.registry()[target])
                for part in _parts(name, texts):
                    started = time.monotonic()
                    _prove(name, part, Path(folder) / "out", workshop, results)
                    print(f"{name} {' '.join(part)}: {time.monotonic() - started:.0f} s", flush=True)
                    yield results


def _missing(arguments: argparse.Namespace, known: Mapping[str, Any], target: Target) -> list[str]:
    """Return `target:variant@runtime` for everything that was asked for and has no answer yet."""
    found = []
    for variant in arguments.variant or target.variants:
        if variant in target.variants and not known.get(variant, {}).get("refused"):
            had = set(known.get(variant, {}).get("runs", ())) - set(arguments.again)
            able = [item.name for item in target.runtimes if variant not in item.cannot and item.name not in had]
            found += [f"{target.name}:{variant}@{name}" for name in able if name in (arguments.runtime or able)]
    return found


def _parts(name: str, texts: Sequence[str]) -> list[list[str]]:
    """Return what one export asks for: all at once, or with a large model one variant at a time."""
    if not texts:
        return []
    if name not in LARGE:
        return [list(texts)]
    variants = dict.fromkeys(text.partition("@")[0] for text in texts)
    return [[text for text in texts if text.partition("@")[0] == variant] for variant in variants]


def _prove(name: str, texts: Sequence[str], out: Path, workshop: Workshop, results: Results) -> None:
    coarse = any(choice.variant in choice.target.budgets for choice in targets.choose(texts))
    options = Options(out=out, budget=BUDGETS.get(name, {}) if coarse else {}, timeout=SECONDS)
    report = run_export(models.classify(name), targets.choose(texts), options, Quiet(), workshop=workshop)
    shutil.rmtree(out)
    for artifact in report.manifest["artifacts"]:
        kept = results.setdefault(artifact["target"], {}).setdefault(name, {}).setdefault(artifact["variant"], {})
        kept["refused"] = "" if artifact["runs"] else f"{artifact['status'].replace('_', ' ')}: {artifact['reason']}"
        kept.setdefault("runs", {}).update({run["runtime"]: _kept(run) for run in artifact["runs"]})


def _kept(run: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the page says of a run, and what a reader may want besides."""
    outputs = run.get("outputs") or []
    ratios = [output["snr"] for output in outputs if output.get("snr") is not None]
    errors = [output["max_rel_error"] for output in outputs if output.get("max_rel_error") is not None]
    accuracies = [output["accuracy"] for output in outputs if output.get("accuracy") is not None]
    return {
        "status": run["status"],
        "reason": run["reason"],
        "version": run.get("version", ""),
        "backend": run.get("backend", ""),
        "snr": min(ratios, default=None),
        "error": max(errors, default=None),
        "accuracy": min(accuracies, default=None),
        "warm": None if run.get("emulated") else (run.get("seconds") or {}).get("warm"),
    }


def page(results: Results) -> str:
    """Return the tables, one for each variant of each target, and the reasons below them."""
    reasons: dict[str, None] = {}
    parts = [_counts(results)]
    for name in targets.BUILT_IN:
        target = targets.registry()[name]
        for variant in target.variants:
            parts.append(f"## {name}:{variant}\n\n{_table(results.get(name, {}), target, variant, reasons)}")
    numbered = "".join(f"{number}. {reason}\n" for number, reason in enumerate(reasons, 1))
    return "\n".join([*parts, f"## Reasons\n\n{numbered}"]) + "\n"


def _table(measured: Mapping[str, Any], target: Target, variant: str, reasons: dict[str, None]) -> str:
    lines = [[variant, *(f"`{item.name}`" for item in target.runtimes)], ["---"] * (len(target.runtimes) + 1)]
    for name in zoo.names():
        kept = measured.get(name, {}).get(variant, {})
        lines.append([f"`{name}`", *(_cell(kept, item, variant, target, reasons) for item in target.runtimes)])
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _cell(kept: Mapping[str, Any], runtime: Runtime, variant: str, target: Target, reasons: dict[str, None]) -> str:
    status, reason = _answer(kept, runtime, variant)
    if status == "passed":
        return _number(kept["runs"][runtime.name], variant in target.budgets)
    if not reason:
        return status
    reasons.setdefault(reason)
    return f"{f'**{status}**' if status in ('failed', 'error') else status} ({list(reasons).index(reason) + 1})"


def _answer(kept: Mapping[str, Any], runtime: Runtime, variant: str) -> tuple[str, str]:
    """Return what became of a variant in a runtime, and why."""
    if variant in runtime.cannot:
        return "refused", f"{runtime.name} can't run {variant}: {runtime.cannot[variant]}"
    if kept.get("refused"):
        status, _, reason = kept["refused"].partition(": ")
        return status, reason
    run = kept.get("runs", {}).get(runtime.name)
    return ("not measured", "") if run is None else (run["status"].replace("_", " "), run["reason"])


def _number(run: Mapping[str, Any], coarse: bool) -> str:
    if coarse:
        return f"{run['snr']:.0f} dB" if run["snr"] is not None else "exact"
    return f"{run['error']:.0e}" if run["error"] else "exact"


def _counts(results: Results) -> str:
    """Return how many cells of each target there are of each kind."""
    kinds = ("passed", "refused", "not run", "failed", "error", "not measured")
    lines = [["", *kinds], ["---"] * (len(kinds) + 1)]
    for name in targets.BUILT_IN:
        target = targets.registry()[name]
        answers = [
            _answer(results.get(name, {}).get(model, {}).get(variant, {}), runtime, variant)[0]
            for model in zoo.names()
            for variant in target.variants
            for runtime in target.runtimes
        ]
        lines.append([name, *(str(answers.count(kind)) for kind in kinds)])
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


if __name__ == "__main__":
    main()
