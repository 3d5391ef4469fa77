"""Runtimes of servers that are run where they are named: what they can read passes, and the rest is refused by the op's name."""

from __future__ import annotations

from pathlib import Path

import pytest

import anyport
from anyport import targets

GRAPHICS = {"saved_model": "tensorflow-gpu", "onnx": "onnxruntime-cuda"}


@pytest.mark.parametrize("model", ["digits", "transformer", "three_signatures"])
def test_openvino_gives_the_source_s_answers(tmp_path: Path, model: str) -> None:
    report = anyport.export(model, "onnx@openvino", tmp_path / "out")
    report.raise_for_status()
    (run,) = report.artifacts[0].runs
    assert (run.backend, run.status) == ("CPU", "passed")
    assert run.details["processor"]


@pytest.mark.parametrize("model", ["digits", "lstm_text"])
def test_onnxruntime_in_node_gives_the_source_s_answers(tmp_path: Path, model: str) -> None:
    report = anyport.export(model, "onnx@ort-node", tmp_path / "out")
    report.raise_for_status()
    (run,) = report.artifacts[0].runs
    assert (run.backend, run.status) == ("cpu", "passed")
    assert [item.name for item in (tmp_path / "out" / "onnx").iterdir()] == ["model.onnx"]


@pytest.mark.parametrize(("target", "runtime"), GRAPHICS.items())
def test_a_graphics_processor_is_declared_and_not_run_where_there_is_none(
    tmp_path: Path, target: str, runtime: str
) -> None:
    (found,) = [item for item in targets.registry()[target].runtimes if item.name == runtime]
    assert not found.default
    report = anyport.export("mlp", f"{target}@{runtime}", tmp_path / "out")
    (run,) = report.artifacts[0].runs
    if lacking := found.lacking():
        assert (run.status, run.reason) == ("not_run", lacking)
        assert report.artifacts[0].files, "it was made, though it was not proved"
    else:
        report.raise_for_status()
        assert run.backend in ("gpu", "CUDAExecutionProvider")


def test_a_loop_that_openvino_cannot_read_is_refused(tmp_path: Path) -> None:
    """Its reader wants as many inputs as a Loop hands on; until it doesn't, an LSTM that starts from a mask is one."""
    (artifact,) = anyport.export("lstm_text", "onnx@openvino", tmp_path / "out").artifacts
    assert artifact.status == "refused"
    assert "OpenVINO can't read Loop-" in artifact.reason
    assert artifact.files
