"""Guest script: load a source, trace it once and write the canonical form.

Request: `source` (`{"kind": "keras"|"saved_model"|"frozen_graph"|"python", "path": …}`; for `python` `path` or
`module`, and `name`), `trust`, `search_path` (folders for the imports of user code), `calibration` (None, `{"path":
…}`, or `{"kind": "generator", …}` with what a `python` source has) and what else `anyport_tf.trace.deliver` takes.
Result: `{"contract": …, "notes": [TEXT, …], "versions": {PACKAGE: VERSION}}`.

Runs in the TensorFlow toolchain, or in the interpreter that the user named.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from typing import Any

Progress = Callable[[str], None]


class Unsuitable(Exception):
    """The interpreter can't load anything; said without `anyport_guest`, which needs NumPy."""

    kind = "request"
    hint = "Name with --python an interpreter of Python 3.10 or newer that has TensorFlow 2.16 to 2.21."


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    _check_interpreter()
    source = request["source"]
    progress(f"loading {source.get('name') or source['kind']}")
    if source["kind"] in ("saved_model", "frozen_graph"):
        return _load_graph(source, request, progress)
    return _load_objects(source, request, progress)


def _check_interpreter() -> None:
    version = ".".join(map(str, sys.version_info[:2]))
    if sys.version_info < (3, 10):  # noqa: UP036 -- it is the user's own interpreter
        raise Unsuitable(f"{sys.executable} is Python {version}")
    if missing := [name for name in ("tensorflow", "numpy") if importlib.util.find_spec(name) is None]:
        raise Unsuitable(f"{sys.executable} (Python {version}) has no package {missing[0]!r}")


def _load_graph(source: dict[str, Any], request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    import graph_source
    import python_source

    from anyport_tf.trace import deliver

    sys.path[:0] = [path for path in request["search_path"] if path not in sys.path]
    calibration = python_source.calibration(request.get("calibration"))
    with graph_source.opened(source) as traced:
        return deliver(traced, {**request, "calibration": calibration}, progress)


def _load_objects(source: dict[str, Any], request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    # What the user's Keras is set to (JAX, PyTorch) can't be traced by TensorFlow; files don't depend on it.
    os.environ["KERAS_BACKEND"] = "tensorflow"
    # Every framework is imported before the user's folders are searched, where a keras.py or random.py may lie.
    import keras_files
    import keras_source
    import python_source

    from anyport_tf.trace import deliver

    sys.path[:0] = [path for path in request["search_path"] if path not in sys.path]
    notes: list[str] = []
    if source["kind"] == "keras":
        model, notes = keras_files.read(source["path"], bool(request["trust"]))
        traced = keras_source.trace(model)
    else:
        traced = python_source.trace(python_source.find(source))
    calibration = python_source.calibration(request.get("calibration"))
    delivered = deliver(traced, {**request, "calibration": calibration}, progress)
    return {**delivered, "notes": [*notes, *delivered["notes"]]}
