"""The debugger's part that needs the source: which calls and tensors to look at, and what they say.

`plan` and `find` are the verbs of `find_divergence.py`, whose docstring states requests and results.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

import anyport_guest
from anyport_guest import Array, Calls, Progress, Tensors

from . import causes
from .canonical import Canonical
from .discrepancy import Allowed, distance, wide
from .divergence import RIGHT, WRONG, Fault, Found, search
from .evaluation import Evaluator, Graph
from .explicit_state import state_as_ports
from .matching import Tap, candidates, matched
from .naming import named
from .tensor_names import split

MOST_ROWS = 4
"""Samples that are looked at."""
MOST_ELEMENTS = 50_000_000
"""Of all tensors that are looked at, on all samples together: each is held in memory six times."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Source:
    """The source's signature, with its state as inputs and outputs."""

    model: Canonical
    contract: Mapping[str, Any]
    graph: Graph

    @classmethod
    def read(cls, request: Mapping[str, Any]) -> _Source:
        model, _ = state_as_ports(Canonical.read(request["canonical"]))
        name = request["signature"]
        contract = next(item for item in model.contract["signatures"] if item["name"] == name)
        return cls(model=model, contract=contract, graph=Graph(model.signatures[name]))

    @property
    def states(self) -> Sequence[Mapping[str, str]]:
        return list(self.contract.get("states", ()))


