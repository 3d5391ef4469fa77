"""The operators of networks, called directly: convolutions, pools, losses, normalisation, quantisation."""

from __future__ import annotations

import tensorflow as tf
from catalogue import grid
from graphs import floats, ints, spec, traced, weight


def _conv1d(dilations=None, data=8, **options):
    @tf.function(input_signature=[floats(None, data, 3)])
    def call(x):
        return tf.nn.conv1d(x, weight(3, 3, 4), dilations=dilations, **options)

    return call


grid(
    globals(),
    "conv1d",
    _conv1d,
    {
        "same": {"stride": 1, "padding": "SAME"},
        "strided": {"stride": 2, "padding": "VALID"},
        "dilated": {"stride": 1, "padding": "SAME", "dilations": 2},
        "any_length": {"stride": 2, "padding": "SAME", "data": None},
    },
)


def _conv2d(kernel=(3, 3, 2, 4), **options):
    @tf.function(input_signature=[floats(None, 9, 8, 2)])
    def call(x):
        return tf.nn.conv2d(x, weight(*kernel), **options)

    return call


grid(
    globals(),
    "conv2d",
    _conv2d,
    {
        "same": {"strides": 1, "padding": "SAME"},
        "valid_strided": {"strides": [2, 3], "padding": "VALID"},
        "same_strided": {"strides": 2, "padding": "SAME"},
        "explicit_padding": {"strides": 1, "padding": [[0, 0], [2, 1], [0, 3], [0, 0]]},
        "dilated": {"strides": 1, "padding": "SAME", "dilations": [2, 3]},
        "even_kernel": {"kernel": (2, 4, 2, 3), "strides": 2, "padding": "SAME"},
        "pointwise": {"kernel": (1, 1, 2, 5), "strides": 1, "padding": "VALID"},
    },
)


@traced(floats(None, 6, 6, 4))
def conv2d_grouped(x):
    return tf.nn.conv2d(x, weight(3, 3, 2, 6), strides=1, padding="SAME")


@traced(floats(None, 5, 5, 2), floats(3, 3, 2, 3))
def conv2d_kernel_is_input(x, kernel):
    return tf.nn.conv2d(x, kernel, strides=1, padding="VALID")


@traced(floats(None, 5, 6, 6, 2))
def conv3d(x):
    return {
        "same": tf.nn.conv3d(x, weight(3, 3, 3, 2, 3), [1, 1, 1, 1, 1], "SAME"),
        "strided": tf.nn.conv3d(x, weight(2, 3, 3, 2, 3), [1, 2, 2, 2, 1], "VALID"),
    }


@traced(floats(None, 10, 10, 2))
def atrous_conv2d(x):
    return tf.nn.atrous_conv2d(x, weight(3, 3, 2, 3), rate=2, padding="VALID")


@traced(floats(None, 5, 6, 3))
def conv2d_transpose(x):
    batch = tf.shape(x)[0]
    return {
        "same": tf.nn.conv2d_transpose(x, weight(3, 3, 4, 3), tf.stack([batch, 10, 12, 4]), 2, "SAME"),
        "valid": tf.nn.conv2d_transpose(x, weight(3, 2, 4, 3), tf.stack([batch, 11, 12, 4]), 2, "VALID"),
    }


@traced(floats(None, 6, 3))
def conv1d_transpose(x):
    return tf.nn.conv1d_transpose(x, weight(4, 2, 3), tf.stack([tf.shape(x)[0], 12, 2]), 2, "SAME")


@traced(floats(2, 3, 4, 4, 2))
def conv3d_transpose(x):
    return tf.nn.conv3d_transpose(x, weight(2, 3, 3, 3, 2), [2, 6, 8, 8, 3], 2, "SAME")


@traced(floats(None, 7, 7, 3))
def depthwise(x):
    kernel = weight(3, 3, 3, 2)
    return {
        "same": tf.nn.depthwise_conv2d(x, kernel, [1, 1, 1, 1], "SAME"),
        "strided": tf.nn.depthwise_conv2d(x, kernel, [1, 2, 2, 1], "VALID"),
        "dilated": tf.nn.depthwise_conv2d(x, kernel, [1, 1, 1, 1], "VALID", dilations=[2, 2]),
    }


