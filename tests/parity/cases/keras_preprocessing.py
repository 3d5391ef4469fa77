"""Preprocessing layers inside models: words, categories, buckets, spectrograms and the statistics of features."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from catalogue import case, functional, grid, seeded
from keras import layers

WORDS = ["alpha", "beta", "gamma", "delta", "epsilon"]
NUMBERS = [3, 7, 11, 42, 100]
SENTENCES = [
    "The quick brown fox jumps over the lazy dog.",
    "A lazy dog sleeps; the fox does not!",
    "Brown dogs and quick foxes",
    "",
    "never seen before words",
    "THE THE THE fox, dog & dog",
    "quick",
    "over and over and over the dog",
    "\tthe quick\nfox\r\n ",
]


def _sentences() -> dict[str, Any]:
    return {"x": np.array([text.encode() for text in SENTENCES])}


def _words() -> dict[str, Any]:
    """Known words, unknown ones and the mask token."""
    return {"x": np.array([[b"alpha", b"omega"], [b"delta", b"beta"], [b"", b"Alpha"], [b"epsilon", b"gamma"]])}


def _adapted(*shape: int) -> Any:
    return np.random.default_rng(5).normal(3.0, 2.0, shape).astype("float32")


grid(
    globals(),
    "normalization",
    lambda shape=(4,), **options: functional(layers.Normalization(**options), shape=shape),
    {
        "given": {"mean": [0.5, -1.0, 2.0, 0.0], "variance": [1.0, 4.0, 0.25, 2.0]},
        "scalar": {"mean": 3.0, "variance": 2.0, "axis": None},
        "invert": {"mean": 3.0, "variance": 2.0, "axis": None, "invert": True},
        "channels": {"mean": [0.1, 0.2, 0.3], "variance": [1.0, 2.0, 3.0], "shape": (4, 4, 3)},
    },
)


@case
def normalization_adapted() -> Any:
    layer = layers.Normalization()
    layer.adapt(_adapted(50, 4))
    return keras.Sequential([keras.Input((4,), name="x"), layer])


@case
def normalization_adapted_over_two_axes() -> Any:
    layer = layers.Normalization(axis=(1, 2))
    layer.adapt(_adapted(50, 3, 4))
    return keras.Sequential([keras.Input((3, 4), name="x"), layer])


def _text(**options: Any) -> Any:
    """Return a model of a `TextVectorization` that has seen the first sentences."""
    layer = layers.TextVectorization(**options)
    layer.adapt(np.array(SENTENCES[:4]))
    return keras.Sequential([keras.Input((), dtype="string", name="x"), layer])


grid(
    globals(),
    "text",
    _text,
    {
        "int": {},
        "int_of_length": {"output_sequence_length": 6},
        "multi_hot": {"output_mode": "multi_hot"},
        "count": {"output_mode": "count"},
        "tf_idf": {"output_mode": "tf_idf"},
        "padded_to_max_tokens": {"output_mode": "multi_hot", "max_tokens": 30, "pad_to_max_tokens": True},
        "bigrams": {"ngrams": 2, "output_mode": "multi_hot"},
        "only_trigrams": {"ngrams": (3,), "output_sequence_length": 5},
        "characters": {"split": "character", "output_sequence_length": 12},
        "whole": {"split": None, "standardize": "lower", "output_mode": "int"},
        "not_standardized": {"standardize": None, "output_sequence_length": 6},
        "stripped": {"standardize": "strip_punctuation", "output_sequence_length": 6},
    },
    samples=_sentences,
)


@case(samples=_sentences)
def text_with_vocabulary() -> Any:
    layer = layers.TextVectorization(vocabulary=["the", "fox", "dog"], output_sequence_length=5)
    return keras.Sequential([keras.Input((), dtype="string", name="x"), layer])


@case(samples=_sentences)
def text_classifier() -> Any:
    """Strings to probabilities, as such a model is served."""
    keras.utils.set_random_seed(0)
    vectorize = layers.TextVectorization(output_sequence_length=8)
    vectorize.adapt(np.array(SENTENCES[:4]))
    text = keras.Input((), dtype="string", name="x")
    y = layers.Embedding(vectorize.vocabulary_size(), 6, mask_zero=True)(vectorize(text))
    y = layers.Bidirectional(layers.LSTM(4))(y)
    return seeded(keras.Model(text, layers.Dense(3, activation="softmax", name="classes")(y)))


grid(
    globals(),
    "string_lookup",
    lambda **options: keras.Sequential(
        [keras.Input((2,), dtype="string", name="x"), layers.StringLookup(**{"vocabulary": WORDS} | options)]
    ),
    {
        "int": {},
        "mask": {"mask_token": ""},
        "no_oov": {"num_oov_indices": 0, "vocabulary": [*WORDS, "omega", "", "Alpha"]},
        "many_oov": {"num_oov_indices": 3},
        "multi_hot": {"output_mode": "multi_hot"},
        "count": {"output_mode": "count"},
        "tf_idf": {"output_mode": "tf_idf", "idf_weights": [0.5, 1.0, 1.5, 2.0, 2.5]},
        "one_hot_of_many_oov": {"output_mode": "multi_hot", "num_oov_indices": 2},
    },
    samples=_words,
)


@case(samples=lambda: {"x": np.array([[b"alpha"], [b"omega"], [b"beta"], [b"gamma"]])})
def string_lookup_one_hot() -> Any:
    lookup = layers.StringLookup(vocabulary=WORDS, output_mode="one_hot")
    return keras.Sequential([keras.Input((1,), dtype="string", name="x"), lookup])


@case
def string_lookup_inverted() -> Any:
    """Classes to their names, as the end of a classifier."""
    keras.utils.set_random_seed(0)
    x = keras.Input((4,), name="x")
    logits = layers.Dense(len(WORDS) + 1, name="logits")(x)
    best = keras.ops.argmax(logits, axis=-1)
    return seeded(keras.Model(x, [logits, layers.StringLookup(vocabulary=WORDS, invert=True, name="label")(best)]))


@case(samples=_words)
def string_lookup_and_embedding() -> Any:
    lookup = layers.StringLookup(vocabulary=WORDS)
    return functional(lookup, layers.Embedding(6, 3), layers.Flatten(), layers.Dense(2), shape=(2,), dtype="string")


def _integer_lookup(shape: tuple[int, ...] = (3,), **options: Any) -> Any:
    lookup = layers.IntegerLookup(**{"vocabulary": NUMBERS} | options)
    return keras.Sequential([keras.Input(shape, dtype="int64", name="x"), lookup])


grid(
    globals(),
    "integer_lookup",
    _integer_lookup,
    {
        "int": {},
        "mask": {"mask_token": 3, "vocabulary": NUMBERS[1:]},
        "many_oov": {"num_oov_indices": 4},
        "one_hot": {"output_mode": "one_hot", "shape": (1,)},
        "multi_hot": {"output_mode": "multi_hot"},
        "count": {"output_mode": "count"},
        "tf_idf": {"output_mode": "tf_idf", "idf_weights": [0.5, 1.0, 1.5, 2.0, 2.5]},
        "inverted": {"invert": True},
    },
)


@case
def integer_lookup_adapted() -> Any:
    lookup = layers.IntegerLookup(max_tokens=4, output_mode="multi_hot")
    lookup.adapt(np.array([1, 1, 1, 5, 5, 9, 9, 9, 9, 2]))
    return keras.Sequential([keras.Input((3,), dtype="int64", name="x"), lookup])


def _categories() -> dict[str, Any]:
    return {"x": np.array([[0, 3, 3], [1, 2, 4], [4, 4, 4], [2, 0, 1]])}


grid(
    globals(),
    "category_encoding",
    lambda **options: keras.Sequential(
        [keras.Input((3,), dtype="int64", name="x"), layers.CategoryEncoding(num_tokens=5, **options)]
    ),
    {"multi_hot": {}, "count": {"output_mode": "count"}},
    samples=_categories,
)


@case(samples=lambda: {"x": np.array([[0], [3], [4], [1]])})
def category_encoding_one_hot() -> Any:
    layer = layers.CategoryEncoding(num_tokens=5, output_mode="one_hot")
    return keras.Sequential([keras.Input((1,), dtype="int64", name="x"), layer])


@case(samples=lambda: {**_categories(), "weights": np.array([[0.5, 1.0, 2.0]] * 4, "float32")})
def category_encoding_weighted() -> Any:
    x, weights = keras.Input((3,), dtype="int64", name="x"), keras.Input((3,), name="weights")
    encoding = layers.CategoryEncoding(num_tokens=5, output_mode="count")
    return keras.Model([x, weights], encoding(x, count_weights=weights))


grid(
    globals(),
    "discretization",
    lambda shape=(4,), **options: keras.Sequential(
        [keras.Input(shape, name="x"), layers.Discretization(bin_boundaries=[-1.0, -0.3, 0.0, 0.8], **options)]
    ),
    {
        "int": {},
        "one_hot": {"output_mode": "one_hot", "shape": (1,)},
        "multi_hot": {"output_mode": "multi_hot"},
        "count": {"output_mode": "count"},
    },
)


@case
def discretization_adapted() -> Any:
    layer = layers.Discretization(num_bins=5)
    layer.adapt(np.random.default_rng(5).standard_normal(200).astype("float32"))
    return keras.Sequential([keras.Input((4,), name="x"), layer])


grid(
    globals(),
    "hashing",
    lambda dtype="string", shape=(3,), **options: keras.Sequential(
        [keras.Input(shape, dtype=dtype, name="x"), layers.Hashing(num_bins=7, **options)]
    ),
    {
        "string": {},
        "masked": {"mask_value": ""},
        "salted": {"salt": [133, 137]},
        "integer": {"dtype": "int64"},
        "one_hot": {"output_mode": "one_hot", "shape": (1,)},
        "multi_hot": {"output_mode": "multi_hot"},
    },
)

grid(
    globals(),
    "hashed_crossing",
    lambda **options: keras.Model(
        [
            x := keras.Input((1,), dtype="string", name="x"),
            y := keras.Input((1,), dtype="int64", name="y"),
        ],
        layers.HashedCrossing(num_bins=9, **options)((x, y)),
    ),
    {"int": {}, "one_hot": {"output_mode": "one_hot"}},
)

grid(
    globals(),
    "mel_spectrogram",
    lambda **options: functional(
        layers.MelSpectrogram(fft_length=64, sequence_stride=32, num_mel_bins=8, sampling_rate=8000, **options),
        shape=(256,),
    ),
    {"decibels": {}, "power": {"power_to_db": False}, "magnitude": {"mag_exp": 1.0, "power_to_db": False}},
)

grid(
    globals(),
    "stft_spectrogram",
    lambda **options: functional(
        layers.STFTSpectrogram(frame_length=32, frame_step=16, fft_length=32, **options), shape=(128, 1)
    ),
    {
        "log": {},
        "magnitude": {"mode": "magnitude"},
        "psd": {"mode": "psd"},
        "real": {"mode": "real"},
        "stft": {"mode": "stft"},
        "same": {"mode": "magnitude", "padding": "same"},
        "hamming": {"mode": "magnitude", "window": "hamming"},
        "rectangular": {"mode": "magnitude", "window": None},
        "image": {"mode": "magnitude", "expand_dims": True},
    },
)


@case
def spectrogram_and_convolution() -> Any:
    """Sound to classes."""
    return functional(
        layers.STFTSpectrogram(mode="log", frame_length=32, frame_step=16, fft_length=32, expand_dims=True),
        layers.Conv2D(4, 3, activation="relu"),
        layers.GlobalAveragePooling2D(),
        layers.Dense(3),
        shape=(256, 1),
    )


@case
def rescaling_in_a_model() -> Any:
    return functional(layers.Rescaling(1 / 127.5, offset=-1.0), layers.Conv2D(4, 3), shape=(8, 8, 3))


@case
def image_of_bytes() -> Any:
    """A camera's picture of any size: resized, rescaled and normalised in the model."""
    keras.utils.set_random_seed(0)
    x = keras.Input((None, None, 3), dtype="uint8", name="x")
    y = layers.Resizing(8, 8)(x)
    y = layers.Normalization(mean=[0.4, 0.5, 0.6], variance=[0.04, 0.05, 0.06])(layers.Rescaling(1 / 255)(y))
    y = layers.GlobalMaxPooling2D()(layers.Conv2D(4, 3, activation="relu")(y))
    return seeded(keras.Model(x, layers.Dense(3)(y)))


