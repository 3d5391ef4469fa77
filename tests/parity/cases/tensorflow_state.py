"""State, side effects, and what a tf.Module holds beside its weights."""

from __future__ import annotations

import collections

import numpy as np
import tensorflow as tf
from catalogue import case
from graphs import floats, ints, spec, traced, weight


class Counter(tf.Module):
    """Counts calls, and sums what it was given."""

    def __init__(self):
        super().__init__()
        self.calls = tf.Variable(0, trainable=False)
        self.total = tf.Variable(tf.zeros([3]), trainable=False)

    @tf.function(input_signature=[floats(3)])
    def __call__(self, x):
        return {"calls": self.calls.assign_add(1), "total": self.total.assign_add(x)}


@case
def counter():
    return Counter()


class HiddenCounter(tf.Module):
    """Counts calls, and tells nobody."""

    def __init__(self):
        super().__init__()
        self.calls = tf.Variable(0, trainable=False)
        self.longest = tf.Variable(0.0, trainable=False)

    @tf.function(input_signature=[floats(3)])
    def __call__(self, x):
        self.calls.assign_add(1)
        if self.calls > 2:
            self.longest.assign(tf.maximum(self.longest, tf.norm(x)))
        return tf.nn.relu(x)


@case
def hidden_counter():
    return HiddenCounter()


class RunningMean(tf.Module):
    def __init__(self):
        super().__init__()
        self.mean = tf.Variable(tf.zeros([4]), trainable=False)

    @tf.function(input_signature=[floats(None, 4)])
    def __call__(self, x):
        centered = x - self.mean
        self.mean.assign(0.9 * self.mean + 0.1 * tf.reduce_mean(x, 0))
        return centered


@case
def running_mean():
    return RunningMean()


class RingBuffer(tf.Module):
    """Keeps the last four samples: rows of a variable, overwritten in turn."""

    def __init__(self):
        super().__init__()
        self.rows = tf.Variable(tf.zeros([4, 2]), trainable=False)
        self.next = tf.Variable(0, trainable=False)

    @tf.function(input_signature=[floats(2)])
    def __call__(self, x):
        self.rows.scatter_nd_update([[self.next % 4]], x[None])
        self.next.assign_add(1)
        return tf.reduce_sum(self.rows, axis=0)


@case
def ring_buffer():
    return RingBuffer()


class Table(tf.Module):
    """A table some of whose rows are replaced, added to and sliced."""

    def __init__(self):
        super().__init__()
        self.rows = tf.Variable(tf.zeros([5, 3]), trainable=False)

    @tf.function(input_signature=[floats(2, 3)])
    def __call__(self, x):
        self.rows.scatter_nd_add([[3], [1]], x)
        self.rows.scatter_update(tf.IndexedSlices(x[0] * 2.0, 4))
        self.rows[0, 1:].assign(x[1, :2])
        return self.rows.read_value()


@case
def rows_of_a_variable():
    return Table()


class Streaming(tf.Module):
    """A causal filter that remembers the end of the last block."""

    def __init__(self):
        super().__init__()
        self.tail = tf.Variable(tf.zeros([1, 2, 1]), trainable=False)

    @tf.function(input_signature=[floats(1, 8, 1)])
    def __call__(self, x):
        whole = tf.concat([self.tail, x], axis=1)
        self.tail.assign(x[:, -2:])
        return tf.nn.conv1d(whole, weight(3, 1, 2), stride=1, padding="VALID")


@case
def streaming_filter():
    return Streaming()


class ConditionalState(tf.Module):
    """A variable that only one branch assigns."""

    def __init__(self):
        super().__init__()
        self.best = tf.Variable(-100.0, trainable=False)

    @tf.function(input_signature=[floats(4)])
    def __call__(self, x):
        peak = tf.reduce_max(x)
        if peak > self.best:
            self.best.assign(peak)
        return self.best.read_value()


@case
def state_in_branch():
    return ConditionalState()


