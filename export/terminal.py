"""The one that talks to the terminal: live progress where there is one, plain lines where there isn't.

`Progress` is what the pipeline reports to; `quiet`, `plain` and `live` make one.  Steps run side by side, so each is
named, and each has its own line.
"""

from __future__ import annotations

import contextlib
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress as RichProgress
    from rich.progress import TaskID

PLAIN_AFTER_SECONDS = 1.0
"""A plain line for what lasts longer than this."""


class Progress(Protocol):
    """Where a pipeline says what it is doing; safe to call from any thread."""

    def step(self, name: str) -> contextlib.AbstractContextManager[Callable[[str], None]]:
        """Show a step while the body runs; the value given takes what the step is doing now."""

    def note(self, text: str) -> None:
        """Say something that stays."""


class Quiet:
    """Says nothing."""

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        yield lambda text: None

    def note(self, text: str) -> None:
        pass


class Plain:
    """One line when a step has lasted a while, and one when it is done; for logs and pipes."""

    def __init__(self, verbose: bool = False) -> None:
        self._verbose = verbose
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        started = time.monotonic()
        self._doing: dict[str, str] = getattr(self, "_doing", {})
        timer = threading.Timer(PLAIN_AFTER_SECONDS, lambda: self.note(f"{name}: {self._doing.get(name) or 'started'}"))
        timer.daemon = True
        timer.start()
        try:
            yield lambda text: self._update(name, text)
        finally:
            timer.cancel()
            seconds = time.monotonic() - started
            if seconds >= PLAIN_AFTER_SECONDS or self._verbose:
                self.note(f"{name}: {seconds:.1f} s")

    def _update(self, name: str, text: str) -> None:
        self._doing[name] = text
        if self._verbose:
            self.note(f"{name}: {text}")

    def note(self, text: str) -> None:
        with self._lock:
            print(text, file=sys.stderr, flush=True)


class Live:
    """A line for each running step, with a spinner and its seconds."""

    def __init__(self, progress: RichProgress) -> None:
        self._progress = progress

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Callable[[str], None]]:
        task: TaskID = self._progress.add_task(name, total=None, doing="")
        try:
            yield lambda text: self._progress.update(task, doing=text)
        finally:
            self._progress.remove_task(task)

    def note(self, text: str) -> None:
        self._progress.console.print(text, highlight=False, markup=False)


@contextlib.contextmanager
def progress(*, quiet: bool = False, verbose: bool = False) -> Iterator[Progress]:
    """Yield the progress that suits standard error."""
    if quiet:
        yield Quiet()
    elif not sys.stderr.isatty() or os.environ.get("TERM") == "dumb" or verbose:
        yield Plain(verbose)
    else:
        with _live() as shown:
            yield shown


@contextlib.contextmanager
def _live() -> Iterator[Progress]:
    from rich.progress import Progress as RichProgress
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        TextColumn("{task.fields[doing]}", style="dim", markup=False),
        TimeElapsedColumn(),
    )
    with RichProgress(*columns, console=console(stderr=True), transient=True) as bar:
        yield Live(bar)


def console(*, stderr: bool = False) -> Console:
    """Return a Rich console; it honours NO_COLOR and plain output by itself."""
    from rich.console import Console

    width = None if (sys.stderr if stderr else sys.stdout).isatty() else 160
    return Console(stderr=stderr, width=width, soft_wrap=False)
