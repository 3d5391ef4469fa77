"""Measure every variant of every zoo model: `python tools/variants.py [--only TARGET] [--model NAME …] [--results FILE] [--write]`.

Called by `nox -s table_of_variants`.  Exports each model to each variant in every runtime that is meant by default, and
prints, or with `--write` writes into `docs/quantisation.md`, a table: the least signal-to-noise ratio of any output in any
runtime, or why the variant was refused.  The default budgets (`budgets` of each target) were chosen by it.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from matrix_page import replace_marked

from anyport import models, publish, targets
from anyport.models import zoo
from anyport.pipeline import Options, run_export
from anyport.terminal import Quiet
from anyport.workshop import Workshop

Results = dict[str, dict[str, Any]]
"""Target → model → artifacts as the manifest states them."""

PAGE = Path(__file__).parent.parent / "docs" / "quantisation.md"
MARKS = ("<!-- variants: made by tools/variants.py -->", "<!-- /variants -->")

RANDOM = {"snr": 10, "channel_snr": 0, "cosine": 0.95}
BUDGETS: Mapping[str, Mapping[str, float]] = {"mobilenet_v2": RANDOM, "resnet50": RANDOM}
"""Models that are asked less than by default: deep, and their weights random.  Rounding errors grow from layer to layer
there, as they don't where training has made the layers steady."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure every variant of every zoo model.")
    parser.add_argument("--only", choices=list(targets.BUILT_IN), help="one target alone")
    parser.add_argument("--model", action="append", choices=zoo.names(), help="this model alone; repeatable")
    parser.add_argument("--write", action="store_true", help="write the tables into the page")
    parser.add_argument("--results", type=Path, help="a file to go on from and to write each result to")
    arguments = parser.parse_args()
    kept = arguments.results is not None and arguments.results.exists()
    results: Results = json.loads(arguments.results.read_text(encoding="utf-8")) if kept else {}
    coarse = [name for name in targets.BUILT_IN if arguments.only in (None, name) and _coarse(name)]
    for found in measure(arguments.model or zoo.names(), coarse, results):
        if arguments.results is not None:
            arguments.results.write_text(json.dumps(found, indent=1), encoding="utf-8")
    text = "\n".join(table(target, results.get(target, {})) for target in coarse)
    print(text)
    if arguments.write:
        PAGE.write_text(replace_marked(PAGE.read_text(encoding="utf-8"), MARKS, ["", text]), encoding="utf-8")


def _coarse(target: str) -> list[str]:
    found = targets.registry()[target]
    return [variant for variant in found.variants if variant in found.budgets]


def measure(names: Sequence[str], coarse: Sequence[str], results: Results) -> Iterator[Results]:
    """Add to `results` what isn't there, and yield them after each export."""
    with Workshop(Quiet(), publish.new_log_folder()) as workshop, tempfile.TemporaryDirectory() as folder:
        for target, name in ((target, name) for target in coarse for name in names):
            if name not in results.setdefault(target, {}):
                choices = targets.choose([f"{target}:{variant}" for variant in _coarse(target)])
                options = Options(out=Path(folder) / f"{name}-{target}", budget=BUDGETS.get(name, {}))
                report = run_export(models.classify(name), choices, options, Quiet(), workshop=workshop)
                results[target][name] = report.manifest["artifacts"]
                shutil.rmtree(options.out)
                yield results


def table(target: str, measured: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return a target's table in Markdown, and below it the reasons of what was refused."""
    variants = _coarse(target)
    lines = [[target, *(f"`{variant}`" for variant in variants)], ["---"] * (len(variants) + 1)]
    reasons: dict[str, None] = {}
    for name, artifacts in sorted(measured.items()):
        found = {artifact["variant"]: artifact for artifact in artifacts}
        lines.append([f"`{name}`", *(_cell(found[variant], reasons) for variant in variants)])
    rows = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
    return rows + "".join(f"\n{number}. {reason}" for number, reason in enumerate(reasons, 1)) + "\n"


def _cell(artifact: Mapping[str, Any], reasons: dict[str, None]) -> str:
    if artifact["status"] == "passed":
        return f"{_least(artifact['runs'])} ×{len(artifact['runs'])}"
    status = artifact["status"].replace("_", " ")
    reason = f"{status}: {artifact['reason']}"
    reasons.setdefault(reason)
    return f"**{status}** ({list(reasons).index(reason) + 1})"


def _least(runs: Sequence[Mapping[str, Any]]) -> str:
    ratios = [output["snr"] for run in runs for output in run["outputs"] if output["snr"] is not None]
    return f"{min(ratios):.0f} dB" if ratios else "exact"


if __name__ == "__main__":
    main()
