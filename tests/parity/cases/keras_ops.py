"""`keras.ops` as subclassed layers use them: NumPy's, those of linear algebra, of neural networks, and of images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from catalogue import case, grid, of_call
from keras import ops


def _x(*shape: int | None, dtype: str = "float32", name: str = "x") -> Any:
    return keras.Input(shape, dtype=dtype, name=name)


def _drawn(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).standard_normal(shape).astype("float32")


def _each(functions: list[Callable[[Any], Any]], *shape: int, prepare: Callable[[Any], Any] = lambda x: x) -> Any:
    """Return a model with one output for each of these functions of what `prepare` makes of `x`."""

    def call(x: Any) -> list[Any]:
        prepared = prepare(x)
        return [function(prepared) for function in functions]

    return of_call(call, _x(*shape))


grid(
    globals(),
    "elementwise",
    lambda functions, prepare=lambda x: x: _each(functions, 7, prepare=prepare),
    {
        "exponential": {"functions": [ops.exp, ops.expm1, ops.exp2]},
        "logarithm": {
            "functions": [ops.log, ops.log1p, ops.log2, ops.log10],
            "prepare": lambda x: ops.abs(x) + 0.1,
        },
        "root": {
            "functions": [ops.sqrt, ops.rsqrt, ops.reciprocal, lambda x: ops.power(x, 1.7)],
            "prepare": lambda x: ops.abs(x) + 0.1,
        },
        "cbrt": {"functions": [ops.cbrt, ops.square]},
        "trigonometric": {"functions": [ops.sin, ops.cos, lambda x: ops.tan(0.5 * x), ops.arctan, ops.sinc]},
        "inverse_trigonometric": {"functions": [ops.arcsin, ops.arccos, ops.arctanh], "prepare": lambda x: 0.9 * ops.sin(x)},
        "hyperbolic": {"functions": [ops.sinh, ops.cosh, ops.tanh, ops.arcsinh, lambda x: ops.arccosh(1.5 + ops.abs(x))]},
        "rounding": {"functions": [ops.floor, ops.ceil, ops.round, ops.trunc], "prepare": lambda x: 3.7 * x},
        "round_half_to_even": {"functions": [ops.round], "prepare": lambda x: ops.floor(x * 4) + 0.5},
        "sign": {"functions": [ops.sign, ops.negative, ops.absolute, ops.signbit]},
        "error_function": {"functions": [ops.erf, ops.erfc]},
        "erfinv": {"functions": [ops.erfinv], "prepare": lambda x: 0.9 * ops.sin(x)},
        "angle": {"functions": [ops.deg2rad, ops.rad2deg]},
        "sigmoid": {"functions": [ops.sigmoid, ops.log_sigmoid, ops.hard_sigmoid, ops.sparse_sigmoid]},
        "relu": {"functions": [ops.relu, ops.relu6, ops.leaky_relu, ops.elu, ops.selu, ops.celu]},
        "silu": {"functions": [ops.silu, ops.hard_silu, ops.gelu, lambda x: ops.gelu(x, approximate=False)]},
        "soft": {"functions": [ops.softplus, ops.softsign, ops.squareplus, ops.sparse_plus]},
        "shrink": {
            "functions": [ops.hard_shrink, ops.soft_shrink, ops.tanh_shrink, ops.hard_tanh, lambda x: ops.threshold(x, 0.3, 9.0)]
        },
    },
)  # fmt: skip


@case
def arithmetic() -> Any:
    """Two inputs, broadcast against each other."""
    return of_call(
        lambda x, y: [ops.add(x, y), ops.subtract(x, y), ops.multiply(x, y), ops.divide(x, y), x * y - y / (x * x + 1)],
        _x(4, 3),
        _x(1, 3, name="y"),
    )


@case
def floor_division() -> Any:
    return of_call(lambda x, y: [ops.floor_divide(x, y), ops.mod(x, y), ops.fmod(x, y)], _x(6), _x(6, name="y"))


@case
def division_by_zero() -> Any:
    """Infinities where the divisor is 0, and `divide_no_nan`'s zeros."""

    def call(x: Any, y: Any) -> list[Any]:
        divisor = ops.relu(y)
        return [x / divisor, ops.divide_no_nan(x, divisor), ops.nan_to_num(x / divisor, posinf=7.0, neginf=-7.0)]

    return of_call(call, _x(6), _x(6, name="y"))


