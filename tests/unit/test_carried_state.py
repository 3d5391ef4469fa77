"""What an artifact keeps between calls, as the runners carry it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from anyport.guest.anyport_guest import INITIAL_STATE, Tensors, carrying, read_state, write_state


def _count(inputs: Tensors) -> Tensors:
    total = inputs["state_total"] + inputs["x"]
    return {"doubled": 2 * total, "next_state_total": total}


STATES = {"state_total": "next_state_total"}


def test_each_call_begins_where_the_last_one_ended() -> None:
    values: Tensors = {"state_total": np.array(10)}
    run = carrying(_count, STATES, values)
    answers = [run({"x": np.array(step)}) for step in (1, 2)]
    assert answers == [{"doubled": 22}, {"doubled": 26}]
    assert values == {"state_total": 13}


def test_signatures_that_share_a_variable_share_its_value() -> None:
    values: Tensors = {"state_total": np.array(0)}
    add, read = carrying(_count, STATES, values), carrying(_count, STATES, values)
    add({"x": np.array(5)})
    assert read({"x": np.array(0)}) == {"doubled": 10}


def test_without_state_a_run_is_itself() -> None:
    assert carrying(_count, {}, {}) is _count


def test_what_state_begins_with_is_read_by_its_inputs_names(tmp_path: Path) -> None:
    values: Tensors = {"state_a/b:0": np.arange(3.0), "state_words": np.array([b"x", b"yz"])}
    write_state(tmp_path, values)
    assert (tmp_path / INITIAL_STATE).is_file()
    assert {name: value.tolist() for name, value in read_state(tmp_path).items()} == {
        "state_a/b:0": [0, 1, 2],
        "state_words": [b"x", b"yz"],
    }


def test_an_artifact_without_state_has_none(tmp_path: Path) -> None:
    assert read_state(tmp_path) == {}
