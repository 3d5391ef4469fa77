"""Ops that TF.js lacks, or gets wrong, replaced by others that it has.

`rewrite` takes a graph without functions and returns it with the nodes replaced that `RULES` name.  A replacement is
written with TensorFlow's own Python API in a scratch graph, which knows the shapes; none of its ops is ever run.

What TF.js lacks on wasm:

* `Erfc` (in every exact GELU) → `1 - Erf`, equal to 1e-6; no executor has it.
* `Einsum` (in every MultiHeadAttention) → transposes, reshapes and one matrix product.

What it has and gets wrong, in 4.22.0, without an error (each kernel on wasm was held against the same one on cpu; a
version that answers alike makes the rule superfluous):

* `Cast` to bool keeps the lowest byte: 256 is false, and `not 3` true → `NotEqual` to 0.
* `ReverseV2` and `Select` take bools for four bytes each; the first writes past its memory, and what breaks is some other
  op, later ("memory access out of bounds") → the same on int32, or logic.
* `StridedSlice` with steps yields float32 whatever it got → `GatherV2`, for integers and bools.
* `GatherV2` with batch dimensions reads wrong rows (`take_along_axis`) → one `GatherV2` without.
* `OneHot` writes int32 whatever it was asked for, and `MatrixBandPart` misreads its bounds → comparisons and selection.
* `ClipByValue` takes integers for floats → `Maximum` and `Minimum`.
* `Cumsum` and `Cumprod` write past their memory where the axis is negative → the axis counted from the front.
* `LookupTableFindV2` yields rank 1 whatever it was asked for → its keys flattened, its result reshaped.  (Lookups in
  tables of integers don't come here: see `anyport_tf.rewrite.lookups_as_search`.)
"""

from __future__ import annotations

import math
import string
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.framework import tensor_util

from anyport_guest import Refused

GraphDef = Any
NodeDef = Any
Tensor = Any
Nodes = Mapping[str, NodeDef]
Condition = Callable[[NodeDef, Nodes], bool]
Replacement = Callable[[NodeDef, Sequence[Tensor]], Tensor]

FLOATS = frozenset(dtype.as_datatype_enum for dtype in (tf.float16, tf.bfloat16, tf.float32, tf.float64))
BOOL = tf.bool.as_datatype_enum


def rewrite(graph: GraphDef) -> GraphDef:
    """Return the graph with what `RULES` name replaced."""
    nodes = {node.name: node for node in graph.node}
    chosen = [node for node in graph.node if node.op in RULES and RULES[node.op][0](node, nodes)]
    if not chosen:
        return graph
    replaced: dict[str, str] = {}
    with tf.Graph().as_default() as scratch:
        tf.import_graph_def(graph, name="")
        for node in chosen:
            inputs = [scratch.get_tensor_by_name(_full_name(name)) for name in node.input if name[0] != "^"]
            with tf.name_scope(f"{node.name}/rewritten/"):
                replaced[node.name] = RULES[node.op][1](node, inputs).name.removesuffix(":0")
    return _splice(scratch.as_graph_def(), replaced)


def _splice(graph: GraphDef, replaced: Mapping[str, str]) -> GraphDef:
    """Return the graph without the nodes `replaced`, their readers reading the tensors that stand for them."""
    kept = tf.compat.v1.GraphDef(versions=graph.versions, library=graph.library)
    kept.node.extend(node for node in graph.node if node.name not in replaced)
    for node in kept.node:
        for index, name in enumerate(node.input):
            node.input[index] = replaced.get(name.removesuffix(":0"), name)
    return kept


def _full_name(reference: str) -> str:
    return reference if ":" in reference else f"{reference}:0"


def _erfc(node: NodeDef, inputs: Sequence[Tensor]) -> Tensor:
    return 1 - tf.math.erf(inputs[0])


# Bools and integers.


def _always(node: NodeDef, nodes: Nodes) -> bool:
    return True


def _is_bool(node: NodeDef, nodes: Nodes) -> bool:
    return bool(node.attr["T"].type == BOOL)


def _is_integer(node: NodeDef, nodes: Nodes) -> bool:
    return node.attr["T"].type not in FLOATS


def _makes_bool(node: NodeDef, nodes: Nodes) -> bool:
    return bool(node.attr["DstT"].type == BOOL != node.attr["SrcT"].type)


