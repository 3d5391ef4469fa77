"""Loading a model that lives in the user's own process, with the TensorFlow that it lives in.

`prepared` is used by `anyport.export` and `anyport.inspect`.  It runs the code that otherwise runs in the loading guest,
here, in the calling thread; what it writes is what a guest would have written, and the rest goes on from there in
toolchains.  The host still imports no framework: an object of TensorFlow's can only come from a process that has imported it.
"""

from __future__ import annotations

import contextlib
import importlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from anyport.errors import AnyportError, ConversionError, RequestError
from anyport.guests import GUEST
from anyport.loading import LoadOptions, Prepared, user_data
from anyport.models import LOAD, Source
from anyport.terminal import Progress


@contextlib.contextmanager
def prepared(
    value: Any, options: LoadOptions, progress: Progress, *, answers: bool = True
) -> Iterator[tuple[Source, Prepared]]:
    """Trace a Keras model, `tf.Module` or `tf.function` (or a function that returns one) from this process.

    Yields what `run_export` and `run_inspect` take for it; with `answers` it has answered samples.  Raises `RequestError`
    for an object that is none of these.
    """
    _check_framework(value)
    with tempfile.TemporaryDirectory(prefix="anyport-") as folder:
        with progress.step("source") as show:
            made = _trace(value, Path(folder), options, show, answers)
        yield Source(kind="memory", text=_describe(value), path=made.canonical), made


def _check_framework(value: Any) -> None:
    keras = sys.modules.get("keras")
    backend = keras.backend.backend() if keras is not None and isinstance(value, keras.Model) else "tensorflow"
    if backend != "tensorflow":
        raise RequestError(
            f"the model {value.name!r} runs on Keras' {backend} backend, which TensorFlow can't trace",
            "Save it with model.save('model.keras') and export the file.",
        )
    if "tensorflow" not in sys.modules:
        raise RequestError(
            f"expected a path or a model; got {_describe(value)}",
            "Give a path, or a keras.Model, a tf.Module or a tf.function with an input_signature.",
        )


def _trace(value: Any, folder: Path, options: LoadOptions, show: Callable[[str], None], answers: bool) -> Prepared:
    """Trace the object in this process, and have it answer the samples if `answers`."""
    started = time.monotonic()
    canonical = folder / "canonical"
    canonical.mkdir()
    calibration = folder / "calibration.npz"
    request = {
        "canonical": str(canonical),
        "samples": str(folder / "samples.npz") if answers else None,
        **user_data(options, calibration if answers else None),
    }
    with _guest_modules():
        try:
            source = importlib.import_module("python_source")
            traced = source.trace(value)
            request["calibration"] = source.calibration(request["calibration"])
            result = importlib.import_module("anyport_tf.trace").deliver(traced, request, show)
        except Exception as error:
            raise _translated(error) from error
    return Prepared(
        canonical=canonical,
        samples=folder / "samples.npz",
        calibration=calibration if calibration.exists() else None,
        result=result,
        seconds=time.monotonic() - started,
    )


def _translated(error: Exception) -> AnyportError:
    """Return a guest's error as the host's; by its `kind`, since the guest's classes are not the host's to import."""
    kind = RequestError if getattr(error, "kind", "") == "request" else ConversionError
    text = str(error) if hasattr(error, "kind") else f"tracing raised {type(error).__name__}: {error}"
    return kind(text, getattr(error, "hint", ""))


@contextlib.contextmanager
def _guest_modules() -> Iterator[None]:
    """Make the guests' modules importable, and leave no trace of them in the user's process."""
    folders = [str(GUEST), str(LOAD.parent)]
    before = set(sys.modules)
    sys.path[:0] = folders
    try:
        yield
    finally:
        for folder in folders:
            sys.path.remove(folder)
        for name in set(sys.modules) - before:
            if str(getattr(sys.modules[name], "__file__", None) or "").startswith(tuple(folders)):
                del sys.modules[name]


def _describe(value: Any) -> str:
    kind = type(value)
    name = getattr(value, "name", None) or getattr(value, "__name__", None)
    return kind.__qualname__ + (f" {name!r}" if isinstance(name, str) else "")
