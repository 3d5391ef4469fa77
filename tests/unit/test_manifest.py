"""The manifest: what is written is read again, and what isn't one is refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from anyport import manifest
from anyport.errors import RequestError


def edit(folder: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    value = json.loads((folder / manifest.NAME).read_text())
    change(value)
    (folder / manifest.NAME).write_text(json.dumps(value))


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json.loads(manifest.SCHEMA.read_text()))


def test_what_was_written_is_read_again(export_folder: Path) -> None:
    stated = manifest.read(export_folder)
    artifacts = [manifest.artifact_from_json(item) for item in stated["artifacts"]]
    again = {**stated, "artifacts": [manifest.artifact_to_json(artifact) for artifact in artifacts]}
    assert json.loads(json.dumps(again)) == stated


def test_the_report_of_a_manifest_says_what_the_manifest_says(export_folder: Path) -> None:
    report = manifest.report(export_folder, manifest.read(export_folder))
    (artifact,) = report.artifacts
    assert (artifact.status, report.exit_code, report.passed) == ("failed", 1, False)
    assert artifact.runs[0].outputs[1].worst is not None
    assert artifact.runs[0].outputs[1].worst.index == (0, 1)


def test_an_infinite_error_is_written_as_null_and_a_log_not_at_all(export_folder: Path) -> None:
    text = (export_folder / manifest.NAME).read_text()
    assert "Infinity" not in text
    assert "/a/log/of/this/machine" not in text
    assert manifest.read(export_folder)["artifacts"][0]["runs"][0]["outputs"][1]["max_rel_error"] is None


def test_nothing_that_json_lacks_can_be_written(export_folder: Path) -> None:
    stated = manifest.read(export_folder)
    with pytest.raises(ValueError, match="JSON"):
        manifest.write(export_folder, {**stated, "timings": {"total": float("nan")}})


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda m: m.pop("contract"), "contract"),
        (lambda m: m.pop("artifacts"), "artifacts"),
        (lambda m: m.update(format=2), "format"),
        (lambda m: m["source"].update(sha256="abc"), "sha256"),
        (lambda m: m["source"].update(kind="guess"), "kind"),
        (lambda m: m["contract"].update(signatures=[]), "signatures"),
        (lambda m: m["artifacts"][0].update(status="fine"), "status"),
        (lambda m: m["artifacts"][0].update(reason=""), "reason"),
        (lambda m: m["artifacts"][0].update(log="x"), "artifacts"),
        (lambda m: m["artifacts"][0]["files"][0].update(size=-1), "size"),
        (lambda m: m["artifacts"][0]["runs"][0].update(reason=""), "reason"),
        (lambda m: m["artifacts"][0]["runs"][0]["outputs"][0].pop("passed"), "outputs"),
        (lambda m: m["tolerance"].update(atol=-1), "atol"),
    ],
)
def test_an_invalid_manifest_is_refused_and_the_place_named(
    export_folder: Path, change: Callable[[dict[str, Any]], Any], where: str
) -> None:
    edit(export_folder, change)
    with pytest.raises(RequestError, match=where):
        manifest.read(export_folder)


def test_a_folder_without_a_manifest_is_no_export(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"no export: it has no anyport\.json"):
        manifest.read(tmp_path)


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff\xfe", b""])
def test_a_manifest_that_is_not_json_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / manifest.NAME).write_bytes(content)
    with pytest.raises(RequestError):
        manifest.read(tmp_path)


def test_unchanged_files_have_nothing_wrong(export_folder: Path) -> None:
    assert manifest.changed_file(export_folder, manifest.read(export_folder)["artifacts"][0]["files"]) == ""


def test_a_flipped_byte_is_found_though_the_size_is_the_same(export_folder: Path) -> None:
    path = export_folder / "tflite" / "model.tflite"
    content = bytearray(path.read_bytes())
    content[7] ^= 1
    path.write_bytes(content)
    problem = manifest.changed_file(export_folder, manifest.read(export_folder)["artifacts"][0]["files"])
    assert "tflite/model.tflite is not the file that was exported" in problem


def test_a_missing_file_is_named(export_folder: Path) -> None:
    (export_folder / "tflite" / "model.tflite").unlink()
    problem = manifest.changed_file(export_folder, manifest.read(export_folder)["artifacts"][0]["files"])
    assert problem == "tflite/model.tflite is missing"


def test_files_are_listed_in_order_with_paths_from_the_root(tmp_path: Path) -> None:
    for name in ("b/two", "a/b/one", "b/one"):
        (tmp_path / "x" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "x" / name).write_text(name)
    found = manifest.list_files(tmp_path / "x", tmp_path)
    assert [item["path"] for item in found] == ["x/a/b/one", "x/b/one", "x/b/two"]
    assert [item["size"] for item in found] == [7, 5, 5]


def test_reading_leaves_the_manifest_as_it_is(export_folder: Path) -> None:
    before = (export_folder / manifest.NAME).read_bytes()
    first = manifest.read(export_folder)
    copied = copy.deepcopy(first)
    manifest.report(export_folder, first)
    assert first == copied
    assert (export_folder / manifest.NAME).read_bytes() == before
