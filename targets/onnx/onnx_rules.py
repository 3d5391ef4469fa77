"""What tf2onnx or onnxruntime lack, or get wrong, and what it becomes.

Every handler of tf2onnx 1.17.0 was held against TensorFlow in onnxruntime 1.32.0 over dtypes, ranks, axes and attributes.  A rule
says in its `why` what came out; a version in which that comes out right makes the rule superfluous.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from anyport_tf.rules import Rule

Operation = Any
Tensor = Any

TF2ONNX = "tf2onnx 1.17.0"
ONNXRUNTIME = "onnxruntime 1.32.0"


def _rule(
    name: str,
    ops: str,
    becomes: Callable[[Operation, Sequence[Tensor]], Any],
    why: str,
    when: Callable[[Operation], bool] = lambda operation: True,
    until: str = TF2ONNX,
) -> Rule:
    return Rule(name=name, ops=tuple(ops.split()), becomes=becomes, why=why, until=until, when=when)


def _erfc(operation: Operation, inputs: Sequence[Tensor]) -> Tensor:
    return 1 - tf.math.erf(inputs[0])


RULES: tuple[Rule, ...] = (
    _rule("erfc-as-erf", "Erfc", _erfc, "ONNX has no Erfc"),
)
