"""The self-tests that go to the board and the server judge as the host does: the same rules, written a second time.

And a third: each is a lone file.  What they judge by is the same code, which a test holds.
"""

from __future__ import annotations

import ast
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anyport.compare import Tolerance, compare_run

SCRIPTS = sorted((Path(__file__).parents[2] / "targets").glob("*/selftest.py"))
JUDGE = runpy.run_path(str(SCRIPTS[0]))["compare"]
SHARED = ("_read_manifest", "_check_file", "_read_samples", "compare")
"""Functions that are the same in each, with those that `compare` calls."""
TOLERANCE = {"atol": 1e-5, "rtol": 1e-4}


def host(want: list[Any], have: list[Any]) -> Any:
    contract = {"signatures": [{"name": "s", "inputs": [], "outputs": [{"name": "y"}]}]}
    calls = [{"s": [{"y": array} for array in arrays]} for arrays in (want, have)]
    (verdict,) = compare_run(contract, calls[0], calls[1], Tolerance(**TOLERANCE))
    return verdict


def floats(*values: float) -> np.ndarray[Any, Any]:
    return np.array(values, np.float32)


BASE = floats(1, -2, 3, 4)
PAIRS = {
    "the same": ([BASE], [BASE]),
    "within": ([BASE], [BASE + 3e-5]),
    "beyond": ([BASE], [BASE + 3e-3]),
    "small beside large": ([floats(1e-9, 100)], [floats(5e-4, 100)]),
    "beyond in the second call": ([BASE, BASE], [BASE, BASE * 1.01]),
    "another shape": ([BASE], [BASE[None]]),
    "another dtype": ([BASE], [BASE.astype(np.float64)]),
    "a call too few": ([BASE, BASE], [BASE]),
    "NaN in both": ([floats(np.nan, 1)], [floats(np.nan, 1)]),
    "NaN in one": ([floats(np.nan, 1)], [floats(2, 1)]),
    "infinities": ([floats(np.inf, 1)], [floats(np.inf, 1)]),
    "infinities of another sign": ([floats(np.inf, 1)], [floats(-np.inf, 1)]),
    "equal integers": ([np.array([1, 2])], [np.array([1, 2])]),
    "integers off by one": ([np.array([10**6])], [np.array([10**6 + 1])]),
    "integers beyond 2**53": ([np.array([2**60])], [np.array([2**60 + 1])]),
    "bytes rounded": ([np.array([100, 0], np.uint8)], [np.array([100, 0], np.uint8)]),
    "bytes off by one": ([np.array([100, 0], np.uint8)], [np.array([101, 0], np.uint8)]),
    "booleans": ([np.array([True, False])], [np.array([True, True])]),
    "strings": ([np.array([b"a", b"bc"])], [np.array([b"a", b"bc"], object)]),
    "other strings": ([np.array([b"a", b"bc"])], [np.array([b"a", b"bd"], object)]),
    "complex": ([np.array([1 + 2j], np.complex64)], [np.array([1 + 2j], np.complex64)]),
    "complex, beyond": ([np.array([1 + 2j], np.complex64)], [np.array([1 + 2.1j], np.complex64)]),
    "empty": ([floats()], [floats()]),
    "zeros": ([floats(0, 0)], [floats(0, 1e-30)]),
}


@pytest.mark.parametrize(("want", "have"), PAIRS.values(), ids=PAIRS.keys())
def test_it_passes_what_the_host_passes(want: list[Any], have: list[Any]) -> None:
    fault, error = JUDGE(want, have, TOLERANCE)
    verdict = host(want, have)
    assert (fault == "") == verdict.passed, (fault, verdict)
    if verdict.max_abs_error is not None and want[0].dtype.kind == "f":
        assert error == pytest.approx(verdict.max_abs_error)


@pytest.mark.parametrize("seed", range(40))
def test_it_draws_the_line_where_the_host_does(seed: int) -> None:
    random = np.random.default_rng(seed)
    want = [random.normal(size=(3, 5)).astype(np.float32) for _ in range(2)]
    have = [array + (random.normal(size=array.shape) * 5e-5).astype(np.float32) for array in want]
    fault, error = JUDGE(want, have, TOLERANCE)
    verdict = host(want, have)
    assert (fault == "") == verdict.passed
    assert error == verdict.max_abs_error


@pytest.mark.parametrize(
    ("budget", "said"),
    [
        ({"snr": 30}, ""),
        ({"snr": 60}, "snr 39"),
        ({"channel_snr": 60}, "channel_snr "),
        ({"cosine": 0.9, "top1": 0.9}, ""),
        ({"top1": None, "cosine": 0.99999999}, "cosine 0.9999"),
    ],
)
def test_a_budget_is_kept_or_overdrawn(budget: dict[str, Any], said: str) -> None:
    random = np.random.default_rng(0)
    want = random.normal(size=(50, 4)).astype(np.float32)
    have = want + (random.normal(size=want.shape) * 1e-2).astype(np.float32)
    fault, _ = JUDGE([want], [have], TOLERANCE, budget)
    assert fault.startswith(f"beyond the budget: {said}" if said else "")
    assert bool(fault) == bool(said)


def test_classes_that_differ_and_accuracy_that_is_lost_are_told() -> None:
    want, have = np.eye(4, dtype=np.float32), np.eye(4, dtype=np.float32)[[0, 1, 3, 2]]
    labels = [np.arange(4)]
    assert "top1 0.5" in JUDGE([want], [have], TOLERANCE, {"top1": 0.97}, labels)[0]
    fault, _ = JUDGE([want], [have], TOLERANCE, {"accuracy": 0.005}, labels)
    assert "accuracy 50.00%, the source's is 100.00%" in fault
    assert JUDGE([want], [have], TOLERANCE, {"accuracy": 0.5}, labels)[0] == ""


def test_a_constant_output_is_held_to_its_own_value() -> None:
    want = np.full((3, 1), 2, np.float32)
    assert "constant" in JUDGE([want], [want * np.float32(1.1)], TOLERANCE, {"snr": 25})[0]
    assert JUDGE([want], [want * np.float32(1.01)], TOLERANCE, {"snr": 25})[0] == ""
    whole = np.array([1, 2, 3])
    assert "equal 0.6667" in JUDGE([whole], [np.array([1, 2, 4])], TOLERANCE, {"equal": 0.9})[0]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.parent.name)
def test_old_pythons_can_read_it(script: Path) -> None:
    ast.parse(script.read_text(encoding="utf-8"), feature_version=(3, 8))


def test_all_judge_by_the_same_code() -> None:
    assert len(SCRIPTS) > 1
    first, *others = map(judging, SCRIPTS)
    assert len(first) > 10
    for other in others:
        assert other == first


def judging(script: Path) -> dict[str, str]:
    """Return the code of every function that says what is right, by name."""
    functions = [
        node for node in ast.parse(script.read_text(encoding="utf-8")).body if isinstance(node, ast.FunctionDef)
    ]
    code = {node.name: ast.unparse(node) for node in functions}
    start = [node.name for node in functions].index("compare")
    return {node.name: code[node.name] for node in functions[start:]} | {name: code[name] for name in SHARED}
