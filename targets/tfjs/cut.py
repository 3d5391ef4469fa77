"""Guest script: look into a TF.js graph model, and cut it, so that inner tensors become outputs or inputs.

Runs where TensorFlow is.  Two verbs; each request holds `artifact` (a folder), `signature` (the contract's name of it) and
`mapping` (its entry in the manifest's `signatures`).

* `describe` → `{"tensors": […], "inputs": {CONTRACT_NAME: TENSOR}, "outputs": {CONTRACT_NAME: TENSOR}}`.  One entry for each
  tensor that is computed from inputs, in an order of execution: `name` (the node's, `NODE:1` for what isn't its first
  output), `sources` (tensors of the canonical graph that it may stand for, best first), `op`, `dtype`, `shape` (None: a
  `model.json` states none), `quantization` (None: TF.js computes in floats) and `inputs` (tensors that the op reads,
  constants left out).  What is inside a loop or a branch can't be fetched from outside, and is left out.
* `cut`, with `out` (an empty folder), `feed` and `fetch` (names of tensors), `own_outputs` (whether the signature's outputs stay,
  true by default) and `rows`, which changes nothing here → `{"signatures": {signature: MAPPING}, "contract": ENTRY}`.  What
  is fed takes the place of what made it; nodes and weights that no output needs are left out.  Inputs of the signature
  that something still needs stay, under the contract's names; so do its outputs.  Fed and fetched tensors have their own
  names.  State is carried on where nothing is fed; a cut that is fed takes it as an input like any other.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tfjs_file import SIGNATURE, TOPOLOGY, Model, Node, ancestors, descendants, dtypes, in_order, tensor_name
from tfjs_frames import outside
from tfjs_fuse import FUSED

from anyport_guest import INITIAL_STATE, BadRequest, Progress
from anyport_tf.tensor_names import scopes_left, split

NO_NUMBERS = ("resource", "variant")
KINDS = {
    "float32": "DT_FLOAT",
    "int32": "DT_INT32",
    "bool": "DT_BOOL",
    "string": "DT_STRING",
    "complex64": "DT_COMPLEX64",
}
"""Dtype → protobuf's name of it; TF.js has no others."""
FED = "fed"
"""How a placeholder that takes a tensor's place is named: `NODE/fed_0`."""


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    mapping = request["mapping"]
    model = Model.read(Path(request["artifact"], mapping["model"]))
    return _describe(model, mapping) if request["verb"] == "describe" else _cut(model, mapping, request)


def _describe(model: Model, mapping: Mapping[str, Any]) -> dict[str, Any]:
    nodes, found = model.nodes, _computed(model, mapping)
    scopes = scopes_left({tensor: split(tensor)[0] for tensor in found}, _readers(nodes, mapping))
    own = {
        role: {name: _named(port["tensor"], mapping) for name, port in mapping[role].items() if port["tensor"] in nodes}
        for role in ("inputs", "outputs")
    }
    given = {port["tensor"] for port in mapping["inputs"].values()}
    return {
        "tensors": [
            {
                "name": _named(tensor, mapping),
                "sources": [tensor, *scopes.get(tensor, ())],
                "op": _op(nodes[split(tensor)[0]]),
                "dtype": dtype,
                "shape": None,
                "quantization": None,
                "inputs": [_named(item, mapping) for item in _inputs(nodes[split(tensor)[0]]) if item in found],
            }
            for tensor, dtype in found.items()
            if split(tensor)[0] not in given
        ],
        **own,
    }


def _op(node: Node) -> str:
    """Return the op, a fused one by the name of what it was made from."""
    return next((op for op, fused in FUSED.items() if fused == node["op"]), node["op"])


def _named(tensor: str, mapping: Mapping[str, Any]) -> str:
    """Return the name that a cut gives a tensor: `NODE:0` where the contract uses `NODE` for another one."""
    ports = {**mapping["inputs"], **mapping["outputs"]}
    return f"{tensor}:0" if tensor in ports and ports[tensor]["tensor"] != tensor else tensor


def _inputs(node: Node) -> list[str]:
    read = dict.fromkeys(tensor_name(*split(tensor)) for tensor in node.get("input", ()))
    return list(read)


def _computed(model: Model, mapping: Mapping[str, Any]) -> dict[str, str]:
    """Return tensor → dtype of all that inputs decide and that can be fetched, the inputs among them, in order."""
    nodes = model.nodes
    decided = descendants(nodes, (port["tensor"] for port in mapping["inputs"].values() if port["tensor"] in nodes))
    reachable = outside(nodes) & decided
    return {
        tensor_name(name, index): dtype
        for name in in_order(nodes)
        if name in reachable
        for index, dtype in enumerate(dtypes(nodes[name]))
        if dtype not in NO_NUMBERS
    }


