"""Guest script: what ONNX can't say of the canonical form, and what must be repaired for it.

Request: `canonical`, `variant`, `options.opset` (18 unless given).  Result: `repairs`, `refusals` and `notes`.
"""

from __future__ import annotations

from typing import Any

from onnx_prepare import prepare

from anyport_guest import Progress
from anyport_tf.canonical import Canonical


def main(request: dict[str, Any], progress: Progress) -> dict[str, Any]:
    return prepare(Canonical.read(request["canonical"]), request).report()
