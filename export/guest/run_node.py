"""Guest script: run an artifact in Node, for every target that has an engine for it.  No browser is started.

Request: `artifact` (its folder), `contract`, `signatures` (as `convert.py` returned them), `samples`, `outputs` (the
`.npz` to write), `page` (path → file: the self-test page, whose modules run here as well), `toolchains` (one: the folder
with `node_modules`) and `options`: `backend`, `library` (its name, for messages) and `timeout` (seconds).  Result: `runtime`,
`version`, `backend`, `details` and `seconds` (`load`, `first`, `warm`).  Runs in the host's Python.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anyport_browser import frame, leash
from anyport_guest import GuestError, Progress, write_calls

MAIN = Path(__file__).parent / "node_main.mjs"
MODULES = "selftest/"
"""Where the page's modules lie in an artifact; they import one another from one folder."""


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Run every sample; see the module's docstring."""
    progress("running in Node")
    with tempfile.TemporaryDirectory(prefix="anyport-node-") as name:
        folder = Path(name)
        _lay_out(request["page"], folder)
        manifest, result = folder / "manifest.json", folder / "result.bin"
        manifest.write_text(json.dumps({key: request[key] for key in ("contract", "signatures")}), encoding="utf-8")
        options = request["options"]
        (toolchain,) = request["toolchains"].values()
        arguments = [folder, toolchain, options["backend"], request["artifact"], manifest]
        # A little less than the host's time: who ends it here can say what it was doing.
        _run([*arguments, request["samples"], result], 0.9 * float(options.get("timeout") or 600))
        header, outputs = frame.unpack(result.read_bytes(), request["contract"], options["library"])
    write_calls(request["outputs"], outputs=outputs)
    return {
        "runtime": f"{options['library']} in Node",
        "version": header["version"],
        "backend": header["backend"],
        "details": header["details"],
        "seconds": header["seconds"],
    }


def _lay_out(page: Mapping[str, str], folder: Path) -> None:
    """Put the page's modules into one folder, as in an artifact."""
    for name, file in page.items():
        if name.startswith(MODULES) and "/" not in name.removeprefix(MODULES):
            shutil.copyfile(file, folder / name.removeprefix(MODULES))


def _run(arguments: list[Path | str], timeout: float) -> None:
    """Run `node_main.mjs` to its end; raise `GuestError` if that comes too late or with no result."""
    with leash.start(["node", str(MAIN), *map(str, arguments)]) as process:
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise GuestError(f"Node did not answer in {timeout:.0f} seconds", "Allow more: --timeout.") from error
    if status:
        how = f"was ended by signal {status - 128}" if status > 128 else f"ended with status {status}"
        raise GuestError(f"Node {how} before it had a result")
