"""`anyport doctor`: what is missing on this machine, and the command that cures it."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
from typing import Any

from anyport.cli._common import print_json

NODE_AT_LEAST = 20
ROOM_BYTES = 4 * 2**30
"""What all toolchains together take, and the packages fetched for them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    found = [_python(), _node(), _room(), *_toolchains(), *_browser()]
    if arguments.json:
        print_json(found)
    else:
        for item in found:
            print(f"{'ok  ' if item['ok'] else 'lack'}  {item['what']}: {item['found']}")
            if item["cure"]:
                print(f"      {item['cure']}")
    return 0 if all(item["ok"] for item in found) else 4


def _item(what: str, ok: bool, found: str, cure: str = "") -> dict[str, Any]:
    return {"what": what, "ok": ok, "found": found, "cure": "" if ok else cure}


def _python() -> dict[str, Any]:
    from anyport.models import TENSORFLOW

    command = [sys.executable, "-m", "uv", "--no-config", "python", "find", "--no-project", TENSORFLOW.python]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    cure = f"Install Python {TENSORFLOW.python}: {sys.executable} -m uv python install {TENSORFLOW.python}"
    return _item(
        f"Python {TENSORFLOW.python} for the toolchains", answer.returncode == 0, answer.stdout.strip() or "none", cure
    )


def _node() -> dict[str, Any]:
    program = shutil.which("node")
    version = ""
    if program:
        version = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout.strip()
    number = version.lstrip("v").split(".")[0]
    fine = number.isdigit() and int(number) >= NODE_AT_LEAST and shutil.which("npm") is not None
    return _item(
        "Node.js 20 or newer, with npm", fine, version or "none", "Install Node.js 20 or newer (it brings npm)."
    )


def _room() -> dict[str, Any]:
    from anyport import toolchains

    folder = toolchains.root()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    enough = free >= ROOM_BYTES or all(item["ok"] for item in _toolchains())
    return _item(
        "room for the toolchains",
        enough,
        f"{free / 2**30:.0f} GiB free in {folder}",
        "Set ANYPORT_TOOLCHAINS to a folder with 4 GiB free.",
    )


def _toolchains() -> list[dict[str, Any]]:
    from anyport import toolchains
    from anyport.cli.toolchain import needed

    return [
        _item(
            f"toolchain {toolchain.name}",
            toolchains.find(toolchain) is not None,
            "provisioned" if toolchains.find(toolchain) else "not provisioned yet",
            f"anyport toolchain install {toolchain.name}",
        )
        for toolchain in needed()
    ]


def _browser() -> list[dict[str, Any]]:
    from anyport import targets

    found = {}
    for target in targets.registry().values():
        for runtime in target.runtimes:
            if runtime.spares:
                names, local = ", ".join(runtime.spares), runtime.local()
                what = ", ".join(str(value) for value in local.values()) if local else f"none; {names} stands in"
                # Many runtimes share one browser.
                found[f"{names}, this machine's own"] = what
    return [_item(name, True, what) for name, what in found.items()]
