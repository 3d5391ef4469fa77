"""Every zoo model to every target it can be exported to, proved in every runtime of that target."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import anyport
from anyport import targets
from anyport.models import zoo

REFUSED: dict[tuple[str, str], str] = {}
"""(model, target) → a word of the reason, for what a target can't express."""


def _pairs() -> list[tuple[str, str]]:
    return [(model, target) for target in targets.BUILT_IN for model in zoo.names()]


@pytest.mark.parametrize(("model", "to"), _pairs())
def test_zoo_model_is_proved_in_every_runtime(model: str, to: str, target: str | None, tmp_path: Path) -> None:
    if target not in (None, to):
        pytest.skip(f"the session tests {target} alone")
    report = anyport.export(model, to=to, out=tmp_path / "out")
    (artifact,) = report.artifacts
    if reason := REFUSED.get((model, to)):
        assert artifact.status == "error"
        assert reason in artifact.reason
        return
    assert artifact.status == "passed", json.dumps(report.manifest["artifacts"], indent=1)
    assert {run.runtime for run in artifact.runs} == {runtime.name for runtime in targets.registry()[to].runtimes}
    assert artifact.runs, "a target without a runtime proves nothing"
    for run in artifact.runs:
        stated = [
            (item["name"], output["name"])
            for item in report.manifest["contract"]["signatures"]
            for output in item["outputs"]
        ]
        assert [(output.signature, output.name) for output in run.outputs] == stated
