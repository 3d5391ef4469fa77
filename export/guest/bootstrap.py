"""Run one guest script by path: `PYTHON -I bootstrap.py SCRIPT REQUEST RESPONSE`.

The wire format between host and guest, in one place:

* SCRIPT is a Python file that defines `main(request: dict, progress: Callable[[str], None]) -> dict`.  It runs in
  a toolchain's own interpreter and imports nothing of the host; `anyport_guest` and `anyport_tf`, which lie beside
  this file, are importable.
* REQUEST is a JSON object, handed to `main` as it is.  Tensors travel beside it, as `.npz` files named in it.
* RESPONSE is written when `main` ends: `{"ok": true, "result": …, "max_rss": BYTES}` or
  `{"ok": false, "error": {"kind": …, "message": …, "hint": …, "traceback": …}}`, where kind is `request`,
  `refused`, `failed` (see `anyport_guest.GuestError`) or `crashed` for an exception that nobody expected.
* Standard output carries progress, one JSON object a line: `{"step": TEXT}`.  Whatever the script or the libraries
  under it print goes to standard error, which the host keeps as the step's log.
* Standard input is a lifeline: when it ends, the host is gone and the guest ends itself.

`zygote.py` runs the same scripts with the same three arguments in forked children.
"""

from __future__ import annotations

import json
import os
import resource
import runpy
import sys
import threading
import traceback
from collections.abc import Callable
from typing import Any

HERE = os.path.dirname(os.path.abspath(__file__))


def run_script(script: str, request_path: str, response_path: str, emit: Callable[[dict[str, Any]], None]) -> int:
    """Run `main` of `script` and write its response; return the process's exit status, 0 or 1."""
    with open(request_path, encoding="utf-8") as file:
        request = json.load(file)
    sys.path[:0] = [path for path in (HERE, os.path.dirname(script)) if path not in sys.path]
    try:
        main = runpy.run_path(script)["main"]
        response = {"ok": True, "result": main(request, lambda step: emit({"step": step}))}
    except (Exception, SystemExit) as error:
        response = {"ok": False, "error": describe(error)}
    response["max_rss"] = max_rss()
    write_json(response_path, response)
    return 0 if response["ok"] else 1


def describe(error: BaseException) -> dict[str, str]:
    """Return an exception as the `error` member of a response."""
    text = traceback.format_exc()
    print(text, file=sys.stderr, flush=True)
    return {
        "kind": str(getattr(error, "kind", "crashed")),
        "message": str(error) if hasattr(error, "kind") else f"{type(error).__name__}: {error}",
        "hint": str(getattr(error, "hint", "")),
        "traceback": text,
    }


def max_rss() -> int:
    """Return this process's peak resident size in bytes (Linux counts in KiB, macOS in bytes)."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def write_json(path: str, value: Any) -> None:
    """Write `value` beside `path` and move it there, so that a reader never sees half a file."""
    partial = f"{path}.partial"
    with open(partial, "w", encoding="utf-8") as file:
        json.dump(value, file)
    os.replace(partial, path)


def take_standard_output() -> Callable[[dict[str, Any]], None]:
    """Keep standard output for progress alone and send every other print to standard error."""
    wire = os.fdopen(os.dup(1), "w", buffering=1, encoding="utf-8")
    os.dup2(2, 1)
    # By lines, as on a terminal: a guest that dies takes what is in its buffers with it.
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    return lambda event: print(json.dumps(event), file=wire, flush=True)


def end_with_host() -> None:
    """End this process as soon as standard input ends."""

    def watch() -> None:
        while os.read(0, 4096):
            pass
        os._exit(143)

    threading.Thread(target=watch, daemon=True, name="lifeline").start()


if __name__ == "__main__":
    emitter = take_standard_output()
    end_with_host()
    status = run_script(sys.argv[1], sys.argv[2], sys.argv[3], emitter)
    sys.stderr.flush()
    # Not sys.exit: the tear-down of TensorFlow's and the converters' threads has hung and crashed processes whose
    # work was done.
    os._exit(status)
