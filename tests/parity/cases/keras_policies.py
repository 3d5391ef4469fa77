"""Precisions and dtypes: policies, layers of their own dtype, inputs of every kind, and quantised Keras layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from catalogue import case, functional, grid, of_call, seeded
from keras import layers, ops

POLICIES = ("mixed_float16", "mixed_bfloat16", "float16", "bfloat16", "float64")
EACH = {policy: {"policy": policy} for policy in POLICIES}


def _under(policy: str, build: Callable[[], Any]) -> Any:
    """Return what `build` makes under a global policy."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        return build()
    finally:
        keras.config.set_dtype_policy(before)


def _x(*shape: int | None, dtype: str | None = None, name: str = "x") -> Any:
    keras.utils.set_random_seed(0)
    return keras.Input(shape, dtype=dtype, name=name)


def _dense() -> Any:
    x = _x(6)
    return seeded(keras.Model(x, layers.Dense(3)(layers.Dense(8, activation="relu")(x))))


def _convolution() -> Any:
    x = _x(8, 8, 3)
    y = layers.BatchNormalization()(layers.Conv2D(6, 3, padding="same", use_bias=False)(x))
    y = layers.DepthwiseConv2D(3)(layers.MaxPooling2D(2)(layers.ReLU()(y)))
    return seeded(keras.Model(x, layers.Dense(4)(layers.GlobalAveragePooling2D()(y))))


def _recurrent() -> Any:
    x = _x(6, 4)
    start = {"recurrent_initializer": "glorot_uniform"}  # the orthogonal one has no bfloat16
    return seeded(keras.Model(x, [layers.LSTM(5, **start)(x), layers.GRU(4, return_sequences=True, **start)(x)]))


def _attention() -> Any:
    tokens = _x(8, dtype="int32", name="tokens")
    y = layers.Embedding(20, 8)(tokens)
    y = layers.LayerNormalization()(y + layers.MultiHeadAttention(2, 4)(y, y))
    return seeded(keras.Model(tokens, layers.Dense(4, activation="softmax")(y)))


for _name, _build in (
    ("dense", _dense),
    ("convolution", _convolution),
    ("recurrent", _recurrent),
    ("attention", _attention),
):
    grid(globals(), _name, lambda policy, build=_build: _under(policy, build), EACH)


@case
def mixed_float16_with_float32_head() -> Any:
    """As Keras' guide has it: the softmax in float32."""

    def build() -> Any:
        x = _x(6)
        logits = layers.Dense(4)(layers.Dense(8, activation="relu")(x))
        return seeded(keras.Model(x, layers.Activation("softmax", dtype="float32")(logits)))

    return _under("mixed_float16", build)


grid(
    globals(),
    "layer_of",
    lambda dtype: functional(
        layers.Dense(8, activation="relu"), layers.Dense(8, dtype=dtype), layers.Dense(3, dtype="float32"), shape=(6,)
    ),
    {dtype: {"dtype": dtype} for dtype in ("float16", "bfloat16", "float64", "mixed_float16", "mixed_bfloat16")},
)


@case
def autocast_off() -> Any:
    """A layer that takes float64 and float32 as they come, and says itself what to compute in."""

    class Precise(layers.Layer):
        def __init__(self) -> None:
            super().__init__(autocast=False, name="precise")

        def call(self, x: Any, y: Any) -> Any:
            return ops.cast(ops.cast(x, "float64") / 3.0, "float32") + y, ops.cast(x, "float64") - ops.cast(
                y, "float64"
            )

    x, y = _x(4, dtype="float64"), _x(4, name="y")
    return keras.Model([x, y], Precise()(x, y))


FLOATS = ("float16", "bfloat16", "float64")
INTEGERS = ("int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64")

grid(
    globals(),
    "input_of",
    lambda dtype: seeded(keras.Model(x := _x(5, dtype=dtype), layers.Dense(3)(ops.cast(x, "float32") * 0.1))),
    {dtype: {"dtype": dtype} for dtype in (*FLOATS, *INTEGERS)},
)

grid(
    globals(),
    "output_of",
    lambda dtype: seeded(keras.Model(x := _x(5), ops.cast(ops.abs(layers.Dense(3)(x)) * 20.0, dtype))),
    {dtype: {"dtype": dtype} for dtype in (*FLOATS, *INTEGERS)},
)

grid(
    globals(),
    "passing",
    lambda dtype: keras.Model(x := _x(2, 3, dtype=dtype), layers.Flatten()(ops.transpose(x, (0, 2, 1)))),
    {dtype: {"dtype": dtype} for dtype in (*FLOATS, *INTEGERS, "bool", "string")}
    | {"complex64": {"dtype": "complex64"}},
)

grid(
    globals(),
    "arithmetic_of",
    lambda dtype: of_call(
        lambda x, y: [x + y, x * y, ops.maximum(x, y), ops.sum(x, axis=-1), x > y],
        _x(5, dtype=dtype),
        _x(5, dtype=dtype, name="y"),
    ),
    {dtype: {"dtype": dtype} for dtype in ("float16", "bfloat16", "float64", "int8", "uint8", "int16", "int64")},
)


