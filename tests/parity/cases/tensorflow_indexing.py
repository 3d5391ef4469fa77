"""Moving elements about: gather, scatter, slices, padding, reshapes, diagonals, partitions."""

from __future__ import annotations

import tensorflow as tf
from graphs import floats, ints, spec, traced, weight


@traced(floats(None, 6), ints(4))
def gather_columns(x, picks):
    return tf.gather(x, picks % 6, axis=1)


@traced(floats(5, 3), ints(2, 4))
def gather_rows_by_matrix(x, picks):
    return tf.gather(x, picks % 5)


@traced(floats(None, 6, 2), ints(None, 3))
def gather_batch_dims(x, picks):
    return tf.gather(x, picks % 6, batch_dims=1)


@traced(floats(4, 5, 3), ints(6, 2))
def gather_nd(x, picks):
    return tf.gather_nd(x, picks % tf.constant([4, 5]))


@traced(floats(None, 4, 5), ints(None, 3, 2))
def gather_nd_batch_dims(x, picks):
    return tf.gather_nd(x, picks % 4, batch_dims=1)


@traced(floats(None, 6), ints(None))
def take_along_rows(x, column):
    return tf.gather_nd(x, tf.stack([tf.range(tf.shape(x)[0]), column % 6], axis=1))


@traced(floats(6))
def scatter_nd_duplicates(x):
    """What lands on the same place is added."""
    return tf.scatter_nd([[0], [2], [2], [5], [0], [2]], x, [7])


@traced(floats(3, 4), ints(3))
def scatter_nd_rows(x, rows):
    return tf.scatter_nd((rows % 5)[:, None], x, [5, 4])


@traced(floats(5, 3))
def tensor_scatter(x):
    indices, updates = tf.constant([[4], [1]]), tf.constant(weight(2, 3))
    return {
        "update": tf.tensor_scatter_nd_update(x, indices, updates),
        "add": tf.tensor_scatter_nd_add(x, indices, updates),
        "sub": tf.tensor_scatter_nd_sub(x, indices, updates),
        "min": tf.tensor_scatter_nd_min(x, indices, updates),
        "max": tf.tensor_scatter_nd_max(x, indices, updates),
    }


@traced(floats(6), ints(3))
def tensor_scatter_add_duplicates(x, at):
    return tf.tensor_scatter_nd_add(x, (at % 6)[:, None], [1.0, 10.0, 100.0])


@traced(floats(None, 6, 5, 4))
def strided_slices(x):
    return {
        "step": x[:, ::2, 1:4],
        "negative": x[:, ::-1, -3:-1],
        "ellipsis": x[..., 1:3],
        "new_axis": x[:, tf.newaxis, 2, :, tf.newaxis, 0],
        "shrunk": x[:, -1, 2:, ::3],
        "back": x[:, 4:1:-2],
    }


@traced(floats(None, 8), ints())
def slice_at_input(x, start):
    start = start % 4
    return {"slice": x[:, start : start + 3], "rest": x[:, start:], "one": x[:, start]}


@traced(floats(None, 8))
def slice_by_shape(x):
    """The first half of the rows; how many is known when it runs."""
    half = (tf.shape(x)[0] + 1) // 2
    return x[:half], tf.slice(x, [half - 1, 2], [1, -1])


@traced(floats(4, 5))
def strided_slice_assign(x):
    mask = tf.tensor_scatter_nd_update(tf.zeros([4, 5]), [[1, 1], [2, 3]], [1.0, 2.0])
    return tf.raw_ops.TensorStridedSliceUpdate(
        input=x, begin=[1, 0], end=[3, 5], strides=[1, 2], value=mask[1:3, ::2] + 7.0
    )


@traced(ints(None, 3))
def one_hot(x):
    return {
        "plain": tf.one_hot(x % 6, 5),
        "values": tf.one_hot(x % 4, 4, on_value=2, off_value=-1, dtype=tf.int32),
        "axis": tf.one_hot(x % 4, 4, axis=1),
    }


@traced(floats(None, 3))
def tile_and_repeat(x):
    return {
        "tile": tf.tile(x, [1, 2]),
        "repeat": tf.repeat(x, 2, axis=1),
        "uneven": tf.repeat(x, [1, 0, 3], axis=1),
    }


