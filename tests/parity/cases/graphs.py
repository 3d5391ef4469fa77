"""How the cases of TensorFlow's family are written down: a `tf.function` of a few inputs, declared by `@traced`.

`traced(floats(None, 4), ints(None))` makes a case of the function below it, which takes a float32 tensor [None, 4] and an
int32 tensor [None].  What needs more (variables, tables, several signatures) is a `tf.Module` returned by a `@case`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from catalogue import Samples, case


def spec(dtype: str, *shape: int | None) -> tf.TensorSpec:
    return tf.TensorSpec(shape, dtype)


def floats(*shape: int | None) -> tf.TensorSpec:
    return spec("float32", *shape)


def ints(*shape: int | None) -> tf.TensorSpec:
    return spec("int32", *shape)


def strings(*shape: int | None) -> tf.TensorSpec:
    return spec("string", *shape)


def traced(*specs: Any, samples: Samples | None = None) -> Callable[[Callable[..., Any]], Any]:
    """Declare the function as a case: a `tf.function` with these inputs."""

    def declare(call: Callable[..., Any]) -> Any:
        def make() -> Any:
            return tf.function(call, input_signature=specs)

        make.__name__, make.__module__, make.__doc__ = call.__name__, call.__module__, call.__doc__
        return case(make, samples=samples)

    return declare


def weight(*shape: int, scale: float | None = None, name: str = "") -> Any:
    """Return float32 weights that keep the scale of what they are multiplied with; the same for the same arguments."""
    rng = np.random.default_rng(zlib.crc32(f"{name}{shape}".encode()))
    fan_in = int(np.prod(shape[:-1])) if len(shape) > 1 else 1
    return rng.normal(0.0, fan_in**-0.5 if scale is None else scale, shape).astype(np.float32)
