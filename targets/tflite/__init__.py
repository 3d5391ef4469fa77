"""TFLite: for phones, boards and, later, microcontrollers."""

from __future__ import annotations

from pathlib import Path

from anyport.protocols import Runtime, Target, Toolchain

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

TARGET = Target(
    name="tflite",
    summary="TFLite flatbuffer, for phones, IoT boards and microcontrollers",
    variants=("float32",),
    convert=HERE / "convert.py",
    preflight=HERE / "preflight.py",
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
