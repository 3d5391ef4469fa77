"""The command line: its words, its exit codes, and what it says to what can't be done.  No toolchain is needed here."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import anyport
from anyport import cli, errors, manifest, targets

Cli = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Cli]:
    """Run a command line in an empty folder; gives the exit code, standard output and standard error."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ANYPORT_TOOLCHAINS", str(tmp_path / "no-toolchains"))

    def call(*words: str) -> tuple[int, str, str]:
        try:
            code = cli.main(words)
        except SystemExit as error:
            code = int(error.code or 0)
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    yield call
    for number, handler in handlers.items():
        signal.signal(number, handler)


def test_version_is_that_of_the_package(run: Cli) -> None:
    assert run("--version") == (0, f"anyport {anyport.__version__}\n", "")


def test_help_names_every_command_and_exit_code(run: Cli) -> None:
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    for command in cli.COMMANDS:
        assert re.search(rf"^ +{command}\b", out, re.MULTILINE)
    for kind in (
        errors.ParityError,
        errors.RequestError,
        errors.ConversionError,
        errors.ToolchainError,
        errors.Interrupted,
    ):
        assert re.search(rf"^ +{kind.exit_code}  ", out, re.MULTILINE)


@pytest.mark.parametrize("command", cli.COMMANDS)
def test_every_command_has_help_of_its_own(run: Cli, command: str) -> None:
    code, out, _ = run(command, "--help")
    assert code == 0
    assert f"anyport {command}" in out


def test_exit_codes_are_one_per_class() -> None:
    kinds = [errors.ParityError, errors.RequestError, errors.ConversionError, errors.ToolchainError, errors.Interrupted]
    codes = [kind.exit_code for kind in kinds]
    assert codes == [1, 2, 3, 4, 130]
    assert not {errors.EXIT_DONE, errors.EXIT_DEFECT} & set(codes)
    assert all(issubclass(kind, anyport.AnyportError) for kind in kinds)


@pytest.fixture
def around(tmp_path: Path) -> None:
    """What the bad requests below point at."""
    (tmp_path / "m.keras").write_bytes(b"not yet read")
    (tmp_path / "notes.txt").write_bytes(b"")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("years of work")
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / manifest.NAME).write_text("{}")
    (tmp_path / "python").write_text("not to be started")


