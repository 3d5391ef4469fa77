"""The sabotages: artifacts of zoo models, each altered in one place, and the layer that the debugger must name.

`run` alters a copy of an export and debugs it.  Used by `tests/parity/test_debugger.py` and `tools/sabotages.py`.
"""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from pathlib import Path

import anyport
from anyport import Divergence
from anyport.targets import registry

ALTER = Path(__file__).parent / "alter.py"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Sabotage:
    """One place of one artifact, what is done to it, and whose fault the debugger must say it is."""

    model: str
    target: str
    place: str
    how: str
    """See `alter.py`."""
    layer: str
    runtime: str = ""

    @property
    def name(self) -> str:
        return f"{self.model}-{self.target}-{self.layer}-{self.how}".replace("/", ".")


def _of(model: str, target: str, *entries: tuple[str, str, str], runtime: str = "") -> list[Sabotage]:
    return [
        Sabotage(model=model, target=target, layer=layer, place=place, how=how, runtime=runtime)
        for layer, place, how in entries
    ]


BLOCK = "multi_head_attention_1_2"
"""The scope of the transformer's second attention."""

EVERY = [
    *_of(
        "digits",
        "onnx",
        ("strokes", "strokes_norm_1/batchnorm/add_1", "bias"),
        ("parts", "parts_norm_1/batchnorm/add_1", "pads=2,2,0,0"),
        ("hidden", "hidden_1/Relu", "op=LeakyRelu"),
        ("hidden", "hidden_1/MatMul", "weight"),
    ),
    *_of(
        "transformer",
        "onnx",
        ("multi_head_attention_1/query", f"{BLOCK}/query_1/Add", "bias"),
        ("multi_head_attention_1", f"{BLOCK}/Softmax", "axis=1"),
        ("dense_2", "dense_2_1/Tensordot/MatMul", "reversed"),
    ),
    *_of(
        "lstm_text", "onnx", ("logits", "logits_1/MatMul", "weight"), ("lstm", "while/lstm_cell_1/Tanh:0", "op=Sigmoid")
    ),
    *_of(
        "digits",
        "saved_model",
        ("parts_pool", "parts_pool_1/MaxPool2d", "op=AvgPool"),
        ("shapes", "shapes_1/Relu", "op=Relu6"),
        ("hidden", "hidden_1/MatMul", "weight"),
    ),
    *_of(
        "transformer",
        "saved_model",
        ("layer_normalization_2", "layer_normalization_2_1/add", "op=Sub"),
        ("dense", "dense_1/BiasAdd", "bias"),
    ),
    *_of(
        "digits",
        "tfjs",
        ("shapes", "shapes_1/Relu", "bias"),
        ("shapes_pool", "shapes_pool_1/MaxPool2d", "op=AvgPool"),
        ("hidden", "hidden_1/Relu", "weight"),
        runtime="node",
    ),
    *_of("digits", "tfjs", ("logits", "logits_1/BiasAdd", "weight"), runtime="chromium"),
    *_of(
        "transformer",
        "tfjs",
        ("layer_normalization_3", "layer_normalization_3_1/add_2", "op=Sub"),
        ("embedding", "embedding_1/GatherV2", "weight"),
        runtime="node",
    ),
    *_of("gru_text", "tfjs", ("logits", "logits_1/BiasAdd", "bias"), runtime="node"),
    *_of("gru_text", "saved_model", ("logits", "logits_1/MatMul", "weight")),
    *_of(
        "digits",
        "tflite",
        ("hidden", "hidden_1/Relu", "weight"),
        ("shapes", "shapes_1/Relu", "bias"),
        ("parts_pool", "parts_pool_1/MaxPool2d", "op=AVERAGE_POOL_2D"),
        ("parts_relu", "parts_relu_1/Relu", "fusedActivationFunction=0"),
    ),
    *_of(
        "transformer",
        "tflite",
        ("multi_head_attention_1", f"{BLOCK}/Softmax", "beta=0.5"),
        ("dense_3", "dense_3_1/Tensordot/MatMul", "weight"),
    ),
    *_of(
        "lstm_text",
        "tflite",
        ("lstm", "lstm_cell_1/BiasAdd", "weight"),
        ("logits", "StatefulPartitionedCall", "bias"),
    ),
]

SABOTAGES = [sabotage for sabotage in EVERY if registry()[sabotage.target].cut is not None]

FAST = [
    sabotage
    for sabotage in SABOTAGES
    if (sabotage.target, sabotage.layer)
    in {("onnx", "parts"), ("saved_model", "shapes"), ("tflite", "hidden"), ("tfjs", "shapes")}
]
"""One of each target, for every run of the tests."""


def artifact_file(folder: Path, target: str) -> Path:
    """Return the file that `alter.py` takes."""
    place = folder / target
    names = {"onnx": "model.onnx", "tflite": "model.tflite", "tfjs": "model.json"}
    return place / names[target] if target in names else place


def run(sabotage: Sabotage, exported: Path, folder: Path, python: Path) -> Divergence:
    """Alter a copy of `exported`, made at `folder`, and debug it."""
    shutil.copytree(exported, folder, ignore=shutil.ignore_patterns("debug"))
    file = artifact_file(folder, sabotage.target)
    subprocess.run(
        [python, ALTER, sabotage.target, file, sabotage.place, sabotage.how], check=True, capture_output=True
    )
    return anyport.debug(folder, sabotage.target, runtime=sabotage.runtime)


def names_right(sabotage: Sabotage, found: Divergence) -> bool:
    """Tell whether the layer is named, or is a part of the same operator of the artifact."""
    layer = found.layer
    return layer is not None and sabotage.layer in (layer.name, *layer.also)
