"""Every zoo model to every target it can be exported to, proved in every runtime of that target.

`--target NAME` tests one target alone.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import anyport
from anyport import targets
from anyport.models import zoo


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    chosen = metafunc.config.getoption("--target")
    pairs = [(model, to) for to in ([chosen] if chosen else targets.BUILT_IN) for model in zoo.names()]
    metafunc.parametrize(("model", "to"), pairs)


def test_zoo_model_is_proved_in_every_runtime(model: str, to: str, tmp_path: Path) -> None:
    report = anyport.export(model, to=to, out=tmp_path / "out")
    (artifact,) = report.artifacts
    assert artifact.status == "passed", json.dumps(report.manifest["artifacts"], indent=1)
    assert artifact.runs, "a target without a runtime proves nothing"
    meant = [runtime.name for runtime in targets.registry()[to].runtimes if runtime.default]
    assert [run.runtime for run in artifact.runs] == meant
    stated = [
        (item["name"], output["name"])
        for item in report.manifest["contract"]["signatures"]
        for output in item["outputs"]
    ]
    for run in artifact.runs:
        assert [(output.signature, output.name) for output in run.outputs] == stated
