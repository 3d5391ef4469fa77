"""What tf2onnx is kept from doing.  Importing this file takes rewriters and optimizers away from it that change results, and
the limit to the operator sets that it knows itself.

Of tf2onnx 1.17.0: casts one after the other become the last alone, though the first may have rounded; a reshape to a shape
with 0, which means "as it was", loses the reshape before it; patterns become random numbers of ONNX' own, an EyeLike that has
no batch, or a quantisation whose attributes nobody looks at.  A reshape to a computed shape becomes one to a constant shape and
a squeeze behind it, which the readers of its output get and the graph's own output doesn't.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from onnx import TensorProto
from tf2onnx import constants, tfonnx
from tf2onnx.optimizer import back_to_back_optimizer
from tf2onnx.optimizer.reshape_optimizer import ReshapeOptimizer

REWRITERS = (
    "rewrite_dropout", "rewrite_random_uniform", "rewrite_random_uniform_fold_const", "rewrite_random_normal",
    "rewrite_eye", "rewrite_quantize_and_dequantize",
)  # fmt: skip

PAIRS = ("Cast", "Reshape")


def _leave(graph: Any, nodes: Any) -> Any:
    return nodes


for _name in REWRITERS:
    setattr(tfonnx, _name, _leave)

for _pair in PAIRS:
    back_to_back_optimizer._func_map.pop((_pair,))

RECURRENT = (
    "rewriter_lstm_tf2", "rewrite_gru_tf2", "rewrite_single_direction_lstm", "rewrite_bi_direction_lstm",
    "rewrite_single_direction_gru", "rewrite_bi_direction_gru",
)  # fmt: skip
"""What makes one operator of a recurrent layer's loop: onnxruntime 1.32.0 "does not support double yet" in it."""


def _unless_double(rewrite: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(rewrite)
    def rewritten(graph: Any, nodes: Any) -> Any:
        loops = [node for node in graph.get_nodes() if node.type in ("While", "StatelessWhile")]
        double = any(dtype == TensorProto.DOUBLE for node in loops for dtype in node.output_dtypes)
        return nodes if double else rewrite(graph, nodes)

    return rewritten


for _name in RECURRENT:
    setattr(tfonnx, _name, _unless_double(getattr(tfonnx, _name)))

_optimize_reshape = ReshapeOptimizer._optimize_reshape


def _optimize_inner_reshape(self: Any, node: Any, graph: Any) -> bool:
    return node.output[0] not in graph.outputs and bool(_optimize_reshape(self, node, graph))


ReshapeOptimizer._optimize_reshape = _optimize_inner_reshape

IR_VERSIONS = {19: 9, 20: 9}
"""Operator set → version of the file format that it came with: https://github.com/onnx/onnx/blob/main/docs/Versioning.md."""

constants.OPSET_TO_IR_VERSION.update(IR_VERSIONS)
