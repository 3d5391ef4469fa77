"""Guest script of `test_sources.py`: load a source, and have its canonical form answer the samples too.

Request: what `models/guest/load.py` takes, `load` (that script's path) and `outputs` (the `.npz` to write).  Result: the
loader's.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from typing import Any

import tensorflow as tf

from anyport_guest import Progress, Tensors, read_calls, write_calls
from anyport_tf.canonical import Canonical, Signature


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    sys.path.insert(0, str(Path(request["load"]).parent))
    result = runpy.run_path(request["load"])["main"](request, progress)
    model = Canonical.read(request["canonical"])
    calls = read_calls(request["samples"], "inputs")
    answers = {name: _run(model, signature, calls[name]) for name, signature in model.signatures.items()}
    write_calls(request["outputs"], outputs=answers)
    return result


def _run(model: Canonical, signature: Signature, calls: list[Tensors]) -> list[Tensors]:
    """Run the skeleton with its weights fed from beside it; state lives as long as the calls of a signature."""
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        variables = {
            node: tf.compat.v1.Variable(model.weights[name], use_resource=True).handle
            for node, name in signature.variables.items()
        }
        tables = {node: _table(*model.table(name)) for node, name in signature.tables.items()}
        handles = {f"{node}:0": handle for node, handle in (variables | tables).items()}
        outputs = tf.graph_util.import_graph_def(
            signature.graph, input_map=handles, return_elements=list(signature.outputs.values()), name="m"
        )
        session.run([tf.compat.v1.global_variables_initializer(), tf.compat.v1.tables_initializer()])
        weights = {f"m/{node}:0": model.weights[name] for node, name in signature.weights.items()}
        names = {f"m/{node}:0": name for name, node in signature.inputs.items()}
        results = [
            session.run(outputs, {**weights, **{tensor: call[name] for tensor, name in names.items()}})
            for call in calls
        ]
    return [dict(zip(signature.outputs, result, strict=True)) for result in results]


def _table(keys: Any, values: Any) -> Any:
    default = b"" if values.dtype.kind == "S" else values.dtype.type(0)
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), default).resource_handle
