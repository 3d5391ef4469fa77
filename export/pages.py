"""The self-test page that comes with an artifact: where its files are, and how they get into an export.

`Runtime.page` says what there is.  `resolve` is for whoever runs the page, `write` for an export.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from anyport import toolchains
from anyport.errors import ToolchainError
from anyport.protocols import Runtime, Toolchain

Provide = Callable[[Toolchain], toolchains.Installed]


def resolve(runtime: Runtime, provide: Provide) -> dict[str, Path]:
    """Return the page's files: path below the artifact → file.  Raises `ToolchainError`."""
    if runtime.page is None:
        return {}
    libraries = provide(runtime.toolchains[0]).path
    return {**runtime.page.files, **{name: libraries / path for name, path in runtime.page.libraries.items()}}


def write(folder: Path, runtimes: Iterable[Runtime], provide: Provide) -> frozenset[str]:
    """Copy the pages of the runtimes into an artifact's folder; return their files, relative to it.

    A page whose library can't be provided stays away: that runtime says why it wasn't run.
    """
    written: set[str] = set()
    for runtime in runtimes:
        if runtime.page is not None and not runtime.page.deployed:
            continue
        try:
            files = resolve(runtime, provide)
        except ToolchainError:
            continue
        for name, file in files.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            # The bytes alone: packages' files come with all kinds of modes.
            shutil.copyfile(file, folder / name)
        written |= set(files)
    return frozenset(written)
