"""The source's own graph in a session, any of its inner tensors given: what a segment computes from an artifact's values.

`Evaluator` is used by the debugger (`anyport_tf.divergence`).  Behind each tensor that may be given, a `PlaceholderWithDefault`
takes what was computed, or what is fed in its place: so one run computes every segment from the values that its own
beginning is given.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from anyport_guest import Array, Tensors

from .canonical import Canonical, Signature
from .freeze import FRAMES
from .rounding import moved
from .saved_model import lookup_table
from .tensor_names import full, split

SEEDS = (1, 2, 3)
"""Of the perturbed runs that tell how far rounding alone moves a segment."""
UNTAPPED = (tf.resource, tf.variant)


class Graph:
    """A signature's graph: what there is, in topological order, what each node reads, and what inputs decide."""

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        self.nodes = {node.name: node for node in signature.graph.node}
        self.reads = {
            name: [full(item) for item in node.input if not item.startswith("^")] for name, node in self.nodes.items()
        }
        with tf.Graph().as_default() as imported:
            tf.import_graph_def(_plain(signature.graph), name="")
        tensors = [tensor for op in imported.get_operations() for tensor in op.outputs]
        self.dtypes = {tensor.name: tensor.dtype for tensor in tensors}
        self.shapes = {tensor.name: tensor.shape for tensor in tensors}
        self.order = {name: place for place, name in enumerate(self._sorted())}
        self.computed = self._reached(signature.inputs.values())
        self.in_loops = self._in_loops()

    def may_be_given(self, tensor: str) -> bool:
        """Tell whether a tensor is computed from inputs, once a call, and can be fed."""
        node = split(tensor)[0]
        known = tensor in self.dtypes and self.dtypes[tensor] not in UNTAPPED and not self.dtypes[tensor]._is_ref_dtype
        return known and node in self.computed and node not in self.in_loops and self.nodes[node].op != "Placeholder"

    def behind(self, tensor: str, given: Iterable[str]) -> tuple[list[str], list[str]]:
        """Return what a tensor is computed from: the nodes, in order, and the tensors in `given` where they begin."""
        ends = set(given) - {tensor}
        found: dict[str, None] = {}
        begins: dict[str, None] = {}
        waiting = [tensor]
        while waiting:
            name = waiting.pop()
            node = split(name)[0]
            if name in ends:
                begins[name] = None
            elif node in self.computed and node not in found:
                found[node] = None
                waiting += self.reads[node]
        return sorted(found, key=self.order.__getitem__), sorted(begins, key=lambda name: self.order[split(name)[0]])

    def _sorted(self) -> list[str]:
        done: dict[str, None] = {}
        for name in self.nodes:
            waiting = [name]
            opened: set[str] = set()
            while waiting:
                node = waiting[-1]
                missing = [split(item)[0] for item in self.reads[node]] if node not in opened else []
                opened.add(node)
                if more := [item for item in missing if item not in done and item not in opened]:
                    waiting += more
                else:
                    done[waiting.pop()] = None
        return list(done)

    def _reached(self, begin: Iterable[str]) -> set[str]:
        found = set(begin)
        for name in self.order:
            if any(split(item)[0] in found for item in self.reads[name]):
                found.add(name)
        return found

    def _in_loops(self) -> set[str]:
        """Return the nodes of version 1 loops, whose tensors have a value for each round."""
        inside: set[str] = set()
        for name in self.order:
            node = self.nodes[name]
            entered = any(split(item)[0] in inside for item in self.reads[name]) and node.op != "Exit"
            if node.op in FRAMES or entered:
                inside.add(name)
        return {name for name in inside if self.nodes[name].op != "Exit"}


def _plain(graph: Any) -> Any:
    """Return the graph without inferred shapes: a cut may be fed others."""
    made = tf.compat.v1.GraphDef()
    made.CopyFrom(graph)
    for node in made.node:
        node.attr.pop("_output_shapes", None)
    return made


class Evaluator:
    """A signature of the source, ready to compute any of its tensors from any others that are given."""

    def __init__(self, model: Canonical, graph: Graph, taps: Sequence[str]) -> None:
        self.graph = graph
        self._signature = graph.signature
        self._weights = {place: np.asarray(model.weights[name]) for place, name in self._signature.weights.items()}
        self._moved: dict[int, Tensors] = {}
        self._given = {tap: f"anyport_given_{number}" for number, tap in enumerate(taps)}
        with tf.Graph().as_default() as built:
            handles = _resources(model, self._signature)
            tf.import_graph_def(self._rewired(), name="", input_map=handles)
            initial = [tf.compat.v1.global_variables_initializer(), tf.compat.v1.tables_initializer()]
        self._session = tf.compat.v1.Session(graph=built, config=_config())
        self._session.run(initial)

    def _rewired(self) -> Any:
        made = _plain(self._signature.graph)
        for node in made.node:
            references = [self._given.get(full(item), item) if item[0] != "^" else item for item in node.input]
            del node.input[:]
            node.input.extend(references)
        for tap, name in self._given.items():
            given = made.node.add(name=name, op="PlaceholderWithDefault", input=[tap])
            given.attr["dtype"].type = self.graph.dtypes[tap].as_datatype_enum
            given.attr["shape"].shape.unknown_rank = True
        return made

    def run(
        self, fetch: Sequence[str], inputs: Tensors, given: Mapping[str, Array] | None = None, seed: int = 0
    ) -> list[Array]:
        """Return the tensors `fetch` of one call, computed from `inputs` and from what is given in the place of others.

        With a `seed`, all that is fed and the weights move by up to one unit in the last place.
        """
        move: Callable[[Array], Array] = (lambda value: value) if not seed else _mover(np.random.default_rng(seed))
        feeds = {f"{node}:0": move(inputs[name]) for name, node in self._signature.inputs.items() if name in inputs}
        feeds |= {f"{self._given[name]}:0": move(value) for name, value in (given or {}).items()}
        feeds |= {f"{node}:0": value for node, value in self._weights_moved(seed).items()}
        return [np.asarray(value) for value in self._session.run(list(fetch), feeds)]

    def _weights_moved(self, seed: int) -> Tensors:
        if not seed:
            return self._weights
        if seed not in self._moved:
            move = _mover(np.random.default_rng(seed))
            self._moved[seed] = {name: move(value) for name, value in self._weights.items()}
        return self._moved[seed]


def _mover(rng: np.random.Generator) -> Callable[[Array], Array]:
    """Return a function that moves each float of NumPy's own by −1, 0 or +1 unit in the last place."""
    return lambda value: moved(value, rng) if value.dtype.kind == "f" else value


def _resources(model: Canonical, signature: Signature) -> dict[str, Any]:
    """Make the tables and variables that the graph's placeholders stand for."""
    handles = {}
    for node, name in signature.tables.items():
        handles[f"{node}:0"] = lookup_table(*model.table(name)).resource_handle
    for node, name in signature.variables.items():
        variable = tf.compat.v1.get_variable(
            f"anyport_state_{len(handles)}", initializer=np.asarray(model.weights[name]), use_resource=True
        )
        handles[f"{node}:0"] = variable.handle
    return handles


def _config() -> Any:
    """Return a session's configuration that changes nothing of the graph: it is imported hundreds of times."""
    config = tf.compat.v1.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    config.graph_options.optimizer_options.opt_level = tf.compat.v1.OptimizerOptions.L0
    return config