@case
def integer_arithmetic() -> Any:
    return of_call(
        lambda x, y: [x + y, x - 2 * y, x * y, x // (y + 1), x % (y + 1), ops.maximum(x, y), ops.abs(x - y), -x],
        _x(6, dtype="int32"),
        _x(6, dtype="int32", name="y"),
    )


@case
def integer_division() -> Any:
    """`/` of integers gives floats."""
    return of_call(
        lambda x, y: [x / (y + 1), ops.mean(x, axis=-1)], _x(6, dtype="int32"), _x(6, dtype="int32", name="y")
    )


@case
def bitwise() -> Any:
    return of_call(
        lambda x, y: [
            ops.bitwise_and(x, y), ops.bitwise_or(x, y), ops.bitwise_xor(x, y), ops.bitwise_not(x),
            ops.left_shift(x, 3), ops.right_shift(x, 2),
        ],
        _x(6, dtype="int32"),
        _x(6, dtype="int32", name="y"),
    )  # fmt: skip


@case
def comparison() -> Any:
    return of_call(
        lambda x, y: [x > y, x >= y, x < y, x <= y, ops.equal(ops.floor(x), ops.floor(y)), ops.not_equal(ops.sign(x), ops.sign(y))],
        _x(6),
        _x(6, name="y"),
    )  # fmt: skip


@case
def logical() -> Any:
    return of_call(
        lambda x, y: [
            ops.logical_and(x, y), ops.logical_or(x, y), ops.logical_xor(x, y), ops.logical_not(x),
            ops.any(x, axis=-1), ops.all(ops.logical_or(x, y), axis=-1),
        ],
        _x(5, dtype="bool"),
        _x(5, dtype="bool", name="y"),
    )  # fmt: skip


@case
def nan_tests() -> Any:
    """NaN and infinity pass through, and are found."""

    def call(x: Any) -> list[Any]:
        y = ops.log(ops.floor(x))  # of a negative number and of 0
        return [y, ops.isnan(y), ops.isinf(y), ops.isfinite(y), ops.nan_to_num(y, nan=-1.0, posinf=2.0, neginf=3.0)]

    return of_call(call, _x(8))


@case
def selection() -> Any:
    return of_call(
        lambda x, y: [
            ops.where(x > 0, x, y), ops.select([x > 1, y > 1], [x, y], -1.0), ops.clip(x, -0.5, 0.8),
            ops.maximum(x, y), ops.minimum(x, 0.1), ops.heaviside(x, 0.5),
        ],
        _x(6),
        _x(6, name="y"),
    )  # fmt: skip


@case
def two_arguments() -> Any:
    return of_call(
        lambda x, y: [ops.arctan2(x, y), ops.hypot(x, y), ops.logaddexp(x, y), ops.power(ops.abs(x) + 0.1, y)],
        _x(6),
        _x(6, name="y"),
    )


@case
def casting() -> Any:
    return of_call(
        lambda x: [
            ops.cast(3 * x, "int32"), ops.cast(ops.relu(x), "bool"), ops.cast(x, "float16"), ops.cast(x > 0, "float32"),
            ops.cast(ops.abs(20 * x), "uint8"), ops.cast(x, "int64"), ops.cast(ops.cast(x, "float64") / 3, "float32"),
        ],
        _x(6),
    )  # fmt: skip


grid(
    globals(),
    "reduction",
    lambda **options: of_call(
        lambda x: [f(x, **options) for f in (ops.sum, ops.mean, ops.max, ops.min, ops.prod, ops.logsumexp)], _x(4, 3, 2)
    ),
    {
        "last": {"axis": -1},
        "two_axes": {"axis": (1, 3)},
        "kept": {"axis": 2, "keepdims": True},
        "kept_two": {"axis": (-2, -1), "keepdims": True},
    },
)


@case
def reduction_over_all() -> Any:
    """Scalars as outputs, the batch reduced too."""
    return of_call(lambda x: [ops.sum(x), ops.mean(x), ops.max(x), ops.size(x)], _x(4, 3))


@case
def deviation() -> Any:
    return of_call(
        lambda x: [ops.std(x, axis=-1), ops.var(x, axis=1, keepdims=True), *ops.moments(x, axes=[1, 2])], _x(5, 4)
    )


@case
def quantile() -> Any:
    return of_call(
        lambda x: [ops.median(x, axis=-1), ops.quantile(x, 0.3, axis=-1), ops.quantile(x, [0.25, 0.75], axis=1)],
        _x(7, 3),
    )


@case
def counting() -> Any:
    return of_call(
        lambda x: [ops.count_nonzero(ops.relu(x), axis=-1), ops.sum(ops.cast(x > 0.5, "int32"), axis=-1)], _x(9)
    )


@case
def norm() -> Any:
    return of_call(
        lambda x: [
            ops.norm(x, axis=-1), ops.norm(x, ord=1, axis=-1), ops.norm(x, ord=np.inf, axis=-1),
            ops.norm(x, axis=(1, 2)), ops.normalize(x, axis=-1), ops.normalize(x, axis=1, order=1),
        ],
        _x(4, 3),
    )  # fmt: skip


@case
def cumulative() -> Any:
    return of_call(
        lambda x: [ops.cumsum(x, axis=1), ops.cumprod(x, axis=-1), ops.diff(x, axis=1), ops.diff(x, n=2)], _x(5, 4)
    )


@case
def arguments_of_extremes() -> Any:
    return of_call(
        lambda x: [ops.argmax(x, axis=-1), ops.argmin(x, axis=1), ops.argmax(x, axis=-1, keepdims=True)], _x(4, 5)
    )


@case
def sorting() -> Any:
    return of_call(lambda x: [ops.sort(x, axis=-1), ops.argsort(x, axis=-1), ops.sort(x, axis=1)], _x(6, 4))


@case
def top_k() -> Any:
    return of_call(lambda x: [*ops.top_k(x, 3), ops.in_top_k(ops.argmax(x[:, :3], axis=-1), x, 2)], _x(9))


@case
def searching() -> Any:
    edges = np.array([-1.0, -0.2, 0.0, 0.7, 1.5], "float32")
    return of_call(lambda x: [ops.searchsorted(edges, ops.ravel(x)), ops.digitize(x, edges)], _x(6))


@case
def encoding_integers() -> Any:
    return of_call(
        lambda x: [
            ops.one_hot(x % 5, 5), ops.one_hot(x % 7, 5), ops.multi_hot(x % 5, 5),
            ops.bincount(x % 6, minlength=6), ops.one_hot(x % 3, 3, axis=1, dtype="int32"),
        ],
        _x(4, dtype="int32"),
    )  # fmt: skip


@case
def shaping() -> Any:
    return of_call(
        lambda x: [
            ops.reshape(x, (-1, 12)), ops.transpose(x, (0, 3, 1, 2)), ops.swapaxes(x, 1, 2), ops.moveaxis(x, -1, 1),
            ops.expand_dims(x, (1, -1)), ops.squeeze(x[:, :1], 1), ops.reshape(x, (ops.shape(x)[0] * 2, -1)),
        ],
        _x(4, 3, 2),
    )  # fmt: skip


@case
def shape_of_dynamic() -> Any:
    """A reshape by the shape that the input turns out to have."""

    def call(x: Any) -> list[Any]:
        batch, steps, width = ops.shape(x)
        heads = ops.reshape(x, (batch, steps, 2, width // 2))
        return [
            ops.transpose(heads, (0, 2, 1, 3)),
            ops.ones_like(x) * ops.cast(steps, "float32") + x,
            ops.zeros((batch, 3)) + x[:, 0, :3],
        ]

    return of_call(call, _x(None, 6))  # fmt: skip


@case
def joining() -> Any:
    return of_call(
        lambda x, y: [
            ops.concatenate([x, y, x], axis=-1), ops.stack([x, y], axis=1), ops.stack([x, y], axis=-1),
            ops.hstack([x, y]), ops.vstack([x, y]), ops.append(x, y, axis=1),
        ],
        _x(3, 4),
        _x(3, 4, name="y"),
    )  # fmt: skip


@case
def splitting() -> Any:
    return of_call(
        lambda x: [*ops.split(x, 2, axis=-1), *ops.split(x, [1, 4], axis=1), *ops.unstack(x, axis=2)[:2]], _x(5, 4)
    )


@case
def repeating() -> Any:
    return of_call(
        lambda x: [
            ops.tile(x, (1, 2, 3)), ops.repeat(x, 2, axis=1), ops.repeat(x, [1, 0, 3], axis=1),
            ops.broadcast_to(x[:, :, None], (ops.shape(x)[0], 3, 5, 2)),
        ],
        _x(3, 2),
    )  # fmt: skip


@case
def turning() -> Any:
    return of_call(
        lambda x: [
            ops.flip(x, axis=1), ops.flip(x, axis=(1, 2)), ops.roll(x, 2, axis=1), ops.roll(x, (-1, 1), axis=(1, 2)),
            ops.rot90(x, k=1, axes=(1, 2)),
        ],
        _x(4, 3, 2),
    )  # fmt: skip


grid(
    globals(),
    "pad",
    lambda **options: of_call(lambda x: ops.pad(x, [[0, 0], [2, 1], [0, 2]], **options), _x(4, 3)),
    {
        "zeros": {},
        "value": {"constant_values": -1.5},
        "reflect": {"mode": "reflect"},
        "symmetric": {"mode": "symmetric"},
    },
)


@case
def taking() -> Any:
    def call(x: Any, i: Any) -> list[Any]:
        i = i % 5
        along = ops.take_along_axis(x, ops.argsort(x, axis=1), axis=1)
        return [
            ops.take(x, [3, 0, -1], axis=1),
            along,
            ops.take(_drawn(5, 4), i, axis=0),
            ops.take(_drawn(4, 5), i, axis=1),
        ]

    return of_call(call, _x(5, 3), _x(2, dtype="int32", name="i"))  # fmt: skip


@case
def indexing() -> Any:
    """What `x[…]` can say: steps, negative indices, new axes, ellipsis."""
    return of_call(
        lambda x: [x[:, 1:4], x[:, ::-1], x[:, -2:, 1], x[..., None, ::2], x[:, 1::2, :-1], x[:, 3]], _x(6, 5)
    )


@case
def slicing() -> Any:
    """Slices at places that the data say."""

    def call(x: Any, i: Any) -> list[Any]:
        start = ops.max(i) % 3
        part = ops.slice(x, (0, start, 0), (2, 2, 4))
        return [part, ops.slice_update(x, (0, start, 1), ops.ones((2, 2, 3)))]

    return of_call(call, _x(5, 4), _x(1, dtype="int32", name="i"))


@case
def scattering() -> Any:
    def call(x: Any) -> list[Any]:
        indices = np.array([[1], [4], [2]])
        rows = ops.transpose(x)  # [6, batch]
        updated = ops.scatter_update(rows, indices, rows[:3] * 10)
        return [ops.transpose(updated), ops.scatter(indices, rows[:3, :1], (6, 1))]

    return of_call(call, _x(6))


@case
def segments() -> Any:
    ids = np.array([0, 0, 2, 1, 2, 0])
    return of_call(
        lambda x: [ops.segment_sum(ops.transpose(x), ids, 4), ops.segment_max(ops.transpose(x), np.sort(ids), sorted=True)],
        _x(6),
    )  # fmt: skip


@case
def triangles() -> Any:
    return of_call(
        lambda x: [
            ops.tril(x), ops.triu(x, k=1), ops.diagonal(x, axis1=1, axis2=2), ops.trace(x, axis1=1, axis2=2),
            x + ops.eye(4),
        ],
        _x(4, 4),
    )  # fmt: skip


@case
def ranges() -> Any:
    """Positions that depend on how long the input is: sines of a positional encoding."""

    def call(x: Any) -> list[Any]:
        steps = ops.arange(ops.shape(x)[1], dtype="float32")
        rates = ops.exp(ops.linspace(0.0, -3.0, 4))
        angles = ops.outer(steps, rates)
        rows, columns = ops.meshgrid(ops.arange(3), ops.arange(4), indexing="ij")
        return [
            x + ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1),
            x[:, :3, :4] * ops.cast(rows * columns, x.dtype),
        ]

    return of_call(call, _x(None, 8))  # fmt: skip


grid(
    globals(),
    "einsum",
    lambda equation, shapes: of_call(
        lambda *xs: ops.einsum(equation, *xs), *[_x(*shape, name=f"x{i}") for i, shape in enumerate(shapes)]
    ),
    {
        "matmul": {"equation": "bij,bjk->bik", "shapes": [(3, 4), (4, 5)]},
        "attention": {"equation": "bthd,bshd->bhts", "shapes": [(3, 2, 4), (5, 2, 4)]},
        "outer": {"equation": "bi,bj->bij", "shapes": [(3,), (4,)]},
        "diagonal": {"equation": "bii->bi", "shapes": [(4, 4)]},
        "sum": {"equation": "bijk->bj", "shapes": [(3, 4, 2)]},
        "ellipsis": {"equation": "...ij,...kj->...ik", "shapes": [(2, 3, 4), (2, 5, 4)]},
        "three": {"equation": "bi,bij,bj->b", "shapes": [(3,), (3, 4), (4,)]},
    },
)


@case
def products() -> Any:
    return of_call(
        lambda x, y: [
            ops.matmul(x, y), ops.dot(x, _drawn(4, 2)), ops.tensordot(x, _drawn(3, 4, 2), axes=[[1, 2], [0, 1]]),
            ops.vdot(x[0], x[1]), ops.cross(x[:, :, :3], x[:, :, 1:4]), ops.matmul(x, ops.transpose(x, (0, 2, 1))),
        ],
        _x(3, 4),
        _x(4, 2, name="y"),
    )  # fmt: skip


@case
def matmul_of_many_dimensions() -> Any:
    """The batch dimensions are broadcast."""
    return of_call(lambda x, y: ops.matmul(x, y), _x(1, 3, 4), _x(2, 4, 5, name="y"))


def _positive(x: Any) -> Any:
    """Return symmetric matrices of this batch with eigenvalues of 2 and more."""
    return ops.matmul(x, ops.swapaxes(x, -1, -2)) + 2.0 * ops.eye(x.shape[-1])


grid(
    globals(),
    "linalg",
    lambda call: of_call(call, _x(4, 4)),
    {
        "cholesky": {"call": lambda x: ops.linalg.cholesky(_positive(x))},
        "inv": {"call": lambda x: ops.linalg.inv(_positive(x))},
        "det": {"call": lambda x: [ops.linalg.det(_positive(x)), ops.slogdet(_positive(x))[1]]},
        "solve": {"call": lambda x: ops.linalg.solve(_positive(x), x)},
        "solve_triangular": {"call": lambda x: ops.linalg.solve_triangular(ops.linalg.cholesky(_positive(x)), x, lower=True)},
        "singular_values": {"call": lambda x: ops.linalg.svd(x, compute_uv=False)},
        "eigenvalues": {"call": lambda x: ops.linalg.eigh(_positive(x))[0]},
        "projection_of_qr": {"call": lambda x: (lambda q: ops.matmul(q, ops.swapaxes(q, -1, -2)))(ops.linalg.qr(x[:, :, :2])[0])},
    },
)  # fmt: skip


@case
def fourier() -> Any:
    """The spectrum of real sequences, as two real tensors, and back."""

    def call(x: Any) -> list[Any]:
        real, imaginary = ops.rfft(x)
        return [real, imaginary, ops.irfft((real * 2.0, imaginary))]

    return of_call(call, _x(16))


@case
def fourier_of_complex() -> Any:
    return of_call(lambda x, y: [*ops.fft((x, y)), *ops.fft2((x, y))], _x(4, 8), _x(4, 8, name="y"))


@case
def short_time_fourier() -> Any:
    return of_call(lambda x: list(ops.stft(x, sequence_length=16, sequence_stride=8, fft_length=16)), _x(64))


@case
def framing() -> Any:
    return of_call(lambda x: ops.extract_sequences(x, sequence_length=6, sequence_stride=3), _x(24))


@case
def softmax() -> Any:
    return of_call(
        lambda x: [ops.softmax(x), ops.softmax(x, axis=1), ops.log_softmax(x), ops.glu(x)], _x(3, 4)
    )  # fmt: skip


@case
def sparsemax() -> Any:
    return of_call(lambda x: ops.sparsemax(x), _x(5))


@case
def attention() -> Any:
    """`dot_product_attention` with a mask that the data say."""

    def call(x: Any, mask: Any) -> list[Any]:
        mask = ops.logical_or(mask[:, None, None, :], ops.eye(6, dtype="bool")[None, None])
        return [
            ops.dot_product_attention(x, x * 0.5, x + 1.0, mask=mask),
            ops.dot_product_attention(x, x, x, is_causal=True),
        ]

    return of_call(call, _x(6, 2, 4), _x(6, dtype="bool", name="mask"))  # fmt: skip


grid(
    globals(),
    "convolution",
    lambda call, shape: of_call(call, _x(*shape)),
    {
        "1d_causal": {"call": lambda x: ops.conv(ops.pad(x, [[0, 0], [2, 0], [0, 0]]), _drawn(3, 4, 5)), "shape": (8, 4)},
        "2d": {"call": lambda x: ops.conv(x, _drawn(3, 3, 4, 5), strides=2, padding="same"), "shape": (8, 8, 4)},
        "dilated": {"call": lambda x: ops.conv(x, _drawn(3, 3, 4, 5), dilation_rate=2), "shape": (8, 8, 4)},
        "by_input": {"call": lambda x: ops.conv(x, ops.reshape(x[0], (2, 2, 4, 16))[..., :3]), "shape": (8, 8, 4)},
        "depthwise": {"call": lambda x: ops.depthwise_conv(x, _drawn(3, 3, 4, 2), padding="same"), "shape": (8, 8, 4)},
        "separable": {"call": lambda x: ops.separable_conv(x, _drawn(3, 3, 4, 1), _drawn(1, 1, 4, 5)), "shape": (8, 8, 4)},
        "transpose": {"call": lambda x: ops.conv_transpose(x, _drawn(3, 3, 5, 4), strides=2, padding="same"), "shape": (4, 4, 4)},
        "3d": {"call": lambda x: ops.conv(x, _drawn(2, 2, 2, 3, 4)), "shape": (4, 4, 4, 3)},
    },
)  # fmt: skip


@case
def pooling() -> Any:
    return of_call(
        lambda x: [
            ops.max_pool(x, 2), ops.max_pool(x, 3, strides=2, padding="same"), ops.average_pool(x, 2),
            ops.average_pool(x, 3, strides=1, padding="same"), ops.adaptive_average_pool(x, (3, 2)),
        ],
        _x(6, 6, 2),
    )  # fmt: skip


@case
def normalization() -> Any:
    mean, variance, scale, offset = _drawn(4), np.abs(_drawn(4, seed=1)) + 0.5, _drawn(4, seed=2), _drawn(4, seed=3)
    return of_call(
        lambda x: [
            ops.batch_normalization(x, mean, variance, axis=-1, offset=offset, scale=scale),
            ops.layer_normalization(x, gamma=scale, beta=offset),
            ops.rms_normalization(x, scale=scale),
        ],
        _x(3, 4),
    )


@case
def losses() -> Any:
    """Losses as outputs: anomaly scores."""
    return of_call(
        lambda x, y: [
            ops.categorical_crossentropy(ops.softmax(y), x, from_logits=True),
            ops.binary_crossentropy(ops.sigmoid(y), ops.sigmoid(x)),
            ops.sparse_categorical_crossentropy(ops.argmax(y, axis=-1), x, from_logits=True),
            ops.psnr(ops.sigmoid(x), ops.sigmoid(y), 1.0),
        ],
        _x(5),
        _x(5, name="y"),
    )


@case
def blocks() -> Any:
    return of_call(lambda x: [ops.depth_to_space(x, 2), ops.space_to_depth(x, 2)], _x(4, 4, 8))


@case
def cond() -> Any:
    return of_call(
        lambda x: ops.cond(ops.sum(x) > 0, lambda: ops.matmul(x, _drawn(4, 4)), lambda: ops.tanh(x) - 1.0), _x(4)
    )


@case
def switch() -> Any:
    return of_call(
        lambda x: ops.switch(
            ops.cast(ops.argmax(ops.sum(x, axis=0)), "int32"),
            [lambda v: v * 2.0, lambda v: ops.exp(v), lambda v: -v],
            x,
        ),
        _x(3),
    )


@case
def while_loop() -> Any:
    """Doubles until it is large: how often, the data say."""
    return of_call(
        lambda x: ops.while_loop(
            lambda y, n: ops.max(ops.abs(y)) < 100.0,
            lambda y, n: (y * 2.0 + 0.1, n + 1),
            (0.01 * ops.exp(3 * ops.abs(x)), ops.zeros((), "int32")),
        ),
        _x(5),
    )


@case
def fori_loop() -> Any:
    return of_call(
        lambda x: ops.fori_loop(0, 5, lambda i, y: ops.tanh(ops.matmul(y, 0.7 * _drawn(4, 4))) + x, x), _x(4)
    )


@case
def scan() -> Any:
    """A recurrence over time: carry and outputs."""

    def call(x: Any) -> list[Any]:
        def step(carry: Any, now: Any) -> tuple[Any, Any]:
            carry = 0.8 * carry + now
            return carry, ops.tanh(carry)

        last, outputs = ops.scan(step, ops.zeros_like(x[:, 0]), ops.transpose(x, (1, 0, 2)))
        return [last, ops.transpose(outputs, (1, 0, 2))]

    return of_call(call, _x(6, 3))


@case
def associative_scan() -> Any:
    """A linear recurrence in logarithmic depth, as state space models have it."""

    def call(x: Any, y: Any) -> Any:
        decays, inputs = ops.sigmoid(ops.transpose(x, (1, 0, 2))), ops.transpose(y, (1, 0, 2))
        _, states = ops.associative_scan(lambda a, b: (a[0] * b[0], b[0] * a[1] + b[1]), (decays, inputs))
        return ops.transpose(ops.reshape(states, (8, 2, 2)), (1, 0, 2))

    # Keras counts the steps while it traces, and finds them in the first dimension alone.
    return of_call(call, keras.Input(batch_shape=(2, 8, 2), name="x"), keras.Input(batch_shape=(2, 8, 2), name="y"))


@case
def mapping() -> Any:
    return of_call(lambda x: ops.map(lambda row: ops.cumsum(row) / (1.0 + ops.max(ops.abs(row))), x), _x(5))


@case
def vectorized_mapping() -> Any:
    return of_call(lambda x: ops.vectorized_map(lambda row: ops.matmul(row, _drawn(4, 3)) + row[0, 0], x), _x(2, 4))


grid(
    globals(),
    "resize",
    lambda shape=(6, 8, 3), size=(9, 5), **options: of_call(lambda x: ops.image.resize(x, size, **options), _x(*shape)),
    {
        "bilinear": {},
        "nearest": {"interpolation": "nearest"},
        "bicubic": {"interpolation": "bicubic"},
        "lanczos": {"interpolation": "lanczos5"},
        "doubled": {"size": (12, 16)},
        "halved": {"size": (3, 4)},
        "antialiased": {"size": (3, 4), "antialias": True},
        "cropped": {"size": (4, 4), "crop_to_aspect_ratio": True},
        "padded": {"size": (8, 8), "pad_to_aspect_ratio": True, "fill_value": 0.5},
        "dynamic": {"shape": (None, None, 3), "size": (6, 6)},
    },
)


@case
def color() -> Any:
    def call(x: Any) -> list[Any]:
        x = ops.sigmoid(x)
        hsv = ops.image.rgb_to_hsv(x)
        return [ops.image.rgb_to_grayscale(x), hsv[..., 1:], ops.image.hsv_to_rgb(hsv * [1.0, 0.5, 1.0])]

    return of_call(call, _x(4, 4, 3))


@case
def cropping_and_padding() -> Any:
    return of_call(
        lambda x: [
            ops.image.crop_images(x, top_cropping=1, left_cropping=2, target_height=3, target_width=4),
            ops.image.pad_images(x, top_padding=1, left_padding=0, target_height=9, target_width=10),
        ],
        _x(6, 8, 2),
    )


@case
def patches() -> Any:
    return of_call(
        lambda x: [
            ops.image.extract_patches(x, 3),
            ops.image.extract_patches(x, (2, 3), strides=(1, 2), padding="same"),
        ],
        _x(6, 6, 2),
    )


@case
def gaussian_blur() -> Any:
    return of_call(lambda x: ops.image.gaussian_blur(x, (3, 3), (1.0, 0.7)), _x(8, 8, 2))


grid(
    globals(),
    "affine_transform",
    lambda **options: of_call(
        lambda x: ops.image.affine_transform(
            x, np.array([0.9, 0.2, 0.4, -0.1, 1.1, 0.3, 0.0, 0.0], "float32"), **options
        ),
        _x(6, 7, 2),
    ),
    {"bilinear": {}, "nearest": {"interpolation": "nearest"}, "reflect": {"fill_mode": "reflect"}},
)


@case
def map_coordinates() -> Any:
    """Samples an image where the data say."""
    return of_call(
        lambda x, y: ops.image.map_coordinates(ops.sum(x, axis=0), 2.0 + ops.stack([y[:, 0], y[:, 1]]), order=1),
        _x(5, 6),
        _x(2, 4, name="y"),
    )


@case
def grid_of_boxes() -> Any:
    """Anchors and offsets to boxes, and their overlaps: the arithmetic of detectors."""

    def call(x: Any) -> list[Any]:
        centre, size = ops.sigmoid(x[..., :2]), ops.exp(ops.clip(x[..., 2:], -2.0, 2.0)) * 0.2
        low, high = centre - size / 2, centre + size / 2
        top = ops.maximum(low[:, :, None], low[:, None])
        bottom = ops.minimum(high[:, :, None], high[:, None])
        shared = ops.prod(ops.maximum(bottom - top, 0.0), axis=-1)
        area = ops.prod(size, axis=-1)
        return [ops.concatenate([low, high], axis=-1), shared / (area[:, :, None] + area[:, None] - shared)]

    return of_call(call, _x(5, 4))
