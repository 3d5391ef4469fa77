"""Every sabotage of `tests/parity/sabotage`, and right artifacts of the zoo, through the debugger.

`--write` writes the table into docs/debugger.md; `--only TEXT` takes those whose names hold it, and writes nothing.  Ends with
status 1 where the debugger names a wrong layer in more than two of thirty, or blames a right artifact.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from matrix_page import replace_marked

import anyport
from anyport import models, publish, targets
from anyport.models import zoo
from anyport.terminal import Quiet
from anyport.workshop import provide_toolchain

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "debugger.md"
MARKS = ("<!-- sabotages: made by tools/sabotages.py -->", "<!-- /sabotages -->")
LEAST = 28 / 30
"""Share of the sabotages in which the right layer must be named."""
SLOW = ("resnet50",)
"""Zoo models that are left out of the right artifacts: bench/ measures how long they take."""

sys.path.insert(0, str(ROOT / "tests" / "parity" / "sabotage"))

import catalogue  # noqa: E402


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--only", default="")
    arguments = parser.parse_args()
    python = provide_toolchain(models.TENSORFLOW, Quiet(), publish.new_log_folder()).python
    with tempfile.TemporaryDirectory(prefix="anyport-sabotages-") as name:
        work = Path(name)
        altered = list(_altered(arguments.only, work, python))
        right = list(_right(arguments.only, work))
    found, blamed = sum(ok for ok, _ in altered), [row for ok, row in right if not ok]
    text = _page(altered, right)
    print(text)
    if arguments.write and not arguments.only:
        page = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(replace_marked(page, MARKS, [text.removesuffix("\n")]), encoding="utf-8")
    return int(bool(blamed) or (bool(altered) and found < LEAST * len(altered)))


def _exported(model: str, work: Path) -> Path:
    folder = work / model
    if not folder.exists():
        anyport.export(model, [name for name in targets.BUILT_IN if targets.registry()[name].cut is not None], folder)
    return folder


def _altered(only: str, work: Path, python: Path) -> Iterator[tuple[bool, str]]:
    for number, sabotage in enumerate(catalogue.SABOTAGES):
        if only not in sabotage.name:
            continue
        found = catalogue.run(sabotage, _exported(sabotage.model, work), work / f"altered-{number}", python)
        ok = catalogue.names_right(sabotage, found)
        layer = "none" if found.layer is None else ", ".join((found.layer.name, *found.layer.also))
        cause = found.cause["kind"] if found.cause else ""
        alone = "fails" if found.confirmed else ""
        where = f"{sabotage.target}@{found.runtime}"
        cells = (
            sabotage.model,
            where,
            sabotage.layer,
            f"`{sabotage.how}`",
            layer if ok else f"**{layer}**",
            cause,
            alone,
        )
        print(sabotage.name, "found" if ok else f"not found: {layer}", file=sys.stderr, flush=True)
        yield ok, f"| {' | '.join(cells)} |"


def _right(only: str, work: Path) -> Iterator[tuple[bool, str]]:
    for model in zoo.names():
        for target in targets.BUILT_IN:
            if targets.registry()[target].cut is None or model in SLOW or only not in f"{model}-{target}-right":
                continue
            found = anyport.debug(_exported(model, work), target, out=work / "right" / f"{model}-{target}")
            compared = [layer for layer in found.layers if layer.status == "right"]
            ratio = max((layer.own_ratio or 0.0 for layer in compared), default=0.0)
            passed = len(found.layers) - len(compared)
            cells = (model, f"{target}@{found.runtime}", str(len(compared)), str(passed), f"{ratio:.1f}")
            print(model, target, "blamed" if found.layer else "right", f"{ratio:.1f}", file=sys.stderr, flush=True)
            yield found.passed and found.layer is None, f"| {' | '.join(cells)} |"


def _page(altered: list[tuple[bool, str]], right: list[tuple[bool, str]]) -> str:
    found = sum(ok for ok, _ in altered)
    blamed = sum(not ok for ok, _ in right)
    lines = [
        f"The right layer was named in {found} of {len(altered)} sabotaged artifacts; of {len(right)} right artifacts, "
        f"{blamed} were blamed.",
        "",
        "| model | artifact | altered layer | how | named | looks like | alone |",
        "|---|---|---|---|---|---|---|",
        *(row for _, row in altered),
        "",
        "Right artifacts: tensors that were compared, those that are misnamed and were passed through, and the largest error of",
        "any layer by itself over its own noise (16 would be too much).",
        "",
        "| model | artifact | compared | passed through | largest ratio |",
        "|---|---|---|---|---|",
        *(row for _, row in right),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
