"""Guest script: run an artifact in a browser, on its own self-test page, for every target that has one.

Request: `artifact` (its folder), `contract`, `signatures` (as the converter returned them), `samples`, `outputs` (the
`.npz` to write), `page` (path below the artifact → file: the self-test page with its libraries), `browsers` (address of the
browser service), `toolchains` (`chromium`, where the machine has no browser) and `options`: `backend`, `library` (its name,
for messages), `kind` (`chromium` or `firefox`), `browser` (path of the user's own) and `timeout` (seconds).  Result:
`runtime`, `version` (the library's and the browser's), `backend` (with the renderer or processor), `details` and `seconds`
(`load`, `first`, `warm`).

Runs in the host's Python.  The files of the page are ours and the toolchain's, not the artifact's copies of them: a check
proves the artifact.
"""

from __future__ import annotations

import http.client
import json
import sys
import urllib.parse
from collections.abc import Mapping
from typing import Any

from anyport_browser import frame
from anyport_guest import GuestError, Progress, write_calls

FOLDER = "artifact"
"""What the artifact's folder is called where it is served."""
GRACE_SECONDS = 60.0
"""How much longer than the page's own time its answer may take: the service says what happened, and starts browsers."""


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Run every sample; see the module's docstring."""
    options = request["options"]
    progress(f"running in {options['kind']}")
    head, body = _order(request["browsers"], _page(request))
    for line in head.get("log", []):
        print("page:", line, file=sys.stderr)
    if "browser" not in head:
        raise GuestError(head.get("error", "the browser service gave no answer"), head.get("hint", ""))
    header, outputs = frame.unpack(body, request["contract"], options["library"])
    write_calls(request["outputs"], outputs=outputs)
    details = header["details"]
    where = details.get("renderer") or details.get("processor") or ""
    threads = f" ×{details['threads']}" if details.get("threads", 1) > 1 else ""
    return {
        "runtime": f"{options['library']} in {options['kind']}",
        "version": f"{header['version']}, {head['browser']}",
        "backend": f"{header['backend']} ({where}{threads})" if where else header["backend"],
        "details": details,
        "seconds": header["seconds"],
    }


def _page(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return the order for the browser service: the export as the page expects it around itself."""
    options = request["options"]
    artifact = {"path": FOLDER, "signatures": request["signatures"]}
    query = urllib.parse.urlencode({"backend": options["backend"], "job": 1})
    return {
        "browser": options["kind"],
        "program": options.get("browser"),
        "toolchain": request["toolchains"].get("chromium"),
        "page": f"{FOLDER}/selftest.html?{query}",
        "folders": {FOLDER: request["artifact"]},
        "files": {"samples.npz": request["samples"], **{f"{FOLDER}/{k}": v for k, v in request["page"].items()}},
        "texts": {"anyport.json": json.dumps({"contract": request["contract"], "artifacts": [artifact]})},
        # A little less than the host's: the service can say what the page was doing.
        "timeout": 0.9 * float(options.get("timeout") or 600),
    }


def _order(service: str, order: Mapping[str, Any]) -> tuple[dict[str, Any], bytes]:
    """Send an order and return the head and the rest of the answer."""
    address = urllib.parse.urlsplit(service)
    connection = http.client.HTTPConnection(
        str(address.hostname), address.port, timeout=order["timeout"] + GRACE_SECONDS
    )
    try:
        connection.request("POST", f"{address.path}run", json.dumps(order))
        head, _, body = connection.getresponse().read().partition(b"\n")
        return dict(json.loads(head)), body
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise GuestError("the process that keeps the browsers ended before it had a result") from error
    finally:
        connection.close()
