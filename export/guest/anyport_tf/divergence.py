"""The search for the first tensor at which an artifact departs from its source, given the source's input.

`search` is called by `anyport_tf.debugging` with what both hold on the samples.  Every segment of the source between tensors
that both have (taps) is evaluated in TensorFlow on the *artifact's* values, and compared with the artifact's result, so that an
error counts only where it begins.  Where a tap isn't right by itself, those behind it are evaluated from the taps before it:

* All of them, sooner or later on every way, are right: the tap, and those that were not, are misnamed.  They hold something
  else than the tensors that they are called after, as where a BatchNorm was folded into the convolution before it.  They are
  passed through.
* An output stays wrong: there is a fault.  It lies before the first of these taps with which, taken as given, the outputs
  become right; where there are several faults there is none such, and it is the tap that makes most of those behind it right.
"""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Collection, Iterable, Sequence

from anyport_guest import Array, Tensors

from .discrepancy import Allowed, Own, measure
from .evaluation import SEEDS, Evaluator, Graph
from .matching import Tap

ROUNDS = 3
"""How far behind a tap those are looked for that are right without it, before all that depends on it is evaluated."""

RIGHT, WRONG, PASSED = "right", "wrong", "passed_through"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fault:
    """Where an artifact is wrong: between the taps `begins`, which are right, and the tap `at`."""

    at: int
    begins: tuple[int, ...]
    nodes: tuple[str, ...]
    """What the source computes in between, in topological order."""
    own: Own


@dataclasses.dataclass(frozen=True, kw_only=True)
class Found:
    """What a search found, tap by tap."""

    owns: Sequence[Own]
    statuses: Sequence[str]
    begins: Sequence[Sequence[int]]
    """The taps that each is computed from."""
    nodes: Sequence[Sequence[str]]
    """What the source computes in between, in topological order."""
    faults: Sequence[Fault]
    """In topological order."""


def search(
    graph: Graph, evaluator: Evaluator, taps: Sequence[Tap], inputs: Sequence[Tensors], allowed: Allowed
) -> Found:
    """Return how right each tap is given what it is computed from, and where the faults lie."""
    return _Search(graph, evaluator, taps, inputs, allowed).run()


