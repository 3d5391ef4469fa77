"""List the dtypes for which onnxruntime's CPU provider has kernels: `PYTHON list_kernels.py > kernels.json`.

Run with the interpreter of the onnxruntime toolchain, whenever that is locked anew.  Writes `{"onnxruntime": VERSION,
"kernels": {OP: [[FIRST_OPSET, LAST_OPSET, {TYPE_CONSTRAINT: "DTYPE DTYPE …"}], …]}}`: operators of ONNX itself by their name, of
another domain as `DOMAIN:NAME`; kernels that only older opsets than `OLDEST` reach are left out, and so are the dtypes of
sequences and optionals.
"""

from __future__ import annotations

import json
import re
from typing import Any

import onnxruntime
from onnxruntime.capi import onnxruntime_pybind11_state

OLDEST = 18
PROVIDER = "CPUExecutionProvider"
DOMAINS = ("", "ai.onnx.ml")
TENSOR = re.compile(r"tensor\((\w+)\)")


def main() -> dict[str, Any]:
    found: dict[str, dict[tuple[int, int], list[dict[str, str]]]] = {}
    for kernel in onnxruntime_pybind11_state.get_all_opkernel_def():
        first, last = kernel.version_range
        if kernel.provider == PROVIDER and kernel.domain in DOMAINS and (last >= OLDEST or kernel.domain):
            name = f"{kernel.domain}:{kernel.op_name}" if kernel.domain else kernel.op_name
            found.setdefault(name, {}).setdefault((first, last), []).append(_dtypes(kernel.type_constraints))
    return {
        name: [
            [first, min(last, 10_000), alternative]
            for (first, last), alternatives in sorted(found[name].items())
            for alternative in _merged(alternatives)
        ]
        for name in sorted(found)
    }


def _dtypes(constraints: dict[str, list[str]]) -> dict[str, str]:
    plain = {
        name: [match[1] for text in texts if (match := TENSOR.fullmatch(text))] for name, texts in constraints.items()
    }
    return {name: " ".join(sorted(dtypes)) for name, dtypes in sorted(plain.items())}


def _merged(alternatives: list[dict[str, str]]) -> list[dict[str, str]]:
    """Join kernels that differ in one type constraint alone: most are registered once for each dtype."""
    merged: list[dict[str, str]] = []
    for kernel in alternatives:
        for other in merged:
            differ = [name for name in kernel if kernel[name] != other.get(name)]
            if kernel.keys() == other.keys() and len(differ) <= 1:
                for name in differ:
                    other[name] = " ".join(sorted({*kernel[name].split(), *other[name].split()}))
                break
        else:
            merged.append(dict(kernel))
    return merged


def _lines(value: dict[str, Any]) -> str:
    """Format one operator a line, so that a new version's differences can be read."""
    body = ",\n".join(f"  {json.dumps(name)}: {json.dumps(kernels)}" for name, kernels in value.items())
    return f'{{"onnxruntime": {json.dumps(onnxruntime.__version__)}, "kernels": {{\n{body}\n}}}}'


if __name__ == "__main__":
    print(_lines(main()))
