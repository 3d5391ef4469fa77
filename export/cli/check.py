"""`anyport check DIR`."""

from __future__ import annotations

import argparse

from anyport.cli._common import add_output_arguments, add_timeout_argument, print_report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="what `anyport export` wrote")
    parser.add_argument(
        "--only", action="append", default=[], metavar="TARGET[:VARIANT][@RUNTIME]", help="check this alone; repeatable"
    )
    parser.add_argument(
        "--runtime",
        action="append",
        default=[],
        metavar="NAME",
        help="check every artifact that can be run in this runtime, there; repeatable",
    )
    add_timeout_argument(parser)
    add_output_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    from anyport import api, terminal
    from anyport.loading import TIMEOUT_SECONDS

    with terminal.progress(quiet=arguments.quiet or arguments.json, verbose=arguments.verbose) as progress:
        report = api.check(
            arguments.folder,
            only=arguments.only,
            runtimes=arguments.runtime,
            timeout=arguments.timeout or TIMEOUT_SECONDS,
            progress=progress,
        )
    print_report(report, arguments)
    return report.exit_code
