"""Whether a model's outputs show the signs of singular vectors or eigenvectors, which are each algorithm's own.

`sign_refusals` tries: it turns the signs of some of the vectors around in TensorFlow and looks whether any output changes
on generated samples.  A pseudo-inverse, a projection or a reconstruction doesn't; a model that returns the vectors does, and no
runtime but TensorFlow could be held to its answers.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from . import rules, samples
from .canonical import Array, Canonical, Signature
from .compositions.decompositions import sign_dependent
from .compositions.shapes import again
from .preflight import Refusal

Operation = Any
Tensor = Any

OPS = ("Svd", "SelfAdjointEigV2")
PATTERNS = (0, 1)
"""Vector k is turned around where this bit of k + 1 is set: any two of the first three differ in one pattern or the other."""
SEEN = 1e-3
"""The change, in units of an output's largest value, that shows: turning a sign changes what depends on it by about 1."""
SEED = 0
TURNED = "turned-around"

HINT = "Return what doesn't depend on the signs: values, products of the vectors with themselves, or their absolute values."


def sign_refusals(model: Canonical, target: str) -> list[Refusal]:
    """Return a refusal for each decomposition whose signs some output shows; `target` is what the user calls it."""
    reason = f"an output shows the signs of its vectors, which {target} computes by another algorithm than TensorFlow"
    refusals = []
    for signature in model.signatures.values():
        nodes = [(name, item.type) for name, item in rules.operations(signature.graph) if _yields_vectors(item)]
        shown = _shown(model, signature, [name for name, _ in nodes]) if nodes else set()
        refusals += [Refusal(op=op, node=name, reason=reason, hint=HINT) for name, op in nodes if name in shown]
    return refusals


def _yields_vectors(operation: Operation) -> bool:
    return operation.type in OPS and sign_dependent(operation)


def _shown(model: Canonical, signature: Signature, nodes: Sequence[str]) -> set[str]:
    """Return the nodes whose signs some output shows; all of them where that can't be tried."""
    if signature.tables or signature.variables:
        return set(nodes)
    contract = {**model.contract, "signatures": [_contract_of(model, signature)]}
    calls = samples.generate(contract, SEED)[signature.name]
    weights = {placeholder: model.weights[name] for placeholder, name in signature.weights.items()}
    try:
        expected = [_run(signature, weights, call) for call in calls]
        return {
            node
            for node in nodes
            for turned in _turned(model, signature, node)
            for call, wanted in zip(calls, expected, strict=True)
            if any(map(_differs, wanted, _run(turned, weights, call)))
        }
    except tf.errors.OpError:  # what the samples are no input for
        return set(nodes)


def _contract_of(model: Canonical, signature: Signature) -> Mapping[str, Any]:
    found: Mapping[str, Any] = next(item for item in model.contract["signatures"] if item["name"] == signature.name)
    return found


def _turned(model: Canonical, signature: Signature, node: str) -> Iterator[Signature]:
    """Yield the signature with some of the vectors of one node turned around, by each pattern."""
    alone = dataclasses.replace(model, signatures={signature.name: signature})
    for pattern in PATTERNS:
        rule = rules.Rule(name=TURNED, ops=OPS, becomes=_turning(pattern), why="", until="", when=_is_called(node))
        yield rules.apply(alone, [rule])[0].signatures[signature.name]


def _is_called(node: str) -> Callable[[Operation], bool]:
    """Return whether an operation is the node of that name; in a function's body it has lost the function's name."""
    return lambda item: _yields_vectors(item) and TURNED not in item.name and f"/{node}".endswith(f"/{item.name}")


def _turning(pattern: int) -> Callable[[Operation, Sequence[Tensor]], list[Tensor]]:
    def becomes(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
        values, *vectors = again(operation, inputs)
        return [values, *(_flipped(item, pattern) for item in vectors)]

    return becomes


def _flipped(vectors: Tensor, pattern: int) -> Tensor:
    numbers = tf.range(tf.shape(vectors)[-1]) + 1
    set_ = tf.equal(numbers // (1 << pattern) % 2, 1)
    return tf.where(set_, -vectors, vectors)


def _run(signature: Signature, weights: Mapping[str, Array], call: Mapping[str, Array]) -> list[Array]:
    with tf.Graph().as_default():
        tf.graph_util.import_graph_def(signature.graph, name="")
        feeds = {f"{signature.inputs[name]}:0": value for name, value in call.items()}
        feeds |= {f"{placeholder}:0": weights[placeholder] for placeholder in signature.weights}
        with tf.compat.v1.Session() as session:
            return [np.asarray(value) for value in session.run(list(signature.outputs.values()), feeds)]


def _differs(a: Array, b: Array) -> bool:
    if a.shape != b.shape or a.dtype.kind not in "fc":
        return not np.array_equal(a, b)
    scale = np.max(np.abs(a[np.isfinite(a)]), initial=0.0)
    return not np.allclose(a, b, rtol=0.0, atol=SEEN * scale, equal_nan=True)
