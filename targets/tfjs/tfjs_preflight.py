"""What TF.js' wasm backend can't run: said for the whole model at once, before anything is converted."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import tensorflow as tf
from tfjs_control_flow import FUNCTIONAL, RANDOM
from tfjs_package import op_names
from tfjs_strings import is_plain, takes_strings
from tfjs_tensors import misreads_steps

from anyport_guest import Refused
from anyport_tf import rules
from anyport_tf.canonical import Canonical, Signature
from anyport_tf.preflight import Refusal
from anyport_tf.rules import attribute, value_of

Operation = Any

WITHOUT_KERNEL = frozenset(
    [
        "BitwiseAnd",
        "Complex",
        "ComplexAbs",
        "FFT",
        "IFFT",
        "IRFFT",
        "Imag",
        "RFFT",
        "RaggedGather",
        "RaggedRange",
        "RaggedTensorToTensor",
        "Real",
        "StaticRegexReplace",
    ]
)
"""Ops that TF.js' converter accepts and its wasm backend 4.22.0 has no kernel for (the registered kernels, by
`tf.getKernelsForBackend('wasm')`, against what the executors call; BitwiseAnd has one, and runs on no backend)."""

LOWERED = frozenset((*FUNCTIONAL, "_SwitchN"))
"""Ops that the converter takes away."""

PRODUCTS = ("MatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3")
WIDE = (tf.complex64, tf.complex128)

STANDARDIZED = "Standardize text in the page's own code, and build TextVectorization with standardize=None."

HINTS = {
    "StaticRegexReplace": STANDARDIZED,
    "StringLower": STANDARDIZED,
    "Complex": "Work on the real and imaginary parts as two tensors.",
    "Svd": "Compute the decomposition before the export and keep its factors as weights.",
    "ResizeBicubic": 'Resize with method="bilinear", which TF.js has.',
}
FALLBACK_HINT = "Replace it in the model, or move it into the page's own code before or after the model."


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limit:
    """What the kernel of an op that TF.js has can't do."""

    holds: Callable[[Operation], bool]
    """Whether an operation is beyond it."""
    reason: str
    hint: str


def _of_unknown_strings(operation: Operation) -> bool:
    return any(item.dtype == tf.string for item in operation.inputs) and not takes_strings(operation.type)


def _has_other_letters(operation: Operation) -> bool:
    names = ("separator", "left_pad", "right_pad")
    return operation.type == "StringNGrams" and not all(is_plain(attribute(operation, name)) for name in names)


def _breaks_characters(operation: Operation) -> bool:
    """Whether bytes, of which several make a character, go where TF.js takes them for characters."""
    if operation.type != "StringSplit" or value_of(operation.inputs[1]) not in (b"", None):
        return False
    return any(reader.type not in BYTES for reader in operation.outputs[1].consumers())


def _multiplies_integers(operation: Operation) -> bool:
    return operation.type in PRODUCTS and not operation.outputs[0].dtype.is_floating


def _is_complex(operation: Operation) -> bool:
    return any(tensor.dtype in WIDE for tensor in (*operation.inputs, *operation.outputs))


def _steps_wrongly(operation: Operation) -> bool:
    return operation.type == "StridedSlice" and misreads_steps(operation)


UNEVEN = ("TensorListConcat", "TensorListConcatV2", "TensorListSplit")
"""Ops on lists whose elements may have lengths of their own."""

BYTES = ("Identity", "Reshape", "Shape", "Size", "Slice", "StringNGrams", "StringToHashBucketFast")
"""Ops on strings that leave every byte as it is."""

