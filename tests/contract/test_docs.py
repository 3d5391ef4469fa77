"""Every command of the documents does what its document says.

A command is a line that starts with `$ ` in a block fenced as ```console; a line that ends with a backslash goes on in the
next one.  It must exit with 0, or with N where it ends in `# exit N`.  The commands of one document run one after the
other in one empty folder, in bash, with the installed anyport on PATH.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])

SET_UP = re.compile(r"pip install (-e )?\.( && |$)")
"""What this environment has behind it; a command may go on after it."""

NOT_HERE = re.compile(r"(pip install nox && )?nox( .*)?|git clone .*|cd .*|python -m venv .*")
"""Sets up the developer's own machine, or runs these very tests."""

BLOCK = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXIT = re.compile(r"\s*# exit (\d+)$")


def commands(document: Path) -> Iterator[tuple[str, int]]:
    """Yield each command with the exit code that it must end with."""
    for block in BLOCK.findall(document.read_text(encoding="utf-8")):
        for line in re.findall(r"^\$ (.*)$", block.replace("\\\n", " "), re.MULTILINE):
            code = EXIT.search(line)
            yield EXIT.sub("", line), int(code[1]) if code else 0


def to_run(document: Path) -> list[tuple[str, int]]:
    """Return the commands that can be run here, less the set-up."""
    found = [(SET_UP.sub("", line, count=1), code) for line, code in commands(document)]
    return [(line, code) for line, code in found if line and not NOT_HERE.fullmatch(line)]


@pytest.mark.parametrize(
    "document", [document for document in DOCUMENTS if to_run(document)], ids=lambda path: path.name
)
def test_every_command_of_a_document_does_what_it_says(
    document: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    for line, code in to_run(document):
        done = subprocess.run(
            ["bash", "-c", line],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )
        assert done.returncode == code, f"$ {line}\n{done.stdout}{done.stderr}"


def test_the_two_commands_of_the_set_up_are_in_the_readme() -> None:
    shown = [line for line, _ in commands(ROOT / "README.md")]
    assert any(line.startswith("pip install . && anyport export ") for line in shown)
    assert "pip install nox && nox" in shown
    assert len(to_run(ROOT / "README.md")) > 2


def test_the_set_up_alone_is_left_out(tmp_path: Path) -> None:
    console = ["$ pip install . && anyport a \\", "    b", "printed", "$ nox -s unit", "$ false  # exit 1"]
    (tmp_path / "x.md").write_text("\n".join(["```console", *console, "```", "```sh", "$ not this", "```", ""]))
    assert to_run(tmp_path / "x.md") == [("anyport a      b", 0), ("false", 1)]
