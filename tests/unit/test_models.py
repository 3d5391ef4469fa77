"""Which kind of source a text names, and what is said of one that is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyport import models
from anyport.errors import RequestError
from anyport.models import classify, zoo


@pytest.mark.parametrize(
    ("file", "kind"),
    [("m.keras", "keras"), ("m.h5", "keras"), ("M.HDF5", "keras"), ("m.pb", "frozen_graph")],
)
def test_files_by_suffix(tmp_path: Path, file: str, kind: str) -> None:
    (tmp_path / file).write_bytes(b"x")
    assert classify(str(tmp_path / file)).kind == kind


def test_saved_model_by_folder_or_by_its_file(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"x")
    for text in (tmp_path, tmp_path / "saved_model.pb"):
        found = classify(str(text))
        assert (found.kind, found.path) == ("saved_model", tmp_path)


def test_python_sources(tmp_path: Path) -> None:
    (tmp_path / "m.py").write_text("", encoding="utf-8")
    found = classify(f"{tmp_path}/m.py:Model.build")
    assert found.request() == {"kind": "python", "name": "Model.build", "path": str(tmp_path / "m.py")}
    assert classify("package.module:build").request() == {"kind": "python", "name": "build", "module": "package.module"}


def test_a_file_with_a_colon_in_its_name_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "a:b.keras").write_bytes(b"x")
    assert classify(str(tmp_path / "a:b.keras")).kind == "keras"


def test_every_zoo_model_is_a_source() -> None:
    assert len(zoo.names()) >= 10
    for name in zoo.names():
        assert classify(name).path == zoo.path(name)
        assert zoo.summary(name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("nowhere.keras", ["there is no file 'nowhere.keras'", "A source is"]),
        ("digit", ["Did you mean the zoo model 'digits'?"]),
        ("nowhere.py:build", ["there is no file 'nowhere.py'"]),
        ("not a module:build", ["neither a Python file nor a module's name"]),
        ("{tmp}/m.py", ["which object in it?", ":NAME"]),
        ("{tmp}/m.onnx", ["no model file that anyport knows"]),
        ("{tmp}/folder", ["without saved_model.pb", "notes.txt"]),
        ("{tmp}/export", ["is an export, not a model", "anyport check"]),
    ],
)
def test_refusals_say_what_to_type(tmp_path: Path, text: str, words: list[str]) -> None:
    for file in ("m.py", "m.onnx", "folder/notes.txt", "export/anyport.json"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("", encoding="utf-8")
    with pytest.raises(RequestError) as caught:
        classify(text.replace("{tmp}", str(tmp_path)))
    said = f"{caught.value} {caught.value.hint}"
    assert [word for word in words if word not in said] == [], said


def test_hash_follows_the_files(tmp_path: Path) -> None:
    (tmp_path / "saved_model.pb").write_bytes(b"x")
    before = classify(str(tmp_path)).sha256
    assert classify(str(tmp_path)).sha256 == before
    (tmp_path / "more").write_bytes(b"")
    assert classify(str(tmp_path)).sha256 != before


def test_the_loader_is_there() -> None:
    assert models.LOAD.is_file()
    assert models.TENSORFLOW.lock.is_file()
