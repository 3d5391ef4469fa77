"""Sliding windows said in pads and slices: what convolutions, pools and patches of any number of dimensions share."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from ..rules import Inapplicable, attribute
from .shapes import Size, largest, padded, product, rank, reshaped, size, sizes

Operation = Any
Tensor = Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class Window:
    """What slides along one axis."""

    length: int
    stride: int = 1
    dilation: int = 1

    @property
    def reach(self) -> int:
        """The number of elements from the first that a window touches to its last."""
        return (self.length - 1) * self.dilation + 1

    def outputs(self, padded_size: Size) -> Size:
        """Return the number of windows that fit."""
        return (padded_size - self.reach) // self.stride + 1

    def same(self, number: Size) -> tuple[Size, Size]:
        """Return what "SAME" adds before and after an axis of that size: ⌈size / stride⌉ windows fit, the odd one after."""
        if self.stride == 1:
            total: Size = self.reach - 1
        else:
            total = largest(((number + self.stride - 1) // self.stride - 1) * self.stride + self.reach - number, 0)
        return total // 2, total - total // 2


def spatial_windows(operation: Operation, lengths: Sequence[int]) -> list[Window]:
    """Return the windows along the axes between batch and channels (channels last)."""
    strides = attribute(operation, "strides")
    dilations = attribute(operation, "dilations") or [1] * len(strides)
    if strides[0] != 1 or strides[-1] != 1 or dilations[0] != 1 or dilations[-1] != 1:
        raise Inapplicable("windows over batch or channels")
    return [
        Window(length=int(length), stride=stride, dilation=dilation)
        for length, stride, dilation in zip(lengths, strides[1:-1], dilations[1:-1], strict=True)
    ]


def spatial_padding(
    operation: Operation, spatial: Sequence[Size], windows: Sequence[Window]
) -> list[tuple[Size, Size]]:
    """Return (before, after) for each axis between batch and channels, as the attribute `padding` says."""
    padding = attribute(operation, "padding")
    if padding == "SAME":
        return [window.same(number) for window, number in zip(windows, spatial, strict=True)]
    if padding == "EXPLICIT":
        amounts = attribute(operation, "explicit_paddings")
        return [(amounts[2 * axis], amounts[2 * axis + 1]) for axis in range(1, len(windows) + 1)]
    return [(0, 0)] * len(windows)


def along(axis: int, number: int, pair: tuple[Size, Size]) -> list[tuple[Size, Size]]:
    """Return the paddings of a tensor of rank `number` that pad one axis."""
    return [pair if index == axis else (0, 0) for index in range(number)]


def taps(x: Tensor, axis: int, window: Window) -> list[Tensor]:
    """Return, for each element of the window, the tensor of what it meets along the axis (already padded)."""
    found = []
    for tap in range(window.length):
        left = (window.length - 1 - tap) * window.dilation
        piece = slice(tap * window.dilation, -left if left else None, window.stride)
        found.append(x if window.length == window.stride == 1 else x[(slice(None),) * axis + (piece,)])
    return found


def spread(x: Tensor, axis: int, factor: int) -> Tensor:
    """Put `factor - 1` zeros between the elements along an axis."""
    if factor == 1:
        return x
    shape = sizes(x)
    column = reshaped(x, [product(shape[: axis + 1]), 1, product(shape[axis + 1 :])])
    wide = tf.pad(column, [[0, 0], [0, factor - 1], [0, 0]])
    whole = reshaped(wide, [*shape[:axis], shape[axis] * factor, *shape[axis + 1 :]])
    return whole[(slice(None),) * axis + (slice(None, 1 - factor),)]


def patches(x: Tensor, windows: Sequence[Window], padding: Sequence[tuple[Size, Size]], value: Any = 0) -> Tensor:
    """Return `[batch, rows, columns, taps, channels]` of `x` [batch, height, width, channels]: what each window sees.

    Two gathers, along height and along width, whatever the size of the window; beyond the edge it sees `value`.
    """
    x = padded(x, [(0, 0), *padding, (0, 0)], value)
    batch, height, width, channels = sizes(x)
    down, across = windows
    rows, columns = down.outputs(height), across.outputs(width)
    x = tf.gather(x, _places(down, rows), axis=1)
    x = tf.gather(x, _places(across, columns), axis=2)
    x = reshaped(x, [product([batch, rows]), down.length, columns, across.length * channels])
    x = tf.transpose(x, [0, 2, 1, 3])
    return reshaped(x, [batch, rows, columns, down.length * across.length, channels])


def _places(window: Window, outputs: Size) -> Tensor:
    """Return the indices [outputs × length], window after window."""
    inside = np.arange(window.length, dtype=np.int32) * window.dilation
    if isinstance(outputs, int):
        starts = np.arange(outputs, dtype=np.int32) * window.stride
        return tf.constant((starts[:, None] + inside).reshape(-1))
    return tf.reshape((tf.range(outputs) * window.stride)[:, None] + inside, [-1])


def frames(x: Tensor) -> Tensor:
    """Return `[batch × depth, height, width, channels]` of a volume."""
    batch, depth, height, width, channels = sizes(x)
    return reshaped(x, [product([batch, depth]), height, width, channels])


def volume(flat: Tensor, batch: Size, depth: Size) -> Tensor:
    """Return `[batch, depth, height, width, channels]` of frames."""
    return reshaped(flat, [batch, depth, *sizes(flat)[1:]])


def pad_depth(x: Tensor, window: Window, padding: str) -> Tensor:
    """Pad axis 1 of a volume with zeros as `padding` asks."""
    pair = window.same(size(x, 1)) if padding == "SAME" else (0, 0)
    return padded(x, along(1, rank(x), pair))
