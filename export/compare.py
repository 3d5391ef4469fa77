"""Comparing an artifact's outputs with the source's: the one owner of the numbers.

`compare_run` takes what the source answered and what a runtime answered, both by the contract's names, and returns a
verdict for every output of every signature.  An element passes when `|a − b| ≤ multiple·floor`, b being the source's and the
floor the output's own rounding noise, measured from the model when it was exported (`anyport_tf.noise`; the study that chose the
multiple is in `docs/tolerance.md`).  Elements that rounding decides, an integer that flips, a box that another one
replaces, are not compared; how many they are is said.

Where no noise is known, or the user prefers constants, an element passes when `|a − b| ≤ atol·max|b| + rtol·|b|`;
`atol` scales with the output's largest value, because an absolute constant means nothing for a tensor of
unknown scale.  Booleans and integers of 32 and 64 bits are indices, counts and keys: they must be equal.  Narrower
integers are quantities that were rounded, and are compared as numbers.

Both constants are meant for a model that computes in float32.  One that computes in float16 or bfloat16, as the
contract's `precision` says, is off by more than them itself, and a target may compute it in float32: `widened` states
how much is allowed then.  A float64 model is judged like a float32 one, since targets narrow it.

Quantised variants are measured here too, and judged by `anyport.budget`: the signal-to-noise ratio of an output is
`10·log10(signal / noise)`, the signal being the mean square of the source's output less its mean, the noise the mean square
of the difference.  Less the mean: otherwise an artifact that always answers 0.5 where the source answers 0.49 to 0.51 has
34 dB.  `channel_snr` holds the noise of the noisiest channel, an entry of the last axis, against the same signal: two
classes of a thousand that were swapped are lost in the whole, and never in their channels.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Calls = Mapping[str, Sequence[Mapping[str, Array]]]

MULTIPLE = 16.0
"""How many times its own noise an output may be off."""
ATOL = 1e-5
RTOL = 1e-4
EPSILON = {"float32": 2.0**-23, "float16": 2.0**-10, "bfloat16": 2.0**-7}
"""Machine epsilon of each precision that a contract can name: the distance from 1 to the next number."""
HEADROOM = 64
"""How much of float32's tolerance is room for long sums in another order.  A narrow precision needs none: kernels sum
up in float32 and round each result once.  Measured over 17 networks of `tests/parity/cases`: twins in float16 and
float32 differ by at most 76 times the tolerance, in bfloat16 and float32 by at most 775 times; `widened` allows 128
and 1024."""
MOST_CLASSES = 100_000
"""A last axis of 2 to this many entries may be classes: their largest is then compared too."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How far an element may be from the source's: `multiple·floor`, and where there is neither `atol·max|b| + rtol·|b|`."""

    multiple: float | None = MULTIPLE
    """Of the output's own noise; None where the user chose constants."""
    atol: float = ATOL
    rtol: float = RTOL

    def widened(self, precision: str) -> Tolerance:
        """Return the tolerance for a model that computes in `precision`, a key of `EPSILON`.

        Both parts grow by the ratio of the machine epsilons over `HEADROOM`: 128 for float16, 1024 for bfloat16.
        """
        factor = max(1.0, EPSILON[precision] / EPSILON["float32"] / HEADROOM)
        return dataclasses.replace(self, atol=self.atol * factor, rtol=self.rtol * factor)


def coarser(allowed: Tolerance, coarseness: float) -> Tolerance:
    """Return the tolerance for a runtime that is allowed `coarseness` times the noise."""
    return allowed if allowed.multiple is None else dataclasses.replace(allowed, multiple=allowed.multiple * coarseness)


def tolerance(multiple: float = MULTIPLE, atol: float | None = None, rtol: float | None = None) -> Tolerance:
    """Return the tolerance that was asked for: a multiple of the noise, or constants where one of them is given."""
    if atol is None and rtol is None:
        return Tolerance(multiple=multiple)
    return Tolerance(multiple=None, atol=ATOL if atol is None else atol, rtol=RTOL if rtol is None else rtol)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Worst:
    """The element that is furthest beyond (or nearest to) what is allowed."""

    call: int
    index: tuple[int, ...]
    expected: float | str
    actual: float | str


