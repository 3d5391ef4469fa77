"""Guest script: run TF.js graph models in a headless Chromium (Chrome, Chromium or Edge), on the wasm backend.

Request: `artifact` (its folder), `contract`, `signatures` (as `convert.py` returned them), `samples`, `outputs` (the
`.npz` to write), `toolchains` (`tfjs`: the folder with `node_modules`; `chromium`: the one with our Chromium, needed
only where `options.browser` is not given) and `options`: `browser` (path of the user's own) and `timeout` (seconds).
Result: `runtime`, `version` (TF.js' and the browser's), `backend` and `seconds` (`load`, `first`, `warm`).

Runs in the host's Python.  The browser opens one page of a loopback server; no driver library, no debugging port.
Whatever ends this guest ends the browser and removes its profile (see `anyport_browser/leash.py`).
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

import tfjs_job

from anyport_browser import leash, places
from anyport_browser.server import JobServer, PageGone
from anyport_guest import GuestError, Progress, read_calls, write_calls

HERE = Path(__file__).parent
SCRIPTS = ("page.html", "page.mjs", "runner.mjs")
END_SECONDS = 10.0


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Run every sample; see the module's docstring."""
    progress("running in Chromium")
    calls = read_calls(request["samples"], "inputs")
    job, inputs = tfjs_job.pack(request["signatures"], calls, "artifact/")
    folders = {"artifact": Path(request["artifact"]), "npm": Path(request["toolchains"]["tfjs"], "node_modules")}
    pages: dict[str, Path | bytes] = {name: HERE / name for name in SCRIPTS}
    with JobServer(folders, {**pages, "job.json": job, "inputs.bin": inputs}) as server:
        frame, browser = _run(server, request["options"], request["toolchains"].get("chromium"))
    result = tfjs_job.unpack(frame, request["contract"])
    write_calls(request["outputs"], outputs=result.outputs)
    return {
        "runtime": "tfjs-chromium",
        "version": f"{result.version}, {browser}",
        "backend": result.header["backend"],
        "seconds": result.header["seconds"],
    }


def _run(server: JobServer, options: dict[str, Any], toolchain: str | None) -> tuple[bytes, str]:
    """Open the page and return its frame and what the browser calls itself; the browser is gone afterwards."""
    # The leash removes the profile as well, for when this guest can't.
    with tempfile.TemporaryDirectory(prefix="anyport-chromium-", ignore_cleanup_errors=True) as profile:
        command = _command(options.get("browser"), toolchain, profile, server.url("page.html"))
        process = leash.start(command, profile)
        try:
            return _wait(server, process, tfjs_job.seconds(options)), server.browser
        finally:
            _end(process)


def _wait(server: JobServer, process: subprocess.Popen[bytes], timeout: float) -> bytes:
    """Return the page's frame; raise `GuestError` that says who ended if there is none."""
    try:
        return server.result(timeout, lambda: _check(process))
    except TimeoutError as error:
        raise GuestError(f"Chromium gave no result in {timeout:.0f} seconds", "Allow more: --timeout.") from error
    except PageGone as error:
        _check(process)
        raise GuestError("the tab crashed before it had a result; wasm has at most 4 GB") from error


def _command(browser: str | None, toolchain: str | None, profile: str, url: str) -> list[str]:
    try:
        return places.command(browser, toolchain, profile, url)
    except FileNotFoundError as error:
        raise GuestError(
            str(error), "Name a browser in ANYPORT_BROWSER, or type: anyport toolchain install."
        ) from error


def _check(process: subprocess.Popen[bytes]) -> None:
    if (status := process.poll()) is not None:
        how = f"was ended by signal {status - 128}" if status > 128 else f"ended with status {status}"
        raise GuestError(f"the browser {how} before it had a result", "Its own words are in the log.")


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.wait(END_SECONDS)
