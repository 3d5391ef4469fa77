"""TFLite: for phones, boards and, later, microcontrollers."""

from __future__ import annotations

from pathlib import Path

from anyport.browsers import in_chromium, self_test
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

LITERTJS = Toolchain(
    name="litertjs",
    summary="LiteRT.js: TFLite files in browsers, in WebAssembly and on WebGPU",
    kind="npm",
    lock=HERE / "litertjs",
)
LITERTJS_LIBRARIES = {
    "litert.js": "@litertjs/core/dist/index.js",
    "wasm-utils.js": "@litertjs/wasm-utils/dist/index.js",
}


def _in_browser(backend: str, summary: str, builds: tuple[str, ...]) -> Runtime:
    """Return a runtime of LiteRT.js; its page brings the builds (9 MB each) of which the browser takes the one it can run."""
    names = [f"litert_wasm_{build}internal.{kind}" for build in builds for kind in ("js", "wasm")]
    libraries = {**LITERTJS_LIBRARIES, **{name: f"@litertjs/core/wasm/{name}" for name in names}}
    return in_chromium(
        name=f"litertjs-{backend}",
        summary=summary,
        library="LiteRT.js",
        backend=backend,
        toolchain=LITERTJS,
        page=self_test(HERE / "engine.mjs", libraries),
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
