"""Make `docs/tolerance.md`'s tables and `docs/tolerance.svg` of `docs/tolerance.json`: `python tools/tolerance_page.py`.

Called by `nox -s tolerance` after the study (`bench/tolerance/study.py`).  `--check` changes nothing and fails where the page
isn't what would be made.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from matrix_page import replace_marked

from anyport.compare import MULTIPLE

DOCS = Path(__file__).resolve().parent.parent / "docs"
DATA, PAGE, FIGURE = (DOCS / f"tolerance.{suffix}" for suffix in ("json", "md", "svg"))
MARKS = ("<!-- figures: made by tools/tolerance_page.py -->", "<!-- /figures -->")
WIDTH, HEIGHT, LEFT, BOTTOM = 720, 260, 40, 40
DECADES = range(-3, 10)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Make the page of the tolerance study.")
    parser.add_argument("--check", action="store_true", help="fail where the page is not current, and write nothing")
    arguments = parser.parse_args(argv)
    cases = json.loads(DATA.read_text(encoding="utf-8"))["cases"]
    page = replace_marked(PAGE.read_text(encoding="utf-8"), MARKS, [_tables(cases).removesuffix("\n")])
    made = {PAGE: page, FIGURE: _figure(cases)}
    stale = [path.name for path, text in made.items() if not path.is_file() or path.read_text(encoding="utf-8") != text]
    if arguments.check:
        print(f"not current: {', '.join(stale)}; run python tools/tolerance_page.py" if stale else "current")
        return 1 if stale else 0
    for path, text in made.items():
        path.write_text(text, encoding="utf-8")
    return 0


def _right(cases: Any) -> list[tuple[float, str, str, str]]:
    """Return ratio, case, runtime and status of every run of an artifact whose outputs are floats, the largest first."""
    found = [
        (ratio, name, runtime, status)
        for name, case in cases.items()
        for _, runtime, ratio, status, _ in case.get("right", ())
        if ratio is not None
    ]
    return sorted(found, reverse=True)


def _wrong(cases: Any) -> list[dict[str, Any]]:
    """Return every fault whose effect without rounding is known."""
    return [
        {**fault, "case": name}
        for name, case in cases.items()
        if not isinstance(case.get("wrong"), str)
        for fault in case.get("wrong", ())
    ]


def _tables(cases: Any) -> str:
    right, wrong = _right(cases), _wrong(cases)
    failed = sorted(
        {(name, run[1], run[4]) for name, case in cases.items() for run in case.get("right", ()) if run[3] == "failed"}
    )
    ratios = [item[0] for item in right]
    lines = [
        f"{len(cases)} cases; {len(ratios)} artifacts with float outputs, each in one runtime; {len(wrong)} faults.",
        "",
        "| right artifacts: error ÷ floor | |",
        "|---|---:|",
        *(f"| {label} | {_quantile(ratios, share):.2g} |" for label, share in QUANTILES),
        f"| largest | {ratios[0]:.2g} (`{right[0][1]}`, {right[0][2]}) |",
        f"| beyond {MULTIPLE:g}, called wrong | {len(failed)} |",
        "",
        *(f"- `{name}` in {runtime}: {reason}" for name, runtime, reason in failed),
        *([""] if failed else []),
        "| fault | made | changes nothing | below the noise | changes it | found | least ratio found |",
        "|---|---:|---:|---:|---:|---:|---:|",
        *(_row(kind, [item for item in wrong if item["kind"] == kind]) for kind in sorted({w["kind"] for w in wrong})),
        _row("all", wrong),
        "",
        *_missed(wrong),
    ]
    return "\n".join(lines) + "\n"


QUANTILES = (("median", 0.5), ("99 %", 0.99), ("99.9 %", 0.999))


def _quantile(values: Sequence[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _effect(fault: Any) -> float:
    """Return by how many floors the fault moves the outputs without any rounding; infinite where an integer differs."""
    return math.inf if fault["changes"] is None else float(fault["changes"])


def _is_found(fault: Any) -> bool:
    return fault["ratio"] is None or fault["ratio"] > MULTIPLE


def _row(kind: str, faults: Sequence[Any]) -> str:
    nothing = [fault for fault in faults if _effect(fault) == 0]
    below = [fault for fault in faults if 0 < _effect(fault) <= MULTIPLE]
    changing = [fault for fault in faults if _effect(fault) > MULTIPLE]
    found = [fault for fault in changing if _is_found(fault)]
    least = min((fault["ratio"] for fault in found if fault["ratio"] is not None), default=math.nan)
    return f"| {kind} | {len(faults)} | {len(nothing)} | {len(below)} | {len(changing)} | {len(found)} | {least:.3g} |"


def _missed(faults: Sequence[Any]) -> Iterable[str]:
    below = sorted((fault for fault in faults if 0 < _effect(fault) <= MULTIPLE), key=_effect, reverse=True)
    names = sorted({fault["case"] for fault in below})
    if names:
        yield f"Below the noise, in {len(names)} cases: {', '.join(f'`{name}`' for name in names)}."
        yield ""


def _figure(cases: Any) -> str:
    """Draw both distributions: how many runs and faults are in each third of a decade."""
    right = [item[0] for item in _right(cases)]
    wrong = [fault["ratio"] for fault in _wrong(cases) if fault["ratio"] is not None and _effect(fault) > 0]
    bars = [*_bars(right, "right", 0), *_bars(wrong, "wrong", 1)]
    ticks = [
        f'<text x="{_x(decade):.1f}" y="{HEIGHT - 20}" text-anchor="middle">10<tspan dy="-5" font-size="9">{decade}'
        "</tspan></text>"
        for decade in DECADES
    ]
    limit = _x(math.log10(MULTIPLE))
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" '
            'font-family="sans-serif" font-size="12">',
            "<title>Error over noise floor, of right artifacts and of broken models</title>",
            "<desc>Right artifacts lie left of the allowed multiple, broken models right of it.</desc>",
            "<style>.right{fill:#1b7f4b}.wrong{fill:#b3261e;fill-opacity:.75}line{stroke:#888}text{fill:#777}</style>",
            *bars,
            f'<line x1="{limit:.1f}" x2="{limit:.1f}" y1="20" y2="{HEIGHT - BOTTOM}" stroke-dasharray="4 3"/>',
            f'<text x="{limit + 4:.1f}" y="30">allowed: {MULTIPLE:g}</text>',
            f'<line x1="{LEFT}" x2="{WIDTH}" y1="{HEIGHT - BOTTOM}" y2="{HEIGHT - BOTTOM}"/>',
            *ticks,
            f'<text x="{WIDTH / 2}" y="{HEIGHT - 4}" text-anchor="middle">error ÷ noise floor</text>',
            f'<text x="{_x(-1):.1f}" y="14" text-anchor="middle">right artifacts ({len(right)})</text>',
            f'<text x="{_x(5):.1f}" y="14" text-anchor="middle">broken models ({len(wrong)})</text>',
            "</svg>\n",
        ]
    )


def _x(exponent: float) -> float:
    return LEFT + (exponent - DECADES[0]) / (DECADES[-1] - DECADES[0]) * (WIDTH - LEFT - 20)


def _bars(values: Sequence[float], name: str, shift: float) -> list[str]:
    """Return a bar for each third of a decade; what is smaller than the scale stands at its beginning."""
    counts: dict[int, int] = {}
    for value in values:
        exponent = max(math.log10(value) if value > 0 else -math.inf, DECADES[0])
        counts[math.floor(min(exponent, DECADES[-1]) * 3)] = (
            counts.get(math.floor(min(exponent, DECADES[-1]) * 3), 0) + 1
        )
    most = max(counts.values(), default=1)
    step = (_x(1) - _x(0)) / 3
    return [
        f'<rect class="{name}" x="{_x(third / 3):.1f}" width="{step - 1.5:.1f}" y="{HEIGHT - BOTTOM - size:.1f}" '
        f'height="{size:.1f}"><title>{count}</title></rect>'
        for third, count in sorted(counts.items())
        for size in [180 * math.sqrt(count / most)]
    ]


if __name__ == "__main__":
    sys.exit(main())
