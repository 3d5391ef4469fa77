"""ONNX: for onnxruntime and everything else that reads it."""

from __future__ import annotations

from pathlib import Path

from anyport.browsers import in_chromium, in_node, self_test
from anyport.graphics import lacks_nvidia
from anyport.protocols import Budget, Refinement, Runtime, Target, Toolchain

HERE = Path(__file__).parent

ONNXRUNTIME = Toolchain(
    name="onnxruntime",
    summary="onnxruntime, CPU",
    kind="python",
    lock=HERE / "onnxruntime.lock",
)

ONNXRUNTIME_CUDA = Toolchain(
    name="onnxruntime-cuda",
    summary="onnxruntime with CUDA and cuDNN, for NVIDIA's graphics processors",
    kind="python",
    lock=HERE / "onnxruntime_cuda.lock",
)
OPENVINO = Toolchain(
    name="openvino",
    summary="OpenVINO: ONNX on Intel's processors",
    kind="python",
    lock=HERE / "openvino.lock",
)
ONNXRUNTIME_WEB = Toolchain(
    name="onnxruntime-web",
    summary="onnxruntime for browsers, in WebAssembly and on WebGPU",
    kind="npm",
    lock=HERE / "onnxruntime_web",
)
ONNXRUNTIME_NODE = Toolchain(
    name="onnxruntime-node",
    summary="onnxruntime for JavaScript servers, CPU",
    kind="npm",
    lock=HERE / "onnxruntime_node",
    setup=HERE / "onnxruntime_node" / "prune.mjs",
)


def _in_browser(backend: str, summary: str, script: str, binary: str) -> Runtime:
    """Return a runtime of onnxruntime-web; its page brings the one binary of 14 or 27 MB that this backend needs."""
    files = (f"{script}.mjs", f"{binary}.mjs", f"{binary}.wasm")
    return in_chromium(
        name=f"ort-web-{backend}",
        summary=summary,
        library="onnxruntime-web",
        backend=backend,
        toolchain=ONNXRUNTIME_WEB,
        page=self_test(HERE / "engine.mjs", {name: f"onnxruntime-web/dist/{name}" for name in files}),
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
    cut=HERE / "cut.py",
    runtimes=(
        Runtime(
            name="onnxruntime",
            summary="onnxruntime's CPU provider, where no TensorFlow is",
            script=HERE / "run_onnxruntime.py",
            reproduce=HERE / "reproduce_onnxruntime.py.txt",
            toolchains=(ONNXRUNTIME,),
        ),
        Runtime(
            name="openvino",
            summary="OpenVINO on the CPU, in float32",
            script=HERE / "run_openvino.py",
            toolchains=(OPENVINO,),
            default=False,
        ),
        Runtime(
            name="onnxruntime-cuda",
            summary="onnxruntime's CUDA provider, in float32 (no TF32), on an NVIDIA GPU",
            script=HERE / "run_onnxruntime.py",
            toolchains=(ONNXRUNTIME_CUDA,),
            options={"provider": "CUDAExecutionProvider", "provider_options": {"use_tf32": "0"}},
            lacking=lacks_nvidia,
            default=False,
        ),
        in_node(
            name="ort-node",
            summary="onnxruntime's CPU provider in Node",
            library="onnxruntime-node",
            backend="cpu",
            toolchain=ONNXRUNTIME_NODE,
            page=self_test(HERE / "engine.mjs", {}, deployed=False),
        ),
        _in_browser(
            "wasm",
            "onnxruntime-web in a headless Chrome, Chromium or Edge, in WebAssembly",
            "ort.wasm.min",
            "ort-wasm-simd-threaded",
        ),
        _in_browser(
            "webgpu",
            "onnxruntime-web in a headless Chrome, Chromium or Edge, WebGPU on SwiftShader",
            "ort.webgpu.min",
            "ort-wasm-simd-threaded.asyncify",
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
