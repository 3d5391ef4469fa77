"""Building a machine of another processor: a private Debian tree whose Python runs under qemu.  No root, no daemon.

`toolchains` calls `build` for a toolchain of the kind `emulated`, which names a machine (a JSON file):

* `architecture` and `triplet`: Debian's names of the processor;
* `packages`: what the tree holds, with all that they depend on;
* `emulator` and `cpu`: qemu's program, and the processor that it is to be.  It is always named: qemu's own choice, `max`,
  was seen to give wrong int8 results;
* `cpuinfo`: what `/proc/cpuinfo` says there; libraries choose their kernels by it.

Out come `bin/python`, a launcher that any caller may start like a Python of this machine, and the tree in `root`.  The
packages come from the apt sources of this machine, with its keys.  No lock states their versions: Debian takes the old
file away when it publishes a fix, so that a pinned version would fail within weeks.  apt verifies what it fetches by
Debian's signatures, and the versions are written into the toolchain's stamp.  The Python packages on top, which are what
is proved, are locked with hashes like everywhere else.
"""

from __future__ import annotations

import json
import platform
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from anyport.protocols import Toolchain

PROGRAMS = ("apt-get", "dpkg", "dpkg-deb")
"""What this machine must have."""

EMULATOR_PACKAGE = "qemu-user-static"
SITE = "usr/local/lib/python3.11/dist-packages"
"""Where Debian's Python looks for what is not Debian's, even when it is isolated (`-I`)."""

LAUNCHER = """\
#!/bin/sh
# Starts the emulated Python.  Found by its own place, for the folder is renamed when it is whole.
here=$(dirname "$(dirname "$(readlink -f "$0")")")
lib=$here/root/usr/lib/{triplet}
exec env -i PATH=/usr/bin:/bin HOME=/ TMPDIR="${{TMPDIR:-/tmp}}" "$here/bin/{emulator}" -cpu {cpu} -L "$here/root" \\
    -E OPENBLAS_NUM_THREADS=1 -E LD_LIBRARY_PATH="$lib/blas:$lib/lapack:$lib:$here/root/lib/{triplet}" \\
    "$here/root/usr/bin/python3.11" -B "$@"
"""


class Step(Protocol):
    """Runs a command, and raises `ToolchainError` with `problem` if it fails and is needed."""

    def __call__(
        self, argv: Sequence[str | Path], problem: str, hint: str = "", needed: bool = True, cwd: Path | None = None
    ) -> None: ...


def build(toolchain: Toolchain, staging: Path, step: Step, report: Callable[[str], None]) -> dict[str, Any]:
    """Build the machine in `staging`, and return what its stamp is to say of it: the packages and their versions."""
    assert toolchain.machine is not None
    machine: dict[str, Any] = json.loads(toolchain.machine.read_text(encoding="utf-8"))
    root = staging / "root"
    for folder in (root / "proc", staging / "bin"):
        folder.mkdir(parents=True)
    packages = _fetch(machine, staging / "apt", step, report)
    report(f"{len(packages)} packages: unpacking")
    _unpack(packages, machine["emulator"], staging, step)
    shutil.rmtree(staging / "apt")
    (root / "proc" / "cpuinfo").write_text("\n".join([*machine["cpuinfo"], ""]), encoding="utf-8")
    python = _write_launcher(machine, staging)
    report("installing and compiling")
    _install(toolchain, python, root, step)
    return {"packages": [package.stem for package in packages]}


def _fetch(machine: Mapping[str, Any], apt: Path, step: Step, report: Callable[[str], None]) -> list[Path]:
    """Download the packages and all that they depend on, into a private apt that knows nothing as installed."""
    for folder in ("lists/partial", "archives/partial", "dpkg"):
        (apt / folder).mkdir(parents=True)
    (apt / "dpkg" / "status").touch()
    apt_get = ["apt-get", "-qq", *_options(machine["architecture"], apt)]
    report("reading Debian's package lists")
    # One index that a mirror is just renewing must not stop the others; a package that is missed then is told below.
    step([*apt_get, "update"], "Debian's package lists could not be read", needed=False)
    report("fetching Debian's packages")
    hint = "The machine's apt sources must be Debian 12's, and within reach;"
    problem = "Debian's packages could not be fetched"
    step([*apt_get, "-y", "--download-only", "install", *machine["packages"]], problem, hint)
    step(
        [*apt_get, "download", f"{EMULATOR_PACKAGE}:{_own()}"], "qemu could not be fetched", hint, cwd=apt / "archives"
    )
    return sorted((apt / "archives").glob("*.deb"))


def _options(architecture: str, apt: Path) -> list[str]:
    """Return what has apt work in the folder `apt` alone, for the emulated architecture and this machine's own."""
    options = {
        "Dir::State": apt,
        "Dir::State::lists": apt / "lists",
        "Dir::State::status": apt / "dpkg" / "status",
        "Dir::Cache": apt,
        "Dir::Cache::archives": apt / "archives",
        "APT::Architecture": architecture,
        "APT::Architectures": f"{architecture},{_own()}",
        "APT::Install-Recommends": "0",
        "APT::Sandbox::User": "root",  # apt's own user can't write below a home folder
        "Acquire::Languages": "none",
        "Debug::NoLocking": "1",
    }
    return [word for key, value in options.items() for word in ("-o", f"{key}={value}")]


def _own() -> str:
    """Return Debian's name of this machine's processor."""
    return {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "armhf", "i686": "i386"}.get(
        machine := platform.machine(), machine
    )


def _unpack(packages: Sequence[Path], emulator: str, staging: Path, step: Step) -> None:
    for package in packages:
        command: list[str | Path] = ["dpkg-deb", "--extract", package, staging / "root"]
        if package.name.startswith(f"{EMULATOR_PACKAGE}_"):
            # It holds an emulator for each of 30 processors, 280 MB; one will do.
            script = 'dpkg-deb --fsys-tarfile "$1" | tar --extract --directory "$2" --strip-components 3 "./usr/bin/$3"'
            command = ["sh", "-c", script, "sh", package, staging / "bin", emulator]
        step(command, f"{package.name} could not be unpacked", "Remove what fills the disk, then")


def _write_launcher(machine: Mapping[str, Any], staging: Path) -> Path:
    python = staging / "bin" / "python"
    names = {name: shlex.quote(machine[name]) for name in ("triplet", "emulator", "cpu")}
    python.write_text(LAUNCHER.format(**names), encoding="utf-8")
    python.chmod(0o755)
    return python


def _install(toolchain: Toolchain, python: Path, root: Path, step: Step) -> None:
    """Install what is locked: uv asks the emulated Python which wheels are its own."""
    uv = [sys.executable, "-m", "uv", "--no-config", "--no-progress"]
    sync: list[str | Path] = [
        "pip",
        "sync",
        "--require-hashes",
        "--no-build",
        "--python",
        python,
        "--target",
        root / SITE,
    ]
    step([*uv, *sync, toolchain.lock], "its packages could not be installed")
    # Compiled by a Python of this machine, many times as fast; the hash in the files keeps their dates from mattering.
    compile_all = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash"]
    folders = [root / SITE, root / "usr" / "lib" / "python3.11", root / "usr" / "lib" / "python3"]
    # Some of the standard library's test files are not meant to compile.
    run: list[str | Path] = [*uv, "run", "--no-project", "--python", toolchain.python, "python", *compile_all, *folders]
    step(run, "its Python files could not be compiled", needed=False)
    step([python, "-I", "-c", "import numpy"], "its Python does not start under qemu")
