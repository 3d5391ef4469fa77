"""Whole models: how they are built and nested, what they take and return, and the architectures people export."""

from __future__ import annotations

import tempfile
from typing import Any

import keras
import numpy as np
from catalogue import case, grid, seeded
from keras import layers, ops


def _x(*shape: int | None, name: str = "x", **options: Any) -> Any:
    keras.utils.set_random_seed(0)
    return keras.Input(shape, name=name, **options)


def _called(model: Any, *arguments: Any, **named: Any) -> Any:
    """Return a subclassed model, built by a call on these arrays, its weights drawn."""
    model(*arguments, **named)
    return seeded(model)


def _zeros(*shape: int, dtype: str = "float32") -> Any:
    return np.zeros(shape, dtype)


# How models are built


@case
def sequential() -> Any:
    keras.utils.set_random_seed(0)
    return seeded(keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="relu"), layers.Dense(3)]))


@case
def sequential_built_late() -> Any:
    """No `Input`: the shape comes with `build`."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([layers.Dense(8, activation="tanh"), layers.Dense(3)])
    model.build((None, 6))
    return seeded(model)


@case
def sequential_of_sequentials() -> Any:
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential([layers.Dense(6, activation="relu"), layers.Dense(2)], name="encoder")
    decoder = keras.Sequential([layers.Dense(6, activation="relu"), layers.Dense(5)], name="decoder")
    return seeded(keras.Sequential([keras.Input((5,)), encoder, decoder]))


@case
def operators_on_tensors() -> Any:
    """A functional model out of Python operators and `keras.ops`, without layers between."""
    x, y = _x(4), _x(4, name="y")
    z = ops.tanh(x * 2.0 - y) + x[:, ::-1] / (ops.abs(y) + 1.0)
    return keras.Model([x, y], [z, ops.mean(z, axis=-1, keepdims=True), ops.concatenate([x, z], axis=-1)])


class _Residual(layers.Layer):
    """A layer that makes its own layers in `build`."""

    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.units = units

    def build(self, shape: Any) -> None:
        self.inner = layers.Dense(self.units, activation="gelu", name="inner")
        self.outer = layers.Dense(shape[-1], name="outer")
        self.inner.build(shape)
        self.outer.build((*shape[:-1], self.units))
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")

    def call(self, x: Any) -> Any:
        return x + self.scale * self.outer(self.inner(x))


@case
def custom_layers() -> Any:
    x = _x(None, 6)
    return seeded(keras.Model(x, _Residual(8, name="second")(_Residual(4, name="first")(x))))


class _Classifier(keras.Model):
    def __init__(self) -> None:
        super().__init__(name="classifier")
        self.body = [layers.Dense(8, activation="relu"), layers.Dropout(0.5), layers.Dense(8, activation="relu")]
        self.head = layers.Dense(3, name="head")

    def call(self, x: Any, training: bool = False) -> Any:
        for layer in self.body:
            x = layer(x, training=training) if isinstance(layer, layers.Dropout) else layer(x)
        return {"logits": self.head(x), "features": x}


@case
def subclassed() -> Any:
    keras.utils.set_random_seed(0)
    return _called(_Classifier(), _zeros(1, 5))


class _Two(keras.Model):
    def __init__(self) -> None:
        super().__init__(name="two")
        self.embedding, self.dense = layers.Embedding(20, 4), layers.Dense(3)

    def build(self, tokens_shape: Any, weights_shape: Any, scale_shape: Any = None) -> None:
        """Without this Keras would know the shape of the first argument alone."""
        self.embedding.build(tokens_shape)
        self.dense.build((tokens_shape[0], 4))

    def call(self, tokens: Any, weights: Any, scale: Any = None) -> Any:
        pooled = ops.sum(self.embedding(tokens) * ops.expand_dims(weights, -1), axis=1)
        return self.dense(pooled if scale is None else pooled * scale)


@case
def subclassed_with_two_arguments() -> Any:
    """An optional third argument is left out, as it was when the model was built."""
    keras.utils.set_random_seed(0)
    return _called(_Two(), _zeros(1, 6, dtype="int32"), _zeros(1, 6))


@case
def subclassed_with_three_arguments() -> Any:
    keras.utils.set_random_seed(0)
    return _called(_Two(), _zeros(1, 6, dtype="int32"), _zeros(1, 6), scale=_zeros(1, 4))


class _OfDict(keras.Model):
    def __init__(self) -> None:
        super().__init__(name="of_dict")
        self.dense = layers.Dense(4)

    def call(self, inputs: Any) -> Any:
        left, right = inputs["left"], inputs["right"]
        return {"sum": self.dense(left) + right, "parts": (ops.tanh(left), [ops.exp(right)])}


@case
def subclassed_on_a_dict() -> Any:
    keras.utils.set_random_seed(0)
    return _called(_OfDict(), {"left": _zeros(1, 3), "right": _zeros(1, 4)})


@case
def subclassed_with_stated_specs() -> Any:
    """The inputs' dtypes and shapes are stated beside the model."""
    import tensorflow as tf

    keras.utils.set_random_seed(0)
    model = _Two()
    model(_zeros(1, 6, dtype="int32"), _zeros(1, 6))
    return seeded(model), {"tokens": tf.TensorSpec((None, None), tf.int32), "weights": tf.TensorSpec((None, None))}


