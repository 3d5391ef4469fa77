"""Write the README's table of the zoo from a release: `python tools/zoo_table.py dist/release`.

Called by `nox -s table`, after `nox -s release`.  A cell is what the manifests say: how many runtimes confirmed
it, and the largest error among them relative to the output's largest value.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matrix_page import replace_marked

README = Path(__file__).parent.parent / "README.md"
MARKS = ("<!-- zoo: made by tools/zoo_table.py -->", "<!-- /zoo -->")


def main(folder: str) -> None:
    release = Path(folder)
    models = [item["model"] for item in json.loads((release / "release.json").read_text(encoding="utf-8"))["models"]]
    manifests = {name: json.loads((release / name / "anyport.json").read_text(encoding="utf-8")) for name in models}
    text = README.read_text(encoding="utf-8")
    README.write_text(replace_marked(text, MARKS, [table(manifests).removesuffix("\n")]), encoding="utf-8")


def table(manifests: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the Markdown table."""
    names = list(dict.fromkeys(artifact["target"] for item in manifests.values() for artifact in item["artifacts"]))
    lines = [["model", *names], ["---"] * (len(names) + 1)]
    for model, manifest in manifests.items():
        artifacts = {artifact["target"]: artifact for artifact in manifest["artifacts"]}
        lines.append([f"`{model}`", *(_cell(artifacts.get(name)) for name in names)])
    return "".join(f"| {' | '.join(cells)} |\n" for cells in lines)


def _cell(artifact: Mapping[str, Any] | None) -> str:
    if artifact is None:
        return "not asked for"
    if artifact["status"] != "passed":
        return f"**{artifact['status'].replace('_', ' ')}**: {artifact['reason']}"
    return f"passed ×{len(artifact['runs'])}, {_error(artifact['runs'])}"


def _error(runs: Sequence[Mapping[str, Any]]) -> str:
    errors = [
        output["max_rel_error"] for run in runs for output in run["outputs"] if output["max_rel_error"] is not None
    ]
    worst = max(errors, default=0.0)
    return f"{worst:.0e}" if worst else "exact"


if __name__ == "__main__":
    main(sys.argv[1])
