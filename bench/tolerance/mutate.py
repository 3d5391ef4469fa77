"""Guest script: break a model in one place at a time, and see by how much its answers leave those of the source.

Request: `canonical`, `samples` (with the source's outputs), `noise` (as the manifest has it) and `seed`.  Result: `mutations`,
for each `kind`, `place`, `changes` — how far the outputs move in double precision, in multiples of their floors, where nothing
rounds — and `ratio` — how far the broken model is from the source, as an artifact's verdict measures it (None where an exact
output differs).

Called by `study.py`.  The kinds are those of faults seen in converters; each is made in the first, the middle and the last place
where it can be.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import tensor_util

from anyport_guest import Array, Calls, Progress, read_calls
from anyport_tf import noise
from anyport_tf.canonical import Canonical
from anyport_tf.freeze import source_node

KERNELS = {"Conv2D", "Conv3D", "DepthwiseConv2dNative", "Conv2DBackpropInput", "MatMul", "BatchMatMulV2", "Einsum"}
BIASES = {"BiasAdd", "AddV2", "Add"}
STEPS = {"Identity", "ReadVariableOp"}
EPSILON = 1e-5
"""PyTorch's, where Keras has 1e-3."""

Change = tuple[str, str, Callable[[Canonical], Canonical]]


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    noise.plainly()
    model = noise.lifted(Canonical.read(request["canonical"]))
    calls = read_calls(request["samples"], "inputs")
    outputs, masks = (read_calls(request["samples"], role) for role in ("outputs", "undecided"))
    study = _Study(model, calls, outputs, masks, request["noise"])
    return {"mutations": [study.measured(*change) for change in _changes(model, int(request["seed"]))]}


class _Study:
    """One model, run whole and broken."""

    def __init__(self, model: Canonical, calls: Calls, outputs: Calls, masks: Calls, known: Mapping[str, Any]) -> None:
        self.model, self.calls, self.outputs, self.masks, self.known = model, calls, outputs, masks, known
        self.double = self._exact(model)

    def _exact(self, model: Canonical) -> Calls | None:
        return noise.in_double(model, self.calls)[0]

    def measured(self, kind: str, place: str, change: Callable[[Canonical], Canonical]) -> dict[str, Any]:
        broken = change(self.model)
        answers = noise.Engine(broken).run(self.calls, dict(broken.weights))
        exact = self._exact(broken) if self.double else None
        return {
            "kind": kind,
            "place": place,
            "changes": None if exact is None else self._apart(self.double or {}, exact),
            "ratio": self._apart(self.outputs, answers),
        }

    def _apart(self, wanted: Calls, found: Calls) -> float | None:
        """Return the largest distance over the floor; None where an exact output differs."""
        most = 0.0
        for signature, outputs in self.known.items():
            for number, call in enumerate(wanted[signature]):
                masks = self.masks.get(signature, [])
                for name, stated in outputs.items():
                    mask = masks[number].get(name) if number < len(masks) else None
                    ratio = _ratio(call[name], found[signature][number][name], mask, stated["floor"])
                    if ratio is None:
                        return None
                    most = max(most, ratio)
        return most


def _ratio(want: Array, have: Array, mask: Array | None, floor: float) -> float | None:
    if want.shape != have.shape:
        return None
    if want.dtype.kind not in "fc":
        differs = want != have if mask is None else (want != have) & ~mask
        return None if differs.any() else 0.0
    apart = noise.distance(want, have)
    apart = apart if mask is None else np.where(mask, 0.0, apart)
    most = float(np.max(apart, initial=0.0))
    return most / floor if np.isfinite(most) else None


# The faults.


def _changes(model: Canonical, seed: int) -> Iterator[Change]:
    weights = list(_weights_of(model, BIASES, 1))
    for name in _three(weights):
        yield "bias dropped", name, lambda m, n=name: _with(m, n, np.zeros_like(m.weights[n]))
    kernels = list(dict.fromkeys(_weights_of(model, KERNELS, 2)))
    for name in _three([n for n in kernels if model.weights[n].shape[-1] > 1]):
        yield "two channels swapped", name, lambda m, n=name: _with(m, n, _swapped(m.weights[n]))
    for name in _three(kernels):
        yield "one weight off by 1 %", name, lambda m, n=name: _with(m, n, _nudged(m.weights[n], seed))
    for name in _three([n for n in kernels if _square(model.weights[n])]):
        yield "kernel transposed", name, lambda m, n=name: _with(m, n, np.swapaxes(m.weights[n], 0, 1))
    if any(value.dtype == np.float32 for value in model.weights.values()):
        yield "float16 weights", "all", _halved
    for kind, fits, change in (
        ("padding shifted by one", _pads_alike, _shift),
        ("epsilon of a normalisation changed", _normalises, _other_epsilon),
    ):
        nodes = [
            (s, node.name) for s, item in model.signatures.items() for node in item.graph.node if fits(node, model, s)
        ]
        for signature, node in _three(nodes):
            yield kind, node, lambda m, s=signature, n=node, c=change: _with_node(m, s, n, c)