class LoopedState(tf.Module):
    """A variable that every turn of a loop changes, and a branch inside it."""

    def __init__(self):
        super().__init__()
        self.level = tf.Variable(tf.zeros([2]), trainable=False)
        self.peaks = tf.Variable(0, trainable=False)

    @tf.function(input_signature=[floats(5, 2)])
    def __call__(self, x):
        heights = tf.TensorArray(tf.float32, 5, element_shape=[2])
        for step in tf.range(5):
            self.level.assign(0.8 * self.level + x[step])
            if tf.reduce_sum(self.level) > 0.5:
                self.peaks.assign_add(1)
            heights = heights.write(step, self.level)
        return {"heights": heights.stack(), "peaks": self.peaks.read_value()}


@case
def state_in_loop():
    return LoopedState()


class TwoAccumulators(tf.Module):
    """Two variables that begin alike, changed and read by different signatures."""

    def __init__(self):
        super().__init__()
        self.sum = tf.Variable(tf.zeros([3]), trainable=False)
        self.squares = tf.Variable(tf.zeros([3]), trainable=False)

    @tf.function(input_signature=[floats(3)])
    def add(self, x):
        return {"sum": self.sum.assign_add(x), "squares": self.squares.assign_add(x * x)}

    @tf.function(input_signature=[floats(3)])
    def compare(self, x):
        return {"distance": x - self.sum, "scaled": x / (1.0 + self.squares)}


@case
def two_accumulators():
    return TwoAccumulators()


class TrainingStep(tf.Module):
    """One step of gradient descent for each call."""

    def __init__(self):
        super().__init__()
        self.kernel = tf.Variable(weight(3, 1))

    @tf.function(input_signature=[floats(None, 3), floats(None, 1)])
    def __call__(self, x, y):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(x @ self.kernel - y))
        self.kernel.assign_sub(0.1 * tape.gradient(loss, self.kernel))
        return loss


@case
def training_step():
    return TrainingStep()


class Encoder(tf.Module):
    """Three signatures that share weights."""

    def __init__(self):
        super().__init__()
        self.kernel = tf.Variable(weight(4, 2))
        self.bias = tf.Variable([0.5, -0.5])

    @tf.function(input_signature=[floats(None, 4)])
    def encode(self, x):
        return {"code": tf.tanh(x @ self.kernel + self.bias)}

    @tf.function(input_signature=[floats(None, 2)])
    def decode(self, code):
        return {"x": tf.matmul(code - self.bias, self.kernel, transpose_b=True)}

    @tf.function(input_signature=[floats(None, 4)])
    def __call__(self, x):
        return self.decode(self.encode(x)["code"])


@case
def several_signatures():
    return Encoder()


