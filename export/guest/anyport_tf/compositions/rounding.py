"""Casts to narrow floats as a rounding in float32, for targets that have no narrow floats."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from ..precision import MOVING
from ..rules import Inapplicable, attribute

Operation = Any
Tensor = Any

SPLITTERS = {tf.float16: 2.0**13 + 1, tf.bfloat16: 2.0**16 + 1}
"""Dtype → what splits off the bits that it doesn't hold.

T. J. Dekker, A floating-point technique for extending the available precision (1971)."""
LARGEST = 2.0**100
"""Beyond it the product with the splitter may overflow; such numbers of bfloat16 stay as they are."""


def narrow_cast(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Return the nearest number of the narrow dtype, which a cast keeps: its upper bits, subnormals and infinity."""
    dtype = operation.outputs[0].dtype
    if dtype not in SPLITTERS or attribute(operation, "Truncate"):
        raise Inapplicable("it rounds nothing to a narrow float")
    x = tf.cast(inputs[0], tf.float32)
    wide = x * SPLITTERS[dtype]
    made = wide - (wide - x)
    if dtype == tf.float16:
        # Floats about 0.75 are multiples of 2⁻²⁴, the step of the subnormals.
        made = tf.where(tf.abs(x) < 2.0**-14, (x + 0.75) - 0.75, made)
        made = tf.where(tf.abs(x) < 65520.0, made, x * float("inf"))
    else:
        made = tf.where(tf.abs(x) < LARGEST, made, x)
    return tf.raw_ops.Cast(x=made, DstT=dtype, Truncate=True)  # marked as one that rounds nothing


def rounds_what_comes_in(operation: Operation) -> bool:
    """Whether a cast rounds an input, a weight or a constant: parity holds a target to what every one starts from."""
    source, dtype = operation.inputs[0].dtype, operation.outputs[0].dtype
    if dtype not in SPLITTERS or source not in (tf.float32, tf.float64) or attribute(operation, "Truncate"):
        return False
    waiting, seen = [operation.inputs[0].op], set()
    while waiting:
        found = waiting.pop()
        if found.type not in MOVING:
            return False
        if found.name not in seen:
            seen.add(found.name)
            waiting += [tensor.op for tensor in found.inputs]
    return True


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "narrow-cast-as-rounding": (("Cast",), narrow_cast),
}
"""Rule → the ops that it is about, and what they become."""
