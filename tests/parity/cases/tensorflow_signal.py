"""Signals: complex numbers, Fourier transforms, frames, spectrograms."""

from __future__ import annotations

import tensorflow as tf
from graphs import floats, spec, traced, weight


@traced(floats(None, 4), floats(None, 4))
def complex_arithmetic(real, imaginary):
    z = tf.complex(real, imaginary)
    w = tf.math.conj(z) * tf.complex(2.0, -1.0) + z
    return {"real": tf.math.real(w), "imaginary": tf.math.imag(w), "modulus": tf.abs(w), "angle": tf.math.angle(z)}


@traced(spec("complex64", None, 4))
def complex_functions(z):
    return {"exp": tf.exp(z), "sqrt": tf.sqrt(z), "quotient": z / (z + 3.0), "sum": tf.reduce_sum(z, axis=1)}


@traced(spec("complex64", None, 3))
def complex_matmul(z):
    kernel = tf.complex(weight(3, 2), weight(3, 2, name="imaginary"))
    return tf.matmul(z, kernel)


@traced(spec("complex64", None, 8))
def fft(z):
    return tf.signal.fft(z)


@traced(spec("complex64", None, 8))
def ifft_of_filtered(z):
    return tf.signal.ifft(tf.signal.fft(z) * tf.cast(weight(8), tf.complex64))


@traced(spec("complex64", None, 4, 6))
def fft2d(z):
    return tf.signal.fft2d(z)


@traced(floats(None, 16))
def rfft_modulus(x):
    return tf.abs(tf.signal.rfft(x))


@traced(floats(None, 12))
def rfft_padded(x):
    spectrum = tf.signal.rfft(x, fft_length=[16])
    return {"real": tf.math.real(spectrum), "imaginary": tf.math.imag(spectrum)}


@traced(floats(None, 16))
def irfft_low_pass(x):
    keep = tf.cast(tf.range(9) < 4, tf.complex64)
    return tf.signal.irfft(tf.signal.rfft(x) * keep)


@traced(floats(None, 8, 8))
def rfft2d_and_back(x):
    spectrum = tf.signal.rfft2d(x)
    return {"modulus": tf.abs(spectrum), "back": tf.signal.irfft2d(spectrum * 0.5)}


@traced(floats(None, 8))
def fft_shift(x):
    return tf.signal.ifftshift(tf.signal.fftshift(x, axes=1) * tf.range(8.0), axes=1)


@traced(floats(None, 128))
def stft_modulus(x):
    return tf.abs(tf.signal.stft(x, frame_length=32, frame_step=16))


@traced(floats(None, 128))
def stft_and_back(x):
    window = tf.signal.hann_window
    spectrum = tf.signal.stft(x, frame_length=32, frame_step=16, window_fn=window)
    return tf.signal.inverse_stft(
        spectrum, 32, 16, window_fn=tf.signal.inverse_stft_window_fn(16, forward_window_fn=window)
    )


@traced(floats(None, 256))
def log_mel_spectrogram(x):
    spectrogram = tf.abs(tf.signal.stft(x, frame_length=64, frame_step=32, fft_length=64))
    mel = tf.signal.linear_to_mel_weight_matrix(10, 33, 8000, 60.0, 3800.0)
    return tf.math.log(tf.tensordot(spectrogram, mel, 1) + 1e-3)


@traced(floats(None, 256))
def mfcc(x):
    spectrogram = tf.abs(tf.signal.stft(x, frame_length=64, frame_step=64, pad_end=True))
    mel = tf.signal.linear_to_mel_weight_matrix(12, 33, 8000, 60.0, 3800.0)
    return tf.signal.mfccs_from_log_mel_spectrograms(tf.math.log(spectrogram @ mel + 1e-2))[..., :6]


@traced(floats(4, 200))
def stft_fixed_batch(x):
    return tf.math.log1p(tf.abs(tf.signal.stft(x, 50, 25, fft_length=64, pad_end=True)))


@traced(floats(None, 8))
def dct_types(x):
    return {
        "two": tf.signal.dct(x, type=2, norm="ortho"),
        "three": tf.signal.dct(x, type=3),
        "inverse": tf.signal.idct(x, type=2),
    }


@traced(floats(None, 40))
def frames(x):
    return tf.signal.frame(x, frame_length=16, frame_step=6, pad_end=True, pad_value=-1.0)


@traced(floats(None, 5, 8))
def overlap_and_add(x):
    return tf.signal.overlap_and_add(x, frame_step=3)


@traced(floats(None, 16))
def windows(x):
    return {
        "hann": x * tf.signal.hann_window(16),
        "hamming": x * tf.signal.hamming_window(16, periodic=False),
        "kaiser": x * tf.signal.kaiser_window(16, beta=8.0),
        "vorbis": x * tf.signal.vorbis_window(16),
    }


@traced(floats(1, 64, 1))
def audio_spectrogram(x):
    return tf.raw_ops.AudioSpectrogram(input=x[0], window_size=16, stride=8, magnitude_squared=False)


@traced(floats(None, 24))
def convolution_by_fft(x):
    """A long filter applied in the frequency domain."""
    size = [64]
    spectrum = tf.signal.rfft(x, size) * tf.signal.rfft(weight(24, scale=0.3), size)
    return tf.signal.irfft(spectrum, size)[:, :47]


@traced(floats(None, 8), floats(None, 8))
def polar(modulus, phase):
    z = tf.complex(tf.abs(modulus), 0.0 * phase) * tf.exp(tf.complex(tf.zeros_like(phase), phase))
    return {"real": tf.math.real(z), "angle": tf.math.angle(z)}