@case
def input_bool() -> Any:
    """A mask as an input."""
    x, mask = _x(5, 3), _x(5, dtype="bool", name="mask")
    y = layers.Dense(4)(x) * ops.cast(mask, "float32")[:, :, None]
    return seeded(keras.Model([x, mask], [ops.sum(y, axis=1), ops.any(mask[:, :2], axis=-1)]))


@case
def tokens_of_int64() -> Any:
    tokens = _x(None, dtype="int64", name="tokens")
    return seeded(keras.Model(tokens, layers.GRU(4)(layers.Embedding(15, 5)(tokens))))


@case
def tokens_of_uint8() -> Any:
    """Bytes as tokens."""
    tokens = _x(None, dtype="uint8", name="tokens")
    return seeded(keras.Model(tokens, layers.Conv1D(4, 3, padding="same")(layers.Embedding(256, 5)(tokens))))


@case
def image_of_uint8() -> Any:
    x = _x(8, 8, 3, dtype="uint8")
    y = layers.Conv2D(4, 3, activation="relu")(layers.Rescaling(1 / 127.5, offset=-1.0)(x))
    return seeded(keras.Model(x, layers.Dense(3)(layers.GlobalAveragePooling2D()(y))))


@case
def large_integers() -> Any:
    """Sums beyond what float32 can count."""
    return of_call(lambda x: [ops.sum(x * 123_457, axis=-1), x * x * x + 1], _x(6, dtype="int64"))


@case
def float64_sum_of_small_and_large() -> Any:
    return of_call(lambda x: ops.cumsum(x * 1e3 + 1e-3, axis=-1), _x(9, dtype="float64"))


# Quantised layers: as Keras stores and computes them after `model.quantize`


def _quantized(model: Any, mode: Any) -> Any:
    model.quantize(mode)
    return model


def _linear(mode: Any) -> Any:
    return _quantized(functional(layers.Dense(16, activation="relu"), layers.Dense(4), shape=(8,)), mode)


def _einsum(mode: Any) -> Any:
    einsum = layers.EinsumDense("abc,cde->abde", output_shape=(None, 2, 4), bias_axes="de")
    return _quantized(functional(einsum, shape=(5, 8)), mode)


def _embedded(mode: Any) -> Any:
    embedding = layers.Embedding(20, 8)
    return _quantized(
        functional(embedding, layers.GlobalAveragePooling1D(), layers.Dense(3), shape=(6,), dtype="int32"), mode
    )


def _tied(mode: Any) -> Any:
    """One table for tokens and for logits."""
    tokens = _x(6, dtype="int32", name="tokens")
    embedding = layers.ReversibleEmbedding(20, 8)
    return _quantized(seeded(keras.Model(tokens, embedding(ops.tanh(embedding(tokens)), reverse=True))), mode)


def _attended(mode: Any) -> Any:
    x = _x(6, 8)
    y = layers.LayerNormalization()(x + layers.MultiHeadAttention(2, 4)(x, x))
    return _quantized(seeded(keras.Model(x, layers.Dense(4)(y))), mode)


def _convolved(mode: Any) -> Any:
    """Convolutions have no quantised form; the head has."""
    layers_ = (layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(3))
    return _quantized(functional(*layers_, shape=(6, 6, 2)), mode)


for _name, _make in (
    ("dense", _linear),
    ("einsum", _einsum),
    ("embedding", _embedded),
    ("reversible_embedding", _tied),
    ("attention", _attended),
    ("convolution", _convolved),
):
    grid(
        globals(),
        f"quantized_{_name}",
        lambda mode, make=_make: make(mode),
        {"int8": {"mode": "int8"}, "int4": {"mode": "int4"}},
    )


@case
def quantized_weights_only() -> Any:
    """Weights of int8, activations as they are."""
    model = functional(layers.Dense(16, activation="relu"), layers.Dense(4), shape=(8,))
    config = keras.quantizers.Int8QuantizationConfig(activation_quantizer=None)
    model.quantize(config=config)
    return model


@case
def quantized_float8() -> Any:
    model = functional(layers.Dense(16, activation="relu"), layers.Dense(4), shape=(8,))
    model.quantize("float8")
    return model


@case
def quantized_under_mixed_bfloat16() -> Any:
    return _under("mixed_bfloat16", lambda: _quantized(_dense(), "int8"))


@case
def low_rank_adaptation() -> Any:
    """LoRA: a frozen kernel and a product of two thin ones."""
    model = functional(layers.Dense(8, activation="relu"), layers.Dense(4), shape=(6,))
    for layer in model.layers[1:]:
        layer.enable_lora(2)
    return seeded(model, seed=1)


@case
def fake_quantization() -> Any:
    """Activations rounded to 8 bits and back, as quantisation-aware training leaves them."""

    class Rounded(layers.Layer):
        def call(self, x: Any) -> Any:
            return keras.quantizers.fake_quant_with_min_max_vars(x, np.float32(-3.0), np.float32(3.0), num_bits=8)

    x = _x(6)
    return seeded(keras.Model(x, layers.Dense(3)(Rounded()(layers.Dense(8)(Rounded()(x))))))
