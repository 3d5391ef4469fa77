"""What the debugger found: `divergence.json`, as it is written, read and held in memory.

Layers are in topological order; each ends at a tensor that both the source and the artifact have.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from anyport.errors import EXIT_DONE, AnyportError, ParityError

NAME = "divergence.json"
FORMAT = 1

Status = Literal["right", "wrong", "passed_through", "not_compared"]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Layer:
    """A part of the model that ends at a tensor which the artifact has, too."""

    name: str
    """The layer's, or the scope that its nodes lie in."""
    status: Status
    inputs: Sequence[int]
    """Indices of the layers that it is computed from; −1 for the signature's inputs."""
    class_: str | None = None
    where: str | None = None
    """`FILE:LINE, in FUNCTION`."""
    ops: Sequence[str] = ()
    also: Sequence[str] = ()
    """Other layers of which a part lies in it: folded into the same operator, or without a tensor of their own."""
    tensor: str = ""
    """`node:index` in the source's graph."""
    artifact_tensor: str | None = None
    artifact_op: str | None = None
    shape: Sequence[int] | None = None
    dtype: str | None = None
    is_output: bool = False
    scale: float | None = None
    """Largest magnitude of what the source computes."""
    own_error: float | None = None
    """Largest error that it adds by itself, given the artifact's own values before it; for integers the share that differs."""
    own_noise: float | None = None
    own_ratio: float | None = None
    own_snr: float | None = None
    error: float | None = None
    """Largest error against the source, all that came before included."""
    relative_error: float | None = None

    @property
    def said(self) -> str:
        """Return the layer in the user's words."""
        kind = f"layer {self.name!r} ({self.class_})" if self.class_ else repr(self.name)
        more = f", together with {', '.join(map(repr, self.also))}" if self.also else ""
        return kind + (f", {self.where}" if self.where else "") + more


@dataclasses.dataclass(frozen=True, kw_only=True)
class Divergence:
    """Where an artifact departs from its source in one runtime, if it does."""

    path: Path
    """The folder that holds it."""
    target: str
    variant: str
    runtime: str
    version: str
    signature: str
    passed: bool
    """Whether the artifact passes there: then no layer is blamed."""
    reason: str
    """What its verdict says, if it doesn't."""
    method: Literal["taps", "cuts"]
    notes: Sequence[str]
    layers: Sequence[Layer]
    first_wrong: int | None
    cause: Mapping[str, str] | None
    worst: Mapping[str, Any] | None
    reproduction: str | None
    """Relative to `path`."""
    confirmed: bool | None
    """Whether the layer alone, cut out and fed with the source's values, is wrong in the same runtime; None where nothing is."""
    ranking: Sequence[Mapping[str, Any]] = ()
    kept_in_float: Sequence[str] | None = None

    @property
    def layer(self) -> Layer | None:
        """Return the first layer that is wrong by itself."""
        return None if self.first_wrong is None else self.layers[self.first_wrong]

    @property
    def exit_code(self) -> int:
        """Return that of a failed verdict unless the artifact passes."""
        return EXIT_DONE if self.passed else ParityError.exit_code

    def raise_for_status(self) -> None:
        """Raise `ParityError` unless the artifact passes."""
        if not self.passed:
            raise self._error()

    def _error(self) -> AnyportError:
        where = f": {self.layer.said} is the first that is wrong by itself" if self.layer else ""
        hint = f"Run {self.path / self.reproduction}" if self.reproduction else ""
        return ParityError(f"{self.target}:{self.variant}@{self.runtime} fails{where}", hint)

    def to_json(self) -> dict[str, Any]:
        """Return `divergence.json`."""
        value = dataclasses.asdict(self)
        del value["path"]
        value["layers"] = [
            {("class" if key == "class_" else key): item[key] for key in item} for item in value["layers"]
        ]
        return {"format": FORMAT, **value}

    def write(self) -> None:
        """Write it into its folder."""
        text = json.dumps(self.to_json(), indent=2, ensure_ascii=False, allow_nan=False)
        (self.path / NAME).write_text(text + "\n", encoding="utf-8")


def layer_of(value: Mapping[str, Any]) -> Layer:
    """Return a layer from how the guest tells it."""
    return Layer(**{("class_" if key == "class" else key): item for key, item in value.items()})
