"""Examples of changes of variables (`anyport_tf.compositions.state`): each graph is run twice, and answers what it assigned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from examples import example
from shorthand import drawn

raw = tf.raw_ops
PLACES = np.array([2, 0], np.int32)
TABLE = {"indices": PLACES, "updates": drawn(2, 3, seed=1)}
CELLS = {"indices": PLACES[:, None], "updates": drawn(2, 3, seed=1)}
"""Two rows of the variable, as the plain and the n-dimensional operations name them."""


def _changing(rule: str, change: Callable[[Any, Any], Any], name: str = "rows") -> None:
    """Declare a change of a variable `[4, 3]` by an input of that shape as an example."""

    def make() -> tuple[Any, list[Any]]:
        variable = tf.Variable(drawn(4, 3))

        @tf.function(input_signature=[tf.TensorSpec([4, 3])])
        def function(x: Any) -> Any:
            change(variable, x)
            return variable.read_value() * 2.0

        return function, [drawn(4, 3, seed=2)]

    make.__name__ = name
    example(rule)(make)


_changing("assign-add-as-assign", lambda variable, x: variable.assign_add(x))
_changing("assign-sub-as-assign", lambda variable, x: variable.assign_sub(x))
_changing(
    "gradient-descent-as-assign",
    lambda variable, x: raw.ResourceApplyGradientDescent(var=variable.handle, alpha=0.1, delta=x),
)
for _rule, _change in {
    "scatter-nd-update-as-assign": "scatter_nd_update",
    "scatter-nd-add-as-assign": "scatter_nd_add",
    "scatter-nd-sub-as-assign": "scatter_nd_sub",
}.items():
    _changing(_rule, lambda variable, x, change=_change: getattr(variable, change)(**CELLS))
for _rule, _change in {
    "scatter-update-as-assign": raw.ResourceScatterUpdate,
    "scatter-add-as-assign": raw.ResourceScatterAdd,
    "scatter-sub-as-assign": raw.ResourceScatterSub,
    "scatter-max-as-assign": raw.ResourceScatterMax,
    "scatter-min-as-assign": raw.ResourceScatterMin,
}.items():
    _changing(_rule, lambda variable, x, change=_change: change(resource=variable.handle, **TABLE))
_changing("strided-slice-assign-as-assign", lambda variable, x: variable[1:3, ::2].assign(x[1:3, ::2]))


@example("assign-add-as-assign")
def in_a_branch() -> tuple[Any, list[Any]]:
    total = tf.Variable(0.0)

    @tf.function(input_signature=[tf.TensorSpec([])])
    def function(x: Any) -> Any:
        if x > 0.0:
            total.assign_add(x)
        return total.read_value()

    return function, [np.float32(1.5)]
