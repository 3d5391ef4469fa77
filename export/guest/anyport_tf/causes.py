"""What a wrong tensor looks like: the suspected cause, from the shape of the difference alone.

`suspected` is called by `anyport_tf.debugging` with what the artifact holds and what the source computes of the same values, in
the source's layout (channels last).  Each of `PATTERNS` is a question that one kind of fault answers with yes, the most
specific first; where none does, nothing is suspected.  NumPy alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from anyport_guest import Array

from .discrepancy import wide

HALF = 2.0**-11
"""Half a unit in the last place of float16, relative."""
NORMS = ("Rsqrt", "FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3", "Sqrt")
BORDER = 4
"""Rows and columns at an edge that padding may reach."""
MOST = 400_000
"""Elements that the patterns look at, of each call."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Difference:
    have: list[Array]
    want: list[Array]
    ops: Sequence[str]
    tensor: Mapping[str, Any]
    near: float
    """What counts as equal."""

    def flat(self) -> tuple[Array, Array]:
        have, want = (np.concatenate([item.ravel() for item in side]) for side in (self.have, self.want))
        finite = np.isfinite(have) & np.isfinite(want)
        return have[finite][:MOST], want[finite][:MOST]

    def equal(self, a: Array, b: Array) -> bool:
        return bool(a.shape == b.shape and a.size and np.max(np.abs(a - b)) <= self.near)

    def by_channel(self) -> tuple[Array, Array] | None:
        """Return both sides as `[elements, channels]`; None where there is no axis of channels."""
        width = self.want[0].shape[-1] if self.want[0].ndim > 1 else 0
        if width < 2 or any(item.shape[-1] != width for item in (*self.have, *self.want)):
            return None
        return tuple(np.concatenate([item.reshape(-1, width) for item in side]) for side in (self.have, self.want))  # type: ignore[return-value]


Pattern = Callable[[_Difference], tuple[str, str] | None]


def suspected(
    actual: Sequence[Array],
    expected: Sequence[Array],
    ops: Sequence[str],
    tensor: Mapping[str, Any],
    noise: float,
) -> dict[str, str] | None:
    """Return `kind` and `text` of what the difference looks like, or None.

    `ops` are the source's in between, `tensor` is what the artifact says of the tensor, `noise` the segment's own.
    """
    if expected[0].dtype.kind in "OSUb":
        return None
    if any(a.shape != b.shape for a, b in zip(actual, expected, strict=True)):
        return {"kind": "shape", "text": "the tensor has another shape"}
    have, want = [wide(item) for item in actual], [wide(item) for item in expected]
    difference = _Difference(have=have, want=want, ops=ops, tensor=tensor, near=64 * noise)
    with np.errstate(all="ignore"):
        for pattern in PATTERNS:
            if found := pattern(difference):
                return {"kind": found[0], "text": found[1]}
    return None


def _not_finite(it: _Difference) -> tuple[str, str] | None:
    bad = sum(int((~np.isfinite(a) & np.isfinite(b)).sum()) for a, b in zip(it.have, it.want, strict=True))
    if not bad:
        return None
    return (
        "not_finite",
        f"{bad} elements are NaN or infinite where the source's are numbers: an overflow, or a domain error",
    )


def _saturation(it: _Difference) -> tuple[str, str] | None:
    """Scaled integers end at the ends of their range."""
    stated = it.tensor.get("quantization")
    if not stated or isinstance(stated.get("scale"), list):
        return None
    limits = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767)}.get(it.tensor.get("dtype", ""))
    if limits is None:
        return None
    low, high = ((edge - stated["zero_point"]) * stated["scale"] for edge in limits)
    have, want = it.flat()
    out = (want < low - stated["scale"]) | (want > high + stated["scale"])
    if not out.any() or np.abs(have - np.clip(want, low, high))[out].max() > 2 * stated["scale"]:
        return None
    shown = f"[{low:.4g}, {high:.4g}], the source's values reach [{want.min():.4g}, {want.max():.4g}]"
    return "saturation", f"{out.mean():.1%} of the elements are cut off: {it.tensor['dtype']} holds {shown}"


