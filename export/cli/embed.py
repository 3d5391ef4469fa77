"""`anyport embed DIR -o FOLDER`."""

from __future__ import annotations

import argparse

from anyport.cli._common import add_output_arguments, add_timeout_argument, print_json


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", metavar="DIR", help="what `anyport export` wrote")
    parser.add_argument("-o", "--out", required=True, metavar="FOLDER", help="where to write the sources")
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="TARGET[:VARIANT]",
        help="embed this one, where there are several",
    )
    add_timeout_argument(parser)
    add_output_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    from anyport import api, terminal
    from anyport.loading import TIMEOUT_SECONDS

    with terminal.progress(quiet=arguments.quiet or arguments.json, verbose=arguments.verbose) as progress:
        written = api.embed(
            arguments.folder,
            arguments.out,
            only=arguments.only,
            timeout=arguments.timeout or TIMEOUT_SECONDS,
            progress=progress,
        )
    if arguments.json:
        print_json([str(path) for path in written])
    elif not arguments.quiet:
        for path in written:
            print(path)
    return 0