class _Wrapping(layers.Wrapper):
    """Runs the layer it wraps on the input and on its mirror image."""

    def call(self, x: Any) -> Any:
        return self.layer(x) + ops.flip(self.layer(ops.flip(x, axis=1)), axis=1)


@case
def custom_wrapper() -> Any:
    x = _x(7, 3)
    return seeded(keras.Model(x, _Wrapping(layers.Conv1D(4, 3, padding="causal"))(x)))


class _Doubling(layers.Layer):
    """Doubles each tensor until its sum is large: a loop whose length the data say."""

    def call(self, x: Any) -> Any:
        start = ops.exp(x)
        return ops.while_loop(lambda y: ops.sum(y) < 1000.0, lambda y: (y * 2.0,), (start,))[0]


@case
def layer_with_a_while_loop() -> Any:
    x = _x(4)
    return seeded(keras.Model(x, _Doubling()(layers.Dense(3)(x))))


@case
def layer_of_a_saved_model() -> Any:
    """`TFSMLayer`: a SavedModel as a layer between others."""
    inner = seeded(keras.Sequential([_x(4, name="inner"), layers.Dense(5, activation="tanh")]))
    with tempfile.TemporaryDirectory() as folder:
        inner.export(folder, verbose=False)
        layer = layers.TFSMLayer(folder, call_endpoint="serve")
        x = _x(4)
        return keras.Model(x, layer(x) * 2.0)


# What models take and return


def _paired(left: Any, right: Any) -> Any:
    return layers.Dense(3, name="dense")(layers.Concatenate()([left, ops.tanh(right)]))


@case
def inputs_in_a_list() -> Any:
    x, y = _x(4), _x(2, name="y")
    return seeded(keras.Model([x, y], _paired(x, y)))


@case
def inputs_in_a_dict() -> Any:
    x, y = _x(4, name="any"), _x(2, name="other")
    return seeded(keras.Model({"left": x, "right": y}, {"score": _paired(x, y), "right": ops.exp(y)}))


@case
def inputs_nested() -> Any:
    x, y, z = _x(4), _x(2, name="y"), _x(3, name="z")
    outputs = {"a": [_paired(x, y), z * 2.0], "b": {"c": (y + 1.0, x - 1.0)}}
    return seeded(keras.Model({"pair": [x, {"deep": y}], "single": z}, outputs))


@case
def inputs_of_one_element() -> Any:
    """A list of one input, and a list of one output."""
    x = _x(4)
    return seeded(keras.Model([x], [layers.Dense(2)(x)]))


@case
def inputs_without_names() -> Any:
    keras.utils.set_random_seed(0)
    x, y = keras.Input((4,)), keras.Input((2,))
    return seeded(keras.Model([x, y], _paired(x, y)))


@case
def input_names_of_other_letters() -> Any:
    x, y = _x(4, name="größe-1.0"), _x(2, name="class")
    return seeded(keras.Model([x, y], _paired(x, y)))


@case
def input_not_used() -> Any:
    x, y = _x(4), _x(2, name="y")
    return seeded(keras.Model([x, y], layers.Dense(3)(x)))


class _MaybeAdd(layers.Layer):
    def call(self, x: Any, extra: Any = None) -> Any:
        return x if extra is None else x + 2.0 * extra


@case
def input_optional() -> Any:
    """An input that a caller may leave out; an artifact takes it."""
    x, extra = _x(4), _x(4, name="extra", optional=True)
    return seeded(keras.Model([x, extra], layers.Dense(3)(_MaybeAdd()(x, extra))))


@case
def input_optional_in_a_dict() -> Any:
    x, extra = _x(4), _x(4, name="extra", optional=True)
    return seeded(keras.Model({"x": x, "extra": extra}, layers.Dense(3)(_MaybeAdd()(x, extra))))


@case
def output_is_an_input() -> Any:
    x = _x(4)
    return seeded(keras.Model(x, [x, layers.Dense(3)(x)]))


@case
def output_twice() -> Any:
    x = _x(4)
    y = layers.Dense(3)(x)
    return seeded(keras.Model(x, {"first": y, "second": y, "third": ops.relu(y)}))


