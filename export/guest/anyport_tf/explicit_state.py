"""State in the open: what a signature keeps between calls becomes inputs and outputs of it, for formats that keep nothing.

Called by a target's `prepare`.  A variable `v` that the graph reads and assigns becomes an input `state_v`, its value before
the call, and an output `next_state_v`, its value after it; whoever runs the artifact feeds one into the other, and begins
with the values in `INITIAL_STATE`.  The contract of the result states those ports beside the source's, and lists them in each
signature's `states` (input → output), which travel on in the artifact's mapping: anyport's runners carry them.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf

from anyport_guest import INITIAL_STATE, Array, write_state

from .canonical import Canonical, Signature
from .rules import Repair, spliced, trimmed
from .trace import DTYPES

Operation = Any
Tensor = Any

ASSIGNED: Mapping[str, Callable[[Tensor, Sequence[Tensor]], Tensor]] = {
    "AssignVariableOp": lambda now, given: given[0],
    "AssignAddVariableOp": lambda now, given: now + given[0],
    "AssignSubVariableOp": lambda now, given: now - given[0],
    "ResourceScatterNdUpdate": lambda now, given: tf.tensor_scatter_nd_update(now, *given),
    "ResourceScatterNdAdd": lambda now, given: tf.tensor_scatter_nd_add(now, *given),
    "ResourceScatterNdSub": lambda now, given: tf.tensor_scatter_nd_sub(now, *given),
    "ResourceScatterNdMin": lambda now, given: tf.tensor_scatter_nd_min(now, *given),
    "ResourceScatterNdMax": lambda now, given: tf.tensor_scatter_nd_max(now, *given),
    "ResourceScatterUpdate": lambda now, given: tf.tensor_scatter_nd_update(now, *_rows(now, *given)),
    "ResourceScatterAdd": lambda now, given: tf.tensor_scatter_nd_add(now, *_rows(now, *given)),
    "ResourceScatterSub": lambda now, given: tf.tensor_scatter_nd_sub(now, *_rows(now, *given)),
    "ResourceScatterMin": lambda now, given: tf.tensor_scatter_nd_min(now, *_rows(now, *given)),
    "ResourceScatterMax": lambda now, given: tf.tensor_scatter_nd_max(now, *_rows(now, *given)),
}
"""What a variable's value is after an op that assigns it: (value before, the op's other inputs) → value."""

MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")


def state_as_ports(model: Canonical) -> tuple[Canonical, list[Repair]]:
    """Return the model with its state as inputs and outputs, and what was done.

    A signature whose state is handed into loops or branches, or changed by an op that isn't known here, stays as it is.
    """
    ports = _ports(model)
    contracts, signatures, repairs = [], {}, []
    for contract in model.contract["signatures"]:
        signature = model.signatures[contract["name"]]
        if signature.variables and _can(model, signature):
            repairs += _repairs(signature)
            contract = _stated(contract, {ports[weight]: weight for weight in signature.variables.values()}, model)
            signature = _explicit(signature, ports, model)
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


def _can(model: Canonical, signature: Signature) -> bool:
    """Whether every use of every variable is one that is known here."""
    known = {*ASSIGNED, "ReadVariableOp", "ResourceStridedSliceAssign"}
    if any(model.weights[weight].dtype.name not in DTYPES for weight in signature.variables.values()):
        return False
    for node in signature.graph.node:
        given = [name.split(":")[0] for name in node.input if not name.startswith("^")]
        if set(given) & set(signature.variables) and (
            node.op not in known or set(given[1:]) & set(signature.variables)
        ):
            return False
    return not any(
        "VariableOp" in node.op for function in signature.graph.library.function for node in function.node_def
    )


def _repairs(signature: Signature) -> Iterable[Repair]:
    why = "the format's runtimes keep nothing between calls"
    return [Repair(rule="state-as-ports", why=why, until="every release so far", node=h) for h in signature.variables]


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
    ports = {handle: ports[weight] for handle, weight in signature.variables.items()}
    with tf.Graph().as_default() as graph:
        tf.graph_util.import_graph_def(signature.graph, name="")
        before = {handle: _placeholder(ports[handle], model.weights[signature.variables[handle]]) for handle in ports}
        now: dict[str, Tensor] = dict(before)
        replaced: dict[str, str] = {}
        for operation in list(graph.get_operations()):  # in an order that keeps to the control inputs
            handle = operation.inputs[0].op.name if len(operation.inputs) else ""
            if handle not in now:
                continue
            if operation.type == "ReadVariableOp":
                replaced[operation.outputs[0].name] = tf.identity(now[handle]).name
            else:
                now[handle] = _after(operation, now[handle])
        after = {handle: tf.identity(tensor) for handle, tensor in now.items()}
        made = spliced(graph.as_graph_def(), replaced)
    outputs = {name: replaced.get(tensor, tensor) for name, tensor in signature.outputs.items()}
    inputs = {**signature.inputs, **{ports[handle]: tensor.op.name for handle, tensor in before.items()}}
    outputs |= {_next(ports[handle]): tensor.name for handle, tensor in after.items()}
    return trimmed(
        dataclasses.replace(
            signature, graph=_without_handles(made, set(ports)), inputs=inputs, outputs=outputs, variables={}
        )
    )


def _placeholder(name: str, value: Array) -> Tensor:
    return tf.compat.v1.placeholder(tf.dtypes.as_dtype(value.dtype), value.shape, name=name)


def _after(operation: Operation, now: Tensor) -> Tensor:
    """Return a variable's value after an op that assigns it."""
    given = list(operation.inputs)[1:]
    if operation.type != "ResourceStridedSliceAssign":
        return ASSIGNED[operation.type](now, given)
    begin, end, strides, value = given
    masks = {name: operation.get_attr(name) for name in MASKS}
    return tf.raw_ops.TensorStridedSliceUpdate(input=now, begin=begin, end=end, strides=strides, value=value, **masks)


def _rows(now: Tensor, indices: Tensor, updates: Tensor) -> tuple[Tensor, Tensor]:
    """Return what scatters whole rows, as a scatter by coordinates takes it; a single update serves every element."""
    if updates.shape.rank == 0:
        updates = tf.broadcast_to(updates, tf.concat([tf.shape(indices), tf.shape(now)[1:]], 0))
    return indices[..., None], updates


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
