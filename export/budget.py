"""The verdict of a variant whose numbers are coarser on purpose: what it lost, against what it may lose.

`anyport.prove` hands in what `anyport.compare` measured; the budget comes from the target (`Target.budgets`), changed by
what the user asked for, and is written into the manifest, so that a check judges by the same one.  `read` and `chosen` make
it, `judge` applies it.
"""

from __future__ import annotations

import dataclasses
import difflib
import math
from collections.abc import Iterable, Mapping, Sequence

from anyport.compare import OutputVerdict
from anyport.errors import RequestError
from anyport.protocols import Budget

NAMES = tuple(field.name for field in dataclasses.fields(Budget))
SHARES = ("top1", "equal", "accuracy")
UNITS = {"snr": " dB", "channel_snr": " dB"}

CONSTANT = 0.02
"""How far an output that never varies may be off, as a share of it: it has no signal.  A step of int8 is 1/255."""


def read(texts: Iterable[str]) -> dict[str, float]:
    """Read `NAME=NUMBER`, repeatable, as in `--budget snr=30`.  Raises `RequestError` for what is none."""
    return dict(_read(text) for text in texts)


def _read(text: str) -> tuple[str, float]:
    name, _, number = text.partition("=")
    if name not in NAMES:
        near = difflib.get_close_matches(name, NAMES, n=1)
        raise RequestError(
            f"a budget has no {name!r}; it has {', '.join(NAMES)}",
            f"Did you mean {near[0]}=NUMBER?" if near else "Type --budget snr=30, for example.",
        )
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    low = 0.0 if name in SHARES else -1.0 if name == "cosine" else -math.inf
    high = math.inf if name in UNITS else 1.0
    if not (math.isfinite(value) and low <= value <= high):
        expected = "a number of decibels" if name in UNITS else f"a number from {low:g} to {high:g}"
        raise RequestError(f"the budget {name} is {number!r}; expected {expected}", f"Type --budget {name}=NUMBER.")
    return name, value


def chosen(default: Budget | None, asked: Mapping[str, float], *, generated: bool) -> Budget | None:
    """Return a variant's budget: its default, changed by what was asked for; None for a variant without one.

    Where the samples are `generated`, no share of right classes is asked for by default: the largest of ten numbers that
    noise made means nothing, and half of them lie closer together than any rounding.
    """
    if default is None:
        return None
    fitting = dataclasses.replace(default, top1=None) if generated else default
    return dataclasses.replace(fitting, **asked)


def judge(verdicts: Sequence[OutputVerdict], budget: Budget) -> list[OutputVerdict]:
    """Return the verdicts with `passed` and `reason` by the budget.

    What can't be measured, such as another shape, NaN where the source has none or a wrong string, stays as it is.
    """
    return [verdict if verdict.max_abs_error is None else _judged(verdict, budget) for verdict in verdicts]


def _judged(verdict: OutputVerdict, budget: Budget) -> OutputVerdict:
    if verdict.max_abs_error == 0:
        return dataclasses.replace(verdict, passed=True, reason="")
    if verdict.equal is not None and budget.equal is None:
        return verdict  # integers that nothing was said of are to be equal, as ever
    faults = [fault for name in NAMES if (fault := _fault(verdict, name, getattr(budget, name)))]
    return dataclasses.replace(
        verdict, passed=not faults, reason=f"beyond the budget: {'; '.join(faults)}" if faults else ""
    )


def _fault(verdict: OutputVerdict, name: str, allowed: float | None) -> str:
    """Say by how much one part of the budget is overdrawn, or nothing."""
    if allowed is None:
        return ""
    if name == "accuracy":
        return _lost_accuracy(verdict, allowed)
    value = getattr(verdict, name)
    if value is None or value >= allowed:
        return _without_signal(verdict) if value is None and name == "snr" else ""
    return f"{name} {value:.4g}{UNITS.get(name, '')}, at least {allowed:g} is asked for"


def _lost_accuracy(verdict: OutputVerdict, allowed: float) -> str:
    if verdict.accuracy is None or verdict.source_accuracy is None:
        return ""
    lost = verdict.source_accuracy - verdict.accuracy
    if lost <= allowed + 1e-9:
        return ""
    return f"accuracy {verdict.accuracy:.2%}, the source's is {verdict.source_accuracy:.2%}"


def _without_signal(verdict: OutputVerdict) -> str:
    """A constant output has no signal to hold the noise against, and no integers to be equal either."""
    ratio = verdict.max_rel_error
    if verdict.equal is not None or ratio is None or ratio <= CONSTANT:
        return ""
    return f"a constant output is off by {ratio:.2g} of its value, at most {CONSTANT:g} is allowed"
