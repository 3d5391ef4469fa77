"""The command line: `anyport COMMAND …`.  One command a file; this one reads the arguments and owns the exit code.

Nothing heavy is imported until a command runs: `anyport --help` costs little more than Python's own start.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from anyport._version import __version__
from anyport.errors import EXIT_DEFECT, AnyportError, Interrupted

EXIT_BROKEN_PIPE = 141
"""What a shell says of a program that SIGPIPE ended."""

COMMANDS = {
    "inspect": "what a model holds, and what each target can do with it; nothing is converted",
    "export": "export a model to one or more targets, and prove each artifact",
    "check": "prove an existing export again, here and now",
    "debug": "the first layer of an artifact that is wrong by itself, and a reproduction without anyport",
    "embed": "an artifact as C++ sources for a microcontroller's firmware",
    "targets": "what each target and runtime is, and whether it can run here",
    "doctor": "what is missing on this machine, and the command that cures it",
    "toolchain": "list, install or prune the toolchains",
}

EPILOG = """\
exit codes:
    0  done: every artifact passed in every runtime
    1  an artifact answers differently from its source
    2  the request can't be met: a wrong name, file, sample or folder
    3  an artifact could not be made, or could not be run; for `inspect`, a target can't run the model
    4  a toolchain could not be provided, so something was not run
  130  interrupted; nothing was written

example:
  anyport export model.keras --to saved_model --to tflite --to tfjs --to onnx -o dist/model
"""


class _Parser(argparse.ArgumentParser):
    """A parser whose complaint is one sentence and the command that helps."""

    def error(self, message: str) -> NoReturn:
        print(f"anyport: {message}\n  Type `{self.prog} --help`.", file=sys.stderr)
        raise SystemExit(2)


def parser(command: str = "") -> argparse.ArgumentParser:
    """Return the parser; only `command`'s own arguments are filled in."""
    top = _Parser(
        prog="anyport",
        description="Export a Keras or TensorFlow model to where it will run, and prove it there.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=EPILOG,
    )
    top.add_argument("--version", action="version", version=f"anyport {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, summary in COMMANDS.items():
        each = commands.add_parser(name, help=summary, description=summary[0].upper() + summary[1:] + ".")
        if name == command:
            importlib.import_module(f".{name}", __name__).add_arguments(each)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line and return its exit code."""
    words = list(sys.argv[1:] if argv is None else argv)
    named = next((word for word in words if not word.startswith("-")), "")
    arguments = parser(named).parse_args(words)
    from anyport import process

    command = importlib.import_module(f".{arguments.command}", __name__)
    try:
        with _interruptible():
            code = int(command.run(arguments))
            sys.stdout.flush()
            return code
    except AnyportError as error:
        _complain(error)
        return error.exit_code
    except KeyboardInterrupt:
        process.stop_all()
        _complain(Interrupted("interrupted; nothing was written"))
        return Interrupted.exit_code
    except BrokenPipeError:  # whoever read our output has left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is buffered must not fail again at exit
        return EXIT_BROKEN_PIPE
    except Exception:
        import traceback

        traceback.print_exc()
        print("anyport: this is a defect of anyport's; please report it with the lines above", file=sys.stderr)
        return EXIT_DEFECT


def _complain(error: AnyportError) -> None:
    print(f"anyport: {error}", file=sys.stderr)
    if error.hint:
        print(f"  {error.hint}", file=sys.stderr)
    if error.log:
        print(f"  log: {error.log}", file=sys.stderr)


class _interruptible:  # noqa: N801 (used as a function)
    """SIGTERM is a Ctrl-C; either ends every process at once, so that no thread waits for one."""

    def __enter__(self) -> None:
        import signal
        from types import FrameType

        from anyport import process

        def interrupt(number: int, frame: FrameType | None) -> None:
            signal.signal(signal.SIGINT, signal.SIG_IGN)
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            process.stop_all()
            raise KeyboardInterrupt

        signal.signal(signal.SIGINT, interrupt)
        signal.signal(signal.SIGTERM, interrupt)

    def __exit__(self, *failure: object) -> None:
        pass


if __name__ == "__main__":
    sys.exit(main())
