"""A target in a package of its own: the canonical form's graph and weights as they are, run by TensorFlow.

The variants beside the first each go wrong in their own way, for the tests of what anyport makes of it.
"""

from __future__ import annotations

from pathlib import Path

from anyport.protocols import Runtime, Target

HERE = Path(__file__).parent

TARGET = Target(
    name="skeleton",
    summary="graph skeleton and weights, for the tests of plug-ins",
    variants=("plain", "raises", "refuses", "aborts", "hangs", "wrong", "mute", "lost"),
    convert=HERE / "convert.py",
    runtimes=(
        Runtime(
            name="session",
            summary="a TensorFlow session",
            script=HERE / "run_session.py",
            interpreter="zygote",
        ),
    ),
)
