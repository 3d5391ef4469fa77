"""ONNX: for onnxruntime and everything else that reads it."""

from __future__ import annotations

from pathlib import Path

from anyport.protocols import Runtime, Target, Toolchain

HERE = Path(__file__).parent

ONNXRUNTIME = Toolchain(
    name="onnxruntime",
    summary="onnxruntime, CPU",
    kind="python",
    lock=HERE / "onnxruntime.lock",
)

TARGET = Target(
    name="onnx",
    summary="ONNX, for onnxruntime on servers and desktops",
    variants=("float32",),
    convert=HERE / "convert.py",
    preflight=HERE / "preflight.py",
    runtimes=(
        Runtime(
            name="onnxruntime",
            summary="onnxruntime's CPU provider, where no TensorFlow is",
            script=HERE / "run_onnxruntime.py",
            toolchains=(ONNXRUNTIME,),
        ),
    ),
    preload=("tf2onnx",),
)
