"""Which Chromium to run, and how: the user's own where there is one, else the one that our toolchain unpacked.

`find_browser` is for the host too: standard library only, and nothing is started.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path

NAMES = ("google-chrome", "google-chrome-stable", "chromium", "chromium-browser", "microsoft-edge", "chrome", "msedge")
"""On PATH, the most common first."""

PLACES: Mapping[str, tuple[str, ...]] = {
    "darwin": (
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
        "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    ),
    "win32": (
        r"%ProgramFiles%\Google\Chrome\Application\chrome.exe",
        r"%ProgramFiles(x86)%\Google\Chrome\Application\chrome.exe",
        r"%LocalAppData%\Google\Chrome\Application\chrome.exe",
        r"%ProgramFiles(x86)%\Microsoft\Edge\Application\msedge.exe",
    ),
}

BUNDLED = Path("chromium")
"""Where `anyport/browsers/chromium/unpack.mjs` unpacks into, relative to the toolchain."""

QUIET = (
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-default-apps",
    "--disable-extensions",
    "--disable-sync",
    "--disable-breakpad",
    "--metrics-recording-only",
    "--mute-audio",
    "--password-store=basic",
    "--use-mock-keychain",
    "--disable-features=Translate,MediaRouter,OptimizationHints",
    # Nobody looks at the page, and it must not be slowed down for that.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    # Containers have a /dev/shm of 64 MB, too small for a model.
    "--disable-dev-shm-usage",
    # The wasm backend needs none.
    "--disable-gpu",
)


def find_browser(environ: Mapping[str, str] | None = None) -> str | None:
    """Return the path of the user's Chrome, Chromium or Edge, None if there is none.

    `ANYPORT_BROWSER` names one; `ANYPORT_BROWSER=bundled` asks for the toolchain's in spite of any that is installed.
    """
    environ = os.environ if environ is None else environ
    if chosen := environ.get("ANYPORT_BROWSER"):
        return None if chosen == "bundled" else chosen
    for name in NAMES:
        if found := shutil.which(name, path=environ.get("PATH")):
            return found
    places = (os.path.expandvars(place) for place in PLACES.get(sys.platform, ()))
    return next((place for place in places if Path(place).is_file()), None)


def command(browser: str | None, toolchain: str | None, profile: str, url: str) -> list[str]:
    """Return the command that opens `url` without a window, in `browser` or, if None, the toolchain's Chromium.

    Raises `FileNotFoundError` where there is neither.
    """
    if browser is None:
        start = _bundled(Path(toolchain or "."))
    elif shutil.which(browser):
        start = [browser, "--headless=new"]
    else:
        raise FileNotFoundError(f"there is no browser at {browser}")
    # Chromium's sandbox can't be had by root; nobody else goes without.
    unsafe = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return [*start, *QUIET, *unsafe, f"--user-data-dir={profile}", url]


def _bundled(toolchain: Path) -> list[str]:
    folder = (toolchain / BUNDLED).resolve()
    program = folder / "chromium"
    if not program.is_file():
        raise FileNotFoundError(f"the toolchain {toolchain} holds no Chromium")
    # `env` sets the libraries for Chromium alone: they are of another distribution than whatever starts it.
    return ["env", f"LD_LIBRARY_PATH={folder / 'lib'}", str(program), "--headless=shell"]
