"""The frame that a page or Node answers with: a JSON header and tensors in one blob, as `page/frame.mjs` writes it."""

from __future__ import annotations

import json
import struct
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from anyport_guest import Array, Calls, GuestError

ALIGNMENT = 8


def unpack(frame: bytes, contract: Mapping[str, Any], library: str) -> tuple[dict[str, Any], Calls]:
    """Return the header (`version`, `backend`, `details`, `seconds`) and the outputs by the contract's names.

    Raises `GuestError`, in `library`'s name, if the frame says that the run failed or isn't one.
    """
    try:
        (length,) = struct.unpack_from("<I", frame)
        header: dict[str, Any] = json.loads(frame[4 : 4 + length])
    except (struct.error, ValueError) as error:
        raise GuestError(f"{library} gave an answer of {len(frame)} bytes that is no result") from error
    if "error" in header:
        raise GuestError(f"{library} failed: {header['error']}", header.get("hint", ""))
    start = 4 + length + -(4 + length) % ALIGNMENT
    stated = {s["name"]: {t["name"]: t["dtype"] for t in s["outputs"]} for s in contract["signatures"]}
    outputs: Calls = {}
    for entry in header.pop("tensors"):
        calls = outputs.setdefault(entry["signature"], [])
        while len(calls) <= entry["call"]:
            calls.append({})
        data = memoryview(frame)[start + entry["offset"] :][: entry["bytes"]]
        calls[entry["call"]][entry["name"]] = _tensor(data, entry, stated[entry["signature"]][entry["name"]])
    return header, outputs


def _tensor(data: memoryview, entry: Mapping[str, Any], stated: str) -> Array:
    if entry["dtype"] == "string":
        return np.array(list(_strings(data)), dtype=np.bytes_).reshape(entry["shape"])
    # JavaScript computes with float16 in an array of float32.
    held = "float32" if entry["dtype"] == "float16" else entry["dtype"]
    array = np.frombuffer(data, dtype=held).reshape(entry["shape"])
    return array.astype(stated) if entry["dtype"] == "float16" == stated else array


def _strings(data: memoryview) -> Iterable[bytes]:
    offset = 0
    while offset < len(data):
        (length,) = struct.unpack_from("<I", data, offset)
        yield bytes(data[offset + 4 : offset + 4 + length])
        offset += 4 + length
