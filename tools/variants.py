"""Measure every variant of every zoo model: `python tools/variants.py [--only TARGET] [--model NAME …] [--write]`.

Called by `nox -s table_of_variants`.  Exports each model to each variant in every runtime that is meant by default, and
prints, or with `--write` writes into `docs/quantisation.md`, a table: the least signal-to-noise ratio of any output in any
runtime, or why the variant was refused.  The default budgets (`budgets` of each target) were chosen by it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from anyport import models, publish, targets
from anyport.models import zoo
from anyport.pipeline import Options, run_export
from anyport.report import Artifact, Run
from anyport.terminal import Quiet
from anyport.workshop import Workshop

PAGE = Path(__file__).parent.parent / "docs" / "quantisation.md"
BEGIN, END = "<!-- variants: made by tools/variants.py -->", "<!-- /variants -->"

RANDOM = {"snr": 10, "channel_snr": 0, "cosine": 0.95}
BUDGETS: Mapping[str, Mapping[str, float]] = {"mobilenet_v2": RANDOM, "resnet50": RANDOM}
"""Models that are asked less than by default: deep, and their weights random.  Rounding errors grow from layer to layer
there, as they don't where training has made the layers steady."""


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure every variant of every zoo model.")
    parser.add_argument("--only", choices=list(targets.BUILT_IN), help="one target alone")
    parser.add_argument("--model", action="append", choices=zoo.names(), help="this model alone; repeatable")
    parser.add_argument("--write", action="store_true", help="write the table into the page")
    parser.add_argument("--json", type=Path, help="write all that was measured into this file")
    arguments = parser.parse_args()
    measured = dict(measure(arguments.model or zoo.names(), arguments.only))
    if arguments.json:
        arguments.json.write_text(json.dumps({k: v[0] for k, v in measured.items()}, indent=1), encoding="utf-8")
    text = "\n".join(
        table(name, measured) for name in targets.BUILT_IN if arguments.only in (None, name) and _coarse(name)
    )
    print(text)
    if arguments.write:
        before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n\n{text}\n{END}{rest.partition(END)[2]}", encoding="utf-8")


def _coarse(target: str) -> list[str]:
    found = targets.registry()[target]
    return [variant for variant in found.variants if variant in found.budgets]


def measure(names: Sequence[str], only: str | None) -> Iterator[tuple[str, tuple[Any, Sequence[Artifact]]]]:
    """Yield each model with its manifest's artifacts and the report's."""
    wanted = [f"{name}:{variant}" for name in targets.BUILT_IN if only in (None, name) for variant in _coarse(name)]
    with Workshop(Quiet(), publish.new_log_folder()) as workshop, tempfile.TemporaryDirectory() as folder:
        for name in names:
            options = Options(out=Path(folder) / name, budget=BUDGETS.get(name, {}))
            report = run_export(models.classify(name), targets.choose(wanted), options, Quiet(), workshop=workshop)
            yield name, (report.manifest["artifacts"], report.artifacts)


def table(target: str, measured: Mapping[str, tuple[Any, Sequence[Artifact]]]) -> str:
    """Return a target's table in Markdown, and below it the reasons of what was refused."""
    variants = _coarse(target)
    lines = [[target, *(f"`{variant}`" for variant in variants)], ["---"] * (len(variants) + 1)]
    reasons: dict[str, None] = {}
    for name, (_, artifacts) in measured.items():
        found = {artifact.variant: artifact for artifact in artifacts if artifact.target == target}
        lines.append([f"`{name}`", *(_cell(found[variant], reasons) for variant in variants)])
    rows = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
    return (
        rows + "".join(f"\n{number}. {reason}" for number, reason in enumerate(reasons, 1)) + ("\n" if reasons else "")
    )


def _cell(artifact: Artifact, reasons: dict[str, None]) -> str:
    if artifact.status == "passed":
        return f"{_least(artifact.runs)} ×{len(artifact.runs)}"
    status = artifact.status.replace("_", " ")
    reason = f"{status}: {artifact.reason}"
    reasons.setdefault(reason)
    return f"{status} ({list(reasons).index(reason) + 1})"


def _least(runs: Sequence[Run]) -> str:
    ratios = [output.snr for run in runs for output in run.outputs if output.snr is not None]
    return f"{min(ratios):.0f} dB" if ratios else "exact"


if __name__ == "__main__":
    main()
