"""`anyport inspect`: what a model holds and what each target can do with it, before anything is converted."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import Answer, Anyport

SOURCE = """
import keras
import tensorflow as tf


class Root(keras.layers.Layer):
    def call(self, x):
        square = tf.matmul(x, x, transpose_b=True)
        return tf.math.special.expint(tf.abs(square) + 0.1)


def root():
    x = keras.Input((4, 4), name="x")
    return keras.Model(x, Root(name="root")(keras.layers.Dense(4, activation="gelu", name="mixed")(x)))


@tf.function(input_signature=[tf.TensorSpec([None, 4, 4], name="x")])
def attend(x):
    scores = tf.einsum("bij,bkj->bik", x, x)
    return tf.math.special.expint(tf.abs(scores) + 0.1)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("inspect")
    (made / "net.py").write_text(SOURCE, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def root(anyport: Anyport, folder: Path) -> Answer:
    return anyport("inspect", "net.py:root", "--json", cwd=folder)


def test_the_contract_and_the_size_are_stated(root: Answer) -> None:
    assert root.json["parameters"] == {"elements": 20, "bytes": 80}
    (contract,) = root.json["contract"]["signatures"]
    assert [tensor["name"] for tensor in contract["inputs"]] == ["x"]
    (signature,) = root.json["signatures"].values()
    assert signature["count"] == 2 * (4 * 4 * 4) + 2 * (4 * 4 * 4)  # the Dense and the product in the layer
    ops = {entry["op"]: entry for entry in signature["ops"]}
    assert ops["Expint"]["where"] == ["layer 'root' (Root), net.py:9, in call"]
    assert all("layer 'mixed' (Dense)" in where for where in ops["BiasAdd"]["where"])


def test_an_op_that_a_target_lacks_is_named_with_its_layer_line_and_remedy(root: Answer) -> None:
    assert root.code == 3
    outlooks = {item["target"]: item for item in root.json["outlooks"]}
    assert outlooks["saved_model"]["verdict"] == "as it is"
    for target in ("tflite", "tfjs", "onnx"):
        assert outlooks[target]["verdict"] == "refused", outlooks[target]
        (refusal,) = outlooks[target]["refusals"]
        assert refusal["op"] == "Expint"
        assert refusal["origin"] == "layer 'root' (Root), net.py:9, in call"
        assert refusal["reason"]
        assert refusal["hint"]


def test_export_refuses_what_inspect_said_and_makes_the_others(anyport: Anyport, folder: Path) -> None:
    answer = anyport(
        "export", "net.py:root", "--to", "saved_model", "--to", "tflite", "-o", "out", "--json", cwd=folder
    )
    assert answer.code == 3
    assert answer.artifact("saved_model")["status"] == "passed"
    refused = answer.artifact("tflite")
    assert (refused["status"], refused["files"]) == ("refused", [])
    assert "Expint" in refused["reason"]
    assert "net.py:9" in refused["reason"]
    assert not (folder / "out" / "tflite").exists()


def test_what_people_read(anyport: Anyport, folder: Path) -> None:
    answer = anyport("inspect", "net.py:attend", cwd=folder)
    assert answer.code == 3
    for words in (
        "signature serving_default: ",
        "input   x: float32 [any, 4, 4]",
        "net.py:20, in attend",
        "can't run it",
    ):
        assert words in answer.out, answer.out


def test_a_repair_is_told_before_and_after(anyport: Anyport, folder: Path) -> None:
    (folder / "gelu.py").write_text(SOURCE.replace('Root(name="root")', ""), encoding="utf-8")
    looked = anyport("inspect", "gelu.py:root", "--to", "tfjs", "--json", cwd=folder)
    assert looked.code == 0, looked.err
    (outlook,) = looked.json["outlooks"]
    assert outlook["verdict"] == "repaired"
    made = anyport("export", "gelu.py:root", "--to", "tfjs@node", "-o", "gelu", "--json", cwd=folder).artifact("tfjs")
    assert made["status"] == "passed"
    assert made["repairs"] == outlook["repairs"]
    assert any("layer 'mixed' (Dense)" in where for repair in made["repairs"] for where in repair["where"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("nowhere.keras",), "nowhere.keras"),
        (("net.py:root", "--to", "flash"), "flash"),
        (("net.py:missing",), "attend, root"),
    ],
)
def test_a_wrong_request_is_one_sentence(anyport: Anyport, folder: Path, words: tuple[str, ...], said: str) -> None:
    answer = anyport("inspect", *words, cwd=folder)
    assert answer.code == 2
    assert said in answer.err
    assert "Traceback" not in answer.err
