"""From what a loader found to the canonical form: contract, skeletons, samples and the source's own outputs.

A loader (see `anyport.models`) yields one `Traced` per signature; `deliver` writes everything that the rest of an
export needs and never looks at the source again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib.metadata
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

import anyport_guest
from anyport_guest import Array, BadRequest, Calls, Progress, Tensors

from . import canonical, labels, precision, ranges, samples, state
from .freeze import Frozen, all_nodes, freeze_function
from .origins import Origins, lines_of

DTYPES = (
    "bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64", "float16", "float32", "float64",
    "complex64", "complex128", "string",
)  # fmt: skip
"""What an input or output may be: NumPy's own dtypes.  A bfloat16 one is widened; inside the graph any other may be."""

PYTHON_CALLS = ("PyFunc", "PyFuncStateless", "EagerPyFunc")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Port:
    """An input or output of a signature: the source's name for it, and where it is in the graph."""

    name: str
    tensor: str
    """`node:index` in the traced graph."""
    dtype: str
    """What the contract says."""
    shape: tuple[int | None, ...]
    own_dtype: str = ""
    """The tensor's own dtype, where no file of samples holds that and `dtype` is a wider one."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Traced:
    """One signature of a source, traced."""

    name: str
    inputs: Sequence[Port]
    outputs: Sequence[Port]
    freeze: Callable[[Set[str]], Frozen]
    """Freeze it, given the variables that another signature changes (`Frozen.states`)."""
    run: Callable[[Tensors], Tensors]
    """Execute the source itself, by the contract's names."""
    owner: Any = None
    """Kept alive as long as this: a function holds its variables by weak references only."""
    input_structure: Any = None
    """How the source nests its inputs: a name, or lists and dicts of names.  None: a flat mapping by name."""
    output_structure: Any = None
    origins: Callable[[], Origins] = Origins


def of_function(
    name: str,
    function: Any,
    input_names: Sequence[str],
    output_names: Sequence[str],
    *,
    input_structure: Any = None,
    output_structure: Any = None,
    owner: Any = None,
    origins: Callable[[], Origins] | None = None,
) -> Traced:
    """Describe a `ConcreteFunction` whose flat inputs and outputs carry these names."""
    explicit = function.inputs[: len(function.inputs) - len(function.captured_inputs)]
    input_names, output_names = unique(input_names), unique(output_names)

    def run(tensors: Tensors) -> Tensors:
        feeds = [tf.constant(tensors[n], t.dtype) for n, t in zip(input_names, explicit, strict=True)]
        results = function._call_flat(feeds, function.captured_inputs)
        flat = tf.nest.flatten(results, expand_composites=True)
        return {n: _to_numpy(value) for n, value in zip(output_names, flat, strict=True)}

    inputs = [port(n, tensor) for n, tensor in zip(input_names, explicit, strict=True)]

    def output(wanted: str, tensor: Any) -> Port:
        if tensor.shape.rank is not None:
            return port(wanted, tensor)
        with _state_kept(function.graph.variables):
            return port(wanted, tensor, observed_shape(lambda feeds: run(feeds)[wanted], inputs))

    return Traced(
        name=name,
        inputs=inputs,
        outputs=[output(n, tensor) for n, tensor in zip(output_names, function.outputs, strict=True)],
        freeze=lambda changing: freeze_function(function, changing),
        run=run,
        input_structure=input_structure,
        output_structure=output_structure,
        owner=owner,
        origins=origins or (lambda: Origins(lines=lines_of(function.graph, {}, frozenset()))),
    )


@contextlib.contextmanager
def _state_kept(variables: Sequence[Any]) -> Iterator[None]:
    before = [variable.numpy() for variable in variables]
    yield
    for variable, value in zip(variables, before, strict=True):
        variable.assign(value)


def observed_shape(run: Callable[[Tensors], Any], inputs: Sequence[Port]) -> Any:
    """Return the `tf.TensorShape` of what `run` returns for zeros of two sizes; unknown where it fails on them.

    TensorFlow can't infer every rank: behind a mutable table's lookup, or a version 1 loop that was imported.
    """
    seen = []
    for size in (2, 3):
        try:
            seen.append(run({item.name: _zeros(item, size) for item in inputs}).shape)
        except tf.errors.OpError:
            return tf.TensorShape(None)
    if len(seen[0]) != len(seen[1]):
        return tf.TensorShape(None)
    return tf.TensorShape([a if a == b else None for a, b in zip(*seen, strict=True)])


