"""A loopback HTTP server that hands a page its job and takes its result: all that stands for a browser's driver.

`JobServer` serves files and bytes below a path that only the page knows, so that no other page or user of the machine
reads the model.  The page fetches, runs, and posts to `result`; it posts what it prints to `log`; and it asks for
`alive`, which is never answered: that connection ends when the page does.
"""

from __future__ import annotations

import http.server
import queue
import re
import secrets
import select
import socket
import sys
import threading
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


class PageGone(Exception):
    """The page's connection ended without a result: its tab crashed or was closed."""


class JobServer:
    """One job for one page; use as a context manager, then wait for `result`."""

    def __init__(self, folders: Mapping[str, Path], files: Mapping[str, Path | bytes]) -> None:
        """Serve each folder of `folders` below its name, and each of `files` as its name."""
        self.folders = {name: folder.resolve() for name, folder in folders.items()}
        self.files = files
        self.results: queue.Queue[bytes | None] = queue.Queue()
        self.token = secrets.token_urlsafe(16)
        self.closing = threading.Event()
        self.browser = "unknown browser"
        """What the browser calls itself, once it has asked for the page."""
        self._server = _Server(("127.0.0.1", 0), self._handler())

    def __enter__(self) -> JobServer:
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True, name="job server").start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()

    def url(self, path: str) -> str:
        """Return the address of something that is served."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/{self.token}/{path}"

    def result(self, timeout: float, check: Callable[[], None]) -> bytes:
        """Wait for the page's result, calling `check` meanwhile, which raises if there is no point in waiting.

        Raises `TimeoutError` and `PageGone`.
        """
        waits = int(timeout / POLL_SECONDS) + 1
        for _ in range(waits):
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

    def content(self, path: str) -> Path | bytes | None:
        """Return what is served as `path` (below the token), None if nothing is."""
        token, _, name = urllib.parse.unquote(urllib.parse.urlsplit(path).path).lstrip("/").partition("/")
        if token != self.token:
            return None
        if name in self.files:
            return self.files[name]
        folder, _, rest = name.partition("/")
        root = self.folders.get(folder)
        file = (root / rest).resolve() if root else None
        return file if root and file and file.is_relative_to(root) and file.is_file() else None

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        return type("Handler", (_Handler,), {"job": self})


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of connections that a browser dropped."""


class _Handler(http.server.BaseHTTPRequestHandler):
    job: JobServer
    protocol_version = "HTTP/1.1"
    # Without this each small answer waits 40 ms for the acknowledgement of its own header.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        if self.path == f"/{self.job.token}/alive":
            self._hold()
            return
        content = self.job.content(self.path)
        self.job.browser = _browser(self.headers.get("User-Agent", "")) or self.job.browser
        if isinstance(content, Path):
            self._send_file(content)
        else:
            self._send(404 if content is None else 200, content or b"", _type(self.path))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.path == f"/{self.job.token}/result":
            self.job.results.put(body)
            self._send(200, b"", "text/plain")
        elif self.path == f"/{self.job.token}/log":
            print("page:", body.decode("utf-8", "replace"), file=sys.stderr, flush=True)
            self._send(200, b"", "text/plain")
        else:
            self._send(404, b"", "text/plain")

    def log_message(self, format: str, *arguments: object) -> None:
        """Log nothing: every shard would be a line."""

    def _hold(self) -> None:
        """Keep the request unanswered until its connection ends, then say that the page has gone."""
        self.close_connection = True
        while not self.job.closing.is_set():
            if select.select([self.connection], [], [], POLL_SECONDS)[0] and not self._peek():
                self.job.results.put(None)
                return

    def _peek(self) -> bytes:
        try:
            return bytes(self.connection.recv(1, socket.MSG_PEEK))
        except OSError:
            return b""

    def _send_file(self, path: Path) -> None:
        with path.open("rb") as file:
            self._head(200, path.stat().st_size, _type(path.name))
            self.wfile.flush()
            self.connection.sendfile(file)

    def _send(self, status: int, body: bytes, content_type: str) -> None:
        self._head(status, len(body), content_type)
        self.wfile.write(body)

    def _head(self, status: int, length: int, content_type: str) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": content_type, "Content-Length": str(length), **HEADERS}.items():
            self.send_header(name, value)
        self.end_headers()


def _browser(user_agent: str) -> str:
    """Return `Chrome/147.0.0.0` of a browser's long name for itself, the most special of the names that it gives."""
    names = re.findall(r"(?:Edg|(?:Headless)?Chrom\w+)/[\d.]+", user_agent)
    return str(names[-1]) if names else ""


def _type(path: str) -> str:
    return TYPES.get(Path(path).suffix, "application/octet-stream")
