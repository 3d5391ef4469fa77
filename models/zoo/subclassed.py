"""A subclassed keras.Model with a custom layer.

Shows what anyport needs from a model whose `call` is Python code: that it was built or called once, so that the shape
of its input is known, and a dict for outputs that shall have names.

Input: `features` float32 [batch, 20].  Outputs: `logits` float32 [batch, 4], `embedding` float32 [batch, 32].  Random weights.
"""

from __future__ import annotations

import keras


class GatedUnit(keras.layers.Layer):
    """A linear map whose outputs are let through by the sigmoid of a second one."""

    def __init__(self, units: int, **options: object) -> None:
        super().__init__(**options)
        self.units = units

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        shape = (input_shape[-1], self.units)
        self.value = self.add_weight(shape=shape, initializer="glorot_uniform", name="value")
        self.gate = self.add_weight(shape=shape, initializer="glorot_uniform", name="gate")
        self.bias = self.add_weight(shape=(self.units,), initializer="random_normal", name="bias")

    def call(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        gate = keras.ops.sigmoid(keras.ops.matmul(inputs, self.gate) + self.bias)
        return keras.ops.matmul(inputs, self.value) * gate


class Tagger(keras.Model):
    """Two gated units with a skip around the second, then a classifier."""

    def __init__(self) -> None:
        super().__init__(name="tagger")
        self.first = GatedUnit(32)
        self.second = GatedUnit(32)
        self.classifier = keras.layers.Dense(4, bias_initializer="random_normal")

    def call(self, features: keras.KerasTensor) -> dict[str, keras.KerasTensor]:
        hidden = self.first(features)
        hidden = hidden + self.second(hidden)
        return {"logits": self.classifier(hidden), "embedding": hidden}


def build() -> keras.Model:
    """Return the model with seeded weights, built."""
    keras.utils.set_random_seed(2)
    model = Tagger()
    # A call creates the weights of every layer inside and tells the model what it takes.
    model(keras.ops.zeros((1, 20)))
    return model
