"""A user's own layer, in a module that a `.keras` file names."""

from __future__ import annotations

import keras


@keras.saving.register_keras_serializable(package="mine")
class Twice(keras.layers.Layer):
    def call(self, inputs):
        return inputs * 2
