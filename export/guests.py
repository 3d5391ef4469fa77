"""Running guest scripts: request in, response out, and a death told apart from an answer.

The wire format is `anyport/guest/bootstrap.py`'s and `zygote.py`'s.  A guest that fails returns an `Outcome` that
says so; only what concerns the whole export (an interrupt) is raised.
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from anyport import process
from anyport.errors import Interrupted

GUEST = Path(__file__).parent / "guest"
BOOTSTRAP = GUEST / "bootstrap.py"
ZYGOTE = GUEST / "zygote.py"

Report = Callable[[str], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a guest ended."""

    result: Mapping[str, Any] | None
    """What it answered; None if it failed."""
    kind: str
    """`done`, or why not: `request`, `refused`, `failed`, `crashed`, `died`, `timeout`."""
    message: str
    hint: str
    seconds: float
    max_rss: int
    """Peak resident bytes."""
    log: Path


@dataclasses.dataclass(frozen=True, kw_only=True)
class Job:
    """One guest step: a script, its request, and where its files go."""

    name: str
    """What it is called in logs and folders (`tflite-convert`)."""
    script: Path
    request: Mapping[str, Any]
    folder: Path
    """Holds the request and the response; exists."""
    log: Path
    timeout: float

    @property
    def request_path(self) -> Path:
        return self.folder / f"{self.name}.request.json"

    @property
    def response_path(self) -> Path:
        return self.folder / f"{self.name}.response.json"

    def prepare(self) -> None:
        """Write the request, and forget an earlier response."""
        self.response_path.unlink(missing_ok=True)
        self.request_path.write_text(json.dumps(self.request), encoding="utf-8")


def run(python: Path | str, job: Job, report: Report) -> Outcome:
    """Run a job in an interpreter of its own."""
    job.prepare()
    started = time.monotonic()
    argv = [str(python), "-I", str(BOOTSTRAP), str(job.script), str(job.request_path), str(job.response_path)]
    try:
        status = process.run(argv, log=job.log, on_line=lambda line: _tell(line, report), timeout=job.timeout)
    except process.TimedOut:
        return _ended(job, started, "timeout", _too_long(job))
    except OSError as error:
        return _ended(job, started, "died", f"{python} can't be started: {error}")
    return _outcome(job, started, status)


def _tell(line: str, report: Report) -> None:
    event = json.loads(line)
    if "step" in event:
        report(event["step"])


def _too_long(job: Job) -> str:
    return f"{job.name} gave no answer in {job.timeout:.0f} s and was ended"


def _outcome(job: Job, started: float, status: int, max_rss: int = 0) -> Outcome:
    """Read the response, or say how the guest died without one."""
    try:
        response = json.loads(job.response_path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return _ended(job, started, "died", f"{job.name} {_cause(status)}", max_rss=max_rss)
    if response["ok"] and not isinstance(response["result"], dict):
        return _ended(job, started, "failed", f"{job.script.name} returned no object", max_rss=max_rss)
    if response["ok"]:
        return Outcome(
            result=response["result"],
            kind="done",
            message="",
            hint="",
            seconds=time.monotonic() - started,
            max_rss=max(max_rss, response["max_rss"]),
            log=job.log,
        )
    error = response["error"]
    return _ended(job, started, error["kind"], error["message"], error["hint"], max(max_rss, response["max_rss"]))


def _ended(job: Job, started: float, kind: str, message: str, hint: str = "", max_rss: int = 0) -> Outcome:
    return Outcome(
        result=None,
        kind=kind,
        message=message,
        hint=hint,
        seconds=time.monotonic() - started,
        max_rss=max_rss,
        log=job.log,
    )


def _cause(status: int) -> str:
    if status >= 0:
        return f"ended with status {status} and no answer"
    name = signal.Signals(-status).name
    advice = {"SIGKILL": " (out of memory?)", "SIGSEGV": " (a crash in native code)", "SIGABRT": " (it aborted itself)"}
    return f"died of {name}{advice.get(name, '')}"


class Zygote:
    """The host's end of a zygote: a process that imported TensorFlow once and forks a child for each job."""

    def __init__(self, python: Path | str, log: Path, modules: Sequence[str]) -> None:
        self._log = log
        self._process = process.start([str(python), "-I", str(ZYGOTE)], log=log)
        self._numbers = itertools.count(1)
        self._waiting: dict[int, queue.SimpleQueue[dict[str, Any]]] = {}
        self._lock = threading.Lock()
        self._alive = True
        self._reader = threading.Thread(target=self._read, args=(self._process,), daemon=True, name="zygote")
        self._reader.start()
        self.preload(modules)

    def preload(self, modules: Sequence[str]) -> None:
        """Have the zygote import modules; children forked afterwards find them imported."""
        self._send({"preload": list(modules)})

    def run(self, job: Job, report: Report) -> Outcome:
        """Run a job in a forked child."""
        job.prepare()
        started = time.monotonic()
        number = next(self._numbers)
        events: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        with self._lock:
            self._waiting[number] = events
        self._send(
            {
                "id": number,
                "script": str(job.script),
                "request": str(job.request_path),
                "response": str(job.response_path),
                "log": str(job.log),
            }
        )
        try:
            return self._follow(job, number, events, started, report)
        finally:
            with self._lock:
                self._waiting.pop(number, None)

    def _follow(
        self, job: Job, number: int, events: queue.SimpleQueue[dict[str, Any]], started: float, report: Report
    ) -> Outcome:
        deadline = started + job.timeout
        while True:
            try:
                event = events.get(timeout=max(deadline - time.monotonic(), 0.01))
            except queue.Empty:
                self._send({"kill": number})
                return _ended(job, started, "timeout", _too_long(job))
            if "step" in event:
                report(event["step"])
            elif "exit" in event:
                return _outcome(job, started, event["exit"], event["max_rss"])
            elif "gone" in event:
                return _ended(job, started, "died", f"the TensorFlow process {_cause(event['gone'])}")

    def _send(self, command: Mapping[str, Any]) -> None:
        line = json.dumps(command).encode() + b"\n"
        with self._lock:
            stream = self._process.stdin
            assert stream is not None
            try:
                stream.write(line)
                stream.flush()
            except (OSError, ValueError):
                self._abandon()

    def _read(self, child: subprocess.Popen[bytes]) -> None:
        """Hand each event to whoever waits for it, until the zygote is gone."""
        for line in child.stdout or ():
            event = json.loads(line)
            with self._lock:
                waiting = self._waiting.get(event.get("id", 0))
            if waiting:
                waiting.put(event)
        with self._lock:
            self._abandon()

    def _abandon(self) -> None:
        status = self._process.wait()
        for events in self._waiting.values():
            events.put({"gone": status})

    def close(self) -> None:
        """End the zygote and whatever children it still has."""
        process.stop(self._process)


def check_interrupted(outcome: Outcome) -> None:
    """Raise `Interrupted` if the guest died because the command is being stopped."""
    if process.stopping() and outcome.result is None:
        raise Interrupted("interrupted")
