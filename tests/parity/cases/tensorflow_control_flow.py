"""Control flow that depends on data: loops, branches, loops over rows, arrays filled in loops."""

from __future__ import annotations

import tensorflow as tf
from graphs import floats, ints, traced, weight


@traced(floats(4))
def while_until_small(x):
    steps = tf.constant(0)
    while tf.reduce_max(tf.abs(x)) > 0.1:
        x = x * 0.7
        steps += 1
    return {"x": x, "steps": steps}


@traced(floats(None, 4))
def while_on_batch(x):
    """Newton's method for square roots, until every row has converged."""
    target = tf.abs(x) + 0.5
    guess = tf.ones_like(target)
    while tf.reduce_any(tf.abs(guess * guess - target) > 1e-3 * target):
        guess = 0.5 * (guess + target / guess)
    return guess


@traced(floats(6), ints())
def for_range_of_input(x, turns):
    total = tf.zeros_like(x)
    for i in tf.range(turns % 7 + 1):
        total += tf.roll(x, i, axis=0) / tf.cast(i + 1, tf.float32)
    return total


@traced(floats(8))
def for_with_break(x):
    total = tf.constant(0.0)
    used = tf.constant(0)
    for value in x:
        if total > 1.5:
            break
        total += tf.abs(value)
        used += 1
    return total, used


@traced(ints(10))
def for_with_continue(x):
    total = tf.constant(0)
    for value in x:
        if value % 3 == 0:
            continue
        total += value
    return total


@traced(floats(5))
def early_return(x):
    total = tf.reduce_sum(x)
    if total > 0.0:
        return tf.sqrt(total) + x
    return x - total


@traced(floats(4, 5))
def nested_loops(x):
    """Bubble sums: an inner loop whose bounds depend on the outer one."""
    total = tf.zeros([5])
    for i in tf.range(4):
        j = i
        while j < 4:
            total += x[i] * x[j]
            j += 1
    return total


@traced(ints(9))
def bubble_sort(x):
    size = tf.size(x)
    for i in tf.range(size):
        for j in tf.range(size - i - 1):
            if x[j] > x[j + 1]:
                pair = tf.stack([x[j + 1], x[j]])
                x = tf.ensure_shape(tf.concat([x[:j], pair, x[j + 2 :]], axis=0), [9])
    return x


@traced(floats(None, 4))
def cond_two_branches(x):
    kernel = weight(4, 4)
    return tf.cond(tf.reduce_mean(x) > 0.0, lambda: tf.tanh(x @ kernel), lambda: tf.nn.relu(x) - 1.0)


@traced(floats(None, 4))
def cond_nested(x):
    mean = tf.reduce_mean(x)
    return tf.cond(
        mean > 0.0,
        lambda: tf.cond(mean > 0.2, lambda: x * 2.0, lambda: x + 1.0),
        lambda: tf.cond(mean < -0.2, lambda: tf.square(x), lambda: -x),
    )


@traced(floats(None, 3))
def cond_many_outputs(x):
    if tf.reduce_sum(x) > 0.0:
        low, high, count = tf.reduce_min(x), tf.reduce_max(x), tf.size(x)
    else:
        low, high, count = tf.reduce_mean(x), tf.reduce_sum(x), tf.constant(-1)
    return {"low": low, "high": high, "count": count}


@traced(floats(None, 4), ints())
def switch_case(x, which):
    return tf.switch_case(
        which % 4, {0: lambda: tf.sin(x), 1: lambda: tf.exp(-x), 2: lambda: x * x}, default=lambda: tf.zeros_like(x)
    )


@traced(floats(5))
def case_first_true(x):
    total = tf.reduce_sum(x)
    return tf.case(
        [(total > 1.0, lambda: x + 10.0), (total > 0.0, lambda: x * 2.0), (total > -1.0, lambda: -x)],
        default=lambda: tf.abs(x),
    )


@traced(floats(6, 3))
def cond_inside_while(x):
    state = tf.zeros([3])
    i = tf.constant(0)
    while i < 6:
        row = x[i]
        state = tf.cond(row[0] > 0.0, lambda row=row, s=state: 0.5 * s + row, lambda row=row, s=state: s - 0.1 * row)
        i += 1
    return state


@traced(floats(None, 4))
def tensor_array_write_stack(x):
    kernel = weight(4, 4)
    states = tf.TensorArray(tf.float32, size=5, element_shape=[None, 4])
    for i in tf.range(5):
        x = tf.tanh(x @ kernel)
        states = states.write(i, x)
    return tf.transpose(states.stack(), [1, 0, 2])


@traced(floats(None, 3))
def tensor_array_unstack_gather(x):
    """Rows in reverse, read one by one: as many as the batch has."""
    rows = tf.TensorArray(tf.float32, size=0, dynamic_size=True, clear_after_read=False).unstack(x)
    size = tf.shape(x)[0]
    result = tf.TensorArray(tf.float32, size=size, element_shape=[3])
    for i in tf.range(size):
        result = result.write(i, rows.read(size - 1 - i) + rows.read(0))
    return tf.ensure_shape(result.stack(), [None, 3])


