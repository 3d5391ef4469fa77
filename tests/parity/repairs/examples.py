"""How an example of a repair is written down: a graph that holds the op, and inputs for it.

`@example("einsum-as-matmul")` declares a function without arguments that returns `(function, inputs)`: a `tf.function`
with an input signature, and the arrays to call it with.  Every rule of every target has at least one (`check.py` sees to it).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Make = Callable[[], tuple[Any, list[Any]]]

EXAMPLES: dict[str, list[Make]] = {}
"""Name of the rule → its examples."""


KEEPING: set[str] = set()
"""Rules whose examples keep the op's type and name: they change its dtype, its axis or its neighbours."""


def example(*rules: str, keeps: bool = False) -> Callable[[Make], Make]:
    """Declare an example of the rules named; `keeps` if what they are about is still there afterwards."""

    def declare(make: Make) -> Make:
        KEEPING.update(rules if keeps else ())
        for rule in rules:
            EXAMPLES.setdefault(rule, []).append(make)
        return make

    return declare
