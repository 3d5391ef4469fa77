"""The audio ops of TensorFlow 1, which speech commands were recognised with: spectrograms and cepstral coefficients."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..rules import Inapplicable, attribute, value_of
from .complex import modulus
from .fourier import rfft
from .shapes import fixed, size

Array = Any
Operation = Any
Tensor = Any

LOUDNESS_FLOOR = 1e-12
"""What the logarithm is taken of at least; of TensorFlow's `kernels/mfcc.cc`."""


def spectrogram(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`AudioSpectrogram`: `[channels, frames, bins]` of samples `[samples, channels]`, in Hann windows padded to a power of 2."""
    window, stride = attribute(operation, "window_size"), attribute(operation, "stride")
    length = 1 << (window - 1).bit_length()
    samples = tf.transpose(inputs[0])
    count = tf.maximum((size(samples, -1) - window) // stride + 1, 0)
    places = tf.range(count)[:, None] * stride + tf.range(window)[None]
    taper = 0.5 - 0.5 * np.cos(2.0 * np.pi * np.arange(window) / window)
    framed = tf.gather(samples, places, axis=1) * tf.constant(taper, samples.dtype)
    spectrum = rfft(framed, [length], axes=[2])
    squared = spectrum.real * spectrum.real + spectrum.imag * spectrum.imag
    return squared if attribute(operation, "magnitude_squared") else modulus(spectrum)


def mfcc(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    """`Mfcc`: triangles over the mel scale, logarithm, cosine transform; the sample rate must be constant."""
    power, rate = inputs[0], value_of(inputs[1])
    if rate is None:
        raise Inapplicable("a sample rate that is known only when the model runs")
    channels = attribute(operation, "filterbank_channel_count")
    triangles = _triangles(
        fixed(power, 2),
        float(rate),
        channels,
        attribute(operation, "lower_frequency_limit"),
        attribute(operation, "upper_frequency_limit"),
    )
    loudness = tf.math.log(tf.maximum(_times(tf.sqrt(power), triangles), LOUDNESS_FLOOR))
    order = np.arange(attribute(operation, "dct_coefficient_count"))
    angles = np.outer(np.arange(channels) + 0.5, order) * np.pi / channels
    return _times(loudness, np.cos(angles) * np.sqrt(2.0 / channels))


def _times(x: Tensor, matrix: Array) -> Tensor:
    return tf.matmul(x, tf.constant(matrix, x.dtype)[None])


def _mel(frequency: Any) -> Any:
    return 1127.0 * np.log1p(frequency / 700.0)


def _triangles(bins: int, rate: float, channels: int, lowest: float, highest: float) -> Array:
    """Return each bin's part in each channel `[bins, channels]`; the first bin and those outside the limits have none.

    A bin between the centres of two channels belongs to both, in proportion to its distance on the mel scale.
    """
    width = 0.5 * rate / (bins - 1)
    edges = np.linspace(_mel(lowest), _mel(highest), channels + 2)
    low, high = edges[:-1], edges[1:]
    used = np.arange(int(1.5 + lowest / width), min(int(highest / width), bins - 1) + 1)
    made = np.zeros((bins, channels + 2))
    for number in used:
        mel = _mel(number * width)
        lower = min(int(np.searchsorted(edges[1:-1], mel)), channels)
        rising = (high[lower] - mel) / (high[lower] - low[lower])
        made[number, lower] += rising
        made[number, lower + 1] += 1.0 - rising
    return made[:, 1:-1]


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "audio-spectrogram-as-matmul": (("AudioSpectrogram",), spectrogram),
    "mfcc-as-matmul": (("Mfcc",), mfcc),
}
"""Rule → the ops that it is about, and what they become."""
