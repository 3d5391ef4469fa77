"""Attention: dot product, additive, of several heads, of grouped heads; masks, causality, scores."""

from __future__ import annotations

from typing import Any

import keras
from catalogue import case, grid, seeded
from keras import layers


def _query_and_value() -> tuple[Any, Any]:
    return keras.Input((4, 6), name="query"), keras.Input((5, 6), name="value")


def _across(layer: Any, returns: str = "", **call: Any) -> Any:
    """The query attends to the value."""
    query, value = _query_and_value()
    if returns:
        call["return_attention_scores"] = True
    return seeded(keras.Model([query, value], layer([query, value], **call)))


grid(
    globals(),
    "attention",
    _across,
    {
        "plain": {"layer": layers.Attention()},
        "scaled": {"layer": layers.Attention(use_scale=True)},
        "concat": {"layer": layers.Attention(score_mode="concat")},
        "causal": {"layer": layers.Attention(dropout=0.2), "use_causal_mask": True},
    },
)
grid(
    globals(),
    "additive_attention",
    _across,
    {
        "plain": {"layer": layers.AdditiveAttention()},
        "scores_causal": {"layer": layers.AdditiveAttention(), "returns": "scores", "use_causal_mask": True},
    },
)


@case
def attention_with_key() -> Any:
    query, value = _query_and_value()
    key = layers.Dense(6, activation="tanh")(value)
    return seeded(keras.Model([query, value], layers.Attention()([query, value, key])))


def _masked(layer: Any) -> Any:
    query, value = _query_and_value()
    asked, given = keras.Input((4,), dtype="bool", name="asked"), keras.Input((5,), dtype="bool", name="given")
    output = layer([query, value], mask=[asked, given])
    return seeded(keras.Model([query, value, asked, given], output))


grid(
    globals(),
    "masked",
    _masked,
    {"attention": {"layer": layers.Attention()}, "additive_attention": {"layer": layers.AdditiveAttention()}},
)


def _itself(layer: Any, steps: int | None = 5, returns: str = "", **call: Any) -> Any:
    """The sequence attends to itself."""
    x = keras.Input((steps, 6), name="x")
    if returns:
        call["return_attention_scores"] = True
    return seeded(keras.Model(x, layer(x, x, **call)))


grid(
    globals(),
    "multi_head_attention",
    _itself,
    {
        "plain": {"layer": layers.MultiHeadAttention(2, 3)},
        "causal": {"layer": layers.MultiHeadAttention(2, 3), "use_causal_mask": True},
        "any_steps_causal": {"layer": layers.MultiHeadAttention(2, 3), "steps": None, "use_causal_mask": True},
        "scores": {"layer": layers.MultiHeadAttention(2, 3), "returns": "scores"},
        "other_sizes": {"layer": layers.MultiHeadAttention(2, 3, value_dim=4, output_shape=7)},
        "sliding_window": {"layer": layers.MultiHeadAttention(2, 3, sliding_window=2)},
        "gated": {"layer": layers.MultiHeadAttention(2, 3, use_gate=True)},
    },
)
grid(
    globals(),
    "group_query_attention",
    _itself,
    {
        "plain": {"layer": layers.GroupQueryAttention(3, 4, 2)},
        "one_key_head": {"layer": layers.GroupQueryAttention(3, 4, 1, use_bias=False)},
        "sliding_window": {"layer": layers.GroupQueryAttention(3, 4, 2, sliding_window=2), "use_causal_mask": True},
        "gated_scores": {"layer": layers.GroupQueryAttention(3, 4, 2, use_gate=True), "returns": "scores"},
        "any_steps": {"layer": layers.GroupQueryAttention(3, 4, 2), "steps": None},
    },
)


@case
def multi_head_attention_on_images() -> Any:
    """Attention over both axes of an image."""
    x = keras.Input((3, 4, 6), name="x")
    return seeded(keras.Model(x, layers.MultiHeadAttention(2, 3, attention_axes=(1, 2))(x, x)))


def _masked_across(layer: Any) -> Any:
    """Query, value and key differ, and a mask of the caller's says who sees what."""
    query, value = _query_and_value()
    key = layers.Dense(8, activation="tanh")(value)
    sees = keras.Input((4, 5), dtype="bool", name="sees")
    output, scores = layer(query, value, key=key, attention_mask=sees, return_attention_scores=True)
    return seeded(keras.Model([query, value, sees], {"output": output, "scores": scores}))


def _of_tokens(layer: Any) -> Any:
    """Masked by the embedding, and causal."""
    ids = keras.Input((6,), dtype="int32", name="ids")
    x = layers.Embedding(20, 6, mask_zero=True)(ids)
    return seeded(keras.Model(ids, layer(x, x, use_causal_mask=True)))


grid(
    globals(),
    "masked_across",
    _masked_across,
    {
        "multi_head_attention": {"layer": layers.MultiHeadAttention(2, 3)},
        "group_query_attention": {"layer": layers.GroupQueryAttention(3, 4, 2)},
    },
)
grid(
    globals(),
    "tokens",
    _of_tokens,
    {
        "multi_head_attention": {"layer": layers.MultiHeadAttention(2, 3)},
        "group_query_attention": {"layer": layers.GroupQueryAttention(3, 4, 2)},
    },
)
