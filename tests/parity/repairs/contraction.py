"""Sums of products: ellipses that broadcast, labels repeated, summed and left alone, sizes unknown until the model runs."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from shorthand import declare, drawn

for _equation, _shapes in {
    "ij,jk->ik": [(3, 4), (4, 5)],
    "bhqd,bhkd->bhqk": [(2, 3, 4, 5), (2, 3, 6, 5)],
    "bqhd,bkhd->bhqk": [(2, 4, 3, 5), (2, 6, 3, 5)],
    "i,j->ij": [(3,), (4,)],
    "i,i->": [(3,), (3,)],
    "ij,kj->k": [(3, 4), (5, 4)],
    "...ij,...jk->...ik": [(2, 1, 3, 4), (5, 4, 2)],
    "i...,...->i...": [(2, 3), (3,)],
    "...ab->...ba": [(2, 3, 4)],
    "iij->ji": [(3, 3, 2)],
    "ii->": [(3, 3)],
    "i->ii": [(3,)],
    "abc->b": [(2, 3, 4)],
}.items():
    for _unknown in ((), (0,), (0, 1, 2, 3)):
        declare(
            "einsum-as-matmul",
            f"{_equation}_{len(_unknown)}_unknown",
            lambda *tensors, equation=_equation: tf.raw_ops.Einsum(inputs=list(tensors), equation=equation),
            *(drawn(*shape, seed=number) for number, shape in enumerate(_shapes)),
            unknown=_unknown,
        )
declare(
    "einsum-as-matmul",
    "double",
    lambda x, y: tf.einsum("bij,bjk->bik", x, y),
    drawn(2, 3, 4, dtype=np.float64),
    drawn(2, 4, 5, dtype=np.float64),
)
