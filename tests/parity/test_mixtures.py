"""Any three layers of the catalogue, one behind the other, work as they do alone: random models, exported to every target.

`--examples N` builds more of them than the few that every run does.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import hypothesis.strategies as st
import pytest

from anyport import models, publish, targets
from anyport.pipeline import Options, run_export
from anyport.terminal import Quiet
from anyport.workshop import Workshop

SOURCE = Path(__file__).parent / "mixtures" / "mixture.py"
EXAMPLES = 8
TARGETS = list(targets.BUILT_IN)

Layer = tuple[str, dict[str, Any], int | None]

UNITS = st.integers(1, 6)
ACTIVATIONS = st.sampled_from(
    ["relu", "gelu", "tanh", "sigmoid", "swish", "elu", "selu", "softplus", "mish", "softmax"]
)
PADDING = st.sampled_from(["same", "valid"])


def layer(kind: str, rank: int | None, **config: st.SearchStrategy[Any]) -> st.SearchStrategy[Layer]:
    """Draw a layer that takes `rank` axes after the batch."""
    return st.tuples(st.just(kind), st.fixed_dictionaries(config), st.just(rank))


KERNEL = st.integers(1, 3)
LAYERS: st.SearchStrategy[Layer] = st.one_of(
    layer("Dense", None, units=UNITS, activation=ACTIVATIONS),
    layer("Activation", None, activation=ACTIVATIONS),
    layer("BatchNormalization", None),
    layer("LayerNormalization", None),
    layer("UnitNormalization", None),
    layer("Dropout", None, rate=st.just(0.5)),
    layer("GaussianNoise", None, stddev=st.just(1.0)),
    layer("Flatten", None),
    layer("Rescaling", None, scale=st.sampled_from([0.25, 1.5, 3.0]), offset=st.sampled_from([-1.5, 0.0, 2.0])),
    layer("PReLU", None),
    layer("LeakyReLU", None, negative_slope=st.sampled_from([0.0, 0.1, 0.5])),
    layer("Softmax", None),
    layer("RepeatVector", 1, n=st.integers(1, 4)),
    layer(
        "Conv1D",
        2,
        filters=UNITS,
        kernel_size=KERNEL,
        padding=st.sampled_from(["same", "causal"]),
        activation=ACTIVATIONS,
    ),
    layer("Conv1DTranspose", 2, filters=UNITS, kernel_size=KERNEL, strides=st.integers(1, 2), padding=st.just("same")),
    layer("SeparableConv1D", 2, filters=UNITS, kernel_size=KERNEL, padding=st.just("same")),
    layer("MaxPooling1D", 2, pool_size=KERNEL, padding=st.just("same")),
    layer("UpSampling1D", 2, size=st.integers(1, 3)),
    layer("ZeroPadding1D", 2, padding=st.integers(0, 2)),
    layer("LSTM", 2, units=UNITS, return_sequences=st.booleans(), go_backwards=st.booleans()),
    layer("GRU", 2, units=UNITS, return_sequences=st.booleans(), reset_after=st.booleans()),
    layer("SimpleRNN", 2, units=UNITS, return_sequences=st.booleans(), unroll=st.booleans()),
    layer("MultiHeadAttention", 2, num_heads=st.integers(1, 2), key_dim=st.integers(1, 4)),
    layer("EinsumDense", 2, equation=st.just("abc,cd->abd"), output_shape=st.tuples(st.none(), UNITS)),
    layer("Permute", 2, dims=st.just((2, 1))),
    layer("GlobalAveragePooling1D", 2),
    layer("GlobalMaxPooling1D", 2, keepdims=st.booleans()),
    layer(
        "Conv2D",
        3,
        filters=UNITS,
        kernel_size=KERNEL,
        strides=st.integers(1, 2),
        padding=st.just("same"),
        activation=ACTIVATIONS,
    ),
    layer("Conv2D", 3, filters=UNITS, kernel_size=KERNEL, dilation_rate=st.integers(1, 2), padding=st.just("same")),
    layer("Conv2DTranspose", 3, filters=UNITS, kernel_size=KERNEL, strides=st.integers(1, 2), padding=PADDING),
    layer("DepthwiseConv2D", 3, kernel_size=KERNEL, depth_multiplier=st.integers(1, 2), padding=st.just("same")),
    layer("SeparableConv2D", 3, filters=UNITS, kernel_size=KERNEL, padding=st.just("same")),
    layer("MaxPooling2D", 3, pool_size=KERNEL, padding=st.just("same")),
    layer("AveragePooling2D", 3, pool_size=KERNEL, padding=st.just("same")),
    layer("GlobalAveragePooling2D", 3, keepdims=st.booleans()),
    layer("UpSampling2D", 3, size=st.integers(1, 2), interpolation=st.sampled_from(["nearest", "bilinear"])),
    layer("ZeroPadding2D", 3, padding=st.integers(0, 2)),
    layer(
        "Resizing",
        3,
        height=st.integers(2, 6),
        width=st.integers(2, 6),
        interpolation=st.sampled_from(["bilinear", "nearest", "bicubic"]),
    ),
    layer("GroupNormalization", 3, groups=st.just(1)),
)

MIXTURES = st.fixed_dictionaries(
    {
        "shape": st.sampled_from([[6], [4, 3], [6, 6, 2]]),
        "layers": st.lists(LAYERS, min_size=3, max_size=3),
        "join": st.sampled_from([None, 0, 1]),
    }
)


@pytest.fixture(scope="module")
def workshop() -> Iterator[Workshop]:
    """One TensorFlow process for all mixtures."""
    with Workshop(Quiet(), publish.new_log_folder()) as made:
        yield made


def test_mixtures_work_as_their_parts_do(workshop: Workshop, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    number = iter(range(1_000_000))
    settings = hypothesis.settings(
        max_examples=request.config.getoption("--examples") or EXAMPLES,
        derandomize=not request.config.getoption("--examples"),
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
        print_blob=False,
    )

    @settings
    @hypothesis.given(MIXTURES)
    def mixture(spec: dict[str, Any]) -> None:
        folder = tmp_path / str(next(number))
        folder.mkdir()
        (folder / "layers.json").write_text(json.dumps(spec), encoding="utf-8")
        shutil.copy(SOURCE, folder)
        source = models.classify(f"{folder / 'mixture.py'}:build")
        choices = targets.choose(TARGETS)
        report = run_export(source, choices, Options(out=folder / "out"), Quiet(), workshop=workshop)
        found = {artifact.target: f"{artifact.status}: {artifact.reason}" for artifact in report.artifacts}
        assert found == dict.fromkeys(found, "passed: ")

    mixture()
