"""Proves this folder's files on the machine where they lie: `python selftest.py`.

Needs NumPy and `onnxruntime`; nothing of anyport.  Reads `../anyport.json` (what the model's inputs and outputs are, and what
is allowed) and `../samples.npz` (inputs, and what the source answered to them), so copy the whole export.  Prints a line for
each output, and the verdict last; the exit code is 0 if all is right and 1 if not.

The rules are anyport's: an element passes when |a - b| <= multiple * floor, b being the source's and the floor the output's own
rounding noise; where the manifest has none, when |a - b| <= atol * max|b| + rtol * |b|.  Booleans and integers of 32 and 64
bits pass only when they are equal; what rounding decides isn't compared.  A quantised file is held to the budget in
the manifest instead.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import sys
import time
import urllib.parse
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:  # the Python of an old machine can't evaluate all of these
    from collections.abc import Iterator, Mapping, Sequence

    import numpy.typing as npt

    Array = npt.NDArray[Any]
    Tensors = dict[str, Array]
    Pairs = list[tuple[Array, Array]]

HERE = os.path.dirname(os.path.abspath(__file__))
EXPORT = os.path.dirname(HERE)
PROVIDER = "CPUExecutionProvider"
STATE = os.path.join(HERE, "initial_state.npz")
"""What the state of a model that has one begins with."""
WIDER = {"float16": 128, "bfloat16": 1024}
"""How much more is allowed where the source itself computes more coarsely than in float32."""
ROLES = ("inputs", "outputs", "labels", "undecided")
CONSTANT = 0.02
"""How far an output without a signal may be off in a quantised file, as a share of it."""


class CannotRun(Exception):
    """Something is missing or broken; the message says what."""


def main() -> int:
    """Run every sample and return the exit code."""
    try:
        manifest, artifact = _read_manifest()
        runtime = _runtime()
        verdicts = list(_verdicts(manifest, artifact, runtime))
    except CannotRun as error:
        print(f"FAILED: {error}")
        return 1
    for name, fault, largest in verdicts:
        print(f"{'FAILED' if fault else 'passed'}  {name}: {fault or f'max abs error {largest:.1e}'}")
    wrong = sum(1 for _, fault, _ in verdicts if fault)
    verdict = f"FAILED: {wrong} of {len(verdicts)} outputs are wrong" if wrong else f"passed: {len(verdicts)} outputs"
    print(f"{verdict}; onnxruntime {runtime.__version__} on {platform.machine()}")
    return 1 if wrong or not verdicts else 0


def _read_manifest() -> tuple[Any, Any]:
    """Return the manifest and the entry of this folder's artifact, whose files are those that were exported."""
    path = os.path.join(EXPORT, "anyport.json")
    try:
        with open(path, encoding="utf-8") as file:
            manifest = json.load(file)
    except (OSError, ValueError) as error:
        raise CannotRun(f"{path} can't be read ({error}); copy the whole export") from error
    found = [item for item in manifest["artifacts"] if item["path"] == os.path.basename(HERE)]
    if not found:
        raise CannotRun(f"{path} knows no folder {os.path.basename(HERE)!r}; don't rename it")
    for stated in [manifest["samples"], *found[0]["files"]]:
        _check_file(stated)
    return manifest, found[0]


def _check_file(stated: Mapping[str, Any]) -> None:
    path = os.path.join(EXPORT, *stated["path"].split("/"))
    try:
        with open(path, "rb") as file:
            found = hashlib.sha256(file.read()).hexdigest()
    except OSError as error:
        raise CannotRun(f"{path} can't be read ({error}); copy the whole export") from error
    if found != stated["sha256"]:
        raise CannotRun(f"{stated['path']} is not the file that was exported; copy it again")


def _runtime() -> Any:
    try:
        import onnxruntime
    except ImportError as error:
        raise CannotRun(f"onnxruntime can't be imported ({error}); install it with pip") from error
    return onnxruntime