@traced(floats(None, 7, 7, 3))
def separable(x):
    return tf.nn.separable_conv2d(x, weight(3, 3, 3, 2), weight(1, 1, 6, 4), [1, 1, 1, 1], "SAME")


@traced(floats(None, 7, 8, 3))
def pools(x):
    return {
        "max": tf.nn.max_pool2d(x, 2, 2, "VALID"),
        "max_same": tf.nn.max_pool2d(x, 3, 2, "SAME"),
        "mean": tf.nn.avg_pool2d(x, [2, 3], [2, 1], "VALID"),
        "mean_same": tf.nn.avg_pool2d(x, 3, 2, "SAME"),
    }


@traced(floats(None, 9, 3))
def pools_1d(x):
    return tf.nn.max_pool1d(x, 3, 2, "SAME"), tf.nn.avg_pool1d(x, 2, 2, "VALID")


@traced(floats(None, 4, 6, 6, 2))
def pools_3d(x):
    return tf.nn.max_pool3d(x, 2, 2, "VALID"), tf.nn.avg_pool3d(x, 3, 2, "SAME")


@traced(floats(None, 9, 9, 2))
def pool_dilated(x):
    return tf.nn.pool(x, [2, 2], "MAX", padding="VALID", dilations=[2, 3])


@traced(floats(2, 6, 6, 2))
def max_pool_with_argmax(x):
    values, places = tf.nn.max_pool_with_argmax(x, 2, 2, "VALID")
    return {"values": values, "places": places}


@traced(floats(2, 4, 4, 3))
def unpooling(x):
    """What was pooled is put back where it came from."""
    values, places = tf.nn.max_pool_with_argmax(x, 2, 2, "VALID", include_batch_in_index=True)
    return tf.reshape(tf.scatter_nd(tf.reshape(places, [-1, 1]), tf.reshape(values, [-1]), [96]), [2, 4, 4, 3])


@traced(floats(None, 5, 5, 6))
def local_response_normalization(x):
    return tf.nn.local_response_normalization(x, depth_radius=2, bias=1.5, alpha=0.3, beta=0.6)


@traced(floats(None, 7, 7, 2))
def dilation_and_erosion(x):
    kernel = weight(3, 3, 2)
    return {
        "dilation": tf.nn.dilation2d(x, kernel, [1, 1, 1, 1], "SAME", "NHWC", [1, 1, 1, 1]),
        "erosion": tf.nn.erosion2d(x, kernel, [1, 1, 1, 1], "VALID", "NHWC", [1, 1, 1, 1]),
    }


@traced(floats(8, None, 5))
def ctc_greedy_decoder(logits):
    """Speech: the best path, blanks and repeats gone."""
    lengths = tf.fill([tf.shape(logits)[1]], 8)
    (decoded,), score = tf.nn.ctc_greedy_decoder(logits, lengths)
    return {"labels": tf.sparse.to_dense(decoded, default_value=-1), "score": score}


@traced(floats(None, 5), ints(None))
def losses(logits, labels):
    labels = labels % 5
    return {
        "sparse": tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits),
        "dense": tf.nn.softmax_cross_entropy_with_logits(tf.one_hot(labels, 5), logits),
        "sigmoid": tf.nn.sigmoid_cross_entropy_with_logits(tf.one_hot(labels, 5), logits),
        "l2": tf.nn.l2_loss(logits),
    }


@traced(floats(None, 4))
def weighted_and_poisson_losses(x):
    targets = tf.cast(x > 0.0, tf.float32)
    return tf.nn.weighted_cross_entropy_with_logits(targets, x, 2.0), tf.nn.log_poisson_loss(targets, x)


@traced(floats(None, 5, 5, 3))
def batch_normalization(x):
    mean, variance, offset, scale = weight(3), weight(3, name="v") ** 2 + 0.5, weight(3, name="o"), weight(3, name="s")
    return tf.nn.batch_normalization(x, mean, variance, offset, scale, 1e-3)