def _has_integer_steps(node: NodeDef, nodes: Nodes) -> bool:
    steps = nodes[node.input[3].split(":")[0]]
    if node.attr["T"].type in FLOATS or steps.op != "Const":
        return False
    return bool((tensor_util.MakeNdarray(steps.attr["value"].tensor) != 1).any())


def _to_bool(node: NodeDef, inputs: Sequence[Tensor]) -> Tensor:
    return tf.not_equal(inputs[0], tf.zeros([], inputs[0].dtype))


def _reverse(node: NodeDef, inputs: Sequence[Tensor]) -> Tensor:
    return tf.not_equal(tf.reverse(tf.cast(inputs[0], tf.int32), inputs[1]), 0)


def _band_part(node: NodeDef, inputs: Sequence[Tensor]) -> Tensor:
    value, below, above = inputs[0], *(tf.cast(bound, tf.int32) for bound in inputs[1:])
    *_, rows, columns = _sizes(value)
    distance = tf.range(rows)[:, tf.newaxis] - tf.range(columns)
    near = tf.logical_and(
        tf.logical_or(below < 0, distance <= below), tf.logical_or(above < 0, tf.negative(distance) <= above)
    )
    return tf.logical_and(near, value) if value.dtype == tf.bool else tf.where(near, value, tf.zeros([], value.dtype))


def _one_hot(node: NodeDef, inputs: Sequence[Tensor]) -> Tensor:
    indices, depth, on, off = inputs
    axis = int(node.attr["axis"].i)
    axis = indices.shape.rank if axis == -1 else axis
    # The classes along their own axis, the indices along all others.
    classes = tf.reshape(tf.range(depth), [-1] + [1] * (indices.shape.rank - axis))
    hot = tf.equal(tf.expand_dims(tf.cast(indices, tf.int32), axis), classes)
    return _choose(hot, on, off) if on.dtype == tf.bool else tf.where(hot, on, off)


def _select(node: NodeDef, inputs: Sequence[Tensor]) -> Tensor:
    which, yes, no = inputs
    if node.op == "Select" and which.shape.rank == 1 and yes.shape.rank != 1:
        # The older op takes a vector to choose among rows.
        which = tf.reshape(which, [-1] + [1] * (yes.shape.rank - 1))
    return _choose(which, yes, no)


def _choose(which: Tensor, yes: Tensor, no: Tensor) -> Tensor:
    """Select among bools."""
    return tf.logical_or(tf.logical_and(which, yes), tf.logical_and(tf.logical_not(which), no))


def _clip(node: NodeDef, inputs: Sequence[Tensor]) -> Tensor:
    value, low, high = inputs
    return tf.minimum(tf.maximum(value, low), high)


def _has_negative_axis(node: NodeDef, nodes: Nodes) -> bool:
    axis = nodes[node.input[1].split(":")[0]]
    return bool(axis.op == "Const" and tensor_util.MakeNdarray(axis.attr["value"].tensor) < 0)


def _accumulate(node: NodeDef, inputs: Sequence[Tensor]) -> Tensor:
    accumulate = tf.cumsum if node.op == "Cumsum" else tf.math.cumprod
    axis = int(tf.get_static_value(inputs[1])) + inputs[0].shape.rank
    return accumulate(inputs[0], axis, exclusive=node.attr["exclusive"].b, reverse=node.attr["reverse"].b)


def _has_batch_dims(node: NodeDef, nodes: Nodes) -> bool:
    return bool(node.attr["batch_dims"].i)


def _batched_gather(node: NodeDef, inputs: Sequence[Tensor]) -> Tensor:
    """Gather from all batches at once, each index moved on by the entries of the batches before its own."""
    value, indices, axis = inputs[0], inputs[1], int(tf.get_static_value(inputs[2]))
    batch, rank = int(node.attr["batch_dims"].i) % indices.shape.rank, value.shape.rank
    axis %= rank
    # The gathered axis moves to just behind the batch; what it jumped over comes back behind the gathered.
    value = _transpose_axes(value, [*range(batch), axis, *range(batch, axis), *range(axis + 1, rank)])
    sizes, wanted = _sizes(value), _sizes(indices)
    entries = sizes[batch]
    starts = tf.range(_count(sizes[:batch])) * entries
    starts = _reshape(starts, [*wanted[:batch], *[1] * (indices.shape.rank - batch)])
    flat = _reshape(value, [_count(sizes[: batch + 1]), *sizes[batch + 1 :]])
    found = tf.gather(flat, tf.cast(indices, tf.int32) + starts)
    gathered, jumped = range(batch, indices.shape.rank), axis - batch
    behind = range(indices.shape.rank, found.shape.rank)
    return _transpose_axes(found, [*range(batch), *behind[:jumped], *gathered, *behind[jumped:]])


