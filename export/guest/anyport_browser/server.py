"""A loopback HTTP server between browsers and whoever wants a page run: all that stands for a browser's driver.

Two parties, each below a path that only it knows, so that no other page or user of the machine reads the model:

* Pages.  A browser opens `idle.html`, which asks for `next` and waits; the answer is where its next run is.  A run's files
  lie below its number.  Its page posts to `result` and `log`, and asks for `alive`, which is never answered: that
  connection ends when the page does.  The answer to `result` is where the page goes then: back to `idle.html`.
* The guest that wants a page run posts an order to `run`; see `browser_service.py`.

Standard library only.
"""

from __future__ import annotations

import http.server
import queue
import re
import secrets
import select
import socket
import threading
import time
import urllib.parse
from collections.abc import Callable, Mapping
from pathlib import Path

TYPES = {
    ".html": "text/html",
    ".js": "text/javascript",
    ".json": "application/json",
    ".mjs": "text/javascript",
    ".wasm": "application/wasm",
}

HEADERS = {
    # Cross-origin isolation, without which there are no threads in WebAssembly.
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Embedder-Policy": "require-corp",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not `no-store`: with that and more than six shards TF.js waits for ever.
    "Cache-Control": "no-cache",
}

POLL_SECONDS = 0.2
GONE_SECONDS = 2.0
"""How long a result may still arrive after the page's connection has ended."""

Check = Callable[[], None]
"""Raises if there is no point in waiting any longer."""


class PageGone(Exception):
    """The page's connection ended without a result: its tab crashed or was closed."""


class Run:
    """One page to be run: what it is served, and what came back."""

    def __init__(self, folders: Mapping[str, Path], files: Mapping[str, Path | bytes]) -> None:
        """Serve each folder of `folders` below its name, and each of `files` as its name, which goes before."""
        self.folders = {name: folder.resolve() for name, folder in folders.items()}
        self.files = files
        self.results: queue.Queue[bytes | None] = queue.Queue()
        self.log: list[str] = []
        self.browser = "unknown browser"
        """What the browser calls itself, once it has asked for the page."""

    def result(self, deadline: float, check: Check) -> bytes:
        """Wait for the page's result until `time.monotonic()` is `deadline`, calling `check` meanwhile.

        Raises `TimeoutError`, `PageGone`, and whatever `check` does.
        """
        while time.monotonic() < deadline:
            try:
                found = self.results.get(timeout=POLL_SECONDS)
            except queue.Empty:
                check()
                continue
            return found if found is not None else self._last_result()
        raise TimeoutError

    def _last_result(self) -> bytes:
        try:
            found = self.results.get(timeout=GONE_SECONDS)
        except queue.Empty:
            found = None
        if found is None:
            raise PageGone
        return found

    def content(self, name: str) -> Path | bytes | None:
        """Return what is served as `name`, None if nothing is."""
        if name in self.files:
            return self.files[name]
        folder, _, rest = name.partition("/")
        root = self.folders.get(folder)
        file = (root / rest).resolve() if root else None
        return file if root and file and file.is_relative_to(root) and file.is_file() else None


Order = Callable[[bytes, Check], tuple[int, bytes]]
"""What answers a guest's order: from the body and a check that the guest is still there to status and body."""


