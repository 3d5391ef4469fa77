"""Samples: the inputs that every artifact is fed, generated from the contract or given by the user.

`generate(contract, seed)`, `load(path, contract)` and `drawn(batches, contract)` return, for each signature, its calls:
mappings from the contract's input names to arrays.  NumPy alone: the contract's dtypes are NumPy's, and `string`.
"""

from __future__ import annotations

import itertools
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from anyport_guest import Array, BadRequest, Calls, Tensors

BATCHES = (5, 3)
"""Rows of the two calls of a signature with a batch dimension: 8 samples, and a batch that really varies."""
SINGLES = 8
"""Calls of a signature without one."""
SIZES = (32, 64)
"""What other varying dimensions are, in turn: multiples of 32, which most image networks need to fit their strides."""
MOST_BATCHES = 500
"""Batches that are drawn from a generator, which may never end."""
MISS_EVERY = 4
"""One element in so many of an input that is looked up is no key of the table."""
MISSING_WORD = "anyport: no such key"
WORDS = ("alpha", "beta", "gamma", "delta", "the quick brown fox", "", "zwölf", "42")


def batched(signature: Mapping[str, Any]) -> bool:
    """Tell whether the first dimension of every input varies, so that a call holds any number of samples."""
    shapes = [tensor["shape"] for tensor in signature["inputs"]]
    return bool(shapes) and all(shape and shape[0] is None for shape in shapes)


def misses(contract: Mapping[str, Any]) -> bool:
    """Tell whether some input is looked up in a table, so that generated samples miss it now and then."""
    inputs = [tensor for signature in contract["signatures"] for tensor in signature["inputs"]]
    return any("any_of" in tensor.get("values", {}) for tensor in inputs)


def generate(contract: Mapping[str, Any], seed: int, *, with_misses: bool = True) -> Calls:
    """Make at least 8 samples for each signature; the same contract and seed give the same bytes.

    An input that is looked up in a table holds its keys, and, `with_misses`, now and then something else.
    """
    calls: Calls = {}
    for number, signature in enumerate(contract["signatures"]):
        rng = np.random.default_rng([seed, number])
        sizes = itertools.cycle(SIZES)
        rows: Sequence[int | None] = BATCHES if batched(signature) else [None] * SINGLES
        calls[signature["name"]] = [_call(rng, signature, count, next(sizes), with_misses) for count in rows]
    return calls


def _call(
    rng: np.random.Generator, signature: Mapping[str, Any], rows: int | None, size: int, with_misses: bool
) -> Tensors:
    tensors = {}
    for tensor in signature["inputs"]:
        shape = [size if dim is None else dim for dim in tensor["shape"]]
        if rows is not None:
            shape[0] = rows
        tensors[tensor["name"]] = _values(rng, tensor, tuple(shape), with_misses)
    return tensors


def _values(rng: np.random.Generator, tensor: Mapping[str, Any], shape: tuple[int, ...], with_misses: bool) -> Array:
    dtype, valid = tensor["dtype"], tensor.get("values")
    if valid and "any_of" in valid:
        return _keys(rng, valid["any_of"], dtype, shape, with_misses)
    if dtype == "string":
        return np.char.encode(np.array(WORDS)[rng.integers(len(WORDS), size=shape)], "utf-8")
    kind = np.dtype(np.dtype(dtype)).kind
    if kind == "b":
        return rng.random(shape) < 0.5
    if kind in "iu":
        return _integers(rng, valid, np.dtype(dtype), shape)
    if kind == "c":
        return (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)).astype(np.dtype(dtype))
    return rng.standard_normal(shape).astype(np.dtype(dtype))


def _keys(
    rng: np.random.Generator, keys: Sequence[Any], dtype: str, shape: tuple[int, ...], with_misses: bool
) -> Array:
    """Draw from a table's keys, and one in `MISS_EVERY` from what isn't in it, so that its default is proved too."""
    values = np.array(keys)[rng.integers(len(keys), size=shape)]
    miss = MISSING_WORD if dtype == "string" else _absent_integer(keys, np.iinfo(np.dtype(dtype)))
    if with_misses and miss is not None:
        values = np.where(rng.permutation(values.size).reshape(shape) % MISS_EVERY == 0, miss, values)
    return np.char.encode(values, "utf-8") if dtype == "string" else values.astype(np.dtype(dtype))


def _absent_integer(keys: Sequence[int], limits: Any) -> int | None:
    """Return an integer beyond all keys, where possible one that an int32 holds, as narrow targets need it."""
    fitting = [value for value in (max(keys) + 1, min(keys) - 1) if limits.min <= value <= limits.max]
    narrow = np.iinfo(np.int32)
    return next((value for value in fitting if narrow.min <= value <= narrow.max), fitting[0] if fitting else None)


