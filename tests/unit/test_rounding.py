"""What moves numbers by a unit in the last place: by how much, and what stays as it is."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

from anyport.guests import GUEST


@pytest.fixture
def moved(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The guests' function; its module imports nothing but NumPy."""
    monkeypatch.syspath_prepend(str(GUEST))
    return importlib.import_module("anyport_tf.rounding").moved


@pytest.mark.parametrize("shape", [(), (1,), (3, 4), (0, 2)])
@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "complex64"])
def test_shape_and_dtype_stay(moved: Any, shape: tuple[int, ...], dtype: str) -> None:
    value = np.asarray(np.random.default_rng(0).standard_normal(shape)).astype(dtype)
    made = moved(value, np.random.default_rng(1))
    assert (made.shape, made.dtype) == (value.shape, value.dtype)


@pytest.mark.parametrize("units", [1, 16])
def test_no_number_moves_farther_than_it_may(moved: Any, units: int) -> None:
    value = np.random.default_rng(0).standard_normal(1000).astype(np.float32)
    made = moved(value, np.random.default_rng(1), units)
    steps = made.view(np.int32) - value.view(np.int32)
    assert set(steps) == {-units, 0, units}


def test_zeros_and_what_is_no_number_stay(moved: Any) -> None:
    value = np.array([0.0, -0.0, np.inf, -np.inf, np.nan, np.finfo(np.float32).max], np.float32)
    for seed in range(5):
        made = moved(value, np.random.default_rng(seed))
        assert np.array_equal(made[:5], value[:5], equal_nan=True)
        assert np.isfinite(made[5])


def test_integers_and_strings_are_not_touched(moved: Any) -> None:
    for value in (np.arange(3), np.array([b"a", b"b"]), np.array([True])):
        assert moved(value, np.random.default_rng(0)) is value
