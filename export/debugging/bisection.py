"""Bisecting by cutting, for a runtime that computes otherwise where inner tensors are read.

Nothing is read then: the artifact is cut in two, and its second half is fed with the *source's* values.  If it answers rightly, the
fault lies before the cut, else behind it.  `bisect` is called by `session.py` with what can be cut where, and with how to run a
cut; the boundaries are those at which every tensor that crosses is one of the source's, too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class Boundary:
    """A place between two operators of an artifact."""

    at: int
    """Tensors made before it, in the order of execution."""
    feed: tuple[str, ...]
    """The tensors that cross it, the artifact's inputs among them."""
    fetch: tuple[str, ...]
    """The artifact's outputs that are made behind it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Segment:
    """The shortest part of an artifact that was found to be wrong."""

    begin: Boundary
    end: Boundary | None
    """None for the artifact's end."""
    fetch: tuple[str, ...]
    """What shows that it is wrong."""


Fails = Callable[[Sequence[str], Sequence[str]], bool]
"""`(feed, fetch)` → whether the cut, fed with the source's values, answers otherwise than the source."""


def boundaries(described: Mapping[str, Any], known: Collection[str]) -> list[Boundary]:
    """Return where an artifact can be cut, in order; `known` are the tensors whose values the source has."""
    tensors = described["tensors"]
    own, outputs = list(described["inputs"].values()), set(described["outputs"].values())
    last = {name: place for place, tensor in enumerate(tensors) for name in tensor["inputs"]}
    found = []
    for at in range(len(tensors)):
        made = [*own, *(tensor["name"] for tensor in tensors[:at])]
        feed = tuple(name for name in dict.fromkeys(made) if last.get(name, -1) >= at)
        fetch = tuple(tensor["name"] for tensor in tensors[at:] if tensor["name"] in outputs)
        if fetch and all(name in known or name in own for name in feed):
            found.append(Boundary(at=at, feed=feed, fetch=fetch))
    return [item for place, item in enumerate(found) if place == 0 or item.feed != found[place - 1].feed]


def bisect(places: Sequence[Boundary], fails: Fails) -> Segment | None:
    """Return the shortest part that is wrong; None where the artifact is right when it is cut at its inputs alone.

    Takes about log2(boundaries) runs to find where the fault begins, and then as many as it takes to find where it shows.
    """
    if not places or not fails(places[0].feed, places[0].fetch):
        return None
    low, high = 0, len(places)  # wrong from `low` on; right from `high` on
    while high - low > 1:
        middle = (low + high) // 2
        if fails(places[middle].feed, places[middle].fetch):
            low = middle
        else:
            high = middle
    begin = places[low]
    for end in places[high:]:
        # What crosses only because it crossed the beginning is fed there: it shows nothing.
        shown = tuple(name for name in end.feed if name not in begin.feed)
        if shown and fails(begin.feed, shown):
            return Segment(begin=begin, end=end, fetch=shown)
    return Segment(begin=begin, end=None, fetch=begin.fetch)
