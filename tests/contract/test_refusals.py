"""What a target can't express is refused by name; the other targets of the same export still finish."""

from __future__ import annotations

from pathlib import Path

import pytest

import anyport
from anyport import targets

ROOT = """
import keras
import tensorflow as tf


class Root(keras.layers.Layer):
    def call(self, x):
        return tf.math.special.expint(tf.abs(x) + 0.1)


def build():
    features = keras.Input((16,), name="features")
    return keras.Model(features, Root(name="root")(keras.layers.Dense(16)(features)))
"""

MOMENTUM = """
import tensorflow as tf


class Momentum(tf.Module):
    def __init__(self):
        self.weight, self.speed = tf.Variable([1.0, 2.0]), tf.Variable([0.0, 0.0])

    @tf.function(input_signature=[tf.TensorSpec([2], tf.float32)])
    def step(self, slope):
        tf.raw_ops.ResourceApplyMomentum(
            var=self.weight.handle, accum=self.speed.handle, lr=0.1, grad=slope, momentum=0.9
        )
        return {"weight": self.weight.read_value(), "speed": self.speed.read_value()}


def build():
    return Momentum()
"""

OTHERS = [name for name in targets.BUILT_IN if name != "saved_model"]


def export(code: str, folder: Path) -> dict[str, anyport.Artifact]:
    source = folder / "source.py"
    source.write_text(code, encoding="utf-8")
    report = anyport.export(f"{source}:build", to=list(targets.BUILT_IN), out=folder / "out")
    assert report.exit_code == anyport.ConversionError.exit_code
    return {artifact.target: artifact for artifact in report.artifacts}


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> dict[str, anyport.Artifact]:
    return export(ROOT, tmp_path_factory.mktemp("root"))


@pytest.fixture(scope="module")
def momentum(tmp_path_factory: pytest.TempPathFactory) -> dict[str, anyport.Artifact]:
    return export(MOMENTUM, tmp_path_factory.mktemp("momentum"))


@pytest.mark.parametrize("name", OTHERS)
def test_an_op_without_an_equivalent_is_named_with_its_layer(root: dict[str, anyport.Artifact], name: str) -> None:
    artifact = root[name]
    assert artifact.status == "refused"
    assert "Expint" in artifact.reason
    assert "layer 'root' (Root)" in artifact.reason
    assert artifact.hint
    assert artifact.files == ()


@pytest.mark.parametrize("name", OTHERS)
def test_state_that_an_optimizer_changes_is_refused(momentum: dict[str, anyport.Artifact], name: str) -> None:
    artifact = momentum[name]
    assert artifact.status == "refused"
    assert "ResourceApplyMomentum (from source.py:" in artifact.reason
    assert artifact.hint


def test_tensorflow_itself_runs_both(root: dict[str, anyport.Artifact], momentum: dict[str, anyport.Artifact]) -> None:
    assert root["saved_model"].status == "passed"
    assert momentum["saved_model"].status == "passed"
