"""Subprocesses: whatever happens, nothing is left running."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from anyport import process
from anyport.errors import Interrupted

SECONDS = 10.0
"""More than any of this takes."""

FAMILY = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", {child!r}])
open({pids!r}, "w").write(str(child.pid))
print("ready", flush=True)
time.sleep(60)
"""
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def eventually(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def family(tmp_path: Path, child: str = "import time; time.sleep(60)") -> list[str]:
    """Return a command that starts a child of its own, writes its pid, and sleeps."""
    return [sys.executable, "-c", FAMILY.format(child=child, pids=str(tmp_path / "pid"))]


def grandchild(tmp_path: Path) -> int:
    return int((tmp_path / "pid").read_text())


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


@pytest.mark.parametrize("status", [0, 3])
def test_the_exit_status_is_returned(tmp_path: Path, status: int) -> None:
    assert process.run(python(f"raise SystemExit({status})"), log=tmp_path / "log") == status


def test_the_signal_it_died_of_is_returned_negative(tmp_path: Path) -> None:
    code = "import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"
    assert process.run(python(code), log=tmp_path / "log") == -signal.SIGSEGV


def test_standard_output_comes_line_by_line_and_standard_error_goes_to_the_log(tmp_path: Path) -> None:
    lines: list[str] = []
    code = "import sys; print('é'); print('two'); print('trouble', file=sys.stderr)"
    process.run(python(code), log=tmp_path / "deep" / "log", on_line=lines.append)
    assert lines == ["é", "two"]
    assert "trouble" in (tmp_path / "deep" / "log").read_text()


def test_a_program_that_is_not_there_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no-such-program"):
        process.run(["/no-such-program"], log=tmp_path / "log")


def test_a_timeout_ends_the_whole_group(tmp_path: Path) -> None:
    started = time.monotonic()
    with pytest.raises(process.TimedOut):
        process.run(family(tmp_path), log=tmp_path / "log", timeout=1.0)
    assert time.monotonic() - started < SECONDS
    assert eventually(lambda: not alive(grandchild(tmp_path)))


def test_a_process_that_ignores_sigterm_is_ended_by_force(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "GRACE_SECONDS", 0.2)
    with pytest.raises(process.TimedOut):
        process.run(python(STUBBORN), log=tmp_path / "log", timeout=0.5)


def test_what_a_process_leaves_in_its_group_ends_with_it(tmp_path: Path) -> None:
    code = (
        family(tmp_path)[-1]
        .replace("time.sleep(60)\n", "")
        .replace("[sys.executable", "stdout=2, args=[sys.executable")
    )
    assert process.run(python(code), log=tmp_path / "log") == 0
    assert eventually(lambda: not alive(grandchild(tmp_path)))


def test_stop_all_ends_grandchildren_and_whoever_waits_is_told(tmp_path: Path) -> None:
    told: list[BaseException] = []
    ready = threading.Event()

    def wait() -> None:
        try:
            process.run(family(tmp_path), log=tmp_path / "log", on_line=lambda line: ready.set())
        except Interrupted as error:
            told.append(error)

    thread = threading.Thread(target=wait)
    thread.start()
    assert ready.wait(SECONDS)
    process.stop_all()
    thread.join(SECONDS)
    assert told
    assert eventually(lambda: not alive(grandchild(tmp_path)))


def test_an_interrupted_body_ends_what_other_threads_wait_for(tmp_path: Path) -> None:
    ready, over = threading.Event(), threading.Event()

    def wait() -> None:
        with contextlib.suppress(Interrupted):
            process.run(family(tmp_path), log=tmp_path / "log", on_line=lambda line: ready.set())
        over.set()

    threading.Thread(target=wait, daemon=True).start()
    with pytest.raises(KeyboardInterrupt), process.ended_by_interrupt():
        assert ready.wait(SECONDS)
        raise KeyboardInterrupt
    assert over.wait(SECONDS)
    assert eventually(lambda: not alive(grandchild(tmp_path)))


def test_nothing_starts_after_stop_all_until_resumed(tmp_path: Path) -> None:
    process.stop_all()
    with pytest.raises(Interrupted):
        process.run(python(""), log=tmp_path / "log")
    process.resume()
    assert process.run(python(""), log=tmp_path / "log") == 0


def test_a_signal_that_comes_while_a_process_is_started_does_not_deadlock(tmp_path: Path) -> None:
    """The handler runs in the main thread, which may be inside `start` then, holding its lock."""
    code = f"""
import pathlib, signal, subprocess, os
from anyport import process
signal.signal(signal.SIGUSR1, lambda *_: process.stop_all())
start = subprocess.Popen
def interrupted(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGUSR1)
    return start(*args, **kwargs)
subprocess.Popen = interrupted
process.start(["/bin/true"], log=pathlib.Path({str(tmp_path / "log")!r}))
print("went on")
"""
    answer = subprocess.run(python(code), capture_output=True, text=True, timeout=SECONDS, check=False)
    assert answer.stdout == "went on\n", answer.stderr


def test_a_guest_finds_its_standard_input_closed_when_the_host_is_killed(tmp_path: Path) -> None:
    """The lifeline: no signal of ours reaches a guest of a host that was killed outright."""
    pid = tmp_path / "pid"
    guest = f"import os; open({str(pid)!r}, 'w').write(str(os.getpid())); os.read(0, 1)"
    host = f"""
import pathlib, sys, time
from anyport import process
process.start([sys.executable, "-c", {guest!r}], log=pathlib.Path({str(tmp_path / "log")!r}))
time.sleep(60)
"""
    running = subprocess.Popen(python(host))
    try:
        assert eventually(lambda: pid.exists() and pid.read_text() != "")
        assert alive(int(pid.read_text()))
    finally:
        running.kill()
        running.wait()
    assert eventually(lambda: not alive(int(pid.read_text())))


def test_guests_see_no_gpu_and_nothing_that_steers_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/somewhere")
    monkeypatch.setenv("MY_OWN", "kept")
    found = process.environment()
    assert "PYTHONPATH" not in found
    assert found["CUDA_VISIBLE_DEVICES"] == "-1"
    assert found["MY_OWN"] == "kept"
    assert os.environ["PYTHONPATH"] == "/somewhere"
