"""Control flow said in less of it: a choice among many branches as choices between two."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf
from tensorflow.python.framework import function_def_to_graph

Operation = Any
Tensor = Any
Branch = Callable[[], list[Tensor]]


def case_as_ifs(operation: Operation, inputs: Sequence[Tensor]) -> list[Tensor]:
    """`Case`: the first branch or else the second, or else the third …; an index that none has chooses the last."""
    index, *arguments = inputs
    library = operation.graph.as_graph_def()
    functions = {function.signature.name: function for function in library.library.function}
    branches = [inlined(library, functions[item.name], arguments) for item in operation.get_attr("branches")]

    def chosen(number: int) -> list[Tensor]:
        if number == len(branches) - 1:
            return branches[number]()
        return list(tf.cond(tf.equal(index, number), branches[number], lambda: chosen(number + 1)))

    return chosen(0)


def inlined(library: Any, function: Any, arguments: Sequence[Tensor]) -> Branch:
    """Return what puts a function's body, called with the arguments, into the graph that is being made."""

    def call() -> list[Tensor]:
        names = [argument.name for argument in function.signature.input_arg]
        shapes = [argument.shape.as_proto() for argument in arguments]
        with tf.Graph().as_default():
            tf.graph_util.import_graph_def(library, name="")  # the functions that the body calls
            body, tensors = function_def_to_graph.function_def_to_graph_def(function, shapes)
        body.library.CopyFrom(library.library)
        # In the graph of a branch, a tensor from outside has to be captured by an op of its own.
        feeds = {f"{name}:0": tf.identity(argument) for name, argument in zip(names, arguments, strict=True)}
        results = [tensors[function.ret[item.name]] for item in function.signature.output_arg]
        made = tf.graph_util.import_graph_def(body, input_map=feeds, return_elements=results, name="branch")
        return [tf.identity(tensor) for tensor in made]

    return call


COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    "case-as-ifs": (("Case", "StatelessCase"), case_as_ifs),
}
"""Rule → the ops that it is about, and what they become."""