def plan(request: Mapping[str, Any]) -> dict[str, Any]:
    """Choose calls and tensors."""
    source = _Source.read(request)
    calls = anyport_guest.read_calls(request["all_samples"], "inputs")[request["signature"]]
    found = candidates(source.graph, request["described"])
    row = sum(_elements(source.graph, names[0]) for names in found.values())
    most = max(1, min(MOST_ROWS, MOST_ELEMENTS // max(row, 1)))
    chosen = _chosen(calls, source.contract, request["batch"], request["worst"], most)
    anyport_guest.write_calls(request["samples"], inputs={request["signature"]: chosen})
    own = set(request["described"]["outputs"].values())
    return {"fetch": [name for name in found if name not in own], "rows": request["batch"]}


def _chosen(
    calls: Sequence[Tensors],
    contract: Mapping[str, Any],
    batch: int | None,
    worst: Mapping[str, Any] | None,
    most: int,
) -> list[Tensors]:
    """Return up to `most` samples, the worst one first where order doesn't matter."""
    call = int(worst["call"]) if worst else 0
    if contract.get("stateful"):
        return list(calls[: max(call + 1, most)])
    shapes = [port["shape"] for port in contract["inputs"] if not port["name"].startswith("state_")]
    by_rows = bool(shapes) and all(shape and shape[0] is None for shape in shapes)
    if not by_rows:
        order = [call, *(number for number in range(len(calls)) if number != call)]
        return [calls[number] for number in order[:most]]
    row = int(worst["index"][0]) if worst and worst["index"] else 0
    rows = [{name: value[i : i + 1] for name, value in each.items()} for each in calls for i in range(_rows(each))]
    first = sum(_rows(each) for each in calls[:call]) + min(row, _rows(calls[call]) - 1)
    order = [first, *(number for number in range(len(rows)) if number != first)][:most]
    picked = [rows[number] for number in order]
    return picked if batch == 1 else [{name: np.concatenate([row[name] for row in picked]) for name in picked[0]}]


def _elements(graph: Graph, tensor: str) -> int:
    """Return the elements of a tensor for one sample, as far as they are known."""
    shape = graph.shapes[tensor]
    return 0 if shape.rank is None else int(np.prod([size or 1 for size in shape.as_list()], dtype=np.int64))


def _rows(call: Tensors) -> int:
    return len(next(iter(call.values())))


def find(request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Search for the fault and tell it."""
    source = _Source.read(request)
    name = request["signature"]
    actual = anyport_guest.read_calls(request["outputs"], "outputs")[name]
    inputs = anyport_guest.read_calls(request["samples"], "inputs")[name]
    described = request["described"]
    renamed = dict(described["outputs"])
    actual = [{renamed.get(key, key): value for key, value in call.items()} for call in actual]
    found = {key: value for key, value in candidates(source.graph, described).items() if key in actual[0]}
    wanted = list(dict.fromkeys(item for items in found.values() for item in items))
    evaluator = Evaluator(source.model, source.graph, [item for item in wanted if source.graph.may_be_given(item)])
    progress("running the source")
    inputs, reference = _reference(source, evaluator, inputs, wanted)
    taps = matched(source.graph, found, described, actual, reference)
    progress(f"comparing {len(taps)} tensors")
    allowed = Allowed(multiple=float(request["multiple"]), least_snr=request["least_snr"])
    outcome = search(source.graph, evaluator, taps, inputs, allowed)
    telling = _Telling(request, source, evaluator, taps, outcome, inputs, reference)
    telling.write_values()
    return telling.result()


def _reference(
    source: _Source, evaluator: Evaluator, inputs: Sequence[Tensors], wanted: Sequence[str]
) -> tuple[list[Tensors], list[dict[str, Array]]]:
    """Run the source on the calls, its state handed on; return the calls with their state, and the tensors `wanted`."""
    state = {port["input"]: source.model.weights[port["initial"]] for port in source.states}
    after = [source.graph.signature.outputs[port["output"]] for port in source.states]
    names = list(dict.fromkeys([*wanted, *after]))
    whole, reference = [], []
    for call in inputs:
        fed = {**call, **state}
        answers = dict(zip(names, evaluator.run(names, fed), strict=True))
        state = {port["input"]: answers[tensor] for port, tensor in zip(source.states, after, strict=True)}
        whole.append(fed)
        reference.append(answers)
    return whole, reference


@dataclasses.dataclass(frozen=True)
class _Telling:
    """From a search to what is written of it."""

    request: Mapping[str, Any]
    source: _Source
    evaluator: Evaluator
    taps: Sequence[Tap]
    outcome: Found
    inputs: Sequence[Tensors]
    reference: Sequence[Mapping[str, Array]]

    def result(self) -> dict[str, Any]:
        blamed = self.outcome.faults[0] if self.outcome.faults and self.request["blame"] else None
        layers = [self.layer(place, blamed) for place in range(len(self.taps))]
        if blamed is None:
            return {"layers": layers, "first_wrong": None, "cause": None, "worst": None, "notes": [], "suspect": None}
        return {
            "layers": layers,
            "first_wrong": blamed.at,
            "cause": self.cause(blamed),
            "worst": blamed.own.worst,
            "notes": self.notes(),
            "suspect": self.suspect(blamed),
        }

    def write_values(self) -> None:
        """Write what the source's tensors hold, as the artifact holds them, where whoever cuts elsewhere wants them."""
        if self.request.get("values"):
            ports = self.request["described"]["inputs"]
            held = [
                {
                    **{ports[name]: value for name, value in inputs.items() if name in ports},
                    **{tap.artifact: self.held(tap, call[tap.source]) for tap in self.taps},
                }
                for inputs, call in zip(self.inputs, self.reference, strict=True)
            ]
            anyport_guest.write_calls(self.request["values"], inputs={self.request["signature"]: held})

    def notes(self) -> list[str]:
        more = [self.layer(fault.at, None)["name"] for fault in self.outcome.faults[1:]]
        return [f"wrong by themselves as well: {', '.join(dict.fromkeys(more))}"] if more else []

    def layer(self, place: int, blamed: Fault | None) -> dict[str, Any]:
        """Return one entry of `layers`."""
        tap, own = self.taps[place], self.outcome.owns[place]
        nodes, begins = self.outcome.nodes[place], self.outcome.begins[place]
        status = self.outcome.statuses[place]
        if status == WRONG and not self.request["blame"]:
            status = RIGHT  # the artifact passes: no output shows what this tensor is off by
        error = self.accumulated(tap, place)
        return {
            **named(self.source.model.origins, self.source.graph, nodes or [split(tap.source)[0]]),
            "tensor": tap.source,
            "artifact_tensor": tap.artifact,
            "artifact_op": self.described(tap).get("op"),
            "shape": list(tap.values[0].shape),
            "dtype": "string" if tap.values[0].dtype.kind in "OS" else tap.values[0].dtype.name,
            "inputs": list(begins) or [-1],
            "is_output": tap.output is not None,
            "scale": own.scale,
            "own_error": _finite(own.error),
            "own_noise": _finite(own.noise),
            "own_ratio": _finite(own.ratio),
            "own_snr": own.snr,
            "error": _finite(error),
            "relative_error": _finite(error / own.scale) if own.scale else None,
            "status": status,
        }

    def accumulated(self, tap: Tap, place: int) -> float:
        """Return how far a tensor is from the source's, all that came before included."""
        pairs = [(value, call[tap.source]) for value, call in zip(tap.values, self.reference, strict=True)]
        if pairs[0][1].dtype.kind in "OSU" or any(a.shape != b.shape for a, b in pairs):
            return self.outcome.owns[place].error
        return max(float(np.max(distance(wide(a), wide(b)), initial=0.0)) for a, b in pairs)

    def cause(self, fault: Fault) -> dict[str, str] | None:
        """Return what the difference looks like."""
        tap = self.taps[fault.at]
        feeds = {self.taps[place].source: place for place in fault.begins}
        expected = [
            self.evaluator.run([tap.source], inputs, {name: self.taps[at].values[call] for name, at in feeds.items()})[
                0
            ]
            for call, inputs in enumerate(self.inputs)
        ]
        ops = [self.source.graph.nodes[node].op for node in fault.nodes]
        return causes.suspected(tap.values, expected, ops, self.described(tap), fault.own.noise)

    def suspect(self, fault: Fault) -> dict[str, Any]:
        """Say which cut of the artifact holds the fault; write its inputs, the source's values, and the source's answers."""
        tap = self.taps[fault.at]
        feed, own = self.beginnings(tap.artifact)
        call = fault.own.worst["call"] if fault.own.worst else 0
        ports = self.request["described"]["inputs"]
        fed = {name: self.inputs[call][name] for name in (own if feed else ports) if name in self.inputs[call]}
        fed |= {at.artifact: self.held(at, self.reference[call][at.source]) for at in feed}
        expected = self.held(tap, self.reference[call][tap.source])
        output, signature = tap.output or tap.artifact, self.request["signature"]
        calls: dict[str, Calls] = {"inputs": {signature: [fed]}, "outputs": {signature: [{output: expected}]}}
        anyport_guest.write_calls(self.request["cut_samples"], **calls)
        return {
            "feed": [*(at.artifact for at in feed), *(ports[name] for name in own)] if feed else [],
            "fetch": [tap.artifact],
            "output": output,
            "allowed": _finite(float(self.request["multiple"]) * fault.own.noise) or 0.0,
        }

    def held(self, tap: Tap, value: Array) -> Array:
        """Return a value of the source as the artifact's tensor holds it: its layout, its dtype."""
        laid = tap.as_artifact(value)
        dtype = self.described(tap).get("dtype", "string")
        scaled = self.described(tap).get("quantization") is not None
        if dtype == "string" or tap.output is not None:
            return laid
        return laid.astype(np.float32 if scaled or dtype == "bfloat16" else dtype)

    def described(self, tap: Tap) -> Mapping[str, Any]:
        """Return what the artifact says of a tensor."""
        return next((item for item in self.request["described"]["tensors"] if item["name"] == tap.artifact), {})

    def beginnings(self, artifact: str) -> tuple[list[Tap], list[str]]:
        """Return where the part of the artifact that makes a tensor begins: taps that are right, and its own inputs."""
        ends = {
            tap.artifact: tap for tap, status in zip(self.taps, self.outcome.statuses, strict=True) if status == RIGHT
        }
        makers = {item["name"]: item["inputs"] for item in self.request["described"]["tensors"]}
        own = {given: name for name, given in self.request["described"]["inputs"].items()}
        begins: dict[str, None] = {}
        seen: set[str] = set()
        waiting = list(makers.get(artifact, ()))
        while waiting:
            name = waiting.pop()
            if name in seen:
                continue
            seen.add(name)
            if name in ends or name in own:
                begins[name] = None
            else:
                waiting += makers.get(name, ())
        return [ends[name] for name in begins if name in ends and name not in own], [own[n] for n in begins if n in own]


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
