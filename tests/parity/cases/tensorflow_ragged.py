"""Ragged and sparse tensors between dense inputs and outputs."""

from __future__ import annotations

import tensorflow as tf
from graphs import floats, ints, strings, traced, weight


@traced(floats(None, 6), ints(None))
def ragged_reduce(x, lengths):
    """Sequences of different lengths: sum, mean and maximum of each."""
    rows = tf.RaggedTensor.from_tensor(x, lengths=lengths % 6 + 1)
    return {
        "sum": tf.reduce_sum(rows, axis=1),
        "mean": tf.reduce_mean(rows, axis=1),
        "max": tf.reduce_max(rows, axis=1),
    }


@traced(floats(None, 6), ints(None))
def ragged_to_tensor(x, lengths):
    rows = tf.RaggedTensor.from_tensor(x, lengths=lengths % 6 + 1)
    return (rows * 2.0).to_tensor(default_value=-1.0, shape=[None, 6])


@traced(floats(12))
def ragged_row_lengths(x):
    rows = tf.RaggedTensor.from_row_lengths(x, [3, 0, 4, 5])
    return tf.math.softmax(rows.to_tensor(-1e9), axis=1) + tf.cast(rows.row_lengths(), tf.float32)[:, None]


@traced(floats(None, 5))
def ragged_boolean_mask(x):
    """In each row, what is positive."""
    rows = tf.ragged.boolean_mask(x, x > 0.0)
    return {"counts": rows.row_lengths(), "sums": tf.reduce_sum(rows, axis=1)}


@traced(ints(None))
def ragged_range(x):
    return tf.ragged.range(x % 5 + 1).to_tensor(shape=[None, 5])


@traced(floats(None, 4), ints(None))
def ragged_gather_and_concat(x, picks):
    table = tf.ragged.constant([[1.0], [2.0, 3.0], [4.0, 5.0, 6.0]])
    rows = tf.concat([tf.RaggedTensor.from_tensor(x), tf.gather(table, picks % 3)], axis=1)
    return rows.to_tensor(shape=[None, 7])


@traced(ints(None, 6), ints(None))
def ragged_embedding_mean(ids, lengths):
    rows = tf.RaggedTensor.from_tensor(ids % 10, lengths=lengths % 6 + 1)
    return tf.reduce_mean(tf.nn.embedding_lookup(weight(10, 3), rows), axis=1)


@traced(strings(None))
def ragged_words(lines):
    words = tf.strings.split(lines)
    return {"counts": words.row_lengths(), "first": words.to_tensor("", shape=[None, 4])[:, 0]}


@traced(floats(None, 6), ints(None))
def ragged_map(x, lengths):
    rows = tf.RaggedTensor.from_tensor(x, lengths=lengths % 6 + 1)
    return tf.map_fn(lambda row: tf.reduce_max(row) - tf.reduce_min(row), rows, fn_output_signature=tf.float32)


@traced(floats(None, 6))
def sparse_matmul(x):
    """A dense batch times a constant sparse matrix."""
    matrix = tf.SparseTensor([[0, 1], [1, 0], [2, 3], [3, 3], [5, 2]], [0.5, -1.0, 2.0, 1.5, -0.25], [6, 4])
    return tf.transpose(tf.sparse.sparse_dense_matmul(tf.sparse.transpose(matrix), x, adjoint_b=True))


@traced(floats(5, 4))
def sparse_from_dense(x):
    sparse = tf.sparse.from_dense(tf.nn.relu(x))
    return {
        "dense": tf.sparse.to_dense(sparse),
        "rows": tf.sparse.reduce_sum(sparse, axis=1),
        "product": tf.sparse.sparse_dense_matmul(sparse, weight(4, 3)),
        "count": tf.size(sparse.values),
    }


@traced(floats(6))
def sparse_to_dense(x):
    indices = [[0, 1], [0, 3], [2, 0], [3, 2], [4, 4], [5, 1]]
    return tf.sparse.to_dense(tf.SparseTensor(indices, x, [6, 5]), default_value=-1.0)


@traced(floats(4))
def sparse_reorder_and_slice(x):
    sparse = tf.sparse.reorder(tf.SparseTensor([[3, 1], [0, 2], [2, 2], [0, 0]], x, [4, 3]))
    return {"whole": tf.sparse.to_dense(sparse), "part": tf.sparse.to_dense(tf.sparse.slice(sparse, [0, 1], [3, 2]))}


@traced(floats(3))
def sparse_add_and_softmax(x):
    a = tf.SparseTensor([[0, 0], [1, 2], [2, 1]], x, [3, 3])
    b = tf.SparseTensor([[0, 0], [1, 1]], [1.0, 2.0], [3, 3])
    return tf.sparse.to_dense(tf.sparse.softmax(tf.sparse.add(a, b)))


@traced(ints(8))
def embedding_lookup_sparse(ids):
    sparse = tf.SparseTensor(
        [[0, 0], [0, 1], [1, 0], [1, 1], [1, 2], [2, 0], [3, 0], [3, 1]], tf.cast(ids % 10, tf.int64), [4, 3]
    )
    return tf.nn.embedding_lookup_sparse(weight(10, 4), sparse, None, combiner="sqrtn")


@traced(ints(None, 4))
def sparse_bincount(x):
    return tf.sparse.to_dense(tf.sparse.bincount(x % 6, minlength=6, maxlength=6))
