"""The debugger names the layer at fault, blames no right artifact, and leaves a reproduction that fails alone.

Every sabotage is `tools/sabotages.py`'s; its table is in docs/debugger.md.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import anyport
from anyport import publish, targets, toolchains
from anyport.errors import ConversionError, RequestError, ToolchainError
from anyport.protocols import Runtime
from anyport.terminal import Quiet
from anyport.workshop import provide_toolchain

sys.path.insert(0, str(Path(__file__).parent / "sabotage"))

import catalogue

ALLOWED = re.compile(r"\{(\d[\d.e-]*)(?::\.2g)?\} would be")
"""By how much an element may be off, in a reproduction's script."""

TARGETS = [name for name, target in targets.registry().items() if target.cut is not None and name in targets.BUILT_IN]


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("digits") / "out"
    anyport.export("digits", to=[*TARGETS, "tflite:int8"], out=out)
    return out


@pytest.mark.parametrize("sabotage", catalogue.FAST, ids=lambda item: item.name)
def test_names_the_layer_and_leaves_a_reproduction_that_fails_alone(
    sabotage: catalogue.Sabotage, digits: Path, tmp_path: Path, tensorflow_python: Path
) -> None:
    found = catalogue.run(sabotage, digits, tmp_path / "altered", tensorflow_python)
    assert not found.passed
    assert catalogue.names_right(sabotage, found), found.layer
    assert found.confirmed
    assert found.worst is not None
    assert found.worst["expected"] != found.worst["actual"]
    written = json.loads((found.path / "divergence.json").read_text(encoding="utf-8"))
    assert written["layers"][written["first_wrong"]]["status"] == "wrong"
    runtime = next(item for item in targets.registry()[found.target].runtimes if item.name == found.runtime)
    if runtime.reproduce is not None:
        _fails_alone(runtime, found, tensorflow_python)


def _fails_alone(runtime: Runtime, found: anyport.Divergence, tensorflow_python: Path) -> None:
    assert found.reproduction is not None
    script = found.path / found.reproduction
    text = script.read_text(encoding="utf-8")
    assert "import anyport" not in text
    done = subprocess.run(_command(runtime, script, tensorflow_python), capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "expected" in done.stdout
    loose = script.with_name(f"loose{script.suffix}")
    (allowed,) = set(ALLOWED.findall(text))
    loose.write_text(text.replace(allowed, "1e9"), encoding="utf-8")
    done = subprocess.run(_command(runtime, loose, tensorflow_python), capture_output=True, text=True, check=False)
    assert done.returncode == 0, "with any answer allowed, it must not fail: it is the comparison that fails"


def _command(runtime: Runtime, script: Path, tensorflow_python: Path) -> list[str | Path]:
    """Return how the script is run: by the runtime's own Python, by TensorFlow's, or by Node with the runtime's packages."""
    if runtime.interpreter == "zygote":
        return [tensorflow_python, "-I", script]
    installed = provide_toolchain(runtime.toolchains[0], Quiet(), publish.new_log_folder())
    return ["node", script, installed.path] if script.suffix == ".mjs" else [installed.python, "-I", script]


def test_bisects_by_cutting_where_reading_changes_the_result(
    digits: Path, tmp_path: Path, tensorflow_python: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No runtime here fuses differently when it is watched, so that it is said to: the cuts and their runs are real."""
    monkeypatch.setattr("anyport.debugging.session.Look.changed", lambda self, answers: ["reading changes the result"])
    sabotage = next(item for item in catalogue.FAST if item.target == "onnx")
    found = catalogue.run(sabotage, digits, tmp_path / "altered", tensorflow_python)
    assert found.method == "cuts"
    assert catalogue.names_right(sabotage, found), found.layer
    assert found.confirmed
    assert "reading changes the result" in found.notes


@pytest.mark.parametrize("target", TARGETS)
def test_blames_nothing_in_a_right_artifact(target: str, digits: Path, tmp_path: Path) -> None:
    found = anyport.debug(digits, target, out=tmp_path / "debug")
    assert found.passed
    assert found.exit_code == 0
    assert found.layer is None
    compared = [layer for layer in found.layers if layer.status == "right"]
    assert len(compared) >= 8
    assert max(layer.own_ratio or 0.0 for layer in compared) < 16


def altered(folder: Path, digits: Path, change: Callable[[dict[str, object]], None]) -> Path:
    shutil.copytree(digits, folder, ignore=shutil.ignore_patterns("debug"))
    manifest = json.loads((folder / "anyport.json").read_text(encoding="utf-8"))
    change(manifest)
    (folder / "anyport.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


def test_no_export(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="is no export"):
        anyport.debug(tmp_path, "onnx")


@pytest.mark.parametrize(("asked", "nearest"), [("onx", "onnx:float32"), ("tflite:int9", "tflite:int8")])
def test_an_artifact_that_is_not_there(asked: str, nearest: str, digits: Path) -> None:
    with pytest.raises(RequestError, match="holds no artifact") as caught:
        anyport.debug(digits, asked)
    assert nearest.split(":")[0] in caught.value.hint


def test_which_of_several(digits: Path) -> None:
    with pytest.raises(RequestError, match="several artifacts"):
        anyport.debug(digits)


def test_an_unknown_runtime(digits: Path) -> None:
    with pytest.raises(RequestError, match="runtime of onnx 'onnxruntim'") as caught:
        anyport.debug(digits, "onnx", runtime="onnxruntim")
    assert "onnxruntime" in caught.value.hint


def test_a_source_that_is_gone(digits: Path, tmp_path: Path) -> None:
    folder = altered(tmp_path / "gone", digits, lambda it: it["source"].update(name="gone.keras", kind="keras"))  # type: ignore[attr-defined]
    with pytest.raises(RequestError, match=r"gone\.keras"):
        anyport.debug(folder, "onnx")


def test_a_source_that_changed(digits: Path, tmp_path: Path) -> None:
    folder = altered(tmp_path / "changed", digits, lambda it: it["source"].update(sha256="0" * 64))  # type: ignore[attr-defined]
    with pytest.raises(RequestError, match="changed since"):
        anyport.debug(folder, "onnx")


def test_a_file_that_the_runtime_cannot_read(digits: Path, tmp_path: Path) -> None:
    folder = altered(tmp_path / "broken", digits, lambda it: None)
    (folder / "onnx" / "model.onnx").write_bytes(b"no model")
    with pytest.raises(ConversionError, match="gives no answer"):
        anyport.debug(folder, "onnx")


def test_a_runtime_that_cannot_start(digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(*arguments: object) -> None:
        raise ToolchainError("there is no network")

    monkeypatch.setattr(
        "anyport.toolchains.find", lambda toolchain: None if toolchain.name == "openvino" else FOUND(toolchain)
    )
    monkeypatch.setattr("anyport.toolchains.provide", unavailable)
    with pytest.raises(ToolchainError, match="openvino can't be had here: there is no network"):
        anyport.debug(digits, "onnx", runtime="openvino", out=tmp_path / "debug")


FOUND = toolchains.find
