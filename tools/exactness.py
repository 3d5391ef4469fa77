"""Compare quantised outputs of emulated ARM with those of the same runtime on this machine: `python tools/exactness.py [--write]`.

Called by `nox -s table_of_exactness`.  Exports the models below to `tflite:int8` and `int16x8`, runs the files in tflite-runtime
2.14 on x86, armv7 and aarch64 and in ai-edge-litert on x86 and aarch64, and prints, or with `--write` writes into
`docs/devices.md`, how many elements differ and by how many steps at most: a step is the output's own scale in the file.
"""

from __future__ import annotations

import argparse
import contextlib
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matrix_page import replace_marked
from variants import BUDGETS

from anyport import models, publish, targets
from anyport.guest.anyport_guest import read_calls
from anyport.pipeline import Options, run_export
from anyport.protocols import Runtime
from anyport.prove import bench_of, prove
from anyport.terminal import Quiet
from anyport.workshop import Workshop

MODELS = ("digits", "keyword_spotting", "lookup", "mlp", "mobilenet_v2", "subclassed", "three_signatures", "transformer",
          "two_branches")  # fmt: skip
VARIANTS = ("int8", "int16x8")
PAIRS = {"armv7": "tflite-runtime", "aarch64": "tflite-runtime", "aarch64-litert": "litert"}
"""Board → the same runtime on this machine."""
SECONDS = 1200.0
"""What a run may take on an emulated board."""
PAGE = Path(__file__).parent.parent / "docs" / "devices.md"
MARKS = ("<!-- exactness: made by tools/exactness.py -->", "<!-- /exactness -->")

Outputs = Mapping[str, Sequence[Mapping[str, Any]]]


def main() -> None:
    parser = argparse.ArgumentParser(description="Compare quantised outputs of emulated ARM with this machine's.")
    parser.add_argument("--model", action="append", choices=MODELS, help="this model alone; repeatable")
    parser.add_argument("--write", action="store_true", help="write the table into the page")
    arguments = parser.parse_args()
    lines = [["model", "variant", *(f"`{board}`" for board in PAIRS)], ["---"] * (2 + len(PAIRS))]
    with Workshop(Quiet(), publish.new_log_folder()) as workshop, tempfile.TemporaryDirectory() as folder:
        for name in arguments.model or MODELS:
            for line in measure(name, Path(folder) / name, workshop):
                lines.append(line)
                print(" | ".join(line), flush=True)
    if arguments.write:
        text = "".join(f"| {' | '.join(cells)} |\n" for cells in lines)
        PAGE.write_text(replace_marked(PAGE.read_text(encoding="utf-8"), MARKS, ["", text]), encoding="utf-8")


def measure(name: str, out: Path, workshop: Workshop) -> Iterator[list[str]]:
    """Export a model and yield a line of the table for each variant that can be made of it."""
    choices = targets.choose([f"tflite:{variant}@litert" for variant in VARIANTS])
    options = Options(out=out, budget=BUDGETS.get(name, {}))
    report = run_export(models.classify(name), choices, options, Quiet(), workshop=workshop)
    runtimes = {item.name: item for item in targets.registry()["tflite"].runtimes}
    for artifact in report.artifacts:
        if not artifact.files:
            continue
        found: dict[str, Outputs | str] = {
            place: _outputs(report.manifest, out, artifact, runtimes[place], workshop)
            for place in dict.fromkeys([*PAIRS.values(), *PAIRS])
        }
        scales = _scales(artifact.signatures)
        yield [
            f"`{name}`",
            f"`{artifact.variant}`",
            *(_difference(found[a], found[b], scales) for a, b in PAIRS.items()),
        ]


def _outputs(
    stated: Mapping[str, Any], folder: Path, artifact: Any, runtime: Runtime, workshop: Workshop
) -> Outputs | str:
    """Return what a file answers in a runtime, or why it doesn't."""
    with tempfile.TemporaryDirectory() as work:
        bench = bench_of(folder, stated, Path(work), workshop, SECONDS)
        turn = contextlib.nullcontext(lambda text: None)
        run = prove(bench, runtime, "run", folder / artifact.path, artifact.signatures, None, turn)
        return read_calls(Path(work, "run.outputs.npz"), "outputs") if run.outputs else run.reason


def _scales(signatures: Mapping[str, Any]) -> dict[tuple[str, str], float]:
    """Return the scale of each output that the file gives as integers."""
    return {
        (signature, name): port["scale"]
        for signature, mapping in signatures.items()
        for name, port in mapping.get("quantization", {}).get("outputs", {}).items()
    }


def _difference(board: Outputs | str, here: Outputs | str, scales: Mapping[tuple[str, str], float]) -> str:
    """Return how many elements differ and by how much at most."""
    for side in (board, here):
        if isinstance(side, str):
            return side
    assert not isinstance(board, str)
    assert not isinstance(here, str)
    count, total, most = 0, 0, 0.0
    for signature, calls in here.items():
        for there, call in zip(board[signature], calls, strict=True):
            for name, array in call.items():
                off = np.abs(np.asarray(there[name], np.float64) - np.asarray(array, np.float64))
                count, total = count + int(np.sum(off > 0)), total + off.size
                most = max(most, float(off.max(initial=0.0)) / scales.get((signature, name), _step(array)))
    return "bit-exact" if not count else f"{count} of {total} differ, by {most:.1f} steps at most"


def _step(array: Any) -> float:
    """Return the least distance between two values of an output whose scale the file doesn't give to the outside."""
    gaps = np.diff(np.unique(np.asarray(array, np.float64)))
    return float(gaps.min(initial=np.inf)) if gaps.size else 1.0


if __name__ == "__main__":
    main()
