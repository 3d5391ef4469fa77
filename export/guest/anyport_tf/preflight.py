"""What a target can't do with a model, and what it had to repair: known before any converter starts.

A target's `preflight.py` makes a `Prepared`: the canonical form, repaired, with the repairs and what remains impossible.
Its `convert.py` starts from the same, so that what `anyport inspect` says is what `anyport export` does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from anyport_guest import Refused

from .canonical import Canonical
from .rules import Repair

MOST_NAMED = 4


@dataclasses.dataclass(frozen=True, kw_only=True)
class Refusal:
    """One thing that the target can't do."""

    op: str
    node: str
    """The node in the source's graph (inside a function `FUNCTION/NODE`)."""
    reason: str
    """A clause about the op: "its wasm backend has no kernel for it"."""
    hint: str
    """What to do, in one sentence."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prepared:
    """A model as the converter takes it, or why it can't."""

    source: Canonical
    """The model as it came, its state in the open where the format keeps none: its contract is the artifact's own."""
    model: Canonical
    repairs: Sequence[Repair]
    refusals: Sequence[Refusal] = ()
    notes: Sequence[str] = ()

    def check(self, target: str) -> None:
        """Raise `Refused` if anything was refused; `target` is what the user calls it ("TFLite")."""
        if not self.refusals:
            return
        firsts = {(refusal.op, refusal.reason): refusal for refusal in reversed(self.refusals)}
        named = list(reversed(firsts.values()))
        said = "; ".join(
            f"{refusal.op} (from {self.model.origin(refusal.node)}): {refusal.reason}" for refusal in named[:MOST_NAMED]
        )
        more = f"; and {len(named) - MOST_NAMED} more" if len(named) > MOST_NAMED else ""
        raise Refused(f"{target} can't run {said}{more}", named[0].hint)

    def report(self) -> dict[str, Any]:
        """Return what a target's preflight tells the host: `repairs`, `refusals` and `notes`."""
        return {
            "repairs": repairs_report(self.model, self.repairs),
            "refusals": [
                {**dataclasses.asdict(refusal), "origin": self.model.origin(refusal.node)} for refusal in self.refusals
            ],
            "notes": list(self.notes),
        }


def repairs_report(model: Canonical, repairs: Sequence[Repair]) -> list[dict[str, Any]]:
    """Return the repairs by rule: `{"rule", "why", "until", "where": [ORIGIN, …]}`, in the order of their first use."""
    found: dict[str, dict[str, Any]] = {}
    for repair in repairs:
        entry = found.setdefault(
            repair.rule, {"rule": repair.rule, "why": repair.why, "until": repair.until, "where": {}}
        )
        entry["where"][model.origin(repair.node)] = None
    return [{**entry, "where": list(entry["where"])} for entry in found.values()]


def options(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a request's options, none where it has none."""
    return request.get("options") or {}
