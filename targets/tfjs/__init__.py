"""TF.js graph models: for browsers, and for JavaScript on servers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anyport.protocols import Budget, Runtime, Target, Toolchain
from anyport.targets.tfjs.tfjs_browser import find_browser

HERE = Path(__file__).parent

LIBRARY = Toolchain(
    name="tfjs",
    summary="TF.js: the graph model executor and the wasm backend, for Node and for the page",
    kind="npm",
    lock=HERE / "node",
)
BROWSER = Toolchain(
    name="tfjs-browser",
    summary="a Chromium without root, for machines that have no browser",
    kind="npm",
    lock=HERE / "browser",
    setup=HERE / "browser" / "unpack.mjs",
)


def _own_browser() -> Mapping[str, Any] | None:
    """Return the user's own browser as the option that `run_chromium.py` takes, None if there is none."""
    found = find_browser()
    return {"browser": found} if found else None


TARGET = Target(
    name="tfjs",
    summary="TF.js graph model, for browsers and Node",
    variants=("float32", "float16", "uint8", "uint16"),
    convert=HERE / "convert.py",
    preflight=HERE / "preflight.py",
    budgets={
        "float16": Budget(snr=35, channel_snr=30, cosine=0.999, top1=0.99, equal=0.99, accuracy=0.005),
        "uint8": Budget(snr=25, channel_snr=10, cosine=0.995, top1=0.97, equal=0.9, accuracy=0.005),
        "uint16": Budget(snr=50, channel_snr=40, cosine=0.9999, top1=0.99, equal=0.99, accuracy=0.005),
    },
    runtimes=(
        Runtime(
            name="node",
            summary="TF.js in Node, wasm backend: the fast tier",
            script=HERE / "run_node.py",
            interpreter="host",
            toolchains=(LIBRARY,),
            needs=("node",),
        ),
        Runtime(
            name="chromium",
            summary="TF.js in a headless Chrome, Chromium or Edge, wasm backend",
            script=HERE / "run_chromium.py",
            interpreter="host",
            toolchains=(LIBRARY, BROWSER),
            local=_own_browser,
            spares=(BROWSER.name,),
        ),
    ),
)
