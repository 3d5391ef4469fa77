"""Every kind of source, made by the frameworks themselves, through the loader and in the canonical form.

`make_sources.py` writes them and says what each one answered before it was saved.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anyport import guests, models
from anyport.guest.anyport_guest import read_calls
from anyport.guests import Job, Outcome, Zygote

HERE = Path(__file__).parent
TOLERANCE = 1e-5
CASE_NAMES = (HERE / "sources" / "cases.txt").read_text(encoding="utf-8").split()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, tensorflow_python: Path) -> Path:
    """The folder with all sources."""
    folder = tmp_path_factory.mktemp("sources")
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    script = [str(tensorflow_python), str(HERE / "make_sources.py"), str(folder)]
    made = subprocess.run(script, capture_output=True, text=True, env=environment, check=False)
    assert made.returncode == 0, made.stderr[-3000:]
    return folder


@pytest.fixture(scope="module")
def cases(root: Path) -> dict[str, Any]:
    return json.loads((root / "cases.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def zygote(tmp_path_factory: pytest.TempPathFactory, tensorflow_python: Path) -> Iterator[Zygote]:
    log = tmp_path_factory.mktemp("zygote") / "zygote.log"
    process = Zygote(tensorflow_python, log, ["tensorflow", "keras", "tf_keras"])
    yield process
    process.close()


def load(zygote: Zygote, folder: Path, case: dict[str, Any]) -> Outcome:
    work = folder / "work"
    (work / "canonical").mkdir(parents=True)
    request = {
        "source": case["source"],
        "trust": case.get("trust", False),
        "search_path": case.get("search_path", []),
        "canonical": str(work / "canonical"),
        "samples": str(work / "loaded.npz"),
        "user_samples": case.get("samples"),
        "seed": 0,
        "load": str(models.LOAD),
        "outputs": str(work / "canonical.npz"),
    }
    script = HERE / "sources" / "load_and_run.py"
    return zygote.run(
        Job(name="load", script=script, request=request, folder=work, log=work / "load.log", timeout=120),
        lambda step: None,
    )


def by_name(path: Path) -> dict[str, Any]:
    """Return the outputs of all calls, joined, by `SIGNATURE/NAME`."""
    found = read_calls(path, "outputs")
    return {
        f"{signature}/{name}": [call[name] for call in calls] for signature, calls in found.items() for name in calls[0]
    }


@pytest.mark.parametrize("name", CASE_NAMES)
def test_source(name: str, root: Path, cases: dict[str, Any], zygote: Zygote) -> None:
    case = cases[name]
    outcome = load(zygote, root / name, case)
    if "error" in case:
        assert outcome.kind == "request", outcome.message
        assert [word for word in case["error"] if word not in f"{outcome.message} {outcome.hint}"] == [], outcome
        assert "Traceback" not in outcome.message
        return
    assert outcome.result is not None, f"{outcome.kind}: {outcome.message}\n{outcome.log.read_text()[-3000:]}"
    assert case.get("note", "") in " ".join(outcome.result["notes"])
    answers = by_name(root / name / "work" / "loaded.npz")
    check_expected(case, answers)
    signatures = outcome.result["contract"]["signatures"]
    assert {item["name"]: item["precision"] for item in signatures if "precision" in item} == case.get("precision", {})
    check_contract(outcome.result["contract"], root / name / "work" / "loaded.npz")
    for key, calls in by_name(root / name / "work" / "canonical.npz").items():
        for got, wanted in zip(calls, answers[key], strict=True):
            assert_same(got, wanted, key, case.get("tolerance", TOLERANCE))


def check_expected(case: dict[str, Any], answers: dict[str, Any]) -> None:
    """Hold the loader's outputs against those that the model gave before it was saved."""
    if "nested" in case:
        assert sorted(key.partition("/")[2] for key in answers) == case["nested"]
    with np.load(case["expected"]) as archive:
        expected = {key: archive[key] for key in archive.files}
    for key, value in expected.items():
        assert key in answers, sorted(answers)
        assert_same(answers[key][0], value, key, case.get("tolerance", TOLERANCE))


