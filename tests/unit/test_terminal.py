"""What is shown: live on a terminal, plain lines elsewhere, colours only where they are wanted."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys

import pytest

from anyport import terminal

SHOW = """
import time
from anyport import terminal
with terminal.progress(quiet={quiet}, verbose={verbose}) as progress:
    with progress.step("tflite: convert") as show:
        show("optimising [graph]")
        time.sleep({seconds})
    progress.note("a note")
terminal.console(stderr=True).print("[bold red]failed[/]")
"""
COLOUR = re.compile(r"\x1b\[[0-9;]*3[0-9]m")


def shown(*, tty: bool, quiet: bool = False, verbose: bool = False, seconds: float = 0.3, **environment: str) -> str:
    """Run the lines above with standard error on a terminal or a pipe, and return what they wrote there."""
    code = SHOW.format(quiet=quiet, verbose=verbose, seconds=seconds)
    inherited = {
        key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS")
    }
    env = {**inherited, "TERM": "xterm-256color", **environment}
    if not tty:
        return subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True).stderr
    ours, theirs = pty.openpty()
    running = subprocess.Popen([sys.executable, "-c", code], env=env, stderr=theirs)
    os.close(theirs)
    text = b""
    try:
        while block := os.read(ours, 65536):
            text += block
    except OSError:  # how a terminal says that nobody is on the other side any more
        pass
    os.close(ours)
    assert running.wait() == 0
    return text.decode()


def test_a_terminal_shows_each_step_with_what_it_is_doing() -> None:
    text = shown(tty=True)
    assert "tflite: convert" in text
    assert "optimising [graph]" in text
    assert "\x1b[" in text
    assert "a note" in text
    assert COLOUR.search(text)


def test_no_color_is_respected() -> None:
    text = shown(tty=True, NO_COLOR="1")
    assert "failed" in text
    assert not COLOUR.search(text)


def test_a_dumb_terminal_gets_plain_lines() -> None:
    assert "\x1b[" not in shown(tty=True, TERM="dumb")


def test_a_pipe_gets_plain_lines_for_what_takes_longer_than_a_second() -> None:
    lines = shown(tty=False, seconds=1.2).splitlines()
    assert lines[0] == "tflite: convert: optimising [graph]"
    assert re.fullmatch(r"tflite: convert: 1\.[0-9] s", lines[1])
    assert lines[2] == "a note"


def test_a_pipe_gets_nothing_for_what_is_quick() -> None:
    assert shown(tty=False, seconds=0).splitlines() == ["a note", "failed"]


def test_verbose_is_a_line_for_each_thing_that_happens() -> None:
    lines = shown(tty=False, verbose=True, seconds=0).splitlines()
    assert lines == ["tflite: convert: optimising [graph]", "tflite: convert: 0.0 s", "a note", "failed"]


@pytest.mark.parametrize("tty", [True, False])
def test_quiet_says_nothing(tty: bool) -> None:
    assert "note" not in shown(tty=tty, quiet=True)
    assert "tflite" not in shown(tty=tty, quiet=True)


def test_a_step_that_fails_passes_its_exception_on() -> None:
    for progress in (terminal.Quiet(), terminal.Plain(), terminal.Plain(verbose=True)):
        with pytest.raises(ValueError, match="of the body"), progress.step("step"):
            raise ValueError("of the body")