def _permuted(it: _Difference) -> tuple[str, str] | None:
    """The same numbers, with axes or channels in another order."""
    for first in range(1, it.want[0].ndim):
        for second in range(first + 1, it.want[0].ndim):
            swapped = [np.swapaxes(item, first, second) for item in it.want]
            if all(it.equal(a, b) for a, b in zip(it.have, swapped, strict=True)):
                return "layout", f"the axes {first} and {second} are swapped"
    channels = it.by_channel()
    if channels is None or channels[0].shape[-1] > 4096:
        return None
    have, want = channels
    wrong = np.flatnonzero(np.abs(have - want).max(axis=0) > it.near)
    if not 2 <= len(wrong) <= 64:
        return None
    places = [next((w for w in wrong if it.equal(have[:, c], want[:, w])), None) for c in wrong]
    if None in places or len(set(places)) != len(places):
        return None
    return "layout", f"the channels {_listed(wrong)} hold what belongs to the channels {_listed(places)}"


def _border(it: _Difference) -> tuple[str, str] | None:
    """Only what lies at the edges is wrong, or everything has moved by a place."""
    axes = range(1, it.want[0].ndim - 1)
    for some in [*((axis,) for axis in axes), tuple(axes)]:
        for shift in (1, -1):
            moved = [
                (_without_end(a, some, shift), _without_end(b, some, -shift))
                for a, b in zip(it.have, it.want, strict=True)
            ]
            if all(it.equal(a, b) for a, b in moved):
                return (
                    "padding",
                    f"everything is moved by one place along {_axes(some)}: the padding is at the other end",
                )
    for width in range(1, BORDER):
        inner = [
            tuple(item[_inside(item, width)] for item in pair)
            for pair in zip(it.have, it.want, strict=True)
            if min(pair[0].shape[1:-1], default=0) > 2 * width
        ]
        if inner and all(a.size and it.equal(a, b) for a, b in inner):
            edge = "the outermost row or column" if width == 1 else f"{width} rows or columns from the edge"
            return "padding", f"only elements at the edge differ, in {edge}: the padding"
    return None


def _without_end(item: Array, axes: Sequence[int], shift: int) -> Array:
    index: list[Any] = [slice(None)] * item.ndim
    for axis in axes:
        index[axis] = slice(1, None) if shift > 0 else slice(None, -1)
    return np.asarray(item[tuple(index)])


def _axes(axes: Sequence[int]) -> str:
    return f"axis {axes[0]}" if len(axes) == 1 else f"the axes {', '.join(map(str, axes))}"


def _inside(item: Array, width: int) -> tuple[Any, ...]:
    return (slice(None), *(slice(width, -width) for _ in item.shape[1:-1]))


def _activation(it: _Difference) -> tuple[str, str] | None:
    """The sign or a bound decides what is wrong."""
    have, want = it.flat()
    if not want.size:
        return None
    wrong = np.abs(have - want) > it.near
    if not wrong.any():
        return None
    if want.min() >= 0 and (have[wrong] < it.near).all() and (np.abs(want[wrong]) <= it.near).all():
        return "activation", "what is negative should be 0: a ReLU is missing, or has a slope"
    if (np.abs(have[wrong]) <= it.near).all() and (want[wrong] < 0).all():
        return "activation", "what should be negative is 0: a ReLU that the source doesn't have"
    for side, other, text in ((have, want, "that the source doesn't have"), (want, have, "is missing")):
        bound = float(side.max())
        if (
            wrong.mean() < 0.9
            and np.abs(side[wrong] - bound).max() <= it.near
            and (other[wrong] >= bound - it.near).all()
        ):
            return "activation", f"everything above {bound:.4g} is wrong: a bound of {bound:.4g} {text}"
    slopes = have[wrong] / want[wrong]
    if (want[wrong] < 0).all() and wrong[want < -it.near].all() and np.ptp(slopes) <= 1e-3 * abs(slopes.mean()):
        return (
            "activation",
            f"what is negative is {slopes.mean():.4g} times what it should be: the slope of the activation",
        )
    return None


