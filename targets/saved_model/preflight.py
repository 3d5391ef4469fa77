"""Guest script: whether the canonical form can be a SavedModel.  It always can; nothing is repaired.

Request: `canonical`, `variant`, `options`.  Result: `repairs`, `refusals` and `notes`.
"""

from __future__ import annotations

from typing import Any

from anyport_guest import Progress
from anyport_tf.canonical import Canonical
from anyport_tf.preflight import Prepared


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    return Prepared(model=Canonical.read(request["canonical"]), repairs=()).report()
