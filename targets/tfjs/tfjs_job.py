"""A TF.js job and its result: what the runtimes in Node and in a browser share on this side.

`pack` makes the job and the blob of inputs that `runner.mjs` reads, `unpack` the outputs of the frame that it writes;
the format is stated there.  Tensors are cast to what TF.js has on the way in and to the contract's dtype on the way
out, and only where no integer changes.
"""

from __future__ import annotations

import dataclasses
import json
import struct
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from anyport_guest import Array, BadRequest, Calls, GuestError, Tensors

ALIGNMENT = 8


@dataclasses.dataclass(frozen=True, kw_only=True)
class Result:
    """What came back from a run."""

    outputs: Calls
    header: Mapping[str, Any]
    """`backend`, `versions` (of TF.js' packages) and `seconds` (`load`, `first`, `warm`)."""

    @property
    def version(self) -> str:
        """TF.js' version."""
        return str(self.header["versions"]["converter"])


def seconds(options: Mapping[str, Any]) -> float:
    """Return a run's time in seconds, a little less than the host's: who ends it here can say what it was doing."""
    return 0.9 * float(options.get("timeout") or 600)


def pack(signatures: Mapping[str, Any], calls: Calls, state: Tensors, base_url: str) -> tuple[bytes, bytes]:
    """Return the job as JSON and its blob of inputs; models are found below `base_url`, `state` is what it begins with."""
    blob = bytearray()
    jobs = {}
    bindings: dict[str, Mapping[str, str]] = {}
    for name, mapping in signatures.items():
        bindings |= {key: mapping["inputs"][key] for key in mapping.get("states", {})}
        jobs[name] = {
            "model": base_url + mapping["model"],
            "outputs": list(mapping["outputs"]),
            "states": mapping.get("states", {}),
            "calls": [
                [_pack_input(blob, key, array, mapping["inputs"][key]) for key, array in call.items()]
                for call in calls[name]
            ],
        }
    initial = [_pack_input(blob, key, state[key], binding) for key, binding in bindings.items()]
    return json.dumps({"backend": "wasm", "signatures": jobs, "state": initial}).encode(), bytes(blob)


def _pack_input(blob: bytearray, name: str, array: Array, binding: Mapping[str, str]) -> dict[str, Any]:
    """Append a tensor to the blob and return its description."""
    value = fed(name, array, binding["dtype"])
    blob.extend(b"\0" * (-len(blob) % ALIGNMENT))
    data = _pack_strings(value) if binding["dtype"] == "string" else np.ascontiguousarray(value).tobytes()
    entry = {
        "name": name,
        "dtype": binding["dtype"],
        "shape": list(value.shape),
        "offset": len(blob),
        "bytes": len(data),
    }
    blob.extend(data)
    return entry


def fed(name: str, array: Array, dtype: str) -> Array:
    """Return `array` as TF.js' `dtype`; raise `BadRequest` for an integer that it can't hold."""
    if dtype != "int32":
        return array if dtype == "string" else array.astype(dtype)
    limits = np.iinfo(np.int32)
    if array.size and (int(array.min()) < limits.min or int(array.max()) > limits.max):
        raise BadRequest(
            f"sample {name!r} holds {array.dtype} values from {array.min()} to {array.max()}, and TF.js has no integers"
            " beyond int32",
            "Give samples between -2³¹ and 2³¹ - 1, which are what this artifact can be fed.",
        )
    return array.astype(np.int32)


def unpack(frame: bytes, contract: Mapping[str, Any]) -> Result:
    """Read a frame; raise `GuestError` if it says that the run failed."""
    (length,) = struct.unpack_from("<I", frame)
    header = json.loads(frame[4 : 4 + length])
    if "error" in header:
        raise GuestError(f"TF.js failed: {header['error']}")
    start = 4 + length + -(4 + length) % ALIGNMENT
    dtypes = {s["name"]: {t["name"]: t["dtype"] for t in s["outputs"]} for s in contract["signatures"]}
    outputs: Calls = {}
    for entry in header.pop("tensors"):
        calls = outputs.setdefault(entry["signature"], [])
        while len(calls) <= entry["call"]:
            calls.append({})
        value = _unpack_output(memoryview(frame)[start + entry["offset"] :][: entry["bytes"]], entry)
        calls[entry["call"]][entry["name"]] = fetched(value, dtypes[entry["signature"]][entry["name"]])
    return Result(outputs=outputs, header=header)


def _unpack_output(data: memoryview, entry: Mapping[str, Any]) -> Array:
    if entry["dtype"] == "string":
        return np.array(list(_unpack_strings(data)), dtype=np.bytes_).reshape(entry["shape"])
    return np.frombuffer(data, dtype=entry["dtype"]).reshape(entry["shape"])


def fetched(value: Array, dtype: str) -> Array:
    """Return an output in the contract's dtype if that changes no integer; as it is if it would.

    What is left as it is differs from the source in its dtype, and the comparison says so.
    """
    if dtype == "string" or value.dtype.kind == "S" or value.dtype.name == dtype:
        return value
    # Only NumPy's own dtypes here: a bfloat16 of the contract is compared as float32.
    wanted = np.dtype(dtype if dtype != "bfloat16" else "float32")
    cast = value.astype(wanted)
    same_kind = (value.dtype.kind in "iu") == (wanted.kind in "iu") and value.dtype.kind != "b"
    return cast if same_kind and (wanted.kind == "f" or np.array_equal(cast, value)) else value


def _pack_strings(array: Array) -> bytes:
    return b"".join(struct.pack("<I", len(item)) + bytes(item) for item in array.ravel())


def _unpack_strings(data: memoryview) -> Iterable[bytes]:
    offset = 0
    while offset < len(data):
        (length,) = struct.unpack_from("<I", data, offset)
        yield bytes(data[offset + 4 : offset + 4 + length])
        offset += 4 + length