def _zeros(item: Port, size: int) -> Array:
    shape = [dim or size for dim in item.shape]
    return np.full(shape, b"", object) if item.dtype == "string" else np.zeros(shape, item.dtype)


def deliver(traced: Sequence[Traced], request: Mapping[str, Any], progress: Progress) -> dict[str, Any]:
    """Write the canonical form, the samples and the source's outputs.

    `request` holds `canonical` (an empty folder), `samples` (the `.npz` to write, or None: the source is then not run),
    `user_samples` and `labels` (paths or None), `seed`, and where inputs for calibration were given `calibration` (a
    path, or what the user's generator yields) and `calibration_out` (the `.npz` to write).  Returns `{"contract": …,
    "notes": [TEXT, …], "versions": {PACKAGE: VERSION}}`.  Announces `canonical` as soon as converters may start.
    """
    traced = list(traced)
    if not traced:
        raise BadRequest("the source has no signature to export", "Give a tf.function an input_signature.")
    progress("freezing")
    frozen = _freeze(traced)
    for name, item in frozen.items():
        _check_self_contained(name, item)
    notes = [note for signature in traced for note in _widening(signature)]
    for i, signature in enumerate(traced):
        traced[i], frozen[signature.name] = _widen(signature, frozen[signature.name])
    contract = {"signatures": [_contract(signature, frozen[signature.name]) for signature in traced]}
    given = request.get("user_samples")
    calls = samples.load(given, contract) if given else samples.generate(contract, int(request["seed"]))
    signatures, weights, tables = _merge(traced, frozen)
    canonical.write(
        request["canonical"],
        contract=contract,
        signatures=signatures,
        weights=weights,
        tables=tables,
        origins=_origins(traced),
        parameters=_parameters(frozen.values()),
    )
    if request.get("calibration") is not None:
        _write_calibration(request, contract)
    progress("canonical")
    if request["samples"] is None:
        return {"contract": contract, "notes": notes, "versions": _versions()}
    progress("running the source")
    try:
        outputs = _answers(traced, calls, bool(given))
    except BadRequest:
        if given or not samples.misses(contract):
            raise
        # What a lookup's default leads to may be no valid index: a model that was made for known keys only.
        calls = samples.generate(contract, int(request["seed"]), with_misses=False)
        outputs = _answers(traced, calls, given=False)
    known = {"labels": labels.load(request["labels"], contract, calls)} if request.get("labels") else {}
    partial = Path(f"{request['samples']}.partial")
    anyport_guest.write_calls(partial, inputs=calls, outputs=outputs, **known)
    partial.replace(request["samples"])
    return {"contract": contract, "notes": notes, "versions": _versions()}


def _write_calibration(request: Mapping[str, Any], contract: Mapping[str, Any]) -> None:
    given = request["calibration"]
    calls = samples.load(given, contract) if isinstance(given, str) else samples.drawn(given, contract)
    anyport_guest.write_calls(request["calibration_out"], inputs=calls)


def _freeze(traced: Sequence[Traced]) -> dict[str, Frozen]:
    """Freeze all signatures; what one of them changes is no constant to the others."""
    frozen = {signature.name: signature.freeze(frozenset()) for signature in traced}
    changing = frozenset(variable for item in frozen.values() for variable in item.states.values())
    for signature in traced:
        item = frozen[signature.name]
        if (changing & set(item.parameters)) - set(item.states.values()):
            frozen[signature.name] = signature.freeze(changing)
    return _without_hidden_state(traced, frozen)


def _without_hidden_state(traced: Sequence[Traced], frozen: dict[str, Frozen]) -> dict[str, Frozen]:
    """Leave out the variables whose value no output of any signature shows."""
    outputs = {signature.name: [port.tensor for port in signature.outputs] for signature in traced}
    changing = {variable for item in frozen.values() for variable in item.states.values()}
    hidden = changing.difference(*(state.seen(item, outputs[name]) for name, item in frozen.items()))
    if not hidden:
        return frozen
    return {name: state.without(item, outputs[name], hidden) for name, item in frozen.items()}


def _origins(traced: Sequence[Traced]) -> Origins:
    """Merge the signatures' origins; a name that stands for different lines in two of them says nothing."""
    layers: dict[str, str] = {}
    lines: dict[str, str] = {}
    scopes: dict[str, str] = {}
    for origins in [signature.origins() for signature in traced]:
        layers |= origins.layers
        scopes |= origins.scopes
        for node, line in origins.lines.items():
            lines[node] = line if lines.get(node, line) == line else ""
    return Origins(layers=layers, lines={node: line for node, line in lines.items() if line}, scopes=scopes)