def _readers(nodes: Mapping[str, Node], mapping: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return for each tensor the nodes that read it; the signature's outputs are read from outside of all scopes."""
    readers: dict[str, list[str]] = {}
    for name, node in nodes.items():
        for tensor in _inputs(node):
            readers.setdefault(tensor, []).append(name)
    for port in mapping["outputs"].values():
        readers.setdefault(port["tensor"], []).append("")
    return readers


def _cut(model: Model, mapping: Mapping[str, Any], request: Mapping[str, Any]) -> dict[str, Any]:
    found = _computed(model, mapping)
    known = {_named(tensor, mapping): tensor for tensor in found}
    given = {port["tensor"] for port in mapping["inputs"].values()}
    feed = {name: known.get(name, "") for name in request["feed"] if known.get(name) not in given}
    fetch = {name: known.get(name, "") for name in request["fetch"]}
    own = mapping["outputs"] if request.get("own_outputs", True) else {}
    _check(feed, fetch, own)
    fed = {name: _fed(model, tensor, found[tensor]) for name, tensor in feed.items()}
    outputs = {name: {"tensor": tensor, "dtype": found[tensor]} for name, tensor in fetch.items()} | dict(own)
    needed = ancestors(model.nodes, [split(port["tensor"])[0] for port in outputs.values()])
    own_inputs = {name: port for name, port in mapping["inputs"].items() if not feed or port["tensor"] in needed}
    inputs = {**own_inputs, **{name: port for name, port in fed.items() if port["tensor"] in needed}}
    states = {} if feed else {key: name for key, name in mapping.get("states", {}).items() if name in outputs}
    return _written(model, request, inputs, outputs, states)


def _check(feed: Mapping[str, str], fetch: Mapping[str, str], own: Mapping[str, Any]) -> None:
    """Refuse what can't be fed or fetched."""
    for name, tensor in (*feed.items(), *fetch.items()):
        if not tensor:
            raise BadRequest(
                f"{name!r} can't be fed or fetched: the model computes no such tensor outside of loops and branches",
                "Describe the artifact first.",
            )
    if both := feed.keys() & fetch.keys():
        raise BadRequest(f"{min(both)!r} can't be fed and fetched at once", "Leave it out of one.")
    if not fetch and not own:
        raise BadRequest(
            "a cut without outputs was asked for", "Name tensors in `fetch`, or keep the signature's outputs."
        )


def _fed(model: Model, tensor: str, dtype: str) -> dict[str, str]:
    """Have all that reads a tensor read a new placeholder instead; return how it is fed."""
    node, index = split(tensor)
    name = f"{node}/{FED}_{index}"
    for reader in model.content[TOPOLOGY]["node"]:
        read = reader.get("input", [])
        reader["input"] = [name if split(item) == (node, index) else item for item in read]
    model.content[TOPOLOGY]["node"].insert(
        0, {"name": name, "op": "Placeholder", "attr": {"dtype": {"type": KINDS[dtype]}}}
    )
    return {"tensor": name, "dtype": dtype}


KINDS = {
    "float32": "DT_FLOAT",
    "int32": "DT_INT32",
    "bool": "DT_BOOL",
    "string": "DT_STRING",
    "complex64": "DT_COMPLEX64",
}


def _type(dtype: str) -> dict[str, str]:
    return {"type": KINDS[dtype]}


def _written(
    model: Model,
    request: Mapping[str, Any],
    inputs: Mapping[str, Mapping[str, str]],
    outputs: Mapping[str, Mapping[str, str]],
    states: Mapping[str, str],
) -> dict[str, Any]:
    """Write the model with these inputs and outputs; return how runners feed and read it, and its contract."""
    ports = {"inputs": inputs, "outputs": outputs}
    before = model.content[SIGNATURE]
    model.content[SIGNATURE] = {
        role: {name: before[role].get(name) or _info(port) for name, port in items.items()}
        for role, items in ports.items()
    }
    roots = [split(port["tensor"])[0] for items in ports.values() for port in items.values()]
    model.write(Path(request["out"]), roots)
    if states:
        shutil.copyfile(Path(request["artifact"], INITIAL_STATE), Path(request["out"], INITIAL_STATE))
    mapping = {"model": "model.json", "batch": None, **ports, **({"states": dict(states)} if states else {})}
    return {
        "signatures": {request["signature"]: mapping},
        "contract": {"name": request["signature"], **_contract(ports, states)},
    }


def _info(port: Mapping[str, str]) -> dict[str, Any]:
    """Return a tensor as TF.js' signatures name it."""
    node, index = split(port["tensor"])
    return {"name": f"{node}:{index}", "dtype": KINDS[port["dtype"]]}


def _contract(ports: Mapping[str, Mapping[str, Mapping[str, str]]], states: Mapping[str, str]) -> dict[str, Any]:
    """Return the inputs and outputs as the runners' contract states them: without what is carried from call to call."""
    carried = {*states, *states.values()}
    return {
        role: [
            {"name": name, "dtype": port["dtype"], "shape": None} for name, port in items.items() if name not in carried
        ]
        for role, items in ports.items()
    }
