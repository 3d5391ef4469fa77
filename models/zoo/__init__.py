"""The zoo: reference models that between them show what users bring, each an example of how to define one.

A model is one file, `NAME.py`, whose only public function `build()` returns a `keras.Model` or a `tf.Module`; anyport
exports it as the source `models/zoo/NAME.py:build`, like anybody's.  What is in the folder is in the zoo: there is no
list to keep.  Beside a model may lie `NAME.weights.npz`, written by a script in `training/`, and `NAME.samples.npz`,
inputs by the contract's names, `NAME.labels.npz`, their right classes, and `NAME.calibration.npz`, other inputs.

Called by the host, which has no TensorFlow: nothing here imports a model.
"""

from __future__ import annotations

import ast
from pathlib import Path

__all__ = ["companions", "names", "path", "summary"]

_FOLDER = Path(__file__).resolve().parent


def names() -> tuple[str, ...]:
    """Return the names of all models, sorted."""
    return tuple(sorted(file.stem for file in _FOLDER.glob("*.py") if not file.name.startswith("_")))


def path(name: str) -> Path:
    """Return the model's file.  Raises `KeyError` if the zoo has no such model."""
    if name not in names():
        raise KeyError(name)
    return _FOLDER / f"{name}.py"


def companions(name: str) -> dict[str, Path]:
    """Return the files of real data that come with the model: some of `samples`, `labels` and `calibration`.

    Raises `KeyError` as `path` does.
    """
    files = {kind: path(name).with_suffix(f".{kind}.npz") for kind in ("samples", "labels", "calibration")}
    return {kind: file for kind, file in files.items() if file.exists()}


def summary(name: str) -> str:
    """Return the first line of the model's docstring, without running it.  Raises `KeyError` as `path` does."""
    docstring = ast.get_docstring(ast.parse(path(name).read_text(encoding="utf-8"))) or ""
    return docstring.partition("\n")[0]
