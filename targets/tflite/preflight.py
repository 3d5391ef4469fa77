"""Guest script: what TFLite's built-in operators can't do with the canonical form, and what must be repaired for them.

Request: `canonical`, `variant`, `options`.  Result: `repairs`, `refusals` and `notes`.
"""

from __future__ import annotations

from typing import Any

from tflite_prepare import prepare

from anyport_guest import Progress
from anyport_tf.canonical import Canonical


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    return prepare(Canonical.read(request["canonical"]), request).report()
