"""The search where inner tensors can't be read, since the runtime would compute otherwise: real cuts, and real runs of them.

`Cuts` is used by `session.py` in the place of what `find_divergence.py` finds; `bisection.py` says where to cut next.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from anyport.budget import judge
from anyport.compare import OutputVerdict, compare_run
from anyport.debugging.bisection import Segment, bisect, boundaries
from anyport.guest.anyport_guest import Array, read_calls, write_calls
from anyport.protocols import Budget

if TYPE_CHECKING:
    from anyport.debugging.session import Look


class Cuts:
    """The search for the wrong part where inner tensors can't be read: by cuts that are fed with the source's values."""

    def __init__(
        self, look: Look, described: Mapping[str, Any], found: Mapping[str, Any], values: Path, rows: int | None
    ) -> None:
        self.look, self.described, self.found, self.rows = look, described, found, rows
        self.calls = read_calls(values, "inputs")[look.signature]
        self.number = 0

    def result(self, samples: Path) -> dict[str, Any]:
        """Return what `find_divergence.py` would have, and write the cut's samples."""
        places = boundaries(self.described, set(self.calls[0]))
        segment = bisect(places, self.fails)
        if segment is None:
            return {**self.found, "notes": [*self.found["notes"], "cut at its inputs alone, the artifact is right"]}
        made = {tensor["name"]: place for place, tensor in enumerate(self.described["tensors"])}
        shown = max(segment.fetch, key=lambda name: made[name])
        first = next((n for n, item in enumerate(self.found["layers"]) if item["artifact_tensor"] == shown), None)
        layers = [dict(item) for item in self.found["layers"]]
        inside = [
            item["name"]
            for item in layers
            if segment.begin.at <= made.get(item["artifact_tensor"], -1) <= made[shown]
            and item["artifact_tensor"] != shown
        ]
        if first is not None:
            layers[first] = {**layers[first], "status": "wrong"}
            known = (layers[first]["name"], *layers[first]["also"])
            layers[first]["also"] = [*known[1:], *(name for name in dict.fromkeys(inside) if name not in known)]
        return {
            "layers": layers,
            "first_wrong": first,
            "cause": {
                "kind": "fusion",
                "text": "it is wrong only where nothing is read inside: operators that are fused",
            },
            "worst": self.worst(segment, shown),
            "notes": [
                *self.found["notes"],
                f"found in {self.number} cuts of the artifact, fed with the source's values",
            ],
            "suspect": self.suspect(segment.begin.feed, shown, samples),
        }

    def fails(self, feed: Sequence[str], fetch: Sequence[str]) -> bool:
        """Tell whether a cut answers otherwise than the source."""
        return any(not verdict.passed for verdict in self.judged(feed, fetch))

    def judged(self, feed: Sequence[str], fetch: Sequence[str]) -> list[OutputVerdict]:
        look, session = self.look, self.look.session
        self.number += 1
        step = f"bisect-{self.number}"
        folder, cut = look.cut(step, feed, fetch, own_outputs=False, rows=self.rows)
        expected = self.written(feed, fetch, cut["contract"], samples := session.work / f"{step}.npz")
        actual = session.answers(step, folder, cut, samples, session.asked.runtime)
        contract = {"signatures": [cut["contract"]]}
        name = look.signature
        verdicts = compare_run(contract, {name: expected}, {name: actual}, session.bench.tolerance)
        budget = session.asked.artifact.budget
        return verdicts if budget is None else judge(verdicts, Budget(**budget))

    def written(
        self, feed: Sequence[str], fetch: Sequence[str], contract: Mapping[str, Any], samples: Path
    ) -> list[dict[str, Array]]:
        """Write a cut's inputs, and return the source's answers, both by the cut's contract."""
        own = {given: name for name, given in self.described["inputs"].items()}
        ports = {port["name"] for port in contract["inputs"]}
        calls = [
            {own.get(name, name): call[name] for name in feed if own.get(name, name) in ports} for call in self.calls
        ]
        write_calls(samples, inputs={self.look.signature: calls})
        names = [port["name"] for port in contract["outputs"]]
        return [dict(zip(names, (call[name] for name in dict.fromkeys(fetch)), strict=True)) for call in self.calls]

    def worst(self, segment: Segment, shown: str) -> dict[str, Any] | None:
        (verdict,) = self.judged(segment.begin.feed, [shown])
        return None if verdict.worst is None else dataclasses.asdict(verdict.worst)

    def suspect(self, feed: Sequence[str], shown: str, samples: Path) -> dict[str, Any]:
        call = self.calls[0]
        own = {given: name for name, given in self.described["inputs"].items()}
        fed = {own.get(name, name): call[name] for name in feed}
        output = next((name for name, given in self.described["outputs"].items() if given == shown), shown)
        signature, tolerance = self.look.signature, self.look.session.bench.tolerance
        write_calls(samples, inputs={signature: [fed]}, outputs={signature: [{output: call[shown]}]})
        scale = float(np.max(np.abs(call[shown][np.isfinite(call[shown])]), initial=0.0))
        allowed = (tolerance.atol + tolerance.rtol) * scale
        return {"feed": list(feed), "fetch": [shown], "output": output, "allowed": allowed}
