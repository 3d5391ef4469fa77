"""A target of another package is a target; and whatever goes wrong in one artifact stays there, with its reason."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from command import Answer, Anyport

from anyport import manifest


def test_a_plug_in_is_listed(anyport: Anyport, tmp_path: Path) -> None:
    listed = {item["name"]: item for item in anyport("targets", "--json", cwd=tmp_path).json}
    assert listed["skeleton"]["runtimes"][0]["name"] == "session"
    assert listed["skeleton"]["variants"][0] == "plain"
    assert "skeleton: graph skeleton and weights" in anyport("targets", cwd=tmp_path).out


@pytest.mark.parametrize("name", ["skeleton:plain", "tflite"])
def test_what_is_well_passes_beside_every_fault(faults: tuple[Answer, Path], name: str) -> None:
    answer, out = faults
    artifact = answer.artifact(name)
    assert (artifact["status"], artifact["reason"]) == ("passed", "")
    assert [run["status"] for run in artifact["runs"]] == ["passed"]
    assert {output["name"] for output in artifact["runs"][0]["outputs"]} == {"logits", "hidden"}
    assert manifest.changed_file(out, artifact["files"]) == ""
    assert artifact["files"]


@pytest.mark.parametrize(
    ("variant", "status", "reason"),
    [
        ("raises", "error", "ValueError: the converter's own words"),
        ("refuses", "refused", "a skeleton can't express MatMul (from 'mlp/MatMul')"),
        ("aborts", "error", "skeleton-aborts.convert died of SIGABRT (it aborted itself)"),
        ("hangs", "error", "skeleton-hangs.convert gave no answer in 25 s and was ended"),
        ("mute", "error", "convert.py returned no 'signatures'"),
    ],
)
def test_a_converter_that_fails_or_refuses_says_why_and_leaves_a_log(
    faults: tuple[Answer, Path], variant: str, status: str, reason: str
) -> None:
    answer, out = faults
    artifact = answer.artifact(f"skeleton:{variant}")
    assert (artifact["status"], artifact["reason"]) == (status, reason)
    assert (artifact["files"], artifact["runs"]) == ([], [])
    assert not (out / f"skeleton-{variant}").exists(), "nothing half-written is published"
    log = Path(answer.json["logs"][f"skeleton:{variant}"])
    assert log.is_file()
    expected = {"raises": "Traceback", "aborts": "last words of a library", "refuses": "MatMul"}
    assert expected.get(variant, "") in log.read_text()


def test_a_wrong_artifact_fails_with_its_worst_element(faults: tuple[Answer, Path]) -> None:
    artifact = faults[0].artifact("skeleton:wrong")
    assert artifact["status"] == "failed"
    assert artifact["reason"].startswith("session: output ")
    (run,) = artifact["runs"]
    for output in run["outputs"]:
        assert not output["passed"]
        assert output["max_abs_error"] > 0
        assert output["worst"]["expected"] != output["worst"]["actual"]
        assert len(output["worst"]["index"]) == 2


def test_a_runtime_that_keeps_its_answers_is_an_error_and_not_a_pass(faults: tuple[Answer, Path]) -> None:
    artifact = faults[0].artifact("skeleton:lost")
    assert artifact["status"] == "error"
    assert "run_session.py broke the format of its answer" in artifact["reason"]


def test_the_export_is_published_with_a_valid_manifest_and_the_worst_exit_code(faults: tuple[Answer, Path]) -> None:
    answer, out = faults
    assert answer.code == 1
    assert answer.json["exit_code"] == 1
    assert manifest.read(out) == answer.json["manifest"]
    assert sorted(path.name for path in out.iterdir()) == sorted(
        ["anyport.json", "samples.npz", "skeleton", "skeleton-lost", "skeleton-wrong", "tflite"]
    )


@pytest.mark.parametrize(
    ("variant", "code", "said"),
    [
        ("raises", 3, "skeleton:raises: error: ValueError: the converter's own words"),
        ("wrong", 1, "skeleton:wrong: failed: session: output "),
    ],
)
def test_each_class_of_fault_has_its_exit_code_and_is_explained_on_standard_error(
    anyport: Anyport, tmp_path: Path, variant: str, code: int, said: str
) -> None:
    answer = anyport("export", "mlp", "--to", "skeleton", "--to", f"skeleton:{variant}", "-o", "out", cwd=tmp_path)
    assert answer.code == code
    assert said in answer.err
    assert "log: " in answer.err
    assert "skeleton " in answer.out
    assert "passed" in answer.out
    if variant == "wrong":
        assert "expected " in answer.err
        assert ", got " in answer.err


def test_a_check_proves_a_plug_in_s_artifact_again(
    anyport: Anyport, faults: tuple[Answer, Path], tmp_path: Path
) -> None:
    answer = anyport("check", faults[1], "--only", "skeleton:plain", "--json", cwd=tmp_path)
    assert answer.code == 0, answer.err
    assert [run["runtime"] for run in answer.artifact("skeleton:plain")["runs"]] == ["session"]


def test_a_check_of_everything_passes_over_nothing(
    anyport: Anyport, faults: tuple[Answer, Path], tmp_path: Path
) -> None:
    before = (faults[1] / "anyport.json").read_bytes()
    answer = anyport("check", faults[1], "--json", cwd=tmp_path)
    assert answer.code == 1
    found = {f"{item['target']}:{item['variant']}": item["status"] for item in answer.json["manifest"]["artifacts"]}
    stated = {f"{item['target']}:{item['variant']}": item["status"] for item in json.loads(before)["artifacts"]}
    assert found == stated
    assert (faults[1] / "anyport.json").read_bytes() == before
