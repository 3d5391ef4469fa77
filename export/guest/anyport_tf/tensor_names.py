"""Names of tensors: which output of which node they are, and what an artifact's say of the canonical graph's nodes.

Used by the debugger and the `cut.py` of targets.  A repair names what it makes after the node that it repaired,
`NODE/RULE/…`, and the node's own name is gone from the artifact.  The tensor by which alone such a scope of names is left
holds what the node held.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping


def split(tensor: str) -> tuple[str, int]:
    """Return node and index of `node:index`, `node` or `node:output:index`."""
    parts = tensor.removeprefix("^").split(":")
    return parts[0], int(parts[-1]) if len(parts) > 1 and parts[-1].isdigit() else 0


def full(tensor: str) -> str:
    """Return `node:index`."""
    return "{}:{}".format(*split(tensor))


def scopes_left(made: Mapping[str, str], readers: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """Return, for tensors by which alone a scope of names is left, the scopes, innermost first.

    `made` maps each tensor to the name that its maker has in the graph, `readers` to the names of those who read it; an
    output of the graph is read by `""`.  A scope that is itself a name stands for what bears it, and is left out.
    """
    names = set(made.values())
    left: dict[str, list[str]] = {}
    for tensor, name in made.items():
        for scope in _scopes(name):
            if scope not in names and not all(reader.startswith(f"{scope}/") for reader in readers.get(tensor, ())):
                left.setdefault(scope, []).append(tensor)
    found: dict[str, list[str]] = {}
    for scope in sorted(left, key=len, reverse=True):
        if len(left[scope]) == 1:
            found.setdefault(left[scope][0], []).append(scope)
    return found


def _scopes(name: str) -> list[str]:
    steps = name.split("/")
    return ["/".join(steps[:end]) for end in range(1, len(steps))]