@traced(floats(6))
def tensor_array_concat(x):
    """Pieces of uneven length, put together."""
    pieces = tf.TensorArray(tf.float32, size=3, infer_shape=False, element_shape=[None])
    for i in tf.range(3):
        pieces = pieces.write(i, x[: i + 1] * tf.cast(i + 1, tf.float32))
    return tf.ensure_shape(pieces.concat(), [None])


@traced(floats(5, 4))
def scan_recurrence(x):
    kernel = weight(4, 4)
    return tf.scan(lambda state, row: tf.tanh(tf.linalg.matvec(kernel, state) + row), x, initializer=tf.zeros([4]))


@traced(floats(5, 4))
def scan_reverse(x):
    return tf.scan(lambda total, row: 0.9 * total + row, x, reverse=True)


@traced(floats(None, 4))
def map_fn_rows(x):
    return tf.map_fn(lambda row: tf.nn.softmax(row) * tf.reduce_max(row), x)


@traced(floats(None, 4), ints(None))
def map_fn_pairs(x, count):
    """Each row turned by a number of its own; two results of different types."""
    return tf.map_fn(
        lambda pair: (tf.roll(pair[0], pair[1] % 4, axis=0), pair[1] % 4),
        (x, count),
        fn_output_signature=(tf.TensorSpec([4], tf.float32), tf.TensorSpec([], tf.int32)),
    )


@traced(floats(None, 4))
def vectorized_map(x):
    return tf.vectorized_map(lambda row: tf.tensordot(row, tf.reverse(row, [0]), 1) + row, x)


@traced(floats(None, 4))
def foldl_and_foldr(x):
    return {
        "left": tf.foldl(lambda total, row: total * 0.5 + row, x),
        "right": tf.foldr(lambda total, row: total * 0.5 + row, x, initializer=tf.ones([4])),
    }


@traced(floats(2))
def growing_shape(x):
    """A loop whose state grows with each turn."""
    _, rows = tf.while_loop(
        lambda i, rows: i < 4,
        lambda i, rows: (i + 1, tf.concat([rows, rows[-1:] * 0.5 + x[None]], axis=0)),
        (tf.constant(0), x[None]),
        shape_invariants=(tf.TensorShape([]), tf.TensorShape([None, 2])),
    )
    return rows


@traced(floats(4), floats(4))
def variables_that_shift(x, y):
    """Each turn, one variable takes what another was."""
    before, now, other = x, y, x * y
    for i in tf.range(5):
        before, now, other = now, 0.5 * now + 0.25 * before + tf.cast(i, tf.float32), before
    return {"before": before, "now": now, "other": other}


@traced(floats(3))
def maximum_iterations(x):
    i, x = tf.while_loop(
        lambda i, x: tf.reduce_sum(x) < 100.0,
        lambda i, x: (i + 1, tf.abs(x) * 1.5 + 0.1),
        (tf.constant(0), x),
        maximum_iterations=6,
    )
    return {"i": i, "x": x}


@traced(ints(None))
def while_integers(x):
    """The greatest common divisor with 36, element by element."""
    a, b = x, tf.fill(tf.shape(x), 36)
    while tf.reduce_any(b > 0):
        a, b = tf.where(b > 0, b, a), tf.where(b > 0, a % tf.maximum(b, 1), b)
    return a


@traced(ints())
def collatz(x):
    steps = tf.constant(0)
    x = x + 1
    while x != 1:
        x = x // 2 if x % 2 == 0 else 3 * x + 1
        steps += 1
    return steps


@traced(floats(8))
def loop_with_flag(x):
    """A boolean that is the loop's state."""
    i, found = tf.constant(0), tf.constant(False)
    while i < 8 and not found:
        found = x[i] > 0.5
        i += 1
    return {"found": found, "at": i}


@traced(floats(None, 3))
def loop_that_never_runs(x):
    while tf.reduce_sum(tf.abs(x)) < 0.0:
        x = x + 1.0
    return x * 2.0


@traced(floats(None, 3))
def python_unrolled(x):
    """Python's own loops and branches, gone when traced."""
    for i in range(4):
        x = tf.sin(x) + i if i % 2 else tf.cos(x) * (i + 1)
    return x


@traced(floats(4, 3))
def inner_loop_from_constants(x):
    """An inner loop that begins with the same numbers each time."""
    total = tf.constant(0.0)
    for i in tf.range(4):
        left = tf.constant(1.0)
        for j in tf.range(3):
            left = left * 0.5 + x[i, j]
        total += left
    return total


@traced(floats(4))
def state_becomes_constant(x):
    factor, i = tf.constant(0.5), tf.constant(0)
    while i < 4:
        x = x * factor
        factor = tf.constant(2.0)
        i += 1
    return {"x": x, "factor": factor}


@traced(floats(4, 3))
def array_made_in_loop(x):
    """Each turn fills an array of its own."""
    total = tf.zeros([3])
    for i in tf.range(4):
        row = tf.TensorArray(tf.float32, size=3, element_shape=[])
        for j in tf.range(3):
            row = row.write(j, x[i, j] * 2.0)
        total += row.stack()
    return total


@traced(floats(None, 4))
def tensor_array_concat_even(x):
    pieces = tf.TensorArray(tf.float32, size=3, element_shape=[2, 4])
    for i in tf.range(3):
        pieces = pieces.write(i, x[:1] * tf.cast(i, tf.float32) + tf.ones([2, 1]))
    return pieces.concat()
