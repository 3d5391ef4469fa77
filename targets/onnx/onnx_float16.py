"""The variant `float16`: weights stored in half as many bits, and computed with as float32.

`halve` is called by `convert.py`.  A runtime computes the casts once, when it loads the file.  Arithmetic in float16 would be
another thing: onnxruntime's CPU provider has hardly a kernel for it, and would cast around every node.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx_trees
from onnx import TensorProto, helper

from anyport_guest import Array

LIMIT = float(np.finfo(np.float16).max)


def halve(model: Any, arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return the initializers, matrices and kernels among them in float16, and put their casts into `model`.

    Vectors, biases and scales most of them, stay: they are few of the bytes.  So does what float16 can't hold.
    """
    outputs = {port.name for port in model.graph.output}
    halved = {name: f"{name}/float16" for name, array in arrays.items() if name not in outputs and _fits(array)}
    casts = [
        helper.make_node("Cast", [stored], [name], name=f"{name}/cast", to=TensorProto.FLOAT)
        for name, stored in halved.items()
    ]
    onnx_trees.replace(model.graph.node, [*casts, *model.graph.node])
    return {
        halved.get(name, name): array.astype(np.float16) if name in halved else array for name, array in arrays.items()
    }


def _fits(array: Array) -> bool:
    if array.dtype != np.float32 or array.ndim < 2 or not array.size:
        return False
    return bool(np.isfinite(array).all() and np.abs(array).max() <= LIMIT)
