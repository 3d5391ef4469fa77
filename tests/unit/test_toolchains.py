"""Toolchains: found again by what they are made of; built whole or not at all.  With the real uv, but no network."""

from __future__ import annotations

import dataclasses
import json
import os
import sys
import threading
from pathlib import Path

import pytest

from anyport import emulated, toolchains
from anyport.errors import ToolchainError
from anyport.protocols import Toolchain

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
MISSING = f"no-such-package==1.0 \\\n    --hash=sha256:{'0' * 64}\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for toolchains, and no network."""
    for name, value in (("ANYPORT_TOOLCHAINS", "toolchains"), ("UV_CACHE_DIR", "uv-cache")):
        monkeypatch.setenv(name, str(tmp_path / value))
    monkeypatch.setenv("UV_OFFLINE", "1")
    return tmp_path / "toolchains"


@pytest.fixture
def empty(tmp_path: Path) -> Toolchain:
    """A toolchain without packages: an interpreter alone."""
    return python(tmp_path, "# no packages\n")


def python(tmp_path: Path, lock: str) -> Toolchain:
    (tmp_path / "some.lock").write_text(lock)
    return Toolchain(name="some", summary="", kind="python", lock=tmp_path / "some.lock", python=PYTHON)


def npm(folder: Path) -> Toolchain:
    folder.mkdir()
    (folder / "package.json").write_text("{}")
    (folder / "package-lock.json").write_text('{"packages": {"": {}}}')
    return Toolchain(name="js", summary="", kind="npm", lock=folder)


def emulated_machine(folder: Path) -> Toolchain:
    (folder / "board.lock").write_text("# nothing\n")
    machine = {"architecture": "armhf", "triplet": "t", "packages": ["p"], "emulator": "e", "cpu": "c", "cpuinfo": []}
    (folder / "board.json").write_text(json.dumps(machine))
    return Toolchain(
        name="board", summary="", kind="emulated", lock=folder / "board.lock", machine=folder / "board.json"
    )


def provide(toolchain: Toolchain, tmp_path: Path) -> toolchains.Installed:
    return toolchains.provide(toolchain, lambda text: None, tmp_path / "log")


def folders(root: Path) -> list[str]:
    return sorted(path.name for path in root.iterdir() if path.is_dir())


def test_a_toolchain_is_built_once_and_found_again(root: Path, empty: Toolchain, tmp_path: Path) -> None:
    assert toolchains.find(empty) is None
    said: list[str] = []
    built = toolchains.provide(empty, said.append, tmp_path / "log")
    assert said
    assert built.python.is_file()
    assert folders(root) == [built.key]
    assert toolchains.find(empty) == built
    said.clear()
    assert toolchains.provide(empty, said.append, tmp_path / "log") == built
    assert said == [], "what is there is said in no words"
    assert json.loads((built.path / toolchains.STAMP).read_text())["name"] == "some"


def test_two_at_once_build_it_once(root: Path, empty: Toolchain, tmp_path: Path) -> None:
    starts: list[str] = []
    found: list[toolchains.Installed] = []

    def work(number: int) -> None:
        found.append(toolchains.provide(empty, starts.append, tmp_path / f"log{number}"))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(found) == 3
    assert len(set(found)) == 1
    assert starts.count("starting") == 1
    assert len(folders(root)) == 1


def test_a_failed_build_leaves_nothing_and_names_the_log(root: Path, tmp_path: Path) -> None:
    toolchain = python(tmp_path, MISSING)
    with pytest.raises(ToolchainError, match="'some' can't be provided: its packages could not be installed") as caught:
        provide(toolchain, tmp_path)
    assert "no-such" in str(caught.value)
    assert "anyport toolchain install some" in caught.value.hint
    assert "no-such" in Path(caught.value.log).read_text()
    assert caught.value.exit_code == 4
    assert folders(root) == []
    assert toolchains.find(toolchain) is None


