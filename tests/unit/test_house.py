"""What stays true of the house: who may import whom, and what no committed file may hold."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import anyport
from anyport import targets

ROOT = Path(__file__).parents[2]
FRAMEWORKS = (
    "tensorflow", "keras", "tf_keras", "onnx", "onnxruntime", "tf2onnx", "tensorflowjs", "ai_edge_litert",
    "tflite_runtime", "torch", "jax", "h5py",
)  # fmt: skip


def tree(*suffixes: str) -> Iterator[Path]:
    """Yield the repository's own files, without what tools left in it."""
    for folder, folders, files in os.walk(ROOT):
        folders[:] = [
            name
            for name in folders
            if name not in ("__pycache__", "build", "dist", "node_modules")
            and not name.endswith(".egg-info")
            and (not name.startswith(".") or name in (".ci", ".github"))
        ]
        yield from (Path(folder) / name for name in files if not suffixes or name.endswith(suffixes))


def host_modules() -> list[str]:
    """Return every module that a host process may import."""
    names = [path for path in (ROOT / "export").glob("*.py") if path.stem != "__main__"]
    found = [f"anyport.{path.stem}" for path in names if path.stem != "__init__"]
    found += [f"anyport.cli.{path.stem}" for path in (ROOT / "export" / "cli").glob("*.py") if path.stem != "__init__"]
    found += [
        f"anyport.browsers.{path.stem}"
        for path in (ROOT / "export" / "browsers").glob("*.py")
        if path.stem != "__init__"
    ]
    found += [f"anyport.targets.{path.parent.name}" for path in (ROOT / "targets").glob("*/__init__.py")]
    return sorted(
        [
            *found,
            "anyport",
            "anyport.browsers",
            "anyport.cli",
            "anyport.models",
            "anyport.models.zoo",
            "anyport.targets",
        ]
    )


def imported_by(code: str, tmp_path: Path) -> set[str]:
    """Run code where every framework can be imported (an empty stand-in), and return what was imported."""
    for name in FRAMEWORKS:
        (tmp_path / f"{name}.py").write_text("")
    script = (
        f"import sys\nsys.path.insert(0, {str(tmp_path)!r})\n{code}\nimport json\nprint(json.dumps(list(sys.modules)))"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return set(json.loads(answer.stdout.splitlines()[-1]))


def test_the_host_imports_no_framework(tmp_path: Path) -> None:
    modules = host_modules()
    assert len(modules) > 25
    code = f"import importlib\nfor name in {modules!r}: importlib.import_module(name)"
    found = imported_by(code, tmp_path)
    assert set(modules) <= found
    assert not found & set(FRAMEWORKS)


def test_the_command_line_starts_without_numpy_or_rich(tmp_path: Path) -> None:
    found = imported_by("import anyport.cli; anyport.cli.parser().format_help()", tmp_path)
    assert "anyport.cli" in found
    assert not found & {
        "numpy",
        "rich",
        "jsonschema",
        "importlib.metadata",
        "anyport.api",
        "anyport.targets",
        *FRAMEWORKS,
    }


def test_importing_anyport_imports_nothing_until_it_is_used(tmp_path: Path) -> None:
    found = imported_by("import anyport; anyport.AnyportError", tmp_path)
    assert {name for name in found if name.startswith("anyport")} == {"anyport", "anyport._version", "anyport.errors"}


def test_everything_public_can_be_imported() -> None:
    for name in anyport.__all__:
        assert getattr(anyport, name) is not None
    assert sorted(anyport.__all__) == anyport.__all__
    assert set(anyport._LAZY) <= set(anyport.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        anyport.nothing  # noqa: B018


def guest_files() -> list[Path]:
    """Return the files that guests run: in interpreters that have no anyport."""
    found = [*ROOT.glob("export/guest/**/*.py"), *ROOT.glob("models/guest/*.py"), *ROOT.glob("models/zoo/*.py")]
    found += [path for path in ROOT.glob("targets/*/*.py") if path.name != "__init__.py"]
    return sorted(found)


def imports(path: Path) -> set[str]:
    """Return the modules that a file imports, as written."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add(node.module or "")
    return found


def test_guests_import_nothing_of_the_host() -> None:
    files = guest_files()
    assert len(files) > 30
    wrong = {
        str(path.relative_to(ROOT)): name for path in files for name in imports(path) if name.split(".")[0] == "anyport"
    }
    assert wrong == {}


@pytest.mark.parametrize("folder", ["models", "targets"])
def test_models_and_targets_know_only_the_hosts_types_and_errors(folder: str) -> None:
    for path in ROOT.glob(f"{folder}/**/*.py"):
        own = ".".join(("anyport", *path.parent.relative_to(ROOT).parts, ""))
        known = {name for name in imports(path) if name.split(".")[0] == "anyport" and not f"{name}.".startswith(own)}
        assert known <= {"anyport.protocols", "anyport.errors", "anyport.browsers", "anyport.graphics"}, path


def test_no_target_is_named_outside_its_folder_and_the_registry() -> None:
    names = set(targets.BUILT_IN) - {"saved_model"}  # a SavedModel is also a source
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in ROOT.glob("export/**/*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value in names
    ]
    assert found == []


def python_locks() -> list[Path]:
    return sorted(tree(".lock"))


@pytest.mark.parametrize("path", python_locks(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_entry_of_a_lock_is_pinned_with_hashes(path: Path) -> None:
    text = re.sub(r"\\\n", " ", path.read_text(encoding="utf-8"))
    entries = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    assert entries
    for entry in entries:
        assert re.match(r"[A-Za-z0-9][\w.-]*(\[[\w,-]+\])?==[\w.+!]+( *;[^#]*?)? +--hash=sha256:[0-9a-f]{64}", entry), (
            entry[:100]
        )
        assert re.search(r"--(?!hash=sha256:)", entry) is None, entry[:100]


def npm_locks() -> list[Path]:
    return sorted(path for path in tree("package.json") if path.name == "package.json")


@pytest.mark.parametrize("path", npm_locks(), ids=lambda path: str(path.parent.relative_to(ROOT)))
def test_every_entry_of_an_npm_lock_has_its_hash_and_no_address(path: Path) -> None:
    lock = json.loads((path.parent / "package-lock.json").read_text(encoding="utf-8"))
    packages = {name: entry for name, entry in lock["packages"].items() if name}
    assert packages
    for name, entry in packages.items():
        assert entry["integrity"].startswith("sha512-"), name
        assert "resolved" not in entry, name
    wanted = json.loads(path.read_text(encoding="utf-8"))["dependencies"]
    assert lock["packages"][""]["dependencies"] == wanted, "the lock is of another package.json"


def test_a_lock_holds_no_address() -> None:
    files = list(tree(".lock", "package-lock.json", ".in", "requirements.txt"))
    assert len(files) > 5
    assert [str(path) for path in files if "://" in path.read_text(encoding="utf-8")] == []


def test_no_file_names_a_registry() -> None:
    registry = re.compile(
        "|".join(
            (
                "pypi" + r"\.org",
                "python" + "hosted",
                "registry" + r"\.npm",
                "npm" + r"js\.",
                "index" + "-url",
                "find" + "-links",
            )
        )
    )
    suffixes = (
        ".py",
        ".toml",
        ".in",
        ".lock",
        ".json",
        ".mjs",
        ".js",
        ".yml",
        ".yaml",
        ".cfg",
        ".txt",
        ".md",
        "run",
        ".npmrc",
    )
    found = [
        str(path.relative_to(ROOT)) for path in tree(*suffixes) if registry.search(path.read_text(encoding="utf-8"))
    ]
    assert found == []
