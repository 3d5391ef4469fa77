"""Run a program that can't outlive whoever started it: `python -I leash.py FOLDER PROGRAM ARGUMENT…`.

Standard input is the leash: when it ends (its other end was closed, or its owner died, by whatever signal), PROGRAM and
its whole process group are killed.  So they are when PROGRAM itself ends, whose exit status is then this script's.  In
any case FOLDER (a browser's profile; empty: none) is removed last.

A process of its own, in a session of its own, because one that is killed can't clean up after itself.  Runtimes call
`start`.  Standard library only.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

PR_SET_PDEATHSIG = 1


def start(command: list[str], folder: str = "") -> subprocess.Popen[bytes]:
    """Run `command` on a leash: close the process's standard input to end it, and wait for it to be sure."""
    script = [sys.executable, "-I", os.path.abspath(__file__), folder]
    # A session of its own: a host that signals the whole group of its guest must not end the leash first.
    return subprocess.Popen([*script, *command], stdin=subprocess.PIPE, start_new_session=True)


def main(folder: str, command: list[str]) -> int:
    """Run `command` and return its exit status, 128 + N if signal N ended it."""
    try:
        # No thread runs yet, so that nothing can hold a lock across the fork.
        program = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=2, start_new_session=True, preexec_fn=_end_with(os.getpid())
        )
        threading.Thread(target=_hold, args=(program.pid,), daemon=True).start()
        status = program.wait()
        _kill_group(program.pid)
    finally:
        _remove(folder)
    return status if status >= 0 else 128 - status


def _end_with(leash: int) -> Callable[[], None] | None:
    """Return what has the kernel kill a new process when this one dies without a word; only Linux can."""
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl

    def tie() -> None:
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != leash:
            os._exit(143)

    return tie


def _hold(pid: int) -> None:
    """Wait for the end of standard input, then end the program."""
    while os.read(0, 4096):
        pass
    _kill_group(pid)


def _kill_group(pid: int) -> None:
    # The group outlives its leader while a member lives, so that its number can't have become someone else's.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _remove(folder: str) -> None:
    # Processes that were just killed can still be writing.
    for _ in range(20):
        shutil.rmtree(folder, ignore_errors=True)
        if not os.path.exists(folder):
            return
        time.sleep(0.1)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
