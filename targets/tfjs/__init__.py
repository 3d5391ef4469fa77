"""TF.js graph models: for browsers, and for JavaScript on servers."""

from __future__ import annotations

from pathlib import Path

from anyport.browsers import in_chromium, in_firefox, in_node, self_test
from anyport.protocols import Budget, Target, Toolchain

HERE = Path(__file__).parent

LIBRARY = Toolchain(
    name="tfjs",
    summary="TF.js: the graph model executor and its backends, for Node and for the page",
    kind="npm",
    lock=HERE / "node",
)
SCRIPTS = ("core", "converter", "backend-cpu", "backend-wasm", "backend-webgl", "backend-webgpu")
BINARIES = ("tfjs-backend-wasm", "tfjs-backend-wasm-simd", "tfjs-backend-wasm-threaded-simd")
# All backends, 2.7 MB: whoever opens the page on a phone chooses there.
PAGE = self_test(
    HERE / "engine.mjs",
    {
        **{f"tf-{name}.es2017.min.js": f"@tensorflow/tfjs-{name}/dist/tf-{name}.es2017.min.js" for name in SCRIPTS},
        **{f"{name}.wasm": f"@tensorflow/tfjs-backend-wasm/dist/{name}.wasm" for name in BINARIES},
    },
)

VARIANTS = ("float32", "float16", "uint8", "uint16")
NO_THREADS = (
    "TF.js 4.22.0 starts the workers of its threaded binary and then computes on one thread, whatever number is set; seen"
    " by getThreadsCount(), and by a product of matrices that takes as long with 4 as with 1"
)
"""Ends with the TF.js whose engine says otherwise: `engine.mjs` asserts the threads, and the self-test page shows it."""
CHROMIUM_BACKENDS = {
    "wasm-threads": "wasm backend with SIMD and threads",
    "webgl": "WebGL, on SwiftShader",
    "webgpu": "WebGPU, on SwiftShader",
    "cpu": "plain JavaScript",
}


TARGET = Target(
    name="tfjs",
    summary="TF.js graph model, for browsers and Node",
    variants=VARIANTS,
    convert=HERE / "convert.py",
    preflight=HERE / "preflight.py",
    cut=HERE / "cut.py",
    budgets={
        "float16": Budget(snr=35, channel_snr=30, cosine=0.999, top1=0.99, equal=0.99, accuracy=0.005),
        "uint8": Budget(snr=25, channel_snr=10, cosine=0.995, top1=0.97, equal=0.9, accuracy=0.005),
        "uint16": Budget(snr=50, channel_snr=40, cosine=0.9999, top1=0.99, equal=0.99, accuracy=0.005),
    },
    runtimes=(
        in_node(
            name="node",
            summary="TF.js in Node, wasm backend: the fast tier",
            library="TF.js",
            backend="wasm",
            toolchain=LIBRARY,
            page=PAGE,
            default=True,
            reproduce=HERE / "reproduce_node.mjs.txt",
        ),
        in_chromium(
            name="chromium",
            summary="TF.js in a headless Chrome, Chromium or Edge, wasm backend",
            library="TF.js",
            backend="wasm",
            toolchain=LIBRARY,
            page=PAGE,
            default=True,
        ),
        in_node(
            name="node-cpu",
            summary="TF.js in Node, plain JavaScript",
            library="TF.js",
            backend="cpu",
            toolchain=LIBRARY,
            page=PAGE,
            reproduce=HERE / "reproduce_node.mjs.txt",
        ),
        *(
            in_chromium(
                name=f"chromium-{backend}",
                summary=f"TF.js in a headless Chrome, Chromium or Edge: {summary}",
                library="TF.js",
                backend=backend,
                toolchain=LIBRARY,
                page=PAGE,
                cannot=dict.fromkeys(VARIANTS, NO_THREADS) if backend == "wasm-threads" else None,
            )
            for backend, summary in CHROMIUM_BACKENDS.items()
        ),
        *(
            in_firefox(
                name=name,
                summary=f"TF.js in a headless Firefox, {backend} backend",
                library="TF.js",
                backend=backend,
                toolchain=LIBRARY,
                page=PAGE,
            )
            for name, backend in (("firefox", "wasm"), ("firefox-cpu", "cpu"))
        ),
    ),
)
