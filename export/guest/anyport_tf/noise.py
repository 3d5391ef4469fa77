"""A model's own rounding noise: how far apart its equally valid executions are, for each output of each signature.

`measure` runs the canonical form in TensorFlow, several times over all samples:

* once as it is, for comparison;
* in double precision (`anyport_tf.double`), where the operators allow it: the distance is what the source's own precision
  loses;
* `RUNS` times with every float of inputs and weights moved by −1, 0 or +1 unit in the last place, seeded: the distance is what
  any implementation must be allowed, since other orders of summation, fused kernels and other batch sizes round as much.
  In a model that computes in float16 or bfloat16 the unit is that precision's;
* `WIDE_RUNS` times with them moved by up to `multiple` such units.  An element that jumps then, an integer that changes, a box that
  another one replaces, is decided by rounding within what is allowed to an artifact: it is *undecided*, and not compared.

An output's floor is the largest distance of the first two kinds over its elements that don't jump, at least one unit in
the last place of its largest value.  State begins anew before each run, or it would be taken for noise.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.eager import context
from tensorflow.python.framework import tensor_util

from anyport_guest import Array, Calls, Tensors, first_line, storable

from . import discrepancy
from .canonical import Canonical
from .double import doubled
from .rounding import moved, moves
from .saved_model import as_module

RUNS = 6
WIDE_RUNS = 2
JUMP = 1e3
"""An element jumps that moves this many times as far as three quarters of its output do, and by `VISIBLE` of the scale."""
VISIBLE = 1e-3
BITS = {"float32": 0, "float16": 13, "bfloat16": 16}
"""How many bits fewer than float32's mantissa a precision has."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Noise:
    """The noise of one output."""

    floor: float
    scale: float
    """The largest absolute value of the output."""
    method: str
    """`float64` where that was measured too, else `perturbation`."""
    undecided: list[Array]
    """For each call which elements rounding decides, of the output's shape."""

    def summary(self) -> dict[str, Any]:
        """Return it as the manifest has it."""
        total = sum(mask.size for mask in self.undecided)
        share = sum(int(mask.sum()) for mask in self.undecided) / total if total else 0.0
        return {"floor": self.floor, "scale": self.scale, "method": self.method, "undecided": share}


def measure(
    model: Canonical, calls: Calls, seed: int, multiple: float, tell: Callable[[str], None]
) -> tuple[dict[str, dict[str, Noise]], list[str]]:
    """Return the noise of each output of each signature, and what could not be done."""
    model = lifted(model)
    engine = Engine(model)
    base = engine.run(calls, dict(model.weights))
    notes: list[str] = []
    tell("in double precision")
    exact, reason = in_double(model, calls)
    if exact is None:
        notes.append(f"not in double precision: {reason}")
    near: list[Calls] = []
    wide: list[Calls] = []
    for number in range(RUNS + WIDE_RUNS):
        tell(f"perturbed, {number + 1} of {RUNS + WIDE_RUNS}")
        units = 1 if number < RUNS else int(multiple)
        rng = np.random.default_rng([seed, number])
        try:
            made = engine.run(_moved_calls(calls, model.contract, rng, units), _moved_weights(model, rng, units))
        except tf.errors.OpError as error:
            notes.append(f"perturbed by {units} units in the last place: {first_line(error)}")
            continue
        (near if units == 1 else wide).append(made)
    runs = _Runs(base=base, exact=exact, near=near, wide=wide)
    return {
        signature["name"]: {port["name"]: runs.noise(signature, port["name"]) for port in signature["outputs"]}
        for signature in model.contract["signatures"]
    }, notes


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Runs:
    """What the model answered each time."""

    base: Calls
    exact: Calls | None
    """In double precision, where it could be."""
    near: list[Calls]
    wide: list[Calls]

    def noise(self, signature: Mapping[str, Any], output: str) -> Noise:
        """Return the noise of one output."""

        def of(runs: Sequence[Calls]) -> list[list[Array]]:
            return [[call[output] for call in run[signature["name"]]] for run in runs]

        (source,) = of([self.base])
        exact = of([] if self.exact is None else [self.exact])
        return _noise(source, exact, of(self.near), of(self.wide), signature)


class Engine:
    """A model in TensorFlow, whose weights can be set before each run."""

    def __init__(self, model: Canonical) -> None:
        self.contract = {item["name"]: item for item in model.contract["signatures"]}
        self.module = as_module(model)
        # Functions of an imported graph are known to that graph alone; what calls it eagerly looks for them here.
        for signature in model.signatures.values():
            for function in signature.graph.library.function:
                if not context.context().has_function(function.signature.name):
                    context.context().add_function_def(function)

    def run(self, calls: Calls, weights: Mapping[str, Array]) -> Calls:
        """Answer all calls of all signatures in order, state as it was in the beginning."""
        for name, variable in self.module.weights.items():
            variable.assign(weights[name])
        return {name: [self._call(name, call) for call in calls[name]] for name in self.contract}

    def _call(self, name: str, call: Tensors) -> Tensors:
        inputs = [tf.constant(call[port["name"]], port["dtype"]) for port in self.contract[name]["inputs"]]
        return {key: storable(value.numpy()) for key, value in self.module.functions[name](*inputs).items()}


