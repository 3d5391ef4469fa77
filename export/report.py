"""What an export or a check found: runs, artifacts, and the report that holds them.

A failed verdict is data; `Report.raise_for_status` turns it into an exception for those who want one.
"""

from __future__ import annotations

import dataclasses
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from anyport.compare import OutputVerdict
from anyport.errors import EXIT_DONE, AnyportError, ConversionError, ParityError, ToolchainError

Status = Literal["passed", "failed", "not_run", "error", "refused"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Run:
    """One artifact in one runtime."""

    runtime: str
    status: Status
    reason: str = ""
    version: str = ""
    backend: str = ""
    seconds: Mapping[str, float] = dataclasses.field(default_factory=dict)
    """`load`, `first` and `warm` as the runtime measured them, `total` for the whole step."""
    max_rss: int = 0
    """Peak resident memory in bytes of the process that ran it; 0 where the runtime is a process of its own, as a browser is."""
    emulated: bool = False
    """Whether another processor was imitated: then the seconds are no device's latency."""
    details: Mapping[str, str | float] = dataclasses.field(default_factory=dict)
    """What else the runtime had to say, by names of its own."""
    outputs: Sequence[OutputVerdict] = ()
    log: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Artifact:
    """One target and variant of an export."""

    target: str
    variant: str
    path: str
    """Its folder, relative to the export."""
    status: Status
    reason: str = ""
    hint: str = ""
    toolchain: str = ""
    convert_seconds: float = 0.0
    convert_max_rss: int = 0
    files: Sequence[Mapping[str, Any]] = ()
    """`{path, size, sha256}` each; `path` relative to the export."""
    self_test: Sequence[Mapping[str, Any]] = ()
    """Files beside them that test the artifact on another device: a web page and its library."""
    signatures: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    """How the contract's names map onto the artifact's, as the converter stated it."""
    notes: Sequence[str] = ()
    repairs: Sequence[Mapping[str, Any]] = ()
    """What had to be rewritten for this target: `{rule, why, until, where}` each, `where` in the user's words."""
    runs: Sequence[Run] = ()
    budget: Mapping[str, float] | None = None
    """What its verdict allows it to lose (`protocols.Budget`); None where it is held to the tolerance."""
    log: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """The outcome of an export or a check."""

    path: Path
    """The export's folder."""
    manifest: Mapping[str, Any]
    """`anyport.json`; for a check, that of the export with the new verdicts."""
    artifacts: Sequence[Artifact]

    @property
    def passed(self) -> bool:
        """Tell whether every artifact passed in every runtime that was asked for."""
        return all(artifact.status == "passed" for artifact in self.artifacts)

    @property
    def exit_code(self) -> int:
        """Return the exit code of the worst that happened: wrong answers, then failures, then what was not run."""
        error = self._error()
        return EXIT_DONE if error is None else error.exit_code

    def raise_for_status(self) -> None:
        """Raise `ParityError`, `ConversionError` or `ToolchainError` unless everything passed."""
        error = self._error()
        if error is not None:
            raise error

    def next_step(self, artifact: Artifact) -> str:
        """Return the command that says which layer of a failed artifact is at fault; nothing where it isn't one."""
        from anyport.targets import registry  # which imports every target

        target = registry().get(artifact.target)
        failed = next((run for run in artifact.runs if run.status == "failed"), None)
        if failed is None or target is None or target.cut is None:
            return ""
        name = artifact.target if artifact.variant == target.variants[0] else f"{artifact.target}:{artifact.variant}"
        return (
            f"Which layer is at fault: anyport debug {shlex.quote(str(self.path))} --artifact {name}@{failed.runtime}"
        )

    def _error(self) -> AnyportError | None:
        kinds: dict[Status, type[AnyportError]] = {
            "failed": ParityError,
            "error": ConversionError,
            "refused": ConversionError,
            "not_run": ToolchainError,
        }
        for status, kind in kinds.items():
            for artifact in self.artifacts:
                if artifact.status == status:
                    hint = artifact.hint or self.next_step(artifact)
                    return kind(f"{artifact.target}:{artifact.variant}: {artifact.reason}", hint, artifact.log)
        return None


def judge(runs: Sequence[Run]) -> tuple[Status, str]:
    """Return an artifact's status and reason from its runs: passed only if every one of them passed."""
    order: tuple[Status, ...] = ("failed", "error", "refused", "not_run")
    for status in order:
        for run in runs:
            if run.status == status:
                return status, f"{run.runtime}: {run.reason}"
    return ("passed", "") if runs else ("not_run", "no runtime was asked for")