@case
def output_constant() -> Any:
    """One output that no input changes: anchors, labels."""
    x = _x(4)

    class Anchors(layers.Layer):
        def call(self, x: Any) -> Any:
            return layers.Identity()(x) * 3.0, ops.reshape(ops.arange(6, dtype="float32"), (2, 3))

    return keras.Model(x, Anchors()(x))


@case
def outputs_of_several_dtypes() -> Any:
    x = _x(5)
    logits = layers.Dense(4, name="logits")(x)
    best = ops.argmax(logits, axis=-1)
    return seeded(keras.Model(x, {"logits": logits, "class": best, "sure": ops.max(logits, axis=-1) > 0.5}))


@case
def output_of_every_layer() -> Any:
    """A feature extractor: what each layer of another model makes."""
    x = _x(8, 8, 3)
    y = layers.Conv2D(4, 3, activation="relu", name="first")(x)
    y = layers.MaxPooling2D(name="second")(y)
    model = keras.Model(x, layers.Dense(3, name="last")(layers.Flatten(name="third")(y)))
    return seeded(keras.Model(model.inputs, [layer.output for layer in model.layers[1:]]))


@case
def scalars_per_row() -> Any:
    """Input and output of rank 1: one number a row."""
    x = _x()
    return keras.Model(x, ops.sin(x) * 2.0)


grid(
    globals(),
    "shape",
    lambda shape: seeded(
        keras.Model(
            x := keras.Input(batch_shape=shape, name="x"),
            layers.Conv2D(5, 3, padding="same", activation="relu")(x),
        )
    ),
    {
        "fixed": {"shape": (2, 8, 8, 3)},
        "batch": {"shape": (None, 8, 8, 3)},
        "image": {"shape": (1, None, None, 3)},
        "everything": {"shape": (None, None, None, 3)},
        "width": {"shape": (None, 8, None, 3)},
    },
)


@case
def time_dynamic() -> Any:
    x = _x(None, 4)
    return seeded(keras.Model(x, [layers.GRU(5, return_sequences=True)(x), layers.GlobalMaxPooling1D()(x)]))


@case
def model_shared() -> Any:
    """Siamese: one encoder, two inputs, and the distance of what it makes of them."""
    keras.utils.set_random_seed(0)
    encoder = keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="relu"), layers.Dense(4)], name="encoder")
    x, y = _x(6), _x(6, name="y")
    a, b = encoder(x), encoder(y)
    distance = ops.sqrt(ops.sum(ops.square(a - b), axis=-1, keepdims=True) + 1e-6)
    return seeded(keras.Model([x, y], [distance, layers.Dot(1, normalize=True)([a, b])]))


@case
def model_nested() -> Any:
    """A functional model with two outputs inside another, called twice."""
    inner_x = _x(4, name="inner")
    hidden = layers.Dense(4, activation="tanh")(inner_x)
    inner = keras.Model(inner_x, [hidden, layers.Dense(4)(hidden)], name="inner_model")
    x = _x(4)
    first, second = inner(x)
    third, fourth = inner(second)
    return seeded(keras.Model(x, [layers.Add()([first, third]), fourth]))


@case
def batch_norm_frozen() -> Any:
    x = _x(6)
    y = layers.BatchNormalization(trainable=False)(layers.Dense(5, use_bias=False)(x))
    return seeded(keras.Model(x, layers.Dropout(0.5)(y)))


# Convolutional architectures


