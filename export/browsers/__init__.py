"""Browsers and Node, for every target that runs there: how such a runtime is described, and the page that comes with an
artifact.

A target gives an engine (`page/prove.mjs` states what that is) and a locked toolchain with its library; `self_test` makes
the page of it, `in_chromium`, `in_firefox` and `in_node` the runtimes.  Targets and plug-ins may import this module, as they may
`anyport.protocols`.  `service.py` is the host's end of the process that keeps the browsers.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anyport.guest.anyport_browser.places import find_browser, find_firefox
from anyport.protocols import Page, Runtime, Toolchain

HERE = Path(__file__).parent
RUN_PAGE = HERE.parent / "guest" / "run_page.py"
RUN_NODE = HERE.parent / "guest" / "run_node.py"
MODULES = ("compare", "frame", "listen", "npz", "page", "prove", "show", "tensors")
"""What the page is made of, besides the engine."""

CHROMIUM = Toolchain(
    name="chromium",
    summary="a Chromium without root, for machines that have no browser",
    kind="npm",
    lock=HERE / "chromium",
    setup=HERE / "chromium" / "unpack.mjs",
)


def self_test(engine: Path, libraries: Mapping[str, str], *, deployed: bool = True) -> Page:
    """Return the self-test page around an engine; one that isn't `deployed` serves Node alone.

    `libraries` maps the name of a file in the page's `lib/` to its path in the toolchain's `node_modules`.
    """
    ours = {f"selftest/{name}.mjs": HERE / "page" / f"{name}.mjs" for name in MODULES}
    return Page(
        files={"selftest.html": HERE / "page" / "selftest.html", **ours, "selftest/engine.mjs": engine},
        libraries={f"selftest/lib/{name}": f"node_modules/{path}" for name, path in libraries.items()},
        deployed=deployed,
    )


def in_chromium(
    *,
    name: str,
    summary: str,
    library: str,
    backend: str,
    toolchain: Toolchain,
    page: Page,
    default: bool = False,
    cannot: Mapping[str, str] | None = None,
) -> Runtime:
    """Return a runtime in the user's Chrome, Chromium or Edge, or in ours; `library` is what it is called in messages."""
    return Runtime(
        name=name,
        summary=summary,
        script=RUN_PAGE,
        interpreter="browser",
        toolchains=(toolchain, CHROMIUM),
        options={"kind": "chromium", "library": library, "backend": backend},
        local=_own_chromium,
        spares=(CHROMIUM.name,),
        default=default,
        cannot=cannot or {},
        page=page,
    )


def in_firefox(*, name: str, summary: str, library: str, backend: str, toolchain: Toolchain, page: Page) -> Runtime:
    """Return a runtime in the user's Firefox; there is none that we could provide."""
    return Runtime(
        name=name,
        summary=summary,
        script=RUN_PAGE,
        interpreter="browser",
        toolchains=(toolchain,),
        options={"kind": "firefox", "library": library, "backend": backend},
        local=_own_firefox,
        lacking=_lacks_firefox,
        default=False,
        page=page,
    )


def in_node(
    *,
    name: str,
    summary: str,
    library: str,
    backend: str,
    toolchain: Toolchain,
    page: Page,
    default: bool = False,
    reproduce: Path | None = None,
) -> Runtime:
    """Return a runtime in Node, which runs the page's modules with the libraries of the toolchain."""
    return Runtime(
        name=name,
        summary=summary,
        script=RUN_NODE,
        interpreter="host",
        toolchains=(toolchain,),
        needs=("node",),
        options={"library": library, "backend": backend},
        default=default,
        page=page,
        reproduce=reproduce,
    )


def _own_chromium() -> Mapping[str, Any] | None:
    """Return the user's own browser as an option of `run_page.py`, None if there is none."""
    found = find_browser()
    return {"browser": found} if found else None


def _own_firefox() -> Mapping[str, Any] | None:
    found = find_firefox()
    return {"browser": found} if found else None


def _lacks_firefox() -> str:
    return "" if find_firefox() else "Firefox isn't installed"