def _strided_slice(node: NodeDef, inputs: Sequence[Tensor]) -> Tensor:
    """Slice without steps, then gather along each axis that had one."""
    begin, end, steps = (tf.get_static_value(bound) for bound in inputs[1:])
    masks = {name: int(node.attr[name].i) for name in MASKS}
    stepped = [entry for entry in range(len(steps)) if steps[entry] != 1]
    whole = sum(1 << entry for entry in stepped)
    sliced = tf.strided_slice(
        *inputs[:3],
        np.ones_like(steps),
        **{**masks, "begin_mask": masks["begin_mask"] | whole, "end_mask": masks["end_mask"] | whole},
    )
    for entry in stepped:
        axis = _axis_of_entry(entry, len(steps), masks, inputs[0].shape.rank)
        size = sliced.shape[axis]
        if begin is None or end is None or size is None:
            raise Refused(
                f"TF.js can't take every n-th integer of an axis of unknown size (StridedSlice {node.name})",
                "Slice floats instead, or fix the size of that axis.",
            )
        first = None if masks["begin_mask"] >> entry & 1 else begin[entry]
        last = None if masks["end_mask"] >> entry & 1 else end[entry]
        sliced = tf.gather(sliced, np.arange(size, dtype=np.int32)[first : last : steps[entry]], axis=axis)
    return sliced


MASKS = ("begin_mask", "end_mask", "ellipsis_mask", "new_axis_mask", "shrink_axis_mask")


def _axis_of_entry(entry: int, entries: int, masks: Mapping[str, int], rank: int) -> int:
    """Return the axis of a slice's result that one entry of its specification is about."""

    def has(mask: str, index: int) -> bool:
        return bool(masks[mask] >> index & 1)

    axis = sum(not has("shrink_axis_mask", index) for index in range(entry))
    if any(has("ellipsis_mask", index) for index in range(entry)):
        consumed = sum(not has("new_axis_mask", index) and not has("ellipsis_mask", index) for index in range(entries))
        axis += rank - consumed - 1
    return axis


def _lookup(node: NodeDef, inputs: Sequence[Tensor]) -> Tensor:
    handle, keys, default = inputs
    flat = tf.raw_ops.LookupTableFindV2(table_handle=handle, keys=tf.reshape(keys, [-1]), default_value=default)
    return tf.reshape(flat, tf.shape(keys))


# Einsum.


def _einsum(node: NodeDef, inputs: Sequence[Tensor]) -> Tensor:
    labels, output = _labels(node, [tensor.shape.rank for tensor in inputs])
    if len(inputs) == 1:
        operand, axes = _sum_out(inputs[0], labels[0], set(output))
        return _transpose(operand, axes, output)
    left, left_axes = _sum_out(inputs[0], labels[0], {*labels[1], *output})
    right, right_axes = _sum_out(inputs[1], labels[1], {*labels[0], *output})
    return _product(left, left_axes, right, right_axes, output)


def _labels(node: NodeDef, ranks: Sequence[int | None]) -> tuple[list[str], str]:
    """Return the letters of each operand's axes and of the result's, ellipses spelled out."""
    equation = node.attr["equation"].s.decode().replace(" ", "")
    terms, output = equation.split("->")
    operands = []
    for term, rank in zip(terms.split(","), ranks, strict=True):
        hidden = 0 if "..." not in term or rank is None else rank - len(term) + 3
        operands.append(term.replace("...", _hidden(hidden)))
        if rank is None or len(set(operands[-1])) < len(operands[-1]) or len(operands[-1]) != rank:
            raise Refused(
                f"TF.js can't run this Einsum ({node.name}): {equation!r} on operands of ranks {list(ranks)}",
                "Write it with tf.matmul, tf.transpose and tf.reshape.",
            )
    widest = max((sum(letter in _hidden(26) for letter in operand) for operand in operands), default=0)
    return operands, output.replace("...", _hidden(widest))


