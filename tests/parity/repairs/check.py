"""Hold every rule of every target against its examples: `PYTHON check.py GUEST_FOLDER TARGETS_FOLDER [RULE …]`.

Each rule is applied alone to the graph of each of its examples, and both graphs are run by TensorFlow: the rule must have
done something, the op it is about must be gone, and every output must be equal (1e-5 of the largest value; integers, booleans
and strings exactly).  Prints `{RULE: {"examples": N, "problems": [TEXT, …]}}`, and for a rule without an example says so.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"
HERE = Path(__file__).resolve().parent
GUEST, TARGETS = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
sys.path[:0] = [str(HERE), str(GUEST), *(str(path.parent) for path in TARGETS.glob("*/*_rules.py"))]

import examples  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from anyport_tf import rules  # noqa: E402
from anyport_tf.freeze import all_nodes, freeze_function  # noqa: E402

TOLERANCE = 1e-5


def main(wanted: set[str]) -> dict[str, Any]:
    for path in sorted(HERE.glob("*.py")):
        if path.name not in ("examples.py", "check.py"):
            importlib.import_module(path.stem)
    found: dict[str, Any] = {}
    for path in sorted(TARGETS.glob("*/*_rules.py")):
        for rule in importlib.import_module(path.stem).RULES:
            if not wanted or rule.name in wanted:
                makes = examples.EXAMPLES.get(rule.name, [])
                key = f"{path.parent.name}: {rule.name}"
                problems = [problem for make in makes for problem in _problems(rule, make)]
                found[key] = {"examples": len(makes), "problems": problems if makes else ["it has no example"]}
    return found


def _problems(rule: rules.Rule, make: examples.Make) -> list[str]:
    try:
        return [f"{make.__name__}: {problem}" for problem in _compare(rule, *make())]
    except Exception as error:
        return [f"{make.__name__}: {type(error).__name__}: {error}"]


def _compare(rule: rules.Rule, function: Any, inputs: list[Any]) -> list[str]:
    concrete = function.get_concrete_function()
    frozen = freeze_function(concrete)
    outputs = {str(number): tensor.name for number, tensor in enumerate(concrete.outputs)}
    done: list[rules.Repair] = []
    graph, moved = rules.apply_to_graph(frozen.graph, outputs, [rule], frozen.weights, done)
    if not done:
        return ["the rule did nothing"]
    count = sum(node.op in rule.ops for node in all_nodes(graph))
    before = sum(node.op in rule.ops for node in all_nodes(frozen.graph))
    problems = [] if count < before else [f"{count} of {before} nodes are still {' or '.join(rule.ops)}"]
    names = [tensor.name for tensor in concrete.inputs]
    feeds = {**dict(zip(names, inputs, strict=True)), **{f"{key}:0": value for key, value in frozen.weights.items()}}
    wanted = _run(frozen.graph, list(outputs.values()), feeds)
    got = _run(graph, list(moved.values()), feeds)
    return problems + [problem for a, b in zip(wanted, got, strict=True) if (problem := _difference(a, b))]


def _run(graph: Any, outputs: list[str], feeds: dict[str, Any]) -> list[Any]:
    with tf.Graph().as_default() as imported:
        tf.graph_util.import_graph_def(graph, name="")
        present = {operation.name for operation in imported.get_operations()}
        with tf.compat.v1.Session() as session:
            found: list[Any] = session.run(
                outputs, {name: value for name, value in feeds.items() if name.split(":")[0] in present}
            )
    return [np.asarray(value) for value in found]


def _difference(wanted: Any, got: Any) -> str:
    if wanted.shape != got.shape or wanted.dtype != got.dtype:
        return f"{got.dtype}{list(got.shape)} for {wanted.dtype}{list(wanted.shape)}"
    if wanted.dtype.kind not in "fc":
        return "" if np.array_equal(wanted, got) else "not equal"
    scale = np.max(np.abs(wanted[np.isfinite(wanted)]), initial=0.0)
    with np.errstate(invalid="ignore"):
        error = np.abs(wanted - got)
    same = (wanted == got) | (np.isnan(wanted) & np.isnan(got)) | (error <= TOLERANCE * max(scale, 1e-30))
    return "" if same.all() else f"differs by {np.nanmax(error):.2e} where the largest value is {scale:.2e}"


if __name__ == "__main__":
    print(json.dumps(main(set(sys.argv[3:])), indent=1))
