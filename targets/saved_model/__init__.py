"""SavedModel: for TensorFlow Serving, and whatever else speaks TensorFlow."""

from __future__ import annotations

from pathlib import Path

from anyport.protocols import Runtime, Target

HERE = Path(__file__).parent

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
    ),
)