def _conv(x: Any, filters: int, size: int = 3, strides: int = 1, activation: str | None = "relu") -> Any:
    x = layers.Conv2D(filters, size, strides=strides, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.Activation(activation)(x) if activation else x


@case
def residual_network() -> Any:
    x = _x(16, 16, 3)
    y = _conv(x, 8)
    for filters, strides in ((8, 1), (12, 2)):
        shortcut = y if strides == 1 else _conv(y, filters, 1, strides, None)
        y = layers.ReLU()(layers.Add()([_conv(_conv(y, filters, strides=strides), filters, activation=None), shortcut]))
    return seeded(keras.Model(x, layers.Dense(5)(layers.GlobalAveragePooling2D()(y))))


@case
def inception_block() -> Any:
    x = _x(12, 12, 4)
    branches = [
        _conv(x, 4, 1),
        _conv(_conv(x, 4, 1), 6, 3),
        layers.Conv2D(4, (1, 7), padding="same")(layers.Conv2D(4, (7, 1), padding="same")(x)),
        _conv(layers.AveragePooling2D(3, strides=1, padding="same")(x), 4, 1),
    ]
    return seeded(keras.Model(x, layers.Concatenate()(branches)))


@case
def squeeze_and_excite() -> Any:
    """An inverted residual with a gate on its channels."""
    x = _x(12, 12, 4)
    y = _conv(x, 16, 1, activation="swish")
    y = layers.DepthwiseConv2D(3, padding="same", use_bias=False)(y)
    y = layers.Activation("hard_silu")(layers.BatchNormalization()(y))
    gate = layers.GlobalAveragePooling2D(keepdims=True)(y)
    gate = layers.Conv2D(16, 1, activation="hard_sigmoid")(layers.Conv2D(4, 1, activation="relu")(gate))
    return seeded(keras.Model(x, layers.Add()([x, _conv(y * gate, 4, 1, activation=None)])))


@case
def dense_block() -> Any:
    x = _x(8, 8, 4)
    y = x
    for _ in range(3):
        new = layers.Conv2D(4, 3, padding="same")(layers.ReLU()(layers.BatchNormalization()(y)))
        y = layers.Concatenate()([y, new])
    return seeded(keras.Model(x, layers.AveragePooling2D(2)(layers.Conv2D(6, 1)(y))))


@case
def u_net() -> Any:
    """Segmentation of images of any size."""
    x = _x(None, None, 3)
    skips, y = [], x
    for filters in (4, 8):
        skips.append(y := _conv(y, filters))
        y = layers.MaxPooling2D()(y)
    y = _conv(y, 12)
    for filters, skip in ((8, skips[1]), (4, skips[0])):
        y = layers.Conv2DTranspose(filters, 2, strides=2)(y)
        y = _conv(layers.Concatenate()([y, skip]), filters)
    return seeded(keras.Model(x, layers.Conv2D(3, 1, activation="softmax", name="mask")(y)))


@case
def feature_pyramid() -> Any:
    x = _x(16, 16, 3)
    levels = [y := _conv(x, 6, strides=2)]
    levels.append(_conv(y, 8, strides=2))
    top = layers.Conv2D(5, 1)(levels[1])
    down = layers.Add()([layers.UpSampling2D(2)(top), layers.Conv2D(5, 1)(levels[0])])
    return seeded(keras.Model(x, {"p2": layers.Conv2D(5, 3, padding="same")(down), "p3": top}))


@case
def super_resolution() -> Any:
    """Sub-pixel convolution: what `depth_to_space` is for."""
    x = _x(None, None, 1)
    y = layers.Conv2D(8, 5, padding="same", activation="relu")(x)
    y = layers.Conv2D(4, 3, padding="same")(y)

    class Shuffle(layers.Layer):
        def call(self, x: Any) -> Any:
            return ops.depth_to_space(x, 2)

    return seeded(keras.Model(x, ops.clip(Shuffle()(y) + layers.UpSampling2D(2)(x), -1.0, 1.0)))


@case
def autoencoder() -> Any:
    x = _x(16, 16, 1)
    y = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(x)
    code = layers.Dense(6, name="code")(layers.Flatten()(y))
    y = layers.Reshape((8, 8, 2))(layers.Dense(128, activation="relu")(code))
    return seeded(
        keras.Model(x, [layers.Conv2DTranspose(1, 3, strides=2, padding="same", activation="sigmoid")(y), code])
    )


@case
def gan_generator() -> Any:
    x = _x(10, name="noise")
    y = layers.Dense(4 * 4 * 8, use_bias=False)(x)
    y = layers.Reshape((4, 4, 8))(layers.LeakyReLU(0.2)(layers.BatchNormalization()(y)))
    for filters in (6, 4):
        y = layers.Conv2DTranspose(filters, 4, strides=2, padding="same", use_bias=False)(y)
        y = layers.LeakyReLU(0.2)(layers.BatchNormalization()(y))
    return seeded(keras.Model(x, layers.Conv2D(3, 5, padding="same", activation="tanh")(y)))


@case
def gan_discriminator() -> Any:
    x = _x(16, 16, 3)
    y = layers.LeakyReLU(0.2)(layers.SpectralNormalization(layers.Conv2D(4, 4, strides=2, padding="same"))(x))
    y = layers.Dropout(0.3)(layers.LeakyReLU(0.2)(layers.Conv2D(8, 4, strides=2, padding="same")(y)))
    return seeded(keras.Model(x, layers.Dense(1)(layers.Flatten()(y))))


class _Sampling(layers.Layer):
    """The mean in inference, a sample around it in training."""

    def call(self, mean: Any, logarithm: Any, training: bool = False) -> Any:
        if not training:
            return mean
        return mean + ops.exp(0.5 * logarithm) * keras.random.normal(ops.shape(mean))


@case
def variational_autoencoder() -> Any:
    x = _x(8)
    hidden = layers.Dense(6, activation="relu")(x)
    mean, logarithm = layers.Dense(3, name="mean")(hidden), layers.Dense(3, name="log_variance")(hidden)
    code = _Sampling(name="code")(mean, logarithm)
    decoded = layers.Dense(8, activation="sigmoid", name="decoded")(layers.Dense(6, activation="relu")(code))
    return seeded(keras.Model(x, {"mean": mean, "log_variance": logarithm, "decoded": decoded}))


class _NonMaxSuppression(layers.Layer):
    """The five best boxes of each image that overlap little: TensorFlow's own operator."""

    def call(self, boxes: Any, scores: Any) -> Any:
        import tensorflow as tf

        found = tf.image.combined_non_max_suppression(
            boxes[:, :, None],
            scores,
            max_output_size_per_class=3,
            max_total_size=5,
            iou_threshold=0.4,
            score_threshold=0.9,
        )
        return {"boxes": found[0], "scores": found[1], "classes": found[2], "count": found[3]}

    def compute_output_spec(self, boxes: Any, scores: Any) -> Any:
        batch = boxes.shape[0]
        return {
            "boxes": keras.KerasTensor((batch, 5, 4)),
            "scores": keras.KerasTensor((batch, 5)),
            "classes": keras.KerasTensor((batch, 5)),
            "count": keras.KerasTensor((batch,), dtype="int32"),
        }


def _detections(shape: tuple[int | None, ...]) -> tuple[Any, Any, Any]:
    """Return an image, and boxes and scores on its 16 cells."""
    x = keras.Input(batch_shape=shape, name="x")
    y = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(x)
    y = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(y)
    offsets = layers.Reshape((16, 4))(layers.Conv2D(4, 1, name="offsets")(y))
    logits = layers.Reshape((16, 2))(layers.Conv2D(2, 1, name="classes")(y))
    scores = ops.sigmoid(4.0 * (logits - ops.mean(logits, axis=1, keepdims=True)))
    centres = np.stack(np.meshgrid(np.arange(4), np.arange(4), indexing="ij"), -1).reshape(1, 16, 2).astype("float32")
    centre, size = (ops.sigmoid(offsets[..., :2]) + centres) / 4, ops.exp(ops.tanh(offsets[..., 2:])) * 0.3
    return x, ops.concatenate([centre - size / 2, centre + size / 2], axis=-1), scores


@case
def detector() -> Any:
    """Boxes and scores of a grid, suppressed class by class."""
    keras.utils.set_random_seed(0)
    x, boxes, scores = _detections((None, 16, 16, 3))
    return seeded(keras.Model(x, _NonMaxSuppression()(boxes, scores)))


class _BestBoxes(layers.Layer):
    """The best boxes of one image, as many as there are: an output whose length the data say."""

    def call(self, boxes: Any, scores: Any) -> Any:
        import tensorflow as tf

        kept = tf.image.non_max_suppression(boxes, scores, max_output_size=6, iou_threshold=0.3, score_threshold=0.4)
        return tf.gather(boxes, kept), tf.gather(scores, kept)

    def compute_output_spec(self, boxes: Any, scores: Any) -> Any:
        return keras.KerasTensor((None, 4)), keras.KerasTensor((None,))


@case
def detector_of_one_image() -> Any:
    keras.utils.set_random_seed(0)
    x, boxes, scores = _detections((1, 16, 16, 3))
    return seeded(keras.Model(x, _BestBoxes()(boxes[0], ops.max(scores[0], axis=-1))))


# Attention


def _attended(x: Any, heads: int = 2, size: int = 4, context: Any = None, **options: Any) -> Any:
    attention = layers.MultiHeadAttention(heads, size)
    y = attention(layers.LayerNormalization()(x), x if context is None else context, **options)
    return layers.Add()([x, y])


def _fed_forward(x: Any) -> Any:
    y = layers.Dense(12, activation="gelu")(layers.LayerNormalization()(x))
    return layers.Add()([x, layers.Dense(x.shape[-1])(y)])


class _Positions(layers.Layer):
    """Adds a learned vector for each position, as many as the input is long."""

    def build(self, shape: Any) -> None:
        self.table = self.add_weight(shape=(64, shape[-1]), name="table")

    def call(self, x: Any) -> Any:
        return x + self.table[: ops.shape(x)[1]]

    def compute_mask(self, x: Any, mask: Any = None) -> Any:
        return mask


@case
def transformer_encoder() -> Any:
    """Tokens with padding, whose mask goes with them."""
    tokens = _x(None, name="tokens", dtype="int32")
    y = _Positions()(layers.Embedding(30, 8, mask_zero=True)(tokens))
    y = _fed_forward(_attended(y))
    return seeded(keras.Model(tokens, layers.Dense(4)(layers.GlobalAveragePooling1D()(y))))


@case
def transformer_decoder() -> Any:
    """A causal language model: logits of the next token."""
    tokens = _x(None, name="tokens", dtype="int32")
    y = _Positions()(layers.Embedding(30, 8)(tokens))
    y = _fed_forward(_attended(y, use_causal_mask=True))
    return seeded(keras.Model(tokens, layers.Dense(30, name="logits")(y)))


@case
def transformer() -> Any:
    """Encoder and decoder, as in translation."""
    source, target = _x(None, name="source", dtype="int32"), _x(None, name="target", dtype="int32")
    encoded = _fed_forward(_attended(_Positions()(layers.Embedding(20, 8)(source))))
    y = _attended(_Positions()(layers.Embedding(20, 8)(target)), use_causal_mask=True)
    y = _fed_forward(_attended(y, context=encoded))
    return seeded(keras.Model({"source": source, "target": target}, layers.Dense(20, activation="softmax")(y)))


@case
def decoder_step_with_cache() -> Any:
    """One step of a decoder: the keys and values of earlier steps go in and come out one longer."""

    class Step(layers.Layer):
        def build(self, x_shape: Any, cache_shape: Any) -> None:
            self.query, self.key, self.value = (
                self.add_weight(shape=(6, 6), name=name) for name in ("query", "key", "value")
            )

        def call(self, x: Any, cache: Any) -> Any:
            keys = ops.concatenate([cache[:, 0], ops.matmul(x, self.key)], axis=1)
            values = ops.concatenate([cache[:, 1], ops.matmul(x, self.value)], axis=1)
            scores = ops.softmax(ops.einsum("bqd,bkd->bqk", ops.matmul(x, self.query), keys) / 2.4)
            return ops.matmul(scores, values), ops.stack([keys, values], axis=1)

    x, cache = _x(1, 6), _x(2, None, 6, name="cache")
    return seeded(keras.Model([x, cache], Step()(x, cache)))


@case
def vision_transformer() -> Any:
    x = _x(16, 16, 3)
    y = layers.Reshape((16, 8))(layers.Conv2D(8, 4, strides=4)(x))

    class ClassToken(layers.Layer):
        def build(self, shape: Any) -> None:
            self.token = self.add_weight(shape=(1, 1, shape[-1]), name="token")

        def call(self, x: Any) -> Any:
            return ops.concatenate([ops.repeat(self.token, ops.shape(x)[0], axis=0), x], axis=1)

    y = _fed_forward(_attended(_Positions()(ClassToken()(y))))
    return seeded(keras.Model(x, layers.Dense(5)(layers.LayerNormalization()(y)[:, 0])))


@case
def mlp_mixer() -> Any:
    x = _x(16, 16, 3)
    y = layers.Reshape((16, 8))(layers.Conv2D(8, 4, strides=4)(x))
    across = layers.Permute((2, 1))(layers.LayerNormalization()(y))
    across = layers.Dense(16)(layers.Dense(6, activation="gelu")(across))
    y = _fed_forward(layers.Add()([y, layers.Permute((2, 1))(across)]))
    return seeded(keras.Model(x, layers.Dense(4)(layers.GlobalAveragePooling1D()(y))))


@case
def attention_pooling() -> Any:
    x = _x(None, 5)
    weights = layers.Softmax(axis=1)(layers.Dense(1)(layers.Dense(4, activation="tanh")(x)))
    return seeded(keras.Model(x, [ops.sum(x * weights, axis=1), weights]))


# Sequences, tables and others


@case
def sequence_to_sequence() -> Any:
    """An encoder whose last states start the decoder; both come out."""
    source, target = _x(None, name="source", dtype="int32"), _x(None, name="target", dtype="int32")
    _, h, c = layers.LSTM(5, return_state=True)(layers.Embedding(12, 4)(source))
    decoder = layers.LSTM(5, return_sequences=True, return_state=True)
    y, h, c = decoder(layers.Embedding(12, 4)(target), initial_state=[h, c])
    return seeded(keras.Model([source, target], {"logits": layers.Dense(12)(y), "h": h, "c": c}))


@case
def sequence_step() -> Any:
    """A decoder's single step: its states go in and come out."""
    token, h, c = _x(1, name="token", dtype="int32"), _x(5, name="h"), _x(5, name="c")
    y, new_h, new_c = layers.LSTM(5, return_state=True)(layers.Embedding(12, 4)(token), initial_state=[h, c])
    return seeded(keras.Model([token, [h, c]], [layers.Dense(12, name="logits")(y), [new_h, new_c]]))


@case
def text_classifier() -> Any:
    tokens = _x(20, name="tokens", dtype="int32")
    y = layers.SpatialDropout1D(0.2)(layers.Embedding(50, 6)(tokens))
    towers = [layers.GlobalMaxPooling1D()(layers.Conv1D(4, size, activation="relu")(y)) for size in (2, 3, 4)]
    return seeded(keras.Model(tokens, layers.Dense(3, activation="softmax")(layers.Concatenate()(towers))))


@case
def tagger() -> Any:
    """One class for each token, through two recurrent layers and a mask."""
    tokens = _x(None, name="tokens", dtype="int32")
    y = layers.Bidirectional(layers.LSTM(4, return_sequences=True))(layers.Embedding(20, 4, mask_zero=True)(tokens))
    y = layers.Bidirectional(layers.GRU(3, return_sequences=True))(y)
    return seeded(keras.Model(tokens, layers.TimeDistributed(layers.Dense(5, activation="softmax"))(y)))


@case
def wave_net() -> Any:
    """Gated causal convolutions, dilated further and further."""
    x = _x(None, 1)
    y, skips = layers.Conv1D(6, 1)(x), []
    for dilation in (1, 2, 4):
        gate = [
            layers.Conv1D(6, 2, padding="causal", dilation_rate=dilation, activation=function)(y)
            for function in ("tanh", "sigmoid")
        ]
        new = layers.Conv1D(6, 1)(layers.Multiply()(gate))
        skips.append(new)
        y = layers.Add()([y, new])
    return seeded(keras.Model(x, layers.Conv1D(4, 1, activation="softmax")(layers.ReLU()(layers.Add()(skips)))))


@case
def keyword_spotter() -> Any:
    """Sound to classes: convolutions over a spectrogram, then a recurrence."""
    x = _x(40, 10, 1)
    y = _conv(x, 6, 3, 2)
    y = layers.Reshape((20, 30))(y)
    return seeded(keras.Model(x, layers.Dense(4, activation="softmax")(layers.GRU(6)(y))))


@case
def two_towers() -> Any:
    """Recommendation: a user, ten items, and how well they fit."""
    user, items = _x(name="user", dtype="int32"), _x(10, name="items", dtype="int32")
    left = layers.Dense(4)(layers.Embedding(15, 6, name="users")(user))
    right = layers.Dense(4)(layers.Embedding(25, 6, name="items_table")(items))
    scores = layers.Dot(axes=(1, 2))([left, right])
    return seeded(keras.Model({"user": user, "items": items}, [scores, *ops.top_k(scores, 3)]))


@case
def wide_and_deep() -> Any:
    numbers, categories = _x(6, name="numbers"), _x(3, name="categories", dtype="int32")
    deep = layers.Concatenate()([layers.Flatten()(layers.Embedding(9, 3)(categories)), numbers])
    deep = layers.Dense(6, activation="relu")(layers.Dense(8, activation="relu")(deep))
    wide = ops.reshape(ops.one_hot(categories, 9), (-1, 27))
    y = layers.Dense(1)(layers.Concatenate()([wide, deep]))
    return seeded(keras.Model([numbers, categories], ops.sigmoid(y)))


@case
def factorization_machine() -> Any:
    x = _x(12, dtype="int32")
    vectors = layers.Embedding(40, 4, name="factors")(x)
    together = ops.square(ops.sum(vectors, axis=1)) - ops.sum(ops.square(vectors), axis=1)
    linear = ops.sum(layers.Embedding(40, 1, name="weights")(x), axis=(1, 2))
    return seeded(keras.Model(x, linear + 0.5 * ops.sum(together, axis=1)))


@case
def mixture_of_experts() -> Any:
    """Each row goes through its two best experts."""

    class Experts(layers.Layer):
        def build(self, shape: Any) -> None:
            self.gate = self.add_weight(shape=(shape[-1], 4), name="gate")
            self.experts = self.add_weight(shape=(4, shape[-1], 3), name="experts")

        def call(self, x: Any) -> Any:
            weights, chosen = ops.top_k(ops.softmax(ops.matmul(x, self.gate)), 2)
            kernels = ops.take(self.experts, chosen, axis=0)  # [batch, 2, in, out]
            return ops.einsum("bi,bkio,bk->bo", x, kernels, weights), chosen

    x = _x(5)
    return seeded(keras.Model(x, Experts()(x)))


@case
def capsules() -> Any:
    """Routing by agreement: vectors that vote, three times."""

    def squash(x: Any) -> Any:
        square = ops.sum(ops.square(x), axis=-1, keepdims=True)
        return x * ops.sqrt(square + 1e-7) / (1.0 + square)

    class Routing(layers.Layer):
        def build(self, shape: Any) -> None:
            self.votes = self.add_weight(shape=(shape[1], 3, shape[2], 4), name="votes")

        def call(self, x: Any) -> Any:
            votes = ops.einsum("bid,ijdk->bijk", x, self.votes)
            logits = ops.zeros_like(votes[..., :1])
            for _ in range(3):
                capsule = squash(ops.sum(ops.softmax(logits, axis=2) * votes, axis=1, keepdims=True))
                logits = logits + ops.sum(votes * capsule, axis=-1, keepdims=True)
            return capsule[:, 0]

    x = _x(10, 10, 1)
    y = layers.Reshape((32, 4))(layers.Conv2D(8, 3, strides=2, activation="relu")(x))
    return seeded(keras.Model(x, ops.norm(Routing()(squash(y)), axis=-1)))


@case
def graph_convolution() -> Any:
    """Nodes that exchange features along a graph given as a matrix."""
    nodes, edges = _x(6, 4, name="nodes"), _x(6, 6, name="edges")
    adjacency = ops.cast(edges + ops.transpose(edges, (0, 2, 1)) > 0.0, "float32") + ops.eye(6)
    degree = ops.rsqrt(ops.sum(adjacency, axis=-1, keepdims=True))
    adjacency = adjacency * degree * ops.transpose(degree, (0, 2, 1))
    y = nodes
    for units in (5, 3):
        y = ops.relu(ops.matmul(adjacency, layers.Dense(units)(y)))
    return seeded(keras.Model([nodes, edges], [y, ops.mean(y, axis=1)]))


@case
def point_cloud() -> Any:
    x = _x(None, 3, name="points")
    y = layers.BatchNormalization()(layers.Conv1D(8, 1, activation="relu")(x))
    pooled = layers.GlobalMaxPooling1D()(y)
    matrix = layers.Reshape((3, 3))(layers.Dense(9)(pooled))
    return seeded(keras.Model(x, [layers.Dot(axes=(2, 1))([x, matrix]), layers.Dense(4)(pooled)]))


@case
def neural_field() -> Any:
    """Coordinates to colours through sines of many frequencies."""
    x = _x(2, name="place")
    rates = 2.0 ** np.arange(4, dtype="float32") * np.pi
    waves = ops.reshape(ops.expand_dims(x, -1) * rates, (-1, 8))
    y = layers.Concatenate()([ops.sin(waves), ops.cos(waves)])
    return seeded(keras.Model(x, layers.Dense(3, activation="sigmoid")(layers.Dense(12, activation="relu")(y))))


@case
def diffusion_step() -> Any:
    """A denoiser conditioned on time, and the step that uses it."""
    x, time = _x(8, 8, 2), _x(name="time")
    rates = np.exp(-np.arange(4, dtype="float32"))
    angle = ops.expand_dims(time, -1) * rates
    embedded = layers.Dense(6, activation="silu")(ops.concatenate([ops.sin(angle), ops.cos(angle)], axis=-1))
    y = layers.GroupNormalization(2)(layers.Conv2D(6, 3, padding="same")(x))
    y = ops.silu(y) + ops.reshape(embedded, (-1, 1, 1, 6))
    noise = layers.Conv2D(2, 3, padding="same", name="noise")(y)
    return seeded(keras.Model([x, time], [noise, (x - 0.3 * noise) / 0.9]))


@case
def forecaster() -> Any:
    """Residual blocks that explain a series and take that away: backcast and forecast."""
    x = _x(12)
    rest, total = x, 0.0
    for number in range(2):
        theta = layers.Dense(6, activation="relu", name=f"block_{number}")(rest)
        rest = rest - layers.Dense(12, name=f"backcast_{number}")(theta)
        total = layers.Dense(4, name=f"forecast_{number}")(theta) + total
    return seeded(keras.Model(x, {"forecast": total, "unexplained": rest}))


@case
def kalman_filter() -> Any:
    """State estimation: a recurrence of matrices, unrolled."""

    class Kalman(layers.Layer):
        def call(self, x: Any) -> Any:
            move, see = np.array([[1.0, 0.1], [0.0, 1.0]], "float32"), np.array([[1.0, 0.0]], "float32")
            state, spread = ops.zeros_like(x[:, :1, :1]) + np.zeros((2, 1), "float32"), np.eye(2, dtype="float32")
            for step in range(5):
                state, spread = ops.matmul(move, state), move @ spread @ move.T + 0.01 * np.eye(2, dtype="float32")
                gain = spread @ see.T / (see @ spread @ see.T + 0.1)
                state = state + gain * (x[:, step, :, None] - ops.matmul(see, state))
                spread = spread - gain @ see @ spread
            return state[..., 0]

    x = _x(5, 1, name="measured")
    return keras.Model(x, Kalman()(x))
