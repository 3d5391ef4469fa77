"""Bisecting by cutting: where an artifact can be cut, and the shortest part that is wrong."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from anyport.debugging.bisection import Boundary, bisect, boundaries


def chain(length: int) -> dict[str, Any]:
    """x → t0 → t1 → … , with a residual from x to the last."""
    tensors: list[Mapping[str, Any]] = [
        {"name": f"t{number}", "inputs": [f"t{number - 1}" if number else "x"]} for number in range(length)
    ]
    return {"tensors": tensors, "inputs": {"image": "x"}, "outputs": {"logits": f"t{length - 1}"}}


def number(name: str) -> int:
    return -1 if name == "x" else int(name[1:])


class Runtime:
    """A runtime that is wrong where the operators `first` to `last` are all computed in one cut."""

    def __init__(self, first: int, last: int) -> None:
        self.first, self.last, self.runs = first, last, 0

    def fails(self, feed: Sequence[str], fetch: Sequence[str]) -> bool:
        self.runs += 1
        begin, end = max(map(number, feed)), max(map(number, fetch))
        return begin < self.first and end >= self.last


def test_a_boundary_for_every_tensor_of_a_chain() -> None:
    found = boundaries(chain(4), {"t0", "t1", "t2"})
    assert [item.feed for item in found] == [("x",), ("t0",), ("t1",), ("t2",)]
    assert {item.fetch for item in found} == {("t3",)}


def test_no_boundary_where_something_crosses_that_the_source_does_not_have() -> None:
    assert [item.feed for item in boundaries(chain(4), {"t0", "t2"})] == [("x",), ("t0",), ("t2",)]


def test_what_runs_beside_crosses_too() -> None:
    described = chain(3)
    described["tensors"].append({"name": "sum", "inputs": ["t0", "t2"]})
    described["outputs"] = {"sum": "sum"}
    assert [item.feed for item in boundaries(described, {"t0", "t1", "t2"})] == [
        ("x",),
        ("t0",),
        ("t0", "t1"),
        ("t0", "t2"),
    ]


@pytest.mark.parametrize("fault", range(20))
def test_finds_one_operator_in_few_runs(fault: int) -> None:
    runtime = Runtime(fault, fault)
    found = bisect(boundaries(chain(20), {f"t{i}" for i in range(20)}), runtime.fails)
    assert found is not None
    assert max(map(number, found.begin.feed)) == fault - 1
    assert max(map(number, found.fetch)) == fault
    assert runtime.runs <= 8


def test_finds_operators_that_are_wrong_only_together() -> None:
    found = bisect(boundaries(chain(20), {f"t{i}" for i in range(20)}), Runtime(7, 9).fails)
    assert found is not None
    assert (max(map(number, found.begin.feed)), max(map(number, found.fetch))) == (6, 9)


def test_nothing_where_the_whole_is_right() -> None:
    assert bisect([Boundary(at=0, feed=("x",), fetch=("t1",))], lambda feed, fetch: False) is None
