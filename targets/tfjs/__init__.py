"""TF.js graph models: for browsers, and for JavaScript on servers."""

from __future__ import annotations

from pathlib import Path

from anyport.browsers import CHROMIUM, own_browser
from anyport.protocols import Runtime, Target, Toolchain

HERE = Path(__file__).parent

LIBRARY = Toolchain(
    name="tfjs",
    summary="TF.js: the graph model executor and the wasm backend, for Node and for the page",
    kind="npm",
    lock=HERE / "node",
)

TARGET = Target(
    name="tfjs",
    summary="TF.js graph model, for browsers and Node",
    variants=("float32",),
    convert=HERE / "convert.py",
    preflight=HERE / "preflight.py",
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
            toolchains=(LIBRARY, CHROMIUM),
            local=own_browser,
            spares=(CHROMIUM.name,),
        ),
    ),
)
