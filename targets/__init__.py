"""What goes out: the registry of targets.

A target is one folder here and one line in `BUILT_IN`, or another installed package's entry point in the group
`anyport.targets`.  Nothing else in the project knows a target's name.
"""

from __future__ import annotations

import dataclasses
import difflib
import importlib
import importlib.metadata
from collections.abc import Iterable
from functools import cache

from anyport.errors import RequestError
from anyport.protocols import Runtime, Target

BUILT_IN = {
    "saved_model": "anyport.targets.saved_model",
    "tflite": "anyport.targets.tflite",
    "tfjs": "anyport.targets.tfjs",
    "onnx": "anyport.targets.onnx",
}

GROUP = "anyport.targets"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choice:
    """What `target[:variant][@runtime]` asks for."""

    target: Target
    variant: str
    runtimes: tuple[Runtime, ...]


@cache
def registry() -> dict[str, Target]:
    """Return every target by name: the built-in ones, then those of installed plug-ins."""
    found: dict[str, Target] = {name: importlib.import_module(module).TARGET for name, module in BUILT_IN.items()}
    for point in importlib.metadata.entry_points(group=GROUP):
        try:
            target = point.load()
        except Exception as error:
            raise RequestError(
                f"the plug-in {point.value!r} can't be imported: {type(error).__name__}: {error}",
                "Uninstall it, or tell its author.",
            ) from error
        if not isinstance(target, Target):
            raise RequestError(
                f"the plug-in {point.value!r} gives {type(target).__name__}, not an anyport.protocols.Target",
                "Uninstall it, or tell its author.",
            )
        if target.name in found:
            raise RequestError(
                f"the plug-in {point.value!r} is named {target.name!r}, as another target is", "Uninstall one of them."
            )
        found[target.name] = target
    return found


def choose(texts: Iterable[str]) -> list[Choice]:
    """Read `target[:variant][@runtime]`, repeatable: the same artifact in two runtimes is one choice.

    Raises `RequestError` for a name that isn't known, with the nearest one that is.
    """
    chosen: dict[tuple[str, str], dict[str, Runtime]] = {}
    for text in texts:
        rest, _, runtime = text.partition("@")
        name, _, variant = rest.partition(":")
        target = registry().get(name)
        if target is None:
            raise _unknown("target", name, registry())
        if variant and variant not in target.variants:
            raise _unknown(f"variant of {name}", variant, target.variants)
        runtimes = {item.name: item for item in target.runtimes}
        if runtime and runtime not in runtimes:
            raise _unknown(f"runtime of {name}", runtime, runtimes)
        wanted = {runtime: runtimes[runtime]} if runtime else runtimes
        chosen.setdefault((name, variant or target.variants[0]), {}).update(wanted)
    return [
        Choice(target=registry()[name], variant=variant, runtimes=tuple(runtimes.values()))
        for (name, variant), runtimes in chosen.items()
    ]


def _unknown(what: str, name: str, known: Iterable[str]) -> RequestError:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return RequestError(
        f"there is no {what} {name!r}; there are {', '.join(names)}",
        f"Did you mean {near[0]!r}?" if near else "Type `anyport targets` for all of them.",
    )
