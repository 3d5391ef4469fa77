"""Ctrl-C, SIGTERM and worse, at any moment: nothing half-written, nothing lost, and no process left behind.

Every process of a run inherits a marker in its environment; `/proc` tells which of them are still there.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from command import Answer

from anyport.toolchains import STAMP

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")

MARKER = "ANYPORT_TEST_MARK"
SECONDS = 60.0
HANGING = ("--to", "skeleton:hangs", "--to", "skeleton")
INTERRUPTS = [signal.SIGINT, signal.SIGTERM]


class Run:
    """An export in progress."""

    def __init__(self, programs: Path, environment: dict[str, str], cwd: Path, *words: str) -> None:
        self.mark = uuid.uuid4().hex
        self.cwd = cwd
        self.errors = cwd / "errors.txt"
        with self.errors.open("wb") as errors:
            self.process = subprocess.Popen(
                [programs / words[0], *words[1:]],
                cwd=cwd,
                env={**environment, MARKER: self.mark},
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )

    def family(self) -> dict[int, str]:
        """Return the command lines of the run's processes, by number."""
        found = {}
        wanted = f"{MARKER}={self.mark}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    found[int(folder.name)] = (
                        (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
                    )
            except OSError:  # it has ended meanwhile
                continue
        return found

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + SECONDS
        while not condition():
            assert self.process.poll() is None, f"ended before {what}: {self.errors.read_text()}"
            assert time.monotonic() < deadline, f"no {what}: {self.errors.read_text()}"
            time.sleep(0.02)

    def wait_for(self, text: str) -> None:
        self.wait_until(lambda: text in self.errors.read_text(), text)

    def all_gone(self, within: float) -> bool:
        deadline = time.monotonic() + within
        while self.family():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True


Start = Callable[..., Run]


@pytest.fixture
def start(programs: Path, environment: dict[str, str], tmp_path: Path) -> Iterator[Start]:
    """Start an export that is to be interrupted; whatever it leaves is ended afterwards, for the other tests' sake."""
    runs: list[Run] = []

    def begin(*words: str, env: dict[str, str] | None = None, script: str = "") -> Run:
        line = ("python", "-c", script) if script else ("anyport", "export", *words, "--verbose")
        runs.append(Run(programs, {**environment, **(env or {})}, tmp_path, *line))
        return runs[-1]

    yield begin
    for run in runs:
        for pid in run.family():
            os.kill(pid, signal.SIGKILL)
        run.process.wait()


def interrupt(run: Run, number: signal.Signals) -> None:
    """Interrupt a run and hold it to what is promised."""
    before = sorted(path.name for path in run.cwd.iterdir() if ".anyport-" not in path.name)
    assert len(run.family()) > 1, "there is a guest to be ended"
    run.process.send_signal(number)
    assert run.process.wait(SECONDS) == 130
    assert run.all_gone(within=1.0), run.family()
    assert "interrupted; nothing was written" in run.errors.read_text()
    assert "Traceback" not in run.errors.read_text()
    assert sorted(path.name for path in run.cwd.iterdir()) == before


@pytest.mark.parametrize("number", INTERRUPTS)
def test_while_a_converter_works_the_previous_export_stays_as_it_was(
    start: Start, digits: tuple[Answer, Path], tmp_path: Path, number: signal.Signals
) -> None:
    out = Path(shutil.copytree(digits[1], tmp_path / "out"))
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    run = start("mlp", *HANGING, "-o", "out")
    run.wait_for("hanging")
    interrupt(run, number)
    assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == before


def test_while_tensorflow_is_imported(start: Start) -> None:
    run = start("mlp", *HANGING, "-o", "out")
    run.wait_until(lambda: any("zygote.py" in line for line in run.family().values()), "zygote")
    interrupt(run, signal.SIGINT)


@pytest.mark.parametrize("number", INTERRUPTS)
def test_while_a_toolchain_is_provisioned(start: Start, tmp_path: Path, number: signal.Signals) -> None:
    # An empty cache: with a warm one uv may be done before the signal arrives.
    env = {"ANYPORT_TOOLCHAINS": str(tmp_path / "toolchains"), "UV_CACHE_DIR": str(tmp_path / "uv-cache")}
    run = start("mlp", "--to", "tflite", "-o", "out", env=env)
    run.wait_until(lambda: any(" pip sync " in line for line in run.family().values()), "uv at work")
    interrupt(run, number)
    folders = [path for path in (tmp_path / "toolchains").iterdir() if path.is_dir()]
    assert [path.name for path in folders if not (path / STAMP).is_file()] == [], "what was left half-built is gone"


def test_while_a_browser_runs(start: Start) -> None:
    run = start("digits", "--to", "tfjs@chromium", "-o", "out")
    run.wait_until(lambda: any("--headless" in line for line in run.family().values()), "browser")
    interrupt(run, signal.SIGINT)


@pytest.mark.parametrize("moment", ["converter", "browser"])
def test_a_host_that_is_killed_outright_leaves_no_process_behind(start: Start, moment: str) -> None:
    if moment == "converter":
        run = start("mlp", *HANGING, "-o", "out")
        run.wait_for("hanging")
    else:
        run = start("digits", "--to", "tfjs@chromium", "-o", "out")
        run.wait_until(lambda: any("--headless" in line for line in run.family().values()), "browser")
    assert len(run.family()) > 1
    run.process.kill()
    run.process.wait()
    assert run.all_gone(within=15.0), run.family()
    assert not (run.cwd / "out").exists()


def test_an_interrupt_of_the_python_interface_is_an_interrupt(start: Start) -> None:
    """No handler of ours is there then, only Python's own."""
    script = """
import anyport
from anyport.terminal import Plain
try:
    anyport.export("mlp", ["skeleton:hangs", "skeleton"], "out", progress=Plain(verbose=True))
except KeyboardInterrupt:
    anyport.export("mlp", "skeleton", "second")
"""
    run = start(script=script)
    run.wait_for("hanging")
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(SECONDS) == 0, run.errors.read_text()
    assert run.all_gone(within=1.0), run.family()
    assert sorted(path.name for path in run.cwd.iterdir()) == ["errors.txt", "second"], (
        "it lives on, and can export again"
    )