@dataclasses.dataclass(frozen=True, kw_only=True)
class OutputVerdict:
    """One output of one signature, over all its calls."""

    signature: str
    name: str
    passed: bool
    reason: str = ""
    max_abs_error: float | None = None
    max_rel_error: float | None = None
    """The largest absolute error over the largest absolute value of the source's output."""
    cosine: float | None = None
    top1: float | None = None
    """Share of rows whose largest entry is the same, where the last axis looks like classes."""
    worst: Worst | None = None
    snr: float | None = None
    """Signal-to-noise ratio in dB, None where there is no noise or no signal to compare it with."""
    channel_snr: float | None = None
    """The same of the noisiest channel, None where the output has no channels."""
    equal: float | None = None
    """Share of equal elements, for booleans and integers."""
    accuracy: float | None = None
    """Share of labelled samples that the artifact gets right."""
    source_accuracy: float | None = None
    """Share of them that the source gets right."""
    floor: float | None = None
    """The output's own rounding noise, None where it isn't known."""
    noise_ratio: float | None = None
    """The largest absolute error over the floor."""
    undecided: float | None = None
    """Share of elements that rounding decides; they were not compared."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Noise:
    """What is known of a model's own rounding noise."""

    outputs: Mapping[str, Mapping[str, Mapping[str, Any]]] = dataclasses.field(default_factory=dict)
    """Signature → output → `floor`, `scale`, `method` and `undecided`, as the manifest has it."""
    undecided: Calls = dataclasses.field(default_factory=dict)
    """For each call, output → which elements rounding decides; absent where it decides none."""

    def floor(self, signature: str, output: str) -> float | None:
        """Return the floor of an output; None where it isn't known, or means nothing since the output is exact."""
        return self.outputs.get(signature, {}).get(output, {}).get("floor") or None

    def masks(self, signature: str, output: str) -> list[Array | None]:
        """Return what rounding decides of an output, for each call."""
        return [call.get(output) for call in self.undecided.get(signature, ())]


NO_NOISE = Noise()


def compare_run(
    contract: Mapping[str, Any],
    expected: Calls,
    actual: Calls,
    tolerance: Tolerance,
    labels: Calls | None = None,
    noise: Noise = NO_NOISE,
) -> list[OutputVerdict]:
    """Compare every output of every signature of the contract; `labels` are the right classes where they are known."""
    verdicts = []
    for signature in contract["signatures"]:
        name = signature["name"]
        allowed = tolerance.widened(signature.get("precision", "float32"))
        for output in signature["outputs"]:
            pairs = _pairs(name, output["name"], expected, actual)
            if isinstance(pairs, str):
                verdicts.append(OutputVerdict(signature=name, name=output["name"], passed=False, reason=pairs))
            else:
                verdict = _compare_known(name, output["name"], pairs, allowed, noise)
                verdicts.append(_with_accuracy(verdict, pairs, _labels_of(labels or {}, name, output["name"])))
    return verdicts


def _labels_of(labels: Calls, signature: str, output: str) -> list[Array]:
    return [call[output] for call in labels.get(signature, ()) if output in call]


def _with_accuracy(verdict: OutputVerdict, pairs: list[tuple[Array, Array]], labels: list[Array]) -> OutputVerdict:
    if not labels or verdict.max_abs_error is None:
        return verdict
    right = np.concatenate([np.atleast_1d(label) for label in labels])
    shares = []
    for side in (0, 1):
        chosen = np.concatenate([np.atleast_1d(np.argmax(pair[side], axis=-1)) for pair in pairs])
        shares.append(float(np.mean(chosen == right)))
    return dataclasses.replace(verdict, source_accuracy=shares[0], accuracy=shares[1])


def _pairs(signature: str, name: str, expected: Calls, actual: Calls) -> list[tuple[Array, Array]] | str:
    """Pair the arrays of each call, or say what is missing."""
    wanted, got = expected.get(signature, ()), actual.get(signature, ())
    if len(wanted) != len(got) or not wanted:
        return f"answered {len(got)} of {len(wanted)} calls"
    missing = [number for number, call in enumerate(got) if name not in call]
    if missing:
        return f"no such output in call {missing[0]}; there are {', '.join(got[missing[0]]) or 'none'}"
    return [(np.asarray(want[name]), np.asarray(have[name])) for want, have in zip(wanted, got, strict=True)]


