"""Recurrent layers: simple, LSTM, GRU, convolutional and of one's own cells; directions, masks and states."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from catalogue import case, functional, grid, of_layer, seeded
from keras import layers

STEPS = (5, 3)
OPTIONS: dict[str, dict[str, Any]] = {
    "last": {},
    "sequences_and_state": {"return_sequences": True, "return_state": True},
    "backwards": {"go_backwards": True, "return_sequences": True},
    "any_steps": {"shape": (None, 3), "return_sequences": True},
}
GATED: dict[str, dict[str, Any]] = {
    **OPTIONS,
    "unrolled": {"unroll": True, "return_sequences": True},
    "other_activations": {"activation": "relu", "recurrent_activation": "hard_sigmoid", "use_bias": False},
}
grid(globals(), "simple_rnn", of_layer(layers.SimpleRNN, STEPS, units=4), OPTIONS)
grid(
    globals(),
    "lstm",
    of_layer(layers.LSTM, STEPS, units=4),
    {**GATED, "dropout": {"dropout": 0.2, "recurrent_dropout": 0.2}},
)
grid(globals(), "gru", of_layer(layers.GRU, STEPS, units=4), {**GATED, "reset_before_matrix": {"reset_after": False}})


def _padded_steps() -> dict[str, Any]:
    """Steps of zeros at the end, at the start and in between."""
    x = np.random.default_rng(0).normal(size=(8, *STEPS)).astype(np.float32)
    x[::2, 3:] = 0
    x[1, :2] = 0
    x[3, 2] = 0
    return {"x": x}


def _masked(layer: Any) -> Any:
    return functional(layers.Masking(), layer(4, return_sequences=True), layer(4), shape=STEPS)


def _of_tokens(layer: Any) -> Any:
    embedding = layers.Embedding(20, 4, mask_zero=True)
    return functional(embedding, layer(4, return_sequences=True), layers.Dense(3), shape=(6,), dtype="int32")


def _stateful(layer: Any) -> Any:
    """The state stays from call to call."""
    x = keras.Input(batch_shape=(2, *STEPS), name="x")
    return seeded(keras.Model(x, layer(4, stateful=True, return_sequences=True)(x)))


def _from_state(layer: Any) -> Any:
    x, state = keras.Input(STEPS, name="x"), keras.Input((4,), name="state")
    states = [state, layers.Rescaling(-0.5)(state)] if layer is layers.LSTM else [state]
    return seeded(keras.Model([x, state], layer(4, return_sequences=True)(x, initial_state=states)))


def _translator(layer: Any) -> Any:
    """A translator: the decoder starts from the encoder's last state."""
    source, target = keras.Input(STEPS, name="source"), keras.Input((4, 2), name="target")
    _, *state = layer(4, return_state=True)(source)
    return seeded(keras.Model([source, target], layer(4, return_sequences=True)(target, initial_state=state)))


EACH = {
    "simple_rnn": {"layer": layers.SimpleRNN},
    "lstm": {"layer": layers.LSTM},
    "gru": {"layer": layers.GRU},
}
GATES = {name: EACH[name] for name in ("lstm", "gru")}
grid(globals(), "masked", _masked, EACH, samples=_padded_steps)
grid(globals(), "tokens", _of_tokens, GATES)
grid(globals(), "stateful", _stateful, GATES)
grid(globals(), "from_state", _from_state, EACH)
grid(globals(), "translator", _translator, GATES)


def _both_ways(layer: Any, merge_mode: str | None = "concat", **options: Any) -> Any:
    keras.utils.set_random_seed(0)
    x = keras.Input(STEPS, name="x")
    return seeded(keras.Model(x, layers.Bidirectional(layer(4, **options), merge_mode=merge_mode)(x)))


grid(
    globals(),
    "bidirectional",
    _both_ways,
    {
        "lstm": {"layer": layers.LSTM},
        "gru_sequences": {"layer": layers.GRU, "return_sequences": True},
        "simple_rnn_sum": {"layer": layers.SimpleRNN, "merge_mode": "sum"},
        "lstm_separate": {"layer": layers.LSTM, "merge_mode": None, "return_sequences": True},
        "lstm_states": {"layer": layers.LSTM, "return_state": True, "return_sequences": True},
    },
)


