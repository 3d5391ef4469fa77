"""Python sources for `test_sources.py`: each public function returns what a user might export."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf


def every_dtype() -> tf.Module:
    module = tf.Module()

    @tf.function(
        input_signature=[
            tf.TensorSpec([None], tf.bool, name="flag"),
            tf.TensorSpec([None], tf.string, name="text"),
            tf.TensorSpec([None, 2], tf.float16, name="half"),
            tf.TensorSpec([None, 2], tf.float64, name="double"),
            tf.TensorSpec([None], tf.int64, name="long"),
            tf.TensorSpec([None], tf.uint8, name="byte"),
            tf.TensorSpec([None], tf.complex64, name="wave"),
        ]
    )
    def call(flag, text, half, double, long, byte, wave):
        return {
            "flag": tf.logical_not(flag),
            "text": tf.strings.join([text, "!"]),
            "half": half * 2,
            "double": double * tf.constant(np.pi, tf.float64),
            "long": long + 2**33,
            "byte": byte // 2,
            "wave": tf.math.conj(wave),
        }

    module.__call__ = call
    return module


class _Tables(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.scale = tf.Variable(np.arange(1, 5), dtype=tf.float32)
        self.prices = _table(np.array([3, 7, 11]), np.array([0.5, 1.5, 2.5], np.float32), -1.0)
        self.codes = _table(["a", "b"], np.array([7, 11], np.int64), 3)

    @tf.function
    def _price(self, code, table_of_prices):
        return table_of_prices.lookup(code)

    @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.string, name="letters")])
    def __call__(self, letters):
        total = tf.zeros(tf.shape(letters))
        # A table inside a loop and behind a function: its handle is passed on as an argument.
        for _ in tf.range(2):
            total += self._price(self.codes.lookup(letters), self.prices) * self.scale
        return {"total": total}


def _table(keys, values, default):
    return tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, values), default)


def two_tables() -> tf.Module:
    return _Tables()


class _Gathers(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        rng = np.random.default_rng(1)
        self.rows = tf.Variable(rng.normal(size=(300, 4)), dtype=tf.float32)
        self.batches = tf.Variable(rng.normal(size=(2, 200, 3)), dtype=tf.float32)

    @tf.function(
        input_signature=[tf.TensorSpec([6], tf.int32, name="steps"), tf.TensorSpec([2, 5], tf.int32, name="picks")]
    )
    def __call__(self, steps, picks):
        total = tf.zeros([4])
        for step in steps:
            total = tf.tanh(total + tf.gather(self.rows, step))
        picked = tf.gather(self.batches, picks, batch_dims=1)
        return {"total": total, "picked": picked, "rows": tf.shape(self.rows)[0]}


def gathers() -> tf.Module:
    return _Gathers()


class _Counter(tf.Module):
    def __init__(self) -> None:
        super().__init__()
        self.total = tf.Variable([10.0, 20.0], name="total")

    @tf.function(input_signature=[tf.TensorSpec([2], tf.float32, name="step")])
    def __call__(self, step):
        before = self.total.read_value()
        self.total.assign_add(step)
        return {"before": before, "after": self.total.read_value()}


def counter() -> tf.Module:
    return _Counter()


@tf.function(input_signature=[{"left": tf.TensorSpec([None, 2]), "right": [tf.TensorSpec([None, 2], name="r")] * 2}])
def nested(pair):
    return {"sum": pair["left"] + pair["right"][0], "all": [pair["right"][1], pair["left"]]}


class _TwoArguments(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = keras.layers.Embedding(50, 4, mask_zero=True)
        self.pool = keras.layers.GlobalAveragePooling1D()
        self.dense = keras.layers.Dense(3)

    def call(self, tokens, bias):
        return self.dense(self.pool(self.embedding(tokens))) + bias


def two_arguments() -> tuple[keras.Model, dict[str, tf.TensorSpec]]:
    """A subclassed model whose `call` takes two arguments and no `training`; one of them holds integers."""
    keras.utils.set_random_seed(1)
    return _TwoArguments(), {"tokens": tf.TensorSpec([None, 6], tf.int32), "bias": tf.TensorSpec([None, 3])}


class _Guessed(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = keras.layers.Embedding(50, 4, mask_zero=True)

    def call(self, tokens):
        return self.embedding(tokens)


def guessed() -> keras.Model:
    """A subclassed model that was called with integers and remembers nothing but their shape."""
    keras.utils.set_random_seed(1)
    model = _Guessed()
    model(np.ones((1, 6), np.int32))
    return model


def mixed_precision() -> keras.Model:
    keras.utils.set_random_seed(2)
    inputs = keras.Input((8,), name="features")
    hidden = keras.layers.Dense(8, activation="gelu", dtype="mixed_float16", name="hidden")(inputs)
    return keras.Model(inputs, [hidden, keras.layers.Dense(2, dtype="float32", name="logits")(hidden)])


def half_brain() -> keras.Model:
    keras.utils.set_random_seed(3)
    inputs = keras.Input((8,), name="features")
    return keras.Model(inputs, keras.layers.Dense(2, dtype="mixed_bfloat16", name="logits")(inputs))


class _NarrowPorts(tf.Module):
    """An input of bfloat16 that comes out as it is, moved, computed with, and as an integer."""

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.bfloat16, name="x")])
    def __call__(self, x):
        return {"same": x, "moved": tf.transpose(x), "first": tf.argmax(x, axis=-1)}

    @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.bfloat16, name="x")])
    def computed(self, x):
        return {"sum": x / 3 + tf.cast(1 / 7, tf.bfloat16)}


def narrow_ports() -> tf.Module:
    return _NarrowPorts()


def stateful_rnn() -> keras.Model:
    keras.utils.set_random_seed(3)
    inputs = keras.Input(batch_shape=(2, 4, 3), name="frames")
    return keras.Model(inputs, keras.layers.GRU(5, stateful=True, name="state")(inputs))


def noisy() -> keras.Model:
    """Everything in it that draws random numbers does so in training only."""
    keras.utils.set_random_seed(4)
    inputs = keras.Input((8, 8, 4), name="image")
    x = keras.layers.RandomFlip(name="flip")(inputs)
    x = keras.layers.RandomRotation(0.2)(x)
    x = keras.layers.GaussianNoise(1.0)(x)
    x = keras.layers.Conv2D(4, 3, groups=2, name="grouped")(x)
    x = keras.layers.BatchNormalization(name="norm")(keras.layers.Dropout(0.5)(x))
    return keras.Model(inputs, x)


def calls_python() -> tf.Module:
    module = tf.Module()
    module.__call__ = tf.function(
        lambda x: tf.ensure_shape(tf.numpy_function(np.sin, [x], tf.float32), [2]),
        input_signature=[tf.TensorSpec([2])],
    )
    return module


def no_rank() -> tf.Module:
    module = tf.Module()
    module.__call__ = tf.function(lambda x: x + 1, input_signature=[tf.TensorSpec(None)])
    return module


def changing_table() -> tf.Module:
    module = tf.Module()
    module.table = tf.lookup.experimental.MutableHashTable(tf.int64, tf.float32, 0.0)

    @tf.function(input_signature=[tf.TensorSpec([2], tf.int64)])
    def call(keys):
        module.table.insert(keys, tf.zeros([2]))
        return tf.ensure_shape(module.table.lookup(keys), [2])

    module.__call__ = call
    return module


def no_signature() -> tf.Module:
    module = tf.Module()
    module.__call__ = tf.function(lambda x: x)
    return module


def never_built() -> keras.Model:
    return _TwoArguments()


def not_a_model() -> int:
    return 3


def raises() -> keras.Model:
    raise RuntimeError("weights.bin is missing")


no_input_signature = tf.function(lambda x: x)
