"""Regenerate every lock file: `python tools/lock.py [--upgrade] [NAME …]`.  Called by `nox -s lock`.

* `NAME.in` beside `NAME.lock`: what a Python toolchain is to hold.  Locked for Python 3.11 on every platform, with a
  hash for each file.  One whose comments say `--no-deps` is locked as it stands, without its dependencies.
* `NAME-nodeps.in`: packages that join `NAME.lock` without their dependencies.
* `package.json`: locked by npm into the `package-lock.json` beside it.

Locks hold names, versions and hashes; never an address.  What is pinned already stays, unless it no longer fits or
`--upgrade` is given.  A NAME is a part of a lock's path; without one, all are made.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("export", "models", "targets")
PYTHON = "3.11"
NO_DEPENDENCIES = "--no-deps"
JOINS = "-nodeps"


def main(argv: Sequence[str] | None = None) -> int:
    """Make the locks, and say which of them changed."""
    parser = argparse.ArgumentParser(description="Regenerate the lock files.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a part of a lock's path; all of them by default")
    parser.add_argument("--upgrade", action="store_true", help="take the newest versions that fit, not the pinned ones")
    arguments = parser.parse_args(argv)
    chosen = [lock for lock in locks() if not arguments.names or any(name in str(lock) for name in arguments.names)]
    if not chosen:
        parser.error(f"no lock matches; there are {', '.join(str(lock.relative_to(ROOT)) for lock in locks())}")
    for lock in chosen:
        before = lock.read_text(encoding="utf-8") if lock.exists() else ""
        text = (_npm if lock.suffix == ".json" else _python)(lock, before, arguments.upgrade)
        lock.write_text(text, encoding="utf-8")
        print(f"{lock.relative_to(ROOT)}: {'unchanged' if text == before else 'changed'}")
    return 0


def locks() -> list[Path]:
    """Return the lock files that there should be."""
    ins = [path for folder in FOLDERS for path in (ROOT / folder).glob("*/*.in") if not path.stem.endswith(JOINS)]
    packages = [path for folder in FOLDERS for path in (ROOT / folder).glob("**/package.json")]
    return sorted(
        [path.with_suffix(".lock") for path in ins] + [path.with_name("package-lock.json") for path in packages]
    )


def _python(lock: Path, before: str, upgrade: bool) -> str:
    text = _compile(lock.with_suffix(".in"), before, upgrade)
    joining = lock.with_name(f"{lock.stem}{JOINS}.in")
    return text + (_compile(joining, before, upgrade, NO_DEPENDENCIES) if joining.exists() else "")


def _compile(wanted: Path, before: str, upgrade: bool, *options: str) -> str:
    if NO_DEPENDENCIES in wanted.read_text(encoding="utf-8"):
        options = (*options, NO_DEPENDENCIES)
    if upgrade:
        options = (*options, "--upgrade")
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made.lock"
        made.write_text(before, encoding="utf-8")  # uv keeps what the file it writes pins already
        command = [
            sys.executable,
            "-m",
            "uv",
            "--no-config",
            "pip",
            "compile",
            "--quiet",
            "--generate-hashes",
            "--universal",
        ]
        command += ["--python-version", PYTHON, "--no-header", "--no-annotate", "--output-file", str(made), *options]
        subprocess.run([*command, str(wanted)], check=True, stdout=subprocess.DEVNULL, cwd=folder)
        return made.read_text(encoding="utf-8")


def _npm(lock: Path, before: str, upgrade: bool) -> str:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copy(lock.with_name("package.json"), folder)
        if before and not upgrade:
            (folder / lock.name).write_text(before, encoding="utf-8")
        command = ["npm", "install", "--package-lock-only", "--ignore-scripts", "--omit-lockfile-registry-resolved"]
        subprocess.run([*command, "--no-audit", "--no-fund"], check=True, stdout=subprocess.DEVNULL, cwd=folder)
        made: dict[str, Any] = json.loads((folder / lock.name).read_text(encoding="utf-8"))
    for entry in made["packages"].values():
        entry.pop("funding", None)  # web addresses, and nothing that installs
    # A new lock is named after the temporary folder.
    made["name"] = made["packages"][""].get("name", lock.parent.name)
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
