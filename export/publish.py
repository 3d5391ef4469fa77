"""The one that writes where the user can see: an export's folder appears whole or not at all, and logs have a place."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from anyport import manifest
from anyport.errors import RequestError

LOGS_KEPT = 20
LOGS_IN_USE_SECONDS = 24 * 3600.0
"""A folder of logs that was written into later than this ago may belong to a run that is still going on."""


def check_destination(out: Path, force: bool) -> None:
    """Raise `RequestError` if `out` holds something that is not an export of ours, unless forced."""
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise RequestError(f"{str(out)!r} exists and is not a folder", "Name another folder with -o.")
    if not out.is_dir() or force or (out / manifest.NAME).is_file() or not any(out.iterdir()):
        return
    raise RequestError(
        f"the folder {str(out)!r} exists and is not an export of anyport's",
        "Name another with -o, or add --force to replace it and everything in it.",
    )


@contextlib.contextmanager
def staging(out: Path) -> Iterator[Path]:
    """Yield a new folder beside `out` to build the export in; whatever is left of it is gone afterwards."""
    parent = out.resolve().parent
    try:
        parent.mkdir(parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix=f".{out.name}.anyport-", dir=parent))
    except OSError as error:
        raise RequestError(
            f"can't write beside {str(out)!r}: {error.strerror}", "Name another folder with -o."
        ) from error
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def publish(folder: Path, out: Path) -> None:
    """Put `folder` in the place of `out`; what was there before goes only when the new one is in place."""
    out = out.resolve()
    if not out.exists():
        os.rename(folder, out)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{out.name}.anyport-old-", dir=out.parent))
    try:
        os.rename(out, old / out.name)
        os.rename(folder, out)
    except BaseException:  # an interrupt too: what was there must not go with `old`
        if not out.exists():
            os.rename(old / out.name, out)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def new_log_folder() -> Path:
    """Return a new folder for the logs of one run; the newest of them are kept."""
    import platformdirs

    root = Path(os.environ.get("ANYPORT_LOGS") or platformdirs.user_log_path("anyport"))
    try:
        root.mkdir(parents=True, exist_ok=True)
        for old in sorted(path for path in root.iterdir() if path.is_dir())[: -LOGS_KEPT + 1]:
            if time.time() - old.stat().st_mtime > LOGS_IN_USE_SECONDS:
                shutil.rmtree(old, ignore_errors=True)
        return Path(tempfile.mkdtemp(prefix=time.strftime("%Y%m%d-%H%M%S-"), dir=root))
    except OSError as error:
        raise RequestError(
            f"can't keep logs in {str(root)!r}: {error.strerror}", "Set ANYPORT_LOGS to a folder that can be written."
        ) from error
