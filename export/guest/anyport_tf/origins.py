"""Where the nodes of a graph come from, in the user's words: Keras layers by name and class, Python code by file and line.

Collected when a source is traced (`lines_of`, `layers_of`), written into the canonical form, and asked when something is
said about a node (`Origins.of`).  Sources without Python objects (SavedModels, frozen graphs) have neither; the scopes in
the names of their nodes say as much as is left.
"""

from __future__ import annotations

import dataclasses
import os
import re
import sysconfig
from collections.abc import Container, Iterable, Mapping, Set
from typing import Any

import tensorflow as tf

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
LIBRARIES = tuple(
    {os.path.realpath(sysconfig.get_path(name)) for name in ("stdlib", "purelib", "platlib")}
    | {os.path.dirname(os.path.dirname(os.path.realpath(str(tf.__file__)))), HERE}
)
KERAS = ("keras", "tf_keras")
LOADERS = (os.path.join("models", "guest") + os.sep, "<")
"""Code that is never the user's: the loaders themselves, and what was made up (`<frozen importlib>`, `<string>`)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Origins:
    """What is known of where a model's nodes came from."""

    layers: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Keras layer → class."""
    lines: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Node → `FILE:LINE, in FUNCTION`."""
    scopes: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Scope → layer, where its name alone would be taken for another layer's; see `scopes_of`."""

    def of(self, node: str) -> str:
        """Say where a node came from: `layer 'dense_1' (Dense)`, `net.py:12, in attend`, both, or its own name."""
        layer, line = self._layer(node), self.line(node)
        said = [text for text in (layer, line) if text]
        return ", ".join(said) if said else repr(node)

    def layer(self, node: str) -> str | None:
        """Return the innermost layer that a node lies in."""
        return innermost(node, self.layers, self.scopes)

    def _layer(self, node: str) -> str:
        name = self.layer(node)
        return "" if name is None else f"layer {name!r} ({self.layers[name]})"

    def line(self, node: str) -> str:
        """Return the line of the node, or of the nearest scope that a node of that name stands for (a call, a loop)."""
        while node:
            if node in self.lines:
                return self.lines[node]
            node = node.rpartition("/")[0]
        return ""


def layers_of(model: Any) -> dict[str, str]:
    """Return layer → class for everything in a Keras model."""
    return {layer.name: type(layer).__name__ for layer in _inner_layers(model)}


def keras_own(model: Any) -> set[str]:
    """Return the names of those of the model's layers whose classes are Keras' own: no user's line made their nodes."""
    return {layer.name for layer in _inner_layers(model) if type(layer).__module__.split(".")[0] in KERAS}


def _inner_layers(model: Any) -> list[Any]:
    layers = model._flatten_layers() if hasattr(model, "_flatten_layers") else ()
    return [layer for layer in layers if layer is not model]


def lines_of(graph: Any, layers: Mapping[str, str], without: Set[str]) -> dict[str, str]:
    """Return node → `FILE:LINE, in FUNCTION` for what the user's own code made in a traced graph.

    Nodes whose innermost layer, of `layers`, is one of `without` are left out: stack traces cost more than all else
    here (MobileNetV2: 0.2 s).
    """
    said: dict[tuple[str, int], str] = {}
    found: dict[str, str] = {}
    for operation in graph.get_operations():
        if innermost(operation.name, layers) in without:
            continue
        frame = _user_frame(operation)
        if frame is not None:
            key = (frame.filename, frame.lineno)
            if key not in said:
                said[key] = f"{os.path.basename(frame.filename)}:{frame.lineno}, in {frame.name.removeprefix('tf__')}"
            found[operation.name] = said[key]
    return found


def innermost(node: str, layers: Container[str], scopes: Mapping[str, str] | None = None) -> str | None:
    """Return the innermost layer among the scopes of a node's name; TensorFlow numbers those that it repeats."""
    steps = node.split("/")[:-1]
    for place in range(len(steps), 0, -1):
        if (layer := (scopes or {}).get("/".join(steps[:place]))) is not None:
            return layer
        for name in (steps[place - 1], _unnumbered(steps[place - 1])):
            if name in layers:
                return name
    return None


def scopes_of(nodes: Iterable[str], layers: Container[str]) -> dict[str, str]:
    """Return scope → layer for those called like one layer that are another's, numbered.

    Where a model has the layers `dense` and `dense_1` and is traced again, their scopes are `dense_1` and `dense_1_1`: who
    finds the second knows that the first is not `dense_1`'s.
    """
    inside: dict[str, set[str]] = {}
    for node in nodes:
        steps = node.split("/")[:-1]
        for place, step in enumerate(steps):
            inside.setdefault("/".join(steps[:place]), set()).add(step)
    found = {}
    for parent, names in inside.items():
        numbered = {_unnumbered(name) for name in names if _unnumbered(name) != name}
        for name in names & numbered:
            if name in layers and (plain := _unnumbered(name)) != name and plain in layers:
                found[f"{parent}/{name}" if parent else name] = plain
    return found


def _unnumbered(scope: str) -> str:
    return re.sub(r"_\d+$", "", scope)


def _user_frame(operation: Any) -> Any:
    """Return the innermost frame of the user's own code that made the operation, or None."""
    for frame in reversed(operation.traceback):
        if _is_users(frame.filename):
            return frame
    return None


_users: dict[str, bool] = {}


def _is_users(file: str) -> bool:
    if file not in _users:
        path = os.path.realpath(file)
        _users[file] = not file.startswith(LOADERS) and not any(
            path.startswith(library + os.sep) for library in LIBRARIES
        )
    return _users[file]
