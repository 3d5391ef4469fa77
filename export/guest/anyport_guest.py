"""What every Python guest may import: its errors, and the tensors that travel in `.npz` files.

Standard library and NumPy only, because each guest runs in a toolchain of its own (`-I`, nothing of the host
importable).  `bootstrap.py` and `zygote.py` put this file's folder on `sys.path` before they run a guest script.

Tensor files are `.npz` archives whose keys are `SIGNATURE/CALL/ROLE/NAME`:

* SIGNATURE and NAME as in the contract, percent-encoded so that neither can hold a slash;
* CALL a decimal number from 0: one execution of the signature;
* ROLE `inputs` or `outputs`.

What an artifact's state begins with lies beside it in `INITIAL_STATE`, another `.npz`, whose keys are the percent-encoded
names of the inputs that it is fed as.  A string tensor is stored as fixed-width bytes (NumPy kind `S`).
"""

from __future__ import annotations

import dataclasses
import statistics
import time
import urllib.parse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Tensors = dict[str, Array]
Calls = dict[str, list[Tensors]]
Progress = Callable[[str], None]

INITIAL_STATE = "initial_state.npz"

WARM_RUNS = 5
WARM_SECONDS = 1.0


class GuestError(Exception):
    """A failure that a guest can explain; travels to the host as data.

    `kind` is one of `request` (the user asked for something that can't be), `refused` (this target can't express
    this model) and `failed` (the tool at work failed).  `hint` says what to do next, in one sentence.
    """

    kind = "failed"

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class BadRequest(GuestError):
    """What the user asked for can't be done as asked."""

    kind = "request"


class Refused(GuestError):
    """This target can't express this model; said before its converter is started."""

    kind = "refused"


def tensor_key(signature: str, call: int, role: str, name: str) -> str:
    """Return the `.npz` key of one tensor."""
    return f"{_quote(signature)}/{call}/{role}/{_quote(name)}"


def read_calls(path: str | Path, role: str) -> Calls:
    """Read the tensors of one role: for each signature its calls in order, each a mapping from name to array."""
    found: dict[str, dict[int, Tensors]] = {}
    with np.load(path, allow_pickle=False) as archive:
        for key in archive.files:
            signature, call, its_role, name = (urllib.parse.unquote(part) for part in key.split("/"))
            calls = found.setdefault(signature, {})
            tensors = calls.setdefault(int(call), {})
            if its_role == role:
                tensors[name] = archive[key]
    return {signature: [calls[number] for number in sorted(calls)] for signature, calls in found.items()}


