"""`anyport inspect SOURCE [--to TARGET …]`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from anyport.cli._common import add_loading_arguments, add_output_arguments, add_timeout_argument, print_json
from anyport.cli.export import SOURCE_HELP

if TYPE_CHECKING:
    from anyport.inspection import Inspection, Outlook

OPS_SHOWN = 12
"""Kinds of ops in the table; `--verbose` shows every one."""

STYLES = {"as it is": "green", "repaired": "green", "refused": "bold red", "unknown": "yellow"}
WORDS = {"as it is": "runs as it is", "repaired": "runs, repaired", "refused": "can't run it", "unknown": "unknown"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("source", metavar="SOURCE", help=SOURCE_HELP)
    parser.add_argument(
        "--to",
        action="append",
        default=[],
        metavar="TARGET[:VARIANT]",
        help="repeatable; every target by default",
    )
    add_loading_arguments(parser)
    add_timeout_argument(parser)
    add_output_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    import dataclasses

    from anyport import api, terminal
    from anyport.loading import TIMEOUT_SECONDS

    with terminal.progress(quiet=arguments.quiet or arguments.json, verbose=arguments.verbose) as progress:
        found = api.inspect(
            arguments.source,
            arguments.to,
            trust=arguments.trust,
            python=arguments.python,
            timeout=arguments.timeout or TIMEOUT_SECONDS,
            progress=progress,
        )
    if arguments.json:
        print_json({**dataclasses.asdict(found), "exit_code": found.exit_code})
    elif not arguments.quiet:
        _print_model(found, arguments.verbose)
        _print_outlooks(found)
    return found.exit_code


def _print_model(found: Inspection, verbose: bool) -> None:
    from rich.text import Text

    from anyport.terminal import console

    screen = console()
    elements, size = found.parameters["elements"], found.parameters["bytes"]
    screen.print(Text(f"{found.source}: {elements:,} parameters ({size / 2**20:.1f} MiB)", style="bold"))
    for note in found.notes:
        screen.print(Text(f"  note: {note}"))
    for contract in found.contract["signatures"]:
        stated = found.signatures[contract["name"]]
        screen.print(Text(f"\nsignature {contract['name']}: {_operations(stated)}"))
        for role in ("inputs", "outputs"):
            for tensor in contract[role]:
                screen.print(Text(f"  {role[:-1]:<7} {_tensor(tensor)}"))
        screen.print(_ops_table(stated["ops"], len(stated["ops"]) if verbose else OPS_SHOWN))


def _operations(stated: Mapping[str, Any]) -> str:
    """Say how many floating-point operations one sample takes, and what makes that a lower bound."""
    count, units = float(stated["count"]), ["", "k", "M", "G", "T"]
    while count >= 1000 and len(units) > 1:
        count, units = count / 1000, units[1:]
    bounds = [f"loops counted once: {stated['loops']}"] if stated["loops"] else []
    bounds += [f"of unknown size: {stated['unknown']}"] if stated["unknown"] else []
    least = f", at least ({'; '.join(bounds)})" if bounds else ""
    return f"{count:.3g} {units[0]}FLOPs for one sample{least}"


def _tensor(tensor: Mapping[str, Any]) -> str:
    shape = ", ".join("any" if size is None else str(size) for size in tensor["shape"])
    return f"{tensor['name']}: {tensor['dtype']} [{shape}]"


def _ops_table(ops: Sequence[Mapping[str, Any]], shown: int) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in ("op", "count", "from"):
        table.add_column(name, justify="right" if name == "count" else "left", overflow="fold")
    for entry in ops[:shown]:
        more = entry["places"] - len(entry["where"])
        places = "; ".join(entry["where"]) + (f"; and {more} more" if more > 0 else "")
        table.add_row(entry["op"], str(entry["count"]), places)
    if len(ops) > shown:
        table.add_row(
            "…", str(sum(entry["count"] for entry in ops[shown:])), f"{len(ops) - shown} more kinds: --verbose"
        )
    return table


def _print_outlooks(found: Inspection) -> None:
    from rich.text import Text

    from anyport.terminal import console

    screen = console()
    for outlook in found.outlooks:
        name = outlook.target if outlook.variant == "float32" else f"{outlook.target}:{outlook.variant}"
        screen.print(Text.assemble(f"{name:<12}", (WORDS[outlook.verdict], STYLES[outlook.verdict])))
        for line in _reasons(outlook):
            screen.print(Text(f"  {line}"))


def _reasons(outlook: Outlook) -> Iterator[str]:
    if outlook.reason:
        yield outlook.reason
    for refusal in outlook.refusals:
        yield f"{refusal['op']}, from {refusal['origin']}: {refusal['reason']}"
        yield f"  {refusal['hint']}"
    for repair in outlook.repairs:
        first, more = repair["where"][0], len(repair["where"]) - 1
        yield f"{repair['rule']}, in {first}{f' and {more} more' if more else ''}: {repair['why']}"
    for note in outlook.notes:
        yield f"note: {note}"
