"""Which browser to run, and how: the user's own where there is one, else the Chromium that our toolchain unpacked.

`find_browser` and `find_firefox` are for the host too: standard library only, and nothing is started.
"""

from __future__ import annotations

import json
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
    # Graphics in software, which every machine has: the same answers on all of them.  A real GPU is tested where it is,
    # by opening the self-test page there.
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--enable-unsafe-webgpu",
    "--use-webgpu-adapter=swiftshader",
)

FIREFOX_NAMES = ("firefox", "firefox-esr")
FIREFOX_PLACES: Mapping[str, tuple[str, ...]] = {
    "darwin": ("/Applications/Firefox.app/Contents/MacOS/firefox",),
    "win32": (r"%ProgramFiles%\Mozilla Firefox\firefox.exe",),
}
FIREFOX_QUIET: Mapping[str, bool | str] = {
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.aboutwelcome.enabled": False,
    "browser.safebrowsing.downloads.enabled": False,
    "browser.sessionstore.resume_from_crash": False,
    "browser.shell.checkDefaultBrowser": False,
    "browser.startup.homepage_override.mstone": "ignore",
    "datareporting.healthreport.uploadEnabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "termsofuse.bypassNotification": True,
    "toolkit.telemetry.enabled": False,
}
"""Preferences of a profile that asks nobody anything and calls nobody."""


def find_browser(environ: Mapping[str, str] | None = None) -> str | None:
    """Return the path of the user's Chrome, Chromium or Edge, None if there is none.

    `ANYPORT_BROWSER` names one; `ANYPORT_BROWSER=bundled` asks for the toolchain's in spite of any that is installed.
    """
    environ = os.environ if environ is None else environ
    if chosen := environ.get("ANYPORT_BROWSER"):
        return None if chosen == "bundled" else chosen
    return _installed(NAMES, PLACES, environ)


def find_firefox(environ: Mapping[str, str] | None = None) -> str | None:
    """Return the path of the user's Firefox, None if there is none; `ANYPORT_FIREFOX` names one."""
    environ = os.environ if environ is None else environ
    return environ.get("ANYPORT_FIREFOX") or _installed(FIREFOX_NAMES, FIREFOX_PLACES, environ)


def _installed(names: tuple[str, ...], places: Mapping[str, tuple[str, ...]], environ: Mapping[str, str]) -> str | None:
    for name in names:
        if found := shutil.which(name, path=environ.get("PATH")):
            return found
    known = (os.path.expandvars(place) for place in places.get(sys.platform, ()))
    return next((place for place in known if Path(place).is_file()), None)


def command(kind: str, browser: str | None, toolchain: str | None, profile: str, url: str) -> list[str]:
    """Return the command that opens `url` without a window, in `browser` or, if None, the toolchain's Chromium.

    `kind` is `chromium` or `firefox`, `profile` an empty folder.  Raises `FileNotFoundError` where there is no browser.
    """
    if browser is not None and not shutil.which(browser):
        raise FileNotFoundError(f"there is no browser at {browser}")
    if kind == "firefox":
        return _firefox(browser, profile, url)
    start = [browser, "--headless=new"] if browser else _bundled(Path(toolchain or "."))
    # Chromium's sandbox can't be had by root; nobody else goes without.
    unsafe = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    return [*start, *QUIET, *unsafe, f"--user-data-dir={profile}", url]


def _firefox(browser: str | None, profile: str, url: str) -> list[str]:
    if browser is None:
        raise FileNotFoundError("Firefox isn't installed")
    settings = [f"user_pref({json.dumps(name)}, {json.dumps(value)});\n" for name, value in FIREFOX_QUIET.items()]
    Path(profile, "user.js").write_text("".join(settings), encoding="utf-8")
    return [browser, "--headless", "--no-remote", "--profile", profile, url]


def _bundled(toolchain: Path) -> list[str]:
    folder = (toolchain / BUNDLED).resolve()
    program = folder / "chromium"
    if not program.is_file():
        raise FileNotFoundError(f"the toolchain {toolchain} holds no Chromium")
    # `env` sets the libraries for Chromium alone: they are of another distribution than whatever starts it.
    return ["env", f"LD_LIBRARY_PATH={folder / 'lib'}", str(program), "--headless=shell"]