@traced(floats(None, 2), ints(None))
def repeat_by_input(x, counts):
    return tf.repeat(x, counts % 3 + 1, axis=0)


@traced(floats(None, 4, 3))
def reverse_and_roll(x):
    return {"reverse": tf.reverse(x, axis=[1, 2]), "roll": tf.roll(x, shift=[1, -2], axis=[1, 2])}


@traced(floats(None, 6, 2), ints(None))
def reverse_sequence(x, lengths):
    return tf.reverse_sequence(x, lengths % 7, seq_axis=1, batch_axis=0)


@traced(floats(None, 4, 5))
def pad_modes(x):
    paddings = [[0, 0], [1, 2], [3, 0]]
    return {
        "zero": tf.pad(x, paddings),
        "constant": tf.pad(x, paddings, constant_values=-2.5),
        "reflect": tf.pad(x, paddings, mode="REFLECT"),
        "symmetric": tf.pad(x, paddings, mode="SYMMETRIC"),
    }


@traced(floats(3, 4), ints(2))
def pad_by_input(x, amounts):
    return tf.pad(x, tf.stack([amounts % 3, amounts % 2]))


@traced(floats(None, 4, 6, 3))
def space_to_batch_and_back(x):
    blocks = tf.space_to_batch(x, [2, 3], [[0, 0], [1, 2]])
    return {"blocks": blocks * 2.0, "back": tf.batch_to_space(blocks + 1.0, [2, 3], [[0, 0], [1, 2]])}


@traced(floats(None, 4, 6, 4))
def space_to_depth_and_back(x):
    return {"depth": tf.nn.space_to_depth(x, 2), "space": tf.nn.depth_to_space(x, 2)}


@traced(floats(3), floats(4))
def meshgrid(a, b):
    x, y = tf.meshgrid(a, b)
    i, j = tf.meshgrid(a, b, indexing="ij")
    return {"product": x * y, "difference": i - j}


@traced(floats(None, 1, 3))
def broadcast(x):
    batch = tf.shape(x)[0]
    return tf.broadcast_to(x, [batch, 4, 3]), tf.fill([batch, 2], 1.5), tf.ones_like(x) + tf.zeros([2, 1])


@traced(floats(None, 4))
def diagonals(x):
    matrix = tf.linalg.diag(x)
    return {
        "diag": matrix,
        "shifted": tf.linalg.diag(x, k=1),
        "set": tf.linalg.set_diag(matrix[:, ::-1] + 1.0, x),
        "part": tf.linalg.diag_part(matrix + 2.0),
    }


@traced(floats(None, 4, 5))
def band_and_triangles(x):
    return {
        "band": tf.linalg.band_part(x, 1, 0),
        "lower": tf.linalg.band_part(x, -1, 0),
        "upper": tf.linalg.band_part(x, 0, -1),
        "diagonal": tf.linalg.diag_part(x, k=1),
    }


@traced(floats(None, 7, 2))
def split_unevenly(x):
    a, b, c = tf.split(x, [1, 4, -1], axis=1)
    return {"a": a, "b": b * 2.0, "c": tf.concat([c, a], axis=1)}


@traced(floats(None, 3, 4))
def unstack_and_stack(x):
    a, b, c = tf.unstack(x, axis=1)
    return tf.stack([c, a * b], axis=-1), tf.stack(tf.split(x, 2, axis=2), axis=0)


@traced(ints(None))
def sequence_mask(lengths):
    return {
        "mask": tf.sequence_mask(lengths % 6, 6),
        "floats": tf.sequence_mask(lengths % 6, 5, dtype=tf.float32),
        "longest": tf.sequence_mask(lengths % 6),
    }


@traced(floats(None, None, 3))
def shapes_at_run_time(x):
    shape = tf.shape(x)
    flat = tf.reshape(x, [shape[0], shape[1] * 3])
    return {"shape": shape, "flat": flat, "size": tf.size(x), "rank": tf.rank(x), "back": tf.reshape(flat, shape)}


@traced(floats(None, None, 4))
def dynamic_transpose_and_merge(x):
    """Heads split and merged again, for a sequence of any length."""
    shape = tf.shape(x)
    heads = tf.transpose(tf.reshape(x, [shape[0], shape[1], 2, 2]), [0, 2, 1, 3])
    return tf.reshape(tf.transpose(heads * 2.0, [0, 2, 1, 3]), shape)