@traced(floats(None, 5, 5, 3))
def fused_batch_norm(x):
    return tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=weight(3),
        offset=weight(3, name="o"),
        mean=weight(3, name="m"),
        variance=weight(3, name="v") ** 2 + 0.5,
        epsilon=1e-3,
        is_training=False,
    )[0]


@traced(floats(4, 5, 5, 3))
def fused_batch_norm_training(x):
    """Normalised by the batch's own statistics."""
    result = tf.raw_ops.FusedBatchNormV3(
        x=x, scale=weight(3), offset=weight(3, name="o"), mean=[], variance=[], epsilon=1e-3, is_training=True
    )
    return {"y": result.y, "mean": result.batch_mean, "variance": result.batch_variance}


@traced(floats(None, 4, 6))
def moments(x):
    mean, variance = tf.nn.moments(x, axes=[1], keepdims=True)
    weighted, _ = tf.nn.weighted_moments(x, axes=[1], frequency_weights=tf.sigmoid(x))
    return {"normalized": (x - mean) * tf.math.rsqrt(variance + 1e-5), "weighted": weighted}


@traced(floats(None, 4, 4, 8))
def pixel_shuffle(x):
    return tf.nn.depth_to_space(tf.nn.conv2d(x, weight(1, 1, 8, 12), 1, "SAME"), 2)


@traced(ints(None, 5))
def embedding_lookup(ids):
    return tf.nn.embedding_lookup(weight(12, 4), ids, max_norm=1.0), tf.gather(weight(12, 3), ids)


@traced(floats(None, 6))
def dropout_off(x):
    return tf.nn.dropout(x, rate=0.0) @ weight(6, 3)


@traced(floats(None, 4))
def bias_and_activations(x):
    return tf.nn.relu(tf.nn.bias_add(x @ weight(4, 3), weight(3))), tf.nn.elu(tf.nn.bias_add(x, weight(4)))


def _fake_quant(build):
    return tf.function(build, input_signature=[floats(None, 4)])


grid(
    globals(),
    "fake_quant",
    lambda quantize: _fake_quant(quantize),
    {
        "args": {"quantize": lambda x: tf.quantization.fake_quant_with_min_max_args(x, -2.0, 3.0)},
        "vars": {"quantize": lambda x: tf.quantization.fake_quant_with_min_max_vars(x, -1.5, 1.5, num_bits=4)},
        "narrow": {"quantize": lambda x: tf.quantization.fake_quant_with_min_max_vars(x, -2.0, 2.0, narrow_range=True)},
        "per_channel": {
            "quantize": lambda x: tf.quantization.fake_quant_with_min_max_vars_per_channel(
                x, [-1.0, -2.0, -0.5, -3.0], [1.0, 1.0, 2.0, 3.0]
            )
        },
    },
)


@traced(floats(None, 6))
def quantize_and_dequantize(x):
    return {
        "given": tf.quantization.quantize_and_dequantize_v2(x, -2.0, 2.0, range_given=True),
        "own_range": tf.quantization.quantize_and_dequantize_v2(x, 0.0, 0.0, range_given=False, num_bits=6),
    }


@traced(floats(None, 6))
def quantize_to_bytes(x):
    quantized = tf.quantization.quantize(x, -3.0, 3.0, tf.quint8)
    return tf.quantization.dequantize(quantized.output, quantized.output_min, quantized.output_max)


@traced(floats(None, 4))
def quantized_by_hand(x):
    """An integer network: bytes, int32 sums, one scale at the end."""
    codes = tf.cast(tf.clip_by_value(tf.round(x * 32.0), -128.0, 127.0), tf.int8)
    kernel = tf.cast(tf.round(weight(4, 3) * 64.0), tf.int32)
    return tf.cast(tf.cast(codes, tf.int32) @ kernel, tf.float32) / 2048.0


@traced(spec("float16", None, 6, 6, 2))
def conv2d_half(x):
    return tf.nn.conv2d(x, tf.cast(weight(3, 3, 2, 3), tf.float16), 1, "SAME")


@traced(floats(None, 5))
def normalised_exponentials(x):
    """A softmax with a mask and a temperature."""
    masked = tf.where(tf.constant([True, True, False, True, False]), x / 0.7, -1e9)
    return tf.nn.softmax(masked), tf.math.log_softmax(x, axis=-1)
