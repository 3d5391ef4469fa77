"""`anyport toolchain list|install|prune`."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable
from typing import Any

from anyport.cli._common import add_output_arguments, print_json
from anyport.errors import RequestError
from anyport.protocols import Runtime, Toolchain


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="every toolchain, and whether it is provisioned")
    listing.add_argument("--json", action="store_true", help="print the result as JSON")
    install = actions.add_parser("install", help="provision toolchains now instead of on first use")
    install.add_argument("names", nargs="*", metavar="NAME", help="which; all of them by default")
    add_output_arguments(install)
    prune = actions.add_parser("prune", help="remove toolchains that this version no longer uses")
    prune.add_argument("--all", action="store_true", help="remove every toolchain")
    prune.add_argument("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    action = {"list": _list, "install": _install, "prune": _prune}[arguments.action]
    return action(arguments)


def all_toolchains() -> list[Toolchain]:
    """Return TensorFlow's toolchain, that of every runtime and that of every second step of a conversion."""
    from anyport import targets

    found = {toolchain.name: toolchain for toolchain in _toolchains(lambda runtime: runtime.toolchains)}
    for target in targets.registry().values():
        found |= {item.toolchain.name: item.toolchain for item in target.refinements.values()}
    return list(found.values())


def needed() -> list[Toolchain]:
    """Return the toolchains that exports need here by default: those that nothing on this machine makes needless."""
    return _toolchains(lambda runtime: runtime.required() if runtime.default else ())


def _toolchains(of: Callable[[Runtime], tuple[Toolchain, ...]]) -> list[Toolchain]:
    from anyport import models, targets

    found = {models.TENSORFLOW.name: models.TENSORFLOW}
    for target in targets.registry().values():
        for runtime in target.runtimes:
            found |= {toolchain.name: toolchain for toolchain in of(runtime)}
    return list(found.values())


def _list(arguments: argparse.Namespace) -> int:
    from anyport import toolchains

    found: list[dict[str, Any]] = []
    for toolchain in all_toolchains():
        installed = toolchains.find(toolchain)
        size = toolchains.size(installed.path) if installed else 0
        found.append(
            {
                "name": toolchain.name,
                "summary": toolchain.summary,
                "key": toolchains.key(toolchain),
                "path": str(installed.path) if installed else None,
                "bytes": size,
            }
        )
    if arguments.json:
        print_json(found)
        return 0
    for item in found:
        state = f"{item['bytes'] / 2**20:.0f} MiB in {item['path']}" if item["path"] else "not provisioned"
        print(f"{item['name']}: {item['summary']} [{state}]")
    return 0


def _install(arguments: argparse.Namespace) -> int:
    from anyport import publish, terminal
    from anyport.workshop import provide_toolchain

    known = {toolchain.name: toolchain for toolchain in all_toolchains()}
    for name in arguments.names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise RequestError(
                f"there is no toolchain {name!r}; there are {', '.join(known)}",
                f"Did you mean {near[0]!r}?" if near else "Type `anyport toolchain list`.",
            )
    chosen = [known[name] for name in arguments.names] or needed()
    logs = publish.new_log_folder()
    with terminal.progress(quiet=arguments.quiet or arguments.json, verbose=arguments.verbose) as progress:
        done = [provide_toolchain(toolchain, progress, logs) for toolchain in chosen]
    if arguments.json:
        print_json([{"name": item.name, "key": item.key, "path": str(item.path)} for item in done])
    elif not arguments.quiet:
        for item in done:
            print(f"{item.name}: {item.path}")
    return 0


def _prune(arguments: argparse.Namespace) -> int:
    from anyport import toolchains

    removed: list[Any] = toolchains.prune([] if arguments.all else all_toolchains())
    if arguments.json:
        print_json([item.key for item in removed])
    else:
        for item in removed:
            print(f"removed {item.key}")
        if not removed:
            print("nothing to remove")
    return 0
