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

COUNTER = """
import tensorflow as tf


class Counter(tf.Module):
    def __init__(self):
        self.count = tf.Variable(0.0)

    @tf.function(input_signature=[tf.TensorSpec([], tf.float32)])
    def add(self, step):
        return self.count.assign_add(step)


def build():
    return Counter()
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
def counter(tmp_path_factory: pytest.TempPathFactory) -> dict[str, anyport.Artifact]:
    return export(COUNTER, tmp_path_factory.mktemp("counter"))


@pytest.mark.parametrize("name", OTHERS)
def test_an_op_without_an_equivalent_is_named_with_its_layer(root: dict[str, anyport.Artifact], name: str) -> None:
    artifact = root[name]
    assert artifact.status == "refused"
    assert "Expint" in artifact.reason
    assert "layer 'root' (Root)" in artifact.reason
    assert artifact.hint
    assert artifact.files == ()


@pytest.mark.parametrize("name", OTHERS)
def test_state_is_refused_where_a_format_has_none(counter: dict[str, anyport.Artifact], name: str) -> None:
    artifact = counter[name]
    assert artifact.status == "refused"
    assert "assigns" in artifact.reason
    assert artifact.hint


def test_tensorflow_itself_runs_both(root: dict[str, anyport.Artifact], counter: dict[str, anyport.Artifact]) -> None:
    assert root["saved_model"].status == "passed"
    assert counter["saved_model"].status == "passed"
