"""State in the open: what a signature keeps between calls becomes inputs and outputs of it, for formats that keep nothing.

Called by a target's `prepare`.  A variable `v` that the graph reads and assigns becomes an input `state_v`, its value before
the call, and an output `next_state_v`, its value after it; whoever runs the artifact feeds one into the other, and begins
with the values in `INITIAL_STATE`.  The contract of the result states those ports beside the source's, and lists them in each
signature's `states` (input → output), which travel on in the artifact's mapping: anyport's runners carry them.
"""

from __future__ import annotations

import dataclasses
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from anyport_guest import INITIAL_STATE, write_state

from .canonical import Canonical, Signature
from .compositions.state import COMPOSITIONS
from .rules import Repair, Rule, apply, body_of, spliced, trimmed
from .trace import DTYPES

Operation = Any
Tensor = Any

WHY = "the format's runtimes keep nothing between calls"
SEEN = "every release so far"

ASSIGNMENTS = tuple(
    Rule(name=name, ops=ops, becomes=becomes, why=WHY, until=SEEN) for name, (ops, becomes) in COMPOSITIONS.items()
)
"""What makes a read, a computation and one assignment of every other change of a variable."""


def state_as_ports(model: Canonical) -> tuple[Canonical, list[Repair]]:
    """Return the model with its state as inputs and outputs, and what was done.

    A signature whose state is changed by an op that `ASSIGNMENTS` doesn't know stays as it is.
    """
    if not any(signature.variables for signature in model.signatures.values()):
        return model, []
    model, _ = apply(model, ASSIGNMENTS)
    ports = _ports(model)
    contracts, signatures = [], {}
    repairs: list[Repair] = []
    for contract in model.contract["signatures"]:
        signature = model.signatures[contract["name"]]
        if opened := _opened(signature, ports, model):
            repairs += _repairs(signature)
            contract = _stated(contract, {ports[weight]: weight for weight in signature.variables.values()}, model)
            signature = opened
        contracts.append(contract)
        signatures[contract["name"]] = signature
    stated = {**model.contract, "signatures": contracts}
    return dataclasses.replace(model, contract=stated, signatures=signatures), repairs


