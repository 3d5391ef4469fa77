"""SavedModel: for TensorFlow Serving, and whatever else speaks TensorFlow."""

from __future__ import annotations

from pathlib import Path

from anyport.graphics import lacks_nvidia_on_linux
from anyport.protocols import Runtime, Target, Toolchain

HERE = Path(__file__).parent

CUDA = Toolchain(
    name="tensorflow-cuda",
    summary="TensorFlow with CUDA, for NVIDIA's graphics processors",
    kind="python",
    lock=HERE / "tensorflow_cuda.lock",
)

TARGET = Target(
    name="saved_model",
    summary="TensorFlow SavedModel, for servers",
    variants=("float32",),
    convert=HERE / "convert.py",
    preflight=HERE / "preflight.py",
    cut=HERE / "cut.py",
    runtimes=(
        Runtime(
            name="tensorflow",
            summary="TensorFlow, in a process that did not build the model",
            script=HERE / "run_tensorflow.py",
            interpreter="zygote",
            reproduce=HERE / "reproduce_tensorflow.py.txt",
        ),
        Runtime(
            name="tensorflow-gpu",
            summary="TensorFlow in float32 (no TF32), on an NVIDIA GPU",
            script=HERE / "run_tensorflow.py",
            toolchains=(CUDA,),
            options={"device": "GPU"},
            lacking=lacks_nvidia_on_linux,
            default=False,
        ),
    ),
)