LIMITS = (
    Limit(
        holds=_of_unknown_strings,
        reason="its kernel takes no strings",
        hint="Compute with strings in the page's own code, before or after the model.",
    ),
    Limit(
        holds=_has_other_letters,
        reason="TF.js makes small letters of its separator and padding, and reads ASCII alone",
        hint="Separate and pad by lower-case ASCII characters.",
    ),
    Limit(
        holds=_breaks_characters,
        reason="it splits into bytes, and TF.js takes each string that it moves for UTF-8",
        hint="Split strings into characters in the page's own code, before the model.",
    ),
    Limit(
        holds=lambda operation: operation.type in UNEVEN,
        reason="its lists hold elements of one shape, and these may differ",
        hint="State a fixed element_shape of the TensorArray, and pad its elements to it.",
    ),
    Limit(
        holds=_multiplies_integers,
        reason="its wasm backend can't multiply matrices of integers",
        hint="Cast them to float32 before, which is exact below 2²⁴.",
    ),
    Limit(
        holds=_is_complex,
        reason="its wasm backend can't compute with complex numbers",
        hint=HINTS["Complex"],
    ),
    Limit(
        holds=_steps_wrongly,
        reason="its steps aren't constant, and its kernel steps through floats alone, where no axis ends",
        hint="Slice with constant steps, or gather the elements wanted (tf.gather with a tf.range).",
    ),
)  # fmt: skip


def refusals(model: Canonical) -> list[Refusal]:
    """Return everything in the model, simplified and repaired, that TF.js can't do."""
    return [refusal for signature in model.signatures.values() for refusal in _of_signature(signature)]


def _of_signature(signature: Signature) -> Iterator[Refusal]:
    for placeholder in signature.variables:
        yield Refusal(
            op="VarHandleOp",
            node=placeholder,
            reason="the signature assigns this variable, and a TF.js graph model has none",
            hint="Make the state an input and an output of the signature.",
        )
    known = op_names() - WITHOUT_KERNEL | LOWERED
    library = {function.signature.name for function in signature.graph.library.function}
    explained = {*signature.tables, *signature.variables}
    for name, operation in rules.operations(signature.graph):
        yield from _of_operation(name, operation, known | library)
        if (
            operation.type == "Placeholder"
            and operation.outputs[0].dtype == tf.resource
            and name not in explained
            and "/" not in name
        ):
            yield Refusal(
                op="Placeholder",
                node=name,
                reason="it is a resource that isn't a lookup table that anyport can read",
                hint="Only tables whose entries are known when the model is exported can go into a TF.js model.",
            )


def _of_operation(name: str, operation: Operation, known: frozenset[str]) -> Iterator[Refusal]:
    if operation.type not in known:
        lacks = (
            "its wasm backend has no kernel for it" if operation.type in WITHOUT_KERNEL else "the format has no such op"
        )
        yield Refusal(op=operation.type, node=name, reason=lacks, hint=HINTS.get(operation.type, FALLBACK_HINT))
        return
    for limit in LIMITS:
        if limit.holds(operation):
            yield Refusal(op=operation.type, node=name, reason=limit.reason, hint=limit.hint)
            return


def notes(model: Canonical) -> list[str]:
    """Return what a user of the artifact must know."""
    found: list[str] = []
    for contract in model.contract["signatures"]:
        found += _narrowing_notes(contract)
        drawn = [node.name for node in model.signatures[contract["name"]].graph.node if node.op in RANDOM]
        if drawn:
            found.append(f"{contract['name']!r} draws random numbers ({', '.join(drawn)}): no two runs agree")
    return found


def _narrowing_notes(contract: Any) -> Iterator[str]:
    from tfjs_write import tfjs_dtype

    for role in ("inputs", "outputs"):
        for tensor in contract[role]:
            narrow = tfjs_dtype(tensor["dtype"])
            if narrow != tensor["dtype"]:
                what = f"{role[:-1]} {tensor['name']!r} of {contract['name']!r}"
                yield f"{what} is {narrow} in TF.js, which has no {tensor['dtype']}"


def check_converted(nodes: Iterable[Any]) -> None:
    """Raise `Refused` if an op is left, after all rewrites, that TF.js' wasm backend can't run."""
    known = op_names() - WITHOUT_KERNEL | {"LookupTableFindV2"}
    for node in nodes:
        if node.op not in known:
            raise Refused(f"TF.js can't run {node.op} ({node.name})", FALLBACK_HINT)