@traced(floats(None, 3), floats(None, 3))
def concatenate_varying(a, b):
    return tf.concat([a, b], axis=0), tf.concat([a, b], axis=-1)


@traced(floats(8, 2), ints(8))
def dynamic_partition_and_stitch(x, which):
    which = which % 2
    low, high = tf.dynamic_partition(x, which, 2)
    places = tf.dynamic_partition(tf.range(8), which, 2)
    return tf.dynamic_stitch(places, [low * 10.0, -high])


@traced(floats(6))
def dynamic_stitch_constant(x):
    return tf.dynamic_stitch([[0, 3], [1, 2, 4, 5]], [x[:2], x[2:]])


@traced(floats(2, 3, 1, 2, 2, 3))
def transpose_rank_6(x):
    return tf.transpose(x, [5, 0, 3, 2, 4, 1])


@traced(floats(2, 3, 1, 2, 2, 3), floats(2, 1, 1, 2, 2, 1))
def broadcast_rank_6(a, b):
    return a * b + a


@traced(floats(None, 2, 1, 3, 2))
def rank_5(x):
    return {
        "sum": tf.reduce_sum(x, axis=[1, 3]),
        "sub": x - tf.reduce_mean(x, axis=4, keepdims=True),
        "cut": x[:, 0, ..., ::-1],
    }


@traced(floats(None, 6))
def reshapes(x):
    return {
        "matrix": tf.reshape(x, [-1, 2, 3]),
        "merged": tf.reshape(x, [-1]),
        "expanded": tf.expand_dims(tf.expand_dims(x, 0), -1),
        "squeezed": tf.squeeze(tf.reshape(x, [-1, 1, 6, 1]), axis=[1, 3]),
        "moved": tf.transpose(x),
    }


@traced(ints())
def ranges_and_linspace(n):
    return {
        "range": tf.range(2, n % 10 + 5, 3),
        "floats": tf.range(0.0, 2.0, 0.5) * tf.cast(n, tf.float32),
        "linspace": tf.linspace(0.0, tf.cast(n, tf.float32), 5),
    }


@traced(spec("bool", None, 4), spec("int64", None, 4))
def other_types_moved(flags, numbers):
    return {
        "flags": tf.reverse(tf.transpose(flags), [0]),
        "numbers": tf.concat([numbers[:, 2:], numbers[:, :1]], axis=1),
        "tiled": tf.tile(flags, [1, 2]),
        "gathered": tf.gather(numbers, [3, 0], axis=1),
    }


@traced(floats(None, 4))
def eye_and_ones(x):
    size = tf.shape(x)[0]
    return tf.eye(size, 4) + x, tf.zeros([size, 2], tf.int32) + 3


@traced(ints(None))
def invert_permutation(x):
    order = tf.argsort(x, stable=True)
    return tf.math.invert_permutation(order), tf.gather(x, order)


@traced(floats(4, 4), ints(2))
def window_around_input(x, at):
    """A window cut out where the data says."""
    at = at % 3
    return tf.slice(x, at, [2, 2]), tf.raw_ops.StridedSlice(input=x, begin=at, end=at + 1, strides=[1, 1])


@traced(ints(5))
def ravel_and_unravel(x):
    rows, columns = tf.unstack(tf.unravel_index(x % 12, [3, 4]))
    return {"rows": rows, "columns": columns, "flat": rows * 4 + columns}


@traced(ints(6), ints(4))
def sets(a, b):
    """What is in one list and not in the other."""
    return tf.raw_ops.ListDiff(x=a, y=b).out, tf.reduce_any((a % 5)[:, None] == (b % 5)[None], axis=1)


@traced(floats(None, 4, 5, 6))
def steps_beside_single_elements(x):
    return {
        "before": x[:, 1, ::2],
        "behind": x[..., -1, ::-2],
        "around": x[0, :, ::2, 1],
        "new_axes": x[:, tf.newaxis, 1, ::-1, tf.newaxis, 2:5:2],
    }


@traced(floats(None, 3), ints(None, 2))
def gather_from_nothing(x, picks):
    nothing = tf.zeros([tf.shape(x)[0], 3, 0])
    gathered = tf.gather(nothing, picks % 3, batch_dims=1)
    return tf.concat([gathered, tf.cast(picks, tf.float32)[..., tf.newaxis]], axis=2)
