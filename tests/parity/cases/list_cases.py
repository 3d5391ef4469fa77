"""List the catalogue: `PYTHON list_cases.py FOLDER [MODULE.NAME …]`, in an interpreter with TensorFlow.

Writes `FOLDER/cases.json`: `MODULE.NAME` → `{family, file, name, says, samples}`, in the order in which they are written
down; `says` is the docstring's first line and `samples` the `.npz` written beside it where a case brings its own, or None.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import catalogue  # noqa: E402
import numpy as np  # noqa: E402


def main(folder: Path, wanted: set[str]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    listed: dict[str, Any] = {}
    for path in sorted([*HERE.glob("keras_*.py"), *HERE.glob("tensorflow_*.py")]):
        importlib.import_module(path.stem)
        for name, make in catalogue.CASES.get(path.stem, {}).items():
            if not wanted or f"{path.stem}.{name}" in wanted:
                listed[f"{path.stem}.{name}"] = _describe(folder, path, name, make)
    (folder / "cases.json").write_text(json.dumps(listed, indent=1), encoding="utf-8")


def _describe(folder: Path, path: Path, name: str, make: Any) -> dict[str, Any]:
    samples = None
    if make.samples is not None:
        samples = folder / f"{path.stem}.{name}.npz"
        np.savez(samples, **{key: np.asarray(value) for key, value in make.samples().items()})
    return {
        "family": path.stem.partition("_")[0],
        "file": path.name,
        "name": name,
        "says": (inspect.getdoc(make) or "").partition("\n")[0] if inspect.isfunction(make) else "",
        "samples": samples.name if samples else None,
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), set(sys.argv[2:]))
