"""Guest script: what a model in the canonical form consists of.

Request: `canonical`.  Result: `parameters` (`elements`, `bytes`), and for each of `signatures` its `flops`, `loops` and
`unknown` (see `anyport_tf.flops`) and `ops`: `{"op", "count", "where"}` each, the most frequent first, `where` naming
the layers or lines that most of them come from.
"""

from __future__ import annotations

import dataclasses
from collections import Counter
from typing import Any

from anyport_guest import Progress
from anyport_tf import flops
from anyport_tf.canonical import Canonical, Signature

MOST_NAMED = 3
UNINTERESTING = ("Const", "Placeholder", "Identity", "NoOp", "StopGradient")


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    model = Canonical.read(request["canonical"])
    contracts = {contract["name"]: contract for contract in model.contract["signatures"]}
    return {
        "parameters": dict(model.parameters),
        "signatures": {
            name: {
                **dataclasses.asdict(flops.of_signature(signature, contracts[name])),
                "ops": _ops(model, signature),
            }
            for name, signature in model.signatures.items()
        },
    }


def _ops(model: Canonical, signature: Signature) -> list[dict[str, Any]]:
    counts: Counter[str] = Counter()
    where: dict[str, Counter[str]] = {}
    nodes = [("", node) for node in signature.graph.node]
    for function in signature.graph.library.function:
        nodes += [(f"{function.signature.name}/", node) for node in function.node_def]
    for scope, node in nodes:
        if node.op not in UNINTERESTING:
            counts[node.op] += 1
            where.setdefault(node.op, Counter())[model.origin(scope + node.name)] += 1
    return [
        {
            "op": op,
            "count": count,
            "where": [origin for origin, _ in where[op].most_common(MOST_NAMED)],
            "places": len(where[op]),
        }
        for op, count in counts.most_common()
    ]
