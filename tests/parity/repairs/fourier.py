"""Examples of the repairs of complex numbers and Fourier transforms."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from examples import example

RNG = np.random.default_rng(5)


def _floats(*shape: int) -> Any:
    return RNG.standard_normal(shape).astype(np.float32)


def _traced(*shapes: list[int | None], dtype: Any = tf.float32) -> Any:
    return tf.function(input_signature=[tf.TensorSpec(shape, dtype) for shape in shapes])


def _parts(*tensors: Any) -> list[Any]:
    return [part for z in tensors for part in (tf.math.real(z), tf.math.imag(z))]


@example("complex-as-pairs")
def arithmetic() -> Any:
    @_traced([None, 4], [4])
    def function(x: Any, y: Any) -> Any:
        a, b = tf.complex(x, y), tf.complex(y, x - 1.0)
        constant = tf.constant(2.0 - 3.0j, tf.complex64)
        made = [a + b, a - b, a * b, a / b, -a, constant * a, tf.math.conj(a), tf.math.divide_no_nan(a, b * 0.0)]
        return [*_parts(*made), tf.abs(a), tf.math.angle(b), tf.equal(a, a), tf.not_equal(a, b)]

    return function, [_floats(3, 4), _floats(4)]


@example("complex-as-pairs")
def functions() -> Any:
    @_traced([None], [None])
    def function(x: Any, y: Any) -> Any:
        z = tf.complex(x, y)
        names = (
            "exp", "log", "sqrt", "rsqrt", "square", "sin", "cos", "tan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
            "sigmoid", "log1p", "expm1", "reciprocal", "sign",
        )  # fmt: skip
        return _parts(*(getattr(tf.math, name)(z) for name in names))

    return function, [_floats(20), _floats(20)]


@example("complex-as-pairs")
def square_roots_near_the_axes() -> Any:
    @_traced([None], [None])
    def function(x: Any, y: Any) -> Any:
        return _parts(tf.sqrt(tf.complex(x, y)))

    return function, [
        np.array([0, -1, -4, 4, 0, 0, -1e-8, 1e4], "f"),
        np.array([0, 0, 1e-4, -1e-4, 2, -2, 0, 1e-3], "f"),
    ]


@example("complex-as-pairs")
def powers() -> Any:
    @_traced([None], [None])
    def function(x: Any, y: Any) -> Any:
        z = tf.complex(x, y)
        cubed = tf.pow(z, tf.constant(3, tf.complex64))
        halved = tf.pow(z, tf.constant(-1.5 + 0.5j, tf.complex64))
        return _parts(cubed, halved, tf.pow(tf.constant(2.0, tf.complex64), z), tf.pow(z * 0.0, tf.complex(2.0, 0.0)))

    return function, [_floats(9), _floats(9)]


@example("complex-as-pairs")
def double_precision() -> Any:
    @_traced([None, 3], dtype=tf.float64)
    def function(x: Any) -> Any:
        z = tf.complex(x, x * x)
        return [
            *_parts(z * z, tf.cast(z, tf.complex64)),
            tf.cast(z, tf.float32),
            tf.cast(tf.cast(x, tf.complex64), tf.bool),
        ]

    return function, [RNG.standard_normal((4, 3))]


@example("complex-as-pairs")
def reductions() -> Any:
    @_traced([None, 5, 3], [None, 5, 3])
    def function(x: Any, y: Any) -> Any:
        z = tf.complex(x, y)
        made = [
            tf.reduce_sum(z, [0, 2]), tf.reduce_mean(z, -1, keepdims=True), tf.reduce_prod(z, 1), tf.cumsum(z, 1, reverse=True),
            tf.math.cumprod(z, 1, exclusive=True), tf.add_n([z, z, z]), tf.math.squared_difference(z, z[:, ::-1]),
        ]  # fmt: skip
        return _parts(*made)

    return function, [_floats(2, 5, 3), _floats(2, 5, 3)]


@example("complex-as-pairs")
def products() -> Any:
    kernel = tf.complex(_floats(24, 17), _floats(24, 17))

    @_traced([None, 4, 24], [None, 4, 24])
    def function(x: Any, y: Any) -> Any:
        z = tf.complex(x, y)
        made = [
            tf.matmul(z, z, adjoint_b=True), tf.matmul(z, z, transpose_a=True), tf.matmul(z[0], kernel), tf.tensordot(z, kernel, 1),
            tf.einsum("bij,jk->bki", z, kernel), tf.einsum("bij->bj", z), tf.linalg.adjoint(z),
            tf.matmul(z[0], z[0], adjoint_a=True),
        ]  # fmt: skip
        return _parts(*made)

    return function, [_floats(2, 4, 24), _floats(2, 4, 24)]


@example("complex-as-pairs")
def solutions() -> Any:
    @_traced([None, 3, 3], [None, 3, 3])
    def function(x: Any, y: Any) -> Any:
        z = tf.complex(x, y) + 3.0 * tf.eye(3, dtype=tf.complex64)
        return _parts(tf.linalg.inv(z), tf.linalg.inv(z, adjoint=True), tf.linalg.solve(z, z[..., :2], adjoint=True))

    return function, [_floats(2, 3, 3), _floats(2, 3, 3)]


@example("complex-as-pairs")
def movements() -> Any:
    @_traced([None, 4, 6], [None, 4, 6])
    def function(x: Any, y: Any) -> Any:
        z = tf.complex(x, y)
        batch = tf.shape(z)[0]
        a, b = tf.split(z, 2, axis=2)
        first, *_ = tf.unstack(z, axis=1)
        made = [
            tf.reshape(z, [-1, 24]), tf.transpose(z, [2, 0, 1]), tf.concat([b, a], 1), tf.stack([a, b], -1), first, z[:, 1:, ::-2],
            tf.gather(z, [2, 0], axis=1), tf.gather_nd(z, [[0, 1]]), tf.pad(z, [[0, 0], [1, 0], [0, 2]]), tf.tile(z, [1, 2, 1]),
            z[:, :1][..., 0], tf.squeeze(z[:, :1], 1), tf.where(x > 0.0, z, tf.zeros_like(z)),
            tf.fill([batch, 2], tf.complex(1.0, 2.0)),
            tf.roll(z, 1, 2), tf.reverse(z, [1]), tf.broadcast_to(z[:, :1], tf.shape(z)), tf.ones_like(z), tf.linalg.diag(first),
            tf.scatter_nd([[1], [3], [1]], z[0, :3], [5, 6]), tf.one_hot([0, 2], 3, tf.complex(1.0, 1.0), tf.complex(0.0, 2.0)),
            tf.tensor_scatter_nd_update(z[0], [[1]], z[0, :1]), tf.linalg.diag_part(z),
        ]  # fmt: skip
        return [*_parts(*made), tf.shape(z), tf.rank(z), tf.size(z), tf.bitcast(z, tf.float32)]

    return function, [_floats(2, 4, 6), _floats(2, 4, 6)]


@example("complex-as-pairs")
def loops_and_branches() -> Any:
    """Complex tensors carried by a loop, given to a branch, and held in a list."""

    @_traced([None, 8])
    def function(x: Any) -> Any:
        z = tf.complex(x, -x)
        turn = tf.complex(0.6, 0.8)
        steps, z = tf.while_loop(
            lambda i, z: i < 3, lambda i, z: (i + 1, z * turn + tf.cast(i, tf.complex64)), (tf.constant(0), z)
        )
        z = tf.cond(tf.reduce_sum(x) > 0.0, lambda: z * z, lambda: tf.math.conj(z))
        rows = tf.map_fn(lambda row: row * tf.reduce_sum(row), z)
        kept = tf.TensorArray(tf.complex64, 3, element_shape=[None, 8])
        for index in range(3):
            kept = kept.write(index, z * tf.cast(index, tf.complex64))
        return [steps, *_parts(z, rows, kept.stack(), kept.read(1))]

    return function, [_floats(3, 8)]


@example("fourier-as-matmul")
def one_dimension() -> Any:
    @_traced([None, 12], [None, 12])
    def function(x: Any, y: Any) -> Any:
        z = tf.complex(x, y)
        return _parts(
            tf.signal.fft(z), tf.signal.ifft(z), tf.signal.fft(tf.cast(x, tf.complex64)), tf.signal.fftshift(z)
        )

    return function, [_floats(3, 12), _floats(3, 12)]


@example("fourier-as-matmul")
def several_dimensions() -> Any:
    @_traced([None, 4, 6, 5], [None, 4, 6, 5])
    def function(x: Any, y: Any) -> Any:
        z = tf.complex(x, y)
        return _parts(tf.signal.fft2d(z), tf.signal.ifft2d(z), tf.signal.fft3d(z), tf.signal.ifft3d(z))

    return function, [_floats(2, 4, 6, 5), _floats(2, 4, 6, 5)]


@example("fourier-as-matmul")
def of_real_numbers() -> Any:
    @_traced([None, 12])
    def function(x: Any) -> Any:
        spectrum = tf.signal.rfft(x)
        back = [tf.signal.irfft(spectrum), tf.signal.irfft(spectrum, [11]), tf.signal.irfft(spectrum, [20])]
        return [*back, *_parts(spectrum, tf.signal.rfft(x, [16]), tf.signal.rfft(x, [7])), tf.math.angle(spectrum)]

    return function, [_floats(3, 12)]


@example("fourier-as-matmul")
def of_real_images() -> Any:
    @_traced([None, 2, 8, 6])
    def function(x: Any) -> Any:
        spectrum, deep = tf.signal.rfft2d(x, [10, 5]), tf.signal.rfft3d(x)
        return [*_parts(spectrum, deep), tf.signal.irfft2d(spectrum, [7, 6]), tf.signal.irfft3d(deep, [2, 9, 6])]

    return function, [_floats(2, 2, 8, 6)]


@example("fourier-as-matmul")
def long_lengths() -> Any:
    """Split into factors, and by a chirp where there are none; the phase shows which frequencies are real."""

    @_traced([None, 2048])
    def function(x: Any) -> Any:
        spectrum, prime = tf.signal.rfft(x), tf.signal.rfft(x[:, :1031])
        whole = tf.signal.ifft(tf.complex(x, x[:, ::-1]))
        edges = tf.gather(tf.math.angle(spectrum), [0, 1024], axis=1)
        return [*_parts(spectrum, prime, whole), tf.signal.irfft(spectrum), tf.signal.irfft(prime, [1031]), edges]

    return function, [_floats(2, 2048)]


@example("fourier-as-matmul")
def open_lengths() -> Any:
    """The length is known only when the model runs."""

    @_traced([None, None])
    def function(x: Any) -> Any:
        spectrum = tf.signal.rfft(x)
        return [*_parts(spectrum, tf.signal.fft(tf.complex(x, 2.0 * x))), tf.signal.irfft(spectrum)]

    return function, [_floats(3, 15)]


@example("fourier-as-matmul")
def short_time() -> Any:
    @_traced([None, 200])
    def function(x: Any) -> Any:
        spectrum = tf.signal.stft(x, 50, 25, fft_length=64)
        window = tf.signal.inverse_stft_window_fn(25)
        back = tf.signal.inverse_stft(spectrum, 50, 25, 64, window_fn=window)
        return (
            tf.abs(spectrum),
            back,
            tf.signal.dct(x, norm="ortho"),
            tf.signal.dct(x, type=4),
            tf.signal.idct(x, type=3),
        )

    return function, [_floats(2, 200)]


@example("audio-spectrogram-as-matmul")
def spectrogram() -> Any:
    @_traced([100, 2])
    def function(x: Any) -> Any:
        magnitudes = tf.raw_ops.AudioSpectrogram(input=x, window_size=24, stride=10, magnitude_squared=False)
        return magnitudes, tf.raw_ops.AudioSpectrogram(input=x, window_size=16, stride=16, magnitude_squared=True)

    return function, [_floats(100, 2)]


@example("audio-spectrogram-as-matmul")
def spectrogram_of_any_length() -> Any:
    @_traced([None, 1])
    def function(x: Any) -> Any:
        return tf.raw_ops.AudioSpectrogram(input=x, window_size=16, stride=8, magnitude_squared=True)

    return function, [_floats(90, 1)]


@example("mfcc-as-matmul")
def cepstrum() -> Any:
    @_traced([1, None, 129])
    def function(power: Any) -> Any:
        mfcc = tf.raw_ops.Mfcc
        narrow = mfcc(
            spectrogram=power, sample_rate=8000, upper_frequency_limit=3500.0, lower_frequency_limit=300.0,
            filterbank_channel_count=20, dct_coefficient_count=20,
        )  # fmt: skip
        return mfcc(spectrogram=power, sample_rate=16000), narrow, mfcc(spectrogram=power * 0.0, sample_rate=16000)

    return function, [np.square(_floats(1, 7, 129))]
