"""Diagonals of matrices, one or a band of them: taken, set, or all that a matrix has; by gathers at computed places.

A band from the diagonal `lower` to `upper` is packed as TensorFlow packs it: a row for each diagonal, the uppermost first,
shorter ones padded on the side that `align` says.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..rules import Inapplicable, attribute
from .shapes import Size, largest, product, rank, reshaped, sizes, smallest

Operation = Any
Tensor = Any


@dataclasses.dataclass(frozen=True)
class Band:
    """Diagonals of a matrix `[rows, columns]`."""

    rows: Size
    columns: Size
    lower: int
    upper: int
    align: str

    @property
    def count(self) -> int:
        """The number of diagonals."""
        return self.upper - self.lower + 1

    @property
    def length(self) -> Size:
        """The length of the longest."""
        return smallest(self.rows + min(self.upper, 0), self.columns - max(self.lower, 0))

    def start(self, diagonal: Any) -> Any:
        """Return where the diagonals (numbers, or a tensor of them) begin in their rows."""
        above, below = (side == "RIGHT" for side in self.align.split("_"))
        length = tf.minimum(self.rows + tf.minimum(diagonal, 0), self.columns - tf.maximum(diagonal, 0))
        rest = self.length - length
        at_right = tf.where(diagonal >= 0, above, below) if above != below else tf.fill(tf.shape(diagonal), above)
        return tf.where(at_right, rest, tf.zeros_like(rest))

    def elements(self) -> tuple[Tensor, Tensor]:
        """Return, for each place `[count, length]` of the packed band, its place in the flat matrix, and whether it has one."""
        diagonal = tf.constant(np.arange(self.upper, self.lower - 1, -1), tf.int32)[:, tf.newaxis]
        position = tf.range(self.length)[tf.newaxis, :] - self.start(diagonal)
        row, column = position - tf.minimum(diagonal, 0), position + tf.maximum(diagonal, 0)
        there = tf.logical_and(position >= 0, tf.logical_and(row < self.rows, column < self.columns))
        return tf.where(there, row * self.columns + column, tf.zeros_like(row)), there

    def places(self) -> tuple[Tensor, Tensor]:
        """Return, for each element `[rows, columns]`, its place in the flat packed band, and whether it is on the band."""
        row, column = tf.range(self.rows)[:, tf.newaxis], tf.range(self.columns)[tf.newaxis, :]
        diagonal = column - row
        there = tf.logical_and(diagonal <= self.upper, diagonal >= self.lower)
        clamped = tf.clip_by_value(diagonal, self.lower, self.upper)
        place = (self.upper - clamped) * self.length + tf.minimum(row, column) + self.start(clamped)
        return tf.where(there, place, tf.zeros_like(place)), there


def _band(operation: Operation, k: Tensor | None, rows: Size, columns: Size) -> Band:
    bounds = (0,) if k is None else tf.get_static_value(k)
    if bounds is None:
        raise Inapplicable("which diagonals isn't constant")
    lower, *rest = (int(bound) for bound in np.reshape(bounds, [-1]))
    upper = rest[0] if rest else lower
    return Band(rows, columns, lower, upper, attribute(operation, "align", "RIGHT_LEFT"))


def diag_part(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`MatrixDiagPart` of all versions."""
    value = inputs[0]
    *outer, rows, columns = sizes(value)
    band = _band(operation, inputs[1] if len(inputs) > 1 else None, rows, columns)
    flat = reshaped(value, [*outer, product([rows, columns])])
    places, there = band.elements()
    found = tf.gather(flat, tf.reshape(places, [-1]), axis=-1)
    if band.count == 1:
        return found
    padding = inputs[2] if len(inputs) > 2 else tf.zeros([], value.dtype)
    return tf.where(there, reshaped(found, [*outer, band.count, band.length]), padding)


def diag(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`MatrixDiag` of all versions."""
    value = inputs[0]
    band = _band(operation, inputs[1] if len(inputs) > 1 else None, 0, 0)
    length = sizes(value)[-1]
    least = [length - min(band.upper, 0), length + max(band.lower, 0)]
    rows, columns = _shape(inputs, least)
    band = dataclasses.replace(band, rows=rows, columns=columns)
    padding = inputs[4] if len(inputs) > 4 else tf.zeros([], value.dtype)
    return _spread(band, value, padding)


def _shape(inputs: Sequence[Tensor], least: Sequence[Size]) -> tuple[Size, Size]:
    asked = [-1, -1] if len(inputs) < 4 else [tf.get_static_value(size) for size in inputs[2:4]]
    if None in asked:
        raise Inapplicable("the size of the matrix isn't constant")
    if asked[0] < 0 and asked[1] < 0:
        side = largest(*least)
        return side, side
    return tuple(int(size) if size >= 0 else own for size, own in zip(asked, least, strict=True))  # type: ignore[return-value]


def _spread(band: Band, packed: Tensor, otherwise: Tensor) -> Tensor:
    """Return the matrices with the packed band on them, and something else beside it."""
    outer = sizes(packed)[: -1 if band.count == 1 else -2]
    flat = reshaped(packed, [*outer, product(sizes(packed)[len(outer) :])])
    places, there = band.places()
    found = tf.gather(flat, tf.reshape(places, [-1]), axis=-1)
    return tf.where(there, reshaped(found, [*outer, band.rows, band.columns]), otherwise)


def set_diag(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`MatrixSetDiag` of all versions."""
    value, packed = inputs[:2]
    rows, columns = sizes(value)[-2:]
    return _spread(_band(operation, inputs[2] if len(inputs) > 2 else None, rows, columns), packed, value)


def tensor_diag(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`Diag`: a tensor on the diagonal of one of twice its rank."""
    value = inputs[0]
    lengths = sizes(value)
    count = product(lengths)
    side = tf.range(count)
    on = tf.equal(side[:, tf.newaxis], side[tf.newaxis, :])
    matrix = tf.where(on, tf.reshape(value, [-1])[tf.newaxis, :], tf.zeros([], value.dtype))
    return reshaped(matrix, [*lengths, *lengths])


def tensor_diag_part(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`DiagPart`: the diagonal of a tensor of even rank."""
    value = inputs[0]
    lengths = sizes(value)[: rank(value) // 2]
    count = product(lengths)
    flat = tf.reshape(value, [-1])
    return reshaped(tf.gather(flat, tf.range(count) * (count + 1)), lengths)


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "diag-part-as-gather": (("MatrixDiagPart", "MatrixDiagPartV2", "MatrixDiagPartV3"), diag_part),
    "matrix-diag-as-gather": (("MatrixDiag", "MatrixDiagV2", "MatrixDiagV3"), diag),
    "set-diag-as-gather": (("MatrixSetDiag", "MatrixSetDiagV2", "MatrixSetDiagV3"), set_diag),
    "tensor-diag-as-where": (("Diag",), tensor_diag),
    "tensor-diag-part-as-gather": (("DiagPart",), tensor_diag_part),
}
"""Rule → the ops that it is about, and what they become."""
