"""Whole small models written without Keras: networks, filters, decoders, iterations."""

from __future__ import annotations

import itertools

import numpy as np
import tensorflow as tf
from catalogue import case
from graphs import floats, ints, strings, traced, weight


class DenseNet(tf.Module):
    def __init__(self, sizes):
        super().__init__()
        self.kernels = [tf.Variable(weight(a, b)) for a, b in itertools.pairwise(sizes)]
        self.biases = [tf.Variable(weight(b)) for b in sizes[1:]]

    @tf.function(input_signature=[floats(None, 6)])
    def __call__(self, x):
        for kernel, bias in zip(self.kernels[:-1], self.biases[:-1], strict=True):
            x = tf.nn.relu(x @ kernel + bias)
        return {"probabilities": tf.nn.softmax(x @ self.kernels[-1] + self.biases[-1])}


@case
def dense_network():
    return DenseNet([6, 12, 8, 3])


class ConvNet(tf.Module):
    def __init__(self):
        super().__init__()
        self.first = tf.Variable(weight(3, 3, 1, 4))
        self.second = tf.Variable(weight(3, 3, 4, 8))
        self.head = tf.Variable(weight(72, 5))

    @tf.function(input_signature=[floats(None, 12, 12, 1)])
    def __call__(self, image):
        x = tf.nn.max_pool2d(tf.nn.relu(tf.nn.conv2d(image, self.first, 1, "SAME")), 2, 2, "VALID")
        x = tf.nn.max_pool2d(tf.nn.relu(tf.nn.conv2d(x, self.second, 1, "SAME")), 2, 2, "VALID")
        logits = tf.reshape(x, [-1, 72]) @ self.head
        return {"logits": logits, "class": tf.argmax(logits, axis=1)}


@case
def convolutional_network():
    return ConvNet()


class Lstm(tf.Module):
    """An LSTM by hand; `unrolled` decides whether Python or the graph loops."""

    def __init__(self, unrolled):
        super().__init__()
        self.kernel = tf.Variable(weight(3 + 4, 16))
        self.bias = tf.Variable(weight(16))
        specs = [floats(None, 6, 3)]
        self.run = tf.function(self._unrolled if unrolled else self._looped, input_signature=specs)

    def _cell(self, x, h, c):
        i, f, g, o = tf.split(tf.concat([x, h], axis=1) @ self.kernel + self.bias, 4, axis=1)
        c = tf.sigmoid(f + 1.0) * c + tf.sigmoid(i) * tf.tanh(g)
        return tf.sigmoid(o) * tf.tanh(c), c

    def _unrolled(self, x):
        h = c = tf.zeros([tf.shape(x)[0], 4])
        for step in tf.unstack(x, axis=1):
            h, c = self._cell(step, h, c)
        return h

    def _looped(self, x):
        h = c = tf.zeros([tf.shape(x)[0], 4])
        outputs = tf.TensorArray(tf.float32, size=6, element_shape=[None, 4])
        for t in tf.range(6):
            h, c = self._cell(x[:, t], h, c)
            outputs = outputs.write(t, h)
        return tf.transpose(outputs.stack(), [1, 0, 2])


@case
def lstm_unrolled():
    return Lstm(unrolled=True)


@case
def lstm_in_loop():
    return Lstm(unrolled=False)


@traced(floats(None, None, 3))
def rnn_any_length(x):
    """A recurrence over sequences of any length."""
    kernel, recurrent = weight(3, 4), weight(4, 4)
    state = tf.zeros([tf.shape(x)[0], 4])
    for t in tf.range(tf.shape(x)[1]):
        state = tf.tanh(x[:, t] @ kernel + state @ recurrent)
    return state


@traced(floats(None, 5, 8))
def attention(x):
    heads = [tf.reshape(tf.tensordot(x, weight(8, 8, name=name), 1), [-1, 5, 2, 4]) for name in "qkv"]
    q, k, v = (tf.transpose(head, [0, 2, 1, 3]) for head in heads)
    mask = tf.linalg.band_part(tf.ones([5, 5]), -1, 0)
    scores = tf.matmul(q, k, transpose_b=True) * 0.5 + (1.0 - mask) * -1e9
    mixed = tf.transpose(tf.nn.softmax(scores) @ v, [0, 2, 1, 3])
    return tf.reshape(mixed, [-1, 5, 8])