def in_double(model: Canonical, calls: Calls) -> tuple[Calls | None, str]:
    """Return what the model answers in double precision; None, and why, where it can't."""
    try:
        double = doubled(model)
        return Engine(double).run(calls, dict(double.weights)), ""
    except Exception as error:  # whatever a rewritten graph fails with, perturbations tell the noise without it
        return None, first_line(error)


def lifted(model: Canonical) -> Canonical:
    """Return the model with the tensors of floats that stay in its skeletons, since they are small, as weights too."""
    signatures, weights = {}, dict(model.weights)
    for name, signature in model.signatures.items():
        graph = tf.compat.v1.GraphDef()
        graph.CopyFrom(signature.graph)
        made = {}
        for node in graph.node:
            if (
                node.op == "Const"
                and (value := tensor_util.MakeNdarray(node.attr["value"].tensor)).ndim
                and moves(value)
            ):
                made[node.name] = f"{name}/{node.name}"
                weights[made[node.name]] = value
                _become_placeholder(node, value)
        signatures[name] = dataclasses.replace(signature, graph=graph, weights={**signature.weights, **made})
    return dataclasses.replace(model, signatures=signatures, weights=weights)


def _become_placeholder(node: Any, value: Array) -> None:
    dtype = node.attr["dtype"].type
    name = node.name
    node.Clear()
    node.op, node.name = "Placeholder", name
    node.attr["dtype"].type = dtype
    node.attr["shape"].shape.CopyFrom(tf.TensorShape(value.shape).as_proto())


def plainly() -> None:
    """Have TensorFlow run graphs as they are: optimising one takes longer than the few runs here (ResNet50: a second)."""
    tf.config.optimizer.set_experimental_options({"disable_meta_optimizer": True})


# Perturbing.


def _moved_calls(calls: Calls, contract: Mapping[str, Any], rng: np.random.Generator, units: int) -> Calls:
    bits = {item["name"]: BITS[item.get("precision", "float32")] for item in contract["signatures"]}
    return {
        name: [{key: moved(value, rng, units, bits[name]) for key, value in call.items()} for call in its]
        for name, its in calls.items()
    }


def _moved_weights(model: Canonical, rng: np.random.Generator, units: int) -> dict[str, Array]:
    bits = max(BITS[item.get("precision", "float32")] for item in model.contract["signatures"])
    return {name: moved(value, rng, units, bits) for name, value in model.weights.items()}


# Judging the distances.


def _noise(
    source: list[Array],
    exact: list[list[Array]],
    near: list[list[Array]],
    wide: list[list[Array]],
    signature: Mapping[str, Any],
) -> Noise:
    method = "float64" if exact else "perturbation"
    if source[0].dtype.kind not in "fc":
        return Noise(floor=0.0, scale=_scale(source), method=method, undecided=_differing(source, exact + near + wide))
    rounding = _distances(source, exact + near)
    farther = _distances(source, exact + near + wide)
    scale = _scale(source)
    unit = float(np.spacing(np.float32(scale))) * 2.0 ** BITS[signature.get("precision", "float32")]
    values = np.concatenate([array.ravel() for array in rounding])
    usual = max(float(np.quantile(values, 0.75)) if values.size else 0.0, unit)
    jumps = [(far > JUMP * usual) & (far > VISIBLE * scale) for far in farther]
    calm = [float(np.max(array[~jump], initial=0.0)) for array, jump in zip(rounding, jumps, strict=True)]
    return Noise(floor=max([unit, *calm]), scale=scale, method=method, undecided=jumps)


def _scale(calls: Sequence[Array]) -> float:
    if calls[0].dtype.kind in "SU":
        return 0.0
    return max((float(np.max(np.abs(a[np.isfinite(a)]), initial=0.0)) for a in map(_numbers, calls)), default=0.0)


def _numbers(array: Array) -> Array:
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _differing(source: Sequence[Array], runs: Sequence[Sequence[Array]]) -> list[Array]:
    """Return for each call where integers, booleans or strings change; of a call that takes another shape, everywhere."""
    masks = [np.zeros(array.shape, bool) for array in source]
    for run in runs:
        for mask, wanted, found in zip(masks, source, run, strict=True):
            mask |= (found != wanted) if found.shape == wanted.shape else True
    return masks


def _distances(source: Sequence[Array], runs: Sequence[Sequence[Array]]) -> list[Array]:
    """Return for each call how far each element moves at most; infinite where it becomes, or was, no number by turns."""
    most = [np.zeros(array.shape) for array in source]
    for run in runs:
        for i, (wanted, found) in enumerate(zip(source, run, strict=True)):
            most[i] = np.maximum(most[i], distance(wanted, found))
    return most


def distance(wanted: Array, found: Array) -> Array:
    """Return how far each element is from the wanted one; infinite where one of them alone isn't finite, or of another shape."""
    if wanted.shape != found.shape:
        return np.full(wanted.shape, np.inf)
    return discrepancy.distance(_numbers(wanted), _numbers(found))
