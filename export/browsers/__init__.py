"""Browsers, for every target that runs in one: the Chromium that stands in where a machine has none.

Targets and plug-ins may import this module, as they may `anyport.protocols`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anyport.guest.anyport_browser.places import find_browser
from anyport.protocols import Toolchain

HERE = Path(__file__).parent

CHROMIUM = Toolchain(
    name="chromium",
    summary="a Chromium without root, for machines that have no browser",
    kind="npm",
    lock=HERE / "chromium",
    setup=HERE / "chromium" / "unpack.mjs",
)


def own_browser() -> Mapping[str, Any] | None:
    """Return the user's own Chrome, Chromium or Edge as the option `browser` of a runtime, None if there is none."""
    found = find_browser()
    return {"browser": found} if found else None
