"""The verdict's multiple tells right artifacts from broken models: a fast part of the study in `bench/tolerance`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import anyport
from anyport import publish
from anyport.compare import MULTIPLE
from anyport.terminal import Quiet
from anyport.workshop import Workshop

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools"), str(ROOT / "bench" / "tolerance")]

from matrix import list_cases  # noqa: E402
from study import studied  # noqa: E402

CASES = (
    "keras_recurrent.masked_lstm",
    "keras_attention.multi_head_attention_sliding_window",
    "keras_convolution.separable_conv2d_multiplier",
    "keras_models.residual_network",
    "keras_models.detector",
    "keras_policies.convolution_bfloat16",
)
KINDS = {
    "bias dropped",
    "two channels swapped",
    "one weight off by 1 %",
    "float16 weights",
    "padding shifted by one",
    "epsilon of a normalisation changed",
    "kernel transposed",
}


IN_THE_DARK = """
import keras
import tensorflow as tf


class Net(tf.Module):
    def __init__(self):
        self.inner = keras.Sequential([
            keras.Input([4]),
            keras.layers.Dense(6, bias_initializer=keras.initializers.Constant(-100.0), name="hidden"),
            keras.layers.ReLU(name="never"),
            keras.layers.Dense(2, bias_initializer="ones"),
        ])

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="x")])
    def __call__(self, x):
        return tf.cond(tf.reduce_sum(x) > 1e6, lambda: x[:, :2], lambda: self.inner(x))


net = Net()
"""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    folder = tmp_path_factory.mktemp("cases")
    with Workshop(Quiet(), publish.new_log_folder()) as workshop:
        cases = list_cases(folder, CASES)
        yield {name: studied(case, folder, workshop, ["onnx", "tflite"]) for name, case in cases.items()}


def test_no_right_artifact_is_called_wrong(found: dict[str, Any]) -> None:
    assert set(found) == set(CASES)
    for name, case in found.items():
        assert case["right"], name
        assert [run for run in case["right"] if run[3] != "passed"] == [], name


def test_every_fault_that_changes_the_function_is_found(found: dict[str, Any]) -> None:
    faults = [(name, fault) for name, case in found.items() for fault in case["wrong"]]
    assert {fault["kind"] for _, fault in faults} == KINDS
    for name, fault in faults:
        if fault["changes"] is None or fault["changes"] > MULTIPLE:
            assert fault["ratio"] is None or fault["ratio"] > MULTIPLE, (name, fault)


def test_what_the_samples_leave_in_the_dark_is_said(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(IN_THE_DARK)
    report = anyport.export(f"{tmp_path / 'net.py'}:net", "saved_model", tmp_path / "out")
    notes = " ".join(report.manifest["notes"])
    assert "barely moves over the samples" in notes
    assert "is always not taken with the samples" in notes


def test_double_precision_was_there_to_compare_with(found: dict[str, Any]) -> None:
    for name, case in found.items():
        methods = {output["method"] for outputs in case["noise"].values() for output in outputs.values()}
        assert methods == {"float64"}, name
