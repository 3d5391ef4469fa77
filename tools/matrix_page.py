"""Make the page of the matrix, and the README's totals, from `docs/matrix.json`: `python tools/matrix_page.py [--check]`.

Called by `nox -s matrix`.  `page(data)` returns `docs/matrix.md`, `totals(data)` the table that README.md shows between
its marks.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
DATA, PAGE, README = (ROOT / name for name in ("docs/matrix.json", "docs/matrix.md", "README.md"))
MARKS = ("<!-- matrix -->", "<!-- /matrix -->")
TARGETS = ("saved_model", "tflite", "tfjs", "onnx")
FAMILIES = {"keras": "Keras", "tensorflow": "low-level TensorFlow"}
GOOD = ("passes", "repaired")
WORDS = {"passes": "✓", "repaired": "✓ repaired", "refused": "✗ refused", "failed": "✗ failed"}

Cases = Mapping[str, Mapping[str, Any]]


def page(data: Mapping[str, Any]) -> str:
    """Return the page: totals, every case, what was refused and why, what was repaired and why."""
    cases: Cases = data["cases"]
    parts = [
        "# Every case, every target",
        "",
        "Made by `nox -s matrix`; don't edit. Each case of `tests/parity/cases` is exported to every target and run in every",
        "runtime of that target; it passes only if every output of every signature equals the source's in all of them.",
        "",
        *totals(data).splitlines(),
        "",
        *_not_run(data["not_run"]),
        f"Versions: {', '.join(f'{name} {version}' for name, version in data['versions'].items())}.",
        "",
        *_legend(cases),
        *_refusals(cases),
        *_repairs(data),
        *_modules(cases),
    ]
    return "\n".join(parts) + "\n"


def totals(data: Mapping[str, Any]) -> str:
    """Return the table of shares by family and target, with the official tools' beside it where they were run."""
    cases: Cases = data["cases"]
    lines = ["| | cases | " + " | ".join((*TARGETS, "all four")) + " |", "|---" * (len(TARGETS) + 3) + "|"]
    for family, title in FAMILIES.items():
        members = [case for case in cases.values() if case["family"] == family]
        if members:
            lines.append(_row(title, members, "targets"))
            if compared := [case for case in members if "by_hand" in case]:
                lines.append(_row(f"{title}, what was also converted by hand: anyport", compared, "targets"))
                lines.append(_row(f"{title}, the same: the official tools by hand", compared, "by_hand"))
    if data["not_run"]:
        whole = len(cases) + len(data["not_run"])
        lines += [
            "",
            f"{len(cases)} of the catalogue's {whole} cases were run for this table; docs/matrix.md names the others.",
        ]
    return "\n".join(lines)


def _row(title: str, members: list[Mapping[str, Any]], column: str) -> str:
    good = [{target for target, item in case[column].items() if item["outcome"] in GOOD} for case in members]
    counts = [sum(target in found for found in good) for target in TARGETS]
    counts.append(sum(found >= set(TARGETS) for found in good))
    shares = (f"{count} ({100 * count / len(members):.1f} %)" for count in counts)
    return f"| {title} | {len(members)} | {' | '.join(shares)} |"


def _not_run(names: list[str]) -> list[str]:
    """Say which cases of the catalogue were not run: they count neither way."""
    if not names:
        return []
    listed = ", ".join(f"`{name}`" for name in names)
    return [
        "Not run yet, and counted neither way:",
        "",
        f"<details><summary>{len(names)} cases</summary>{listed}</details>",
        "",
    ]


def _legend(cases: Cases) -> list[str]:
    lines = [
        "✓ passes as it is; ✓ repaired: passes after the repairs listed below; ✗ refused: before conversion, with the reason",
        "listed below.",
    ]
    if any("by_hand" in case for case in cases.values()):
        lines.append(
            "In brackets what the official tools make of it by hand, by the better of their documented routes:"
        )
        lines.append("✓ right, ✗ no file, ✗ fails (in the runtime), **✗ wrong** (it runs, and answers otherwise).")
    return [*lines, ""]


def _refusals(cases: Cases) -> list[str]:
    lines = ["## Refused, or failed", ""]
    for target in TARGETS:
        refused = {
            name: case["targets"][target]
            for name, case in cases.items()
            if case["targets"][target]["outcome"] not in GOOD
        }
        if refused:
            lines += [f"**{target}** ({len(refused)})", ""]
            lines += [
                f"- `{name}`: {_plain(item['reason'])} {_plain(item.get('hint', ''))}" for name, item in refused.items()
            ]
            lines.append("")
    return lines


def _repairs(data: Mapping[str, Any]) -> list[str]:
    lines = ["## Repairs", "", "| target | repair | cases | why | seen up to |", "|---|---|---|---|---|"]
    for target in TARGETS:
        used = Counter(rule for case in data["cases"].values() for rule in case["targets"][target].get("repairs", ()))
        for rule, count in sorted(used.items()):
            stated = data["rules"][target][rule]
            lines.append(f"| {target} | {rule} | {count} | {_plain(stated['why'])} | {stated['until']} |")
    return [*lines, ""]


def _modules(cases: Cases) -> list[str]:
    lines = []
    modules: dict[str, list[str]] = {}
    for name in cases:
        modules.setdefault(name.partition(".")[0], []).append(name)
    for module, names in modules.items():
        lines += [f"## {module}", "", f"| case | {' | '.join(TARGETS)} |", "|---" * (len(TARGETS) + 1) + "|"]
        lines += [_case(name.partition(".")[2], cases[name]) for name in names]
        lines.append("")
    return lines


def _case(name: str, case: Mapping[str, Any]) -> str:
    cells = []
    for target in TARGETS:
        cell = WORDS[case["targets"][target]["outcome"]]
        if "by_hand" in case:
            cell += f" ({_by_hand(case['by_hand'][target])})"
        cells.append(cell)
    return f"| {name} | {' | '.join(cells)} |"


def _by_hand(item: Mapping[str, Any]) -> str:
    words = {"passes": "✓", "no file": "✗ no file", "fails": "✗ fails", "wrong": "**✗ wrong**"}
    return words[item["outcome"]]


def _plain(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def replace_marked(text: str, marks: tuple[str, str], lines: Iterable[str]) -> str:
    """Return the text with the lines between its two marks replaced."""
    before, _, rest = text.partition(marks[0])
    _, _, after = rest.partition(marks[1])
    return f"{before}{marks[0]}\n{chr(10).join(lines)}\n{marks[1]}{after}"


def main(arguments: Sequence[str]) -> int:
    """Write the page and the totals; with `--check`, say which of them is not as it would be written."""
    data = json.loads(DATA.read_text(encoding="utf-8"))
    readme = README.read_text(encoding="utf-8")
    made = {PAGE: page(data), README: replace_marked(readme, MARKS, ["", *totals(data).splitlines(), ""])}
    if "--check" not in arguments:
        for path, text in made.items():
            path.write_text(text, encoding="utf-8")
        return 0
    stale = [path.name for path, text in made.items() if path.read_text(encoding="utf-8") != text]
    print(f"not as {DATA.name} says: {', '.join(stale)}; type: python tools/matrix_page.py" if stale else "current")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