def _compare_known(
    signature: str, name: str, pairs: list[tuple[Array, Array]], tolerance: Tolerance, noise: Noise
) -> OutputVerdict:
    """Compare with what is known of the output's noise, unless the user chose constants."""
    if tolerance.multiple is None or name not in noise.outputs.get(signature, {}):
        return _compare(signature, name, pairs, tolerance, None)
    masks = noise.masks(signature, name) or [None] * len(pairs)
    decided = [_without(mask, *pair) for mask, pair in zip(masks, pairs, strict=True)]
    floor = noise.floor(signature, name)
    verdict = _compare(signature, name, decided, tolerance, floor)
    ratio = None if floor is None or verdict.max_abs_error is None else verdict.max_abs_error / floor
    share = float(noise.outputs[signature][name]["undecided"])
    return dataclasses.replace(verdict, floor=floor, noise_ratio=ratio, undecided=share)


def _without(mask: Array | None, want: Array, have: Array) -> tuple[Array, Array]:
    """Return the pair with what rounding decides taken from the source on both sides."""
    if mask is None or want.shape != have.shape or want.dtype != have.dtype:
        return want, have
    return want, np.where(mask, want, have)


def _compare(
    signature: str, name: str, pairs: list[tuple[Array, Array]], tolerance: Tolerance, floor: float | None
) -> OutputVerdict:
    for number, (want, have) in enumerate(pairs):
        if reason := _misfit(want, have):
            return OutputVerdict(signature=signature, name=name, passed=False, reason=f"call {number}: {reason}")
    if pairs[0][0].dtype.kind in "SU":
        return _compare_strings(signature, name, pairs)
    scale = max(
        (float(np.max(np.abs(want[np.isfinite(want)]), initial=0.0)) for want, _ in _as_float(pairs)), default=0.0
    )
    exact = _is_exact(pairs[0][0].dtype)
    excess, worst, max_abs = -math.inf, None, 0.0
    for number, (want, have) in enumerate(_as_float(pairs)):
        if reason := _nonfinite_misfit(want, have):
            return OutputVerdict(signature=signature, name=name, passed=False, reason=f"call {number}: {reason}")
        if not want.size:
            continue
        finite = np.isfinite(want)  # elsewhere they are the same, and infinity minus itself is no number
        error = np.abs(np.subtract(want, have, out=np.zeros_like(want), where=finite))
        allowed = tolerance.atol * scale + tolerance.rtol * np.abs(np.where(finite, want, 0.0))
        if floor is not None and tolerance.multiple is not None:
            allowed = np.full_like(want, tolerance.multiple * floor)
        if exact:
            # On the integers themselves: float64 can't tell those beyond 2**53 apart.
            error = np.where(pairs[number][0] != pairs[number][1], np.maximum(error, 1.0), 0.0)
            allowed = np.zeros_like(error)
        beyond = np.subtract(error, allowed, out=np.full_like(want, -math.inf), where=finite)
        index = np.unravel_index(int(np.argmax(beyond)), beyond.shape)
        max_abs = max(max_abs, float(error.max()))
        if beyond[index] > excess:
            excess = float(beyond[index])
            place = tuple(int(i) for i in index[: pairs[number][0].ndim])
            values = [_number(array[place]) for array in pairs[number]]
            worst = Worst(call=number, index=place, expected=values[0], actual=values[1])
    passed = excess <= 0
    whole, channel = (None, None) if exact else _snr(_as_float(pairs))
    return OutputVerdict(
        signature=signature,
        name=name,
        passed=passed,
        reason="" if passed else _beyond(max_abs, floor),
        max_abs_error=max_abs,
        max_rel_error=max_abs / scale if scale else (0.0 if max_abs == 0 else math.inf),
        cosine=_cosine(_as_float(pairs)),
        top1=_top1(pairs),
        worst=worst,
        snr=whole,
        channel_snr=channel,
        equal=_equal(pairs) if exact else None,
    )


def _beyond(error: float, floor: float | None) -> str:
    return "beyond the tolerance" if floor is None else f"{error / floor:.3g} times the model's own noise"


def _misfit(want: Array, have: Array) -> str:
    if want.shape != have.shape:
        return f"shape {list(have.shape)}, the source's is {list(want.shape)}"
    both_strings = want.dtype.kind in "SU" and have.dtype.kind in "SUO"
    if want.dtype != have.dtype and not both_strings:
        return f"dtype {have.dtype}, the source's is {want.dtype}"
    return ""


