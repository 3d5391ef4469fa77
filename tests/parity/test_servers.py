"""Runtimes of servers that are run where they are named: what they can read passes, and the rest is refused by the op's name."""

from __future__ import annotations

from pathlib import Path

import pytest

import anyport


@pytest.mark.parametrize("model", ["digits", "transformer", "three_signatures"])
def test_openvino_gives_the_source_s_answers(tmp_path: Path, model: str) -> None:
    report = anyport.export(model, "onnx@openvino", tmp_path / "out")
    report.raise_for_status()
    (run,) = report.artifacts[0].runs
    assert (run.backend, run.status) == ("CPU", "passed")
    assert run.details["processor"]


def test_a_loop_that_openvino_cannot_read_is_refused(tmp_path: Path) -> None:
    """Its reader wants as many inputs as a Loop hands on; until it doesn't, an LSTM that starts from a mask is one."""
    (artifact,) = anyport.export("lstm_text", "onnx@openvino", tmp_path / "out").artifacts
    assert artifact.status == "refused"
    assert "OpenVINO can't read Loop-" in artifact.reason
    assert artifact.files
