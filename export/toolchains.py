"""Toolchains: locked, isolated environments, provisioned on first use and found again afterwards.

Each lies in a folder named after it and the hash of its lock, inside the user's cache folder (or
`ANYPORT_TOOLCHAINS`).  It is built beside that folder and renamed when it is whole, under a file lock, so that two
exports at once build it once and an interrupted build leaves nothing that looks finished.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import platform
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anyport import emulated, process
from anyport.errors import AnyportError, ToolchainError
from anyport.protocols import Toolchain

if TYPE_CHECKING:
    import filelock

STAMP = "anyport-toolchain.json"
TIMEOUT_SECONDS = 3600.0

Report = Callable[[str], None]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Installed:
    """A toolchain on this machine."""

    name: str
    key: str
    """`NAME-HASH`, the name of its folder."""
    path: Path

    @property
    def python(self) -> Path:
        """Its Python interpreter (a Python or emulated toolchain's)."""
        return self.path / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def root() -> Path:
    """Return the folder that holds the toolchains."""
    if chosen := os.environ.get("ANYPORT_TOOLCHAINS"):
        return Path(chosen)
    import platformdirs

    return platformdirs.user_cache_path("anyport") / "toolchains"


def key(toolchain: Toolchain) -> str:
    """Return `NAME-HASH`: what it is made of, and the platform and Python that it is made for."""
    digest = hashlib.sha256(f"{toolchain.kind} {toolchain.python} {sys.platform} {platform.machine()}".encode())
    for file in _ingredients(toolchain):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return f"{toolchain.name}-{digest.hexdigest()[:12]}"


def _ingredients(toolchain: Toolchain) -> list[Path]:
    files = sorted(toolchain.lock.glob("package*.json")) if toolchain.kind == "npm" else [toolchain.lock]
    return files + [file for file in (toolchain.setup, toolchain.machine) if file]


def find(toolchain: Toolchain) -> Installed | None:
    """Return the toolchain if it is provisioned and whole."""
    path = root() / key(toolchain)
    return Installed(name=toolchain.name, key=path.name, path=path) if (path / STAMP).is_file() else None


def provide(toolchain: Toolchain, report: Report, log: Path) -> Installed:
    """Return the toolchain, provisioning it if need be; `report` gets what to show meanwhile.

    Raises `ToolchainError`, with what is missing and the command that cures it.
    """
    if found := find(toolchain):
        return found
    try:
        root().mkdir(parents=True, exist_ok=True)
        with _lock(key(toolchain)):
            return find(toolchain) or _build(toolchain, report, log)
    except OSError as error:
        raise ToolchainError(
            f"the toolchain {toolchain.name!r} can't be provided: {error}",
            "Set ANYPORT_TOOLCHAINS to a folder that can be written and has room.",
            str(log),
        ) from error


def _build(toolchain: Toolchain, report: Report, log: Path) -> Installed:
    started = time.monotonic()
    final = root() / key(toolchain)
    with _staging(final) as staging:
        report("starting")
        build = {"python": _build_python, "npm": _build_npm, "emulated": _build_emulated}[toolchain.kind]
        more = build(toolchain, staging, report, log) or {}
        stamp = {
            "name": toolchain.name,
            "seconds": round(time.monotonic() - started, 1),
            "bytes": size(staging),
            **more,
        }
        (staging / STAMP).write_text(json.dumps(stamp), encoding="utf-8")
        os.replace(staging, final)
    return Installed(name=toolchain.name, key=final.name, path=final)


@contextlib.contextmanager
def _staging(final: Path) -> Iterator[Path]:
    """Yield a new folder beside `final`; it is gone afterwards unless it was renamed."""
    shutil.rmtree(final, ignore_errors=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{final.name}-", dir=final.parent))
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _build_python(toolchain: Toolchain, staging: Path, report: Report, log: Path) -> None:
    uv = [sys.executable, "-m", "uv", "--no-config", "--no-progress"]
    # Relocatable: it is renamed when it is whole.
    environment = {**process.environment(), "UV_LINK_MODE": "copy"} if os.name == "nt" else process.environment()
    _step(
        [
            *uv,
            "venv",
            "--quiet",
            "--allow-existing",
            "--relocatable",
            "--no-project",
            "--python",
            toolchain.python,
            staging,
        ],
        toolchain,
        f"no Python {toolchain.python} was found, and none could be fetched",
        f"Install Python {toolchain.python} and try again: anyport toolchain install {toolchain.name}",
        log,
        env=environment,
    )
    watch = _UvProgress(toolchain.lock, report)
    interpreter = Installed(name=toolchain.name, key="", path=staging).python
    _step(
        [*uv, "pip", "sync", "--require-hashes", "--compile-bytecode", "--python", interpreter, toolchain.lock],
        toolchain,
        "its packages could not be installed",
        f"Check the network, then try again: anyport toolchain install {toolchain.name}",
        log,
        env=environment,
        watch=watch,
    )


def _build_npm(toolchain: Toolchain, staging: Path, report: Report, log: Path) -> None:
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            raise ToolchainError(
                f"the toolchain {toolchain.name!r} needs {program}, which is not on PATH",
                "Install Node.js 20 or newer (it brings npm), then try again.",
            )
    for file in _ingredients(toolchain):
        shutil.copy(file, staging / file.name)
    count = len(json.loads((staging / "package-lock.json").read_text(encoding="utf-8"))["packages"]) - 1
    report(f"{count} packages")
    hint = f"Check the network, then try again: anyport toolchain install {toolchain.name}"
    # No install scripts: a locked tree is files, and nothing of it runs before we run it.
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    _step(command, toolchain, "its packages could not be installed", hint, log, cwd=staging)
    if toolchain.setup:
        report("unpacking")
        _step(["node", toolchain.setup.name], toolchain, "it could not be unpacked", hint, log, cwd=staging)


def _build_emulated(toolchain: Toolchain, staging: Path, report: Report, log: Path) -> dict[str, Any]:
    if error := lacking(toolchain):
        raise error

    def step(
        argv: Sequence[str | Path], problem: str, hint: str = "", needed: bool = True, cwd: Path | None = None
    ) -> None:
        hint = f"{hint or 'Check the network, then'} try again: anyport toolchain install {toolchain.name}"
        with contextlib.nullcontext() if needed else contextlib.suppress(ToolchainError):
            _step(argv, toolchain, problem, hint, log, env={**process.environment(), "LC_ALL": "C"}, cwd=cwd)

    return emulated.build(toolchain, staging, step, report)


def _step(
    argv: Iterable[str | Path],
    toolchain: Toolchain,
    problem: str,
    hint: str,
    log: Path,
    *,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    watch: _UvProgress | None = None,
) -> None:
    # uv tells its progress on standard error, which goes to the log: the log is what is watched.
    with watch.following(log) if watch else contextlib.nullcontext():
        try:
            status = process.run([str(part) for part in argv], log=log, env=env, cwd=cwd, timeout=TIMEOUT_SECONDS)
        except process.TimedOut:
            problem, status = f"{problem} in {TIMEOUT_SECONDS / 60:.0f} minutes", 1
    if status:
        reason = _last_words(log)
        raise ToolchainError(f"the toolchain {toolchain.name!r} can't be provided: {problem}{reason}", hint, str(log))


def _last_words(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    telling = [
        line for line in lines if re.search(r"\b(error|cause|caused by|failed)\b|no .* found|^E: ", line, re.IGNORECASE)
    ] or lines
    return f" ({telling[-1][:200]})" if telling else ""


class _UvProgress:
    """Turns what uv prints into `3 of 36 packages, 549 of 612 MiB`."""

    UNITS: Mapping[str, float] = {"B": 1 / 2**20, "KiB": 1 / 1024, "MiB": 1.0, "GiB": 1024.0}

    def __init__(self, lock: Path, report: Report) -> None:
        self._packages = len(re.findall(r"(?m)^[A-Za-z0-9][\w.-]*(\[.*\])?==", lock.read_text(encoding="utf-8")))
        self._report = report
        self._sizes: dict[str, float] = {}
        self._fetched: set[str] = set()

    @contextlib.contextmanager
    def following(self, log: Path) -> Iterator[None]:
        """Report the lines that are added to `log` while the body runs."""
        import threading

        done = threading.Event()
        start = log.stat().st_size if log.exists() else 0
        thread = threading.Thread(target=self._follow, args=(log, start, done), daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()

    def _follow(self, log: Path, position: int, done: object) -> None:
        from threading import Event

        assert isinstance(done, Event)
        while not done.wait(0.2):
            if log.exists():
                with log.open("rb") as file:
                    file.seek(position)
                    *lines, rest = file.read().split(b"\n")
                    position = file.tell() - len(rest)
                for line in lines:
                    self.see(line.decode(errors="replace"))

    def see(self, line: str) -> None:
        """Take in one line of uv's."""
        if match := re.match(r"\s*Downloading (\S+) \(([\d.]+)\s*([KMG]?i?B)\)", line):
            self._sizes[match[1]] = float(match[2]) * self.UNITS.get(match[3], 1.0)
        elif match := re.match(r"\s*Downloaded (\S+)", line):
            self._fetched.add(match[1])
        elif line.startswith("Prepared"):
            self._report(f"{self._packages} packages fetched; installing")
            return
        elif line.startswith("Installed"):
            self._report(f"{self._packages} packages installed; compiling")
            return
        else:
            return
        total, fetched = sum(self._sizes.values()), sum(self._sizes.get(name, 0) for name in self._fetched)
        self._report(f"{self._packages} packages, {fetched:.0f} of {total:.0f} MiB fetched")


def installed() -> list[Installed]:
    """Return every toolchain on this machine, of this anyport or of others."""
    folders = sorted(path.parent for path in root().glob(f"*/{STAMP}"))
    return [Installed(name=path.name.rpartition("-")[0], key=path.name, path=path) for path in folders]


def prune(keep: Iterable[Toolchain]) -> list[Installed]:
    """Remove every toolchain that none of `keep` is, and return what was removed."""
    kept = {key(toolchain) for toolchain in keep}
    removed = [item for item in installed() if item.key not in kept]
    for item in removed:
        shutil.rmtree(item.path)
    for leftover in root().glob(".*-*-*"):
        _remove_abandoned(leftover)
    return removed


def _remove_abandoned(staging: Path) -> None:
    """Remove what a build that was killed left behind, unless another process is building there now."""
    import filelock

    try:
        with _lock(staging.name[1:].rpartition("-")[0], timeout=0):
            shutil.rmtree(staging, ignore_errors=True)
    except filelock.Timeout:
        return


def _lock(name: str, timeout: float = -1) -> filelock.BaseFileLock:
    """Return the lock that a build of the toolchain `name` (its key) holds."""
    import filelock

    return filelock.FileLock(root() / f"{name}.lock", timeout=timeout)


def size(folder: Path) -> int:
    """Return the bytes of all files below `folder`."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


def lacking(toolchain: Toolchain) -> AnyportError | None:
    """Return what keeps the toolchain from being provided, as far as can be told without the network."""
    if toolchain.kind == "npm" and shutil.which("npm") is None:
        return ToolchainError("npm is not on PATH", "Install Node.js 20 or newer (it brings npm).")
    if toolchain.kind == "emulated":
        for program in emulated.PROGRAMS:
            if shutil.which(program) is None:
                return ToolchainError(
                    f"the toolchain {toolchain.name!r} is made of Debian's packages, and {program} is not on PATH",
                    "Use a machine or a container with Debian 12.",
                )
    return None
