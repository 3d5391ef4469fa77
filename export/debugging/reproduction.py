"""The minimal reproduction: a folder with the layer alone, its inputs, the source's answers and a script of a few lines.

The script is the runtime's (`protocols.Runtime.reproduce`): it needs the runtime and nothing of anyport, and ends with status 1
where the runtime answers otherwise.  Called by `session.py`.
"""

from __future__ import annotations

import json
import shutil
import string
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from anyport.guest.anyport_guest import Array
from anyport.protocols import Runtime

FOLDER = "reproduction"


def differs(expected: Sequence[Mapping[str, Array]], actual: Sequence[Mapping[str, Array]], allowed: float) -> bool:
    """Tell whether any element is off by more than `allowed`, or is no number where the source's is one."""
    for want, have in zip(expected, actual, strict=True):
        for name, value in want.items():
            if name not in have or have[name].shape != value.shape:
                return True
            if value.dtype.kind in "SUOb" or value.dtype.kind == "c":
                off = have[name] != value if value.dtype.kind != "c" else ~(np.abs(have[name] - value) <= allowed)
            else:
                a, b = have[name].astype(np.float64), value.astype(np.float64)
                with np.errstate(invalid="ignore"):
                    off = ~((np.abs(a - b) <= allowed) | (a == b) | (np.isnan(a) & np.isnan(b)))
            if bool(np.any(off)):
                return True
    return False


def write(
    out: Path,
    runtime: Runtime,
    folder: Path,
    cut: Mapping[str, Any],
    inputs: Mapping[str, Array],
    expected: Mapping[str, Array],
    allowed: float,
    layer: str,
) -> str:
    """Write the reproduction below `out` and return the script's path in it; the folder's where the runtime has no script.

    `inputs` and `expected` go by the cut's contract; the files hold them by the artifact's own names.
    """
    (signature,) = cut["signatures"]
    mapping = cut["signatures"][signature]
    place = out / FOLDER
    shutil.copytree(folder, place)
    arrays = {
        "inputs": {_given(mapping["inputs"][name]): value for name, value in inputs.items()},
        "expected": {_given(mapping["outputs"][name]): value for name, value in expected.items()},
    }
    kind = ".py" if runtime.reproduce is None else runtime.reproduce.with_suffix("").suffix
    for name, values in arrays.items():
        _save(place / name, values, as_json=kind != ".py")
    if runtime.reproduce is None:
        return FOLDER
    told = {name: value for name, value in {**runtime.options, **mapping}.items() if isinstance(value, str)}
    words = {"file": ".", **told, "signature": signature, "layer": layer, "allowed": repr(allowed)}
    script = place / f"reproduce{kind}"
    script.write_text(string.Template(runtime.reproduce.read_text(encoding="utf-8")).safe_substitute(words), "utf-8")
    return script.relative_to(out).as_posix()


def _given(name: str | Mapping[str, Any]) -> str:
    """Return the artifact's own name of an input or output, which some mappings say more of."""
    return name if isinstance(name, str) else str(name["tensor"])


def _save(path: Path, arrays: Mapping[str, Array], as_json: bool) -> None:
    if as_json:
        value: dict[str, Any] = {
            name: {"dtype": array.dtype.name, "shape": list(array.shape), "values": array.ravel().tolist()}
            for name, array in arrays.items()
        }
        path.with_suffix(".json").write_text(json.dumps(value), encoding="utf-8")
        return
    with path.with_suffix(".npz").open("wb") as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
