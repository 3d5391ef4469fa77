"""Runtimes of servers that are run where they are named: what they can read passes, and the rest is refused by the op's name.

And the self-test that goes to the server, run as it would be there.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

import anyport
from anyport import manifest, publish, targets
from anyport.terminal import Quiet
from anyport.workshop import provide_toolchain

CASES = Path(__file__).parent / "cases"
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
    assert {item.name for item in (tmp_path / "out" / "onnx").iterdir()} == {"model.onnx", "selftest.py"}


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


def self_test(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run it with what a server has: a Python, NumPy and onnxruntime, and nothing of anyport."""
    (runtime,) = [item for item in targets.registry()["onnx"].runtimes if item.default]
    python = provide_toolchain(runtime.toolchains[0], Quiet(), publish.new_log_folder()).python
    command = [python, "-I", folder / "onnx" / "selftest.py"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize(
    "source",
    [
        "digits",
        str(CASES / "tensorflow_state.py:two_accumulators"),  # state, shared by signatures
        str(CASES / "tensorflow_strings.py:join_and_add"),
    ],
    ids=("network", "state", "strings"),
)
def test_the_self_test_passes_on_the_server(tmp_path: Path, source: str) -> None:
    anyport.export(source, "onnx", tmp_path / "out").raise_for_status()
    done = self_test(tmp_path / "out")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr
    assert "passed  " in done.stdout


def test_the_self_test_fails_on_another_file_and_on_wrong_answers(tmp_path: Path) -> None:
    folder = tmp_path / "digits"
    anyport.export("digits", "onnx", folder).raise_for_status()
    stated = json.loads((folder / manifest.NAME).read_text())
    samples = folder / stated["samples"]["path"]
    tensors = dict(np.load(samples))
    outputs = [key for key in tensors if "/outputs/" in key]
    tensors[outputs[0]][0, 0] += 0.01
    np.savez(samples, **tensors)
    assert "samples.npz is not the file that was exported" in self_test(folder).stdout

    stated["samples"]["sha256"] = hashlib.sha256(samples.read_bytes()).hexdigest()
    (folder / manifest.NAME).write_text(json.dumps(stated))
    done = self_test(folder)
    assert done.returncode == 1
    assert "FAILED  serving_default logits: beyond the tolerance at [0, 0]" in done.stdout
