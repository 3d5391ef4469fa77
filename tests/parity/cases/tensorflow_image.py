"""Images: resizing, cropping, colours, geometry, boxes."""

from __future__ import annotations

import tensorflow as tf
from catalogue import grid
from graphs import floats, ints, spec, traced


def _resize(method, size=(7, 9), antialias=False):
    @tf.function(input_signature=[floats(None, 10, 8, 2)])
    def call(x):
        return tf.image.resize(x, size, method=method, antialias=antialias)

    return call


METHODS = ("bilinear", "nearest", "bicubic", "area", "lanczos3", "lanczos5", "gaussian", "mitchellcubic")
grid(globals(), "resize", _resize, {method: {"method": method} for method in METHODS})
grid(
    globals(),
    "resize",
    _resize,
    {
        "bilinear_up": {"method": "bilinear", "size": (20, 24)},
        "nearest_up": {"method": "nearest", "size": (20, 16)},
        "bicubic_up": {"method": "bicubic", "size": (15, 11)},
        "bilinear_antialias": {"method": "bilinear", "size": (5, 3), "antialias": True},
        "bicubic_antialias": {"method": "bicubic", "size": (5, 3), "antialias": True},
    },
)


def _resize_v1(operator, **options):
    @tf.function(input_signature=[floats(None, 6, 5, 2)])
    def call(x):
        return operator(images=x, size=[9, 8], **options)

    return call


grid(
    globals(),
    "resize_v1",
    _resize_v1,
    {
        "legacy": {"operator": tf.raw_ops.ResizeBilinear},
        "corners": {"operator": tf.raw_ops.ResizeBilinear, "align_corners": True},
        "nearest_corners": {"operator": tf.raw_ops.ResizeNearestNeighbor, "align_corners": True},
        "nearest_legacy": {"operator": tf.raw_ops.ResizeNearestNeighbor},
    },
)


@traced(spec("uint8", None, 6, 6, 3))
def resize_uint8(x):
    return tf.image.resize(x, [4, 4]), tf.image.resize(x, [9, 9], method="nearest")


@traced(floats(None, 10, 8, 3), ints(2))
def resize_to_input(x, size):
    return tf.image.resize(x, size % 5 + 4)


@traced(floats(None, 10, 6, 3))
def resize_with_pad(x):
    return tf.image.resize_with_pad(x, 8, 8), tf.image.resize(x, [6, 5], preserve_aspect_ratio=True)


@traced(floats(None, None, None, 3))
def resize_any_size(x):
    return tf.image.resize(x, [16, 16])


@traced(floats(None, 8, 8, 3))
def crops(x):
    return {
        "central": tf.image.central_crop(x, 0.5),
        "box": tf.image.crop_to_bounding_box(x, 1, 2, 5, 4),
        "padded": tf.image.pad_to_bounding_box(x, 1, 2, 12, 11),
        "either": tf.image.resize_with_crop_or_pad(x, 6, 10),
    }


def _crop_and_resize(method):
    @tf.function(input_signature=[floats(2, 8, 8, 2), floats(3, 4)])
    def call(x, boxes):
        corner, size = tf.sigmoid(boxes[:, :2]) * 0.5, 0.2 + tf.sigmoid(boxes[:, 2:])
        boxes = tf.concat([corner, corner + size], axis=1)
        return tf.image.crop_and_resize(x, boxes, [0, 1, 0], [4, 5], method=method, extrapolation_value=-1.0)

    return call


grid(globals(), "crop_and_resize", _crop_and_resize, {key: {"method": key} for key in ("bilinear", "nearest")})


@traced(floats(None, 8, 8, 2))
def extract_patches(x):
    return {
        "valid": tf.image.extract_patches(x, [1, 3, 3, 1], [1, 2, 2, 1], [1, 1, 1, 1], "VALID"),
        "same": tf.image.extract_patches(x, [1, 2, 3, 1], [1, 3, 3, 1], [1, 1, 2, 1], "SAME"),
    }


def _boxes_of(x):
    centers, sizes = tf.sigmoid(x[..., :2]), 0.3 + 0.2 * tf.sigmoid(x[..., 2:])
    return tf.concat([centers - sizes / 2, centers + sizes / 2], axis=-1)


@traced(floats(12, 4), floats(12))
def non_max_suppression(x, scores):
    return tf.image.non_max_suppression(_boxes_of(x), scores, 5, iou_threshold=0.3, score_threshold=-0.5)


@traced(floats(12, 4), floats(12))
def non_max_suppression_padded(x, scores):
    return tf.raw_ops.NonMaxSuppressionV4(
        boxes=_boxes_of(x),
        scores=scores,
        max_output_size=6,
        iou_threshold=0.4,
        score_threshold=0.0,
        pad_to_max_output_size=True,
    )


@traced(floats(12, 4), floats(12))
def non_max_suppression_soft(x, scores):
    return tf.image.non_max_suppression_with_scores(
        _boxes_of(x), tf.sigmoid(scores), 6, iou_threshold=1.0, score_threshold=0.05, soft_nms_sigma=0.5
    )


