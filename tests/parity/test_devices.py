"""A network and an LSTM in every runtime that waits to be asked for because it is a device's: emulated boards, TFLM; and
in CompiledModel.

Fails, not skips, where a runtime can't be started.  And the self-test that goes to the board, run as it would be there.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import anyport
from anyport import publish, targets, toolchains
from anyport.protocols import Runtime, Toolchain
from anyport.report import Report, Run
from anyport.terminal import Quiet
from anyport.workshop import provide_toolchain

TARGET = "tflite"
BOARDS = {"armv7": "armv7l", "aarch64": "aarch64", "aarch64-litert": "aarch64"}
MODELS = ("digits", "lstm_text")
COMPILED = "litert-compiled"
TFLM_LACKS = {"lstm_text": "TFLM has no kernel for SELECT"}
"""What TFLM refuses, and the reason it has to give."""
BUILT_IN = {runtime.name: runtime for runtime in targets.registry()[TARGET].runtimes}


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Each model's export, proved on this machine."""
    folder = tmp_path_factory.mktemp("exports")
    for model in MODELS:
        anyport.export(model, to=f"{TARGET}@tflite-runtime", out=folder / model).raise_for_status()
    return {model: folder / model for model in MODELS}


def only_run(report: Report) -> Run:
    (artifact,) = report.artifacts
    (run,) = artifact.runs
    return run


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("board", BOARDS)
def test_a_board_of_another_processor_gives_the_source_s_answers(
    exported: dict[str, Path], model: str, board: str
) -> None:
    run = only_run(anyport.check(exported[model], runtimes=[board]))
    assert run.status == "passed", run.reason
    assert run.runtime == board
    assert run.details["machine"] == BOARDS[board]
    assert run.emulated, "its seconds would be taken for a board's"
    assert run.outputs


@pytest.mark.parametrize("model", MODELS)
def test_a_microcontroller_s_interpreter_gives_them_or_says_what_it_lacks(
    exported: dict[str, Path], model: str
) -> None:
    report = anyport.check(exported[model], runtimes=["tflm"])
    run = only_run(report)
    if model in TFLM_LACKS:
        assert run.status == "refused"
        assert run.reason.startswith(TFLM_LACKS[model])
        assert report.exit_code == 3
    else:
        assert run.status == "passed", run.reason
        assert 1024 < run.details["arena_bytes"] < 2**20  # type: ignore[operator]


def test_int8_keeps_its_accuracy_on_every_device(tmp_path: Path) -> None:
    places = [*BOARDS, COMPILED, "tflm"]
    report = anyport.export("digits", [f"{TARGET}:int8@{place}" for place in places], tmp_path / "out")
    runs = report.artifacts[0].runs
    assert [run.runtime for run in runs] == places
    for run in runs:
        assert run.status == "passed", run.reason
        (output,) = run.outputs
        assert output.accuracy is not None
        assert output.accuracy >= 355 / 360 - 0.005, run.runtime


def test_every_runtime_that_is_not_a_default_is_tried_here() -> None:
    asked = {name for name, runtime in BUILT_IN.items() if not runtime.default and runtime.interpreter == "toolchain"}
    assert asked == {*BOARDS, "tflm", COMPILED}


@pytest.mark.parametrize("model", MODELS)
def test_compiled_model_gives_the_source_s_answers(exported: dict[str, Path], model: str) -> None:
    run = only_run(anyport.check(exported[model], runtimes=[COMPILED]))
    assert run.status == "passed", run.reason
    assert run.details["delegate"] == "XNNPACK"


def test_what_compiled_model_cannot_hold_is_refused(tmp_path: Path) -> None:
    """Integers of 64 bits; a file whose rows are open runs, a row at a time (`digits`)."""
    (artifact,) = anyport.export("lookup", f"{TARGET}@{COMPILED}", tmp_path / "out").artifacts
    assert artifact.status == "refused"
    assert "CompiledModel's buffers hold no int64" in artifact.reason


def test_the_interpreter_gives_what_it_can_to_xnnpack(exported: dict[str, Path]) -> None:
    run = only_run(anyport.check(exported["digits"], runtimes=["litert"]))
    assert run.details["delegated"]


def provided(runtime: Runtime) -> toolchains.Installed:
    toolchain: Toolchain = runtime.toolchains[0]
    return provide_toolchain(toolchain, Quiet(), publish.new_log_folder())


@pytest.fixture(params=["tflite-runtime", "litert", "armv7"])
def selftest(request: pytest.FixtureRequest) -> Callable[[Path], subprocess.CompletedProcess[str]]:
    """Run the self-test of an export with what a board has: a Python, NumPy and the runtime, and nothing of anyport."""
    python = provided(BUILT_IN[request.param]).python

    def run(folder: Path) -> subprocess.CompletedProcess[str]:
        command = [python, "-I", folder / TARGET / "selftest.py"]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)

    return run


Selftest = Callable[[Path], "subprocess.CompletedProcess[str]"]


def test_the_self_test_passes_on_the_board_and_fails_on_a_broken_file(
    exported: dict[str, Path], selftest: Selftest, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(exported["digits"], tmp_path / "digits"))
    done = selftest(folder)
    assert (done.returncode, done.stderr.count("Traceback")) == (0, 0), done.stdout + done.stderr
    assert "passed  serving_default logits" in done.stdout

    sabotage(folder)
    done = selftest(folder)
    assert done.returncode == 1
    assert "FAILED: tflite/model.tflite is not the file that was exported" in done.stdout

    restate(folder)
    done = selftest(folder)
    assert done.returncode == 1
    assert "FAILED  serving_default logits: beyond the tolerance at [" in done.stdout


def test_the_self_test_takes_one_row_at_a_time_where_the_file_does(
    exported: dict[str, Path], selftest: Selftest
) -> None:
    done = selftest(exported["lstm_text"])
    assert done.returncode == 0, done.stdout + done.stderr


def sabotage(folder: Path) -> None:
    """Change the file's weights: its largest run of bytes that read as small floats, by a hundredth."""
    path = folder / TARGET / "model.tflite"
    values = np.frombuffer(path.read_bytes(), "<f4").copy()
    weights = np.isfinite(values) & (np.abs(values) > 1e-3) & (np.abs(values) < 10)
    assert weights.sum() > 1000
    values[weights] *= 1.01
    path.write_bytes(values.tobytes())


def restate(folder: Path) -> None:
    """Have the manifest state the files as they are now."""
    from anyport import manifest

    stated = json.loads((folder / manifest.NAME).read_text())
    for artifact in stated["artifacts"]:
        artifact["files"] = manifest.list_files(folder / artifact["path"], folder)
    manifest.write(folder, stated)
