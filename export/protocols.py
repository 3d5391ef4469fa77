"""The types that a target is made of; all that `anyport.targets` and plug-ins need to know of the host.

A target is a `Target`: how a model in the canonical form is converted, and the runtimes that prove the result.  Both
are guest scripts; their wire formats are stated in `anyport/guest/bootstrap.py` and in the docstrings below.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Literal


@dataclasses.dataclass(frozen=True, kw_only=True)
class Toolchain:
    """A locked, isolated environment that the host provisions on first use."""

    name: str
    summary: str
    kind: Literal["python", "npm", "emulated"]
    lock: Path
    """`python`, `emulated`: a requirements file with hashes.  `npm`: a folder with `package.json` and `package-lock.json`."""
    python: str = "3.11"
    """The Python version that the lock was made for."""
    setup: Path | None = None
    """A script that Node runs inside the new toolchain, after `npm ci`."""
    machine: Path | None = None
    """`emulated`: a JSON file that says which machine it is and which Debian packages it holds; see `anyport.emulated`."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Page:
    """A web page that comes with an artifact and tests it on whatever device opens it; see `anyport.browsers`."""

    files: Mapping[str, Path]
    """Path below the artifact's folder → file of the target's or ours."""
    libraries: Mapping[str, str]
    """Path below the artifact's folder → path in the runtime's first toolchain."""
    deployed: bool = True
    """Whether an artifact gets it; where only its modules are run, by Node, it stays here."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Runtime:
    """A place where an artifact will really be met, and the guest script that runs it there.

    The script's request: `artifact` (its folder), `contract`, `signatures` (what the converter returned), `samples`
    and `outputs` (`.npz`, see `anyport_guest`), `toolchains` (name → folder), `options` and, where the runtime has one, `page`
    (path below the artifact → file).  Its result: `runtime`, `version`, `backend`, `seconds` (`load`, `first`, `warm`) and,
    where there is more to say, `details`: a mapping of words or numbers that the manifest keeps with the run.
    """

    name: str
    summary: str
    script: Path
    toolchains: tuple[Toolchain, ...] = ()
    interpreter: Literal["toolchain", "host", "zygote", "browser"] = "toolchain"
    """Who runs the script: the first toolchain's Python, the host's own, a fork of the TensorFlow zygote, or the host's own
    with the browsers in its turn: the request's `browsers` is where `browser_service.py` takes orders."""
    options: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    needs: tuple[str, ...] = ()
    """Programs that must be on PATH."""
    local: Callable[[], Mapping[str, Any] | None] = lambda: None
    """Options for what this machine already has; where there is something, the npm toolchains in `spares` stay away."""
    spares: tuple[str, ...] = ()
    """Names of the toolchains that `local` makes needless."""
    lacking: Callable[[], str] = lambda: ""
    """What this machine lacks that nobody can provide, as a clause; nothing where it lacks nothing."""
    page: Page | None = None
    """The page that an artifact gets which is exported with this runtime."""
    default: bool = True
    """Whether artifacts are proved here where no runtime is named; one that is slow to provide or to run waits to be asked for."""
    cannot: Mapping[str, str] = dataclasses.field(default_factory=dict)
    """Variant that can't run here → why, as a clause: "it has no kernels for float16 weights"."""
    sources: Callable[[Path, Mapping[str, Any], Mapping[str, Any]], Mapping[str, str]] | None = None
    """Makes sources for a firmware, where that is how an artifact gets here: from the artifact's folder, its signatures
    and the run's `details` it returns the text of each file by its name."""
    reproduce: Path | None = None
    """A script that runs an artifact with this runtime alone and fails where it answers wrongly: what the debugger leaves beside
    a cut.  A `string.Template` called `NAME.py.txt` or `NAME.mjs.txt`: `$signature`, `$layer`, `$allowed` (by how much an
    element may be off), `$file` (the artifact's, or `.`), and what else is a text in the runtime's `options` and in the
    cut's mapping.  It lies beside `inputs` and `expected`, by the artifact's own names in `.npz`, for Node in `.json`
    (`{name: {dtype, shape, values}}`), and ends with status 1 where the answers differ."""
    emulated: bool = False
    """Whether another processor is imitated: right answers count as anywhere, but its seconds are no device's latency."""
    coarseness: float = 1.0
    """How many times as much of the model's noise is allowed here as elsewhere, where kernels are known to approximate."""
    rows: int | None = None
    """How many rows it feeds at a time to an artifact that takes any number of them; None where it feeds them all.  Whoever
    debugs an artifact feeds as many, since not every inner tensor has rows that could be joined again."""

    def required(self) -> tuple[Toolchain, ...]:
        """Return the toolchains that the runtime needs on this machine."""
        spared = self.spares if self.local() else ()
        return tuple(toolchain for toolchain in self.toolchains if toolchain.name not in spared)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Budget:
    """What a variant whose numbers are coarser on purpose may lose against the source; what is None isn't asked for."""

    snr: float | None = None
    """Least signal-to-noise ratio of an output in dB, as `anyport.compare` measures it."""
    channel_snr: float | None = None
    """Least of it in the noisiest channel, in dB."""
    cosine: float | None = None
    """Least cosine of the angle between the outputs as vectors."""
    top1: float | None = None
    """Least share of rows whose largest entry is the source's."""
    equal: float | None = None
    """Least share of equal elements in an output of booleans or integers."""
    accuracy: float | None = None
    """Most of the accuracy on labelled samples that may be lost: 0.005 is half a percentage point."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Refinement:
    """A second step of a conversion, in a toolchain of its own, where the first one's can't do it.

    The script's request: `artifact` (its folder, to be changed in place), `signatures` (what the converter returned), `variant`
    and, for a variant in `Target.calibrated`, `calibration`.  Its result: `notes`, and `signatures` where they changed.
    """

    script: Path
    toolchain: Toolchain


@dataclasses.dataclass(frozen=True, kw_only=True)
class Target:
    """A format that a model is exported to.

    The converter's request: `canonical` (see `anyport_tf.canonical`), `out` (an empty folder), `variant`, `options` and,
    for a variant in `calibrated`, `calibration` (an `.npz` of inputs, see `anyport_guest`).  Its result: `signatures` —
    for each whatever the runtimes need to feed and read it by the contract's names — `notes`, sentences for the report,
    and `repairs`, what was rewritten (`{rule, why, until, where}` each).

    The preflight's request: `canonical`, `variant` and `options`.  Its result: `repairs`, `refusals` (`{op, node, origin,
    reason, hint}` each) and `notes`; it starts no converter.
    """

    name: str
    summary: str
    variants: tuple[str, ...]
    """The first is the default."""
    convert: Path
    runtimes: tuple[Runtime, ...]
    folder: str = ""
    """Where the artifact lies in the export; the target's name by default."""
    preload: tuple[str, ...] = ()
    """Modules that the converter imports, for the zygote to import once."""
    preflight: Path | None = None
    """Guest script that tells what the target can't do and what it has to repair; None where nothing can be told."""
    budgets: Mapping[str, Budget] = dataclasses.field(default_factory=dict)
    """Variant → what it may lose by default.  A variant without a budget is held to the tolerance."""
    calibrated: tuple[str, ...] = ()
    """Variants whose converter has to see inputs."""
    refinements: Mapping[str, Refinement] = dataclasses.field(default_factory=dict)
    """Variant → the second step of its conversion."""
    cut: Path | None = None
    """Guest script that looks into an artifact and cuts it, for the debugger; a job of the TensorFlow zygote.

    Each request holds `artifact` (its folder), `signature` (the contract's name) and `mapping` (its entry in what the converter
    returned as `signatures`).  With `verb` `describe`, the result is `tensors`, one entry for all that is computed from
    inputs, in the order of execution — `name` (the artifact's own), `sources` (the canonical graph's tensors that it may
    stand for, best first: `node`, or `node:1` for what isn't a first output), `op` (the operator that makes it), `dtype`,
    `shape`, `quantization` (`{scale, zero_point, axis}` or None), `inputs` (names of what it is made from) — and `inputs`
    and `outputs` (contract name → tensor's name).  With `verb` `cut`, `out` is an empty folder, `feed` and `fetch` are names of
    tensors, `own_outputs` tells whether the signature's own outputs stay and `rows` how many rows it will be fed at a time (None:
    any number); the result is `signatures` and `contract` (`{name, inputs, outputs}`) of the artifact in `out`, which
    the target's runtimes run like any other.  Fed and fetched tensors have their own names there, and the types of the
    contract's kinds: scaled integers are fed and fetched as float32.
    """
    settings: Mapping[str, tuple[int, int]] = dataclasses.field(default_factory=dict)
    """Whole numbers that the user may choose (`--opset 17`), each with the least and the most that the converter takes.
    They reach it in `options`."""

    def directory(self, variant: str) -> str:
        """Return the artifact's folder in an export, relative to it."""
        base = self.folder or self.name
        return base if variant == self.variants[0] else f"{base}-{variant}"
