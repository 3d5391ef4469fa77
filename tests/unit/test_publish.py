"""Publishing: an export's folder appears whole or not at all, and nothing foreign is lost."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from anyport import manifest, publish
from anyport.errors import RequestError


def listing(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def make(folder: Path, **files: str) -> Path:
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


def make_export(folder: Path, text: str = "old") -> Path:
    make(folder, data=text)
    (folder / manifest.NAME).write_text("{}")
    return folder


def test_a_new_export_appears_with_nothing_beside_it(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "dist"
    with publish.staging(out) as folder:
        (folder / "data").write_text("new")
        assert not out.exists()
        publish.publish(folder, out)
    assert (out / "data").read_text() == "new"
    assert listing(out.parent) == ["dist"]


def test_an_earlier_export_is_replaced_whole(tmp_path: Path) -> None:
    out = make_export(tmp_path / "dist")
    (out / "only in the old one").write_text("")
    with publish.staging(out) as folder:
        (folder / "data").write_text("new")
        publish.publish(folder, out)
    assert listing(out) == ["data"]
    assert (out / "data").read_text() == "new"
    assert listing(tmp_path) == ["dist"]


def test_an_interrupted_staging_leaves_nothing_and_the_old_export_as_it_was(tmp_path: Path) -> None:
    out = make_export(tmp_path / "dist")
    with pytest.raises(KeyboardInterrupt), publish.staging(out) as folder:
        (folder / "half").write_text("written")
        raise KeyboardInterrupt
    assert listing(tmp_path) == ["dist"]
    assert (out / "data").read_text() == "old"


@pytest.mark.parametrize("failure", [OSError("disk"), KeyboardInterrupt()])
@pytest.mark.parametrize("at", ["before", "after"])
def test_old_content_survives_a_failure_at_either_rename(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException, at: str
) -> None:
    out = make_export(tmp_path / "dist")
    rename, failed = os.rename, []

    def failing(source: Any, target: Any) -> None:
        if failed or Path(source).name != ("dist" if at == "after" else folder.name):
            return rename(source, target)
        failed.append(source)
        if at == "after":  # a signal comes when the old export has just been moved away
            rename(source, target)
        raise failure

    with pytest.raises(type(failure)), publish.staging(out) as folder:
        (folder / "data").write_text("new")
        monkeypatch.setattr(publish.os, "rename", failing)
        publish.publish(folder, out)
    assert failed
    assert (out / "data").read_text() == "old"
    assert listing(tmp_path) == ["dist"]


def test_a_foreign_folder_is_refused_unless_forced(tmp_path: Path) -> None:
    out = make(tmp_path / "mine", thesis="years of work")
    with pytest.raises(RequestError, match="is not an export of anyport's") as caught:
        publish.check_destination(out, force=False)
    assert "--force" in caught.value.hint
    publish.check_destination(out, force=True)


def test_an_earlier_export_an_empty_folder_and_a_new_name_are_accepted(tmp_path: Path) -> None:
    publish.check_destination(make_export(tmp_path / "export"), force=False)
    publish.check_destination(make(tmp_path / "empty"), force=False)
    publish.check_destination(tmp_path / "new", force=False)


def test_a_file_or_a_link_is_refused_even_when_forced(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "link").symlink_to(make(tmp_path / "real", data=""))
    for name in ("file", "link"):
        with pytest.raises(RequestError, match="is not a folder"):
            publish.check_destination(tmp_path / name, force=True)


def test_a_place_that_cannot_be_written_is_a_request_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RequestError, match="can't write beside"), publish.staging(tmp_path / "file" / "dist"):
        pass


def test_an_empty_folder_is_replaced(tmp_path: Path) -> None:
    out = make(tmp_path / "dist")
    with publish.staging(out) as folder:
        (folder / "data").write_text("new")
        publish.publish(folder, out)
    assert listing(out) == ["data"]


def test_a_place_for_logs_that_cannot_be_written_is_a_request_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("ANYPORT_LOGS", str(tmp_path / "file" / "logs"))
    with pytest.raises(RequestError, match="can't keep logs in") as caught:
        publish.new_log_folder()
    assert "ANYPORT_LOGS" in caught.value.hint


def test_only_the_newest_logs_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANYPORT_LOGS", str(tmp_path))
    for number in range(30):
        folder = tmp_path / f"20200101-0000{number:02}-x"
        make(folder)
        if number != 3:  # a run that has been going on for long, and writes into its folder still
            os.utime(folder, (0, 0))
    newest = publish.new_log_folder()
    assert newest.is_dir()
    assert len(listing(tmp_path)) == publish.LOGS_KEPT + 1
    assert "20200101-000003-x" in listing(tmp_path), "other runs need theirs: without it every step of theirs fails"
    assert "20200101-000029-x" in listing(tmp_path)
    assert "20200101-000000-x" not in listing(tmp_path)
