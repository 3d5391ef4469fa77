"""Sums of products: Einsum as transposes, reshapes and one matrix product for each pair of operands.

Every equation that TensorFlow's op takes is said: ellipses that broadcast, labels repeated in an operand (diagonals) or in
the result (their inverse), labels that are summed, and more than two operands, though the op itself stops at two.
"""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from ..rules import Inapplicable, attribute
from .shapes import Size, largest, product, rank, reshaped, size, sizes

Operation = Any
Tensor = Any
Labels = str
Term = tuple[Tensor, Labels]
"""A tensor and a letter for each of its axes."""


def einsum(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Return what `Einsum` yields, as transposes, reshapes, products of matrices and sums."""
    operands, result, hidden = _labels(attribute(operation, "equation"), [rank(tensor) for tensor in inputs])
    terms = [_diagonal(tensor, labels) for tensor, labels in zip(inputs, operands, strict=True)]
    term = terms.pop(0)
    while terms:
        later = "".join(labels for _, labels in terms[1:])
        term = _contract(term, terms.pop(0), {*result, *later}, hidden)
    tensor, labels = _summed(*term, set(result))
    return _arranged(tensor, labels, result)


def _labels(equation: str, ranks: Sequence[int]) -> tuple[list[Labels], Labels, set[str]]:
    """Return a letter for each axis of each operand and of the result, and those letters that stand for ellipses."""
    terms, result = equation.replace(" ", "").split("->")
    free = [letter for letter in string.ascii_letters if letter not in equation]
    hidden: set[str] = set()
    operands = []
    for term, number in zip(terms.split(","), ranks, strict=True):
        named = term.replace("...", "")
        count = number - len(named) if "..." in term else 0
        if count < 0 or len(named) + count != number or count > len(free):
            raise Inapplicable(f"{equation!r} doesn't fit operands of ranks {list(ranks)}")
        # Ellipses are aligned at their last axis, as in broadcasting.
        letters = "".join(reversed(free[:count]))
        hidden.update(letters)
        operands.append(term.replace("...", letters))
    if hidden and "..." not in result:
        raise Inapplicable(f"{equation!r} sums over an ellipsis")
    return operands, result.replace("...", "".join(reversed(free[: len(hidden)]))), hidden


def _diagonal(tensor: Tensor, labels: Labels) -> Term:
    """Return the tensor with one axis for each label: the diagonal over axes of the same label."""
    while repeated := next((label for label in labels if labels.count(label) > 1), None):
        first = labels.index(repeated)
        second = labels.index(repeated, first + 1)
        others = [axis for axis in range(len(labels)) if axis not in (first, second)]
        tensor = _transposed(tensor, [*others, first, second])
        *outer, side, _ = sizes(tensor)
        flat = reshaped(tensor, [*outer, product([side, side])])
        tensor = tf.gather(flat, tf.range(side) * (side + 1), axis=-1)
        labels = "".join(labels[axis] for axis in others) + repeated
    return tensor, labels


def _summed(tensor: Tensor, labels: Labels, wanted: set[str]) -> Term:
    """Sum over the axes whose label nothing wants."""
    gone = [axis for axis, label in enumerate(labels) if label not in wanted]
    return (tf.reduce_sum(tensor, gone) if gone else tensor), "".join(label for label in labels if label in wanted)


def _contract(left: Term, right: Term, wanted: set[str], hidden: set[str]) -> Term:
    """Multiply two terms and sum over what nothing later wants: `[batch, rows, inner] @ [batch, inner, columns]`."""
    a, a_labels = _summed(*left, {*right[1], *wanted})
    b, b_labels = _summed(*right, {*left[1], *wanted})
    batch = [label for label in a_labels if label in b_labels and label in wanted]
    inner = [label for label in a_labels if label in b_labels and label not in wanted]
    rows = [label for label in a_labels if label not in b_labels]
    columns = [label for label in b_labels if label not in a_labels]
    found = _sizes_by_label((a, a_labels), (b, b_labels), hidden)

    def count(labels: Sequence[str]) -> Size:
        return product([found[label] for label in labels])

    a = _spread(_arranged(a, a_labels, [*batch, *rows, *inner]), [*batch, *rows, *inner], found, hidden)
    b = _spread(_arranged(b, b_labels, [*batch, *inner, *columns]), [*batch, *inner, *columns], found, hidden)
    outer = [count(batch)] if batch else []
    a = reshaped(a, [*outer, count(rows), count(inner)])
    b = reshaped(b, [*outer, count(inner), count(columns)])
    made = tf.matmul(a, b) if inner else a * b
    labels = [*batch, *rows, *columns]
    return reshaped(made, [found[label] for label in labels]), "".join(labels)


def _sizes_by_label(left: Term, right: Term, hidden: set[str]) -> dict[str, Size]:
    """Return the size behind each label: static where either term knows it, the larger of the two behind an ellipsis."""
    found: dict[str, Size] = {}
    for tensor, labels in (left, right):
        for axis, label in enumerate(labels):
            known = size(tensor, axis)
            if label not in found:
                found[label] = known
            elif label in hidden:
                found[label] = largest(found[label], known)
            elif isinstance(known, int):
                found[label] = known
    return found


def _spread(tensor: Tensor, labels: Sequence[str], found: Mapping[str, Size], hidden: set[str]) -> Tensor:
    """Broadcast along ellipses, unless the tensor is known to be as large as the other there."""
    shape = [found[label] for label in labels]
    pairs = zip(labels, tensor.shape.as_list(), shape, strict=True)
    if all(label not in hidden or (isinstance(wanted, int) and given == wanted) for label, given, wanted in pairs):
        return tensor
    return tf.broadcast_to(tensor, tf.stack(shape))


def _arranged(tensor: Tensor, labels: Sequence[str], wanted: Sequence[str]) -> Tensor:
    """Return the tensor with its axes in the order `wanted`; what is there again lies on the diagonal of both axes."""
    order = list(dict.fromkeys(wanted))
    tensor = _transposed(tensor, [list(labels).index(label) for label in order])
    for position, label in enumerate(wanted):
        if label in wanted[:position]:
            tensor = _on_diagonal(tensor, list(wanted).index(label), position)
    return tensor


def _on_diagonal(tensor: Tensor, first: int, second: int) -> Tensor:
    """Insert an axis `second` as long as `first`; where the two indices differ there is 0."""
    side = tf.range(size(tensor, first))
    axes = range(rank(tensor) + 1)
    down = tf.reshape(side, [-1 if axis == first else 1 for axis in axes])
    across = tf.reshape(side, [-1 if axis == second else 1 for axis in axes])
    return tf.where(tf.equal(down, across), tf.expand_dims(tensor, second), tf.zeros([], tensor.dtype))


def _transposed(tensor: Tensor, order: Sequence[int]) -> Tensor:
    return tensor if list(order) == list(range(len(order))) else tf.transpose(tensor, order)


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {"einsum-as-matmul": (("Einsum",), einsum)}
"""Rule → the ops that it is about, and what they become."""