def test_a_build_works_after_one_that_failed(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ToolchainError):
        provide(python(tmp_path, MISSING), tmp_path)
    assert provide(python(tmp_path, "# nothing\n"), tmp_path).python.is_file()


def test_a_package_without_a_hash_is_not_installed(root: Path, tmp_path: Path) -> None:
    with pytest.raises(ToolchainError):
        provide(python(tmp_path, "no-such-package==1.0\n"), tmp_path)
    assert "hash" in (tmp_path / "log").read_text()


def test_a_folder_that_was_not_finished_is_built_anew(root: Path, empty: Toolchain, tmp_path: Path) -> None:
    unfinished = root / toolchains.key(empty)
    unfinished.mkdir(parents=True)
    (unfinished / "half").write_text("")
    assert toolchains.find(empty) is None
    assert not (provide(empty, tmp_path).path / "half").exists()


@pytest.mark.usefixtures("root")
def test_a_python_that_cannot_be_had_is_named(empty: Toolchain, tmp_path: Path) -> None:
    with pytest.raises(ToolchainError, match=r"no Python 3\.1 was found") as caught:
        provide(dataclasses.replace(empty, python="3.1"), tmp_path)
    assert "Install Python 3.1" in caught.value.hint


def test_a_place_that_cannot_be_written_is_a_toolchain_error(
    empty: Toolchain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ANYPORT_TOOLCHAINS", str(tmp_path / "file" / "below"))
    with pytest.raises(ToolchainError) as caught:
        provide(empty, tmp_path)
    assert "ANYPORT_TOOLCHAINS" in caught.value.hint


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("present", [[], ["node"]])
def test_a_missing_node_or_npm_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, present: list[str]) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in present:
        (programs / name).write_text("#!/bin/sh\n")
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(programs))
    toolchain = npm(tmp_path / "js")
    with pytest.raises(ToolchainError, match=f"needs {'npm' if present else 'node'}, which is not on PATH") as caught:
        provide(toolchain, tmp_path)
    assert "Node.js 20" in caught.value.hint
    assert toolchains.lacking(toolchain) is not None


@pytest.mark.usefixtures("root")
@pytest.mark.parametrize("program", emulated.PROGRAMS)
def test_a_machine_without_debian_s_programs_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    (tmp_path / "bin").mkdir()
    for name in set(emulated.PROGRAMS) - {program}:
        (tmp_path / "bin" / name).write_text("#!/bin/sh\n")
        (tmp_path / "bin" / name).chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    with pytest.raises(ToolchainError, match=f"and {program} is not on PATH") as caught:
        provide(emulated_machine(tmp_path), tmp_path)
    assert "Debian 12" in caught.value.hint
    assert caught.value.exit_code == 4