def _features() -> dict[str, Any]:
    return {
        "age": np.array([[25.0], [41.5], [67.0], [33.0]], "float32"),
        "city": np.array([[b"Berlin"], [b"Paris"], [b"Rome"], [b"Atlantis"]]),
        "rooms": np.array([[1], [4], [2], [9]]),
    }


@case(samples=lambda: {**_features(), "rooms": np.array([[1], [4], [2], [9]], "int32")})
def feature_space() -> Any:
    """Tabular features of several kinds, crossed, to one vector."""
    import tensorflow as tf

    space = keras.utils.FeatureSpace(
        features={
            "age": keras.utils.FeatureSpace.float_discretized(num_bins=4),
            "city": keras.utils.FeatureSpace.string_categorical(num_oov_indices=1),
            "rooms": keras.utils.FeatureSpace.integer_categorical(num_oov_indices=1),
        },
        crosses=[keras.utils.FeatureSpace.cross(("city", "rooms"), crossing_dim=8)],
        output_mode="concat",
    )
    rows = {
        "age": np.linspace(18, 80, 12).astype("float32"),
        "city": np.array(["Berlin", "Paris", "Rome"] * 4),
        "rooms": np.array([1, 2, 3, 4] * 3),
    }
    space.adapt(tf.data.Dataset.from_tensor_slices(rows).batch(4))
    return keras.Model(space.get_inputs(), space.get_encoded_features())


@case(samples=_features)
def tabular_model() -> Any:
    """Numbers, strings and integers, each through its own layers, to one score."""
    keras.utils.set_random_seed(0)
    age, city = keras.Input((1,), name="age"), keras.Input((1,), dtype="string", name="city")
    rooms = keras.Input((1,), dtype="int64", name="rooms")
    parts = [
        layers.Normalization(mean=40.0, variance=100.0)(age),
        layers.StringLookup(vocabulary=["Berlin", "Paris", "Rome"], output_mode="one_hot")(city),
        layers.Flatten()(layers.Embedding(6, 3)(layers.IntegerLookup(vocabulary=[1, 2, 3, 4])(rooms))),
    ]
    y = layers.Dense(8, activation="relu")(layers.Concatenate()(parts))
    score = layers.Dense(1, activation="sigmoid", name="score")(y)
    return seeded(keras.Model({"age": age, "city": city, "rooms": rooms}, score))
