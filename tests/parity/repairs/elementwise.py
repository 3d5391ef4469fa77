"""Arithmetic on each element: zeros, infinities and NaN among the operands, every sign, halves, whole ranges of integers."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from shorthand import declare, drawn

SPECIAL = np.array([0.0, 1.0, -1.0, 2.5, -3.5, np.inf, -np.inf, np.nan, 1e-30, 3e38], np.float32)
COLUMN, ROW = SPECIAL[:, None], SPECIAL[None, :]

for _rule, _function in {
    "xlogy-as-where": tf.math.xlogy,
    "xlog1py-as-where": tf.math.xlog1py,
    "xdivy-as-where": tf.math.xdivy,
    "div-no-nan-as-where": tf.math.divide_no_nan,
    "mul-no-nan-as-where": tf.math.multiply_no_nan,
    "squared-difference-as-product": tf.math.squared_difference,
}.items():
    declare(_rule, "special", _function, COLUMN, ROW)
    declare(_rule, "drawn", _function, drawn(5, 3), np.abs(drawn(3, seed=1)))

HALVES = np.concatenate([np.arange(-40, 40) / 8, [2.0**22 + 0.5, 2.0**23 + 1, -(2.0**22) - 1.5, 0.49999997], SPECIAL])
for _function in (tf.round, tf.math.rint):
    declare("round-as-floor", _function.__name__, _function, HALVES.astype(np.float32))
declare("sign-as-where", "floats", tf.sign, SPECIAL)
declare("sign-as-where", "integers", tf.sign, np.arange(-3, 3, dtype=np.int32))
declare("reciprocal-as-division", "special", tf.math.reciprocal, SPECIAL)

_x = np.concatenate([drawn(40) * 9, drawn(40) * 2000, np.arange(-20, 20) / 4]).astype(np.float32)
_y = np.array([0.3, -0.7, 2.0, -2.5, 1.25, 1e10, np.inf], np.float32)
for _rule, _raw in {
    "mod-as-floor": tf.raw_ops.TruncateMod,
    "floor-mod-as-floor": tf.raw_ops.FloorMod,
    "floor-div-as-floor": tf.raw_ops.FloorDiv,
}.items():
    declare(_rule, "signs", lambda x, y, raw=_raw: raw(x=x, y=y), _x[:, None], _y[None, :])
    declare(
        _rule,
        "double",
        lambda x, y, raw=_raw: raw(x=x, y=y),
        _x[:, None].astype(np.float64),
        _y[None, :6].astype(np.float64),
    )

_whole = np.concatenate([np.arange(-20, 20), [2**31 - 1, -(2**31) + 1, 123456789, -987654321]]).astype(np.int32)
_divisors = np.array([1, -1, 2, -3, 7, -10, 65537, 2**31 - 1], np.int32)
for _rule, _raws in {
    "integer-floor-div-as-truncate-div": [tf.raw_ops.FloorDiv],
    "integer-truncate-div-as-floor-div": [tf.raw_ops.TruncateDiv, tf.raw_ops.Div],
    "integer-floor-mod-as-floor-div": [tf.raw_ops.FloorMod],
    "integer-mod-as-floor-div": [tf.raw_ops.TruncateMod, tf.raw_ops.Mod],
}.items():
    for _raw in _raws:
        declare(
            _rule,
            _raw.__name__ if hasattr(_raw, "__name__") else _rule,
            lambda x, y, raw=_raw: raw(x=x, y=y),
            _whole[:, None],
            _divisors[None, :],
        )

for _exponent in (0, 1, 2, 3, 7, -2, 0.5):
    declare(
        "pow-as-products", f"{_exponent}", lambda x, exponent=_exponent: tf.pow(x, exponent), np.abs(drawn(9)) + 0.5
    )
declare("pow-as-products", "negative_base", lambda x: tf.pow(x, 3), drawn(9))
declare(
    "pow-as-products",
    "integers",
    lambda x, y: tf.pow(x, y),
    np.arange(-9, 10, dtype=np.int32)[:, None],
    np.array([0, 1, 2, 3, 9, 40, 2**30 + 1], np.int32)[None, :],
)

for _rule, _function in {
    "is-nan-as-comparison": tf.math.is_nan,
    "is-inf-as-comparison": tf.math.is_inf,
    "is-finite-as-comparison": tf.math.is_finite,
}.items():
    declare(_rule, "special", _function, SPECIAL)
declare(
    "approximate-equal-as-less",
    "near",
    lambda x, y: tf.raw_ops.ApproximateEqual(x=x, y=y, tolerance=0.1),
    drawn(50),
    drawn(50) + np.linspace(-0.2, 0.2, 50, dtype=np.float32),
)
_numbers = np.concatenate(
    [drawn(200), drawn(200) * 1e20, drawn(200) * 1e-20, [1.0, 2.0, -1.0, np.inf, -np.inf, np.nan, 3.4e38]]
)
declare(
    "next-after-as-addition",
    "every_way",
    tf.math.nextafter,
    _numbers.astype(np.float32)[:, None],
    np.array([[0, 1, 9e9, -9e9]], np.float32),
)

declare("add-n-as-additions", "three", lambda x, y, z: tf.add_n([x, y, z]), drawn(4, 3), drawn(4, 3), drawn(4, 3))
declare("add-n-as-additions", "one", lambda x: tf.raw_ops.AddN(inputs=[x]), drawn(4, 3))
declare(
    "clip-as-minimum",
    "floats",
    lambda x: tf.raw_ops.ClipByValue(t=x, clip_value_min=-0.5, clip_value_max=0.7),
    drawn(4, 3),
)
declare("l2-loss-as-sum", "matrix", tf.nn.l2_loss, drawn(4, 3))
declare("leaky-relu-as-where", "some", lambda x: tf.nn.leaky_relu(x, 0.3), SPECIAL)
declare("cross-as-gathers", "batch", tf.linalg.cross, drawn(4, 2, 3), drawn(4, 2, 3, seed=1), unknown=(0, 1))

for _function in (
    tf.nn.relu,
    tf.nn.relu6,
    tf.nn.elu,
    tf.nn.selu,
    tf.nn.softsign,
    tf.sigmoid,
    tf.tanh,
    tf.nn.leaky_relu,
):
    declare(
        "activation-gradient-as-arithmetic",
        _function.__name__,
        lambda x, function=_function: tf.gradients(tf.sin(function(x)), x)[0],
        np.linspace(-8, 8, 99, dtype=np.float32),
    )
for _function in (tf.sqrt, tf.math.rsqrt, tf.math.reciprocal):
    declare(
        "activation-gradient-as-arithmetic",
        _function.__name__,
        lambda x, function=_function: tf.gradients(function(x), x)[0],
        np.linspace(0.1, 8, 99, dtype=np.float32),
    )
declare(
    "activation-gradient-as-arithmetic",
    "softplus",
    lambda x: tf.raw_ops.SoftplusGrad(gradients=tf.sin(x), features=x),
    np.linspace(-8, 8, 99, dtype=np.float32),
)
