"""Make a picture of docs/browsers.md: `python tools/screenshots.py EXPORT NAME OUT [--query Q] [--width N] [--height N]`.

Serves an export and has a headless Firefox take a picture of the self-test page of the artifact NAME once it has ended.
Firefox takes its picture when everything has loaded; an image that the server holds back for `--seconds` is how it waits.
"""

from __future__ import annotations

import argparse
import functools
import http.server
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from anyport.guest.anyport_browser.places import find_firefox

ROOT = Path(__file__).resolve().parents[1]
FRAME = """<!doctype html><style>*{{margin:0}}iframe{{border:0;width:100vw;height:100vh}}</style>
<iframe src="/{page}"></iframe><img src="/held" hidden>"""


class _Handler(http.server.SimpleHTTPRequestHandler):
    def __init__(self, *arguments: object, page: str, seconds: float, directory: str) -> None:
        self.page = page
        self.seconds = seconds
        super().__init__(*arguments, directory=directory)  # type: ignore[arg-type]

    def do_GET(self) -> None:
        if self.path == "/held":
            time.sleep(self.seconds)
            self.send_error(404)
        elif self.path == "/frame":
            body = FRAME.format(page=self.page).encode()
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        else:
            super().do_GET()

    def log_message(self, format: str, *arguments: object) -> None:
        """Say nothing."""


def main() -> None:
    """Take one picture."""
    parser = argparse.ArgumentParser(description="Make a picture of a self-test page.")
    parser.add_argument("export", type=Path)
    parser.add_argument("name", help="the artifact's folder")
    parser.add_argument("out", type=Path, help="the PNG to write")
    parser.add_argument("--query", default="")
    parser.add_argument("--width", type=int, default=390)
    parser.add_argument("--height", type=int, default=844)
    parser.add_argument("--seconds", type=float, default=10.0)
    arguments = parser.parse_args()
    firefox = find_firefox()
    if firefox is None:
        parser.error("Firefox isn't installed")
    page = f"{arguments.name}/selftest.html{arguments.query}"
    handler = functools.partial(_Handler, page=page, seconds=arguments.seconds, directory=str(arguments.export))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    size = f"--window-size={arguments.width},{arguments.height}"
    with tempfile.TemporaryDirectory() as profile:
        command = [firefox, "--headless", "--no-remote", "--profile", profile, size]
        url = f"http://127.0.0.1:{server.server_address[1]}/frame"
        subprocess.run([*command, "--screenshot", str(arguments.out.resolve()), url], check=True, timeout=120)
    server.shutdown()


if __name__ == "__main__":
    main()
