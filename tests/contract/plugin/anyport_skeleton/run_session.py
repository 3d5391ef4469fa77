"""Guest script: run the graphs that `convert.py` wrote in a TensorFlow session, in a process that did not write them.

Request: `artifact`, `signatures` (as `convert.py` returned them), `samples`, `outputs` (the `.npz` to write).
Result: `runtime`, `version`, `backend` and `seconds`.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from anyport_guest import Progress, Tensors, read_calls, write_calls


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    folder, started = Path(request["artifact"]), time.monotonic()
    calls = read_calls(request["samples"], "inputs")
    signatures = request["signatures"]
    outputs = {name: _run(folder, signature, calls[name]) for name, signature in signatures.items()}
    if all(signature["answers"] for signature in signatures.values()):
        write_calls(request["outputs"], outputs=outputs)
    seconds = {"total": time.monotonic() - started}
    return {"runtime": "session", "version": tf.__version__, "backend": "cpu", "seconds": seconds}


def _run(folder: Path, signature: dict[str, Any], calls: list[Tensors]) -> list[Tensors]:
    weights = np.load(folder / "weights.npz")
    skeleton = tf.compat.v1.GraphDef.FromString((folder / signature["graph"]).read_bytes())
    wanted = [*signature["inputs"].values(), *signature["outputs"].values()]
    with tf.Graph().as_default(), tf.compat.v1.Session() as session:
        constants = {name: tf.constant(weights[key]) for name, key in signature["weights"].items()}
        found = dict(zip(wanted, tf.graph_util.import_graph_def(skeleton, constants, wanted, name=""), strict=True))
        outputs = {name: found[tensor] for name, tensor in signature["outputs"].items()}
        feeds = [{found[signature["inputs"][name]]: value for name, value in call.items()} for call in calls]
        return [session.run(outputs, feed) for feed in feeds]
