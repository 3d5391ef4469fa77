"""TF.js graph models: for browsers, and JavaScript on servers."""

from __future__ import annotations

from pathlib import Path

from anyport.protocols import Runtime, Target, Toolchain

HERE = Path(__file__).parent

NODE = Toolchain(
    name="tfjs-node",
    summary="TF.js and its wasm backend, for Node and for the page",
    kind="npm",
    lock=HERE / "node",
)

TARGET = Target(
    name="tfjs",
    summary="TF.js graph model, for browsers and Node",
    variants=("float32",),
    convert=HERE / "convert.py",
    runtimes=(),
)
