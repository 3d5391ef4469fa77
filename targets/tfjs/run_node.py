"""Guest script: run TF.js graph models in Node, on the wasm backend.  The fast tier: no browser is started.

Request: `artifact` (its folder), `contract`, `signatures` (as `convert.py` returned them), `samples`, `outputs` (the
`.npz` to write), `toolchains` (`tfjs`: the folder with `node_modules`) and `options.timeout` (seconds).  Result:
`runtime`, `version`, `backend` and `seconds` (`load`, `first`, `warm`).  Runs in the host's Python.
"""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

import tfjs_job

from anyport_browser import leash
from anyport_guest import GuestError, Progress, read_calls, write_calls

HERE = Path(__file__).parent
BASE_URL = "http://artifact/"
"""Answered by files; TF.js wants a scheme that it knows."""


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Run every sample; see the module's docstring."""
    progress("running in Node")
    calls = read_calls(request["samples"], "inputs")
    job, inputs = tfjs_job.pack(request["signatures"], calls, BASE_URL)
    with tempfile.TemporaryDirectory(prefix="anyport-node-") as folder:
        paths = [Path(folder, name) for name in ("job.json", "inputs.bin", "result.bin")]
        paths[0].write_bytes(job)
        paths[1].write_bytes(inputs)
        _run(
            [request["toolchains"]["tfjs"], request["artifact"], *map(str, paths)], tfjs_job.seconds(request["options"])
        )
        result = tfjs_job.unpack(paths[2].read_bytes(), request["contract"])
    write_calls(request["outputs"], outputs=result.outputs)
    return {
        "runtime": "tfjs-node",
        "version": result.version,
        "backend": result.header["backend"],
        "seconds": result.header["seconds"],
    }


def _run(arguments: list[str], timeout: float) -> None:
    """Run `node_main.mjs` to its end; raise `GuestError` if that comes too late or with no result."""
    with leash.start(["node", str(HERE / "node_main.mjs"), *arguments]) as process:
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise GuestError(f"Node did not answer in {timeout:.0f} seconds", "Allow more: --timeout.") from error
    if status:
        how = f"was ended by signal {status - 128}" if status > 128 else f"ended with status {status}"
        raise GuestError(f"Node {how} before it had a result")
