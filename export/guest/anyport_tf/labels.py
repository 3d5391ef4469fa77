"""Labels: the right classes of the user's samples, so that a quantised artifact can be asked what accuracy it lost.

`load(path, contract, calls)` returns them as calls of the role `labels`, by the names of the outputs that they judge.  NumPy
alone.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from anyport_guest import Array, BadRequest, Calls, Tensors

from .samples import batched

HOW = "Write integers, one a sample: numpy.save(path, LABELS), or numpy.savez(path, OUTPUT=LABELS)."


def load(path: str, contract: Mapping[str, Any], calls: Calls) -> Calls:
    """Read the labels and hold them against the contract and the samples.

    A `.npy` holds those of the only output with classes; the keys of an `.npz` are names of outputs, or
    `SIGNATURE/OUTPUT`.  They are integers from 0, one for each row of the samples.
    """
    outputs = dict(_outputs(contract))
    arrays = _read(path, list(outputs))
    if unknown := sorted(set(arrays) - set(outputs) - {name for _, name in outputs.values()}):
        raise BadRequest(f"the labels hold {unknown[0]!r}; outputs with classes are {_listed(outputs)}", HOW)
    labels: Calls = {signature: [{} for _ in made] for signature, made in calls.items()}
    for key, (contract_of, name) in outputs.items():
        array = arrays.get(key, arrays.get(name))
        if array is not None:
            signature = contract_of["name"]
            for call, part in zip(labels[signature], _split(key, array, contract_of, calls[signature]), strict=True):
                call[name] = part
    return labels


def _outputs(contract: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Mapping[str, Any], str]]]:
    """Yield every output that has an axis of classes, as `SIGNATURE/OUTPUT` and plainly what that is."""
    for signature in contract["signatures"]:
        for output in signature["outputs"]:
            rank = 2 if batched(signature) else 1
            if len(output["shape"]) == rank and output["shape"][-1] != 1 and "float" in output["dtype"]:
                yield f"{signature['name']}/{output['name']}", (signature, output["name"])


def _read(path: str, outputs: Sequence[str]) -> dict[str, Array]:
    try:
        found = np.load(path, allow_pickle=False)
        arrays = {key: found[key] for key in found.files} if hasattr(found, "files") else None
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise BadRequest(f"can't read labels from {path}: {error}", HOW) from error
    if arrays is not None:
        return arrays
    if len(outputs) != 1:
        raise BadRequest(f"one array of labels for {len(outputs)} outputs with classes: {_listed(outputs)}", HOW)
    return {outputs[0]: found}


def _split(key: str, array: Array, signature: Mapping[str, Any], calls: Sequence[Tensors]) -> list[Array]:
    """Return each call's part of the labels."""
    sizes = [len(next(iter(call.values()))) if batched(signature) else 1 for call in calls]
    if array.dtype.kind not in "iu" or array.shape != (sum(sizes),) or (array.size and int(array.min()) < 0):
        raise BadRequest(
            f"labels {key!r} are {array.dtype.name} of shape {list(array.shape)}; expected {sum(sizes)} integers from 0",
            HOW,
        )
    return np.split(array.astype(np.int64), np.cumsum(sizes)[:-1])


def _listed(outputs: Sequence[str] | Mapping[str, Any]) -> str:
    return ", ".join(outputs) or "none"
