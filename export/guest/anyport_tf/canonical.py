"""The canonical form: a small graph skeleton, the weights beside it, and the contract.

Written once per export by whoever loaded the source (`write`), read by every converter (`Canonical.read`).  A folder:

* `canonical.json` — `contract` (see `anyport.contract`), and `signatures`: for each its `graph` file, `inputs` and
  `outputs` (contract name → placeholder, contract name → tensor `node:index`) and the `weights`, `variables` and
  `tables` that other placeholders stand for; then `weights` (name → `{dtype, shape, offset}` in `weights.bin`), `tables`
  (name → `{keys, values}`, names of entries of `weights`), `origins` (see `origins.Origins`), `parameters` (`elements`
  and `bytes` of the source's variables) and `versions` (of what wrote it).
* `SIGNATURE_NUMBER.pb` — a `GraphDef`.  Its placeholders are the inputs, one per weight (of its dtype and shape) and
  one of dtype `resource` per lookup table and per variable that the graph assigns.  Function calls are inlined;
  control flow is functional (`While`, `If`, `Case`); control inputs are gone unless the graph has state.
* `weights.bin` — the tensors one after the other, each at a multiple of 64 bytes, memory-mapped by readers.

Weights are kept out of the graph because copying them through protobufs is most of what the official converters do:
for ResNet50, tf2onnx takes 28.9 s with the weights inside and 3.5 s with them outside.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import tensorflow as tf

from .origins import Origins

Array = npt.NDArray[Any]

ALIGNMENT = 64
"""Bytes between which a tensor may begin in `weights.bin`: a cache line, and enough for any SIMD load."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Signature:
    """One signature: its graph skeleton and how the contract's names map onto it."""

    name: str
    graph: tf.compat.v1.GraphDef
    inputs: Mapping[str, str]
    """Contract name → placeholder, in the contract's order."""
    outputs: Mapping[str, str]
    """Contract name → tensor `node:index`, in the contract's order."""
    weights: Mapping[str, str]
    """Placeholder → name of the weight that it stands for; signatures that share a variable share the weight."""
    variables: Mapping[str, str]
    """Placeholder (dtype resource) → name of the weight that is its initial value: state that the graph assigns."""
    tables: Mapping[str, str]
    """Placeholder (dtype resource) → name of the lookup table that it stands for."""


class Weights(Mapping[str, Array]):
    """The weights by name, memory-mapped: reading one costs what touching it costs."""

    def __init__(self, path: Path, index: Mapping[str, Mapping[str, Any]]) -> None:
        self._index = index
        self._data = np.memmap(path, dtype=np.uint8, mode="r") if path.stat().st_size else np.zeros(0, np.uint8)

    def __getitem__(self, name: str) -> Array:
        entry = self._index[name]
        shape = tuple(entry["shape"])
        dtype = np.dtype(numpy_dtype(entry["dtype"])) if "itemsize" not in entry else np.dtype(f"S{entry['itemsize']}")
        start = entry["offset"]
        size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        return self._data[start : start + size].view(dtype).reshape(shape)

    def __iter__(self) -> Iterator[str]:
        return iter(self._index)

    def __len__(self) -> int:
        return len(self._index)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Canonical:
    """A model in the canonical form, read from its folder."""

    contract: Mapping[str, Any]
    signatures: Mapping[str, Signature]
    weights: Mapping[str, Array]
    tables: Mapping[str, Mapping[str, str]]
    origins: Origins = dataclasses.field(default_factory=Origins)
    parameters: Mapping[str, int] = dataclasses.field(default_factory=dict)
    """`elements` and `bytes` of the source's variables."""

    @classmethod
    def read(cls, folder: str | Path) -> Canonical:
        """Read the canonical form from `folder`."""
        root = Path(folder)
        index = json.loads((root / "canonical.json").read_text(encoding="utf-8"))
        signatures = {}
        for name, entry in index["signatures"].items():
            graph = tf.compat.v1.GraphDef()
            graph.ParseFromString((root / entry["graph"]).read_bytes())
            signatures[name] = Signature(
                name=name,
                graph=graph,
                inputs=entry["inputs"],
                outputs=entry["outputs"],
                weights=entry["weights"],
                variables=entry["variables"],
                tables=entry["tables"],
            )
        return cls(
            contract=index["contract"],
            signatures=signatures,
            weights=Weights(root / "weights.bin", index["weights"]),
            tables=index["tables"],
            origins=Origins(**index["origins"]),
            parameters=index["parameters"],
        )

    def origin(self, node: str) -> str:
        """Say where a node of the graph came from, in the user's words."""
        return self.origins.of(node)

    def table(self, name: str) -> tuple[Array, Array]:
        """Return the keys and values of a lookup table, both of shape `[entries]`."""
        entry = self.tables[name]
        return self.weights[entry["keys"]], self.weights[entry["values"]]


def write(
    folder: str | Path,
    *,
    contract: Mapping[str, Any],
    signatures: Mapping[str, Signature],
    weights: Mapping[str, Array],
    tables: Mapping[str, tuple[Array, Array]],
    origins: Origins | None = None,
    parameters: Mapping[str, int] | None = None,
) -> None:
    """Write the canonical form into `folder`, which exists and is empty."""
    root = Path(folder)
    table_index = {name: {"keys": f"{name}/keys", "values": f"{name}/values"} for name in tables}
    arrays = dict(weights)
    for name, (keys, values) in tables.items():
        arrays[f"{name}/keys"], arrays[f"{name}/values"] = keys, values
    index: dict[str, Any] = {
        "contract": contract,
        "signatures": {},
        "weights": _write_weights(root / "weights.bin", arrays),
        "tables": table_index,
        "origins": dataclasses.asdict(origins or Origins()),
        "parameters": dict(parameters or {}),
        "versions": {"tensorflow": tf.__version__},
    }
    for number, signature in enumerate(signatures.values()):
        file = f"{number}.pb"
        (root / file).write_bytes(signature.graph.SerializeToString(deterministic=True))
        index["signatures"][signature.name] = {
            "graph": file,
            "inputs": dict(signature.inputs),
            "outputs": dict(signature.outputs),
            "weights": dict(signature.weights),
            "variables": dict(signature.variables),
            "tables": dict(signature.tables),
        }
    (root / "canonical.json").write_text(json.dumps(index, indent=1), encoding="utf-8")


def _write_weights(path: Path, arrays: Mapping[str, Array]) -> dict[str, Any]:
    index: dict[str, Any] = {}
    with path.open("wb") as file:
        for name, array in arrays.items():
            file.write(b"\0" * (-file.tell() % ALIGNMENT))
            value = np.ascontiguousarray(_plain(array)).reshape(array.shape)
            index[name] = {"dtype": dtype_name(value), "shape": list(value.shape), "offset": file.tell()}
            if value.dtype.kind == "S":
                index[name]["itemsize"] = max(value.dtype.itemsize, 1)
            file.flush()
            value.tofile(file)
    return index


def _plain(array: Array) -> Array:
    """Return strings as fixed-width bytes, everything else as it is."""
    return array.astype(np.bytes_) if array.dtype.kind in "OU" else array


def dtype_name(array: Array) -> str:
    """Return TensorFlow's name for an array's dtype (`float32`, `bfloat16`, `string`)."""
    return "string" if array.dtype.kind in "SOU" else str(tf.dtypes.as_dtype(array.dtype).name)


def numpy_dtype(name: str) -> Any:
    """Return the NumPy dtype of a TensorFlow dtype's name."""
    return tf.dtypes.as_dtype(name).as_numpy_dtype