def _parameters(frozen: Iterable[Frozen]) -> dict[str, int]:
    """Return the elements and bytes of all variables, each counted once however many signatures use it."""
    sizes = {name: size for item in frozen for name, size in item.parameters.items()}
    return {"elements": sum(size[0] for size in sizes.values()), "bytes": sum(size[1] for size in sizes.values())}


def _versions() -> dict[str, str]:
    names = ("tensorflow", "keras", "tf_keras", "numpy")
    return {name: importlib.metadata.version(name) for name in names if name in sys.modules}


def _check_self_contained(name: str, frozen: Frozen) -> None:
    """Refuse a graph that calls back into the Python process that made it: no artifact could."""
    for node in all_nodes(frozen.graph):
        if node.op in PYTHON_CALLS:
            raise BadRequest(
                f"signature {name!r} calls Python while it runs ({node.op} {node.name!r}), which no artifact can",
                "Replace tf.py_function or tf.numpy_function by TensorFlow operators.",
            )


def _widening(signature: Traced) -> list[str]:
    """Say which inputs and outputs the contract states in a wider dtype."""
    names: dict[tuple[str, str], list[str]] = {}
    for port in (*signature.inputs, *signature.outputs):
        if port.own_dtype:
            names.setdefault((port.own_dtype, port.dtype), []).append(repr(port.name))
    return [
        f"{', '.join(found)} of {signature.name!r}: {own} in the source, {wide} in every artifact, which holds each value"
        for (own, wide), found in names.items()
    ]


def _widen(signature: Traced, frozen: Frozen) -> tuple[Traced, Frozen]:
    """Put casts between the graph and what the contract states in a wider dtype."""
    inputs = {port.tensor.split(":")[0]: port.own_dtype for port in signature.inputs if port.own_dtype}
    outputs = {port.tensor: port.own_dtype for port in signature.outputs if port.own_dtype}
    if not inputs and not outputs:
        return signature, frozen
    graph, replaced = precision.widen(frozen.graph, inputs, outputs)
    ports = [dataclasses.replace(port, tensor=replaced.get(port.tensor, port.tensor)) for port in signature.outputs]
    return dataclasses.replace(signature, outputs=ports), dataclasses.replace(frozen, graph=graph)


def _answers(traced: Sequence[Traced], calls: Calls, given: bool) -> Calls:
    """Have the source answer every call of every signature."""
    return {signature.name: [_run(signature, call, given) for call in calls[signature.name]] for signature in traced}


def _run(signature: Traced, call: Tensors, given: bool) -> Tensors:
    try:
        return signature.run(call)
    except Exception as error:
        whose = "the given samples" if given else "samples generated from its contract"
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise BadRequest(
            f"the source itself fails on {whose}, in signature {signature.name!r}: {reason}",
            "Give samples that the model accepts: --samples data.npz.",
        ) from error


def _contract(signature: Traced, frozen: Frozen) -> dict[str, Any]:
    inputs: list[dict[str, Any]] = []
    for port in signature.inputs:
        entry: dict[str, Any] = {"name": port.name, "dtype": port.dtype, "shape": list(port.shape)}
        if (valid := ranges.valid_values(frozen, port.tensor)) is not None:
            entry["values"] = valid
        inputs.append(entry)
    coarsest = precision.narrowest(frozen.graph)
    return {
        "name": signature.name,
        "inputs": inputs,
        "outputs": [{"name": port.name, "dtype": port.dtype, "shape": list(port.shape)} for port in signature.outputs],
        "input_structure": signature.input_structure,
        "output_structure": signature.output_structure,
        "stateful": bool(frozen.variables),
        **({"precision": coarsest} if coarsest != "float32" else {}),
    }


def _merge(
    traced: Sequence[Traced], frozen: Mapping[str, Frozen]
) -> tuple[dict[str, canonical.Signature], dict[str, Array], dict[str, tuple[Array, Array]]]:
    """Give weights and tables names of their own across signatures; equal values are one weight, equal states are not."""
    store = _Store(hashing=len(traced) > 1)
    tables: dict[str, tuple[Array, Array]] = {}
    signatures = {}
    for signature in traced:
        item = frozen[signature.name]
        local = {name: _stored(store, item, name, value) for name, value in item.weights.items()}
        table_names = {}
        for placeholder, entry in item.tables.items():
            name = _free_name(placeholder, tables)
            tables[name] = entry
            table_names[placeholder] = name
        initial = set(item.variables.values())
        signatures[signature.name] = canonical.Signature(
            name=signature.name,
            graph=item.graph,
            inputs={port.name: port.tensor.split(":")[0] for port in signature.inputs},
            outputs={port.name: port.tensor for port in signature.outputs},
            weights={placeholder: name for placeholder, name in local.items() if placeholder not in initial},
            variables={placeholder: local[value] for placeholder, value in item.variables.items()},
            tables=table_names,
        )
    return signatures, store.arrays, tables


