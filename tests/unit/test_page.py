"""The self-test page's JavaScript against the Python that it must agree with: the samples that it reads, the verdict."""

from __future__ import annotations

import dataclasses
import json
import math
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from anyport import browsers
from anyport.compare import Noise, Tolerance, compare_run
from anyport.guest.anyport_guest import write_calls

PAGE = browsers.HERE / "page"
HERE = Path(__file__).parent
DTYPES = ("float32", "float16", "float64", "int8", "uint8", "int16", "int32", "int64", "uint64", "bool", "complex64")
CASES = 240


def random_array(rng: np.random.Generator, dtype: str, shape: tuple[int, ...]) -> Any:
    if dtype == "string":
        return np.array(
            [rng.bytes(int(rng.integers(0, 6))).replace(b"\0", b"x") for _ in range(math.prod(shape))]
        ).reshape(shape)
    if dtype.startswith("complex"):
        return (rng.normal(size=shape) + 1j * rng.normal(size=shape)).astype(dtype)
    if dtype.startswith("float"):
        return (rng.normal(size=shape) * 10.0 ** rng.integers(-6, 4)).astype(dtype)
    if dtype == "bool":
        return rng.integers(0, 2, size=shape).astype(bool)
    info = np.iinfo(dtype)
    return np.asarray(rng.integers(info.min, info.max, size=shape, dtype=dtype, endpoint=True))


def changed(rng: np.random.Generator, want: Any) -> Any:
    """Return what an artifact may have answered: right, a little off, far off, or of another kind."""
    have, how = np.array(want), rng.integers(0, 8)
    if how == 0 and have.ndim:
        return have[..., None]
    if how == 1 and have.dtype.kind == "f":
        return have.astype("float64" if have.dtype != np.float64 else "float32")
    if how in (2, 3) and have.dtype.kind in "fc":
        return (have * (1 + rng.normal(size=have.shape) * 10.0 ** rng.integers(-9, -2))).astype(have.dtype)
    if how in (4, 5) and have.size:
        place = tuple(int(rng.integers(0, size)) for size in have.shape)
        have[place] = b"other" if have.dtype.kind == "S" else have[place] + have.dtype.type(1)
    if how == 6 and have.size and have.dtype.kind == "f":
        have.flat[int(rng.integers(0, have.size))] = rng.choice([np.nan, np.inf, -np.inf])
    return have


def make_case(rng: np.random.Generator, number: int, folder: Path) -> dict[str, Any]:
    dtypes = [str(rng.choice([*DTYPES, "string"])) for _ in range(2)]
    shapes = [
        tuple(int(size) for size in rng.integers(0 if rng.random() < 0.1 else 1, 5, size=rng.integers(0, 4)))
        for _ in dtypes
    ]
    names = ("a/b", "β")
    expected, actual = [], []
    for _ in range(int(rng.integers(1, 3))):
        tensors = {n: np.asarray(random_array(rng, d, s)) for n, d, s in zip(names, dtypes, shapes, strict=True)}
        for array in tensors.values():
            if array.dtype.kind == "f" and array.size and rng.random() < 0.2:
                array.flat[0] = rng.choice([np.nan, np.inf, -np.inf])
        if tensors["a/b"].ndim > 1 and rng.random() < 0.3:
            tensors["a/b"] = np.asfortranarray(tensors["a/b"])
        expected.append(tensors)
        actual.append({n: changed(rng, array) for n, array in tensors.items() if rng.random() > 0.03})
    precision = str(rng.choice(["float32", "float32", "float16", "bfloat16"]))
    outputs = [{"name": name, "dtype": dtype} for name, dtype in zip(names, dtypes, strict=True)]
    contract = {"signatures": [{"name": "serve it", "outputs": outputs, "precision": precision}]}
    tolerance = {"multiple": 16.0, "atol": float(rng.choice([0.0, 1e-5])), "rtol": float(rng.choice([0.0, 1e-4]))}
    # An input, so that a call without outputs is still a call.
    given = {"serve it": [{"x": np.zeros(1, np.float32)} for _ in expected]}
    noise, masks = make_noise(rng, expected) if rng.random() < 0.5 else ({}, [])
    write_calls(
        folder / f"{number}.expected.npz", inputs=given, outputs={"serve it": expected}, undecided={"serve it": masks}
    )
    write_calls(folder / f"{number}.actual.npz", inputs=given, outputs={"serve it": actual})
    told = {
        "number": number,
        "contract": contract,
        "tolerance": tolerance,
        "noise": {"serve it": noise} if noise else {},
    }
    return {**told, "expected": expected, "actual": actual, "undecided": {"serve it": masks} if noise else {}}


