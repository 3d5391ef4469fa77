"""Everything that anyport raises on purpose, and the exit code of each class.

    AnyportError                    what was received, what was expected, what to type next
    ├── RequestError        2       the request can't be met as it stands: a wrong name, file, sample or folder
    ├── ParityError         1       an artifact answers differently from its source
    ├── ConversionError     3       an artifact could not be made, or could not be run
    ├── ToolchainError      4       a toolchain could not be provided, so something was not run
    └── Interrupted       130       Ctrl-C or SIGTERM; nothing was published

Exit code 0 is done; 70 is a defect of anyport itself.
"""

from __future__ import annotations

EXIT_DONE = 0
EXIT_DEFECT = 70


class AnyportError(Exception):
    """The base of them all.  `hint` is one sentence on what to do next; `log` a file with the whole story."""

    exit_code = EXIT_DEFECT

    def __init__(self, message: str, hint: str = "", log: str = "") -> None:
        super().__init__(message)
        self.hint = hint
        self.log = log


class ParityError(AnyportError):
    """An artifact answers differently from its source."""

    exit_code = 1


class RequestError(AnyportError):
    """The request can't be met as it stands."""

    exit_code = 2


class ConversionError(AnyportError):
    """An artifact could not be made, or could not be run."""

    exit_code = 3


class ToolchainError(AnyportError):
    """A toolchain could not be provided."""

    exit_code = 4


class Interrupted(AnyportError):
    """The user, or the system, asked anyport to stop."""

    exit_code = 130
