"""How the cases of the catalogue are written down: small models, each with a name of its own.

A case is a function without arguments that returns what a Python source may (see `anyport export --help`), so that
anyone can export one alone: `anyport export tests/parity/cases/keras_core.py:dense_gelu --to tflite`.  A module's name begins
with the family that its cases count for, `keras_` or `tensorflow_`.

* `@case` declares a function; `@case(samples=…)` with a function that returns its inputs by the contract's names,
  where values drawn from the contract won't do.
* `grid(globals(), "conv2d", build, {"same": {"padding": "same"}, …})` declares `conv2d_same`, … which return
  `build(padding="same")`, ….
* `seeded(model)` gives a model weights that make differences visible.

`list_cases.py` lists them all; `covered.py` says which layers have none.
"""

from __future__ import annotations

import functools
import sys
import zlib
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np

Make = Callable[[], Any]
Samples = Callable[[], Mapping[str, Any]]

CASES: dict[str, dict[str, Make]] = {}
"""Module → name → function."""

WITHOUT_CASE = {
    "FlaxLayer": "runs Flax, which TensorFlow can't trace",
    "InputSpec": "says what a layer accepts; it is no layer",
    "JaxLayer": "runs JAX, which TensorFlow can't trace",
    "Layer": "the abstract base of all layers; keras_models and of_call subclass it",
    "TorchModuleWrapper": "runs PyTorch, which TensorFlow can't trace",
    "Wrapper": "an abstract base; keras_models.custom_wrapper subclasses it",
}
"""Public classes of `keras.layers` that no case can hold → why."""


def case(make: Make | None = None, *, samples: Samples | None = None) -> Any:
    """Declare a case."""
    if make is None:
        return functools.partial(case, samples=samples)
    _declare(make.__module__.removeprefix("_anyport_source_"), make.__name__, make)
    make.samples = samples  # type: ignore[attr-defined]
    return make


def grid(
    namespace: dict[str, Any],
    name: str,
    build: Callable[..., Any],
    options: Mapping[str, Mapping[str, Any]],
    *,
    samples: Samples | None = None,
) -> None:
    """Declare one case for each entry of `options`, in the module whose `globals()` is `namespace`."""
    for key, arguments in options.items():
        namespace[f"{name}_{key}"] = make = _bound(build, arguments)
        make.__name__, make.__module__ = f"{name}_{key}", namespace["__name__"]
        case(make, samples=samples)


def _bound(build: Callable[..., Any], arguments: Mapping[str, Any]) -> Make:
    return lambda: build(**arguments)


def _declare(module: str, name: str, make: Make) -> None:
    named = CASES.setdefault(module, {})
    if name in named:
        raise ValueError(f"{module} has two cases {name!r}")
    named[name] = make


def seeded(model: Any, seed: int = 0) -> Any:
    """Return the model with weights drawn by name: kernels that keep the scale, biases and statistics far from 0 and 1.

    Integer weights (seeds of random layers, lookup tables) stay as they are.
    """
    for variable in model.variables:
        value = np.asarray(variable.numpy())
        if value.dtype.kind not in "fV" and value.dtype.name != "bfloat16":
            continue
        rng = np.random.default_rng([seed, zlib.crc32(f"{variable.path}{value.shape}".encode())])
        variable.assign(_drawn(rng, variable.path.rsplit("/", 1)[-1], value.shape).astype(value.dtype))
    return model


def _drawn(rng: Any, role: str, shape: tuple[int, ...]) -> Any:
    if "variance" in role or role in ("gamma", "scale"):
        return rng.uniform(0.5, 1.5, shape)
    fan_in = int(np.prod(shape[:-1])) if len(shape) > 1 else 1
    return rng.normal(0.0, (1.0 / max(fan_in, 1)) ** 0.5 if len(shape) > 1 else 0.3, shape)


def functional(*layers: Any, shape: tuple[int | None, ...], dtype: str = "float32", name: str = "model") -> Any:
    """Return a seeded functional model of one input `x` (shape without the batch) and these layers in a row."""
    keras.utils.set_random_seed(0)
    value = inputs = keras.Input(shape, dtype=dtype, name="x")
    for layer in layers:
        value = layer(value)
    return seeded(keras.Model(inputs, value, name=name))


def of_layer(
    layer: Callable[..., Any], shape: tuple[int | None, ...], dtype: str = "float32", **fixed: Any
) -> Callable[..., Any]:
    """Return a `build` for `grid`: options → the functional model of `layer(**fixed, **options)` alone.

    The options `shape` and `dtype`, where given, are the input's.
    """

    def build(*, shape: tuple[int | None, ...] = shape, dtype: str = dtype, **options: Any) -> Any:
        return functional(layer(**{**fixed, **options}), shape=shape, dtype=dtype)

    return build


def of_call(call: Callable[..., Any], *inputs: Any) -> Any:
    """Return a model whose `call` is this function of `keras.Input`s, in a subclassed layer (no Lambda).

    What comes in stays as it is: Keras would cast every float to the layer's own dtype.
    """

    class Calls(keras.layers.Layer):
        def call(self, *tensors: Any) -> Any:
            return call(*tensors)

    keras.utils.set_random_seed(0)
    return keras.Model(list(inputs) if len(inputs) > 1 else inputs[0], Calls(name="calls", autocast=False)(*inputs))


if __name__ == "__main__":
    sys.exit("run list_cases.py")
