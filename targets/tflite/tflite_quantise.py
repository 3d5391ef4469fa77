"""The quantised variants: what each asks of the converter, and what calibrates it.

`convert.py` converts through `QuantisingConverter` whatever isn't `float32`; `ports` tells it the scale and zero-point of
the inputs and outputs of the file.  `prepare` has refused what none of this can do (`tflite_limits.py`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf
import tflite_batch
from tensorflow.lite.python import lite
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.python.convert import mlir_quantize
from tensorflow.lite.python.optimize import calibrator
from tensorflow.lite.tools import flatbuffer_utils
from tflite_limits import CALIBRATED

from anyport_guest import Array, Calls, Tensors
from anyport_tf.canonical import Canonical

FLOAT_OPS = ("DIV", "LOG", "SQRT")
"""Operators that stay in float32, since tflite-runtime 2.14.0 lacks them in int8: it has no LOG or SQRT of version 2, and
loads a DIV and then fails when it is invoked.  ai-edge-litert 2.3.0 runs them all."""

BETWEEN = ("DEQUANTIZE", "QUANTIZE")
"""Operators that lead from one to the other."""

MOST_ROWS = 500
"""Rows that calibration looks at; more of them hardly move the ranges, and take their time."""

Dataset = Callable[[], Iterator[tuple[str, Tensors]]]


class QuantisingConverter(lite.TFLiteSavedModelConverterV2):
    """`TFLiteConverter.from_saved_model` for one variant, less what its public `convert` does for metrics."""

    def __init__(self, folder: str, signatures: list[str], variant: str, dataset: Dataset) -> None:
        super().__init__(folder, {tf.saved_model.SERVING}, signatures)
        self.exclude_conversion_metadata = True
        self.optimizations = [lite.Optimize.DEFAULT]
        # Per channel, a FULLY_CONNECTED of version 12 is refused by tflite-runtime 2.14.0 (dynamic) and, in int8, read
        # wrongly by 2.7 and 2.9 without a word.
        self._experimental_disable_per_channel_quantization_for_dense_layers = True
        self._dataset = dataset
        if variant == "float16":
            self.target_spec.supported_types = [tf.float16]
        if variant in CALIBRATED:
            self.representative_dataset = dataset
        if variant == "int16x8":
            sixteen = lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
            self.target_spec.supported_ops = [sixteen, lite.OpsSet.TFLITE_BUILTINS]
        if variant == "int8":
            self.inference_input_type = self.inference_output_type = tf.int8

    def convert(self) -> bytes:
        return bytes(self._convert_from_saved_model(tf.compat.v1.GraphDef()))

    def _quantize(self, model: bytes, input_type: Any, output_type: Any, activations: Any, *others: Any) -> bytes:
        """Calibrate and quantise; the public way can't leave chosen operators in float32."""
        if activations == tf.int16:  # the older quantiser's work
            return bytes(super()._quantize(model, input_type, output_type, activations, *others))
        calibrated = calibrator.Calibrator(calibrator.add_intermediate_tensors(model)).calibrate(self._dataset)
        return bytes(
            mlir_quantize(
                calibrated,
                input_data_type=input_type,
                output_data_type=output_type,
                denylisted_ops=list(FLOAT_OPS),
                disable_per_channel_for_dense_layers=True,
            )
        )


def dataset(calls: Calls, source: Canonical, names: Mapping[str, Mapping[str, str]], model: Canonical) -> Dataset:
    """Return the calibrator's generator: rows of every signature of `model`, by the names of the file's inputs.

    `source` states the signatures that `calls` were made for, `names` what the file calls their inputs, `model` the
    dtypes that it takes.  The calibrator takes one shape a signature: calls of another shape than the first stay out.
    """
    batched = {contract["name"]: tflite_batch.open_batch(contract) for contract in source.contract["signatures"]}
    dtypes = {
        contract["name"]: {port["name"]: port["dtype"] for port in contract["inputs"]}
        for contract in model.contract["signatures"]
    }

    def feed() -> Iterator[tuple[str, Tensors]]:
        for signature in model.signatures:
            for row in _alike(_rows(calls[signature], batched[signature])):
                yield (
                    signature,
                    {names[signature][key]: _as(value, dtypes[signature][key]) for key, value in row.items()},
                )

    return feed


def _as(value: Array, dtype: str) -> Array:
    return value if dtype == "string" else value.astype(dtype)


def _rows(calls: list[Tensors], batched: bool) -> list[Tensors]:
    rows = [
        {name: array[number : number + 1] for name, array in call.items()} if batched else call
        for call in calls
        for number in range(len(next(iter(call.values()))) if batched else 1)
    ]
    return rows[:: -(-len(rows) // MOST_ROWS)]


def _alike(rows: list[Tensors]) -> list[Tensors]:
    shapes = [{name: array.shape for name, array in row.items()} for row in rows]
    return [row for row, shape in zip(rows, shapes, strict=True) if shape == shapes[0]]


def notes(content: bytes) -> list[str]:
    """Say which operators of an int8 file compute in float32, for whoever has a chip that can't."""
    file = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    kinds = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
    found = Counter(
        kinds[max(code.builtinCode, code.deprecatedBuiltinCode)]
        for graph in file.subgraphs
        for operator in graph.operators
        for code in [file.operatorCodes[operator.opcodeIndex]]
        if any(graph.tensors[tensor].type == schema.TensorType.FLOAT32 for tensor in operator.outputs)
    )
    named = ", ".join(f"{name} ×{count}" for name, count in sorted(found.items()) if name not in BETWEEN)
    return [f"operators that compute in float32: {named}"] if named else []


def ports(content: bytes, signature: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Return `inputs` and `outputs` of a signature that the file holds as scaled integers, by the file's names."""
    runner = lite.Interpreter(model_content=content).get_signature_runner(signature)
    details = {"inputs": runner.get_input_details(), "outputs": runner.get_output_details()}
    return {
        role: {name: _scaled(item) for name, item in found.items() if item["quantization"][0]}
        for role, found in details.items()
    }


def _scaled(details: Mapping[str, Any]) -> dict[str, Any]:
    scale, zero_point = details["quantization"]
    return {"dtype": np.dtype(details["dtype"]).name, "scale": float(scale), "zero_point": int(zero_point)}
