"""The zoo's digits with a mistake that a converter could make: what a budget has to tell from quantisation."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import keras
import numpy as np


def _zoo() -> ModuleType:
    path = Path(__file__).parents[3] / "models" / "zoo" / "digits.py"
    spec = importlib.util.spec_from_file_location("zoo_digits", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def swapped_classes() -> keras.Model:
    """Two of the ten outputs in each other's place."""
    model = _zoo().build()
    layer = model.get_layer("logits")
    order = np.array([0, 1, 2, 5, 4, 3, 6, 7, 8, 9])
    kernel, bias = layer.get_weights()
    layer.set_weights([kernel[:, order], bias[order]])
    return model


def swapped_channels() -> keras.Model:
    """Two of the 32 channels inside the network in each other's place."""
    model = _zoo().build()
    layer = model.get_layer("parts")
    (kernel,) = layer.get_weights()
    order = np.arange(32)
    order[[4, 9]] = order[[9, 4]]
    layer.set_weights([kernel[..., order]])
    return model


def dropped_bias() -> keras.Model:
    """The first layer without the bias that batch normalisation becomes."""
    model = _zoo().build()
    layer = model.get_layer("strokes_norm")
    gamma, beta, mean, variance = layer.get_weights()
    layer.set_weights([gamma, 0 * beta, 0 * mean, variance])
    return model
