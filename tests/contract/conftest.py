"""What the contract tests share: anyport and a plug-in, installed for real, and exports that several tests look at."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest
from command import Answer, Anyport

ROOT = Path(__file__).parents[2]
PLUGIN = Path(__file__).parent / "plugin"
IGNORED = shutil.ignore_patterns(
    "__pycache__", "build", "dist", "*.egg-info", "node_modules", ".git", ".nox", ".*_cache"
)
SECONDS = 300.0
"""For any one command: more than it takes, and less than one would wait for a hang."""


@pytest.fixture(scope="session")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `bin` of an environment that holds anyport and the plug-in, each installed as a user would."""
    folder = tmp_path_factory.mktemp("installed")
    shutil.copytree(ROOT, folder / "anyport", ignore=IGNORED)
    shutil.copytree(PLUGIN, folder / "plugin", ignore=IGNORED)
    uv = [sys.executable, "-m", "uv", "--quiet", "--no-config"]
    subprocess.run([*uv, "venv", "--python", sys.executable, folder / "venv"], check=True)
    python = folder / "venv" / "bin" / "python"
    subprocess.run([*uv, "pip", "install", "--python", python, folder / "anyport", folder / "plugin"], check=True)
    return python.parent


@pytest.fixture(scope="session")
def environment(programs: Path) -> dict[str, str]:
    """The environment of a command of the installed anyport."""
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV", "NO_COLOR"))
    }
    return {**kept, "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture(scope="session")
def anyport(programs: Path, environment: dict[str, str]) -> Anyport:
    """Run a command line of the installed anyport."""

    def run(*words: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> Answer:
        line = [str(programs / "anyport"), *map(str, words)]
        done = subprocess.run(
            line,
            cwd=cwd,
            env={**environment, **(env or {})},
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture(scope="session")
def faults(anyport: Anyport, tmp_path_factory: pytest.TempPathFactory) -> tuple[Answer, Path]:
    """One export in which every fault of the plug-in happens beside two artifacts that are well."""
    folder = tmp_path_factory.mktemp("faults")
    variants = ("plain", "raises", "refuses", "aborts", "hangs", "wrong", "mute", "lost")
    to = [word for variant in variants for word in ("--to", f"skeleton:{variant}")]
    answer = anyport(
        "export", "mlp", "--to", "tflite@litert", *to, "-o", "out", "--timeout", "25", "--json", cwd=folder
    )
    return answer, folder / "out"


@pytest.fixture(scope="session")
def digits(anyport: Anyport, tmp_path_factory: pytest.TempPathFactory) -> tuple[Answer, Path]:
    """The trained model of the zoo as `tflite`, exported with what the terminal shows."""
    folder = tmp_path_factory.mktemp("digits")
    return anyport("export", "digits", "--to", "tflite", "-o", "dist/digits", cwd=folder), folder / "dist" / "digits"


@pytest.fixture
def exported(digits: tuple[Answer, Path], tmp_path: Path) -> Path:
    """A copy of that export, to be changed."""
    return Path(shutil.copytree(digits[1], tmp_path / "digits"))