def check_contract(contract: dict[str, Any], samples: Path) -> None:
    """Every tensor that went in or came out has the contract's name, dtype and shape."""
    for role in ("inputs", "outputs"):
        calls = read_calls(samples, role)
        for signature in contract["signatures"]:
            for call in calls[signature["name"]]:
                stated = {tensor["name"]: tensor for tensor in signature[role]}
                assert sorted(stated) == sorted(call)
                for name, array in call.items():
                    dtype, shape = stated[name]["dtype"], stated[name]["shape"]
                    assert dtype == ("string" if array.dtype.kind == "S" else array.dtype.name)
                    assert len(shape) == array.ndim
                    assert all(want in (None, got) for want, got in zip(shape, array.shape, strict=True))


def assert_same(got: Any, wanted: Any, name: str, tolerance: float) -> None:
    assert got.shape == wanted.shape, name
    if wanted.dtype.kind in "fc":
        tolerance = max(tolerance, 1e-2 if wanted.dtype == np.float16 else 0)
        np.testing.assert_allclose(got, wanted, rtol=tolerance, atol=tolerance, err_msg=name)
    else:
        np.testing.assert_array_equal(got, wanted, err_msg=name)


def test_every_case_is_listed(cases: dict[str, Any]) -> None:
    """`cases.txt` names the cases for pytest, which collects them before TensorFlow has made any."""
    assert sorted(cases) == sorted(CASE_NAMES)


IN_MEMORY = """
import site, sys
import keras, tensorflow as tf
for folder in sys.argv[3].split(":"):
    site.addsitedir(folder)
import anyport
sys.path.insert(0, sys.argv[1])
import python_sources

before = set(sys.modules)
for name in ("nested", "guessed", "counter"):
    value = getattr(python_sources, name)
    value = value if name == "nested" else value()
    anyport.export(value, to=["saved_model"], out=f"{sys.argv[2]}/{name}").raise_for_status()
assert not [name for name in sys.modules if name.startswith(("anyport_guest", "anyport_tf", "keras_source"))]
try:
    anyport.export(python_sources.calls_python(), to=["saved_model"], out=f"{sys.argv[2]}/python")
except anyport.RequestError as error:
    print(error, error.hint)
"""


def test_objects_in_memory(tensorflow_python: Path, tmp_path: Path) -> None:
    """A process with TensorFlow exports its own objects; here the toolchain's plays the user's."""
    folders = ":".join(path for path in sys.path if path.endswith("site-packages"))
    arguments = [str(HERE / "sources"), str(tmp_path), folders]
    script = [str(tensorflow_python), "-c", IN_MEMORY, *arguments]
    ran = subprocess.run(
        script, capture_output=True, text=True, check=False, env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert "calls Python while it runs" in ran.stdout
    manifest = json.loads((tmp_path / "guessed" / "anyport.json").read_text(encoding="utf-8"))
    assert manifest["source"]["kind"] == "memory"
    assert manifest["contract"]["signatures"][0]["inputs"][0]["dtype"] == "int32"


def test_an_interpreter_without_tensorflow(cases: dict[str, Any], tmp_path: Path) -> None:
    job = Job(
        name="load",
        script=models.LOAD,
        request={"source": cases["nested"]["source"]},
        folder=tmp_path,
        log=tmp_path / "log",
        timeout=60,
    )
    outcome = guests.run(sys.executable, job, lambda step: None)
    assert outcome.kind == "request"
    assert "tensorflow" in outcome.message
    assert "--python" in outcome.hint


def test_an_interpreter_of_ones_own(root: Path, cases: dict[str, Any], tensorflow_python: Path, tmp_path: Path) -> None:
    """`--python PATH`: the same script without a zygote."""
    (tmp_path / "canonical").mkdir()
    request = {
        "source": cases["every_dtype"]["source"],
        "trust": False,
        "search_path": [],
        "canonical": str(tmp_path / "canonical"),
        "samples": str(tmp_path / "samples.npz"),
        "user_samples": None,
        "seed": 0,
    }
    job = Job(name="load", script=models.LOAD, request=request, folder=tmp_path, log=tmp_path / "log", timeout=120)
    outcome = guests.run(tensorflow_python, job, lambda step: None)
    assert outcome.result is not None, outcome.message
    assert "tensorflow" in outcome.result["versions"]