def states(contract: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return what a signature's mapping says of its state, from its contract: nothing where it has none."""
    found = {port["input"]: port["output"] for port in contract.get("states", ())}
    return {"states": found} if found else {}


def write_initial(source: Canonical, folder: str | Path) -> None:
    """Write what the state begins with into an artifact's folder; `source` is what `state_as_ports` returned."""
    stated = [port for contract in source.contract["signatures"] for port in contract.get("states", ())]
    if stated:
        write_state(folder, {port["input"]: source.weights[port["initial"]] for port in stated})


def notes(model: Canonical) -> list[str]:
    """Return what a user of the artifact must know of its state."""
    found = []
    for contract in model.contract["signatures"]:
        if pairs := contract.get("states"):
            fed = ", ".join(f"{pair['output']!r} back as {pair['input']!r}" for pair in pairs)
            found.append(f"{contract['name']!r} keeps no state: feed {fed}, and begin with what {INITIAL_STATE} holds")
    return found


def _ports(model: Canonical) -> dict[str, str]:
    """Return a name for each variable's input, the same in all signatures and no other port's."""
    taken = {port["name"] for c in model.contract["signatures"] for port in (*c["inputs"], *c["outputs"])}
    found: dict[str, str] = {}
    for weight in dict.fromkeys(w for signature in model.signatures.values() for w in signature.variables.values()):
        base = name = f"state_{re.sub(r'[^A-Za-z0-9]+', '_', weight).strip('_')}"
        while name in taken or _next(name) in taken:
            name = f"{base}_{len(taken)}"
        taken |= {name, _next(name)}
        found[weight] = name
    return found


def _next(name: str) -> str:
    return f"next_{name}"


def _opened(signature: Signature, ports: Mapping[str, str], model: Canonical) -> Signature | None:
    """Return the signature with its state in the open; None where it has none, or uses it in a way that isn't known."""
    dtypes = {model.weights[weight].dtype.name for weight in signature.variables.values()}
    if not dtypes or not dtypes <= set(DTYPES):
        return None
    try:
        return _explicit(signature, ports, model)
    except _Unknown as unknown:
        print(f"{signature.name!r} keeps its state: {unknown} takes a variable", file=sys.stderr)
        return None


def _repairs(signature: Signature) -> Iterable[Repair]:
    return [Repair(rule="state-as-ports", why=WHY, until=SEEN, node=handle) for handle in signature.variables]


def _stated(contract: Mapping[str, Any], weights: Mapping[str, str], model: Canonical) -> dict[str, Any]:
    """Return the contract with the state's ports beside its own; `weights` names what each begins with."""

    def port(name: str, weight: str) -> dict[str, Any]:
        value = model.weights[weight]
        return {"name": name, "dtype": value.dtype.name, "shape": list(value.shape)}

    return {
        **contract,
        "inputs": [*contract["inputs"], *(port(name, weight) for name, weight in weights.items())],
        "outputs": [*contract["outputs"], *(port(_next(name), weight) for name, weight in weights.items())],
        "states": [{"input": name, "output": _next(name), "initial": weight} for name, weight in weights.items()],
    }


def _explicit(signature: Signature, ports: Mapping[str, str], model: Canonical) -> Signature:
    """Return the signature with each variable threaded through it as a tensor; `ports` are their names."""
    inputs = {handle: ports[weight] for handle, weight in signature.variables.items()}
    values = {handle: model.weights[weight] for handle, weight in signature.variables.items()}
    specs = {handle: tf.TensorSpec(value.shape, value.dtype, inputs[handle]) for handle, value in values.items()}
    threaded = _threaded(signature.graph, list(signature.outputs.values()), specs)
    return trimmed(
        dataclasses.replace(
            signature,
            graph=threaded.graph,
            inputs={**signature.inputs, **{name: threaded.before[handle] for handle, name in inputs.items()}},
            outputs={
                **dict(zip(signature.outputs, threaded.outputs, strict=True)),
                **{_next(name): threaded.after[handle] for handle, name in inputs.items()},
            },
            variables={},
        )
    )


class _Unknown(Exception):
    """A variable is used in a way that isn't known here."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Threaded:
    """A graph, or a function's body, whose variables are tensors now."""

    graph: Any
    outputs: list[str]
    before: dict[str, str]
    """Handle → placeholder of the variable's value when it begins."""
    after: dict[str, str]
    """Handle → tensor of its value in the end."""


def _threaded(graph_def: Any, outputs: Sequence[str], specs: Mapping[str, Any]) -> _Threaded:
    """Thread the variables `specs` (placeholder of the handle → shape, dtype and name) through a graph.

    Raises `_Unknown`.
    """
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(graph_def, name="")
        before = {handle: tf.compat.v1.placeholder(spec.dtype, spec.shape, spec.name) for handle, spec in specs.items()}
        now, replaced = dict(before), dict[str, str]()
        library = {function.signature.name: function for function in graph_def.library.function}
        for operation in list(graph.get_operations()):  # in an order that keeps to the control inputs
            if any(tensor.op.name in now for tensor in operation.inputs):
                replaced |= _without_handles_in(operation, now, graph_def, library)
        after = {handle: tf.identity(tensor).name for handle, tensor in now.items()}
        made = spliced(graph.as_graph_def(), replaced)
    return _Threaded(
        graph=_without_handles(made, set(specs)),
        outputs=[replaced.get(tensor, tensor) for tensor in outputs],
        before={handle: tensor.op.name for handle, tensor in before.items()},
        after={handle: replaced.get(name, name) for handle, name in after.items()},
    )


def _without_handles_in(
    operation: Operation, now: dict[str, Tensor], graph_def: Any, library: Mapping[str, Any]
) -> dict[str, str]:
    """Do what an operation does to the variables that it takes: update `now`, and return what its outputs became."""
    first = operation.inputs[0].op.name
    if any(tensor.op.name in now for tensor in list(operation.inputs)[1:]):
        return _control_flow(operation, now, graph_def, library)
    if operation.type == "ReadVariableOp":
        return {operation.outputs[0].name: tf.identity(now[first]).name}
    if operation.type != "AssignVariableOp":
        return _control_flow(operation, now, graph_def, library)
    now[first] = operation.inputs[1]
    return {}


def _control_flow(
    operation: Operation, now: dict[str, Tensor], graph_def: Any, library: Mapping[str, Any]
) -> dict[str, str]:
    """Make a branch or loop that takes variables anew, with their values going in and coming out."""
    if operation.type in ("If", "StatelessIf"):
        taken, names = list(operation.inputs)[1:], [operation.get_attr(name).name for name in BRANCHES]
    elif operation.type in ("While", "StatelessWhile"):
        taken, names = list(operation.inputs), [operation.get_attr(name).name for name in LOOP]
    else:
        raise _Unknown(operation.type)
    handles = {index: tensor.op.name for index, tensor in enumerate(taken) if tensor.op.name in now}
    values = [now[handles[index]] if index in handles else tensor for index, tensor in enumerate(taken)]
    parts = [_Part(graph_def, library[name], values, set(handles)) for name in names]
    if len(taken) < len(operation.inputs):
        made = tf.cond(operation.inputs[0], lambda: parts[0](values), lambda: parts[1](values))
        results, after = made[: len(operation.outputs)], made[len(operation.outputs) :]
        now.update(zip(handles.values(), after, strict=True))
        return {old.name: new.name for old, new in zip(operation.outputs, results, strict=True)}
    shapes = [value.shape if index in handles else operation.outputs[index].shape for index, value in enumerate(values)]
    made = tf.while_loop(
        lambda *loop: parts[0](loop)[0], lambda *loop: parts[1].turn(loop), values, shape_invariants=shapes
    )
    now.update({handle: made[index] for index, handle in handles.items()})
    return {old.name: made[index].name for index, old in enumerate(operation.outputs) if index not in handles}


BRANCHES = ("then_branch", "else_branch")
LOOP = ("cond", "body")


class _Part:
    """A branch, or a loop's condition or body, with the variables that it takes threaded through it."""

    def __init__(self, library: Any, function: Any, values: Sequence[Tensor], handles: set[int]) -> None:
        self.arguments = [argument.name for argument in function.signature.input_arg]
        self.handles = {index: self.arguments[index] for index in sorted(handles)}
        shapes = [tf.TensorShape([]) if index in handles else value.shape for index, value in enumerate(values)]
        body, tensors = body_of(library, function, shapes)
        outputs = [tensors[function.ret[argument.name]] for argument in function.signature.output_arg]
        self.passed = {position for position, name in enumerate(outputs) if name.split(":")[0] in self.handles.values()}
        specs = {
            name: tf.TensorSpec(values[index].shape, values[index].dtype, f"state_{index}")
            for index, name in self.handles.items()
        }
        kept = [name for position, name in enumerate(outputs) if position not in self.passed]
        self.threaded = _threaded(body, kept, specs)

    def __call__(self, values: Sequence[Tensor]) -> list[Tensor]:
        """Return the outputs, without handles passed on, and then each variable's value."""
        given = {name: values[index] for index, name in enumerate(self.arguments) if index not in self.handles}
        given |= {self.threaded.before[name]: values[index] for index, name in self.handles.items()}
        present = {node.name for node in self.threaded.graph.node}
        return list(
            tf.graph_util.import_graph_def(
                self.threaded.graph,
                # An identity captures what comes from the graph around.
                input_map={f"{name}:0": tf.identity(value) for name, value in given.items() if name in present},
                return_elements=[*self.threaded.outputs, *self.threaded.after.values()],
            )
        )

    def turn(self, values: Sequence[Tensor]) -> list[Tensor]:
        """Return a loop's variables after one turn, each variable of the model where its handle was."""
        made = self(values)
        plain, after = iter(made[: len(self.threaded.outputs)]), iter(made[len(self.threaded.outputs) :])
        return [next(after) if index in self.handles else next(plain) for index in range(len(self.arguments))]


def _without_handles(graph: Any, handles: set[str]) -> Any:
    """Remove the variables and what assigned them: nothing waits for it any more."""
    gone = {*handles}
    kept = []
    for node in graph.node:
        data = [name for name in node.input if not name.startswith("^")]
        if node.name in handles or (data and data[0].split(":")[0] in handles):
            gone.add(node.name)
            continue
        del node.input[:]
        node.input.extend(data)
        kept.append(node)
    made = type(graph)(versions=graph.versions, library=graph.library)
    made.node.extend(kept)
    return made