def _three(items: Sequence[Any]) -> list[Any]:
    return list(dict.fromkeys([items[0], items[len(items) // 2], items[-1]])) if items else []


def _weights_of(model: Canonical, ops: set[str], rank: int) -> Iterator[str]:
    """Yield the float weights of at least (of exactly, for 1) this rank that these ops read, in the graph's order."""
    for signature in model.signatures.values():
        nodes = {node.name: node for node in signature.graph.node}
        for node in signature.graph.node:
            for name in node.input if node.op in ops else ():
                weight = _weight(signature, nodes, name)
                value = None if weight is None else model.weights[weight]
                if (
                    value is not None
                    and value.dtype.kind == "f"
                    and (value.ndim == 1 if rank == 1 else value.ndim >= rank)
                ):
                    yield str(weight)


def _weight(signature: Any, nodes: Mapping[str, Any], name: str) -> str | None:
    """Return the weight that an input of a node is, if it is one."""
    source = source_node(name)
    while source in nodes and nodes[source].op in STEPS:
        source = source_node(nodes[source].input[0])
    found: str | None = signature.weights.get(source)
    return found


def _with(model: Canonical, name: str, value: Array) -> Canonical:
    return dataclasses.replace(model, weights={**model.weights, name: value.astype(model.weights[name].dtype)})


def _swapped(kernel: Array) -> Array:
    order = np.arange(kernel.shape[-1])
    order[[0, -1]] = order[[-1, 0]]
    return kernel[..., order]


def _nudged(kernel: Array, seed: int) -> Array:
    """Return the kernel with one of its larger weights off by 1 %."""
    changed = np.array(kernel)
    flat = changed.reshape(-1)
    larger = np.flatnonzero(np.abs(flat) >= np.median(np.abs(flat)))
    flat[np.random.default_rng(seed).choice(larger)] *= 1.01
    return changed


def _square(kernel: Array) -> bool:
    return kernel.shape[0] == kernel.shape[1] > 1


def _halved(model: Canonical) -> Canonical:
    weights = {
        name: value.astype(np.float16).astype(np.float32) if value.dtype == np.float32 else value
        for name, value in model.weights.items()
    }
    return dataclasses.replace(model, weights=weights)


def _with_node(model: Canonical, signature: str, name: str, change: Callable[[Any, Any], None]) -> Canonical:
    item = model.signatures[signature]
    graph = tf.compat.v1.GraphDef()
    graph.CopyFrom(item.graph)
    change(next(node for node in graph.node if node.name == name), _kernel_shape(model, signature, name))
    return dataclasses.replace(
        model, signatures={**model.signatures, signature: dataclasses.replace(item, graph=graph)}
    )


def _kernel_shape(model: Canonical, signature: str, name: str) -> tuple[int, ...] | None:
    item = model.signatures[signature]
    nodes = {node.name: node for node in item.graph.node}
    weight = _weight(item, nodes, nodes[name].input[1]) if len(nodes[name].input) > 1 else None
    return None if weight is None else tuple(model.weights[weight].shape)


def _pads_alike(node: Any, model: Canonical, signature: str) -> bool:
    """Tell whether the node is a convolution of stride 1 and SAME padding whose kernel is wide enough to shift."""
    if node.op not in ("Conv2D", "DepthwiseConv2dNative") or node.attr["padding"].s != b"SAME":
        return False
    shape = _kernel_shape(model, signature, node.name)
    return shape is not None and shape[0] > 1 and set(node.attr["strides"].list.i) == {1}


def _shift(node: Any, kernel: tuple[int, ...]) -> None:
    channels_last = node.attr["data_format"].s in (b"", b"NHWC")
    dilations = list(node.attr["dilations"].list.i) or [1, 1, 1, 1]
    axes = (1, 2) if channels_last else (2, 3)
    pads = [0] * 8
    for axis, size in zip(axes, kernel[:2], strict=True):
        total = (size - 1) * dilations[axis]
        before = total // 2 + (1 if axis == axes[0] else 0)
        pads[2 * axis : 2 * axis + 2] = [before, total - before]
    node.attr["padding"].s = b"EXPLICIT"
    node.attr["explicit_paddings"].list.i[:] = pads


def _normalises(node: Any, model: Canonical, signature: str) -> bool:
    """Tell whether the node has an epsilon, or is one: the constant that a variance is kept from zero by."""
    if node.op != "Const":
        return bool(node.op.startswith("FusedBatchNorm") and abs(node.attr["epsilon"].f - EPSILON) > 1e-7)
    value = tensor_util.MakeNdarray(node.attr["value"].tensor)
    if value.dtype.kind != "f" or value.ndim or not EPSILON < value < 0.1:
        return False
    nodes = model.signatures[signature].graph.node
    sums = [other.name for other in nodes if other.op in BIASES and node.name in map(source_node, other.input)]
    return any(other.op == "Rsqrt" and source_node(other.input[0]) in sums for other in nodes)


def _other_epsilon(node: Any, kernel: Any) -> None:
    if node.op == "Const":
        dtype = tensor_util.MakeNdarray(node.attr["value"].tensor).dtype
        node.attr["value"].tensor.CopyFrom(tensor_util.make_tensor_proto(np.array(EPSILON, dtype)))
    else:
        node.attr["epsilon"].f = EPSILON