class _Search:
    """One search: which taps are taken as given, and what each is worth."""

    def __init__(
        self, graph: Graph, evaluator: Evaluator, taps: Sequence[Tap], inputs: Sequence[Tensors], allowed: Allowed
    ) -> None:
        self.graph, self.evaluator, self.taps, self.inputs, self.allowed = graph, evaluator, taps, inputs, allowed
        self.places = {tap.source: place for place, tap in enumerate(taps)}
        self.given = set(range(len(taps)))
        self.statuses = [RIGHT] * len(taps)
        self.begins = [self.behind(place, self.given)[1] for place in range(len(taps))]
        self.owns = self.measured(range(len(taps)), self.given)
        self.waiting: list[int] = []

    def run(self) -> Found:
        """Judge every tap that isn't right, in topological order, together with those behind it."""
        self.waiting = [place for place, own in enumerate(self.owns) if not own.right]
        while self.waiting:
            place = heapq.heappop(self.waiting)
            if not self.owns[place].right and self.statuses[place] == RIGHT:
                self.judge(place)
        segments = [self.behind(place, self.given) for place in range(len(self.taps))]
        return Found(
            owns=self.owns,
            statuses=self.statuses,
            begins=[begins for _, begins in segments],
            nodes=[nodes for nodes, _ in segments],
            faults=[
                Fault(at=place, begins=tuple(begins), nodes=tuple(nodes), own=self.owns[place])
                for place, (nodes, begins) in enumerate(segments)
                if self.statuses[place] == WRONG
            ],
        )

    def judge(self, place: int) -> None:
        """Tell whether a tap that isn't right is misnamed, or a fault lies at it or behind it."""
        if (near := self.closed(place)) is not None:
            self.pass_through(near)
            return
        behind = self.descendants(place)
        wrong = self.tainted(
            place, dict(zip(behind, self.measured(behind, self.given - {place, *behind}), strict=True))
        )
        if any(self.taps[item].output is not None for item in wrong):
            at = self.explaining(wrong)
            self.statuses[at] = WRONG
            self.pass_through([item for item in wrong if item < at and self.leads_to(item, at)])
            if at != place:
                self.owns[at] = self.measured([at], self.given)[0]
        else:
            self.pass_through(wrong)

    def closed(self, place: int) -> list[int] | None:
        """Return a tap and the few behind it that are wrong from before it, where all others soon are right; else None."""
        region, frontier = {place}, self.readers(place)
        for _ in range(ROUNDS):
            if any(self.taps[item].output is not None for item in region):
                return None
            owns = self.measured(frontier, self.given - region)
            wrong = {reader for reader, own in zip(frontier, owns, strict=True) if not own.right}
            if not wrong:
                return sorted(region)
            region |= wrong
            frontier = sorted({reader for item in wrong for reader in self.readers(item)} - region)
        return None

    def tainted(self, place: int, owns: dict[int, Own]) -> list[int]:
        """Return a tap, and those behind it that are wrong from before it, on some way from it without a right one between."""
        found, waiting = {place}, [place]
        while waiting:
            for reader in self.readers(waiting.pop()):
                if reader not in found and not owns[reader].right:
                    found.add(reader)
                    waiting.append(reader)
        return sorted(found)

    def explaining(self, wrong: Sequence[int]) -> int:
        """Return the first tap with which, taken as given, the outputs are right that were wrong; else the one that helps most."""
        most, best = -1, wrong[0]
        for at in wrong:
            rest = [item for item in wrong if item > at]
            owns = dict(zip(rest, self.measured(rest, (self.given - set(wrong)) | {at}), strict=True))
            outputs = [item for item in wrong if self.taps[item].output is not None and item != at]
            if all(item in owns and owns[item].right for item in outputs):
                return at
            if (count := sum(own.right for own in owns.values())) > most:
                most, best = count, at
        return best

    def pass_through(self, places: Sequence[int]) -> None:
        """Take taps as given no more, and measure those anew that are computed from them."""
        readers = sorted({reader for place in places for reader in self.readers(place)} - set(places))
        for place in places:
            self.statuses[place] = PASSED
        self.given -= set(places)
        for reader in range(len(self.taps)):
            if set(self.begins[reader]) & set(places):
                self.begins[reader] = self.behind(reader, self.given)[1]
        for reader, own in zip(readers, self.measured(readers, self.given), strict=True):
            self.owns[reader] = own
            if not own.right:
                heapq.heappush(self.waiting, reader)

    def readers(self, place: int) -> list[int]:
        """Return the taps that are computed from a tap without another one between."""
        return [other for other, begins in enumerate(self.begins) if place in begins and other in self.given]

    def descendants(self, place: int) -> list[int]:
        """Return every tap that is computed from a tap."""
        found: set[int] = set()
        for other in range(place + 1, len(self.taps)):
            if other in self.given and any(item == place or item in found for item in self.begins[other]):
                found.add(other)
        return sorted(found)

    def leads_to(self, place: int, at: int) -> bool:
        return at in self.descendants(place)

    def behind(self, place: int, given: Collection[int]) -> tuple[list[str], list[int]]:
        """Return what a tap is computed from: nodes, in order, and the taps in `given` where they begin."""
        nodes, names = self.graph.behind(self.taps[place].source, [self.taps[item].source for item in given])
        return nodes, [self.places[name] for name in names]

    def measured(self, places: Iterable[int], given: Collection[int]) -> list[Own]:
        """Return each tap's own error where the taps `given` are taken as given."""
        chosen = list(places)
        if not chosen:
            return []
        feeds = sorted({begin for place in chosen for begin in self.behind(place, given)[1]})
        names = [self.taps[place].source for place in chosen]
        runs = [self.evaluated(names, feeds, seed) for seed in (0, *SEEDS)]
        owns = []
        for number, place in enumerate(chosen):
            answers = [[call[number] for call in run] for run in runs]
            owns.append(measure(self.taps[place].values, answers[0], answers[1:], self.allowed))
        return owns

    def evaluated(self, names: Sequence[str], feeds: Sequence[int], seed: int) -> list[list[Array]]:
        """Return the tensors `names`, call by call, computed from the artifact's values of the taps `feeds`."""
        return [
            self.evaluator.run(
                names, inputs, {self.taps[place].source: self.taps[place].values[call] for place in feeds}, seed
            )
            for call, inputs in enumerate(self.inputs)
        ]
