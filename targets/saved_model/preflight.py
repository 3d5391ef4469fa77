"""Guest script: whether the canonical form can be a SavedModel, and what has to be repaired.

Request: `canonical`, `variant`, `options`.  Result: `repairs`, `refusals` and `notes`.
"""

from __future__ import annotations

from typing import Any

from saved_model_prepare import prepare

from anyport_guest import Progress
from anyport_tf.canonical import Canonical


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    return prepare(Canonical.read(request["canonical"])).report()
