"""`anyport targets`: what each target and runtime is, and whether it can run here."""

from __future__ import annotations

import argparse
import shutil
from typing import Any

from anyport.cli._common import print_json
from anyport.protocols import Runtime


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(arguments: argparse.Namespace) -> int:
    from anyport import targets

    found = [
        {
            "name": target.name,
            "summary": target.summary,
            "variants": list(target.variants),
            "runtimes": [describe_runtime(runtime) for runtime in target.runtimes],
        }
        for target in targets.registry().values()
    ]
    if arguments.json:
        print_json(found)
    else:
        _print(found)
    return 0


def describe_runtime(runtime: Runtime) -> dict[str, Any]:
    """Return what a runtime is, and its `state`: `ready`, `to provision` or what is missing."""
    from anyport import toolchains

    local = runtime.local() or {}
    needed = runtime.required()
    missing = [program for program in runtime.needs if shutil.which(program) is None]
    problems = [f"{program} is not on PATH" for program in missing]
    problems += [runtime.lacking()] if runtime.lacking() else []
    problems += [str(error) for error in map(toolchains.lacking, needed) if error is not None]
    absent = [item.name for item in needed if toolchains.find(item) is None]
    if problems:
        state = f"can't run: {problems[0]}"
    elif absent:
        state = f"will provision {', '.join(absent)}"
    else:
        state = "ready"
    return {
        "name": runtime.name,
        "summary": runtime.summary,
        "state": state,
        "default": runtime.default,
        "cannot": dict(runtime.cannot),
        "local": {k: str(v) for k, v in local.items()},
    }


def _print(found: list[dict[str, Any]]) -> None:
    for target in found:
        print(f"{target['name']}: {target['summary']}")
        print(f"  variants: {', '.join(target['variants'])}")
        for runtime in target["runtimes"]:
            asked = "" if runtime["default"] else "; only where it is named"
            print(f"  @{runtime['name']}: {runtime['summary']} [{runtime['state']}{asked}]")
            for variant, why in runtime["cannot"].items():
                print(f"      not {variant}: {why}")
