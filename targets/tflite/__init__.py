"""TFLite: for phones, boards and, later, microcontrollers."""

from __future__ import annotations

from pathlib import Path

from anyport.protocols import Budget, Runtime, Target, Toolchain

HERE = Path(__file__).parent

LITERT = Toolchain(
    name="litert",
    summary="ai-edge-litert, the TFLite interpreter of today's phones and boards",
    kind="python",
    lock=HERE / "litert.lock",
)
TFLITE_RUNTIME = Toolchain(
    name="tflite-runtime",
    summary="tflite-runtime 2.14.0, the last of its name: what most boards in the field run",
    kind="python",
    lock=HERE / "tflite_runtime.lock",
)

EIGHT_BITS = Budget(snr=25, channel_snr=10, cosine=0.995, top1=0.97, equal=0.9, accuracy=0.005)
"""See docs/quantisation.md for the measurements behind all budgets."""

TARGET = Target(
    name="tflite",
    summary="TFLite flatbuffer, for phones, IoT boards and microcontrollers",
    variants=("float32", "float16", "dynamic", "int8", "int8-float-io", "int16x8"),
    convert=HERE / "convert.py",
    preflight=HERE / "preflight.py",
    calibrated=("int8", "int8-float-io", "int16x8"),
    budgets={
        "float16": Budget(snr=35, channel_snr=30, cosine=0.999, top1=0.99, equal=0.99, accuracy=0.005),
        "dynamic": EIGHT_BITS,
        "int8": EIGHT_BITS,
        "int8-float-io": EIGHT_BITS,
        "int16x8": Budget(snr=30, channel_snr=15, cosine=0.999, top1=0.98, equal=0.95, accuracy=0.005),
    },
    runtimes=(
        Runtime(
            name="litert",
            summary="ai-edge-litert's Interpreter (XNNPACK), where no TensorFlow is",
            script=HERE / "run_interpreter.py",
            toolchains=(LITERT,),
            options={"package": "ai-edge-litert"},
        ),
        Runtime(
            name="tflite-runtime",
            summary="tflite-runtime 2.14.0, where no TensorFlow is",
            script=HERE / "run_interpreter.py",
            toolchains=(TFLITE_RUNTIME,),
            options={"package": "tflite-runtime"},
        ),
    ),
)
