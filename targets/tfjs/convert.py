"""Guest: the canonical form → TF.js graph models, for the wasm backend and every other.

Runs where TensorFlow and the `tensorflowjs` package are.  Request: `canonical` (folder), `out` (an empty folder),
`variant` (`float32`) and `options` (`{}`).  Returns

    {"signatures": {NAME: {"model": "model.json", "batch": None,
                           "inputs": {CONTRACT_NAME: {"tensor": NODE, "dtype": "int32"}}, "outputs": {…}}},
     "notes": [TEXT, …]}

`model` is relative to the artifact: `model.json` at the top if there is one signature, in a folder per signature if
there are several.  Tensors are fed and fetched by the contract's names, which are model.json's signature's; `tensor`
is the node behind the name and `dtype` what TF.js computes in (it has no int64 and no float64).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
import tfjs_control_flow
import tfjs_fuse
import tfjs_preflight
import tfjs_rewrite
import tfjs_write
from tfjs_package import fuse_prelu

from anyport_guest import Array, Progress, tensor_key
from anyport_tf.canonical import Canonical, Signature
from anyport_tf.fold import fold_batch_norms
from anyport_tf.freeze import prune
from anyport_tf.rewrite import lookups_as_search

GraphDef = Any

GRAPPLER = ("pruning", "constfold", "arithmetic", "dependency") * 2
"""The passes of TF.js' own converter before its fusions."""


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Convert every signature; see the module's docstring."""
    canonical = Canonical.read(request["canonical"])
    for signature in canonical.signatures.values():
        tfjs_preflight.check(signature)
    contracts = {contract["name"]: contract for contract in canonical.contract["signatures"]}
    mapping = {}
    notes: list[str] = []
    for name, contract in contracts.items():
        progress(f"converting {name}")
        folder = _folder(name, several=len(contracts) > 1)
        (Path(request["out"]) / folder).mkdir(exist_ok=True)
        bound = _convert(canonical, canonical.signatures[name], contract, Path(request["out"]) / folder)
        mapping[name] = {"model": str(Path(folder, "model.json").as_posix()), "batch": None, **bound}
        notes += _narrowing_notes(name, contract)
        notes += _random_notes(name, canonical.signatures[name])
    return {"signatures": mapping, "notes": notes}


def _folder(signature: str, several: bool) -> str:
    """Return the artifact's folder for a signature, its name quoted as in `.npz` keys."""
    return tensor_key(signature, 0, "inputs", "").split("/")[0] if several else "."