def _verdicts(manifest: Any, artifact: Any, runtime: Any) -> Iterator[tuple[str, str, float]]:
    """Yield for each output its name, what is wrong with it (nothing: "") and its largest absolute error."""
    samples = _read_samples(os.path.join(EXPORT, manifest["samples"]["path"]))
    state = _read_state()  # of one model, which signatures may share
    for contract in manifest["contract"]["signatures"]:
        calls = samples[contract["name"]]
        answers = _run(runtime, state, contract["name"], artifact["signatures"][contract["name"]], calls["inputs"])
        factor = WIDER.get(contract.get("precision"), 1)
        constants = {key: manifest["tolerance"][key] * factor for key in ("atol", "rtol")}
        multiple, noise = manifest["tolerance"].get("multiple"), manifest.get("noise", {}).get(contract["name"], {})
        for output in contract["outputs"]:
            name = output["name"]
            want = [call[name] for call in calls["outputs"]]
            floor = noise.get(name, {}).get("floor") if multiple is not None else None
            tolerance = {"absolute": multiple * floor} if floor else constants
            labels = [call[name] for call in calls.get("labels", []) if name in call]
            have = [answer[name] for answer in answers]
            if multiple is not None:
                masks = [call.get(name) for call in calls["undecided"]] or [None] * len(want)
                have = [_decided(*each) for each in zip(want, have, masks)]  # noqa: B905 (Python 3.9 has no strict)
            fault, error = compare(want, have, tolerance, artifact.get("budget"), labels)
            yield f"{contract['name']} {name}", fault, error


def _read_samples(path: str) -> dict[str, dict[str, list[Any]]]:
    """Return signature → role (one of `ROLES`) → the calls, each a mapping from name to array."""
    found: dict[str, dict[str, dict[int, Any]]] = {}
    with np.load(path, allow_pickle=False) as archive:
        for key in archive.files:
            signature, call, role, name = (urllib.parse.unquote(part) for part in key.split("/"))
            calls = found.setdefault(signature, {}).setdefault(role, {})
            calls.setdefault(int(call), {})[name] = archive[key]
    return {signature: {role: _in_order(roles, role) for role in ROLES} for signature, roles in found.items()}


def _in_order(roles: Mapping[str, dict[int, Any]], role: str) -> list[Any]:
    """Return the calls of one role in order; an empty one where another role has something to say of it."""
    if role not in roles:
        return []
    return [roles[role].get(number, {}) for number in range(1 + max(max(calls) for calls in roles.values()))]


def _read_state() -> Tensors:
    if not os.path.isfile(STATE):
        return {}
    with np.load(STATE, allow_pickle=False) as archive:
        return {urllib.parse.unquote(key): archive[key] for key in archive.files}


def _run(runtime: Any, state: Tensors, name: str, mapping: Any, calls: Sequence[Tensors]) -> list[Tensors]:
    """Return what a signature's file answers to each call, by the contract's names."""
    started = time.time()
    try:
        session = runtime.InferenceSession(os.path.join(HERE, mapping["file"]), providers=[PROVIDER])
        answers = [_answer(session, state, mapping, call) for call in calls]
    except Exception as error:  # onnxruntime's exceptions share no base class of their own
        raise CannotRun(f"onnxruntime can't run {name!r}: {str(error).strip()[:300]}") from error
    print(f"{name}: {len(calls)} calls, loaded and answered in {time.time() - started:.3f} s")
    return answers


def _answer(session: Any, state: Tensors, mapping: Any, inputs: Tensors) -> Tensors:
    """Run one call; what the model keeps goes in beside it and is kept for the next one."""
    states = mapping.get("states", {})
    given = {**inputs, **{name: state[name] for name in states}}
    feeds = {mapping["inputs"][name]: _feed(array) for name, array in given.items()}
    values = session.run(list(mapping["outputs"].values()), feeds)
    outputs = dict(zip(mapping["outputs"], map(_got, values)))  # noqa: B905 (Python 3.9 has no strict)
    state.update({name: outputs.pop(output) for name, output in states.items()})
    return outputs


