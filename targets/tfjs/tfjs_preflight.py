"""Whether a graph can be said in TF.js at all: asked before anything is converted.

`check` takes a signature in the canonical form and raises `anyport_guest.Refused`, which names the op and the layer
it came from.  What the rewrites of `tfjs_rewrite` and `tfjs_control_flow` take away isn't refused.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import tensorflow as tf
import tfjs_control_flow
from tfjs_package import op_names
from tfjs_rewrite import FLOATS

from anyport_guest import Refused
from anyport_tf.canonical import Signature
from anyport_tf.freeze import all_nodes

WITHOUT_KERNEL = frozenset(
    [
        "BitwiseAnd",
        "Complex",
        "ComplexAbs",
        "FFT",
        "IFFT",
        "IRFFT",
        "Imag",
        "RFFT",
        "RaggedGather",
        "RaggedRange",
        "RaggedTensorToTensor",
        "Real",
        "StaticRegexReplace",
    ]
)
"""Ops that TF.js' converter accepts and its wasm backend 4.22.0 has no kernel for (the registered kernels, by
`tf.getKernelsForBackend('wasm')`, against what the executors call; BitwiseAnd has one, and runs on no backend)."""

REWRITTEN = frozenset(
    (*tfjs_control_flow.FUNCTIONAL, "_SwitchN", "Einsum", "Erfc", "LookupTableFind", "LookupTableFindV2")
)
"""Ops that the converter takes away, whether TF.js knows them or not."""

RANDOM = ("RandomStandardNormal", "RandomUniform", "RandomUniformInt", "TruncatedNormal", "Multinomial")

PRODUCTS = ("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3")

WIDE = (tf.complex64, tf.complex128)

HINTS = {
    "Complex": "Work on the real and imaginary parts as two tensors.",
    "Svd": "Compute the decomposition before the export and keep its factors as weights.",
    "ResizeBicubic": 'Resize with method="bilinear", which TF.js has.',
}
FALLBACK_HINT = "Replace it in the model, or move it into the page's own code before or after the model."


def check(signature: Signature) -> None:
    """Raise `Refused` for the first thing in the signature that TF.js can't express."""
    if signature.variables:
        names = ", ".join(map(repr, sorted(signature.variables)))
        raise Refused(
            f"signature {signature.name!r} assigns variables ({names}), and a TF.js graph model has none",
            "Make the state an input and an output of the signature.",
        )
    known = op_names() - WITHOUT_KERNEL | REWRITTEN
    library = {function.signature.name for function in signature.graph.library.function}
    for node in all_nodes(signature.graph):
        _check_node(node, known | library)
    _check_resources(signature)


def check_converted(nodes: Iterable[Any]) -> None:
    """Raise `Refused` if an op is left, after all rewrites, that TF.js' wasm backend can't run."""
    known = op_names() - WITHOUT_KERNEL - REWRITTEN | {"LookupTableFindV2"}
    for node in nodes:
        _check_node(node, known)


def _check_node(node: Any, known: frozenset[str]) -> None:
    if node.op not in known:
        lacks = "its wasm backend has no kernel for it" if node.op in WITHOUT_KERNEL else "the format has no such op"
        raise Refused(f"TF.js can't run {node.op} ({node.name}): {lacks}", HINTS.get(node.op, FALLBACK_HINT))
    if node.op in PRODUCTS and node.attr["T"].type not in FLOATS:
        raise Refused(
            f"TF.js can't multiply matrices of integers on wasm; {node.op} ({node.name}) does",
            "Cast them to float32 before, which is exact below 2²⁴.",
        )
    if any(attr.type in WIDE for attr in node.attr.values()):
        raise Refused(
            f"TF.js can't compute with complex numbers on wasm; {node.op} ({node.name}) does", HINTS["Complex"]
        )


def _check_resources(signature: Signature) -> None:
    explained = {*signature.tables, *signature.variables}
    for node in signature.graph.node:
        if node.op == "Placeholder" and node.attr["dtype"].type == tf.resource and node.name not in explained:
            raise Refused(
                f"{node.name} is a resource that isn't a lookup table that anyport can read",
                "Only tables whose entries are known when the model is exported can go into a TF.js model.",
            )


def random_ops(nodes: Iterable[Any]) -> list[str]:
    """Return the nodes that draw random numbers: the runs can't be expected to agree."""
    return [node.name for node in nodes if node.op in RANDOM]