class PageServer:
    """Serves one run at a time; use as a context manager."""

    def __init__(self, idle: Path, order: Order) -> None:
        self.idle = idle
        self.order = order
        self.page_token = secrets.token_urlsafe(16)
        self.guest_token = secrets.token_urlsafe(16)
        self.closing = threading.Event()
        self.run: Run | None = None
        self.number = 0
        self._waiting: dict[str, queue.Queue[str]] = {}
        self._changed = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), self._handler())

    def __enter__(self) -> PageServer:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True, name="page server").start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    @property
    def address(self) -> str:
        """The server's own address, without a path."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def idle_url(self, browser: str) -> str:
        """Return where a browser waits for its next run; `browser` is its name."""
        return f"{self.address}/{self.page_token}/idle.html?{urllib.parse.quote(browser)}"

    def open(self, run: Run, browser: str, page: str, deadline: float, check: Check) -> None:
        """Send the waiting `browser` to the page `page` of a new run; raises `TimeoutError` if it doesn't wait."""
        with self._changed:
            while not self._changed.wait_for(lambda: browser in self._waiting, POLL_SECONDS):
                check()
                if time.monotonic() >= deadline:
                    raise TimeoutError
            self.number += 1
            self.run = run
            self._waiting.pop(browser).put(f"{self.address}/{self.page_token}/{self.number}/{page}")

    def wait_for_run(self, browser: str) -> queue.Queue[str]:
        """Note that a browser waits, and return where its next address will come."""
        with self._changed:
            self._waiting[browser] = queue.Queue()
            self._changed.notify_all()
            return self._waiting[browser]

    def forget(self, browser: str, waiting: queue.Queue[str] | None = None) -> None:
        """Note that a browser waits no more."""
        with self._changed:
            if waiting is None or self._waiting.get(browser) is waiting:
                self._waiting.pop(browser, None)

    def current(self, number: str) -> Run | None:
        """Return the run of that number if it is the present one."""
        return self.run if number == str(self.number) else None

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        return type("Handler", (_Handler,), {"pages": self})


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of connections that a browser dropped."""


class _Handler(http.server.BaseHTTPRequestHandler):
    pages: PageServer
    protocol_version = "HTTP/1.1"
    # Without this each small answer waits 40 ms for the acknowledgement of its own header.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        run, name = self._asked()
        query = urllib.parse.unquote(urllib.parse.urlsplit(self.path).query)
        if run is None:
            if name == "idle.html":
                self._send_file(self.pages.idle)
            elif name == "next":
                self._wait(query)
            else:
                self._send(404)
        elif name == "alive":
            self._hold(run)
        else:
            run.browser = _browser(self.headers.get("User-Agent", "")) or run.browser
            content = run.content(name)
            if isinstance(content, Path):
                self._send_file(content)
            else:
                self._send(404 if content is None else 200, content or b"", _type(name))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == f"/{self.pages.guest_token}/run":
            self._send(*self.pages.order(body, self._still_there))
            return
        run, name = self._asked()
        if run is not None and name == "result":
            run.results.put(body)
            browser = "firefox" if "Firefox" in self.headers.get("User-Agent", "") else "chromium"
            self._send(200, self.pages.idle_url(browser).encode(), "text/plain")
        elif run is not None and name == "log":
            run.log.append(body.decode("utf-8", "replace"))
            self._send(200)
        else:
            self._send(404)

    def log_message(self, format: str, *arguments: object) -> None:
        """Log nothing: every shard would be a line."""

    def _asked(self) -> tuple[Run | None, str]:
        """Return the run and the name in it that the path means; no run: a name of the server's own, or nothing."""
        token, _, rest = urllib.parse.unquote(urllib.parse.urlsplit(self.path).path).lstrip("/").partition("/")
        if token != self.pages.page_token:
            return None, ""
        number, _, name = rest.partition("/")
        return (self.pages.current(number), name) if name else (None, rest)

    def _wait(self, browser: str) -> None:
        """Keep a browser waiting until there is a run for it."""
        waiting = self.pages.wait_for_run(browser)
        try:
            while not self.pages.closing.is_set() and not self._gone():
                try:
                    self._send(200, waiting.get(timeout=POLL_SECONDS).encode(), "text/plain")
                    return
                except queue.Empty:
                    continue
        finally:
            self.pages.forget(browser, waiting)
        self.close_connection = True

    def _hold(self, run: Run) -> None:
        """Keep the request unanswered until its connection ends, then say that the page has gone."""
        self.close_connection = True
        while not self.pages.closing.is_set():
            if self._gone(POLL_SECONDS):
                run.results.put(None)
                return

    def _still_there(self) -> None:
        if self._gone():
            raise ConnectionAbortedError("whoever asked for this run has gone")

    def _gone(self, seconds: float = 0.0) -> bool:
        """Tell whether the other end has closed its connection."""
        if not select.select([self.connection], [], [], seconds)[0]:
            return False
        try:
            return not self.connection.recv(1, socket.MSG_PEEK)
        except OSError:
            return True

    def _send_file(self, path: Path) -> None:
        with path.open("rb") as file:
            self._head(200, path.stat().st_size, _type(path.name))
            self.wfile.flush()
            self.connection.sendfile(file)

    def _send(self, status: int, body: bytes = b"", content_type: str = "application/octet-stream") -> None:
        self._head(status, len(body), content_type)
        self.wfile.write(body)

    def _head(self, status: int, length: int, content_type: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": str(length), **HEADERS}.items():
            self.send_header(name, value)
        self.end_headers()


def _browser(user_agent: str) -> str:
    """Return `Chrome/147.0.0.0` of a browser's long name for itself, the most special of the names that it gives."""
    names = re.findall(r"(?:Edg|Firefox|(?:Headless)?Chrom\w+)/[\d.]+", user_agent)
    return str(names[-1]) if names else ""


def _type(path: str) -> str:
    return TYPES.get(Path(path).suffix, "application/octet-stream")
