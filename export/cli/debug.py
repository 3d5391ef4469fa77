"""`anyport debug DIR [--artifact TARGET[:VARIANT][@RUNTIME]]`."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from anyport.cli._common import add_loading_arguments, add_output_arguments, add_timeout_argument, print_json
from anyport.cli.export import SOURCE_HELP

if TYPE_CHECKING:
    from anyport.debugging import Divergence, Layer

AROUND = 4
"""Layers that are shown on either side of the first wrong one; `--verbose` shows every one."""
CLOSEST = 8
"""Layers that are shown where nothing is wrong: those nearest to what their noise allows."""

STYLES = {"right": "green", "wrong": "bold red", "passed_through": "dim", "not_compared": "dim"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="what `anyport export` wrote")
    parser.add_argument(
        "--artifact",
        default="",
        metavar="TARGET[:VARIANT][@RUNTIME]",
        help="what to debug; needed where DIR holds several",
    )
    parser.add_argument(
        "--runtime", default="", metavar="NAME", help="where to run it; by default where it failed first"
    )
    parser.add_argument(
        "--source", default="", metavar="SOURCE", help=f"where the source is now, if it moved: {SOURCE_HELP}"
    )
    parser.add_argument("--signature", default="", metavar="NAME", help="by default the first that fails")
    parser.add_argument(
        "-o", "--out", metavar="FOLDER", help="what to write; by default DIR/debug/TARGET-VARIANT@RUNTIME"
    )
    add_loading_arguments(parser)
    add_timeout_argument(parser)
    add_output_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    from anyport import api, terminal
    from anyport.loading import TIMEOUT_SECONDS

    with terminal.progress(quiet=arguments.quiet or arguments.json, verbose=arguments.verbose) as progress:
        found = api.debug(
            arguments.folder,
            arguments.artifact,
            runtime=arguments.runtime,
            source=arguments.source,
            signature=arguments.signature,
            out=arguments.out,
            trust=arguments.trust,
            python=arguments.python,
            timeout=arguments.timeout or TIMEOUT_SECONDS,
            progress=progress,
        )
    if arguments.json:
        print_json({"path": str(found.path), "exit_code": found.exit_code, **found.to_json()})
    elif not arguments.quiet:
        _print(found, arguments.verbose)
    return found.exit_code


def _print(found: Divergence, verbose: bool) -> None:
    from rich.text import Text

    from anyport.terminal import console

    screen = console()
    name = f"{found.target}:{found.variant} in {found.runtime} {found.version}".strip()
    if found.passed:
        screen.print(Text.assemble(f"{name}: ", ("nothing is wrong", "green")))
    else:
        screen.print(Text.assemble(f"{name}: ", ("fails", "bold red"), f": {found.reason}"))
        for line in _verdict(found):
            screen.print(Text(line))
    screen.print(_table(found, verbose))
    for note in found.notes:
        screen.print(Text(f"note: {note}"))
    screen.print(Text(f"{found.path / 'divergence.json'} has every layer"))


def _verdict(found: Divergence) -> list[str]:
    """Return what was found, in a few lines."""
    layer = found.layer
    if layer is None:
        return ["  no layer is wrong by itself: the error is the sum of what each adds within its own noise"]
    lines = [f"  first wrong by itself: {layer.said}"]
    if found.worst:
        index = ", ".join(map(str, found.worst["index"]))
        lines.append(
            f"    {layer.tensor}[{index}] of sample {found.worst['call']}: "
            f"expected {found.worst['expected']}, got {found.worst['actual']}"
        )
    if layer.own_ratio:
        lines.append(f"    off by {layer.own_error:.2g}, {layer.own_ratio:.3g} times its own noise")
    if found.cause:
        lines.append(f"    looks like {found.cause['kind']}: {found.cause['text']}")
    if found.reproduction:
        lines.append(f"    fails alone, without anyport: {found.path / found.reproduction}")
    elif found.confirmed is False:
        lines.append("    cut out and fed with the source's values, it is right: only its surroundings make it fail")
    return lines


def _table(found: Divergence, verbose: bool) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("layer", "ops", "own error", "own noise", "ratio", "error", ""):
        table.add_column(name, justify="right" if name in ("own error", "own noise", "ratio", "error") else "left")
    for number in _shown(found, verbose):
        table.add_row(*_cells(found.layers[number]))
    return table


def _shown(found: Divergence, verbose: bool) -> list[int]:
    everything = list(range(len(found.layers)))
    if verbose:
        return everything
    if found.first_wrong is not None:
        return everything[max(0, found.first_wrong - AROUND) : found.first_wrong + AROUND + 1]
    compared = [number for number in everything if found.layers[number].status != "passed_through"]
    closest = sorted(compared, key=lambda number: found.layers[number].own_ratio or 0.0)[-CLOSEST:]
    return sorted(closest)


def _cells(layer: Layer) -> tuple[str, ...]:
    status = layer.status.replace("_", " ")
    return (
        layer.name,
        ", ".join(layer.ops[:3]) + (", …" if len(layer.ops) > 3 else ""),
        _number(layer.own_error),
        _number(layer.own_noise),
        "" if layer.own_ratio is None else f"{layer.own_ratio:.3g}",
        _number(layer.error),
        f"[{STYLES[layer.status]}]{status}[/]",
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.1e}"
