"""Stateless random numbers, bit by bit as TensorFlow's Philox generator draws them.

Words of 32 bits are tensors `[…, 32]` of 0 and 1 in float32, the lowest bit first, which any runtime computes with exactly: an
exclusive or is a distance, a product with a constant a matrix product and four carries.

J. K. Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (2011); tensorflow/core/lib/random/philox_random.h and
random_distributions.h.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..rules import Inapplicable, value_of
from .shapes import product, reshaped, vector

Operation = Any
Tensor = Any
Word = Any
"""A tensor `[…, 32]` of bits."""

BITS = 32
LIMB = 16
PHILOX, AUTOMATIC = 1, 3
ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
STEPS = (0x9E3779B9, 0xBB67AE85)
"""What is added to the two words of the key in each round."""
SCRAMBLING = (0x3EC8F720, 0x02461E29)
"""The key with which a seed becomes key and counter."""
WORDS = 4
"""Of a counter, and of what is drawn at a time."""
MOST = 2**30
"""Integers below it can be doubled in int32."""
POWERS = (2.0 ** np.arange(BITS)).astype(np.float32)


# Words.


def _limbs(word: Word) -> list[Tensor]:
    """Return the lower and the upper half of words as numbers."""
    powers = POWERS[:LIMB]
    return [tf.reduce_sum(half * powers, -1) for half in (word[..., :LIMB], word[..., LIMB:])]


def _word(limbs: Sequence[Tensor]) -> Word:
    """Return the words of two halves, each a number from 0 to 2¹⁶ − 1."""
    shifted = tf.floor(tf.stack(list(limbs), -1)[..., None] / (2.0 ** np.arange(LIMB + 1)).astype(np.float32))
    bits = shifted[..., :LIMB] - 2 * shifted[..., 1:]
    return tf.concat([bits[..., 0, :], bits[..., 1, :]], -1)


def _carried(sums: Sequence[Tensor]) -> list[Tensor]:
    """Return sums of halves as halves, what is beyond each handed on to the next; beyond the last it is lost."""
    made, carry = [], None
    for total in sums:
        whole = total if carry is None else total + carry
        carry = tf.floor(whole / 2.0**LIMB)
        made.append(whole - carry * 2.0**LIMB)
    return made


def _constant(number: int) -> Any:
    return np.array([number >> place & 1 for place in range(BITS)], np.float32)


def _multiplied(word: Word, number: int) -> tuple[Word, Word]:
    """Return the upper and the lower word of products with a constant."""
    shifted = [[(number << place) >> (LIMB * limb) & 0xFFFF for limb in range(4)] for place in range(BITS)]
    sums = tf.tensordot(word, np.array(shifted, np.float32), 1)  # each at most 32 · 65535: exact
    limbs = _carried([sums[..., limb] for limb in range(4)])
    return _word(limbs[2:]), _word(limbs[:2])


def _added(word: Word, number: Any) -> Word:
    """Return the sum of words and a constant, or other words."""
    other = _limbs(tf.constant(_constant(number)) if isinstance(number, int) else number)
    return _word(_carried([a + b for a, b in zip(_limbs(word), other, strict=True)]))


def _either(*words: Word) -> Word:
    """Exclusive or."""
    made = words[0]
    for word in words[1:]:
        made = tf.abs(made - word)
    return made


def _stepped(word: Word | int, step: int) -> Word | int:
    return (word + step) % 2**BITS if isinstance(word, int) else _added(word, step)


def philox(counter: Sequence[Word], key: Sequence[Word | int]) -> list[Word]:
    """Return four words of random bits for each counter of four words; a key may be known.

    A known one is computed here, where it takes no operation.
    """
    words, stepped = list(counter), list(key)
    for turn in range(ROUNDS):
        if turn:
            stepped = [_stepped(word, step) for word, step in zip(stepped, STEPS, strict=True)]
        keys = [_constant(word) if isinstance(word, int) else word for word in stepped]
        (high0, low0), (high1, low1) = (_multiplied(words[2 * i], MULTIPLIERS[i]) for i in range(2))
        words = [_either(high1, words[1], keys[0]), low1, _either(high0, words[3], keys[1]), low0]
    return words


# Seeds, keys and counters.


def _integers_as_words(numbers: Tensor) -> list[Word]:
    """Return the lower and the upper words of integers, int64 or int32 (whose upper word is their sign)."""
    limbs, rest, count = [], numbers, numbers.dtype.size // 2
    for place in range(count):
        # What is left has no lower bits: float32 holds its 16.
        last = place == count - 1
        limb = rest if last else tf.math.floormod(rest, 2 ** (LIMB * (place + 1)))
        value = tf.cast(limb, tf.float32) * 2.0 ** (-LIMB * place)
        limbs.append(tf.where(value < 0, value + 2.0**LIMB, value))
        rest = rest - limb
    sign = tf.cast(numbers < 0, tf.float32) * (2.0**LIMB - 1)
    limbs += [sign] * (4 - count)
    return [_word(limbs[:2]), _word(limbs[2:])]


def _key_and_counter(operation: Operation) -> tuple[list[Word], list[Word]]:
    """Return the words of an operation's key and counter, from the integers that they are made of."""
    _, key, counter, algorithm, *_ = operation.inputs
    if (known := value_of(algorithm)) is None or int(known) not in (PHILOX, AUTOMATIC):
        raise Inapplicable(f"its algorithm is {known}, and not Philox")
    if key.op.type == counter.op.type == "StatelessRandomGetKeyCounter":
        return _scrambled(key.op.inputs[0])
    keys = _integers_as_words(_bits_of(key))
    counters = _integers_as_words(_bits_of(counter))
    return [word[0] for word in keys], [counters[part][index] for index in range(2) for part in range(2)]


