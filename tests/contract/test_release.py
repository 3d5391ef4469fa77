"""`tools/release.py`: a folder with checksums, and verdicts as machines read them."""

from __future__ import annotations

import hashlib
import json
import subprocess
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from command import Answer

from anyport import manifest

ROOT = Path(__file__).parents[2]


def release(programs: Path, environment: dict[str, str], *words: str | Path) -> Answer:
    line = [programs / "python", ROOT / "tools" / "release.py", *words]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, timeout=300, check=False)
    return Answer(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def made(programs: Path, environment: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> tuple[Answer, Path]:
    """A release of two models, one artifact of which is wrong and one of which can't be made."""
    out = tmp_path_factory.mktemp("release") / "out"
    to = ("--to", "skeleton", "--to", "skeleton:wrong", "--to", "skeleton:raises")
    return release(programs, environment, out, "--model", "mlp", "--model", "two_branches", *to), out


def test_every_file_has_its_checksum(made: tuple[Answer, Path]) -> None:
    _, out = made
    lines = [line.split("  ", 1) for line in (out / "SHA256SUMS").read_text().splitlines()]
    assert {name: digest for digest, name in lines} == {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in out.rglob("*")
        if path.is_file() and path.name != "SHA256SUMS"
    }
    assert "mlp/anyport.json" in {name for _, name in lines}


def test_the_exit_code_is_the_worst(made: tuple[Answer, Path]) -> None:
    answer, out = made
    assert answer.code == 1, answer.err
    assert json.loads((out / "release.json").read_text())["exit_code"] == 1


def test_the_summary_says_what_the_manifests_say(made: tuple[Answer, Path]) -> None:
    summary = json.loads((made[1] / "release.json").read_text())
    assert [item["model"] for item in summary["models"]] == ["mlp", "two_branches"]
    for item in summary["models"]:
        stated = manifest.read(made[1] / item["model"])["artifacts"]
        assert [(found["variant"], found["status"]) for found in item["artifacts"]] == [
            (artifact["variant"], artifact["status"]) for artifact in stated
        ]


def test_junit_has_a_case_for_each_artifact_in_each_runtime(made: tuple[Answer, Path]) -> None:
    suites = ET.parse(made[1] / "junit.xml").getroot().findall("testsuite")
    assert [suite.get("name") for suite in suites] == ["mlp", "two_branches"]
    for suite in suites:
        counts = [suite.get(key) for key in ("tests", "failures", "errors")]
        assert counts == ["3", "1", "1"]
        names = [(case.get("classname"), case.get("name")) for case in suite.findall("testcase")]
        model = suite.get("name")
        assert names == [
            (f"{model}.skeleton:plain", "session"),
            (f"{model}.skeleton:wrong", "session"),
            (f"{model}.skeleton:raises", "convert"),
        ]
        (failure,) = suite.findall("testcase/failure")
        assert "times the model's own noise" in str(failure.get("message"))


def test_a_folder_that_is_no_release_is_left_alone(programs: Path, environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    answer = release(programs, environment, tmp_path, "--model", "mlp", "--to", "skeleton")
    assert answer.code == 2
    assert "is not a release" in answer.err
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_wrong_target_is_said_before_anything_is_exported(
    programs: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    answer = release(programs, environment, tmp_path / "out", "--to", "tflight")
    assert answer.code == 2
    assert "there is no target 'tflight'" in answer.err
    assert list(tmp_path.iterdir()) == []