def _channels(it: _Difference) -> tuple[str, str] | None:
    """Whole channels are off by an amount or by a factor."""
    channels = it.by_channel()
    if channels is None or len(channels[0]) < 2:
        return None
    have, want = channels
    gap = have - want
    wrong = np.flatnonzero(np.abs(gap).max(axis=0) > it.near)
    if not len(wrong):
        return None
    amount = gap[:, wrong]
    steady = np.ptp(amount, axis=0) <= np.maximum(2 * it.near, 1e-3 * np.abs(amount).mean(axis=0))
    if steady.all():
        return (
            "bias",
            f"{_which(wrong, want)} off by the same amount everywhere ({_range(amount.mean(axis=0))}): a bias",
        )
    factor = (have[:, wrong] * want[:, wrong]).sum(axis=0) / np.square(want[:, wrong]).sum(axis=0)
    if (np.abs(have[:, wrong] - factor * want[:, wrong]) <= 2 * it.near).all():
        norm = any(op in NORMS for op in it.ops)
        kind = "epsilon" if norm and len(wrong) > 1 and np.abs(factor - 1).max() < 0.5 else "scale"
        what = "the epsilon of a normalisation, or its scale" if kind == "epsilon" else "a scale"
        return kind, f"{_which(wrong, want)} off by the same factor everywhere ({_range(factor)}): {what}"
    centred = have[:, wrong] - have[:, wrong].mean(axis=0)
    wanted = want[:, wrong] - want[:, wrong].mean(axis=0)
    factor = (centred * wanted).sum(axis=0) / np.square(wanted).sum(axis=0)
    if any(op in NORMS for op in it.ops) and (np.abs(centred - factor * wanted) <= 4 * it.near).all():
        return (
            "epsilon",
            f"{_which(wrong, want)} off by a factor ({_range(factor)}) and an amount: epsilon or scale of a normalisation",
        )
    if len(wrong) <= max(1, want.shape[1] // 4):
        return (
            "weights",
            f"only {_which(wrong, want).removesuffix(' is').removesuffix(' are')}: the weights that lead there",
        )
    return None


def _factor(it: _Difference) -> tuple[str, str] | None:
    have, want = it.flat()
    if want.size < 4:
        return None
    factor = float((have * want).sum() / np.square(want).sum())
    if np.abs(have - factor * want).max() <= 2 * it.near and abs(factor) > 1e-6:
        return "scale", f"everything is {factor:.6g} times what it should be"
    return None


def _narrowing(it: _Difference) -> tuple[str, str] | None:
    """Errors as large as those of 11 bits: float16, or less."""
    have, want = it.flat()
    if want.size < 16:
        return None
    relative = np.abs(have - want).max() / (np.abs(want).max() + 1e-300)
    gap = have - want
    if HALF / 32 < relative < HALF * 8 and abs(gap.mean()) < gap.std() / 4:
        return (
            "narrowing",
            f"the largest error is {relative:.1e} of the largest value, as of numbers rounded to float16",
        )
    return None


def _listed(numbers: Sequence[Any] | Array) -> str:
    shown = [str(int(item)) for item in numbers[:4]]
    return ", ".join(shown) + (", …" if len(numbers) > 4 else "")


def _which(wrong: Array, want: Array) -> str:
    if len(wrong) == want.shape[1]:
        return "every channel is"
    return f"channel {int(wrong[0])} is" if len(wrong) == 1 else f"the channels {_listed(wrong)} are"


def _range(values: Array) -> str:
    low, high = float(values.min()), float(values.max())
    return f"{low:.4g}" if high - low <= 1e-4 * abs(high) else f"{low:.4g} to {high:.4g}"


PATTERNS: tuple[Pattern, ...] = (
    _not_finite,
    _saturation,
    _permuted,
    _activation,
    _border,
    _channels,
    _factor,
    _narrowing,
)