@pytest.mark.usefixtures("around")
@pytest.mark.parametrize(
    ("line", "said", "hint"),
    [
        ("", "required: COMMAND", "anyport --help"),
        ("exprot m.keras", "invalid choice: 'exprot'", "anyport --help"),
        ("export", "required: SOURCE, -o/--out", "anyport export --help"),
        ("export m.keras --to tflite", "required: -o/--out", "anyport export --help"),
        ("export m.keras -o out", "no target was named", "--to TARGET"),
        ("export m.keras --to tflight -o out", "there is no target 'tflight'", "Did you mean 'tflite'?"),
        ("export m.keras --to tflite:int9 -o out", "there is no variant of tflite 'int9'", "Did you mean 'int8'?"),
        (
            "export m.keras --to tflite@litter -o out",
            "there is no runtime of tflite 'litter'",
            "Did you mean 'litert'?",
        ),
        ("export m.keras --to tflite --budget snr=3 -o out", "no variant that was asked for has one", "tflite:int8"),
        ("export m.keras --to tflite:int8 --budget snt=3 -o out", "a budget has no 'snt'", "Did you mean snr=NUMBER?"),
        ("export m.keras --to tflite --opset 17 -o out", "no target that was asked for has --opset", "to onnx"),
        ("export m.keras --to onnx --opset 12 -o out", "opset 12; it can from 13 to 18", "Type --opset 13"),
        ("export m.keras --to tflite:int8 --labels a.npy -o out", "there is no label file 'a.npy'", "--labels"),
        ("export m.keras --to tflite:int8 --labels notes.txt -o out", "labels were given without", "Add --samples"),
        ("export m.keras --to tflite:int8 --calibration a.npz -o out", "there is no calibration file", "--calibration"),
        ("export m.keras --to tflite:int8 --calibration data -o out", "'data' is no calibration", "numpy.savez"),
        ("export m.keras --to tflite:int8 --calibration a.py:f -o out", "there is no file 'a.py'", "before the colon"),
        ("export absent.keras --to tflite -o out", "there is no file 'absent.keras'", "A source is"),
        ("export notes.txt --to tflite -o out", "is no model file that anyport knows", "A source is"),
        ("export m.keras --to tflite -o mine", "'mine' exists and is not an export", "--force"),
        ("export m.keras --to tflite -o notes.txt", "exists and is not a folder", "another folder"),
        ("export m.keras --to tflite -o out --samples no.npz", "there is no sample file 'no.npz'", "--samples"),
        ("export m.keras --to tflite -o out --python nopython", "there is no interpreter 'nopython'", "--python"),
        ("export m.keras --to tflite -o out --python ./python", "there is no interpreter './python'", "--python"),
        (
            "export m.keras --to tflite -o out --atol nan",
            "expected a number from 0, got 'nan'",
            "anyport export --help",
        ),
        ("export m.keras --to tflite -o out --rtol -1", "expected a number from 0, got '-1'", "anyport export --help"),
        (
            "export m.keras --to tflite -o out --timeout 0",
            "expected a number above 0, got '0'",
            "anyport export --help",
        ),
        ("check", "required: DIR", "anyport check --help"),
        ("check absent", "absent is no export: it has no anyport.json", "anyport export wrote"),
        ("check mine", "mine is no export", "anyport export wrote"),
        ("check broken", "is not a manifest of this anyport", "Export the model again"),
        ("check broken --timeout soon", "expected a number above 0, got 'soon'", "anyport check --help"),
        ("toolchain", "required: ACTION", "anyport toolchain --help"),
        ("toolchain install tensorflo", "there is no toolchain 'tensorflo'", "Did you mean 'tensorflow'?"),
        ("toolchain install zzz", "there is no toolchain 'zzz'", "anyport toolchain list"),
    ],
)
def test_a_bad_request_says_what_was_received_and_what_to_type(
    run: Cli, tmp_path: Path, line: str, said: str, hint: str
) -> None:
    before = sorted(path.name for path in tmp_path.iterdir())
    code, out, err = run(*line.split())
    assert (code, out) == (2, "")
    assert err.startswith("anyport: ")
    assert said in err
    assert hint in err
    assert "Traceback" not in err
    assert len(err.splitlines()) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_a_defect_of_ours_is_called_one(run: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("off by one")

    monkeypatch.setattr(targets, "registry", broken)
    code, _, err = run("targets")
    assert code == 70
    assert "RuntimeError: off by one" in err
    assert "defect of anyport's" in err


def test_targets_are_listed_with_their_runtimes_and_state(run: Cli) -> None:
    code, out, _ = run("targets", "--json")
    assert code == 0
    listed = {item["name"]: item for item in json.loads(out)}
    assert set(listed) >= set(targets.BUILT_IN)
    for name, item in listed.items():
        assert item["variants"], name
        assert all(runtime["state"] for runtime in item["runtimes"]), name
    states = {runtime["name"]: runtime["state"] for runtime in listed["tflite"]["runtimes"]}
    assert states["litert"] == "will provision litert"
    _, text, _ = run("targets")
    for item in listed.values():
        assert f"{item['name']}: {item['summary']}" in text
        for runtime in item["runtimes"]:
            assert f"@{runtime['name']}: " in text


def test_doctor_names_what_is_missing_and_the_command_that_cures_it(run: Cli) -> None:
    code, out, _ = run("doctor", "--json")
    found = {item["what"]: item for item in json.loads(out)}
    assert code == 4
    assert found["toolchain tensorflow"]["ok"] is False
    assert found["toolchain tensorflow"]["cure"] == "anyport toolchain install tensorflow"
    assert all(item["ok"] != bool(item["cure"]) for item in found.values()), "a cure for what lacks, and only for that"
    _, text, _ = run("doctor")
    assert "lack  toolchain tensorflow: not provisioned yet\n      anyport toolchain install tensorflow\n" in text


def test_doctor_sees_that_node_is_missing(run: Cli, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    _, out, _ = run("doctor", "--json")
    (node,) = [item for item in json.loads(out) if item["what"].startswith("Node")]
    assert (node["ok"], node["found"]) == (False, "none")
    assert "Node.js 20" in node["cure"]


def test_toolchains_are_listed_and_none_is_pruned_where_there_are_none(run: Cli) -> None:
    code, out, _ = run("toolchain", "list", "--json")
    listed = json.loads(out)
    assert code == 0
    assert {"tensorflow", "litert", "tflite-runtime"} <= {item["name"] for item in listed}
    assert all(item["path"] is None for item in listed)
    assert run("toolchain", "prune") == (0, "nothing to remove\n", "")
    assert run("toolchain", "prune", "--json") == (0, "[]\n", "")


def test_python_m_anyport_is_the_same_command() -> None:
    answer = subprocess.run([sys.executable, "-m", "anyport", "--version"], capture_output=True, text=True, check=False)
    assert (answer.returncode, answer.stdout) == (0, f"anyport {anyport.__version__}\n")


def test_a_reader_that_leaves_is_no_defect() -> None:
    ours, theirs = os.pipe()
    os.close(ours)
    command = [sys.executable, "-m", "anyport", "targets"]
    answer = subprocess.run(command, stdout=theirs, stderr=subprocess.PIPE, text=True, check=False)
    os.close(theirs)
    assert (answer.returncode, answer.stderr) == (141, "")


def test_the_python_interface_raises_what_the_command_line_says(tmp_path: Path) -> None:
    calls: list[tuple[Callable[..., Any], tuple[Any, ...], str]] = [
        (anyport.export, ("absent.keras", "tflite", tmp_path / "out"), "there is no file"),
        (anyport.export, ("digits", [], tmp_path / "out"), "no target was named"),
        (anyport.export, ("digits", "nope", tmp_path / "out"), "there is no target 'nope'"),
        (anyport.check, (tmp_path,), "is no export"),
    ]
    for function, arguments, said in calls:
        with pytest.raises(anyport.RequestError, match=said):
            function(*arguments)