@case
def bidirectional_unlike() -> Any:
    """An LSTM forwards and a GRU backwards."""
    back = layers.GRU(3, go_backwards=True, return_sequences=True)
    return functional(layers.Bidirectional(layers.LSTM(4, return_sequences=True), backward_layer=back), shape=STEPS)


@case
def bidirectional_masked_tokens() -> Any:
    return functional(
        layers.Embedding(20, 4, mask_zero=True),
        layers.Bidirectional(layers.LSTM(4, return_sequences=True)),
        layers.Bidirectional(layers.GRU(4)),
        shape=(6,),
        dtype="int32",
    )


class _Leaky(layers.Layer):
    """A cell of one's own: an exponential average of what a dense layer says, and a count of steps."""

    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.units = self.output_size = units
        self.state_size = [units, 1]
        self.dense = layers.Dense(units, activation="tanh")

    def build(self, shape: Any) -> None:
        self.dense.build(shape)
        self.built = True

    def call(self, x: Any, states: Any) -> Any:
        average, count = states
        average = 0.8 * average + 0.2 * self.dense(x)
        return average / (count + 1.0), [average, count + 1.0]


@case
def rnn_of_own_cell() -> Any:
    return functional(layers.RNN(_Leaky(4), return_sequences=True, return_state=True), shape=STEPS)


@case(samples=_padded_steps)
def rnn_of_own_cell_masked() -> Any:
    return functional(layers.Masking(), layers.RNN(_Leaky(4)), shape=STEPS)


@case
def rnn_zero_output_for_mask() -> Any:
    return functional(
        layers.Embedding(20, 4, mask_zero=True),
        layers.RNN(layers.GRUCell(4), return_sequences=True, zero_output_for_mask=True),
        shape=(6,),
        dtype="int32",
    )


@case
def stacked_cells() -> Any:
    cells = [layers.LSTMCell(4), layers.GRUCell(3), layers.SimpleRNNCell(5)]
    return functional(layers.RNN(layers.StackedRNNCells(cells), return_sequences=True, return_state=True), shape=STEPS)


@case
def list_of_cells_unrolled() -> Any:
    return functional(layers.RNN([layers.LSTMCell(4), layers.LSTMCell(3)], unroll=True), shape=STEPS)


@case
def lstm_cell_alone() -> Any:
    """One step, its states going in and out: how streaming models are written."""
    x = keras.Input((3,), name="x")
    hidden, carried = keras.Input((4,), name="hidden"), keras.Input((4,), name="carried")
    output, states = layers.LSTMCell(4)(x, [hidden, carried])
    return seeded(keras.Model([x, hidden, carried], {"output": output, "carried_on": states[1]}))


@case
def time_distributed_lstm() -> Any:
    return functional(layers.TimeDistributed(layers.LSTM(4)), shape=(3, *STEPS))


@case
def conv1d_then_gru_any_steps() -> Any:
    return functional(
        layers.Conv1D(4, 3, padding="same", activation="relu"),
        layers.MaxPooling1D(2),
        layers.GRU(4),
        shape=(None, 3),
    )


SEQUENCES: dict[str, dict[str, Any]] = {"sequences_same": {"return_sequences": True, "padding": "same"}}
grid(globals(), "conv_lstm1d", of_layer(layers.ConvLSTM1D, (3, 6, 2), filters=4, kernel_size=3), SEQUENCES)
grid(
    globals(),
    "conv_lstm2d",
    of_layer(layers.ConvLSTM2D, (3, 6, 6, 2), filters=4, kernel_size=3),
    {
        "last": {"return_state": True},
        **SEQUENCES,
        "strided_backwards": {"strides": 2, "go_backwards": True},
        "any_steps": {"shape": (None, 6, 6, 2), "padding": "same"},
    },
)
grid(globals(), "conv_lstm3d", of_layer(layers.ConvLSTM3D, (2, 4, 4, 4, 2), filters=3, kernel_size=3), SEQUENCES)
