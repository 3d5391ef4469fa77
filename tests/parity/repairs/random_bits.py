"""Examples of random numbers drawn bit by bit (`anyport_tf.compositions.random_bits`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from examples import example
from shorthand import declare

random = tf.random

SEEDS = {
    "small": np.int32([3, 7]),
    "negative": np.int32([-5, 2**31 - 1]),
    "wide": np.int64([2**40 + 12345, -(2**50)]),
    "zero": np.int32([0, 0]),
}
FULL = {"minval": None, "maxval": None, "dtype": tf.int32}

for _name, _seed in SEEDS.items():
    declare(
        "stateless-uniform-as-bits",
        f"{_name}_seed",
        lambda seed: random.stateless_uniform([3, 7], seed),
        _seed,
        unknown=(),
    )
    declare(
        "stateless-normal-as-bits",
        f"{_name}_seed",
        lambda seed: random.stateless_normal([5, 3], seed),
        _seed,
        unknown=(),
    )
    declare(
        "stateless-integers-as-bits",
        f"{_name}_seed",
        lambda seed: random.stateless_uniform([33], seed, -20, 2**29, tf.int32),
        _seed,
        unknown=(),
    )
    declare(
        "stateless-whole-integers-as-bits",
        f"{_name}_seed",
        lambda seed: random.stateless_uniform([2, 9], seed, **FULL),
        _seed,
        unknown=(),
    )
declare(
    "stateless-normal-as-bits",
    "as_many_as_there_are",
    lambda seed, x: random.stateless_normal(tf.shape(x), tf.cast(seed, tf.int32)) + x,
    np.float32([1, 2]),
    np.zeros(6, np.float32),
)


def _generator(state: list[int]) -> tf.random.Generator:
    return random.Generator.from_state(np.array(state, np.int64), alg="philox")


def _drawing(name: str, rules: str, state: list[int], draw: Callable[[Any], Any]) -> None:
    """Declare an example of what a generator with that state draws."""

    def make() -> tuple[Any, list[Any]]:
        generator = _generator(state)

        @tf.function(input_signature=[tf.TensorSpec([3])])
        def function(x: Any) -> Any:
            return x + draw(generator)

        return function, [np.zeros(3, np.float32)]

    make.__name__ = name
    example(*rules.split())(make)


for _name, _state in {
    "counts_up": [3, 5, 7],
    "counter_carries": [-1, 2**63 - 1, -9],
    "half_carries": [2**32 - 1, -1, 1],
}.items():
    _drawing(_name, "stateless-normal-as-bits", _state, lambda generator: generator.normal([3]))
    _drawing(
        _name, "stateless-uniform-as-bits rng-read-and-skip-as-assign", _state, lambda generator: generator.uniform([3])
    )
