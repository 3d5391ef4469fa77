"""What the user typed as SOURCE: every kind is told from the others, and what is none says what to type."""

from __future__ import annotations

from pathlib import Path

import pytest

from anyport import models
from anyport.errors import RequestError
from anyport.models import zoo


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with one of everything in it."""
    for name in ("m.keras", "m.h5", "m.HDF5", "graph.pb", "code.py", "notes.txt", "odd:name.keras"):
        (tmp_path / name).write_bytes(name.encode())
    for folder, file in (
        ("saved", "saved_model.pb"),
        ("text", "saved_model.pbtxt"),
        ("export", "anyport.json"),
        ("other", "readme"),
    ):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / file).write_bytes(b"")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("text", "kind", "path"),
    [
        ("m.keras", "keras", "m.keras"),
        ("m.h5", "keras", "m.h5"),
        ("m.HDF5", "keras", "m.HDF5"),
        ("odd:name.keras", "keras", "odd:name.keras"),
        ("saved", "saved_model", "saved"),
        ("text", "saved_model", "text"),
        ("saved/saved_model.pb", "saved_model", "saved"),
        ("graph.pb", "frozen_graph", "graph.pb"),
    ],
)
def test_a_file_or_folder_is_told_by_its_name(here: Path, text: str, kind: str, path: str) -> None:
    source = models.classify(text)
    assert (source.kind, source.text, source.path) == (kind, text, here / path)


@pytest.mark.parametrize(("text", "name"), [("code.py:build", "build"), ("./code.py:Zoo.model", "Zoo.model")])
def test_an_object_in_a_file_is_python(here: Path, text: str, name: str) -> None:
    source = models.classify(text)
    assert (source.kind, source.path, source.name) == ("python", here / "code.py", name)
    assert source.request() == {"kind": "python", "name": name, "path": str(here / "code.py")}


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("text", ["package.module:name", "module:name"])
def test_an_object_in_a_module_is_python(text: str) -> None:
    source = models.classify(text)
    assert (source.kind, source.path, source.module, source.name) == ("python", None, text.split(":")[0], "name")
    assert source.request() == {"kind": "python", "name": "name", "module": text.split(":")[0]}


@pytest.mark.usefixtures("here")
def test_a_zoo_name_is_the_zoo_file_and_its_build() -> None:
    source = models.classify("digits")
    assert (source.kind, source.path, source.name) == ("python", zoo.path("digits"), "build")


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("absent.keras", "there is no file 'absent.keras'", "A source is"),
        ("no/such/dir", "there is no file 'no/such/dir'", "A source is"),
        ("digitz", "there is no file or zoo model 'digitz'", "Did you mean the zoo model 'digits'?"),
        ("empty", "folder without saved_model.pb; it holds nothing", "A source is"),
        ("other", "folder without saved_model.pb; it holds readme", "A source is"),
        ("export", "is an export, not a model", "anyport check export"),
        ("notes.txt", "no model file that anyport knows", "A source is"),
        ("code.py", "which object in it?", "code.py:NAME"),
        ("absent.py:build", "there is no file 'absent.py'", "path before the colon"),
        ("some/dir:name", "there is no file 'some/dir'", "path before the colon"),
        ("not-a-module:name", "neither a Python file nor a module's name", "FILE.py:NAME"),
        ("code.py:not a name", "there is no file 'code.py:not a name'", "A source is"),
    ],
)
def test_what_is_no_source_says_so_and_what_to_type(text: str, said: str, hint: str) -> None:
    with pytest.raises(RequestError, match=said) as caught:
        models.classify(text)
    assert hint in caught.value.hint


@pytest.mark.parametrize("text", ["m.keras", "saved", "code.py:build"])
def test_the_hash_is_that_of_the_content(here: Path, text: str) -> None:
    before = models.classify(text).sha256
    assert models.classify(text).sha256 == before
    changed = {"m.keras": "m.keras", "saved": "saved/saved_model.pb", "code.py:build": "code.py"}[text]
    (here / changed).write_bytes(b"something else")
    assert models.classify(text).sha256 != before


def test_the_hash_of_a_folder_knows_its_files_by_name(here: Path) -> None:
    before = models.classify("saved").sha256
    (here / "saved" / "saved_model.pb").rename(here / "saved" / "saved_model.pbtxt")
    assert models.classify("saved").sha256 != before


def test_every_zoo_model_has_a_summary_and_a_build() -> None:
    assert len(zoo.names()) >= 10
    for name in zoo.names():
        assert zoo.summary(name), name
        assert "\ndef build() -> " in zoo.path(name).read_text(), name


def test_the_zoo_refuses_what_it_does_not_have() -> None:
    with pytest.raises(KeyError):
        zoo.path("nothing")
