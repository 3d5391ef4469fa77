"""TFLite: for phones, boards and, later, microcontrollers."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from anyport.browsers import in_chromium, self_test
from anyport.protocols import Budget, Runtime, Target, Toolchain
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


ARMV7_COARSENESS = 4.0
"""32-bit NEON has no fused multiply-add, and XNNPACK's sigmoid and tanh are coarser for it: the zoo's lstm_text is 26 times its
noise away on armv7, once on aarch64 (tflite-runtime 2.14.0).  The self-test knows it by `platform.machine()`."""


def _on_arm(name: str, toolchain: Toolchain, package: str, machine: str, coarseness: float = 1.0) -> Runtime:
    """Return a runtime on an emulated board; `machine` is what its `uname -m` has to say."""
    return Runtime(
        name=name,
        summary=f"{package} on an emulated {machine}",
        script=HERE / "run_interpreter.py",
        toolchains=(toolchain,),
        options={"package": package, "machine": machine},
        default=False,
        emulated=True,
        coarseness=coarseness,
    )


EIGHT_BITS = Budget(snr=25, channel_snr=10, cosine=0.995, top1=0.97, equal=0.9, accuracy=0.005)
"""See docs/quantisation.md for the measurements behind all budgets."""

LITERTJS = Toolchain(
    name="litertjs",
    summary="LiteRT.js: TFLite files in browsers, in WebAssembly and on WebGPU",
    kind="npm",
    lock=HERE / "litertjs",
)
NO_INT8 = "LiteRT.js 2.5.3 has tensors of float32, int32 and uint8 alone; int8-float-io runs in it"
WRONG_INT16 = (
    "LiteRT.js 2.5.3 computes integers of 16 bits wrongly on WebGPU, without an error: the zoo's mobilenet_v2 has 6 dB there"
    " and subclassed -6 dB, where its WebAssembly has 20 and 45; run it in that"
)
LITERTJS_LIBRARIES = {
    "litert.js": "@litertjs/core/dist/index.js",
    "wasm-utils.js": "@litertjs/wasm-utils/dist/index.js",
}


def _in_browser(backend: str, summary: str, builds: tuple[str, ...]) -> Runtime:
    """Return a runtime of LiteRT.js; its page brings the builds (9 MB each) of which the browser takes the one it can run."""
    names = [f"litert_wasm_{build}internal.{kind}" for build in builds for kind in ("js", "wasm")]
    libraries = {**LITERTJS_LIBRARIES, **{name: f"@litertjs/core/wasm/{name}" for name in names}}
    runtime = in_chromium(
        name=f"litertjs-{backend}",
        summary=summary,
        library="LiteRT.js",
        backend=backend,
        toolchain=LITERTJS,
        cannot={"int8": NO_INT8, **({"int16x8": WRONG_INT16} if backend == "webgpu" else {})},
        page=self_test(HERE / "engine.mjs", libraries),
    )
    return dataclasses.replace(runtime, rows=1)


TARGET = Target(
    name="tflite",
    summary="TFLite flatbuffer, for phones, IoT boards and microcontrollers",
    variants=("float32", "float16", "dynamic", "int8", "int8-float-io", "int16x8"),
    convert=HERE / "convert.py",
    preflight=HERE / "preflight.py",
    cut=HERE / "cut.py",
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
            reproduce=HERE / "reproduce_interpreter.py.txt",
        ),
        Runtime(
            name="tflite-runtime",
            summary="tflite-runtime 2.14.0, where no TensorFlow is",
            script=HERE / "run_interpreter.py",
            toolchains=(TFLITE_RUNTIME,),
            options={"package": "tflite-runtime"},
            reproduce=HERE / "reproduce_interpreter.py.txt",
        ),
        Runtime(
            name="litert-compiled",
            summary="ai-edge-litert's CompiledModel (XNNPACK), which is to follow the Interpreter; static shapes",
            script=HERE / "run_compiled.py",
            toolchains=(LITERT,),
            default=False,
        ),
        _on_arm("armv7", ARMV7, "tflite-runtime", "armv7l", ARMV7_COARSENESS),
        _on_arm("aarch64", AARCH64, "tflite-runtime", "aarch64"),
        _on_arm("aarch64-litert", AARCH64, "ai-edge-litert", "aarch64"),
        Runtime(
            name="tflm",
            summary="TensorFlow Lite Micro, with the arena it takes; a microcontroller's kernels on this machine",
            script=HERE / "run_tflm.py",
            toolchains=(TFLM,),
            sources=tflm_sources.sources,
            rows=1,
            cannot={
                "float16": "it has no kernels that read float16 weights",
                "dynamic": "it computes with 8-bit weights only where the activations have 8 bits too",
            },
            default=False,
        ),
        _in_browser(
            "wasm", "LiteRT.js in a headless Chrome, Chromium or Edge, in WebAssembly; static shapes", ("", "compat_")
        ),
        _in_browser(
            "webgpu",
            "LiteRT.js in a headless Chrome, Chromium or Edge, WebGPU on SwiftShader; static shapes",
            ("", "compat_", "jspi_"),
        ),
    ),
)
