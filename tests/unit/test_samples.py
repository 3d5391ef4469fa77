"""Samples: generated from a contract, and the user's own held against it."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anyport.guests import GUEST

Tensor = dict[str, Any]


@pytest.fixture
def samples(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The guests' module, which imports nothing but NumPy."""
    monkeypatch.syspath_prepend(str(GUEST))
    return importlib.import_module("anyport_tf.samples")


def tensor(name: str, dtype: str, *shape: int | None, **more: Any) -> Tensor:
    return {"name": name, "dtype": dtype, "shape": list(shape), **more}


def contract_of(*inputs: Tensor, **others: list[Tensor]) -> dict[str, Any]:
    signatures = {"serving_default": list(inputs), **others}
    return {"signatures": [{"name": name, "inputs": tensors} for name, tensors in signatures.items() if tensors]}


def write(path: Path, **arrays: Any) -> str:
    np.savez(path / "s.npz", **arrays)
    return str(path / "s.npz")


@pytest.mark.parametrize(
    "dtype", ["bool", "int8", "uint64", "float16", "float32", "float64", "complex64", "string", "int32", "int64"]
)
def test_eight_samples_of_every_dtype(samples: Any, dtype: str) -> None:
    (calls,) = samples.generate(contract_of(tensor("x", dtype, None, 3)), seed=0).values()
    assert sum(len(call["x"]) for call in calls) >= 8
    assert len({len(call["x"]) for call in calls}) > 1, "the batch varies"
    for call in calls:
        assert call["x"].shape[1:] == (3,)
        assert call["x"].dtype.kind == "S" if dtype == "string" else call["x"].dtype == np.dtype(dtype)


def test_eight_calls_where_no_batch_varies(samples: Any) -> None:
    (calls,) = samples.generate(contract_of(tensor("x", "float32", 2, None), tensor("n", "int32")), seed=0).values()
    assert len(calls) == 8
    assert len({call["x"].shape for call in calls}) > 1, "other open dimensions vary too"


def test_the_same_seed_gives_the_same_bytes(samples: Any) -> None:
    contract = contract_of(tensor("x", "float32", None, 3))
    first, again, other = (samples.generate(contract, seed=seed)["serving_default"][0]["x"] for seed in (1, 1, 2))
    assert first.tobytes() == again.tobytes() != other.tobytes()


def test_integers_stay_in_their_range_and_come_padded(samples: Any) -> None:
    contract = contract_of(tensor("tokens", "int32", None, 9, values={"min": 0, "max": 6}))
    tokens = np.concatenate([call["tokens"] for call in samples.generate(contract, seed=0)["serving_default"]])
    assert (tokens.min(), tokens.max()) == (0, 6)
    assert (tokens[1, -3:] == 0).all()


@pytest.mark.parametrize(
    ("dtype", "keys"),
    [("int64", [3, 900, 2**40]), ("int32", [0, 2**31 - 1]), ("int8", [-128, 5, 127]), ("string", ["a", "b"])],
)
def test_lookups_hit_and_miss(samples: Any, dtype: str, keys: list[Any]) -> None:
    contract = contract_of(tensor("code", dtype, None, 4, values={"any_of": keys}))
    known = {key.encode() if isinstance(key, str) else key for key in keys}

    def drawn(**options: bool) -> set[Any]:
        calls = samples.generate(contract, seed=0, **options)["serving_default"]
        return set(np.concatenate([call["code"] for call in calls]).ravel().tolist())

    assert samples.misses(contract)
    assert drawn() & known == known
    assert bool(drawn() - known) == (dtype != "int8"), "every int8 beyond the ends is out of range"
    assert drawn(with_misses=False) <= known


def test_own_samples_count_along_an_open_batch(samples: Any, tmp_path: Path) -> None:
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    calls = samples.load(write(tmp_path, x=x), contract_of(tensor("x", "float32", None, 2)))
    assert [call["x"].tolist() for call in calls["serving_default"]] == [x.tolist()]


