"""How far one tensor of an artifact is from what the source computes of the same values, and what rounding excuses.

`measure` is called by `anyport_tf.divergence` for each tensor that both have.  NumPy alone.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from anyport_guest import Array


@dataclasses.dataclass(frozen=True, kw_only=True)
class Own:
    """The error that a segment adds by itself, and the noise that it has by itself."""

    error: float
    noise: float
    scale: float
    """Largest finite magnitude of what the source computes."""
    snr: float | None
    """Signal over the error in dB; None where there is no error or no signal."""
    right: bool
    worst: dict[str, Any] | None
    """`call`, `index`, `expected` and `actual` of the largest error."""

    @property
    def ratio(self) -> float:
        """Return the error over the noise: 0 where there is no error."""
        return 0.0 if self.error == 0 else self.error / self.noise if self.noise else math.inf


@dataclasses.dataclass(frozen=True, kw_only=True)
class Allowed:
    """What a tensor may be off by."""

    multiple: float = 16.0
    """Of the segment's own noise."""
    least_snr: float | None = None
    """Instead, for artifacts that compute in fewer bits: signal over error in dB."""


def measure(
    actual: Sequence[Array], expected: Sequence[Array], perturbed: Sequence[Sequence[Array]], allowed: Allowed
) -> Own:
    """Compare call by call; `perturbed` holds the source's answers, call by call, of each perturbed run."""
    if any(a.shape != e.shape for a, e in zip(actual, expected, strict=True)):
        shown = next((a.shape, e.shape) for a, e in zip(actual, expected, strict=True) if a.shape != e.shape)
        worst = {"call": 0, "index": [], "expected": f"shape {list(shown[1])}", "actual": f"shape {list(shown[0])}"}
        return Own(error=math.inf, noise=0.0, scale=0.0, snr=None, right=False, worst=worst)
    if expected[0].dtype.kind not in "fc" and expected[0].dtype.name != "bfloat16":
        return _exact(actual, expected, perturbed)
    return _close(actual, expected, perturbed, allowed)


def _exact(actual: Sequence[Array], expected: Sequence[Array], perturbed: Sequence[Sequence[Array]]) -> Own:
    """Compare what must be equal, where rounding doesn't decide it; the error is the share that differs."""
    different, count, worst = 0, 0, None
    for call, (have, want) in enumerate(zip(actual, expected, strict=True)):
        decided = np.ones(want.shape, bool)
        for run in perturbed:
            if run[call].shape == want.shape:
                decided &= run[call] == want
        wrong = np.asarray(have != want) & decided
        different, count = different + int(wrong.sum()), count + wrong.size
        if worst is None and wrong.any():
            index = tuple(int(i) for i in np.argwhere(wrong)[0])
            worst = {"call": call, "index": list(index), "expected": _shown(want[index]), "actual": _shown(have[index])}
    error = different / count if count else 0.0
    return Own(error=error, noise=0.0, scale=1.0, snr=None, right=different == 0, worst=worst)


def _close(
    actual: Sequence[Array], expected: Sequence[Array], perturbed: Sequence[Sequence[Array]], allowed: Allowed
) -> Own:
    error, noise, scale, worst = 0.0, 0.0, 0.0, None
    squares, signal, count = 0.0, [0.0, 0.0], 0
    for call, (have, want) in enumerate(zip(actual, expected, strict=True)):
        have_, want_ = wide(have), wide(want)
        moved = [wide(run[call]) for run in perturbed if run[call].shape == want.shape]
        gap = distance(have_, want_)
        for other in moved:
            shift = distance(other, want_)
            if not np.isfinite(shift).all():  # rounding alone decides whether there is a number
                gap, shift = np.where(np.isinf(shift), 0.0, gap), np.where(np.isinf(shift), 0.0, shift)
            noise = max(noise, float(np.max(shift, initial=0.0)))
        finite = want_ if np.isfinite(want_).all() else np.where(np.isfinite(want_), want_, 0.0)
        scale = max(scale, float(np.max(np.abs(finite), initial=0.0)))
        if gap.size and (worst is None or float(gap.max()) > error):
            index = np.unravel_index(int(np.argmax(gap)), gap.shape)
            error = max(error, float(gap[index]))
            place = tuple(int(i) for i in index[: want.ndim])
            worst = {"call": call, "index": list(place), "expected": _shown(want[place]), "actual": _shown(have[place])}
        squares += float(np.sum(np.square(gap), dtype=np.float64, where=np.isfinite(gap)))
        signal[0] += float(finite.sum(dtype=np.float64))
        signal[1] += float(np.square(finite).sum(dtype=np.float64))
        count += gap.size
    noise = max(noise, scale * max(_epsilon(expected[0]), _epsilon(actual[0])))
    variance = signal[1] / count - (signal[0] / count) ** 2 if count else 0.0
    noisy = squares / count if count else 0.0
    snr = 10 * (math.log10(variance) - math.log10(noisy)) if variance > 0 and noisy > 0 else None
    if allowed.least_snr is None:
        right = error <= allowed.multiple * noise
    else:
        right = error <= allowed.multiple * noise or (math.isfinite(error) and (snr or -math.inf) >= allowed.least_snr)
    return Own(error=error, noise=noise, scale=scale, snr=snr, right=right, worst=worst)


def wide(array: Array) -> Array:
    """Return an array in at least float32, in which differences of near numbers are exact; a complex one with an axis of two."""
    if array.dtype.kind == "c":
        return np.stack([array.real, array.imag], axis=-1).astype(np.float64)
    return array if array.dtype == np.float32 else array.astype(np.float64)


def distance(have: Array, want: Array) -> Array:
    """Return |have − want|: 0 where both are the same and not finite, infinite where one of them alone isn't finite."""
    with np.errstate(invalid="ignore", over="ignore"):
        gap = np.asarray(np.abs(have - want))
    if not np.isfinite(gap).all():
        gap = np.where((have == want) | (np.isnan(have) & np.isnan(want)), 0.0, gap)
        gap = np.where(np.isnan(gap), np.inf, gap)
    return gap


def _epsilon(array: Array) -> float:
    """Return the machine epsilon of an array's dtype, float32's for what is no float of NumPy's."""
    if array.dtype.name == "bfloat16":
        return 2.0**-7
    return float(np.finfo(array.dtype).eps) if array.dtype.kind in "fc" else 2.0**-23


def _shown(value: Any) -> float | int | str | bool:
    """Return a number as JSON holds it; what it can't hold, in words."""
    item = value.item() if hasattr(value, "item") else value
    if isinstance(item, (bytes, str, complex)):
        return item.decode("utf-8", "replace") if isinstance(item, bytes) else str(item)
    if isinstance(item, float) and not math.isfinite(item):
        return str(item)
    return item if isinstance(item, (bool, int)) else float(item)
