"""Lookups in tables whose entries are known: as a search among constants.

No target but TensorFlow has tables from any integer to anything; all of them gather, compare and select.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..rules import Inapplicable, table_of, value_of

Operation = Any
Tensor = Any


def search(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """A lookup by integers as a binary search, in ⌈log₂ entries⌉ rounds; what isn't found is the default."""
    handle, wanted, default = inputs
    table = table_of(handle)
    if table is None or table[0].dtype.kind not in "iu":
        raise Inapplicable("its keys aren't known integers")
    keys, values = table
    if not len(keys):
        return tf.fill(tf.shape(wanted), default)
    position = tf.zeros_like(wanted, tf.int32)
    step = 1 << max(len(keys) - 1, 1).bit_length() - 1
    while step:
        following = tf.minimum(position + step, len(keys) - 1)
        position = tf.where(tf.gather(keys, following) <= wanted, following, position)
        step //= 2
    found = tf.equal(tf.gather(keys, position), wanted)
    known = value_of(default)
    if known is None:
        return tf.where(found, tf.gather(values, position), default)
    # The default is one more entry: strings can be gathered where they can't be chosen from two.
    entries = np.concatenate(
        [np.asarray(values).astype(object) if values.dtype.kind == "S" else values, known.reshape(1)]
    )
    return tf.gather(tf.constant(entries, default.dtype), tf.where(found, position, len(keys)))


def size(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """The number of entries as a constant."""
    table = table_of(inputs[0])
    if table is None:
        raise Inapplicable("its entries aren't known")
    return tf.constant(len(table[0]), tf.int64)


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "integer-lookup-as-search": (("LookupTableFind", "LookupTableFindV2"), search),
    "table-size-as-constant": (("LookupTableSize", "LookupTableSizeV2"), size),
}
"""Rule → the ops that it is about, and what they become."""