def test_own_samples_stack_calls_where_the_shape_is_fixed(samples: Any, tmp_path: Path) -> None:
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    calls = samples.load(write(tmp_path, x=x), contract_of(tensor("x", "float32", 2)))
    assert [call["x"].tolist() for call in calls["serving_default"]] == x.tolist()


def test_own_samples_for_several_signatures(samples: Any, tmp_path: Path) -> None:
    """By `SIGNATURE/NAME`, or by the bare name for all that know it."""
    contract = contract_of(tensor("x", "float32", None), other=[tensor("x", "float32", None)])
    arrays = {"x": np.zeros(2, np.float32), "other/x": np.ones(2, np.float32)}
    calls = samples.load(write(tmp_path, **arrays), contract)
    assert {name: call["x"].tolist() for name, (call,) in calls.items()} == {
        "serving_default": [0, 0],
        "other": [1, 1],
    }


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"y": np.zeros((1, 2), np.float32)}, ["no array named 'x'", "'y'"]),
        ({"x": np.zeros((1, 2), np.float32), "y": np.zeros(1)}, ["'y'", "doesn't name", "'x'"]),
        ({"x": np.zeros((1, 2))}, ["'x' are float64", "float32", "astype('float32')"]),
        ({"x": np.zeros((1, 3), np.float32)}, ["shape [1, 3]", "[any, 2]"]),
        ({"x": np.zeros((0, 2), np.float32)}, ["shape [0, 2]"]),
        ({"x": np.array([[0, np.nan]], np.float32)}, ["1 values that are NaN", "Remove"]),
        ({"x": np.array([["a", "b"]])}, ["'x' are string", "float32"]),
    ],
)
def test_wrong_samples_are_refused(samples: Any, tmp_path: Path, arrays: Mapping[str, Any], words: list[str]) -> None:
    with pytest.raises(Exception) as caught:  # noqa: PT011 -- the guests' own class, from their own folder
        samples.load(write(tmp_path, **arrays), contract_of(tensor("x", "float32", None, 2)))
    assert caught.value.kind == "request"
    said = f"{caught.value} {caught.value.hint}"
    assert [word for word in words if word not in said] == [], said


def test_what_is_no_archive_is_refused(samples: Any, tmp_path: Path) -> None:
    (tmp_path / "s.npz").write_bytes(b"no zip")
    with pytest.raises(Exception, match="can't read samples"):
        samples.load(str(tmp_path / "s.npz"), contract_of(tensor("x", "float32", None, 2)))


def test_what_a_generator_yields_is_drawn_batch_by_batch(samples: Any) -> None:
    contract = contract_of(tensor("x", "float32", None, 2))
    batches = ({"x": np.full((2, 2), number, np.float32)} for number in range(3))
    assert [call["x"][0, 0] for call in samples.drawn(batches, contract)["serving_default"]] == [0, 1, 2]


def test_a_generator_that_never_ends_is_left(samples: Any) -> None:
    contract = contract_of(tensor("x", "float32", None, 2))
    calls = samples.drawn(iter(lambda: {"x": np.zeros((1, 2), np.float32)}, None), contract)
    assert len(calls["serving_default"]) == samples.MOST_BATCHES


@pytest.mark.parametrize(
    ("batches", "said"),
    [
        ([], "yields nothing"),
        ([3], "batch 0 is int"),
        ([{"y": np.zeros((1, 2), np.float32)}], "no array named 'x'"),
        ([{"x": np.zeros((1, 3), np.float32)}], "shape"),
    ],
)
def test_what_a_generator_may_not_yield_is_named(samples: Any, batches: list[Any], said: str) -> None:
    with pytest.raises(Exception, match=said) as caught:
        samples.drawn(batches, contract_of(tensor("x", "float32", None, 2)))
    assert caught.value.hint