@traced(ints(None, 6))
def tiny_transformer(tokens):
    x = tf.gather(weight(20, 8, scale=1.0), tokens % 20) + weight(6, 8, scale=0.5)
    scores = tf.matmul(x @ weight(8, 8, name="q"), x @ weight(8, 8, name="k"), transpose_b=True) / 8.0**0.5
    scores += tf.where((tokens % 20 == 0)[:, None], -1e9, 0.0)
    x += tf.nn.softmax(scores) @ (x @ weight(8, 8, name="v"))
    mean, variance = tf.nn.moments(x, [-1], keepdims=True)
    x = (x - mean) * tf.math.rsqrt(variance + 1e-6)
    x += tf.nn.gelu(x @ weight(8, 16)) @ weight(16, 8)
    return tf.nn.log_softmax(x[:, -1] @ weight(8, 20))


@traced(floats(12, 2))
def k_means_step(points):
    centers = tf.constant([[-1.0, 0.0], [1.0, 0.5], [0.0, -1.0]])
    distances = tf.reduce_sum(tf.math.squared_difference(points[:, None], centers[None]), axis=-1)
    nearest = tf.argmin(distances, axis=1, output_type=tf.int32)
    return {"nearest": nearest, "centers": tf.math.unsorted_segment_mean(points, nearest, 3)}


@traced(floats(None, 6))
def principal_components(x):
    axes = np.linalg.qr(weight(6, 6))[0][:, :2]
    code = (x - weight(6)) @ axes
    return {"code": code, "residual": x - code @ axes.T}


@traced(floats(None, 4), floats(None, 4))
def nearest_neighbours(queries, keys):
    similarity = tf.matmul(tf.math.l2_normalize(queries, 1), tf.math.l2_normalize(keys, 1), transpose_b=True)
    best = tf.math.top_k(similarity, 2)
    return {"similarity": best.values, "index": best.indices}


@traced(floats(None, 64))
def fir_filter(x):
    taps = np.sinc(0.5 * (np.arange(9) - 4)) * np.hamming(9)
    return tf.nn.conv1d(x[..., None], taps.reshape(9, 1, 1).astype(np.float32), 1, "SAME")[..., 0]


@traced(floats(32))
def iir_filter(x):
    """A second-order recursive filter: every output depends on the two before."""

    def step(state, value):
        y1, y2 = state
        return value + 1.2 * y1 - 0.5 * y2, y1

    return tf.scan(step, x, initializer=(tf.constant(0.0), tf.constant(0.0)))[0]


class Kalman(tf.Module):
    """A filter whose estimate lives on from call to call."""

    def __init__(self):
        super().__init__()
        self.state = tf.Variable([[0.0], [1.0]], trainable=False)
        self.covariance = tf.Variable(tf.eye(2), trainable=False)

    @tf.function(input_signature=[floats(1, 1)])
    def __call__(self, measured):
        move, seen = tf.constant([[1.0, 0.1], [0.0, 1.0]]), tf.constant([[1.0, 0.0]])
        state = move @ self.state
        covariance = move @ self.covariance @ tf.transpose(move) + 0.01 * tf.eye(2)
        gain = covariance @ tf.transpose(seen) / (seen @ covariance @ tf.transpose(seen) + 0.1)
        self.state.assign(state + gain @ (measured - seen @ state))
        self.covariance.assign((tf.eye(2) - gain @ seen) @ covariance)
        return {"estimate": self.state.read_value(), "gain": gain}


@case
def kalman_filter():
    return Kalman()


@traced(floats(None, 6, 4))
def viterbi(scores):
    """The best path through a conditional random field."""
    transitions = weight(4, 4, scale=1.0)
    alpha = scores[:, 0]
    pointers = []
    for t in range(1, 6):
        total = alpha[:, :, None] + transitions
        pointers.append(tf.argmax(total, axis=1, output_type=tf.int32))
        alpha = scores[:, t] + tf.reduce_max(total, axis=1)
    path = [tf.argmax(alpha, axis=1, output_type=tf.int32)]
    for pointer in reversed(pointers):
        path.append(tf.gather(pointer, path[-1], batch_dims=1))
    return {"path": tf.stack(path[::-1], axis=1), "score": tf.reduce_max(alpha, axis=1)}


@traced(floats(None, 6, 4))
def crf_log_likelihood(scores):
    transitions = weight(4, 4, scale=1.0)
    alpha = scores[:, 0]
    for t in tf.range(1, 6):
        alpha = tf.reduce_logsumexp(alpha[:, :, None] + transitions, axis=1) + scores[:, t]
    return tf.reduce_logsumexp(alpha, axis=1)


