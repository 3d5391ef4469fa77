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
EVERY_RUNTIME = "all"
"""What `@all` asks for: no runtime may have this name."""


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

    Without a runtime, those that are meant by default and can run the variant; `@all` means every one that can.  Raises
    `RequestError` for a name that isn't known, with the nearest one that is, and for a runtime that can't run the variant.
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
        variant = variant or target.variants[0]
        wanted = {item.name: item for item in _runtimes(target, variant, runtime)}
        chosen.setdefault((name, variant), {}).update(wanted)
    return [
        Choice(target=registry()[name], variant=variant, runtimes=tuple(runtimes.values()))
        for (name, variant), runtimes in chosen.items()
    ]


def named(runtime: str, artifacts: Iterable[tuple[str, str]]) -> list[str]:
    """Return `target:variant@runtime` for each artifact, `(target, variant)`, whose target has a runtime of this name.

    Raises `RequestError` where no artifact can be run there: the name is unknown, or its runtime can't run any of them.
    """
    pairs = [(registry()[name], variant) for name, variant in artifacts if name in registry()]
    there = [(item, target, variant) for target, variant in pairs for item in target.runtimes if item.name == runtime]
    if not there:
        raise _unknown("runtime in what this export holds,", runtime, _runtime_names(target for target, _ in pairs))
    able = [f"{target.name}:{variant}@{runtime}" for item, target, variant in there if variant not in item.cannot]
    if not able:
        item, target, variant = there[0]
        raise RequestError(
            f"{runtime} can't run {target.name}:{variant}: {item.cannot[variant]}",
            "Name another runtime, or export another variant.",
        )
    return able


def _runtime_names(targets: Iterable[Target]) -> list[str]:
    return list(dict.fromkeys(item.name for target in targets for item in target.runtimes))


def _runtimes(target: Target, variant: str, asked: str) -> list[Runtime]:
    """Return the runtimes that `asked` means for a variant: one by name, `all`, or nothing for the default ones."""
    runtimes = {item.name: item for item in target.runtimes}
    if asked in ("", EVERY_RUNTIME):
        able = [item for item in target.runtimes if variant not in item.cannot]
        return able if asked else [item for item in able if item.default]
    if asked not in runtimes:
        raise _unknown(f"runtime of {target.name}", asked, [*runtimes, EVERY_RUNTIME])
    if variant in runtimes[asked].cannot:
        others = [item.name for item in target.runtimes if variant not in item.cannot]
        raise RequestError(
            f"{asked} can't run {target.name}:{variant}: {runtimes[asked].cannot[variant]}",
            f"Name one that can: {', '.join(others)}.",
        )
    return [runtimes[asked]]


def _unknown(what: str, name: str, known: Iterable[str]) -> RequestError:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return RequestError(
        f"there is no {what} {name!r}; there are {', '.join(names)}",
        f"Did you mean {near[0]!r}?" if near else "Type `anyport targets` for all of them.",
    )