def test_packages_that_apt_cannot_find_are_named_and_nothing_is_left(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in emulated.PROGRAMS:
        (programs / name).write_text('#!/bin/sh\necho "E: Unable to locate package p" >&2\nexit 100\n')
        (programs / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(ToolchainError, match=r"could not be fetched \(E: Unable to locate package p\)") as caught:
        provide(emulated_machine(tmp_path), tmp_path)
    assert "Debian 12" in caught.value.hint
    assert "anyport toolchain install board" in caught.value.hint
    assert folders(root) == []


def test_the_key_of_an_emulated_machine_changes_with_its_file(tmp_path: Path) -> None:
    toolchain = emulated_machine(tmp_path)
    key = toolchains.key(toolchain)
    assert toolchain.machine is not None
    toolchain.machine.write_text("{}")
    assert toolchains.key(toolchain) != key


def test_the_key_changes_with_the_lock_and_the_python_and_nothing_else(empty: Toolchain, tmp_path: Path) -> None:
    key = toolchains.key(empty)
    assert key.startswith("some-")
    assert toolchains.key(dataclasses.replace(empty, summary="other words")) == key
    assert toolchains.key(dataclasses.replace(empty, python="3.99")) != key
    empty.lock.write_text("# another\n")
    assert toolchains.key(empty) != key


@pytest.mark.parametrize("name", ["package.json", "package-lock.json", "setup.mjs"])
def test_the_key_of_an_npm_toolchain_changes_with_each_of_its_files(tmp_path: Path, name: str) -> None:
    toolchain = dataclasses.replace(npm(tmp_path / "js"), setup=tmp_path / "js" / "setup.mjs")
    (tmp_path / "js" / "setup.mjs").write_text("// one")
    key = toolchains.key(toolchain)
    (tmp_path / "js" / name).write_text("{} // two")
    assert toolchains.key(toolchain) != key


def test_prune_removes_what_is_not_kept(root: Path, empty: Toolchain, tmp_path: Path) -> None:
    old = provide(empty, tmp_path)
    empty.lock.write_text("# a newer lock\n")
    new = provide(empty, tmp_path)
    (root / ".some-0123-left-by-a-killed-build").mkdir()
    (root / "not ours").mkdir()
    assert toolchains.installed() == sorted([old, new], key=lambda item: item.key)
    assert toolchains.prune([empty]) == [old]
    assert folders(root) == sorted([new.key, "not ours"])
    assert toolchains.prune([empty]) == []
    assert toolchains.prune([]) == [new]


def test_prune_leaves_a_build_that_is_under_way_alone(root: Path, empty: Toolchain, tmp_path: Path) -> None:
    provide(empty, tmp_path)
    staging = root / f".{toolchains.key(empty)}-building"
    staging.mkdir()
    with toolchains._lock(toolchains.key(empty)):
        toolchains.prune([empty])
        assert staging.is_dir()
    toolchains.prune([empty])
    assert not staging.exists()


def test_the_size_counts_links_and_not_what_they_point_to(tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(5000))
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "file").write_bytes(bytes(100))
    (folder / "link").symlink_to(tmp_path / "big")
    assert 100 <= toolchains.size(folder) < 1000


def test_progress_of_uv_is_told_in_packages_and_bytes(tmp_path: Path) -> None:
    lock = tmp_path / "x.lock"
    lock.write_text(
        "numpy==2.0 \\\n    --hash=sha256:00\ntensorflow[and-cuda]==2.19 ; sys_platform == 'x' \\\n    --hash=sha256:00\n"
    )
    said: list[str] = []
    progress = toolchains._UvProgress(lock, said.append)
    for line in (
        "Using Python 3.11 environment at: x",
        "Downloading tensorflow (600.5MiB)",
        "Downloading numpy (512.0KiB)",
        " Downloaded numpy",
        " Downloaded tensorflow",
        "Prepared 2 packages in 3s",
        "Installed 2 packages in 3s",
        " + numpy==2.0",
    ):
        progress.see(line)
    assert said == [
        "2 packages, 0 of 600 MiB fetched",
        "2 packages, 0 of 601 MiB fetched",
        "2 packages, 0 of 601 MiB fetched",
        "2 packages, 601 of 601 MiB fetched",
        "2 packages fetched; installing",
        "2 packages installed; compiling",
    ]


def test_progress_is_read_from_the_log_while_it_grows(tmp_path: Path) -> None:
    (tmp_path / "x.lock").write_text("numpy==2.0\n")
    log = tmp_path / "log"
    log.write_text("Prepared 9 packages of an earlier step\n")
    said: list[str] = []
    heard = threading.Event()
    progress = toolchains._UvProgress(tmp_path / "x.lock", lambda text: (said.append(text), heard.set()))
    with progress.following(log):
        with log.open("a") as file:
            file.write("Downloading numpy (16.0MiB)\n")
        assert heard.wait(10)
    assert said == ["1 packages, 0 of 16 MiB fetched"]


def test_the_folder_is_the_users_cache_unless_it_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("ANYPORT_TOOLCHAINS", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    if sys.platform == "linux":
        assert toolchains.root() == tmp_path / "anyport" / "toolchains"
    monkeypatch.setenv("ANYPORT_TOOLCHAINS", os.fspath(tmp_path / "mine"))
    assert toolchains.root() == tmp_path / "mine"