def _stored(store: _Store, frozen: Frozen, name: str, value: Array) -> str:
    """Store a weight; the initial value of a variable is called as the variable is, which users know."""
    variable = frozen.states.get(name)
    return store.add(name if variable is None else variable.split(":")[0], value, variable)


class _Store:
    """Weights under names that are their own; where several signatures share a value, under one."""

    def __init__(self, hashing: bool) -> None:
        self.arrays: dict[str, Array] = {}
        self._hashing = hashing
        self._seen: dict[tuple[Any, ...], str] = {}

    def add(self, wanted: str, value: Array, variable: str | None = None) -> str:
        """Return the name of `value`, which for a variable that changes is that variable's alone."""
        if variable is not None or not self._hashing:
            key: tuple[Any, ...] = (variable or wanted,)
        else:
            key = (value.shape, str(value.dtype), hashlib.sha256(value.tobytes()).digest())
        if key not in self._seen:
            name = self._seen[key] = _free_name(wanted, self.arrays)
            self.arrays[name] = value
        return self._seen[key]


def _free_name(wanted: str, taken: Mapping[str, Any]) -> str:
    name, number = wanted, 1
    while name in taken:
        name, number = f"{wanted}_{number}", number + 1
    return name


def unique(names: Sequence[str]) -> list[str]:
    """Number repeated names, so that each is one tensor's alone (`dense`, `dense_1`)."""
    taken: dict[str, None] = {}
    for name in names:
        taken[_free_name(name, taken)] = None
    return list(taken)


def structure_names(structure: Any, leaf_names: Sequence[str] | None = None) -> tuple[list[str], Any]:
    """Name the leaves of a nested structure and return the names with the structure that holds them.

    A dict's leaf takes its path of keys joined by `/`; elsewhere the name in `leaf_names` (in the order of
    `tf.nest.flatten`), or `output_NUMBER`, as TensorFlow itself names them in a SavedModel.
    """
    names: list[str] = []

    def visit(item: Any, path: tuple[str, ...]) -> Any:
        if isinstance(item, Mapping):
            return {key: visit(item[key], (*path, str(key))) for key in sorted(item)}
        if isinstance(item, (list, tuple)):
            return [visit(part, path if not path else (*path, str(i))) for i, part in enumerate(item)]
        fallback = leaf_names[len(names)] if leaf_names else f"output_{len(names)}"
        names.append("/".join(path) or fallback)
        return len(names) - 1

    shape = visit(structure, ())
    names = unique(names)

    def name(item: Any) -> Any:
        if isinstance(item, dict):
            return {key: name(value) for key, value in item.items()}
        return [name(value) for value in item] if isinstance(item, list) else names[item]

    return names, name(shape)


def port(name: str, tensor: Any, stated_shape: Any = None) -> Port:
    """Describe a tensor of the traced graph as an input or output; refuse what no file of samples could hold."""
    shape = tensor.shape if tensor.shape.rank is not None or stated_shape is None else stated_shape
    if shape.rank is None:
        raise BadRequest(
            f"{name!r} has no known rank, so no artifact could state its shape",
            "Give its tf.TensorSpec a shape, where None stands for a dimension that varies; for an output, tf.ensure_shape.",
        )
    own = tensor.dtype.name
    if own in precision.WIDENED:
        wide = precision.WIDENED[own]
        return Port(name=name, tensor=tensor.name, dtype=wide, shape=tuple(shape.as_list()), own_dtype=own)
    if own not in DTYPES:
        raise BadRequest(
            f"{name!r} is {own}, which samples and runtimes can't hold; they hold {', '.join(DTYPES)}",
            "Cast it in the model, to float32 for instance (Keras: dtype='float32' for the last layer).",
        )
    return Port(name=name, tensor=tensor.name, dtype=own, shape=tuple(shape.as_list()))


def _to_numpy(value: Any) -> Array:
    return anyport_guest.storable(value.numpy())
