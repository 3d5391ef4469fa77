"""What comes in: the kinds of source, and how each is told from what the user typed.

`classify` looks at names and first bytes only; loading is a guest's work (`models/guest/load.py`), in the TensorFlow
toolchain or in the interpreter that the user named.
"""

from __future__ import annotations

import dataclasses
import difflib
import hashlib
import re
from pathlib import Path
from typing import Any, Literal

from anyport.errors import RequestError
from anyport.models import zoo
from anyport.protocols import Toolchain

HERE = Path(__file__).parent
LOAD = HERE / "guest" / "load.py"

TENSORFLOW = Toolchain(
    name="tensorflow",
    summary="TensorFlow, Keras 3 and 2, and the converters: loads, traces and converts",
    kind="python",
    lock=HERE / "toolchain" / "tensorflow.lock",
)

KINDS = (
    "a .keras or .h5 file, a SavedModel folder, a frozen graph (.pb), FILE.py:NAME, PACKAGE.MODULE:NAME, "
    "or the name of a zoo model"
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """A model to export, as far as it is known before it is loaded."""

    kind: Literal["keras", "saved_model", "frozen_graph", "python", "memory"]
    text: str
    """What the user typed."""
    path: Path | None = None
    """For `memory`: the canonical form that was written from the object."""
    module: str = ""
    name: str = ""
    """For `python`: the object's name in the file or module."""
    samples: Path | None = None
    """Real inputs that come with the model (some of the zoo's), for when the user gives none."""
    labels: Path | None = None
    """The right classes of those."""
    calibration: Path | None = None
    """Other real inputs that come with the model, to calibrate it with."""

    @property
    def sha256(self) -> str:
        """Return the hash of what the source is made of: its files, or what the user typed for a module."""
        digest = hashlib.sha256()
        if self.path is None:
            digest.update(self.text.encode())
        elif self.path.is_file():
            digest.update(self.path.read_bytes())
        else:
            for file in sorted(path for path in self.path.rglob("*") if path.is_file()):
                digest.update(file.relative_to(self.path).as_posix().encode() + b"\0" + file.read_bytes())
        return digest.hexdigest()

    def request(self) -> dict[str, Any]:
        """Return the source as the loading guest takes it."""
        where = {"path": str(self.path)} if self.path else {"module": self.module}
        return {"kind": self.kind, "name": self.name, **where}


def classify(text: str) -> Source:
    """Tell what kind of source `text` names.

    Raises `RequestError` for what is none of them.
    """
    if text in zoo.names():
        return _of_the_zoo(text)
    _, colon, name = text.rpartition(":")
    if colon and re.fullmatch(r"[A-Za-z_][\w.]*", name) and not Path(text).exists():
        return python_source(text)
    return _on_disk(text, Path(text).expanduser())


def _of_the_zoo(name: str) -> Source:
    data = zoo.companions(name)
    return Source(
        kind="python",
        text=name,
        path=zoo.path(name),
        name="build",
        samples=data.get("samples"),
        labels=data.get("labels"),
        calibration=data.get("calibration"),
    )


def python_source(text: str) -> Source:
    """Return what `FILE.py:NAME` or `PACKAGE.MODULE:NAME` names; raises `RequestError` for what is neither."""
    where, _, name = text.rpartition(":")
    path = Path(where).expanduser()
    if where.endswith(".py") or "/" in where:
        if not path.is_file():
            raise RequestError(f"there is no file {where!r}", "Check the path before the colon.")
        return Source(kind="python", text=text, path=path.resolve(), name=name)
    if not re.fullmatch(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*", where):
        raise RequestError(
            f"{where!r} is neither a Python file nor a module's name", "Type FILE.py:NAME or PACKAGE.MODULE:NAME."
        )
    return Source(kind="python", text=text, module=where, name=name)


def _on_disk(text: str, path: Path) -> Source:
    if not path.exists():
        raise _missing(text)
    path = path.resolve()
    if path.is_dir():
        if (path / "saved_model.pb").is_file() or (path / "saved_model.pbtxt").is_file():
            return Source(kind="saved_model", text=text, path=path)
        if (path / "anyport.json").is_file():
            raise RequestError(f"{text} is an export, not a model", f"To prove it again: anyport check {text}")
        found = ", ".join(sorted(item.name for item in path.iterdir())[:5]) or "nothing"
        raise RequestError(f"{text} is a folder without saved_model.pb; it holds {found}", f"A source is {KINDS}.")
    suffix = path.suffix.lower()
    if suffix in (".keras", ".h5", ".hdf5"):
        return Source(kind="keras", text=text, path=path)
    if suffix == ".pb":
        if path.name == "saved_model.pb":
            return Source(kind="saved_model", text=text, path=path.parent)
        return Source(kind="frozen_graph", text=text, path=path)
    if suffix == ".py":
        raise RequestError(f"{text} is a Python file; which object in it?", f"Type {text}:NAME.")
    raise RequestError(f"{text} is no model file that anyport knows", f"A source is {KINDS}.")


def _missing(text: str) -> RequestError:
    near = difflib.get_close_matches(text, zoo.names(), n=1)
    if near and "/" not in text:
        return RequestError(f"there is no file or zoo model {text!r}", f"Did you mean the zoo model {near[0]!r}?")
    return RequestError(f"there is no file {text!r}", f"A source is {KINDS}. Zoo models: {', '.join(zoo.names())}.")
