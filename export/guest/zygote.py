"""A process that has imported a framework and forks one child per guest script: `PYTHON -I zygote.py`.

Importing TensorFlow takes seconds; forking takes milliseconds.  The zygote imports modules and runs none of their
operations, since a fork after TensorFlow has started its threads can deadlock.  A child that dies takes only its own
step with it.

Standard input, one JSON object a line (the end of the input ends the zygote and all its children):

* `{"preload": [MODULE, …]}` imports modules in the zygote; a module that can't be imported is named in the reply
  and left to the script that needs it.
* `{"id": N, "script": …, "request": …, "response": …, "log": …}` runs a guest script in a child, its prints
  appended to the file `log`.  The three paths mean what they mean to `bootstrap.py`.
* `{"kill": N}` kills that child.

Standard output, one JSON object a line: `{"ready": {"seconds": S, "failed": {MODULE: REASON}}}` after each preload,
`{"id": N, "pid": PID}` when a child starts, `{"id": N, "step": TEXT}` for its progress, and
`{"id": N, "exit": STATUS, "signal": SIGNAL_OR_0, "max_rss": BYTES}` when it has ended.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import os
import selectors
import signal
import sys
import time
from typing import Any

# Isolated mode leaves a script's own folder off the path.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from bootstrap import run_script, take_standard_output

PR_SET_PDEATHSIG = 1


class Zygote:
    """The event loop: commands in, children out.  Single-threaded, so that a fork copies no lock."""

    def __init__(self) -> None:
        self.emit = take_standard_output()
        self.children: dict[int, int] = {}
        self.pending = b""
        self.wake, wakeup = os.pipe()
        os.set_blocking(wakeup, False)
        signal.set_wakeup_fd(wakeup)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def serve(self) -> None:
        selector = selectors.DefaultSelector()
        selector.register(0, selectors.EVENT_READ, self.read_commands)
        selector.register(self.wake, selectors.EVENT_READ, self.reap)
        running = True
        while running:
            for key, _ in selector.select():
                running = key.data() is not False and running
        for pid in self.children:
            os.kill(pid, signal.SIGKILL)

    def read_commands(self) -> bool:
        """Obey every complete line; return False at the end of the input."""
        data = os.read(0, 65536)
        *lines, self.pending = (self.pending + data).split(b"\n")
        for line in lines:
            self.obey(json.loads(line))
        return bool(data)

    def obey(self, command: dict[str, Any]) -> None:
        if "preload" in command:
            self.preload(command["preload"])
        elif "kill" in command:
            for pid in [pid for pid, number in self.children.items() if number == command["kill"]]:
                os.kill(pid, signal.SIGKILL)
        else:
            self.fork(command)

    def preload(self, modules: list[str]) -> None:
        started, failed = time.monotonic(), {}
        for module in modules:
            try:
                importlib.import_module(module)
            except Exception as error:
                failed[module] = f"{type(error).__name__}: {error}"
        self.emit({"ready": {"seconds": round(time.monotonic() - started, 3), "failed": failed}})

    def fork(self, command: dict[str, Any]) -> None:
        zygote = os.getpid()
        pid = os.fork()
        if pid == 0:
            self.become_guest(command, zygote)
        self.children[pid] = command["id"]
        self.emit({"id": command["id"], "pid": pid})

    def become_guest(self, command: dict[str, Any], zygote: int) -> None:
        """Run the script in the child; never returns."""
        status = 70
        try:
            end_with(zygote)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            log = os.open(command["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
            os.dup2(log, 1)
            os.dup2(log, 2)
            os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
            number = command["id"]
            status = run_script(
                command["script"],
                command["request"],
                command["response"],
                lambda event: self.emit({"id": number, **event}),
            )
            sys.stderr.flush()
        finally:
            os._exit(status)

    def reap(self) -> bool:
        os.read(self.wake, 4096)
        while self.children:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
            if pid == 0:
                break
            number = self.children.pop(pid)
            died_of = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
            code = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -died_of
            self.emit({"id": number, "exit": code, "signal": died_of, "max_rss": usage.ru_maxrss * 1024})
        return True


def end_with(parent: int) -> None:
    """Have the kernel kill this child when the zygote dies, however it dies (Linux; elsewhere its input's end does)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(143)


if __name__ == "__main__":
    Zygote().serve()
    os._exit(0)
