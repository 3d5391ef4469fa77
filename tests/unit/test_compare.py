"""The numbers: what passes, what fails, and what is said about the worst element."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anyport.compare import EPSILON, OutputVerdict, Tolerance, compare_run

CONTRACT = {"signatures": [{"name": "f", "outputs": [{"name": "y"}]}]}


def compare(want: Any, have: Any, tolerance: Tolerance | None = None) -> OutputVerdict:
    """Compare one output of one call."""
    (verdict,) = compare_run(
        CONTRACT, {"f": [{"y": np.asarray(want)}]}, {"f": [{"y": np.asarray(have)}]}, tolerance or Tolerance()
    )
    return verdict


def test_equal_outputs_pass_with_no_error() -> None:
    verdict = compare([1.0, -2.0], [1.0, -2.0])
    assert verdict.passed
    assert (verdict.max_abs_error, verdict.max_rel_error, verdict.reason) == (0.0, 0.0, "")
    assert verdict.cosine == pytest.approx(1.0)


@pytest.mark.parametrize(("factor", "passes"), [(0.999, True), (1.001, False)])
def test_boundary_is_atol_of_the_largest_plus_rtol_of_the_element(factor: float, passes: bool) -> None:
    # The element is 2 and the largest is 100: 1e-5·100 + 1e-4·2 = 0.0012.
    want = np.array([100.0, 2.0])
    assert compare(want, want + np.array([0.0, 0.0012 * factor])).passed is passes


@pytest.mark.parametrize(("atol", "rtol"), [(0.1, 0.0), (0.0, 0.5)])
@pytest.mark.parametrize(("error", "passes"), [(0.9, True), (1.1, False)])
def test_each_part_of_the_tolerance_counts(atol: float, rtol: float, error: float, passes: bool) -> None:
    verdict = compare([10.0, 2.0], [10.0, 2.0 + error], Tolerance(atol=atol, rtol=rtol))
    assert verdict.passed is passes


def test_scale_is_that_of_all_calls_together() -> None:
    tolerance = Tolerance(atol=0.1, rtol=0.0)
    want = {"f": [{"y": np.array([100.0])}, {"y": np.array([1.0])}]}
    have = {"f": [{"y": np.array([100.0])}, {"y": np.array([9.0])}]}
    assert compare_run(CONTRACT, want, have, tolerance)[0].passed
    alone = compare_run(CONTRACT, {"f": want["f"][1:]}, {"f": have["f"][1:]}, tolerance)
    assert not alone[0].passed


def test_zero_tolerance_passes_equal_values_and_nothing_else() -> None:
    zero = Tolerance(atol=0.0, rtol=0.0)
    assert compare([0.0, 1.0], [0.0, 1.0], zero).passed
    assert not compare([0.0, 1.0], [0.0, np.nextafter(1.0, 2.0)], zero).passed


def test_all_zero_output_allows_no_error() -> None:
    assert compare([0.0, 0.0], [0.0, 0.0]).passed
    verdict = compare([0.0, 0.0], [0.0, 1e-30])
    assert not verdict.passed
    assert verdict.max_rel_error == math.inf
    assert verdict.cosine is None


def test_worst_element_is_named_by_call_and_index_with_both_values() -> None:
    want = {"f": [{"y": np.ones((2, 3))}, {"y": np.ones((2, 3))}]}
    have = {"f": [{"y": np.ones((2, 3)) + 0.1}, {"y": np.ones((2, 3))}]}
    have["f"][1]["y"][1, 2] = -5.0
    (verdict,) = compare_run(CONTRACT, want, have, Tolerance())
    assert verdict.worst is not None
    assert (verdict.worst.call, verdict.worst.index) == (1, (1, 2))
    assert (verdict.worst.expected, verdict.worst.actual) == (1.0, -5.0)
    assert verdict.max_abs_error == 6.0
    assert "beyond the tolerance" in verdict.reason


def test_worst_is_the_furthest_beyond_what_is_allowed_not_the_largest_error() -> None:
    verdict = compare([1e6, 1.0], [1e6 + 90.0, 60.0], Tolerance(atol=0.0, rtol=1e-4))
    assert verdict.worst is not None
    assert verdict.worst.index == (1,)


@pytest.mark.parametrize(
    ("want", "have", "passes"),
    [
        ([np.nan, 1.0], [np.nan, 1.0], True),
        ([np.inf, 1.0], [np.inf, 1.0], True),
        ([np.nan], [np.nan], True),
        ([np.inf, -np.inf], [np.inf, -np.inf], True),
        ([np.nan, 1.0], [1.0, np.nan], False),
        ([np.inf, 1.0], [-np.inf, 1.0], False),
        ([np.nan, 1.0], [np.inf, 1.0], False),
        ([1.0, 1.0], [np.nan, 1.0], False),
        ([np.inf, 1.0], [1e30, 1.0], False),
        ([np.nan, 1.0], [np.nan, 2.0], False),
    ],
)
def test_nan_and_infinity_must_be_where_the_source_has_them(want: list[float], have: list[float], passes: bool) -> None:
    verdict = compare(want, have)
    assert verdict.passed is passes
    assert verdict.worst is None or math.isfinite(float(verdict.worst.expected)), "the manifest's JSON has no NaN"


def test_infinity_does_not_widen_the_tolerance_of_its_neighbours() -> None:
    assert not compare([np.inf, 1.0], [np.inf, 1.1]).passed
    assert compare([np.inf, 1.0], [np.inf, 1.0], Tolerance(atol=0.0, rtol=0.0)).passed


def test_another_shape_fails_and_both_are_said() -> None:
    verdict = compare(np.zeros((1, 2)), np.zeros((2, 1)))
    assert not verdict.passed
    assert "[2, 1]" in verdict.reason
    assert "[1, 2]" in verdict.reason


def test_shapes_that_broadcast_are_still_different() -> None:
    assert not compare(np.ones((2, 1)), np.ones((2, 2))).passed


def test_another_dtype_fails_and_both_are_said() -> None:
    verdict = compare(np.zeros(2, np.int64), np.zeros(2, np.int32))
    assert not verdict.passed
    assert "int32" in verdict.reason
    assert "int64" in verdict.reason


def test_missing_output_fails_and_says_what_there_is() -> None:
    (verdict,) = compare_run(CONTRACT, {"f": [{"y": np.ones(1)}]}, {"f": [{"other": np.ones(1)}]}, Tolerance())
    assert not verdict.passed
    assert "other" in verdict.reason


@pytest.mark.parametrize("answered", [{}, {"f": []}, {"f": [{"y": np.ones(1)}]}])
def test_missing_calls_fail_and_are_counted(answered: dict[str, Any]) -> None:
    want = {"f": [{"y": np.ones(1)}, {"y": np.ones(1)}]}
    (verdict,) = compare_run(CONTRACT, want, answered, Tolerance())
    assert not verdict.passed
    assert "of 2 calls" in verdict.reason


def test_source_without_an_answer_proves_nothing() -> None:
    (verdict,) = compare_run(CONTRACT, {"f": []}, {"f": []}, Tolerance())
    assert not verdict.passed


def test_every_output_of_every_signature_has_a_verdict() -> None:
    contract = {
        "signatures": [
            {"name": "f", "outputs": [{"name": "a"}, {"name": "b"}]},
            {"name": "g", "outputs": [{"name": "a"}]},
        ]
    }
    want = {"f": [{"a": np.ones(1), "b": np.ones(1)}], "g": [{"a": np.ones(1)}]}
    have = {"f": [{"a": np.ones(1), "b": np.zeros(1)}], "g": [{"a": np.ones(1)}]}
    verdicts = compare_run(contract, want, have, Tolerance())
    assert [(v.signature, v.name, v.passed) for v in verdicts] == [
        ("f", "a", True),
        ("f", "b", False),
        ("g", "a", True),
    ]


def test_strings_are_compared_exactly() -> None:
    assert compare(np.array([b"cat", b"dog"]), np.array([b"cat", b"dog"], dtype=object)).passed
    verdict = compare(np.array([[b"cat", b"dog"]]), np.array([[b"cat", b"dot"]]))
    assert not verdict.passed
    assert "1 strings differ" in verdict.reason
    assert verdict.worst is not None
    assert verdict.worst.index == (0, 1)
    assert "dog" in str(verdict.worst.expected)
    assert "dot" in str(verdict.worst.actual)


def test_strings_of_different_widths_are_compared_by_value() -> None:
    assert compare(np.array([b"a", b"bb"], "S2"), np.array([b"a", b"bb"], "S9")).passed


@pytest.mark.parametrize("change", [0.5, 0.5j])
def test_complex_outputs_count_both_parts(change: complex) -> None:
    want = np.array([1 + 2j, 3 - 4j], np.complex64)
    assert compare(want, want).passed
    verdict = compare(want, (want + np.array([0, change])).astype(np.complex64))
    assert not verdict.passed
    assert verdict.max_abs_error == pytest.approx(0.5)
    assert verdict.worst is not None
    assert verdict.worst.index == (1,)
    assert isinstance(verdict.worst.expected, str)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int64, np.bool_])
def test_a_different_small_integer_or_boolean_fails(dtype: Any) -> None:
    want = np.array([0, 1], dtype)
    assert compare(want, want).passed
    assert not compare(want, want[::-1].copy()).passed


def test_unsigned_integers_do_not_wrap_around() -> None:
    verdict = compare(np.array([0], np.uint8), np.array([255], np.uint8))
    assert verdict.max_abs_error == 255.0


def test_top1_is_the_share_of_rows_with_the_same_largest() -> None:
    want = np.array([[0.1, 0.9], [0.9, 0.1], [0.2, 0.8], [0.3, 0.7]])
    have = want.copy()
    have[0] = have[0][::-1]
    assert compare(want, have).top1 == 0.75
    assert compare(want, want).top1 == 1.0


@pytest.mark.parametrize("shape", [(4,), (4, 1), (2, 2, 2)])
def test_top1_is_left_out_where_no_axis_looks_like_classes(shape: tuple[int, ...]) -> None:
    assert compare(np.ones(shape), np.ones(shape)).top1 is None


def test_an_opposite_answer_has_a_cosine_of_minus_one() -> None:
    assert compare([1.0, 2.0], [-1.0, -2.0]).cosine == pytest.approx(-1.0)


def test_an_empty_output_passes_without_a_worst_element() -> None:
    verdict = compare(np.zeros((0, 3)), np.zeros((0, 3)))
    assert verdict.passed
    assert verdict.worst is None


def test_a_scalar_output_has_an_empty_index() -> None:
    verdict = compare(np.float32(1), np.float32(2))
    assert not verdict.passed
    assert verdict.worst is not None
    assert verdict.worst.index == ()


floats = st.floats(-1e6, 1e6, width=32)


@given(st.lists(st.tuples(floats, floats), min_size=1, max_size=20))
def test_the_verdict_is_the_stated_formula(pairs: list[tuple[float, float]]) -> None:
    want, have = (np.array(column, np.float64) for column in zip(*pairs, strict=True))
    allowed = 1e-5 * np.abs(want).max() + 1e-4 * np.abs(want)
    assert compare(want, have).passed is bool((np.abs(want - have) <= allowed).all())


@pytest.mark.parametrize("dtype", [np.int32, np.int64, np.uint32, np.uint64])
def test_a_large_index_off_by_one_fails_though_it_is_relatively_near(dtype: Any) -> None:
    verdict = compare(np.array([30000, 7], dtype), np.array([30001, 7], dtype))
    assert not verdict.passed
    assert verdict.worst is not None
    assert verdict.worst.index == (0,)


def test_keys_beyond_float64_are_told_apart() -> None:
    assert not compare(np.array([2**53]), np.array([2**53 + 1])).passed


def compare_in(precision: str, error: float, tolerance: Tolerance | None = None) -> bool:
    """Tell whether 1 + `error` passes for 1 where the source computes in this precision."""
    contract = {"signatures": [{"name": "f", "precision": precision, "outputs": [{"name": "y"}]}]}
    want, have = ({"f": [{"y": np.array([value])}]} for value in (1.0, 1.0 + error))
    (verdict,) = compare_run(contract, want, have, tolerance or Tolerance())
    return verdict.passed


@pytest.mark.parametrize(("precision", "factor"), [("float32", 1), ("float16", 128), ("bfloat16", 1024)])
def test_a_narrow_precision_widens_both_tolerances_by_its_factor(precision: str, factor: int) -> None:
    for tolerance in (Tolerance(), Tolerance(atol=1e-6, rtol=0.0), Tolerance(atol=0.0, rtol=1e-6)):
        allowed = (tolerance.atol + tolerance.rtol) * factor
        assert compare_in(precision, allowed * 0.999, tolerance)
        assert not compare_in(precision, allowed * 1.001, tolerance)


@pytest.mark.parametrize(("precision", "dtype"), [("float32", np.float32), ("float16", np.float16)])
def test_the_epsilons_are_those_of_the_types(precision: str, dtype: Any) -> None:
    assert np.finfo(dtype).eps == EPSILON[precision]


def test_bfloat16_has_8_bits_of_significand() -> None:
    assert EPSILON["bfloat16"] == 2.0 ** -(8 - 1)


def test_zero_tolerance_stays_zero_in_any_precision() -> None:
    assert not compare_in("bfloat16", 1e-12, Tolerance(atol=0.0, rtol=0.0))


def test_each_signature_is_judged_by_its_own_precision() -> None:
    outputs = [{"name": "y"}]
    contract = {
        "signatures": [{"name": "f", "outputs": outputs}, {"name": "g", "precision": "bfloat16", "outputs": outputs}]
    }
    want = {name: [{"y": np.array([1.0])}] for name in "fg"}
    have = {name: [{"y": np.array([1.01])}] for name in "fg"}
    assert [verdict.passed for verdict in compare_run(contract, want, have, Tolerance())] == [False, True]