def make_noise(rng: np.random.Generator, expected: list[dict[str, Any]]) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return noise for each output, near what the changed arrays differ by, and masks for some calls."""
    floors = {
        name: {
            "floor": float(rng.choice([1e-7, 1e-5, 1e-2])) if array.dtype.kind in "fc" else 0.0,
            "scale": 1.0,
            "method": "float64",
            "undecided": 0.1,
        }
        for name, array in expected[0].items()
    }
    return floors, [
        {name: rng.random(array.shape) < 0.5 for name, array in call.items() if rng.random() < 0.5} for call in expected
    ]


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> list[tuple[dict[str, Any], list[Any], list[Any]]]:
    """Return each case with Python's verdicts and the page's."""
    folder = tmp_path_factory.mktemp("cases")
    rng = np.random.default_rng(7)
    cases = [make_case(rng, number, folder) for number in range(CASES)]
    told = [{key: case[key] for key in ("number", "contract", "tolerance", "noise")} for case in cases]
    (folder / "cases.json").write_text(json.dumps(told))
    script = ["node", str(HERE / "page_verdicts.mjs"), str(PAGE), str(folder), str(folder / "out.json")]
    subprocess.run(script, check=True)
    ours = [
        compare_run(
            case["contract"],
            {"serve it": case["expected"]},
            {"serve it": case["actual"]},
            Tolerance(**case["tolerance"]),
            noise=Noise(outputs=case["noise"], undecided=case["undecided"]),
        )
        for case in cases
    ]
    theirs = json.loads((folder / "out.json").read_text())
    return [
        (case, [dataclasses.asdict(verdict) for verdict in mine], page)
        for case, mine, page in zip(cases, ours, theirs, strict=True)
    ]


def test_the_page_s_verdict_is_the_report_s(verdicts: list[tuple[dict[str, Any], list[Any], list[Any]]]) -> None:
    for case, ours, theirs in verdicts:
        assert [(v["name"], v["passed"], v["reason"]) for v in theirs] == [
            (v["name"], v["passed"], v["reason"]) for v in ours
        ], case


def test_the_page_s_errors_are_the_report_s(verdicts: list[tuple[dict[str, Any], list[Any], list[Any]]]) -> None:
    compared = 0
    for case, ours, theirs in verdicts:
        for mine, page in zip(ours, theirs, strict=True):
            for key in ("max_abs_error", "max_rel_error"):
                wanted = mine[key]
                assert page[key] == (str(wanted).replace("inf", "Infinity") if wanted == math.inf else wanted), (
                    key,
                    case,
                )
            if mine["worst"] and "complex" not in json.dumps(case["contract"]):
                compared += 1
                assert page["worst"]["index"] == list(mine["worst"]["index"]), case
    assert compared > 100


def test_the_cases_are_of_every_kind(verdicts: list[tuple[dict[str, Any], list[Any], list[Any]]]) -> None:
    reasons = " ".join(verdict["reason"] for _, ours, _ in verdicts for verdict in ours)
    for kind in ("beyond the tolerance", "NaN or infinite", "shape", "dtype", "no such output", "strings differ"):
        assert kind in reasons
    passed = [verdict["passed"] for _, ours, _ in verdicts for verdict in ours]
    assert 50 < sum(passed) < len(passed) - 50
