"""Guest: the canonical form → TF.js graph models, for the wasm backend and every other.

Runs where TensorFlow and the `tensorflowjs` package are.  Request: `canonical` (folder), `out` (an empty folder),
`variant` (`float32`, or what the weights are stored as: `float16`, `uint8` or `uint16`) and `options` (`{}`).  Returns

    {"signatures": {NAME: {"model": "model.json", "batch": None,
                           "inputs": {CONTRACT_NAME: {"tensor": NODE, "dtype": "int32"}}, "outputs": {…},
                           "states": {INPUT: OUTPUT}}},
     "notes": [TEXT, …], "repairs": …}

`model` is relative to the artifact: `model.json` at the top if there is one signature, in a folder per signature if
there are several.  Tensors are fed and fetched by the contract's names, which are model.json's signature's; `tensor`
is the node behind the name and `dtype` what TF.js computes in (it has no int64 and no float64); `states` is there where
there are any.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tfjs_control_flow
import tfjs_fuse
import tfjs_preflight
import tfjs_write
from tfjs_package import fuse_prelu
from tfjs_prepare import prepare

from anyport_guest import Array, Progress, tensor_key
from anyport_tf.canonical import Canonical, Signature
from anyport_tf.explicit_state import states, write_initial
from anyport_tf.preflight import repairs_report

GraphDef = Any


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Convert every signature; see the module's docstring."""
    progress("repairing")
    prepared = prepare(Canonical.read(request["canonical"]), request)
    prepared.check("TF.js")
    model, source = prepared.model, prepared.source
    contracts = {contract["name"]: contract for contract in model.contract["signatures"]}
    mapping = {}
    for name, contract in contracts.items():
        progress(f"converting {name}")
        folder = _folder(name, several=len(contracts) > 1)
        (Path(request["out"]) / folder).mkdir(exist_ok=True)
        bound = _convert(model, model.signatures[name], contract, Path(request["out"]) / folder, request["variant"])
        mapping[name] = {
            "model": str(Path(folder, "model.json").as_posix()),
            "batch": None,
            **bound,
            **states(contract),
        }
    write_initial(source, request["out"])
    return {
        "signatures": mapping,
        "notes": list(prepared.notes),
        "repairs": repairs_report(source, prepared.repairs),
    }


def _folder(signature: str, several: bool) -> str:
    """Return the artifact's folder for a signature, its name quoted as in `.npz` keys."""
    return tensor_key(signature, 0, "inputs", "").split("/")[0] if several else "."


def _convert(
    model: Canonical, signature: Signature, contract: Mapping[str, Any], folder: Path, variant: str
) -> dict[str, Any]:
    """Convert one signature into `folder`; return its `inputs` and `outputs` bindings."""
    tables = {placeholder: model.table(name) for placeholder, name in signature.tables.items()}
    weights = {placeholder: model.weights[name] for placeholder, name in signature.weights.items()}
    outputs = {name: tensor.split(":")[0] for name, tensor in signature.outputs.items()}
    graph = _in_tfjs_ops(signature.graph, list(outputs.values()))
    _separate_outputs(graph, set(outputs.values()), weights)
    hash_tables = _place_tables(graph, tables)
    tfjs_preflight.check_converted(graph.node)
    tfjs_write.write_model(folder, graph, weights, signature.inputs, outputs, contract, hash_tables, variant)
    return {
        "inputs": {t["name"]: _binding(signature.inputs[t["name"]], t) for t in contract["inputs"]},
        "outputs": {t["name"]: _binding(outputs[t["name"]], t) for t in contract["outputs"]},
    }


def _in_tfjs_ops(graph: GraphDef, outputs: list[str]) -> GraphDef:
    """Return the graph in what TF.js' executor knows: its own control flow, its own fused ops."""
    graph = tfjs_control_flow.lower(graph, outputs)
    tfjs_control_flow.reach_tables(graph)
    tfjs_control_flow.strip_control_inputs(graph)
    graph = fuse_prelu.fuse_ops_for_prelu(graph)
    return tfjs_fuse.fuse(graph, outputs)


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
