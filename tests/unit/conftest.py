"""What the unit tests share: a manifest that is whole, and a host that is never left stopped."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anyport import manifest, process
from anyport.compare import OutputVerdict, Tolerance, Worst
from anyport.report import Artifact, Run


@pytest.fixture(autouse=True)
def _never_left_stopped() -> Iterator[None]:
    yield
    process.resume()


@pytest.fixture
def contract() -> dict[str, Any]:
    """One signature, `x` to `y` and `z`."""
    tensor = {"dtype": "float32", "shape": [None, 2]}
    outputs = [{"name": name, **tensor} for name in ("y", "z")]
    return {"signatures": [{"name": "serving_default", "inputs": [{"name": "x", **tensor}], "outputs": outputs}]}


@pytest.fixture
def export_folder(tmp_path: Path, contract: dict[str, Any]) -> Path:
    """An export's folder as the host leaves it, with one artifact of one file, failed in one runtime."""
    folder = tmp_path / "export"
    (folder / "tflite").mkdir(parents=True)
    (folder / "tflite" / "model.tflite").write_bytes(b"TFL3" * 100)
    np.savez(folder / manifest.SAMPLES, x=np.zeros(2))
    worst = Worst(call=1, index=(0, 1), expected=1.0, actual=2.0)
    outputs = (
        OutputVerdict(signature="serving_default", name="y", passed=True, max_abs_error=0.0, max_rel_error=0.0),
        OutputVerdict(
            signature="serving_default",
            name="z",
            passed=False,
            reason="beyond the tolerance",
            max_abs_error=1.0,
            max_rel_error=float("inf"),
            cosine=None,
            worst=worst,
        ),
    )
    run = Run(
        runtime="litert", status="failed", reason="output 'z'", version="2", seconds={"warm": 0.1}, outputs=outputs
    )
    artifact = Artifact(
        target="tflite",
        variant="float32",
        path="tflite",
        status="failed",
        reason="litert: output 'z'",
        toolchain="tensorflow-0123",
        files=manifest.list_files(folder / "tflite", folder),
        notes=("a note",),
        runs=(run,),
        log="/a/log/of/this/machine",
    )
    manifest.write(
        folder,
        manifest.build(
            source={"kind": "python", "name": "digits", "sha256": "0" * 64, "versions": {"numpy": "2"}},
            contract=contract,
            toolchains={"tensorflow": "tensorflow-0123"},
            tolerance=Tolerance(),
            samples={**manifest.describe(folder / manifest.SAMPLES, folder), "seed": None},
            noise={"serving_default": {"y": {"floor": 1e-7, "scale": 1.0, "method": "float64", "undecided": 0.0}}},
            notes=["of the source"],
            timings={"total": 1.5},
            artifacts=[artifact],
        ),
    )
    return folder


@pytest.fixture
def script(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a Python file and return it."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / f"{name}.py"
        path.write_text(text, encoding="utf-8")
        return path

    return write
