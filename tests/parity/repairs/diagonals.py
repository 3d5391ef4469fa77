"""Diagonals: one, a band, of matrices that are not square, aligned to either side, with something beside them."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from shorthand import declare, drawn

BANDS = ((0, 0), (1, 1), (-2, -2), (-1, 2))

for _align in ("RIGHT_LEFT", "LEFT_LEFT"):
    for _k in BANDS:
        _count = _k[1] - _k[0] + 1
        _length = min(4 + min(_k[1], 0), 5 - max(_k[0], 0))
        _packed = drawn(2, _length) if _count == 1 else drawn(2, _count, _length)
        _name = f"from_{_k[0]}_to_{_k[1]}_{_align}"
        declare(
            "diag-part-as-gather",
            _name,
            lambda x, k=_k, align=_align: tf.linalg.diag_part(x, k=k, padding_value=7, align=align),
            drawn(2, 4, 5),
            unknown=(0, 1),
        )
        declare(
            "matrix-diag-as-gather",
            _name,
            lambda x, k=_k, align=_align: tf.linalg.diag(x, k=k, num_rows=4, num_cols=5, padding_value=7, align=align),
            _packed,
        )
        declare(
            "set-diag-as-gather",
            _name,
            lambda x, y, k=_k, align=_align: tf.linalg.set_diag(x, y, k=k, align=align),
            drawn(2, 4, 5),
            _packed,
            # With an open batch, TensorFlow infers a rank too many of a band.
            unknown=(0,) if _count == 1 else (),
        )

declare("matrix-diag-as-gather", "square", tf.linalg.diag, drawn(2, 3), unknown=(0, 1))
declare("matrix-diag-as-gather", "first_version", lambda x: tf.raw_ops.MatrixDiag(diagonal=x), drawn(2, 3))
declare("diag-part-as-gather", "first_version", lambda x: tf.raw_ops.MatrixDiagPart(input=x), drawn(2, 4, 3))
declare(
    "set-diag-as-gather",
    "first_version",
    lambda x, y: tf.raw_ops.MatrixSetDiag(input=x, diagonal=y),
    drawn(2, 4, 3),
    drawn(2, 3),
)
declare("tensor-diag-as-where", "vector", tf.linalg.tensor_diag, drawn(4))
declare("tensor-diag-as-where", "matrix", tf.linalg.tensor_diag, np.arange(6, dtype=np.int32).reshape(2, 3))
declare("tensor-diag-part-as-gather", "matrix", tf.linalg.tensor_diag_part, drawn(4, 4), unknown=())
declare("tensor-diag-part-as-gather", "of_rank_4", tf.linalg.tensor_diag_part, drawn(2, 3, 2, 3), unknown=())
