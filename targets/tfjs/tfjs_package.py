"""The `tensorflowjs` package, imported beside a TensorFlow that its metadata doesn't allow.

`from tfjs_package import common, fuse_prelu, op_names, write_weights` is all that the converter takes from it.

tensorflowjs 4.22.0 imports packages that the way from a graph to a graph model never calls, and that don't install
beside TensorFlow 2.21 (tensorflow_decision_forests pins 2.19 and protobuf 5).  They are stubbed while it is imported
and gone again afterwards, so that nothing else meets a stub.  A version that imports without the stubs makes this
module superfluous: try `python -c "import tensorflowjs"`.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.machinery
import json
import sys
import types
from collections.abc import Iterator
from pathlib import Path

DEAD_IMPORTS = ("tensorflow_decision_forests", "tensorflow_hub", "tf_keras")
DEAD_MODULE = "tensorflowjs.converters.jax_conversion"
"""Imports jax and flax.  Stubbed itself rather than jax, for whose presence Keras looks."""


@contextlib.contextmanager
def _stubbed(names: tuple[str, ...]) -> Iterator[None]:
    """Have modules that aren't imported yet import as empty ones, for the length of the context."""
    added = [name for name in names if name not in sys.modules]
    for name in added:
        sys.modules[name] = _stub(name)
    try:
        yield
    finally:
        for name in added:
            del sys.modules[name]


def _stub(name: str) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    module.__path__ = []
    module.__dict__["convert_jax"] = None
    return module


with _stubbed((*DEAD_IMPORTS, DEAD_MODULE)):
    write_weights = importlib.import_module("tensorflowjs.write_weights").write_weights
    common = importlib.import_module("tensorflowjs.converters.common")
    fuse_prelu = importlib.import_module("tensorflowjs.converters.fuse_prelu")
    _HOME = Path(str(importlib.import_module("tensorflowjs").__file__)).parent


def op_names() -> frozenset[str]:
    """Return the TensorFlow ops that TF.js' executor knows, on whatever backend."""
    lists = [json.loads(path.read_text(encoding="utf-8")) for path in sorted((_HOME / "op_list").glob("*.json"))]
    return frozenset(op["tfOpName"] for ops in lists for op in ops)
