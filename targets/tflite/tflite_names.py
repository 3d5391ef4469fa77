"""Which nodes of the canonical graph a tensor of a `.tflite` may stand for, read from the names that the converter gave it.

The converter names a tensor after all operations that became its operator, `a;b;c`, in no order that says which one's
value it holds; a number at the end tells it from another of the same name.  `sources` puts the latest of them first: an
activation that the operator ends with, then what adds, then what multiplies.  Called by `cut.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

from tflite_file import ACTIVATIONS, Graph, Operator

from anyport_tf.tensor_names import scopes_left

ENDS = {"RELU": ("Relu",), "RELU6": ("Relu6",), "RELU_N1_TO_1": ("clip", "Maximum", "Minimum"), "TANH": ("Tanh",)}
"""Activation that an operator ends with → how the name of the node begins that it was."""
DIGITS = "0123456789"
LATE = ("BiasAdd", "add", "Add", "sub", "Sub")
EARLY = ("MatMul", "Conv", "conv", "depthwise", "separable", "Einsum")


def sources(graph: Graph, operator: Operator, tensor: int) -> list[str]:
    """Return node names, best first; `NODE:1` for what isn't an operator's first output."""
    index = [int(number) for number in operator.outputs].index(tensor)
    parts = [part for part in _name(graph, int(operator.outputs[0])).split(";") if part and not part.isdigit()]
    # What the file has as an output of the signature has lost its name: `StatefulPartitionedCall:0`.
    nodes = [part for part in parts if ":" not in part]
    found = _candidates(sorted(nodes, key=lambda part: _lateness(part, _activation(operator))))
    return [f"{node}:{index}" for node in found] if index else found


def _name(graph: Graph, tensor: int) -> str:
    return (graph.own.tensors[tensor].name or b"").decode()


def _candidates(parts: Sequence[str]) -> list[str]:
    """Return the names as they are, then without a number that the converter may have put to each: of `a_22` `a_2` too."""
    numbered = [part[: len(part) - cut] for part in parts for cut in range(1, len(part) - len(part.rstrip(DIGITS)) + 1)]
    return list(dict.fromkeys([*parts, *(name for name in numbered if not name.endswith(("_", "/")))]))


def _activation(operator: Operator) -> str:
    return str(ACTIVATIONS[getattr(operator.builtinOptions, "fusedActivationFunction", 0)])


def _lateness(node: str, activation: str) -> int:
    """Return how early in an operator's work a node comes: 0 for what ends it."""
    own = node.rpartition("/")[2]
    if own.startswith(ENDS.get(activation, ("\0",))):
        return 0
    if own.startswith(("bias", "Const")) or own.endswith("bias1"):
        return 4
    return 1 if own.startswith(LATE) else 3 if own.startswith(EARLY) else 2


def repaired(graph: Graph) -> dict[str, list[str]]:
    """Return, by the tensors' names, the nodes that repairs may have put tensors in the place of."""
    made = {
        int(tensor): _name(graph, int(tensor)).partition(";")[0]
        for operator in graph.own.operators
        for tensor in operator.outputs
    }
    readers: dict[str, list[str]] = {}
    for operator in graph.own.operators:
        for tensor in map(int, operator.inputs):
            if tensor in made:
                readers.setdefault(graph.names[tensor], []).extend(made[int(output)] for output in operator.outputs)
    for tensor in map(int, graph.own.outputs):
        readers.setdefault(graph.names[tensor], []).append("")
    return scopes_left({graph.names[tensor]: name for tensor, name in made.items()}, readers)
