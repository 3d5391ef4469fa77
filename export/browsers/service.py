"""The host's end of the process that keeps browsers warm (`guest/browser_service.py`), for all runs of an export or a check.

A `Workshop` owns one.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from anyport import process
from anyport.errors import ToolchainError

HERE = Path(__file__).parent
SCRIPT = HERE.parent / "guest" / "browser_service.py"
IDLE = HERE / "page" / "idle.html"


class BrowserService:
    """A running service; it starts each browser when that is first asked for."""

    def __init__(self, log: Path) -> None:
        """Start it; raises `ToolchainError` if it doesn't come up."""
        self._process = process.start([sys.executable, "-I", str(SCRIPT), str(IDLE)], log=log)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self.close()
            raise ToolchainError("the process that keeps the browsers did not start", "Its log says why.", str(log))
        self.url: str = json.loads(line)["ready"]

    @property
    def alive(self) -> bool:
        """Tell whether it is still there."""
        return self._process.poll() is None

    def close(self) -> None:
        """End it and its browsers."""
        process.stop(self._process)
