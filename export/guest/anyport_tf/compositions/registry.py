"""Every shared composition by its name, from each family's `COMPOSITIONS`: for targets, whose rules name what they need."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from typing import Any

from . import __name__ as PACKAGE  # noqa: N812
from . import __path__ as FOLDER  # noqa: N812

COMPOSITIONS: Mapping[str, tuple[tuple[str, ...], Callable[..., Any]]] = {
    name: entry
    for family in sorted(module.name for module in pkgutil.iter_modules(FOLDER) if module.name != "registry")
    for name, entry in getattr(importlib.import_module(f"{PACKAGE}.{family}"), "COMPOSITIONS", {}).items()
}
"""Rule → the ops that it is about, and what they become."""
