"""Core layers: dense, embeddings, masks, wrappers, and layers of one's own."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from catalogue import case, functional, grid, of_layer, seeded
from keras import layers

grid(
    globals(),
    "dense",
    of_layer(layers.Dense, (6,), units=4),
    {
        "without_bias": {"use_bias": False},
        "on_any_steps": {"shape": (None, 6)},
        "on_images": {"shape": (4, 4, 3)},
        "lora": {"lora_rank": 2, "lora_alpha": 3},
    },
)

grid(
    globals(),
    "einsum_dense",
    of_layer(layers.EinsumDense, (5, 6)),
    {
        "ellipsis": {"equation": "...x,xy->...y", "output_shape": 4, "bias_axes": "y", "activation": "gelu"},
        "into_heads": {"equation": "abc,cde->abde", "output_shape": (None, 2, 4), "bias_axes": "de"},
        "out_of_heads": {"shape": (5, 2, 4), "equation": "abcd,cde->abe", "output_shape": (None, 6), "bias_axes": "e"},
        "over_steps": {"equation": "abc,bd->adc", "output_shape": (4, 6), "bias_axes": "d"},
    },
)

grid(
    globals(),
    "embedding",
    of_layer(layers.Embedding, (6,), "int32", input_dim=20, output_dim=4),
    {
        "of_int64": {"dtype": "int64"},
        "of_one_id": {"shape": ()},
        "of_grids": {"shape": (3, 5)},
    },
)


@case
def embedding_masked_average() -> Any:
    """Padding with zeros does not count in the average."""
    return functional(
        layers.Embedding(20, 4, mask_zero=True), layers.GlobalAveragePooling1D(), shape=(6,), dtype="int32"
    )


@case
def embedding_of_floats() -> Any:
    """Ids as float32, as Keras 2 had them: Keras casts."""
    return functional(layers.Rescaling(2.0, 9.5), layers.ReLU(19.0), layers.Embedding(20, 4), shape=(6,))


def _language_model(**options: Any) -> Any:
    ids = keras.Input((6,), dtype="int32", name="ids")
    embedding = layers.ReversibleEmbedding(20, 4, **options)
    hidden = layers.Dense(4, activation="tanh")(embedding(ids))
    return seeded(keras.Model(ids, embedding(hidden, reverse=True)))


grid(
    globals(),
    "reversible_embedding",
    _language_model,
    {
        "tied_masked": {"mask_zero": True},
        "untied_soft_capped": {"tie_weights": False, "logit_soft_cap": 0.5},
    },
)


def _padded_steps() -> dict[str, Any]:
    x = np.random.default_rng(0).normal(size=(8, 5, 3)).astype(np.float32)
    x[::2, 3:] = 0
    x[1, :2] = 0
    return {"x": x}


@case(samples=_padded_steps)
def masking_average() -> Any:
    """Steps of zeros do not count in the average."""
    return functional(layers.Masking(), layers.Dense(4), layers.GlobalAveragePooling1D(), shape=(5, 3))


@case(samples=_padded_steps)
def masking_alone() -> Any:
    return functional(layers.Masking(mask_value=0.0), shape=(5, 3))


@case
def identity_output_is_input() -> Any:
    """One output is the input, and two are the same tensor."""
    x = keras.Input((6,), name="x")
    y = layers.Dense(4)(x)
    return seeded(keras.Model(x, {"x_again": layers.Identity()(x), "y": y, "y_again": layers.Identity()(y)}))


@case
def activity_regularization() -> Any:
    return functional(layers.Dense(4), layers.ActivityRegularization(l1=0.1, l2=0.1), shape=(6,))


@case
def lambda_layer() -> Any:
    return functional(layers.Lambda(lambda x: keras.ops.sin(x) * 2 + 1), layers.Dense(4), shape=(6,))


@case
def sequential_with_input_layer() -> Any:
    return seeded(keras.Sequential([layers.InputLayer(shape=(6,), name="x"), layers.Dense(4)]))


class _Scale(layers.Layer):
    def build(self, shape: Any) -> None:
        self.input_spec = layers.InputSpec(ndim=2, axes={-1: shape[-1]})
        self.factor = self.add_weight(shape=(shape[-1],), name="factor")
        self.count = self.add_weight(shape=(), dtype="int32", initializer="ones", trainable=False, name="count")

    def call(self, x: Any) -> Any:
        return x * self.factor + keras.ops.cast(self.count, x.dtype)


class _Residual(layers.Wrapper):
    def call(self, x: Any) -> Any:
        return x + self.layer(x)


@case
def own_layer() -> Any:
    """A layer with a vector of floats and an integer scalar."""
    return functional(_Scale(), shape=(6,))


@case
def own_wrapper() -> Any:
    return functional(_Residual(layers.Dense(6, activation="tanh")), shape=(6,))


grid(
    globals(),
    "time_distributed",
    of_layer(layers.TimeDistributed, (5, 6)),
    {
        "dense_any_steps": {"layer": layers.Dense(4), "shape": (None, 6)},
        "conv2d": {"layer": layers.Conv2D(4, 3), "shape": (3, 8, 8, 3)},
        "model": {
            "layer": keras.Sequential([layers.Conv1D(4, 3), layers.GlobalMaxPooling1D()]),
            "shape": (3, 8, 2),
        },
    },
)


@case(samples=_padded_steps)
def time_distributed_masked() -> Any:
    return functional(
        layers.Masking(), layers.TimeDistributed(layers.Dense(4)), layers.GlobalAveragePooling1D(), shape=(5, 3)
    )