def _got(array: Array) -> Array:
    """Return what onnxruntime gave as the samples hold it: strings as UTF-8."""
    return np.char.encode(array.astype(np.str_), "utf-8") if array.dtype.kind == "O" else array


def _feed(array: Array) -> Array:
    """Return the array as onnxruntime takes it: strings as Python's."""
    return np.char.decode(array, "utf-8").astype(object) if array.dtype.kind == "S" else array


def _decided(want: Array, have: Array, mask: Array | None) -> Array:
    """Return the answer with what rounding decides taken from the source."""
    same_kind = np.shape(have) == want.shape and np.asarray(have).dtype == want.dtype
    return np.where(mask, want, have) if mask is not None and same_kind else have


def compare(
    wanted: Sequence[Array],
    had: Sequence[Array],
    tolerance: Mapping[str, float],
    budget: Any = None,
    labels: Sequence[Array] = (),
) -> tuple[str, float]:
    """Return what is wrong with an output over all its calls (nothing: "") and its largest absolute error."""
    if len(wanted) != len(had) or not wanted:
        return f"answered {len(had)} of {len(wanted)} calls", 0.0
    pairs = [(np.asarray(want), np.asarray(have)) for want, have in zip(wanted, had)]  # noqa: B905 (Python 3.9 has no strict)
    for want, have in pairs:
        strings = want.dtype.kind in "SU" and have.dtype.kind in "SUO"
        if want.shape != have.shape:
            return f"shape {list(have.shape)}, the source's is {list(want.shape)}", 0.0
        if want.dtype != have.dtype and not strings:
            return f"dtype {have.dtype}, the source's is {want.dtype}", 0.0
    kind, size = pairs[0][0].dtype.kind, pairs[0][0].dtype.itemsize
    if kind in "SU":
        different = sum(int(np.sum(want.astype(np.bytes_) != have.astype(np.bytes_))) for want, have in pairs)
        return (f"{different} strings differ" if different else ""), 0.0
    floats = [(_as_float(want), _as_float(have)) for want, have in pairs]
    if any(not _same_holes(want, have) for want, have in floats):
        return "NaN or infinite values that the source has not, or has elsewhere", 0.0
    error, worst = _errors(floats, tolerance)
    exact = kind == "b" or (kind in "iu" and size >= 4)
    equal = all(np.array_equal(want, have) for want, have in pairs)
    if budget is not None:
        return ("" if error == 0 and equal else _overdrawn(pairs, floats, exact, error, budget, labels)), error
    if exact:
        return ("" if equal else "integers or booleans differ"), error
    return worst, error


def _as_float(array: Array) -> Array:
    if array.dtype.kind == "c":
        array = np.stack([array.real, array.imag], axis=-1)
    return array.astype(np.float64)


def _same_holes(want: Array, have: Array) -> bool:
    infinite, infinite_here = (np.where(np.isinf(array), array, 0) for array in (want, have))
    return np.array_equal(np.isnan(want), np.isnan(have)) and np.array_equal(infinite, infinite_here)


def _scale(floats: Pairs) -> float:
    return max(float(np.max(np.abs(want[np.isfinite(want)]), initial=0.0)) for want, _ in floats)


def _errors(floats: Pairs, tolerance: Mapping[str, float]) -> tuple[float, str]:
    """Return the largest absolute error, and the element that is furthest beyond what is allowed (none: "")."""
    scale = _scale(floats)
    largest, furthest, words = 0.0, 0.0, ""
    for number, (want, have) in enumerate(floats):
        finite = np.isfinite(want)
        error = np.abs(np.subtract(want, have, out=np.zeros_like(want), where=finite))
        beyond = error - _allowed(tolerance, scale, np.where(finite, want, 0.0))
        largest = max(largest, float(np.max(error, initial=0.0)))
        if float(np.max(np.where(finite, beyond, -1.0), initial=0.0)) > furthest:
            place = np.unravel_index(int(np.argmax(np.where(finite, beyond, -1.0))), beyond.shape)
            furthest = float(beyond[place])
            where = f"{[int(i) for i in place]} of call {number}"
            words = f"beyond the tolerance at {where}: expected {want[place]}, got {have[place]}"
    return largest, words