def _convert(canonical: Canonical, signature: Signature, contract: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """Convert one signature into `folder`; return its `inputs` and `outputs` bindings."""
    tables = {placeholder: canonical.table(name) for placeholder, name in signature.tables.items()}
    weights = {placeholder: canonical.weights[name] for placeholder, name in signature.weights.items()}
    graph, outputs = name_outputs(lookups_as_search(canonical, signature), signature.outputs, contract)
    graph, weights = fold_batch_norms(graph, weights, outputs.values())
    graph = _simplify(graph, list(outputs.values()))
    graph = _restore_inputs(graph, signature)
    _separate_outputs(graph, set(outputs.values()), weights)
    hash_tables = _place_tables(graph, tables)
    tfjs_preflight.check_converted(graph.node)
    tfjs_write.write_model(folder, graph, weights, signature.inputs, outputs, contract, hash_tables)
    return {
        "inputs": {t["name"]: _binding(signature.inputs[t["name"]], t) for t in contract["inputs"]},
        "outputs": {t["name"]: _binding(outputs[t["name"]], t) for t in contract["outputs"]},
    }


def _simplify(graph: GraphDef, outputs: list[str]) -> GraphDef:
    """Return the graph in ops that TF.js runs on wasm, weights still placeholders."""
    graph = tfjs_control_flow.lower(graph, outputs)
    graph = tfjs_control_flow.grappler(graph, outputs, GRAPPLER)
    tfjs_control_flow.strip_control_inputs(graph)
    graph = tfjs_rewrite.rewrite(graph)
    graph = fuse_prelu.fuse_ops_for_prelu(graph)
    return tfjs_fuse.fuse(graph, outputs)


def name_outputs(
    graph: GraphDef, outputs: Mapping[str, str], contract: Mapping[str, Any]
) -> tuple[GraphDef, dict[str, str]]:
    """Return the graph with an `Identity` of its own for each output, and contract name → that node.

    TF.js can't fetch an input, and gives two outputs that are one tensor one name.  The node is called as the output
    is, where a node can be.
    """
    named = tf.compat.v1.GraphDef()
    named.CopyFrom(graph)
    dtypes = {tensor["name"]: tf.dtypes.as_dtype(tensor["dtype"]).as_datatype_enum for tensor in contract["outputs"]}
    taken = {node.name for node in named.node}
    nodes = {}
    for name, tensor in outputs.items():
        node = _free_name(name, taken)
        named.node.add(name=node, op="Identity", input=[tensor]).attr["T"].type = dtypes[name]
        taken.add(node)
        nodes[name] = node
    return prune(named, nodes.values()), nodes


def _free_name(wanted: str, taken: set[str]) -> str:
    base = re.sub(r"[^A-Za-z0-9_.\\/-]", "_", wanted) or "output"
    base = base if base[0].isalnum() else f"output{base}"
    name, number = base, 1
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    return name


def _restore_inputs(graph: GraphDef, signature: Signature) -> GraphDef:
    """Add the inputs that grappler found the model to ignore: they are inputs all the same."""
    present = {node.name for node in graph.node}
    graph.node.extend(
        node for node in signature.graph.node if node.name in signature.inputs.values() and node.name not in present
    )
    return graph


def _separate_outputs(graph: GraphDef, outputs: set[str], weights: dict[str, Array]) -> None:
    """Give an output that became a constant an `Identity` again.

    TF.js returns a constant itself, and whoever disposes of that output has broken the model.
    """
    for node in [node for node in graph.node if node.name in outputs and node.op in ("Const", "Placeholder")]:
        output, value = node.name, f"{node.name}/value"
        node.name = value
        if output in weights:
            weights[value] = weights.pop(output)
        graph.node.add(name=output, op="Identity", input=[value]).attr["T"].type = node.attr["dtype"].type
        for reader in graph.node:
            if reader.name != output:
                reader.input[:] = [value if name == output else name for name in reader.input]


def _place_tables(graph: GraphDef, tables: Mapping[str, tuple[Array, Array]]) -> dict[str, tuple[Array, Array]]:
    """Put a hash table where a table's placeholder was; return those that are still looked up in, by node."""
    read = {name for node in graph.node for name in node.input}
    kept = [node for node in graph.node if node.name not in tables]
    del graph.node[:]
    graph.node.extend(kept)
    placed = {name: table for name, table in tables.items() if name in read}
    for name, table in placed.items():
        tfjs_write.add_table(graph, name, *table)
    return placed


def _binding(node: str, tensor: Mapping[str, Any]) -> dict[str, str]:
    return {"tensor": node, "dtype": tfjs_write.tfjs_dtype(tensor["dtype"])}


def _narrowing_notes(signature: str, contract: Mapping[str, Any]) -> list[str]:
    notes = []
    for role in ("inputs", "outputs"):
        for tensor in contract[role]:
            narrow = tfjs_write.tfjs_dtype(tensor["dtype"])
            if narrow != tensor["dtype"]:
                what = f"{role[:-1]} {tensor['name']!r} of {signature!r}"
                notes.append(f"{what} is {narrow} in TF.js, which has no {tensor['dtype']}")
    return notes


def _random_notes(name: str, signature: Signature) -> list[str]:
    drawn = tfjs_preflight.random_ops(signature.graph.node)
    return [f"{name!r} draws random numbers ({', '.join(drawn)}): no two runs agree"] if drawn else []
