"""Non-maximum suppression: ties, corners the wrong way round, empty boxes, more asked for than there are, soft and by class."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from shorthand import declare


def _boxes(*shape: int) -> Any:
    rng = np.random.default_rng(3)
    corner = rng.random((*shape, 2)) * 0.7
    boxes = np.concatenate([corner, corner + 0.05 + 0.4 * rng.random((*shape, 2))], axis=-1).astype(np.float32)
    boxes[..., 1, :] = boxes[..., 1, [2, 3, 0, 1]]
    boxes[..., 2, :] = boxes[..., 2, [0, 1, 0, 1]]
    return boxes


def _scores(*shape: int) -> Any:
    return np.round(np.random.default_rng(4).random(shape), 1).astype(np.float32)


BOXES, SCORES = _boxes(20), _scores(20)
PARAMETERS = {
    "few": (3, 0.3, 0.1),
    "many": (15, 0.5, 0.35),
    "more_than_there_are": (40, 0.2, 0.0),
    "none": (5, 0.5, 2.0),
}
for _name, (_most, _share, _lowest) in PARAMETERS.items():
    _values: dict[str, Any] = {"max_output_size": _most, "iou_threshold": _share, "score_threshold": _lowest}
    declare(
        "non-max-suppression-as-argmax",
        _name,
        lambda boxes, scores, values=_values: tf.raw_ops.NonMaxSuppressionV3(boxes=boxes, scores=scores, **values),
        BOXES,
        SCORES,
    )
    for _padded in (True, False):
        declare(
            "non-max-suppression-padded-as-argmax",
            f"{_name}_{_padded}",
            lambda boxes, scores, values=_values, padded=_padded: tf.raw_ops.NonMaxSuppressionV4(
                boxes=boxes, scores=scores, pad_to_max_output_size=padded, **values
            ),
            BOXES,
            SCORES,
            unknown=(0,) if _padded else (),
        )
        for _sigma in (0.0, 0.3):
            declare(
                "non-max-suppression-soft-as-argmax",
                f"{_name}_{_padded}_{_sigma}",
                lambda boxes, scores, values=_values, padded=_padded, sigma=_sigma: tf.raw_ops.NonMaxSuppressionV5(
                    boxes=boxes, scores=scores, pad_to_max_output_size=padded, soft_nms_sigma=sigma, **values
                ),
                BOXES,
                SCORES,
            )
declare(
    "non-max-suppression-as-argmax",
    "number_is_data",
    lambda boxes, scores, number: tf.raw_ops.NonMaxSuppressionV3(
        boxes=boxes, scores=scores, max_output_size=number[0], iou_threshold=0.4, score_threshold=-1.0
    ),
    BOXES,
    SCORES,
    np.array([7], np.int32),
)
declare(
    "non-max-suppression-as-argmax",
    "without_scores_bound",
    lambda boxes, scores: tf.raw_ops.NonMaxSuppressionV2(
        boxes=boxes, scores=scores, max_output_size=6, iou_threshold=0.4
    ),
    BOXES,
    SCORES - 5,
)

for _name, _kinds, _options in (
    ("shared", 1, {}),
    ("own", 3, {"clip_boxes": False}),
    ("padded_per_class", 1, {"pad_per_class": True}),
):
    for _each, _total in ((4, 6), (10, 40)):
        declare(
            "combined-non-max-suppression-as-argmax",
            f"{_name}_{_each}_{_total}",
            lambda boxes, scores, each=_each, total=_total, options=_options: list(
                tf.raw_ops.CombinedNonMaxSuppression(
                    boxes=boxes, scores=scores, max_output_size_per_class=each, max_total_size=total,
                    iou_threshold=0.4, score_threshold=0.2, **options,
                )
            ),
            np.swapaxes(np.stack([_boxes(_kinds, 12), 1.3 * _boxes(_kinds, 12)]), 1, 2),
            np.random.default_rng(5).random((2, 12, 3)).astype(np.float32),
        )  # fmt: skip