def _scrambled(seed: Tensor) -> tuple[list[Word], list[Word]]:
    low, high = _integers_as_words(seed)
    counter = [low[0], high[0], low[1], high[1]]
    mixed = philox(counter, SCRAMBLING)
    zero = tf.zeros([BITS])
    return mixed[:2], [zero, zero, *mixed[2:]]


def _bits_of(tensor: Tensor) -> Tensor:
    """Return the signed integers that an unsigned tensor was made of: no runtime has unsigned ones of 64 bits."""
    if tensor.op.type != "Bitcast" or tensor.op.inputs[0].dtype != tf.int64:
        raise Inapplicable("its key and counter are not made of a seed or of a generator's state")
    return tensor.op.inputs[0]


def _drawn(operation: Operation, number: Any) -> Word:
    """Return at least `number` words of random bits, `[N, 32]`, drawn four at a time."""
    key, counter = _key_and_counter(operation)
    groups = (number + WORDS - 1) // WORDS
    places = _integers_as_words(tf.range(groups))[0]
    first = _limbs(counter[0])
    sums = _carried([a + b for a, b in zip(_limbs(places), first, strict=True)])
    # The count of groups is added to 128 bits; a carry goes on from word to word.
    carry = tf.floor((_limbs(places)[1] + first[1] + tf.floor((_limbs(places)[0] + first[0]) / 2.0**LIMB)) / 2.0**LIMB)
    words = [_word(sums)]
    for word in counter[1:]:
        low, high = _limbs(word)
        limbs = [low + carry, high + tf.zeros_like(carry)]
        carry = tf.floor((limbs[1] + tf.floor(limbs[0] / 2.0**LIMB)) / 2.0**LIMB)
        words.append(_word(_carried(limbs)))
    return tf.reshape(tf.stack(philox(words, key), 1), [-1, BITS])


# Distributions.


def _shape_of(operation: Operation) -> tuple[list[Any], Any]:
    rank = operation.inputs[0].shape[0]
    if rank is None or operation.outputs[0].dtype not in (tf.float32, tf.int32):
        raise Inapplicable("its rank is unknown, or its numbers are of another width")
    dims = vector(operation.inputs[0], rank)
    return dims, product(dims)


def _fractions(words: Word) -> Tensor:
    """Return the numbers from 0 to 1 whose mantissa the lower 23 bits are."""
    return tf.reduce_sum(words[..., :23] * (2.0 ** np.arange(-23, 0)).astype(np.float32), -1)


def uniform(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`StatelessRandomUniformV2`."""
    dims, number = _shape_of(operation)
    return reshaped(_fractions(_drawn(operation, number))[:number], dims)


def normal(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`StatelessRandomNormalV2`, by the method of Box and Muller: two numbers of two."""
    dims, number = _shape_of(operation)
    pairs = tf.reshape(_fractions(_drawn(operation, number)), [-1, 2])
    length = tf.sqrt(-2 * tf.math.log(tf.maximum(pairs[:, 0], 1e-7)))
    angle = 2 * math.pi * pairs[:, 1]
    made = tf.stack([tf.sin(angle) * length, tf.cos(angle) * length], 1)
    return reshaped(tf.reshape(made, [-1])[:number], dims)


def uniform_integers(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`StatelessRandomUniformIntV2`: the rest of 32 random bits, divided by how many integers there are."""
    dims, number = _shape_of(operation)
    low, high = value_of(inputs[4]), value_of(inputs[5])
    if low is None or high is None or not 0 < int(high) - int(low) < MOST:
        raise Inapplicable(f"its integers are from {low} to {high}, and not fewer than 2³⁰ known ones")
    count = int(high) - int(low)
    words = tf.cast(_drawn(operation, number)[:number], tf.int32)
    rest = tf.zeros_like(words[:, 0])
    for place in reversed(range(BITS)):
        doubled = rest + rest + words[:, place]
        rest = tf.where(doubled >= count, doubled - count, doubled)
    return reshaped(rest + int(low), dims)


def whole_integers(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`StatelessRandomUniformFullIntV2`: 32 random bits as they are, the last one the sign."""
    dims, number = _shape_of(operation)
    low, high = (tf.cast(limb, tf.int32) for limb in _limbs(_drawn(operation, number)[:number]))
    signed = tf.where(high >= 2 ** (LIMB - 1), high - 2**LIMB, high)
    return reshaped(signed * 2**LIMB + low, dims)


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "stateless-uniform-as-bits": (("StatelessRandomUniformV2",), uniform),
    "stateless-normal-as-bits": (("StatelessRandomNormalV2",), normal),
    "stateless-integers-as-bits": (("StatelessRandomUniformIntV2",), uniform_integers),
    "stateless-whole-integers-as-bits": (("StatelessRandomUniformFullIntV2",), whole_integers),
}
"""Rule → the ops that it is about, and what they become."""