def _integers(rng: np.random.Generator, valid: Mapping[str, int] | None, dtype: Any, shape: tuple[int, ...]) -> Array:
    low, high = (valid["min"], valid["max"]) if valid else (0, 100)
    values = rng.integers(low, min(high, int(np.iinfo(dtype).max)) + 1, size=shape).astype(dtype)
    if valid and low == 0 and len(shape) > 1:
        # Sequences of tokens come padded with zeros, and a mask that never masks proves nothing.
        values[1::2, ..., shape[-1] - shape[-1] // 3 :] = 0
    return values


def load(path: str, contract: Mapping[str, Any]) -> Calls:
    """Read the user's samples and hold them against the contract.

    Keys are the contract's input names, or `SIGNATURE/NAME` where several signatures shall get different ones.  An
    array has the contract's shape, its first dimension counting the samples where it varies; where the shape is fixed, an array
    with one more leading dimension is one call for each entry.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            arrays = {key: archive[key] for key in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise BadRequest(
            f"can't read samples from {path}: {error}", "Write them with numpy.savez(path, NAME=array)."
        ) from error
    return _fitted(arrays, contract)


def drawn(batches: Iterable[Any], contract: Mapping[str, Any]) -> Calls:
    """Draw up to `MOST_BATCHES` from what the user's code yields: mappings like the arrays of a sample file."""
    calls: Calls = {signature["name"]: [] for signature in contract["signatures"]}
    for number, batch in enumerate(itertools.islice(batches, MOST_BATCHES)):
        if not isinstance(batch, Mapping):
            raise BadRequest(
                f"calibration batch {number} is {type(batch).__name__}; expected a mapping from input names to arrays",
                "Yield {NAME: array}, with the contract's names.",
            )
        for name, made in _fitted({key: np.asarray(value) for key, value in batch.items()}, contract).items():
            calls[name] += made
    if not all(calls.values()):
        raise BadRequest("the calibration yields nothing", "Yield at least one mapping from input names to arrays.")
    return calls


def _fitted(arrays: Mapping[str, Array], contract: Mapping[str, Any]) -> Calls:
    several = len(contract["signatures"]) > 1
    calls: Calls = {}
    expected = []
    for signature in contract["signatures"]:
        prefix = f"{signature['name']}/" if several else ""
        expected += [prefix + tensor["name"] for tensor in signature["inputs"]]
        expected += [tensor["name"] for tensor in signature["inputs"] if tensor["name"] not in expected]
        calls[signature["name"]] = _calls_of(signature, arrays, prefix)
    if unknown := sorted(set(arrays) - set(expected)):
        raise BadRequest(
            f"the samples hold {', '.join(map(repr, unknown))}, which the contract doesn't name; "
            f"it names {', '.join(map(repr, expected))}",
            "Rename the arrays: numpy.savez(path, NAME=array).",
        )
    return calls


def _calls_of(signature: Mapping[str, Any], arrays: Mapping[str, Array], prefix: str) -> list[Tensors]:
    stacked: dict[str, Array | list[Array]] = {}
    for tensor in signature["inputs"]:
        key = prefix + tensor["name"]
        if key not in arrays and tensor["name"] in arrays:
            key = tensor["name"]
        if key not in arrays:
            raise BadRequest(
                f"the samples hold no array named {key!r}; they hold {', '.join(map(repr, sorted(arrays))) or 'nothing'}",
                "Name the arrays as the contract does: numpy.savez(path, NAME=array).",
            )
        stacked[tensor["name"]] = _fit(key, tensor, arrays[key])
    lengths = {name: len(value) for name, value in stacked.items() if isinstance(value, list)}
    if not lengths:
        rows = {name: len(value) for name, value in stacked.items()} if batched(signature) else {}
        if len(set(rows.values())) > 1:
            raise BadRequest(
                f"the samples of {signature['name']!r} differ in number: {rows}", "Give one row for each sample."
            )
        return [dict(stacked)]  # type: ignore[arg-type]
    if len(lengths) < len(stacked) or len(set(lengths.values())) > 1:
        raise BadRequest(
            f"the samples of {signature['name']!r} differ in number: {lengths}", "Stack every input alike."
        )
    return [dict(zip(stacked, parts, strict=True)) for parts in zip(*stacked.values(), strict=True)]


def _fit(key: str, tensor: Mapping[str, Any], array: Array) -> Array | list[Array]:
    """Return the array if it is one call, the list of its entries if it is a stack of calls."""
    want = tensor["dtype"]
    value = np.char.encode(array, "utf-8") if array.dtype.kind == "U" else array
    if _dtype_name(value) != want:
        raise BadRequest(
            f"samples {key!r} are {_dtype_name(value)}; the contract says {want}",
            f"Convert them: array.astype({want!r}).",
        )
    if value.dtype.kind in "fc" and not np.isfinite(value).all():
        raise BadRequest(
            f"samples {key!r} hold {int((~np.isfinite(value)).sum())} values that are NaN or infinite",
            "Remove those samples: nothing can be compared after a NaN.",
        )
    shape = tensor["shape"]
    if _matches(value.shape, shape) and 0 not in value.shape:
        return value
    if _matches(value.shape[1:], shape) and len(value.shape) == len(shape) + 1 and value.shape[0]:
        return list(value)
    raise BadRequest(
        f"samples {key!r} have shape {list(value.shape)}; the contract says {_show(shape)}",
        "Reshape them; the first dimension counts the samples where the contract lets it vary.",
    )


def _dtype_name(array: Array) -> str:
    return "string" if array.dtype.kind in "SO" else array.dtype.name


def _matches(actual: Sequence[int], shape: Sequence[int | None]) -> bool:
    return len(actual) == len(shape) and all(want in (None, got) for got, want in zip(actual, shape, strict=True))


def _show(shape: Sequence[int | None]) -> str:
    return f"[{', '.join('any' if dim is None else str(dim) for dim in shape)}]"
