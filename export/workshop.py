"""The toolchains, the TensorFlow process and the browsers that an export or a check works with; many can share them.

A `Workshop` provides each toolchain once, several at a time, and starts the zygote and the browsers when they are first
needed.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from anyport import toolchains
from anyport.browsers.service import BrowserService
from anyport.guests import Zygote
from anyport.models import TENSORFLOW
from anyport.protocols import Toolchain
from anyport.terminal import Progress

MOST_AT_ONCE = 8


class Workshop:
    """Toolchains, the zygote, and the number of heavy guests that may work at a time; closed when it is left."""

    def __init__(self, progress: Progress, logs: Path) -> None:
        self.progress = progress
        self.logs = logs
        # Two heavy guests at a time on two cores: more would only take each other's memory and time.
        self.slots = threading.Semaphore(max(2, os.cpu_count() or 1))
        self._provided: dict[str, Future[toolchains.Installed]] = {}
        self._pool = ThreadPoolExecutor(max_workers=MOST_AT_ONCE, thread_name_prefix="anyport-toolchains")
        self._lock = threading.Lock()
        self._starting = threading.Lock()
        self._zygote: Zygote | None = None
        self._browsing = threading.Lock()
        self._browsers: BrowserService | None = None

    def __enter__(self) -> Workshop:
        return self

    def __exit__(self, *failure: object) -> None:
        if self._zygote is not None:
            self._zygote.close()
        if self._browsers is not None:
            self._browsers.close()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def begin(self, toolchain: Toolchain) -> Future[toolchains.Installed]:
        """Start to provide a toolchain, or return what was begun."""
        with self._lock:
            if toolchain.name not in self._provided:
                self._provided[toolchain.name] = self._pool.submit(
                    provide_toolchain, toolchain, self.progress, self.logs
                )
            return self._provided[toolchain.name]

    def provide(self, toolchain: Toolchain) -> toolchains.Installed:
        """Return a toolchain, waiting until it is provided; raises `ToolchainError`."""
        return self.begin(toolchain).result()

    def keys(self) -> dict[str, str]:
        """Return the keys of the toolchains provided so far."""
        with self._lock:
            done = {name: future for name, future in self._provided.items() if future.done()}
        return {name: future.result().key for name, future in done.items() if future.exception() is None}

    def zygote(self, preload: Sequence[str] = ()) -> Zygote:
        """Return the TensorFlow zygote, started on first use, and have it import the modules `preload`."""
        with self._starting:
            if self._zygote is None:
                python = self.provide(TENSORFLOW).python
                self._zygote = Zygote(python, self.logs / "tensorflow.log", ["tensorflow"])
        if preload:
            self._zygote.preload(list(dict.fromkeys(preload)))
        return self._zygote

    @contextlib.contextmanager
    def browsers(self) -> Iterator[str]:
        """Give where the browsers take orders, to one run at a time; they stay warm for the next.

        Raises `ToolchainError`.
        """
        with self._browsing:
            if self._browsers is not None and not self._browsers.alive:
                self._browsers.close()
                self._browsers = None
            if self._browsers is None:
                self._browsers = BrowserService(self.logs / "browsers.log")
            yield self._browsers.url


def provide_toolchain(toolchain: Toolchain, progress: Progress, logs: Path) -> toolchains.Installed:
    """Return a toolchain; says something only where it has to be provisioned."""
    if found := toolchains.find(toolchain):
        return found
    with progress.step(f"toolchain {toolchain.name}") as show:
        return toolchains.provide(toolchain, show, logs / f"toolchain-{toolchain.name}.log")
