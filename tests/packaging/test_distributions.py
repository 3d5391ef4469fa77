"""The wheel and the sdist: what is in them, and that a bare machine can run them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = {"export": "anyport", "models": "anyport/models", "targets": "anyport/targets"}
"""Folder of the tree → folder of the wheel."""

NOT_SHIPPED = ("models/zoo/training/",)
"""Runs on a developer's machine only."""

SHIPPED = (".py", ".py.txt", ".mjs.txt", ".lock", ".json", ".npz", ".mjs", ".js", ".html", "py.typed")
"""How the files end that run or that a run reads; `.in` files are what locks are made from."""


@pytest.fixture(scope="session")
def tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the tree as a fresh clone has it: what a tool built in it before must not matter."""
    copy = tmp_path_factory.mktemp("tree") / "anyport"
    ignored = shutil.ignore_patterns(
        "__pycache__", "build", "dist", "*.egg-info", "node_modules", ".git", ".nox", ".*_cache", "*.partial"
    )
    shutil.copytree(ROOT, copy, ignore=ignored)
    return copy


@pytest.fixture(scope="session")
def wheel(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the tree."""
    return build(tree, tmp_path_factory.mktemp("wheel"), "--wheel")


@pytest.fixture(scope="session")
def sdist(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist, built from the tree."""
    return build(tree, tmp_path_factory.mktemp("sdist"), "--sdist")


def build(source: Path, out: Path, kind: str) -> Path:
    command = [sys.executable, "-m", "build", kind, "--outdir", str(out), str(source)]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stdout[-3000:] + answer.stderr[-3000:]
    (made,) = out.iterdir()
    return made


def expected_files() -> set[str]:
    """Return what the wheel must hold of the tree."""
    found = set()
    for folder, place in PACKAGES.items():
        for path in (ROOT / folder).rglob("*"):
            name = path.relative_to(ROOT).as_posix()
            wanted = (
                path.name.endswith(SHIPPED) and "node_modules" not in path.parts and not name.startswith(NOT_SHIPPED)
            )
            if path.is_file() and wanted:
                found.add(f"{place}/{path.relative_to(ROOT / folder).as_posix()}")
    return found


def content(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if not name.endswith("/")}


def test_the_wheel_holds_what_the_tree_holds_and_nothing_else(wheel: Path) -> None:
    shipped = {name for name in content(wheel) if ".dist-info/" not in name}
    expected = expected_files()
    assert len(expected) > 90
    assert sorted(expected - shipped) == [], "missing from the wheel"
    assert sorted(shipped - expected) == [], "in the wheel, but not meant to be"


def test_the_wheel_claims_one_name_alone(wheel: Path) -> None:
    assert {name.split("/")[0] for name in content(wheel) if ".dist-info/" not in name} == {"anyport"}


def test_every_file_in_the_wheel_is_the_tree_s_own(wheel: Path) -> None:
    files = content(wheel)
    for folder, place in PACKAGES.items():
        for name, data in files.items():
            path = ROOT / folder / Path(name).relative_to(place) if name.startswith(f"{place}/") else None
            if path is not None and path.exists():
                assert data == path.read_bytes(), name


def test_the_metadata_names_the_host_s_few_needs(wheel: Path) -> None:
    (metadata,) = [data.decode() for name, data in content(wheel).items() if name.endswith(".dist-info/METADATA")]
    needs = {
        line.split(":")[1].split(">")[0].strip() for line in metadata.splitlines() if line.startswith("Requires-Dist:")
    }
    assert needs == {"filelock", "jsonschema", "numpy", "platformdirs", "rich", "uv"}
    assert "Requires-Python: >=3.11" in metadata


def test_the_wheel_of_the_sdist_is_the_wheel_of_the_tree(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (source,) = tmp_path.iterdir()
    out = tmp_path / "out"
    ours, theirs = content(wheel), content(build(source, out, "--wheel"))
    assert sorted(ours) == sorted(theirs)
    assert [name for name in ours if ours[name] != theirs[name]] == []


def test_the_sdist_holds_what_it_takes_to_test_and_to_lock(sdist: Path) -> None:
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for name in (
        "noxfile.py",
        "README.md",
        ".ci/run",
        "tests/conftest.py",
        "tests/packaging/test_distributions.py",
        "tools/lock.py",
    ):
        assert name in names
    assert {str(path.relative_to(ROOT)) for path in ROOT.glob("models/*/*.in")} <= names
    assert not [
        name for name in names if "__pycache__" in name or "node_modules" in name or name.startswith((".git/", ".nox"))
    ]


@pytest.fixture(scope="session")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment in which the wheel was installed, and nothing else."""
    folder = tmp_path_factory.mktemp("bare")
    venv.create(folder, with_pip=True)
    command = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", wheel]
    subprocess.run(command, check=True, cwd=folder)
    return folder / "bin"


def run(bare: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a program of the bare environment where neither the tree nor the tests' own packages can be imported."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    return subprocess.run(
        [bare / words[0], *words[1:]], env=kept, cwd=bare, capture_output=True, text=True, check=False
    )


def test_a_bare_machine_runs_it(bare: Path) -> None:
    version = run(bare, "anyport", "--version")
    assert (version.returncode, version.stderr) == (0, "")
    assert version.stdout.startswith("anyport ")
    listed = run(bare, "anyport", "targets", "--json")
    assert listed.returncode == 0, listed.stderr
    assert {item["name"] for item in json.loads(listed.stdout)} == {"saved_model", "tflite", "tfjs", "onnx"}


def test_no_framework_comes_with_it(bare: Path) -> None:
    installed = run(bare, "python", "-m", "pip", "list", "--format=json")
    names = {item["name"].lower() for item in json.loads(installed.stdout)}
    assert "anyport" in names
    assert not names & {
        "tensorflow",
        "keras",
        "tf-keras",
        "onnx",
        "onnxruntime",
        "tensorflowjs",
        "ai-edge-litert",
        "torch",
        "jax",
    }


def test_every_script_that_is_run_by_path_is_there_once_installed(bare: Path) -> None:
    code = """
from anyport import models, targets
from anyport.cli.toolchain import all_toolchains
from anyport.guests import BOOTSTRAP, ZYGOTE
wanted = [models.LOAD, BOOTSTRAP, ZYGOTE]
for target in targets.registry().values():
    wanted += [target.convert, *(runtime.script for runtime in target.runtimes)]
for toolchain in all_toolchains():
    wanted += [toolchain.lock / 'package-lock.json' if toolchain.kind == 'npm' else toolchain.lock]
    wanted += [toolchain.setup] if toolchain.setup else []
wanted += [models.zoo.path(name) for name in models.zoo.names()]
assert len(wanted) > 25
print([str(path) for path in wanted if not path.is_file()])
"""
    answer = run(bare, "python", "-I", "-c", code)
    assert answer.stdout == "[]\n", answer.stdout + answer.stderr


def test_types_are_published(wheel: Path) -> None:
    assert "anyport/py.typed" in content(wheel)