def _allowed(tolerance: Mapping[str, float], scale: float, want: Array) -> Any:
    if "absolute" in tolerance:
        return tolerance["absolute"]
    return tolerance["atol"] * scale + tolerance["rtol"] * np.abs(want)


def _overdrawn(
    pairs: Pairs, floats: Pairs, exact: bool, error: float, budget: Mapping[str, Any], labels: Sequence[Array]
) -> str:
    """Return which parts of a budget are overdrawn, as text; what can't be measured isn't asked for."""
    whole, channel = (None, None) if exact else _noise(floats)
    measured = {"snr": whole, "channel_snr": channel, "cosine": _cosine(floats), "top1": _top1(pairs)}
    if exact:
        measured["equal"] = float(np.mean(np.concatenate([(want == have).ravel() for want, have in pairs])))
    elif whole is None and _scale(floats) and error / _scale(floats) > CONSTANT:
        return f"a constant output is off by {error / _scale(floats):.2g} of its value"
    faults = [
        f"{name} {value:.4g}, at least {budget[name]:g} is asked for"
        for name, value in measured.items()
        if value is not None and budget.get(name) is not None and value < budget[name]
    ]
    if len(labels) and budget.get("accuracy") is not None:
        right = np.concatenate([np.atleast_1d(label) for label in labels])
        source, here = (
            float(np.mean(np.concatenate([np.atleast_1d(np.argmax(pair[side], axis=-1)) for pair in pairs]) == right))
            for side in (0, 1)
        )
        if source - here > budget["accuracy"] + 1e-9:
            faults.append(f"accuracy {here:.2%}, the source's is {source:.2%}")
    return f"beyond the budget: {'; '.join(faults)}" if faults else ""


def _noise(floats: Pairs) -> tuple[float | None, float | None]:
    """Return the signal-to-noise ratio of the whole, and of the noisiest entry of the last axis, in dB."""
    rows = [tuple(np.nan_to_num(array, nan=0, posinf=0, neginf=0) for array in pair) for pair in floats]
    squares = [(have - want) ** 2 for want, have in rows]
    signal = float(np.var(np.concatenate([want.ravel() for want, _ in rows])))
    whole = _decibels(signal, float(np.mean(np.concatenate([square.ravel() for square in squares]))))
    widths = {square.shape[-1] if square.ndim > 1 else 0 for square in squares}
    if len(widths) > 1 or not widths - {0, 1}:
        return whole, None
    channels = np.concatenate([square.reshape(-1, square.shape[-1]) for square in squares]).mean(axis=0)
    return whole, _decibels(signal, float(channels.max(initial=0.0)))


def _decibels(signal: float, noise: float) -> float | None:
    return 10 * float(np.log10(signal / noise)) if signal > 0 and noise > 0 else None


def _cosine(floats: Pairs) -> float | None:
    want, have = (
        np.concatenate([np.nan_to_num(pair[side].ravel(), posinf=0, neginf=0) for pair in floats]) for side in (0, 1)
    )
    norms = float(np.linalg.norm(want) * np.linalg.norm(have))
    return float(want @ have) / norms if norms else None


def _top1(pairs: Pairs) -> float | None:
    if any(want.ndim != 2 or not 2 <= want.shape[-1] <= 100_000 or want.dtype.kind != "f" for want, _ in pairs):
        return None
    return float(np.mean(np.concatenate([np.argmax(want, -1) == np.argmax(have, -1) for want, have in pairs])))


if __name__ == "__main__":
    sys.exit(main())
