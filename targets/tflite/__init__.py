"""TFLite: for phones, boards and, later, microcontrollers."""

from __future__ import annotations

from pathlib import Path

from anyport.protocols import Runtime, Target, Toolchain
from anyport.targets.tflite import tflm_sources

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
ARMV7 = Toolchain(
    name="armv7",
    summary="a 32-bit ARM board (Cortex-A7, armv7l) under qemu: Debian 12 with tflite-runtime 2.14.0",
    kind="emulated",
    lock=HERE / "armv7.lock",
    machine=HERE / "armv7.json",
)
AARCH64 = Toolchain(
    name="aarch64",
    summary="a 64-bit ARM board (Cortex-A72, aarch64) under qemu: Debian 12 with tflite-runtime 2.14.0 and ai-edge-litert",
    kind="emulated",
    lock=HERE / "aarch64.lock",
    machine=HERE / "aarch64.json",
)
TFLM = Toolchain(
    name="tflm",
    summary="TensorFlow Lite Micro, the interpreter of microcontrollers, built for this machine",
    kind="python",
    lock=HERE / "tflm.lock",
)


def _on_arm(name: str, toolchain: Toolchain, package: str, machine: str) -> Runtime:
    """Return a runtime on an emulated board; `machine` is what its `uname -m` has to say."""
    return Runtime(
        name=name,
        summary=f"{package} on an emulated {machine}",
        script=HERE / "run_interpreter.py",
        toolchains=(toolchain,),
        options={"package": package, "machine": machine},
        default=False,
        emulated=True,
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
        _on_arm("armv7", ARMV7, "tflite-runtime", "armv7l"),
        _on_arm("aarch64", AARCH64, "tflite-runtime", "aarch64"),
        _on_arm("aarch64-litert", AARCH64, "ai-edge-litert", "aarch64"),
        Runtime(
            name="tflm",
            summary="TensorFlow Lite Micro, with the arena it takes; a microcontroller's kernels on this machine",
            script=HERE / "run_tflm.py",
            toolchains=(TFLM,),
            sources=tflm_sources.sources,
            default=False,
        ),
    ),
)