def write_calls(path: str | Path, **roles: Mapping[str, list[Tensors]]) -> None:
    """Write tensors by role (`inputs=…`, `outputs=…`) as an uncompressed `.npz`."""
    arrays: Tensors = {}
    for role, signatures in roles.items():
        for signature, calls in signatures.items():
            for number, tensors in enumerate(calls):
                for name, array in tensors.items():
                    arrays[tensor_key(signature, number, role, name)] = storable(array)
    # A file handle: NumPy would add `.npz` to a bare name.  Its zip members carry a fixed date, so that the
    # same tensors give the same bytes.
    with open(path, "wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]


def write_state(folder: str | Path, values: Mapping[str, Array]) -> None:
    """Write what an artifact's state begins with, by the names of the inputs that it is fed as."""
    with open(Path(folder, INITIAL_STATE), "wb") as file:
        np.savez(file, **{_quote(name): storable(value) for name, value in values.items()})  # type: ignore[arg-type]


def read_state(folder: str | Path) -> Tensors:
    """Read what an artifact's state begins with; nothing where it has none."""
    path = Path(folder, INITIAL_STATE)
    if not path.is_file():
        return {}
    with np.load(path, allow_pickle=False) as archive:
        return {urllib.parse.unquote(key): archive[key] for key in archive.files}


def carrying(
    run: Callable[[Tensors], Tensors], states: Mapping[str, str], values: Tensors
) -> Callable[[Tensors], Tensors]:
    """Return `run` with its state (`states`: input → output) fed from `values` and left there for the next call.

    Signatures that share a variable share its entry in `values`.
    """
    if not states:
        return run

    def carried(inputs: Tensors) -> Tensors:
        outputs = run({**inputs, **{name: values[name] for name in states}})
        values.update({name: outputs.pop(output) for name, output in states.items()})
        return outputs

    return carried


def storable(array: Any) -> Array:
    """Return `array` in a form that `.npz` holds without pickling.

    Object strings become fixed-width bytes, and bfloat16, which is no dtype of NumPy's own, float32.
    """
    value = np.asarray(array)
    if value.dtype.name == "bfloat16":
        value = value.astype(np.float32)
    if value.dtype.kind == "O":
        value = np.array([_to_bytes(item) for item in value.ravel()], dtype=np.bytes_).reshape(value.shape)
    elif value.dtype.kind == "U":
        value = np.char.encode(value, "utf-8")
    return value


def split_batch(inputs: Tensors, batch: int) -> list[Tensors]:
    """Cut one call into calls of `batch` rows each, for an artifact whose batch is fixed.

    Raises `ValueError` when the rows don't divide: a shorter last call could not be fed.
    """
    rows = {name: array.shape[0] for name, array in inputs.items()}
    count = next(iter(rows.values()))
    if set(rows.values()) != {count} or count % batch:
        raise ValueError(f"inputs with {rows} rows can't be fed {batch} at a time")
    return [{name: array[start : start + batch] for name, array in inputs.items()} for start in range(0, count, batch)]


def join_batch(parts: list[Tensors]) -> Tensors:
    """Undo `split_batch` on the outputs."""
    return {name: np.concatenate([part[name] for part in parts], axis=0) for name in parts[0]}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Timed:
    """What a signature answered, how long its first call took, and that call, to be repeated."""

    outputs: list[Tensors]
    first: float
    """Seconds of the first call."""
    again: Callable[[], Tensors]


def run_calls(calls: list[Tensors], batch: int | None, run: Callable[[Tensors], Tensors]) -> Timed:
    """Run every call through `run`, `batch` rows at a time where the artifact's batch is fixed."""

    def whole(inputs: Tensors) -> Tensors:
        return run(inputs) if batch is None else join_batch([run(part) for part in split_batch(inputs, batch)])

    first, outputs = _clock(lambda: whole(calls[0]))
    answers = [outputs, *(whole(inputs) for inputs in calls[1:])]
    return Timed(outputs=answers, first=first, again=lambda: whole(calls[0]))


def slowest(timed: Mapping[str, Timed]) -> dict[str, float]:
    """Return `first` and `warm` of the slowest signature, for a runtime's result.

    Called when every signature has answered: what has state, which signatures may share, answers differently afterwards.
    """
    return {
        "first": max(each.first for each in timed.values()),
        "warm": max(_warm(each.again) for each in timed.values()),
    }


def _warm(again: Callable[[], Tensors]) -> float:
    """Return the median seconds of a call repeated up to `WARM_RUNS` times or until `WARM_SECONDS` are spent."""
    times: list[float] = []
    while len(times) < WARM_RUNS and sum(times) < WARM_SECONDS:
        times.append(_clock(again)[0])
    return statistics.median(times)


def _clock(action: Callable[[], Tensors]) -> tuple[float, Tensors]:
    started = time.monotonic()
    result = action()
    return time.monotonic() - started, result


def first_line(error: BaseException, most: int = 300) -> str:
    """Return the first line of what an exception says, cut to `most` characters; its class where it says nothing."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[0][:most] if lines else type(error).__name__


def _quote(text: str) -> str:
    return urllib.parse.quote(text, safe="")


def _to_bytes(item: Any) -> bytes:
    return item.encode() if isinstance(item, str) else bytes(item)
