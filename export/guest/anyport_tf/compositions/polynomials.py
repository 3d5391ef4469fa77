"""Polynomials that stand for functions that a target lacks, interpolated here from values that Python can compute.

No coefficient is written down: each comes from the function itself, sampled in float64 at Chebyshev's points of an interval
when it is first needed.  A degree is the least that leaves an error below float32's, which the rules' examples see to.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev

Tensor = Any


@dataclasses.dataclass(frozen=True)
class Polynomial:
    """A polynomial on `[low, high]`, in powers of `t = x · scale + shift`, which runs from −1 to 1."""

    scale: float
    shift: float
    coefficients: tuple[float, ...]
    """The highest power's first."""

    def __call__(self, x: Tensor) -> Tensor:
        """Return its value at each element of a tensor of floats (Horner)."""
        t = x * self.scale + self.shift if self.shift else x * self.scale
        first, second, *others = self.coefficients
        value = t * first + second
        for coefficient in others:
            value = value * t + coefficient
        return value


def fitted(function: Callable[[float], float], low: float, high: float, degree: int) -> Polynomial:
    """Return the polynomial that meets `function` at Chebyshev's points of `[low, high]`."""
    scale, shift = 2 / (high - low), -(high + low) / (high - low)
    found: Any = chebyshev.chebinterpolate(lambda t: np.array([function((each - shift) / scale) for each in t]), degree)
    return Polynomial(scale, shift, tuple(float(number) for number in chebyshev.cheb2poly(found)[::-1]))