def _is_exact(dtype: np.dtype[Any]) -> bool:
    return dtype.kind == "b" or (dtype.kind in "iu" and dtype.itemsize >= 4)


def _nonfinite_misfit(want: Array, have: Array) -> str:
    if np.array_equal(np.isnan(want), np.isnan(have)) and np.array_equal(
        np.where(np.isinf(want), want, 0), np.where(np.isinf(have), have, 0)
    ):
        return ""
    counts = [int((~np.isfinite(array)).sum()) for array in (have, want)]
    return f"{counts[0]} NaN or infinite values, the source has {counts[1]}, or elsewhere"


def _compare_strings(signature: str, name: str, pairs: list[tuple[Array, Array]]) -> OutputVerdict:
    for number, (want, have) in enumerate(pairs):
        different = np.argwhere(want.astype(np.bytes_) != have.astype(np.bytes_))
        if len(different):
            index = tuple(int(i) for i in different[0])
            worst = Worst(call=number, index=index, expected=str(want[index]), actual=str(have[index]))
            return OutputVerdict(
                signature=signature, name=name, passed=False, reason=f"{len(different)} strings differ", worst=worst
            )
    return OutputVerdict(signature=signature, name=name, passed=True)


def _as_float(pairs: list[tuple[Array, Array]]) -> list[tuple[Array, Array]]:
    """Widen to float64; a complex tensor becomes its real and imaginary parts, a last axis of two."""

    def widen(array: Array) -> Array:
        if array.dtype.kind == "c":
            return np.stack([array.real, array.imag], axis=-1).astype(np.float64)
        return array.astype(np.float64)

    return [(widen(want), widen(have)) for want, have in pairs]


def _number(value: Any) -> float | str:
    return str(value) if np.iscomplexobj(value) or isinstance(value, (bytes, str)) else float(value)


def _cosine(pairs: list[tuple[Array, Array]]) -> float | None:
    """Return the cosine of the angle between all outputs as one vector, None where one of them is zero."""
    want = np.concatenate([np.nan_to_num(a.ravel(), posinf=0, neginf=0) for a, _ in pairs])
    have = np.concatenate([np.nan_to_num(b.ravel(), posinf=0, neginf=0) for _, b in pairs])
    norms = float(np.linalg.norm(want) * np.linalg.norm(have))
    return float(np.clip(want @ have / norms, -1.0, 1.0)) if norms else None


def _equal(pairs: list[tuple[Array, Array]]) -> float | None:
    same = np.concatenate([(want == have).ravel() for want, have in pairs])
    return float(same.mean()) if same.size else None


def _snr(pairs: list[tuple[Array, Array]]) -> tuple[float | None, float | None]:
    """Return the signal-to-noise ratio of the whole and of the noisiest channel, in dB.  Infinities count for nothing."""
    rows = [tuple(np.nan_to_num(array, nan=0, posinf=0, neginf=0) for array in pair) for pair in pairs]
    values = np.concatenate([want.ravel() for want, _ in rows])
    if not values.size:
        return None, None
    squares = [(have - want) ** 2 for want, have in rows]
    channels = {square.shape[-1] if square.ndim > 1 else 0 for square in squares}
    signal = float(np.var(values))
    noise = float(np.mean(np.concatenate([square.ravel() for square in squares])))
    if len(channels) > 1 or not channels - {0, 1}:
        return _decibels(signal, noise), None
    (width,) = channels
    by_channel = np.concatenate([square.reshape(-1, width) for square in squares]).mean(axis=0)
    return _decibels(signal, noise), _decibels(signal, float(by_channel.max(initial=0.0)))


def _decibels(signal: float, noise: float) -> float | None:
    return 10 * math.log10(signal / noise) if signal > 0 and noise > 0 else None


def _top1(pairs: list[tuple[Array, Array]]) -> float | None:
    if any(a.ndim != 2 or not 2 <= a.shape[-1] <= MOST_CLASSES or a.dtype.kind != "f" for a, _ in pairs):
        return None
    same = np.concatenate([np.argmax(a, axis=-1) == np.argmax(b, axis=-1) for a, b in pairs])
    return float(same.mean()) if same.size else None
