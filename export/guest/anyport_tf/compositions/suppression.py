"""Non-maximum suppression: one box after the other by argmax, in a loop or, for a few, written out.

All variants are one: rows of boxes `[R, N]` (images and classes apart), of each of which at most `most` are chosen.  The
best of what is left is chosen, and the scores of the others fall: to nothing for those that overlap it beyond the
threshold, or, under soft suppression, all of them by a Gaussian of the overlap.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from ..rules import Inapplicable, attribute
from .shapes import Size, fixed, product, rank, reshaped, size, sizes, smallest
from .static import known

Operation = Any
Tensor = Any

WRITTEN_OUT = 8
"""So many choices are written one after the other; more make a loop."""

GONE = float("-inf")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Overlap:
    """Boxes, each of four tensors `[R, N]`, and what overlapping does."""

    sides: Sequence[Tensor]
    """Top, left, bottom, right, in order whichever corners were given."""
    areas: Tensor
    threshold: Any
    sigma: Any = None
    """Of soft suppression's Gaussian; None for hard suppression."""

    def left_of(self, scores: Tensor, chosen: Tensor) -> Tensor:
        """Return the scores when the boxes `chosen` (a mask `[R, N]`, one a row) are."""
        share = self._share(chosen)
        beyond = share > self.threshold
        if self.sigma is not None:
            # At sigma 0 suppression is hard, and the quotient not used; else the threshold is not used.
            soft = self.sigma > 0
            scale = -0.5 / tf.where(soft, self.sigma, tf.ones_like(self.sigma))
            scores = tf.where(soft, scores * tf.exp(scale * share * share), scores)
            beyond = tf.logical_and(beyond, tf.logical_not(soft))
        return tf.where(tf.logical_or(beyond, chosen), tf.constant(GONE, scores.dtype), scores)

    def _share(self, chosen: Tensor) -> Tensor:
        """Return intersection over union of all boxes with the one chosen in their row."""

        def of(values: Tensor) -> Tensor:
            return tf.reduce_sum(tf.where(chosen, values, tf.zeros([], values.dtype)), 1, keepdims=True)

        top, left, bottom, right = self.sides
        height = tf.minimum(bottom, of(bottom)) - tf.maximum(top, of(top))
        width = tf.minimum(right, of(right)) - tf.maximum(left, of(left))
        common = tf.maximum(height, 0.0) * tf.maximum(width, 0.0)
        area = of(self.areas)
        union = self.areas + area - common
        empty = tf.logical_or(self.areas <= 0, area <= 0)
        return tf.where(empty, 0.0, common / tf.where(empty, 1.0, union))


def overlap(boxes: Tensor, threshold: Any, sigma: Any = None) -> Overlap:
    """Return boxes `[R, N, 4]` (two corners, y before x) ready to be compared."""
    y1, x1, y2, x2 = tf.unstack(tf.cast(boxes, tf.float32), 4, axis=2)
    top, left, bottom, right = tf.minimum(y1, y2), tf.minimum(x1, x2), tf.maximum(y1, y2), tf.maximum(x1, x2)
    areas = (bottom - top) * (right - left)
    return Overlap(sides=(top, left, bottom, right), areas=areas, threshold=threshold, sigma=sigma)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chosen:
    """What was chosen, best first: `[R, most]` places and scores, and how many `[R]`; 0 behind these."""

    places: Tensor
    scores: Tensor
    counts: Tensor


