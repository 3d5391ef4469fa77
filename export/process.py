"""The one owner of subprocesses.

Every process is started in a group of its own and registered here; `stop_all` ends them, whoever started them and
wherever they wait.  A guest also holds a pipe from the host as its standard input and ends itself when that closes,
so that even a host that is killed outright leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from anyport.errors import Interrupted

GRACE_SECONDS = 2.0
"""Between asking a group to end and ending it."""

# Reentrant: a signal may find the main thread inside it, and its handler calls `stop_all`.
_lock = threading.RLock()
_running: set[subprocess.Popen[bytes]] = set()
_stopping = threading.Event()


class TimedOut(Exception):
    """A process outlived its time and was ended."""


def start(
    argv: Sequence[str], *, log: Path, env: Mapping[str, str] | None = None, cwd: Path | None = None
) -> subprocess.Popen[bytes]:
    """Start `argv` with pipes on standard input and output; standard error is appended to `log`.

    Raises `OSError` if it can't be started and `Interrupted` once `stop_all` was called.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with _lock, log.open("ab") as errors:
        if _stopping.is_set():
            raise Interrupted("interrupted")
        process = subprocess.Popen(
            [str(part) for part in argv],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=dict(environment() if env is None else env),
            cwd=cwd,
            start_new_session=True,
        )
        _running.add(process)
    return process


def run(
    argv: Sequence[str],
    *,
    log: Path,
    on_line: Callable[[str], None] = lambda line: None,
    timeout: float | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> int:
    """Run `argv` to its end and return its exit status (negative: the signal it died of).

    `on_line` gets each line of its standard output.  Raises `TimedOut`, `Interrupted` or `OSError`; the process and
    its whole group are gone when this returns, however it returns.
    """
    process = start(argv, log=log, env=env, cwd=cwd)
    expired = threading.Event()

    def expire() -> None:
        expired.set()
        stop(process)

    timer = threading.Timer(timeout, expire) if timeout else None
    if timer:
        timer.daemon = True
        timer.start()
    try:
        for line in _lines(process.stdout):
            on_line(line)
        status = process.wait()
    finally:
        if timer:
            timer.cancel()
        stop(process)
    if _stopping.is_set():
        raise Interrupted("interrupted")
    if expired.is_set():
        raise TimedOut
    return status


def _lines(stream: IO[bytes] | None) -> Iterator[str]:
    for line in stream or ():
        yield line.decode("utf-8", errors="replace").rstrip("\n")


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process and its group: first by closing its input and asking, then by force."""
    with contextlib.suppress(OSError):
        if process.stdin:
            process.stdin.close()
    _signal_group(process, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_SECONDS)
    _signal_group(process, signal.SIGKILL)
    process.wait()
    if process.stdout:
        process.stdout.close()
    with _lock:
        _running.discard(process)


def stop_all() -> None:
    """End every process and start no more: the last act of an interrupted command."""
    with _lock:
        _stopping.set()
        running = list(_running)
    for process in running:
        _signal_group(process, signal.SIGTERM)
    for process in running:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(GRACE_SECONDS)
        _signal_group(process, signal.SIGKILL)


@contextlib.contextmanager
def ended_by_interrupt() -> Iterator[None]:
    """End every process when the body is interrupted, so that no thread goes on waiting for one."""
    try:
        yield
    except KeyboardInterrupt:
        stop_all()
        raise


def stopping() -> bool:
    """Tell whether `stop_all` was called."""
    return _stopping.is_set()


def resume() -> None:
    """Allow processes again after `stop_all`, for a host process that lives on (the Python interface, tests)."""
    _stopping.clear()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def environment() -> dict[str, str]:
    """Return the environment of a guest: the user's, without what would steer Python, and without a GPU.

    The reference outputs are the CPU's everywhere, so that an export gives the same verdict on every machine.
    """
    kept = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    ours = {"CUDA_VISIBLE_DEVICES": "-1", "KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "2"}
    return {**kept, **ours, "PYTHONDONTWRITEBYTECODE": "1"}
