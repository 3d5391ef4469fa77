"""Simulated quantisation: numbers half way between two steps, ranges aside of 0, few bits, one scale for each channel."""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf
from shorthand import declare, drawn

X = np.concatenate([drawn(300) * 2, np.arange(-64, 64) / 16, [0.0, 1e9, -1e9, 0.49999997]]).astype(np.float32)
X = X.reshape(-1, 4)

RANGES: dict[str, tuple[float, float, dict[str, Any]]] = {
    "plain": (-2.0, 3.0, {}),
    "four_bits": (-1.5, 1.5, {"num_bits": 4}),
    "narrow": (-2.0, 2.0, {"narrow_range": True}),
    "above": (0.0, 6.0, {}),
    "below": (-5.0, 0.0, {"num_bits": 3}),
    "two_bits": (-1.0, 0.7, {"num_bits": 2, "narrow_range": True}),
    "sixteen_bits": (-3.0, 5.0, {"num_bits": 16}),
}
for _name, (_low, _high, _options) in RANGES.items():
    _rules = "fake-quant-as-floor fake-quant-as-rounding"
    declare(
        _rules,
        f"attributes_{_name}",
        lambda x, low=_low, high=_high, options=_options: tf.quantization.fake_quant_with_min_max_args(
            x, low, high, **options
        ),
        X,
    )
    declare(
        _rules,
        f"operands_{_name}",
        lambda x, low, high, options=_options: tf.quantization.fake_quant_with_min_max_vars(
            x, low[0], high[0], **options
        ),
        X,
        np.array([_low], np.float32),
        np.array([_high], np.float32),
    )
    declare(
        _rules,
        f"constants_{_name}",
        lambda x, low=_low, high=_high, options=_options: tf.quantization.fake_quant_with_min_max_vars(
            x, low, high, **options
        ),
        X,
    )
declare(
    "fake-quant-as-floor fake-quant-as-rounding",
    "channels",
    lambda x, low, high: tf.quantization.fake_quant_with_min_max_vars_per_channel(x, low, high),
    X,
    np.array([-1, -2, -0.5, 0], np.float32),
    np.array([1, 1, 2, 0], np.float32),
    unknown=(),
)
declare(
    "fake-quant-as-floor fake-quant-as-rounding",
    "constant_channels",
    lambda x: tf.quantization.fake_quant_with_min_max_vars_per_channel(
        x, np.array([-1, -2, -0.5, 0], np.float32), np.array([1, 1, 2, 0], np.float32)
    ),
    X,
)

GRIDS: dict[str, dict[str, Any]] = {
    "own_range": {"range_given": False},
    "own_range_few_bits": {"range_given": False, "num_bits": 4},
    "given": {"range_given": True},
    "unsigned": {"range_given": True, "signed_input": False},
    "narrow": {"range_given": True, "narrow_range": True, "num_bits": 5},
    "half_up": {"range_given": True, "round_mode": "HALF_UP"},
    "half_up_own": {"range_given": False, "round_mode": "HALF_UP"},
}
for _name, _options in GRIDS.items():
    for _low, _high in ((-2.0, 2.0), (-1.0, 3.0), (-3.0, 0.5), (0.5, 4.0)):
        for _raw in (tf.raw_ops.QuantizeAndDequantizeV2, tf.raw_ops.QuantizeAndDequantizeV4):
            declare(
                "quantize-and-dequantize-as-round",
                f"{_raw.__name__}_{_name}_{_low}_{_high}",
                lambda x, raw=_raw, low=_low, high=_high, options=_options: raw(
                    input=x, input_min=low, input_max=high, **options
                ),
                X[:-1],
            )
    declare(
        "quantize-and-dequantize-as-round",
        f"bits_are_an_operand_{_name}",
        lambda x, options=_options: tf.raw_ops.QuantizeAndDequantizeV3(
            input=x,
            input_min=-2.0,
            input_max=2.5,
            num_bits=options.get("num_bits", 8),
            **{key: value for key, value in options.items() if key not in ("num_bits", "round_mode")},
        ),
        X[:-1],
    )
    if not _options["range_given"]:
        declare(
            "quantize-and-dequantize-as-round",
            f"channels_{_name}",
            lambda x, options=_options: tf.raw_ops.QuantizeAndDequantizeV2(
                input=x, input_min=[0.0] * 4, input_max=[0.0] * 4, axis=1, **options
            ),
            X[:-1],
        )
declare(
    "quantize-and-dequantize-as-round",
    "nothing_but_zeros",
    lambda x: tf.raw_ops.QuantizeAndDequantizeV2(input=x, input_min=0.0, input_max=0.0, range_given=False),
    np.zeros((3, 4), np.float32),
)

for _dtype in (tf.quint8, tf.qint8):
    for _mode in ("MIN_COMBINED", "SCALED"):
        for _low, _high in ((-3.0, 3.0), (0.0, 5.0), (-1.0, 0.25), (0.1, 0.1001)):

            def _codes(x: Any, low: float = _low, high: float = _high, dtype: Any = _dtype, mode: str = _mode) -> Any:
                return tf.raw_ops.QuantizeV2(
                    input=x, min_range=low, max_range=high, T=dtype, mode=mode, round_mode="HALF_AWAY_FROM_ZERO"
                )

            def _there_and_back(x: Any, quantized: Any = _codes, mode: str = _mode) -> Any:
                codes = quantized(x)
                return tf.raw_ops.Dequantize(
                    input=codes.output, min_range=codes.output_min, max_range=codes.output_max, mode=mode
                )

            def _range(x: Any, quantized: Any = _codes) -> Any:
                return [quantized(x).output_min, quantized(x).output_max]

            declare("quantize-as-floats", f"{_dtype.name}_{_mode}_{_low}", _range, X)
            declare("dequantize-as-floats", f"{_dtype.name}_{_mode}_{_low}", _there_and_back, X)
