"""Labels: the right classes of the samples, held against the contract."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anyport.guests import GUEST


@pytest.fixture
def labels(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The guests' module, which imports nothing but NumPy."""
    monkeypatch.syspath_prepend(str(GUEST))
    return importlib.import_module("anyport_tf.labels")


def contract(*outputs: tuple[str, str, list[int | None]], name: str = "f") -> dict[str, Any]:
    x = {"name": "x", "dtype": "float32", "shape": [None, 2]}
    made = [{"name": key, "dtype": dtype, "shape": shape} for key, dtype, shape in outputs]
    return {"signatures": [{"name": name, "inputs": [x], "outputs": made}]}


CLASSES = contract(("y", "float32", [None, 3]), ("size", "float32", [None]), ("best", "int32", [None, 3]))
CALLS = {"f": [{"x": np.zeros((2, 2))}, {"x": np.zeros((1, 2))}]}


def saved(path: Path, value: Any) -> str:
    np.save(path / "l.npy", value)
    return str(path / "l.npy")


def test_one_array_belongs_to_the_only_output_with_classes_and_is_cut_into_calls(labels: Any, tmp_path: Path) -> None:
    found = labels.load(saved(tmp_path, np.array([2, 0, 1])), CLASSES, CALLS)
    assert [call["y"].tolist() for call in found["f"]] == [[2, 0], [1]]
    assert found["f"][0]["y"].dtype == np.int64


@pytest.mark.parametrize("key", ["y", "f/y"])
def test_an_archive_names_its_outputs(labels: Any, tmp_path: Path, key: str) -> None:
    np.savez(tmp_path / "l.npz", **{key: np.array([2, 0, 1], np.int32)})
    found = labels.load(str(tmp_path / "l.npz"), CLASSES, CALLS)
    assert [call["y"].tolist() for call in found["f"]] == [[2, 0], [1]]


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (np.array([1, 2]), "expected 3 integers from 0"),
        (np.array([1.0, 2.0, 0.0]), "float64 of shape"),
        (np.array([1, -1, 0]), "integers from 0"),
        (np.zeros((3, 3), np.int64), r"shape \[3, 3\]"),
    ],
)
def test_what_are_no_labels_is_refused(labels: Any, tmp_path: Path, value: Any, said: str) -> None:
    with pytest.raises(Exception, match=said) as caught:
        labels.load(saved(tmp_path, value), CLASSES, CALLS)
    assert caught.value.kind == "request"
    assert caught.value.hint


def test_one_array_for_two_outputs_is_refused(labels: Any, tmp_path: Path) -> None:
    two = contract(("y", "float32", [None, 3]), ("z", "float32", [None, 3]))
    with pytest.raises(Exception, match="one array of labels for 2 outputs with classes: f/y, f/z"):
        labels.load(saved(tmp_path, np.array([2, 0, 1])), two, CALLS)


def test_an_output_that_is_not_there_is_named(labels: Any, tmp_path: Path) -> None:
    np.savez(tmp_path / "l.npz", size=np.array([2, 0, 1]))
    with pytest.raises(Exception, match="the labels hold 'size'; outputs with classes are f/y"):
        labels.load(str(tmp_path / "l.npz"), CLASSES, CALLS)


def test_what_is_no_file_of_numpys_is_refused(labels: Any, tmp_path: Path) -> None:
    (tmp_path / "l.npy").write_bytes(b"1,2,3")
    with pytest.raises(Exception, match="can't read labels from"):
        labels.load(str(tmp_path / "l.npy"), CLASSES, CALLS)
