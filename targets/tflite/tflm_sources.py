"""A TFLite file as C++ sources for a firmware: the bytes, the size of the arena, and the operators to register.

`anyport embed` calls `sources` with an artifact that was just run in TFLM, and writes what it returns.  `model.h` includes
nothing of TFLM's, so that it compiles everywhere; the operators are added by a template that takes any
`tflite::MicroMutableOpResolver`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

BYTES_A_LINE = 16
METHODS = {
    "BATCH_MATMUL": "BatchMatMul",
    "CUMSUM": "CumSum",
    "PADV2": "PadV2",
    "UNIDIRECTIONAL_SEQUENCE_LSTM": "UnidirectionalSequenceLSTM",
}
"""Operators whose method in `micro_mutable_op_resolver.h` is not the schema's name in camel case."""

HEADER = """\
// {origin}
#ifndef ANYPORT_MODEL_H_
#define ANYPORT_MODEL_H_

#include <cstddef>

// The file {file}, {size} bytes, aligned as TFLM needs it.
extern const unsigned char kModel[];
extern const std::size_t kModelSize;

// The tensor arena that the samples were run in. Measured with pointers of 64 bits: with 32 bits less is taken.
constexpr std::size_t kTensorArenaSize = {arena};

{ports}

// Registers the operators of the file, and tells whether all were taken:
//   tflite::MicroMutableOpResolver<kOperatorCount> resolver;
//   if (!AddOperators(resolver)) ...
constexpr unsigned int kOperatorCount = {count};

template <typename Resolver>
bool AddOperators(Resolver& resolver) {{
  bool added = true;
{calls}
  return added;
}}

#endif  // ANYPORT_MODEL_H_
"""

SOURCE = """\
// {origin}
#include "model.h"

alignas(16) const unsigned char kModel[] = {{
{rows}
}};
const std::size_t kModelSize = sizeof(kModel);
"""


def sources(folder: Path, signatures: Mapping[str, Any], details: Mapping[str, Any]) -> dict[str, str]:
    """Return the text of each source by its name; `details` are those that `run_tflm.py` returned."""
    (mapping,) = signatures.values()
    content = (folder / mapping["file"]).read_bytes()
    operators = str(details["operators"]).split()
    origin = f"Made by anyport from {mapping['file']}, SHA-256 {hashlib.sha256(content).hexdigest()}. Don't edit."
    header = HEADER.format(
        origin=origin,
        file=mapping["file"],
        size=len(content),
        arena=details["arena_bytes"],
        ports=_ports(mapping, details),
        count=len(operators),
        calls="\n".join(f"  added = added && resolver.{method(name)}() == 0;" for name in operators),
    )
    return {"model.h": header, "model.cc": SOURCE.format(origin=origin, rows=_rows(content))}


def method(operator: str) -> str:
    """Return the method of `MicroMutableOpResolver` that registers an operator of the schema: `ADD_N` → `AddAddN`."""
    camel = "".join(part if part[0].isdigit() else part.capitalize() for part in operator.split("_"))
    return f"Add{METHODS.get(operator, camel)}"


def _ports(mapping: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    """Return a comment that names the inputs and outputs in TFLM's order, with the scale of each that has one."""
    lines = []
    for role in ("inputs", "outputs"):
        names = {given: name for name, given in mapping[role].items()}
        scaled = mapping.get("quantization", {}).get(role, {})
        for place, given in enumerate(str(details[role]).split("\n") if details[role] else []):
            name = names.get(given, given)
            port = scaled.get(name)
            scale = f": ({port['dtype']} - {port['zero_point']}) * {port['scale']!r}" if port else ""
            lines.append(f"// {role[:-1]}({place}) is {name!r}{scale}")
    return "\n".join(lines)


def _rows(content: bytes) -> str:
    starts = range(0, len(content), BYTES_A_LINE)
    return "\n".join("    " + " ".join(f"0x{byte:02x}," for byte in content[i : i + BYTES_A_LINE]) for i in starts)
