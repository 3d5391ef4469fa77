"""The search for the first tensor at which an artifact departs from its source, given the source's input.

`search` is called by `find_divergence.py` with what both hold on the samples.  Every segment of the source between tensors
that both have (taps) is evaluated in TensorFlow on the *artifact's* values, and compared with the artifact's result, so that an
error counts only where it begins.  A tap that is not right given what it is computed from is one of three things:

* misnamed: it holds something else than the tensor that it is called after.  What comes after it is right when it is computed
  from the taps before it, and the tap is passed through;
* at fault: what comes after it is right when the tap is taken as given, and wrong from the taps before it;
* neither can be told apart, as where the next one is misnamed as well: it is passed through, and the question is asked again
  of those behind it.
"""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Collection, Iterable, Sequence

from anyport_guest import Array, Tensors

from .discrepancy import Allowed, Own, measure
from .evaluation import SEEDS, Evaluator, Graph
from .matching import Tap

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
        self.owns = list(self.measured(range(len(taps)), self.given))

    def run(self) -> Found:
        """Judge every tap that isn't right, in topological order, together with those behind it."""
        faults: list[Fault] = []
        waiting = [place for place, own in enumerate(self.owns) if not own.right]
        heapq.heapify(waiting)
        while waiting:
            place = heapq.heappop(waiting)
            if self.owns[place].right or self.statuses[place] != RIGHT:
                continue
            behind = self.readers(place)
            without = dict(zip(behind, self.measured(behind, self.given - {place}), strict=True))
            explained = any(self.owns[reader].right and not own.right for reader, own in without.items())
            if explained or self.taps[place].output is not None:
                self.statuses[place] = WRONG
                faults.append(self.fault(place))
            else:
                self.statuses[place] = PASSED
                self.given.discard(place)
                for reader, own in without.items():
                    self.owns[reader] = own
                    if not own.right:
                        heapq.heappush(waiting, reader)
        return Found(owns=self.owns, statuses=self.statuses, faults=sorted(faults, key=lambda fault: fault.at))

    def readers(self, place: int) -> list[int]:
        """Return the taps that are computed from a tap without another one between."""
        tap = self.taps[place].source
        return [other for other in range(place + 1, len(self.taps)) if tap in self.begins(other, self.given)]

    def begins(self, place: int, given: Collection[int]) -> list[str]:
        return self.graph.behind(self.taps[place].source, [self.taps[item].source for item in given])[1]

    def measured(self, places: Iterable[int], given: Collection[int]) -> list[Own]:
        """Return each tap's own error where the taps `given` are taken as given."""
        chosen = list(places)
        if not chosen:
            return []
        feeds = sorted({self.places[name] for place in chosen for name in self.begins(place, given)})
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

    def fault(self, place: int) -> Fault:
        """Return the fault that ends at a tap, or at one passed through before it which explains it as well."""
        nodes, begins = self.graph.behind(self.taps[place].source, [self.taps[item].source for item in self.given])
        inside = set(nodes)
        passed = [
            item
            for item in range(place)
            if self.statuses[item] == PASSED and self.taps[item].source.partition(":")[0] in inside
        ]
        for earlier in passed:
            given = self.given | {earlier}
            if self.measured([place], given)[0].right:
                self.statuses[place], self.statuses[earlier] = RIGHT, WRONG
                self.given = given
                self.owns[earlier] = self.measured([earlier], given)[0]
                place = earlier
                break
        nodes, begins = self.graph.behind(self.taps[place].source, [self.taps[item].source for item in self.given])
        return Fault(
            at=place, begins=tuple(self.places[name] for name in begins), nodes=tuple(nodes), own=self.owns[place]
        )
