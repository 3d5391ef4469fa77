"""Anyport beside the official tools: `nox -s bench`, or `python bench/compare.py [MODEL …]`.

For each model, in one run and in turn: the four official exporters, each in a process of its own as its documentation
says, on toolchains that are warm; then anyport's export to the same four targets, conversion only and with proof.
Prints seconds, peak memory of the largest process, and the ratios that count; `--json FILE` keeps them.

The official tools run in anyport's own TensorFlow toolchain: the same versions on both sides.  tensorflowjs does not
import there as published, so `official/tfjs.py` stubs the packages that a graph model doesn't need.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from anyport import models, publish, targets
from anyport.pipeline import Options, run_export
from anyport.targets import Choice
from anyport.terminal import Quiet
from anyport.workshop import provide_toolchain

HERE = Path(__file__).parent
OFFICIAL = ("saved_model", "tflite", "onnx", "tfjs")
MODELS = ("mobilenet_v2", "resnet50")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("models", nargs="*", default=MODELS, metavar="MODEL", help="zoo models")
    parser.add_argument("-n", "--runs", type=int, default=3, help="of each, in turn; medians are printed (default 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure here")
    arguments = parser.parse_args()
    python = provide_toolchain(models.TENSORFLOW, Quiet(), publish.new_log_folder()).python
    results = {model: compare(model, python, arguments.runs) for model in arguments.models}
    for model, result in results.items():
        show(model, result)
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")


def compare(model: str, python: Path, runs: int) -> dict[str, Any]:
    """Measure everything `runs` times in turn, after one run of each that doesn't count; return the medians."""
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        source = work / f"{model}.keras"
        _process([python, HERE / "official" / "make.py", models.zoo.path(model), source])
        steps: dict[str, Callable[[], dict[str, float]]] = {
            name: lambda name=name: _official(python, name, source, work)
            for name in OFFICIAL  # type: ignore[misc]
        }
        steps["anyport, conversion"] = lambda: _anyport(source, work, proof=False)
        steps["anyport, with proof"] = lambda: _anyport(source, work, proof=True)
        measured: dict[str, list[dict[str, float]]] = {name: [] for name in steps}
        for number in range(runs + 1):
            for name, step in steps.items():
                figures = step()
                if number:
                    measured[name].append(figures)
                print(f"{model}: {name}: {figures}", file=sys.stderr, flush=True)
    return {name: _median(figures) for name, figures in measured.items()}


def _official(python: Path, name: str, source: Path, work: Path) -> dict[str, float]:
    out = work / "official" / name
    out.parent.mkdir(exist_ok=True)
    given = work / "official" / "saved_model" if name == "tfjs" else source
    return _process([python, HERE / "official" / f"{name}.py", given, out])


def _process(argv: Sequence[object]) -> dict[str, float]:
    """Run a command to its end; return its wall seconds and peak resident MiB."""
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    started = time.monotonic()
    process = subprocess.Popen(
        [str(word) for word in argv], env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    if status:
        raise SystemExit(f"{argv[1]} failed:\n{errors.decode()[-2000:]}")
    return {"seconds": time.monotonic() - started, "mib": usage.ru_maxrss / 1024}


def _anyport(source: Path, work: Path, *, proof: bool) -> dict[str, float]:
    choices = targets.choose(OFFICIAL)
    if not proof:
        choices = [Choice(target=choice.target, variant=choice.variant, runtimes=()) for choice in choices]
    started = time.monotonic()
    report = run_export(models.classify(str(source)), choices, Options(out=work / "anyport"), Quiet())
    seconds = time.monotonic() - started
    if proof:
        report.raise_for_status()
    elif any(artifact.status == "error" for artifact in report.artifacts):
        raise SystemExit(str([(artifact.target, artifact.reason) for artifact in report.artifacts]))
    steps = {f"{artifact.target} s": artifact.convert_seconds for artifact in report.artifacts}
    peaks = {f"{artifact.target} MiB": artifact.convert_max_rss / 2**20 for artifact in report.artifacts}
    return {"seconds": seconds, "mib": max(peaks.values()), **report.manifest["timings"], **steps, **peaks}


def _median(figures: list[dict[str, float]]) -> dict[str, float]:
    return {name: round(statistics.median(each[name] for each in figures), 2) for name in figures[0]}


def show(model: str, result: dict[str, dict[str, float]]) -> None:
    """Print one model's table."""
    total = sum(result[name]["seconds"] for name in OFFICIAL)
    largest = max(result[name]["mib"] for name in OFFICIAL)
    print(f"\n{model}")
    for name, figures in result.items():
        print(f"  {name:22} {figures['seconds']:7.1f} s {figures['mib']:8.0f} MiB")
    print(f"  {'official, summed':22} {total:7.1f} s {largest:8.0f} MiB (largest)")
    for name in ("anyport, conversion", "anyport, with proof"):
        time_ratio, memory_ratio = result[name]["seconds"] / total, result[name]["mib"] / largest
        print(f"  {name} / official: {time_ratio:.2f} of the time, {memory_ratio:.2f} of the memory")


if __name__ == "__main__":
    main()
