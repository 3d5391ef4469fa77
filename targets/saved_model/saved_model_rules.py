"""What TensorFlow itself can't run on a CPU, though its Python API makes it: repaired, so that any server runs the SavedModel.

Keras has such convolutions compiled by XLA where there is no GPU; a server's kernels are not.
"""

from __future__ import annotations

from anyport_tf.compositions import convolution, layouts
from anyport_tf.rules import Operation, Rule, attribute

UNTIL = "tensorflow 2.21"
CONVOLUTIONS = ("Conv2D", "Conv3D", "Conv2DBackpropInput", "Conv3DBackpropInputV2")


def is_channels_first(operation: Operation) -> bool:
    """Tell whether an op's data has its channels before its space."""
    return str(attribute(operation, "data_format", "NHWC")).startswith("NC")


def is_grouped(operation: Operation) -> bool:
    """Tell whether a convolution's kernel takes fewer channels than its input has, both being known."""
    channels = operation.inputs[0].shape[1 if is_channels_first(operation) else -1]
    return None not in (channels, operation.inputs[1].shape[-2]) and channels != operation.inputs[1].shape[-2]


RULES: tuple[Rule, ...] = (
    Rule(
        name="channels-first-as-channels-last",
        ops=CONVOLUTIONS,
        when=is_channels_first,
        becomes=layouts.channels_first,
        why="TensorFlow's CPU kernels convolve channels-last data only",
        until=UNTIL,
    ),
    Rule(
        name="grouped-conv-as-split",
        ops=("Conv2D", "Conv3D"),
        when=is_grouped,
        becomes=convolution.grouped,
        why="TensorFlow's CPU kernels can't group once a bias is fused behind the convolution, nor in 3-D",
        until=UNTIL,
    ),
)
"""In the order in which they are tried."""
