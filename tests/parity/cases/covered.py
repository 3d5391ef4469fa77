"""Say which layers the catalogue covers: `PYTHON covered.py`, in an interpreter with TensorFlow.

Builds every case of Keras', `keras_applications` aside, and prints one JSON object: `missing`, the public classes of
`keras.layers` that are in no case and not in `catalogue.WITHOUT_CASE`; `needless`, those in that list that are in a case
or are no class of `keras.layers`; and `failed`, case → error of those that can't be built.
"""

from __future__ import annotations

import importlib
import inspect
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"

import catalogue
import keras

NOT_BUILT = "keras_applications"
"""Architectures out of the layers that the other cases cover one by one, minutes to build."""


def main() -> None:
    found: set[type] = set()
    failed: dict[str, str] = {}
    for name, make in _cases():
        keras.backend.clear_session()
        try:
            found |= {type(layer) for layer in _layers(make())}
        except Exception as error:  # whatever a case raises is the answer
            failed[name] = f"{type(error).__name__}: {error}"
    classes = {name: value for name, value in vars(keras.layers).items() if inspect.isclass(value)}
    without = catalogue.WITHOUT_CASE
    answer = {
        "missing": sorted(name for name, value in classes.items() if value not in found and name not in without),
        "needless": sorted(name for name in without if name not in classes or classes[name] in found),
        "failed": failed,
    }
    print(json.dumps(answer, indent=1))


def _cases() -> Iterator[tuple[str, Any]]:
    for path in sorted(Path(__file__).parent.glob("keras_*.py")):
        if path.stem != NOT_BUILT:
            importlib.import_module(path.stem)
            for name, make in catalogue.CASES[path.stem].items():
                yield f"{path.stem}.{name}", make


def _layers(made: Any) -> list[Any]:
    """Return every layer of a case's model, those inside others too."""
    model = made[0] if isinstance(made, tuple) else made
    return list(model._flatten_layers()) if isinstance(model, keras.layers.Layer) else []


if __name__ == "__main__":
    main()