def choose(boxes: Overlap, scores: Tensor, lowest: Any, most: Size) -> Chosen:
    """Choose up to `most` boxes of each row; none with a score of `lowest` or below."""
    rows, number = sizes(scores)
    left = tf.where(scores > lowest, scores, tf.constant(GONE, scores.dtype))

    def best(left: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        place = tf.argmax(left, axis=1, output_type=tf.int32)[:, None]
        score = tf.reduce_max(left, axis=1, keepdims=True)
        found = score > lowest
        mask = tf.logical_and(tf.equal(tf.range(number), place), found)
        return place, score, found, boxes.left_of(left, mask)

    if isinstance(most, int) and most <= WRITTEN_OUT:
        made = []
        for _ in range(most):
            place, score, found, left = best(left)
            made.append((tf.where(found, place, 0), tf.where(found, score, 0.0), tf.cast(found, tf.int32)))
        places, values, finds = (tf.concat(list(parts), axis=1) for parts in zip(*made, strict=True))
        return Chosen(places=places, scores=values, counts=tf.reduce_sum(finds, axis=1))

    def step(index: Tensor, left: Tensor, places: Tensor, values: Tensor, counts: Tensor) -> tuple[Tensor, ...]:
        place, score, found, left = best(left)
        here = tf.logical_and(tf.equal(tf.range(most), index), found)
        counts = counts + tf.cast(found, tf.int32)[:, 0]
        return index + 1, left, tf.where(here, place, places), tf.where(here, score, values), counts

    empty = tf.zeros(tf.stack([rows, most]), tf.int32)
    state = (tf.constant(0), left, empty, tf.cast(empty, scores.dtype), tf.zeros(tf.stack([rows]), tf.int32))
    _, _, places, values, counts = tf.while_loop(lambda index, *_: index < most, step, state)
    return Chosen(places=places, scores=values, counts=counts)


def _most(tensor: Tensor) -> Size:
    value = known(tensor)
    return tf.maximum(tensor, 0) if value is None else max(int(value), 0)


def _one_image(operation: Operation, inputs: Sequence[Tensor], sigma: Any = None) -> tuple[Chosen, Size]:
    """Return what is chosen of the boxes of one image, and the number asked for."""
    boxes, scores, wanted, *thresholds = inputs
    most = _most(wanted)
    if isinstance(most, int) and most == 0:
        raise Inapplicable("it chooses nothing")
    share = thresholds[0] if thresholds else attribute(operation, "iou_threshold")
    lowest = tf.cast(thresholds[1], tf.float32) if len(thresholds) > 1 else tf.constant(float("-inf"))
    bounds = overlap(boxes[None], tf.cast(share, tf.float32), sigma)
    return choose(bounds, tf.cast(scores, tf.float32)[None], lowest, smallest(most, size(scores, 0))), most


def suppressed(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """Return the places of the boxes chosen, as many as there are."""
    chosen, _ = _one_image(operation, inputs)
    return chosen.places[0, : chosen.counts[0]]


def suppressed_padded(operation: Operation, inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
    """Return the places of the boxes chosen, padded with 0 if asked for, and how many they are."""
    chosen, most = _one_image(operation, inputs)
    return _given(operation, chosen.places[0], chosen, most), tf.reshape(chosen.counts, [])


def suppressed_softly(operation: Operation, inputs: Sequence[Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Return places and scores of the boxes chosen, both padded if asked for, and how many they are."""
    *others, sigma = inputs
    chosen, most = _one_image(operation, others, tf.cast(sigma, tf.float32))
    places, scores = (_given(operation, values[0], chosen, most) for values in (chosen.places, chosen.scores))
    return places, tf.cast(scores, operation.outputs[1].dtype), tf.reshape(chosen.counts, [])


def _given(operation: Operation, values: Tensor, chosen: Chosen, most: Size) -> Tensor:
    if not attribute(operation, "pad_to_max_output_size"):
        return values[: chosen.counts[0]]
    there = size(values, 0)
    if isinstance(most, int) and isinstance(there, int):
        return tf.pad(values, [[0, most - there]]) if most > there else values
    return tf.pad(values, tf.stack([tf.stack([0, most - there])]))


def combined(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """Boxes of many images and classes: suppressed class by class, then the best of all classes."""
    boxes, scores, each, total, share, lowest = inputs
    batch, number, kinds, _ = sizes(boxes)
    classes = fixed(scores, 2)
    most, wanted = _most(each), _most(total)
    if not isinstance(most, int) or not isinstance(wanted, int):
        raise Inapplicable("how many boxes it chooses is not constant")
    by_class = _rows(tf.transpose(boxes, [0, 2, 1, 3]), batch, classes, number, kinds)
    rows = reshaped(tf.transpose(scores, [0, 2, 1]), [product([batch, classes]), number])
    chosen = choose(overlap(by_class, share), rows, lowest, smallest(most, number))
    return _best_of_classes(operation, chosen, by_class, (batch, classes, number, wanted), most)


def _rows(boxes: Tensor, batch: Size, classes: int, number: Size, kinds: Size) -> Tensor:
    """Return `[batch · classes, number, 4]`, where all classes may share their boxes (`kinds` is 1)."""
    if isinstance(kinds, int) and kinds == 1 and classes > 1:
        boxes = tf.tile(boxes, [1, classes, 1, 1])
    return reshaped(boxes, [product([batch, classes]), number, 4])


def _best_of_classes(operation: Operation, chosen: Chosen, boxes: Tensor, shape: Any, most: int) -> list[Tensor]:
    """Return boxes, scores, classes and counts of each image's best, padded to the number asked for."""
    batch, classes, number, wanted = shape
    if attribute(operation, "pad_per_class"):
        wanted = min(wanted, most * classes)
    found = size(chosen.places, 1)
    there = tf.range(found) < chosen.counts[:, None]
    firsts = (tf.range(size(chosen.counts, 0)) * number)[:, None]
    columns = product([classes, found])
    places = reshaped(chosen.places + firsts, [product([batch, columns])])
    ranked = reshaped(tf.where(there, chosen.scores, tf.constant(GONE)), [batch, columns])
    kept = smallest(wanted, columns)
    values, order = tf.math.top_k(ranked, k=kept)
    flat = order + (tf.range(batch) * columns)[:, None]
    picked = tf.gather(reshaped(boxes, [product([batch, classes, number]), 4]), tf.gather(places, flat))
    if attribute(operation, "clip_boxes"):
        picked = tf.clip_by_value(picked, 0.0, 1.0)
    real = values > GONE
    kinds = tf.cast(order // found, tf.float32)
    outputs = [tf.where(real[..., None], picked, 0.0), tf.where(real, values, 0.0), tf.where(real, kinds, 0.0)]
    counts = tf.reduce_sum(tf.cast(real, tf.int32), axis=1)
    missing = wanted - kept
    if not isinstance(missing, int) or missing > 0:
        outputs = [tf.pad(value, [[0, 0], [0, missing], [0, 0]][: rank(value)]) for value in outputs]
    return [*outputs, counts]


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "non-max-suppression-as-argmax": (
        ("NonMaxSuppression", "NonMaxSuppressionV2", "NonMaxSuppressionV3"),
        suppressed,
    ),
    "non-max-suppression-padded-as-argmax": (("NonMaxSuppressionV4",), suppressed_padded),
    "non-max-suppression-soft-as-argmax": (("NonMaxSuppressionV5",), suppressed_softly),
    "combined-non-max-suppression-as-argmax": (("CombinedNonMaxSuppression",), combined),
}
"""Rule → the ops that it is about, and what they become."""