@traced(floats(None, 10, 4), floats(None, 10, 3))
def combined_non_max_suppression(x, scores):
    return tf.image.combined_non_max_suppression(
        _boxes_of(x)[:, :, None], tf.sigmoid(scores), 4, 6, iou_threshold=0.4, score_threshold=0.3
    )._asdict()


@traced(floats(12, 4), floats(12))
def detections_gathered(x, scores):
    """Boxes kept by suppression, padded to a fixed number."""
    boxes = _boxes_of(x)
    kept = tf.image.non_max_suppression(boxes, scores, 4, 0.5)
    return {"boxes": tf.pad(tf.gather(boxes, kept), [[0, 4 - tf.size(kept)], [0, 0]]), "count": tf.size(kept)}


@traced(floats(None, 4, 4, 3))
def hue_saturation_value(x):
    hsv = tf.image.rgb_to_hsv(tf.sigmoid(x))
    return {"hsv": hsv, "back": tf.image.hsv_to_rgb(hsv * [1.0, 0.5, 0.9])}


@traced(floats(None, 4, 4, 3))
def colour_spaces(x):
    x = tf.sigmoid(x)
    return {
        "gray": tf.image.rgb_to_grayscale(x),
        "yuv": tf.image.rgb_to_yuv(x),
        "yiq": tf.image.rgb_to_yiq(x),
        "rgb": tf.image.grayscale_to_rgb(x[..., :1]),
    }


@traced(floats(None, 4, 4, 3))
def adjustments(x):
    x = tf.sigmoid(x)
    return {
        "brightness": tf.image.adjust_brightness(x, 0.2),
        "contrast": tf.image.adjust_contrast(x, 1.7),
        "gamma": tf.image.adjust_gamma(x, 0.8, 1.2),
    }


@traced(floats(None, 4, 4, 3))
def hue_and_saturation_adjusted(x):
    x = tf.sigmoid(x)
    return tf.image.adjust_saturation(x, 0.5), tf.image.adjust_hue(x, 0.1)


@traced(floats(None, 4, 5, 3))
def flips_and_turns(x):
    return {
        "left_right": tf.image.flip_left_right(x),
        "up_down": tf.image.flip_up_down(x),
        "turned": tf.image.rot90(x),
        "thrice": tf.image.rot90(x, k=3),
        "transposed": tf.image.transpose(x),
    }


@traced(floats(2, 8, 8, 3), floats(2, 2, 4))
def draw_boxes(x, boxes):
    return tf.image.draw_bounding_boxes(tf.sigmoid(x), _boxes_of(boxes), [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])


@traced(floats(None, 6, 6, 2))
def edges(x):
    dy, dx = tf.image.image_gradients(x)
    return {"sobel": tf.image.sobel_edges(x), "dy": dy, "dx": dx, "variation": tf.image.total_variation(x)}


@traced(floats(None, 16, 16, 1), floats(None, 16, 16, 1))
def similarity(a, b):
    a, b = tf.sigmoid(a), tf.sigmoid(b)
    return {"ssim": tf.image.ssim(a, b, 1.0, filter_size=5), "psnr": tf.image.psnr(a, b, 1.0)}


@traced(floats(None, 6, 6, 3))
def standardized(x):
    return tf.image.per_image_standardization(x * 3.0 + 1.0)


@traced(spec("uint8", None, 8, 8, 3))
def preprocess_uint8(x):
    """From a camera's bytes to what a network takes."""
    x = tf.image.resize(tf.image.convert_image_dtype(x, tf.float32), [6, 6])
    return (x - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]


@traced(floats(None, 8, 8, 2), floats(None, 6))
def affine_transform(x, change):
    """Bilinear sampling by a transform that is data."""
    identity = tf.constant([1.0, 0.0, 0.0, 0.0, 1.0, 0.0])
    transforms = tf.pad(identity + 0.1 * change, [[0, 0], [0, 2]])
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=x, transforms=transforms, output_shape=[8, 8], fill_value=0.0, interpolation="BILINEAR"
    )


@traced(floats(1, 6, 6, 2), floats(1, 6, 6, 2))
def grid_sample(x, flow):
    """Optical flow's backward warp, written with gathers."""
    rows, columns = tf.meshgrid(tf.range(6.0), tf.range(6.0), indexing="ij")
    at = tf.clip_by_value(tf.stack([rows, columns], axis=-1) + flow[0], 0.0, 4.999)
    low = tf.floor(at)
    part = at - low
    r, c = tf.unstack(tf.cast(low, tf.int32), axis=-1)

    def pick(dr, dc):
        return tf.gather_nd(x[0], tf.stack([r + dr, c + dc], axis=-1))

    top = pick(0, 0) * (1.0 - part[..., 1:]) + pick(0, 1) * part[..., 1:]
    bottom = pick(1, 0) * (1.0 - part[..., 1:]) + pick(1, 1) * part[..., 1:]
    return (top * (1.0 - part[..., :1]) + bottom * part[..., :1])[None]