@traced(floats(None, 4))
def greedy_decoder(x):
    """Writes tokens until it has written the end, or eight of them."""
    state = x
    tokens = tf.TensorArray(tf.int32, size=8, element_shape=[None])
    done = tf.zeros([tf.shape(x)[0]], tf.bool)
    t = tf.constant(0)
    while t < 8 and not tf.reduce_all(done):
        token = tf.where(done, 0, tf.argmax(state @ weight(4, 6, scale=2.0), axis=1, output_type=tf.int32))
        tokens = tokens.write(t, token)
        done = done | (token == 0)
        state = tf.tanh(state @ weight(4, 4, scale=1.0) + tf.gather(weight(6, 4, scale=1.0), token))
        t += 1
    return tf.transpose(tokens.stack())


@traced(floats(None, 4))
def beam_search(x):
    """Three beams, five steps."""
    batch = tf.shape(x)[0]
    table = tf.constant(weight(6, 4, scale=1.0))
    state = tf.tile(x[:, None], [1, 3, 1])
    score = tf.tile(tf.constant([[0.0, -1e9, -1e9]]), [batch, 1])
    sequences = tf.zeros([batch, 3, 0], tf.int32)
    for _ in range(5):
        logits = tf.nn.log_softmax(tf.einsum("bkd,dv->bkv", state, weight(4, 6, scale=1.0)))
        score, index = tf.math.top_k(tf.reshape(score[:, :, None] + logits, [batch, 18]), 3)
        beam, token = index // 6, index % 6
        sequences = tf.concat([tf.gather(sequences, beam, batch_dims=1), token[..., None]], axis=2)
        state = tf.tanh(tf.gather(state, beam, batch_dims=1) * 0.5 + tf.gather(table, token))
    return {"sequences": sequences, "score": score}


@traced(floats(5), floats(5))
def mandelbrot(re, im):
    """How long each point stays near: only sums and products, in a loop."""
    x = y = tf.zeros([5])
    steps = tf.zeros([5], tf.int32)
    for _ in tf.range(20):
        x, y = x * x - y * y + re, 2.0 * x * y + im
        inside = x * x + y * y < 4.0
        steps += tf.cast(inside, tf.int32)
        x, y = tf.clip_by_value(x, -10.0, 10.0), tf.clip_by_value(y, -10.0, 10.0)
    return steps


@traced(floats(4, 4))
def power_iteration(x):
    """The largest eigenvalue, until it moves no more."""
    matrix = tf.matmul(x, x, transpose_a=True) + tf.linalg.diag([4.0, 0.0, 0.0, 0.0])
    vector = tf.ones([4, 1]) * 0.5
    value, before, turns = tf.constant(0.0), tf.constant(-1.0), tf.constant(0)
    while tf.abs(value - before) > 1e-6 * tf.abs(value) and turns < 200:
        before = value
        vector = matrix @ vector
        value = tf.norm(vector)
        vector = vector / value
        turns += 1
    return value


@traced(floats(None, 3))
def gradient_descent(start):
    """A model that solves: minimises a quadratic by its gradient."""
    matrix, target = tf.constant([[2.0, 0.3, 0.0], [0.3, 1.0, 0.2], [0.0, 0.2, 1.5]]), tf.constant([1.0, -1.0, 0.5])
    x = start
    for _ in tf.range(15):
        x -= 0.3 * (x @ matrix - target)
    return x


@traced(floats(2), floats(6))
def runge_kutta(state, force):
    """A damped pendulum, integrated in a loop."""

    def slope(s, f):
        return tf.stack([s[1], f - tf.sin(s[0]) - 0.2 * s[1]])

    trajectory = tf.TensorArray(tf.float32, size=6, element_shape=[2])
    for i in tf.range(6):
        k1 = slope(state, force[i])
        k2 = slope(state + 0.05 * k1, force[i])
        k3 = slope(state + 0.05 * k2, force[i])
        k4 = slope(state + 0.1 * k3, force[i])
        state = state + 0.1 / 6.0 * (k1 + 2.0 * k2 + 2.0 * k3 + k4)
        trajectory = trajectory.write(i, state)
    return trajectory.stack()


