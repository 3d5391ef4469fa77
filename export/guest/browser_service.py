"""A process that keeps browsers warm and runs one page at a time in them: `PYTHON -I browser_service.py IDLE`.

IDLE is the page that a browser waits on.  Standard output carries one line, `{"ready": URL}`; standard input is a lifeline:
when it ends, the service and its browsers end.  Browsers print to standard error.

An order is `POST URLrun` with a JSON object: `browser` (`chromium` or `firefox`), `program` (path of the user's own, or
null), `toolchain` (the folder with our Chromium, or null), `page` (path and query of the page), `folders` (name → folder)
and `files` (name → file) that the page is served, `texts` (name → content), and `timeout` (seconds).  The answer's body is a
JSON line, then what the page posted as its result: `{"browser": NAME, "log": [LINE, …]}` with status 200, or `{"error":
REASON, "hint": …, "log": …}` with 500.

A browser is started when it is first asked for.  After a run that had a result, even a bad one, it waits for the next.  One
that was killed, whose tab crashed or whose page gave no result in its time is ended with all its processes, and costs that
run alone: the next one starts another.  So does a guest that goes away while its page runs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# Isolated mode leaves a script's own folder off the path.
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from bootstrap import end_with_host, take_standard_output

from anyport_browser import leash, places
from anyport_browser.server import Check, PageGone, PageServer, Run

START_SECONDS = 30.0
"""For a new browser to open its first page; SwiftShader and a cold disk take seconds."""
IDLE_SECONDS = 5.0
"""For one that has run a page to be waiting again."""
END_SECONDS = 10.0


class Failed(Exception):
    """A run without a result, and what to do about it."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.hint = hint


class Browser:
    """One browser's processes; its profile is removed when they end, however they do."""

    def __init__(self, order: Mapping[str, Any], url: str) -> None:
        self.profile = tempfile.mkdtemp(prefix="anyport-browser-")
        try:
            command = places.command(order["browser"], order["program"], order["toolchain"], self.profile, url)
        except FileNotFoundError as error:
            os.rmdir(self.profile)
            raise Failed(
                str(error), "Name a browser in ANYPORT_BROWSER, or type: anyport toolchain install."
            ) from error
        self.process: subprocess.Popen[bytes] = leash.start(command, self.profile)
        print(f"started {order['browser']}: {self.process.pid}", file=sys.stderr, flush=True)

    def check(self) -> None:
        """Raise `Failed` if the browser has ended."""
        if (status := self.process.poll()) is not None:
            how = f"was ended by signal {status - 128}" if status > 128 else f"ended with status {status}"
            raise Failed(f"the browser {how} before it had a result", "Its own words are in browsers.log.")

    def end(self) -> None:
        """End all its processes."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(END_SECONDS)


class Service:
    """The browsers there are, by name, and the order that is being carried out."""

    def __init__(self, idle: Path) -> None:
        self.browsers: dict[str, Browser] = {}
        self.turn = threading.Lock()
        self.server = PageServer(idle, self.answer)

    def answer(self, body: bytes, still_there: Check) -> tuple[int, bytes]:
        """Carry out an order and return the answer's status and body."""
        order = json.loads(body)
        files: dict[str, Path | bytes] = {name: Path(path) for name, path in order["files"].items()}
        files |= {name: text.encode() for name, text in order["texts"].items()}
        run = Run({name: Path(path) for name, path in order["folders"].items()}, files)
        with self.turn:
            try:
                frame = self.run(order, run, still_there)
            except Failed as error:
                self.drop(order["browser"])
                head = {"error": str(error), "hint": error.hint, "log": run.log}
                return 500, json.dumps(head).encode() + b"\n"
            except ConnectionError:
                self.drop(order["browser"])
                return 500, b"{}\n"
        return 200, json.dumps({"browser": run.browser, "log": run.log}).encode() + b"\n" + frame

    def run(self, order: Mapping[str, Any], run: Run, still_there: Check) -> bytes:
        """Have the page run and return its result."""
        deadline = time.monotonic() + order["timeout"]
        browser = self.open(order, run, deadline, still_there)

        def check() -> None:
            browser.check()
            still_there()

        try:
            return run.result(deadline, check)
        except TimeoutError as error:
            reason = f"the page gave no result in {order['timeout']:.0f} seconds"
            raise Failed(reason, "Allow more: --timeout.") from error
        except PageGone as error:
            browser.check()
            raise Failed("the tab crashed before it had a result; WebAssembly has at most 4 GB") from error

    def open(self, order: Mapping[str, Any], run: Run, deadline: float, still_there: Check) -> Browser:
        """Open the page in a browser that waits, or in a new one."""
        name = order["browser"]
        if (warm := self.browsers.get(name)) is not None:
            try:
                self.server.open(run, name, order["page"], time.monotonic() + IDLE_SECONDS, warm.check)
                return warm
            except (Failed, TimeoutError):  # killed or crashed since its last run, which is no fault of this one's
                self.drop(name)
        browser = self.browsers[name] = Browser(order, self.server.idle_url(name))

        def check() -> None:
            browser.check()
            still_there()

        try:
            self.server.open(run, name, order["page"], min(time.monotonic() + START_SECONDS, deadline), check)
        except TimeoutError as error:
            raise Failed(f"{name} did not open a page in {START_SECONDS:.0f} seconds") from error
        return browser

    def drop(self, name: str) -> None:
        """End a browser: there will be another."""
        self.server.forget(name)
        if (browser := self.browsers.pop(name, None)) is not None:
            browser.end()


def main(idle: str) -> None:
    """Serve until standard input ends."""
    emit = take_standard_output()
    end_with_host()
    service = Service(Path(idle))
    with service.server:
        emit({"ready": f"{service.server.address}/{service.server.guest_token}/"})
        threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1])