def _hidden(count: int) -> str:
    """Return letters for the axes behind an ellipsis, which align at their last; equations use lower case mostly."""
    return string.ascii_uppercase[26 - count :]


def _sum_out(operand: Tensor, axes: str, wanted: set[str]) -> tuple[Tensor, str]:
    """Sum over the axes that nothing else mentions."""
    gone = [index for index, axis in enumerate(axes) if axis not in wanted]
    if gone:
        operand = tf.reduce_sum(operand, gone)
    return operand, "".join(axis for axis in axes if axis in wanted)


def _product(left: Tensor, left_axes: str, right: Tensor, right_axes: str, output: str) -> Tensor:
    """Contract two operands by one batched matrix product of `[batch…, rows, inner] @ [batch…, inner, columns]`."""
    batch = [axis for axis in output if axis in left_axes and axis in right_axes]
    inner = [axis for axis in left_axes if axis in right_axes and axis not in output]
    rows = [axis for axis in left_axes if axis not in right_axes]
    columns = [axis for axis in right_axes if axis not in left_axes]
    left = _transpose(left, left_axes, [*batch, *rows, *inner])
    right = _transpose(right, right_axes, [*batch, *inner, *columns])
    cut, sizes_left, sizes_right = len(batch), _sizes(left), _sizes(right)
    row_sizes, inner_sizes = sizes_left[cut : cut + len(rows)], sizes_right[cut : cut + len(inner)]
    column_sizes = sizes_right[cut + len(inner) :]
    product = tf.matmul(
        _reshape(left, [*sizes_left[:cut], _count(row_sizes), _count(inner_sizes)]),
        _reshape(right, [*sizes_right[:cut], _count(inner_sizes), _count(column_sizes)]),
    )
    product = _reshape(product, [*sizes_left[:cut], *row_sizes, *column_sizes])
    return _transpose(product, "".join([*batch, *rows, *columns]), output)


def _transpose(tensor: Tensor, axes: Sequence[str], wanted: Sequence[str]) -> Tensor:
    return _transpose_axes(tensor, [list(axes).index(axis) for axis in wanted])


def _transpose_axes(tensor: Tensor, order: Sequence[int]) -> Tensor:
    return tensor if list(order) == list(range(len(order))) else tf.transpose(tensor, order)


def _sizes(tensor: Tensor) -> list[Any]:
    """Return the tensor's dimensions: numbers where they are known, scalar tensors where they aren't."""
    static = tensor.shape.as_list()
    return [tf.shape(tensor)[axis] if size is None else size for axis, size in enumerate(static)]


def _count(sizes: Sequence[Any]) -> Any:
    known = math.prod(size for size in sizes if isinstance(size, int))
    for size in sizes:
        known = known if isinstance(size, int) else size if known == 1 else size * known
    return known


def _reshape(tensor: Tensor, sizes: Sequence[Any]) -> Tensor:
    """Reshape, with `-1` for the dimension that isn't known if there is only one."""
    known = [size if isinstance(size, int) else -1 for size in sizes]
    if known.count(-1) <= 1:
        unchanged = known == [-1 if size is None else size for size in tensor.shape.as_list()]
        return tensor if unchanged else tf.reshape(tensor, known)
    return tf.reshape(tensor, tf.stack(sizes))


RULES: Mapping[str, tuple[Condition, Replacement]] = {
    "Cast": (_makes_bool, _to_bool),
    "ClipByValue": (_is_integer, _clip),
    "Cumprod": (_has_negative_axis, _accumulate),
    "Cumsum": (_has_negative_axis, _accumulate),
    "Einsum": (_always, _einsum),
    "Erfc": (_always, _erfc),
    "GatherV2": (_has_batch_dims, _batched_gather),
    "LookupTableFind": (_always, _lookup),
    "LookupTableFindV2": (_always, _lookup),
    "MatrixBandPart": (_always, _band_part),
    "OneHot": (_always, _one_hot),
    "ReverseV2": (_is_bool, _reverse),
    "Select": (_is_bool, _select),
    "SelectV2": (_is_bool, _select),
    "StridedSlice": (_has_integer_steps, _strided_slice),
}
"""Op → which of its nodes are replaced, and by what."""
