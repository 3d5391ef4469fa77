"""Hold every rule of every target against its examples: `PYTHON check.py GUEST_FOLDER TARGETS_FOLDER [RULE …]`.

Each rule is applied alone to the graph of each of its examples, and both graphs are run by TensorFlow: the rule must have
done something, the op it is about must be gone, and every output must be equal (1e-5 of the largest value; integers, booleans
and strings exactly).  A composition that targets share (`COMPOSITIONS`) is checked once, whenever they use it, and so is each
repair of whole graphs (`WHOLE`).  Prints `{RULE: {"examples": N, "problems": [TEXT, …]}}`; one without an example has that problem.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from onnx_lists import is_list, lists_as_tensors  # noqa: E402

from anyport_tf import compositions, rules  # noqa: E402
from anyport_tf.canonical import Canonical, Signature  # noqa: E402
from anyport_tf.complex_pairs import complex_as_pairs, is_complex  # noqa: E402
from anyport_tf.freeze import Frozen, all_nodes, freeze_function  # noqa: E402

TOLERANCE = 1e-5

AS_WRITTEN = tf.compat.v1.ConfigProto()
"""Runs graphs as they are: TensorFlow's optimiser turns divisions by constants into products, which no target does."""
AS_WRITTEN.graph_options.rewrite_options.disable_meta_optimizer = True

Graph = tuple[Any, list[str], dict[str, Any]]
"""A graph, its outputs, and the values of the placeholders that stand for weights."""
Repair = Callable[[Frozen, list[str]], tuple[Graph, set[str]]]
"""`(graph, outputs) → (graph repaired, the names of the rules that did it)`."""
Concerned = Callable[[Any], bool]
"""Whether a node is what the repair is about."""

WHOLE = {
    "complex-as-pairs": (complex_as_pairs, is_complex),
    "fourier-as-matmul": (complex_as_pairs, is_complex),
    "lists-as-tensors": (lists_as_tensors, is_list),
}
"""Repairs of whole graphs: `Canonical → (Canonical, repairs)`, and the nodes that they are about."""


def main(wanted: set[str]) -> dict[str, Any]:
    for path in sorted(HERE.glob("*.py")):
        if path.name not in ("examples.py", "check.py"):
            importlib.import_module(path.stem)
    found: dict[str, Any] = {}
    for key, name, repair, concerned in _repairs():
        if not wanted or name in wanted:
            makes = examples.EXAMPLES.get(name, [])
            problems = [problem for make in makes for problem in _problems(name, repair, concerned, make)]
            found[key] = {"examples": len(makes), "problems": problems if makes else ["it has no example"]}
    return found


def _repairs() -> Iterator[tuple[str, str, Repair, Concerned]]:
    """Yield what is to be checked: a name for the report, the rule's name, what it does, and to which nodes."""
    shared = set()
    for path in sorted(Path(compositions.__file__).parent.glob("*.py")):
        module = importlib.import_module(f"{compositions.__name__}.{path.stem}")
        for name, (ops, becomes) in getattr(module, "COMPOSITIONS", {}).items():
            if becomes not in shared:
                shared.add(becomes)
                rule = rules.Rule(name=name, ops=ops, becomes=becomes, why="", until="")
                yield f"{path.stem}: {name}", name, _by_rule(rule), _is_one_of(ops)
    for path in sorted(TARGETS.glob("*/*_rules.py")):
        for rule in importlib.import_module(path.stem).RULES:
            if rule.becomes not in shared:
                yield f"{path.parent.name}: {rule.name}", rule.name, _by_rule(rule), _is_one_of(rule.ops)
    for name, (repair, concerned) in WHOLE.items():
        yield f"whole graphs: {name}", name, _by_pass(repair), concerned


def _is_one_of(ops: Sequence[str]) -> Concerned:
    return lambda node: node.op in ops


def _by_rule(rule: rules.Rule) -> Repair:
    def repair(frozen: Frozen, outputs: list[str]) -> tuple[Graph, set[str]]:
        done: list[rules.Repair] = []
        named = {name: name for name in outputs}
        before = tf.compat.v1.GraphDef()
        before.CopyFrom(frozen.graph)  # functions are repaired in place
        graph, moved = rules.apply_to_graph(before, named, [rule], frozen.weights, done)
        return (graph, [moved[name] for name in outputs], dict(frozen.weights)), {each.rule for each in done}

    return repair


def _by_pass(apply: Any) -> Repair:
    def repair(frozen: Frozen, outputs: list[str]) -> tuple[Graph, set[str]]:
        named = {name: name for name in outputs}
        weights = {name: name for name in frozen.weights}
        whole = Signature(
            name="it", graph=frozen.graph, inputs={}, outputs=named, weights=weights, variables={}, tables={}
        )
        model, done = apply(Canonical(contract={}, signatures={"it": whole}, weights=frozen.weights, tables={}))
        made = model.signatures["it"]
        values = {placeholder: model.weights[weight] for placeholder, weight in made.weights.items()}
        return (made.graph, [made.outputs[name] for name in outputs], values), {each.rule for each in done}

    return repair


def _problems(name: str, repair: Repair, concerned: Concerned, make: examples.Make) -> list[str]:
    try:
        return [f"{make.__name__}: {problem}" for problem in _compare(name, repair, concerned, *make())]
    except Exception as error:
        return [f"{make.__name__}: {type(error).__name__}: {error}"]


def _compare(name: str, repair: Repair, concerned: Concerned, function: Any, inputs: list[Any]) -> list[str]:
    concrete = function.get_concrete_function()
    frozen = freeze_function(concrete)
    outputs = [tensor.name for tensor in concrete.outputs]
    (graph, moved, weights), done = repair(frozen, outputs)
    if name not in done:
        return ["the rule did nothing"]
    # A repair may make the same op with other operands, under a name of its own.
    meant = {node.name for node in all_nodes(frozen.graph) if concerned(node)}
    left = {node.name: node.op for node in all_nodes(graph) if concerned(node) and node.name in meant}
    gone = len(left) < len(meant) or name in examples.KEEPING
    problems = [] if gone else [f"all nodes are still {' or '.join(sorted(set(left.values())))}"]
    # What the function captured comes after its arguments, and is frozen.
    feeds = dict(zip([tensor.name for tensor in concrete.inputs[: len(inputs)]], inputs, strict=True))
    states = {name: frozen.weights[key] for name, key in frozen.variables.items()}
    wanted = _run(frozen.graph, outputs, feeds, frozen.weights, states)
    got = _run(graph, moved, feeds, weights, states)
    return problems + [problem for a, b in zip(wanted, got, strict=True) if (problem := _difference(a, b))]


def _run(
    graph: Any, outputs: list[str], inputs: dict[str, Any], weights: Mapping[str, Any], states: Mapping[str, Any]
) -> list[Any]:
    """Run a graph, and where it has variables run it again: what it assigns is what it answers then."""
    feeds = {**inputs, **{f"{name}:0": value for name, value in weights.items()}}
    with tf.Graph().as_default() as imported:
        variables = {f"{name}:0": tf.compat.v1.Variable(value, use_resource=True) for name, value in states.items()}
        handles = {name: variable.handle for name, variable in variables.items()}
        tf.graph_util.import_graph_def(graph, input_map=handles, name="")
        present = {operation.name for operation in imported.get_operations()}
        given = {name: value for name, value in feeds.items() if name.split(":")[0] in present}
        with tf.compat.v1.Session(config=AS_WRITTEN) as session:
            session.run([variable.initializer for variable in variables.values()])
            found = [value for _ in range(2 if states else 1) for value in session.run(outputs, given)]
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