class Layer(tf.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.kernel = tf.Variable(weight(inputs, outputs))
        self.bias = tf.Variable(weight(outputs))

    def __call__(self, x):
        return x @ self.kernel + self.bias


class Nested(tf.Module):
    """Modules in lists and dicts, a frozen and an integer variable."""

    def __init__(self):
        super().__init__()
        self.layers = [Layer(4, 6), Layer(6, 6)]
        self.heads = {"a": Layer(6, 2), "b": Layer(6, 3)}
        self.scale = tf.Variable(2.0, trainable=False)
        self.order = tf.Variable([2, 0, 1], trainable=False)

    @tf.function(input_signature=[floats(None, 4)])
    def __call__(self, x):
        for layer in self.layers:
            x = tf.nn.relu(layer(x)) * self.scale
        return {"a": self.heads["a"](x), "b": tf.gather(self.heads["b"](x), self.order, axis=1)}


@case
def nested_modules():
    return Nested()


Pair = collections.namedtuple("Pair", ["first", "second"])


@traced({"a": floats(None, 2), "b": (floats(None, 3), floats(None, 1))})
def nested_structures(inputs):
    """Dicts and tuples in; a named tuple with a list out."""
    first, second = inputs["b"]
    return Pair(first=tf.concat([inputs["a"], first], axis=1), second=[second * 2.0, {"sum": first + second}])


@traced(floats(), ints())
def scalars(x, n):
    return x * tf.cast(n, tf.float32), n + 1


@traced(floats(None, 2), floats(None, 2))
def unused_input(x, ignored):
    return x + 1.0


@traced(floats(None, 3))
def passes_input_on(x):
    return {"same": x, "twice": x, "constant": tf.constant([1.0, 2.0]), "doubled": x * 2.0}


@traced(ints(2))
def stateless_normal(seed):
    return tf.random.stateless_normal([4, 3], seed=seed)


@traced(ints(2))
def stateless_uniform(seed):
    return {
        "floats": tf.random.stateless_uniform([5], seed=seed, minval=-1.0, maxval=3.0),
        "integers": tf.random.stateless_uniform([5], seed=seed, minval=0, maxval=1000, dtype=tf.int32),
    }


class Noise(tf.Module):
    """Seeded noise whose generator moves on with each call."""

    def __init__(self):
        super().__init__()
        self.generator = tf.random.Generator.from_seed(7)

    @tf.function(input_signature=[floats(4)])
    def __call__(self, x):
        return x + self.generator.normal([4])


@case
def random_generator():
    return Noise()


@tf.custom_gradient
def _clipped(x):
    return tf.clip_by_value(x, -1.0, 1.0), lambda upstream: upstream


@traced(floats(None, 4))
def custom_gradient(x):
    return _clipped(x) * 2.0


@traced(floats(None, 4))
def input_gradient(x):
    """What a saliency map needs: the gradient with respect to the input."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        score = tf.reduce_sum(tf.nn.softmax(tf.tanh(x @ weight(4, 3)))[:, 0])
    return {"score": score, "gradient": tape.gradient(score, x)}


@traced(floats(None, 4))
def image_gradient(x):
    """The gradient through convolution and pooling."""
    image = tf.reshape(tf.tile(x, [1, 9]), [-1, 6, 6, 1])
    with tf.GradientTape() as tape:
        tape.watch(image)
        features = tf.nn.max_pool2d(tf.nn.relu(tf.nn.conv2d(image, weight(3, 3, 1, 2), 1, "SAME")), 2, 2, "VALID")
        score = tf.reduce_sum(features * features)
    return tape.gradient(score, image)


@traced(floats(None, 4))
def assertions(x):
    tf.debugging.assert_less(tf.abs(x), 1e6)
    tf.debugging.assert_equal(tf.shape(x)[1], 4)
    tf.debugging.Assert(tf.reduce_all(tf.math.is_finite(x)), [x])
    return tf.debugging.check_numerics(x * 3.0, "not finite")


@traced(floats(None, 4))
def prints(x):
    tf.print("mean", tf.reduce_mean(x), output_stream="file:///dev/null")
    return tf.sqrt(tf.abs(x))


@traced(floats(None, 4))
def identities(x):
    x, y = tf.identity_n([tf.stop_gradient(x), tf.ensure_shape(x * 2.0, [None, 4])])
    with tf.control_dependencies([tf.no_op()]):
        return tf.identity(x) - tf.grad_pass_through(tf.round)(y)


@traced(spec("bool", None), floats(None))
def boolean_input(mask, x):
    return {
        "kept": tf.where(mask, x, -1.0),
        "not": ~mask,
        "odd": mask ^ (x > 0.0),
        "any": tf.reduce_any(tf.stack([mask, x > 0.0], axis=1), axis=1),
    }


@traced(floats(None, 3), samples=lambda: {"x": np.array([[1, 2, 3], [-1, 0, 1], [4, -4, 0.5], [0, 0, 0]], np.float32)})
def given_samples(x):
    return tf.math.divide_no_nan(x, tf.reduce_sum(x, axis=1, keepdims=True))


@traced(floats(None, 6))
def nested_functions(x):
    """A tf.function that calls others, one of them twice."""

    @tf.function
    def twice(value):
        return value * 2.0

    @tf.function
    def outer(value):
        return twice(twice(value)) + 1.0

    return outer(x) - twice(x)


@traced(floats(None, 6))
def recompute_and_compiled(x):
    """Marks for gradients and for XLA, which inference may ignore."""
    compiled = tf.function(lambda value: tf.tanh(value) * 2.0, jit_compile=True)
    return tf.recompute_grad(lambda value: tf.sin(value) + 1.0)(x) + compiled(x)
