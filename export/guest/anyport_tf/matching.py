"""Which tensor of an artifact stands for which tensor of the source.

`candidates` reads what the target's `cut.py` tells of the artifact; `matched` chooses among them by what both hold on the
samples.  Names can mislead (a tensor that is called after a convolution holds what a folded BatchNorm makes of it), and a
layout can differ: whether a pair is right is for `anyport_tf.divergence` to find out.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from anyport_guest import Array, Tensors

from .discrepancy import distance, wide
from .evaluation import Graph
from .tensor_names import full, split

PASSING = ("Identity", "StopGradient", "PreventGradient", "EnsureShape", "CheckNumerics", "Snapshot")
"""Ops whose output is their first input."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tap:
    """A tensor that both have."""

    source: str
    """`node:index` in the canonical graph."""
    artifact: str
    """Its name in the artifact."""
    layout: tuple[int, ...] | None
    """The axes of the artifact's tensor, in the order in which the source has them; None where the order is the same."""
    output: str | None
    """The contract's name, where it is an output of the signature."""
    values: list[Array]
    """What the artifact's tensor holds in each call, as the source lays it out."""

    def as_artifact(self, value: Array) -> Array:
        """Return a value of the source as the artifact lays it out."""
        return value if self.layout is None else np.ascontiguousarray(np.transpose(value, np.argsort(self.layout)))


def candidates(graph: Graph, described: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return, by the artifact's tensors, those of the source that they may stand for, best first."""
    outputs = {given: graph.signature.outputs.get(name) for name, given in described["outputs"].items()}
    found: dict[str, list[str]] = {}
    for tensor in described["tensors"]:
        names = [full(item) for item in tensor["sources"]]
        usable = [name for name in dict.fromkeys(names) if graph.may_be_given(name) and _fits(graph, name, tensor)]
        certain = outputs.get(tensor["name"])
        if usable or certain:
            found[tensor["name"]] = [certain] if certain else usable
    return found


def _fits(graph: Graph, name: str, tensor: Mapping[str, Any]) -> bool:
    """Tell whether an artifact's dtype can hold the source's: both are numbers, or both are what the other is."""
    source = graph.dtypes[name]
    if tensor["dtype"] == "string" or source.name == "string":
        return bool(tensor["dtype"] == source.name)
    floats = source.is_floating or source.is_complex
    is_scaled = tensor.get("quantization") is not None
    return bool(floats == (tensor["dtype"].startswith(("float", "bfloat", "complex")) or is_scaled))


def matched(
    graph: Graph,
    found: Mapping[str, Sequence[str]],
    described: Mapping[str, Any],
    actual: Sequence[Tensors],
    reference: Sequence[Mapping[str, Array]],
) -> list[Tap]:
    """Return a tap for each tensor of the source that some tensor of the artifact stands for, in topological order.

    `actual` are the artifact's tensors call by call, `reference` those of the source, both on the samples.
    """
    outputs: dict[str, str] = {given: name for name, given in described["outputs"].items()}
    best: dict[str, tuple[float, Tap]] = {}
    for name, sources in found.items():
        if any(name not in call for call in actual):
            continue
        held = [call[name] for call in actual]
        fitting = [item for source in sources for item in _laid_out(source, held, reference)]
        if not fitting:
            continue
        gap, source, layout, values = min(fitting, key=lambda item: item[0])
        tap = Tap(source=source, artifact=name, layout=layout, output=outputs.get(name), values=values)
        if source not in best or (tap.output is not None, -gap) > (
            best[source][1].output is not None,
            -best[source][0],
        ):
            best[source] = (gap, tap)
    taps = [tap for _, tap in best.values()]
    return sorted(taps, key=lambda tap: (graph.order[split(tap.source)[0]], tap.source))


def _laid_out(
    source: str, held: Sequence[Array], reference: Sequence[Mapping[str, Array]]
) -> Iterable[tuple[float, str, tuple[int, ...] | None, list[Array]]]:
    """Yield how far the artifact's tensor is from the source's, in each layout in which it has its shape."""
    wanted = [call[source] for call in reference]
    rank = wanted[0].ndim
    layouts: list[tuple[int, ...] | None] = [None]
    if rank >= 3 and held[0].ndim == rank:
        layouts += [(0, *range(2, rank), 1), (0, rank - 1, *range(1, rank - 1))]
    for layout in layouts:
        values = [value if layout is None else np.transpose(value, layout) for value in held]
        if all(value.shape == want.shape for value, want in zip(values, wanted, strict=True)):
            typed = [_as(value, want.dtype) for value, want in zip(values, wanted, strict=True)]
            yield _far(typed, wanted), source, layout, typed


def _as(value: Array, dtype: Any) -> Array:
    if dtype.kind == "O":
        return value.astype(object)
    with np.errstate(all="ignore"):
        return value.astype(dtype)


def _far(values: Sequence[Array], wanted: Sequence[Array]) -> float:
    """Return the mean distance as a share of the mean magnitude."""
    if wanted[0].dtype.kind in "OSU":
        return float(np.mean([np.mean(a != b) if a.size else 0.0 for a, b in zip(values, wanted, strict=True)]))
    gap = size = 0.0
    for value, want in zip(values, wanted, strict=True):
        between, large = distance(wide(value), wide(want)), np.abs(wide(want))
        gap += float(np.sum(between, dtype=np.float64, where=np.isfinite(between)))
        gap += 1e30 * int(np.count_nonzero(~np.isfinite(between)))
        size += float(np.sum(large, dtype=np.float64, where=np.isfinite(large)))
    return gap / (size + 1e-30)
