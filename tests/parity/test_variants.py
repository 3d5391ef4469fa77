"""Every variant in every runtime: digits right to half a percentage point, one LSTM passed or refused, and sabotage found.

The whole zoo is `tools/variants.py`'s; its table is in docs/quantisation.md.
"""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import anyport
from anyport import manifest, targets
from anyport.report import Artifact, Report

COARSE = [f"{name}:{variant}" for name in targets.BUILT_IN for variant in targets.registry()[name].budgets]
WRONG = Path(__file__).parent / "sources" / "wrong_digits.py"
MISTAKES = ("swapped_classes", "swapped_channels", "dropped_bias")
SABOTAGED = ("tflite:int8@litert", "tflite:dynamic@litert", "tfjs:uint8@node", "onnx:int8@onnxruntime")


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Report:
    return anyport.export("digits", to=COARSE, out=tmp_path_factory.mktemp("digits") / "out")


def by_name(report: Report) -> dict[str, Artifact]:
    return {f"{artifact.target}:{artifact.variant}": artifact for artifact in report.artifacts}


@pytest.mark.parametrize("name", COARSE)
def test_digits_keep_their_accuracy_in_every_runtime(digits: Report, name: str) -> None:
    artifact = by_name(digits)[name]
    assert artifact.status == "passed", artifact.reason
    target = targets.registry()[artifact.target]
    able = [item.name for item in target.runtimes if item.default and artifact.variant not in item.cannot]
    assert [run.runtime for run in artifact.runs] == able
    for run in artifact.runs:
        (output,) = run.outputs
        assert output.accuracy is not None
        assert output.source_accuracy == pytest.approx(355 / 360)
        assert output.accuracy >= output.source_accuracy - 0.005


@pytest.mark.parametrize("name", COARSE)
def test_the_fewer_bits_the_smaller_the_file(digits: Report, name: str) -> None:
    files = [file for file in by_name(digits)[name].files if not file["path"].endswith("/selftest.py")]
    assert sum(file["size"] for file in files) < 80 * 1024, "float32 takes 93 KiB and more"


def test_what_takes_and_gives_integers_says_what_they_mean(digits: Report) -> None:
    mapping = by_name(digits)["tflite:int8"].signatures["serving_default"]["quantization"]
    assert {role: list(ports) for role, ports in mapping.items()} == {"inputs": ["image"], "outputs": ["logits"]}
    image = mapping["inputs"]["image"]
    assert image["dtype"] == "int8"
    assert image["scale"] == pytest.approx(1 / 255, rel=0.01)
    assert image["zero_point"] == -128
    assert "quantization" not in by_name(digits)["tflite:int8-float-io"].signatures["serving_default"]


def test_the_budget_is_in_the_manifest_and_a_check_holds_to_it(digits: Report, tmp_path: Path) -> None:
    folder = copied(digits, tmp_path, lambda stated: stated["budget"].update(snr=60.0))
    checked = anyport.check(folder, only=["tflite:int8@litert"])
    (artifact,) = [item for item in checked.artifacts if item.variant == "int8"]
    assert artifact.status == "failed"
    assert "at least 60 is asked for" in artifact.reason


@pytest.mark.parametrize("role", ["inputs", "outputs"])
def test_a_wrong_scale_is_found(digits: Report, tmp_path: Path, role: str) -> None:
    def change(stated: dict[str, Any]) -> None:
        for port in stated["signatures"]["serving_default"]["quantization"][role].values():
            port["scale"] *= 1.25

    folder = copied(digits, tmp_path, change)
    checked = anyport.check(folder, only=["tflite:int8@litert"])
    assert "beyond the budget" in by_name(checked)["tflite:int8"].reason


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_wrong_artifact_is_beyond_its_budget(digits: Report, tmp_path: Path, mistake: str) -> None:
    names = [name.partition("@")[0] for name in SABOTAGED]
    samples = {"samples": zoo_file("samples"), "calibration": zoo_file("calibration")}
    wrong = anyport.export(f"{WRONG}:{mistake}", to=SABOTAGED, out=tmp_path / "wrong", **samples)
    assert wrong.passed, "the mistake is the source's, and the artifact's verdict is about the source"
    folder = tmp_path / "right"
    shutil.copytree(digits.path, folder)
    stated = manifest.read(folder)
    for item in stated["artifacts"]:
        if f"{item['target']}:{item['variant']}" in names:
            put_in_place(folder, item, wrong.path, by_name(wrong)[f"{item['target']}:{item['variant']}"])
    manifest.write(folder, stated)
    checked = by_name(anyport.check(folder, only=SABOTAGED))
    assert {name: "beyond the budget" in checked[name].reason for name in names} == dict.fromkeys(names, True)


def test_an_lstm_is_proved_in_every_variant_or_refused_for_a_reason(tmp_path: Path) -> None:
    found = by_name(anyport.export("lstm_text", to=COARSE, out=tmp_path / "out"))
    refused = {name: artifact for name, artifact in found.items() if artifact.status == "refused"}
    assert list(refused) == ["tflite:int8", "tflite:int8-float-io", "tflite:int16x8"]
    for artifact in refused.values():
        assert "the converter dies of, or gets wrong, the ranges of what is inside a loop" in artifact.reason
        assert "layer 'lstm' (LSTM)" in artifact.reason
        assert "unroll=True" in artifact.hint
        assert artifact.convert_seconds < 60
    others = {name: artifact.reason for name, artifact in found.items() if artifact.status != "passed"}
    assert set(others) == set(refused), others


def test_an_onnx_file_has_the_operator_set_that_was_asked_for(tmp_path: Path, tensorflow_python: Path) -> None:
    report = anyport.export("mlp", to=["onnx", "onnx:int8-dynamic"], out=tmp_path / "out", opset=13)
    assert report.passed
    tell = "import onnx, sys; print({o.version for o in onnx.load(sys.argv[1]).opset_import if not o.domain})"
    for artifact in report.artifacts:
        command = [str(tensorflow_python), "-I", "-c", tell, str(report.path / artifact.files[0]["path"])]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "{13}\n"


def zoo_file(kind: str) -> Path:
    from anyport.models import zoo

    return zoo.companions("digits")[kind]


def copied(report: Report, tmp_path: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Return a copy of an export in which the int8 TFLite artifact's entry of the manifest was changed."""
    folder = tmp_path / "changed"
    shutil.copytree(report.path, folder)
    stated = json.loads((folder / manifest.NAME).read_text(encoding="utf-8"))
    (item,) = [item for item in stated["artifacts"] if (item["target"], item["variant"]) == ("tflite", "int8")]
    change(item)
    manifest.write(folder, stated)
    return folder


def put_in_place(folder: Path, item: dict[str, Any], other: Path, wrong: Artifact) -> None:
    """Put another export's artifact where this manifest states its own, as whoever made it by mistake would have."""
    shutil.rmtree(folder / item["path"])
    shutil.copytree(other / wrong.path, folder / item["path"])
    item["files"] = manifest.list_files(folder / item["path"], folder)
    item["signatures"] = dict(mapping_of(wrong))


def mapping_of(artifact: Artifact) -> Mapping[str, Any]:
    return artifact.signatures