@traced(floats(None, 8, 8))
def game_of_life(x):
    cells = tf.cast(x > 0.3, tf.float32)[..., None]
    kernel = np.ones((3, 3, 1, 1), np.float32)
    for _ in tf.range(3):
        around = tf.nn.conv2d(cells, kernel, 1, "SAME") - cells
        alive = tf.logical_or(tf.equal(around, 3.0), tf.logical_and(tf.equal(around, 2.0), cells > 0.5))
        cells = tf.cast(alive, tf.float32)
    return tf.cast(cells[..., 0], tf.int32)


@traced(floats(6), floats(6))
def dynamic_time_warping(a, b):
    """A table filled cell by cell."""
    costs = tf.abs(a[:, None] - b[None])
    above = tf.concat([[0.0], tf.fill([6], 1e9)], axis=0)
    for i in tf.range(6):
        left = tf.constant(1e9)
        row = tf.TensorArray(tf.float32, size=7, element_shape=[]).write(0, left)
        for j in tf.range(6):
            left = costs[i, j] + tf.minimum(left, tf.minimum(above[j], above[j + 1]))
            row = row.write(j + 1, left)
        above = tf.ensure_shape(row.stack(), [7])
    return above[6]


@traced(floats(None, 4))
def decision_tree(x):
    """A tree of depth three as arrays: at each level, gather and compare."""
    features, thresholds = tf.constant([0, 1, 2, 3, 0, 1, 2]), tf.constant([0.0, 0.3, -0.2, 0.1, 0.5, -0.4, 0.0])
    node = tf.zeros([tf.shape(x)[0]], tf.int32)
    for _ in range(3):
        value = tf.gather(x, tf.gather(features, node), axis=1, batch_dims=1)
        node = 2 * node + tf.where(value > tf.gather(thresholds, node), 2, 1)
    return tf.gather(weight(8, 2), node - 7)


@traced(floats(None, 3), floats(6, 3))
def graph_convolution(nodes, edges):
    """Messages along edges, summed where they arrive."""
    senders, receivers = tf.constant([0, 1, 2, 2, 1, 0]), tf.constant([1, 2, 0, 1, 0, 2])
    messages = tf.nn.relu((tf.gather(nodes, senders) + edges) @ weight(3, 4))
    return tf.math.unsorted_segment_sum(messages, receivers, tf.shape(nodes)[0])


@traced(floats(None, 5))
def mixture_of_experts(x):
    """Each row goes through the two experts that its gate chooses."""
    gate = tf.math.top_k(tf.nn.softmax(x @ weight(5, 4)), 2)
    experts = tf.einsum("bi,eio->beo", x, weight(4, 5, 3))
    chosen = tf.gather(experts, gate.indices, batch_dims=1)
    return tf.reduce_sum(chosen * gate.values[..., None], axis=1)


@traced(floats(None, 4))
def gaussian_mixture(x):
    means, scales = tf.constant(weight(3, 4, scale=1.0)), tf.exp(tf.constant(weight(3, 4, name="s", scale=0.3)))
    z = (x[:, None] - means) / scales
    log = tf.reduce_sum(-0.5 * z * z - tf.math.log(scales) - 0.5 * np.log(2 * np.pi), axis=-1) + np.log([0.2, 0.3, 0.5])
    return {"log": tf.reduce_logsumexp(log, axis=1), "responsibility": tf.nn.softmax(log)}


@traced(strings(None))
def text_classifier(text):
    """From raw text: hashed words, averaged embeddings, a softmax."""
    words = tf.strings.split(tf.strings.regex_replace(tf.strings.lower(text), "[^a-z ]", ""))
    ids = tf.strings.to_hash_bucket_fast(words.to_tensor("", shape=[None, 4]), 50)
    return tf.nn.softmax(tf.reduce_mean(tf.gather(weight(50, 6, scale=1.0), ids), axis=1) @ weight(6, 3))


class Forecaster(tf.Module):
    """Two signatures: one that learns the scale of its data, and one that uses it."""

    def __init__(self):
        super().__init__()
        self.scale = tf.Variable(1.0, trainable=False)
        self.kernel = tf.Variable(weight(4, 2))

    @tf.function(input_signature=[floats(None, 4)])
    def adapt(self, x):
        return {"scale": self.scale.assign(tf.math.reduce_std(x) + 0.1)}

    @tf.function(input_signature=[floats(None, 4)])
    def predict(self, x):
        return {"next": (x / self.scale) @ self.kernel}


@case
def two_signatures_one_state():
    return Forecaster()
