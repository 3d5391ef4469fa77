"""Guest script: load a source, trace it once and write the canonical form.

Request: `source` (`{"kind": "keras"|"saved_model"|"frozen_graph"|"python", "path": …}`; for `python` `path` or
`module`, and `name`), `trust`, `search_path` (folders for the imports of user code), and what
`anyport_tf.trace.deliver` takes.  Result: `{"contract": …, "notes": [TEXT, …], "versions": {PACKAGE: VERSION}}`.

Runs in the TensorFlow toolchain, or in the interpreter that the user named.
"""

from __future__ import annotations

import importlib.metadata
import sys
from collections.abc import Callable
from typing import Any

from anyport_guest import Progress


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    source = request["source"]
    progress(f"loading {source.get('name') or source['kind']}")
    sys.path[:0] = [path for path in request["search_path"] if path not in sys.path]
    notes: list[str] = []
    if source["kind"] in ("saved_model", "frozen_graph"):
        import graph_source

        with graph_source.opened(source) as traced:
            result = _deliver(lambda: traced, request, progress)
    else:
        result = _deliver(lambda: _objects(source, bool(request["trust"]), notes), request, progress)
    return {**result, "notes": notes, "versions": _versions()}


def _objects(source: dict[str, Any], trust: bool, notes: list[str]) -> Any:
    import keras_source
    import python_source

    if source["kind"] == "keras":
        model, note = keras_source.read(source["path"], trust)
        notes += note
        return keras_source.trace(model)
    return python_source.trace(python_source.find(source))


def _deliver(trace: Callable[[], Any], request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    from anyport_tf.trace import deliver

    traced = trace()
    return deliver(traced, request, progress)


def _versions() -> dict[str, str]:
    names = ("tensorflow", "keras", "tf_keras", "numpy")
    return {name: importlib.metadata.version(name) for name in names if name.replace("-", "_") in sys.modules}
