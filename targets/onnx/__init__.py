"""ONNX: for onnxruntime and everything else that reads it."""

from __future__ import annotations

from pathlib import Path

from anyport.protocols import Budget, Refinement, Runtime, Target, Toolchain

HERE = Path(__file__).parent

ONNXRUNTIME = Toolchain(
    name="onnxruntime",
    summary="onnxruntime, CPU",
    kind="python",
    lock=HERE / "onnxruntime.lock",
)

QUANTISER = Toolchain(
    name="onnx-quantiser",
    summary="onnxruntime.quantization: makes int8 of an ONNX file",
    kind="python",
    lock=HERE / "onnx_quantiser.lock",
)
REFINE = Refinement(script=HERE / "refine.py", toolchain=QUANTISER)

EIGHT_BITS = Budget(snr=25, channel_snr=10, cosine=0.995, top1=0.97, equal=0.9, accuracy=0.005)
"""See docs/quantisation.md for the measurements behind all budgets."""

TARGET = Target(
    name="onnx",
    summary="ONNX, for onnxruntime on servers and desktops",
    variants=("float32", "float16", "int8", "int8-dynamic"),
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
    calibrated=("int8",),
    refinements={"int8": REFINE, "int8-dynamic": REFINE},
    budgets={
        "float16": Budget(snr=35, channel_snr=30, cosine=0.999, top1=0.99, equal=0.99, accuracy=0.005),
        "int8": EIGHT_BITS,
        "int8-dynamic": EIGHT_BITS,
    },
    settings={"opset": (13, 18)},
)
