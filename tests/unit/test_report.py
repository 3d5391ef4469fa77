"""The report: the worst of what happened decides, and what was not run is never passed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import anyport
from anyport.report import Artifact, Report, Run, Status, judge


def report(*statuses: Status) -> Report:
    artifacts = [
        Artifact(target=f"t{i}", variant="v", path="p", status=status, reason=f"reason {i}", hint="hint", log="log")
        for i, status in enumerate(statuses)
    ]
    return Report(path=Path("out"), manifest={}, artifacts=artifacts)


@pytest.mark.parametrize(
    ("statuses", "code", "error"),
    [
        (["passed", "passed"], 0, None),
        (["passed", "failed"], 1, anyport.ParityError),
        (["passed", "error"], 3, anyport.ConversionError),
        (["not_run", "passed"], 4, anyport.ToolchainError),
        (["not_run", "error"], 3, anyport.ConversionError),
        (["not_run", "error", "failed"], 1, anyport.ParityError),
    ],
)
def test_the_worst_decides_the_exit_code_and_the_exception(statuses: Any, code: int, error: Any) -> None:
    found = report(*statuses)
    assert (found.exit_code, found.passed) == (code, code == 0)
    if error is None:
        found.raise_for_status()
        return
    with pytest.raises(error, match=r"t[0-9]:v: reason [0-9]") as caught:
        found.raise_for_status()
    assert (caught.value.hint, caught.value.log) == ("hint", "log")


@pytest.mark.parametrize(
    ("statuses", "expected"),
    [
        (["passed", "passed"], ("passed", "")),
        (["passed", "not_run"], ("not_run", "r1: why")),
        (["not_run", "error"], ("error", "r1: why")),
        (["error", "failed", "failed"], ("failed", "r1: why")),
        ([], ("not_run", "no runtime was asked for")),
    ],
)
def test_an_artifact_passes_only_if_every_run_did(statuses: Any, expected: tuple[str, str]) -> None:
    assert judge([Run(runtime=f"r{i}", status=status, reason="why") for i, status in enumerate(statuses)]) == expected
