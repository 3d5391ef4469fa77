"""Budgets: how they are read, which one an artifact gets, and what is beyond one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from anyport import budget
from anyport.compare import OutputVerdict, Tolerance, compare_run
from anyport.errors import RequestError
from anyport.protocols import Budget

CONTRACT = {"signatures": [{"name": "f", "outputs": [{"name": "y"}]}]}


def judged(want: Any, have: Any, labels: Any = None, **allowed: float) -> OutputVerdict:
    """Compare one output of one call, and judge it by a budget."""
    calls = [{"f": [{"y": np.asarray(value)}]} for value in (want, have)]
    known = {"f": [{"y": np.asarray(labels)}]} if labels is not None else None
    measured = compare_run(CONTRACT, calls[0], calls[1], Tolerance(), known)
    return budget.judge(measured, Budget(**allowed))[0]


def noisy(decibels: float, shape: tuple[int, ...] = (64, 10)) -> tuple[Any, Any]:
    """Return an output and the same with noise of so much less than its own deviation."""
    rng = np.random.default_rng(0)
    want = rng.normal(size=shape).astype(np.float32)
    noise = rng.normal(size=shape)
    noise *= want.std() / np.sqrt(np.mean(noise**2)) * 10 ** (-decibels / 20)
    return want, (want + noise).astype(np.float32)


@pytest.mark.parametrize(("decibels", "passes"), [(30.1, True), (29.9, False)])
def test_the_ratio_is_that_of_signal_and_noise_in_decibels(decibels: float, passes: bool) -> None:
    verdict = judged(*noisy(decibels), snr=30)
    assert verdict.snr == pytest.approx(decibels, abs=0.01)
    assert verdict.passed is passes
    assert ("at least 30 is asked for" in verdict.reason) is not passes


def test_what_always_answers_the_mean_has_no_ratio_to_speak_of() -> None:
    want = np.float32(0.5) + np.linspace(-0.01, 0.01, 100, dtype=np.float32)
    verdict = judged(want, np.full_like(want, 0.5), snr=20)
    assert verdict.snr == pytest.approx(0, abs=0.1)
    assert not verdict.passed


def test_two_channels_of_a_thousand_that_were_swapped_are_found() -> None:
    want = np.random.default_rng(0).normal(size=(32, 1000)).astype(np.float32)
    have = want.copy()
    have[:, [3, 7]] = have[:, [7, 3]]
    assert judged(want, have, snr=20).passed, "in the whole it is lost"
    verdict = judged(want, have, snr=20, channel_snr=10)
    assert not verdict.passed
    assert verdict.channel_snr is not None
    assert verdict.channel_snr < 3


def test_a_constant_output_is_held_to_its_value() -> None:
    want = np.full((4, 2), 3.0, np.float32)
    assert judged(want, want * np.float32(1.01), snr=30).passed
    assert not judged(want, want * np.float32(1.05), snr=30).passed


def test_equal_outputs_pass_whatever_is_asked_for() -> None:
    assert judged([1.0, 1.0], [1.0, 1.0], snr=300, cosine=1, top1=1).passed


@pytest.mark.parametrize(("wrong", "passes"), [(1, True), (2, False)])
def test_integers_are_counted(wrong: int, passes: bool) -> None:
    want = np.arange(20, dtype=np.int32)
    have = want.copy()
    have[:wrong] += 1
    assert judged(want, have, equal=0.95).passed is passes


def test_accuracy_is_that_of_the_labels() -> None:
    want = np.eye(4, dtype=np.float32)
    have = want.copy()
    have[3] = have[2]
    verdict = judged(want, have, labels=[0, 1, 2, 3], accuracy=0.2)
    assert (verdict.source_accuracy, verdict.accuracy) == (1.0, 0.75)
    assert verdict.reason == "beyond the budget: accuracy 75.00%, the source's is 100.00%"
    assert judged(want, have, labels=[0, 1, 2, 3], accuracy=0.25).passed


@pytest.mark.parametrize("have", [[[1.0, 2.0]], [np.nan, 1.0], ["a", "b"]])
def test_what_cannot_be_measured_fails_with_its_own_reason(have: Any) -> None:
    verdict = judged(np.array([1.0, 2.0]), np.array(have), snr=-100)
    assert not verdict.passed
    assert "budget" not in verdict.reason


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("snt=3", "a budget has no 'snt'"),
        ("snr", "the budget snr is ''; expected a number of decibels"),
        ("snr=loud", "expected a number of decibels"),
        ("top1=98", "expected a number from 0 to 1"),
        ("cosine=-2", "expected a number from -1 to 1"),
        ("snr=inf", "expected a number of decibels"),
    ],
)
def test_what_is_no_budget_is_refused(text: str, said: str) -> None:
    with pytest.raises(RequestError, match="budget") as caught:
        budget.read([text])
    assert said in str(caught.value)
    assert caught.value.hint


def test_what_was_asked_for_replaces_the_default() -> None:
    default = Budget(snr=25, top1=0.9, cosine=0.99)
    asked = budget.read(["snr=10", "equal=0.5"])
    assert budget.chosen(default, asked, generated=False) == Budget(snr=10, top1=0.9, cosine=0.99, equal=0.5)
    assert budget.chosen(None, asked, generated=False) is None


def test_classes_of_generated_samples_count_only_where_they_are_asked_for() -> None:
    default = Budget(snr=25, top1=0.9)
    assert budget.chosen(default, {}, generated=True) == Budget(snr=25)
    assert budget.chosen(default, {"top1": 0.5}, generated=True) == Budget(snr=25, top1=0.5)
