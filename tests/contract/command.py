"""How a command of the installed anyport is run, and how it ended."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True)
class Answer:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        assert self.out, self.err
        return json.loads(self.out)

    def artifact(self, name: str) -> dict[str, Any]:
        """Return the artifact `TARGET` or `TARGET:VARIANT` of an export's or a check's `--json`."""
        target, _, variant = name.partition(":")
        (found,) = [
            item
            for item in self.json["manifest"]["artifacts"]
            if item["target"] == target and variant in ("", item["variant"])
        ]
        return dict(found)


Anyport = Callable[..., Answer]
