"""anyport: export a Keras or TensorFlow model to where it will run, and prove it there.

    report = anyport.export("model.keras", to=["tflite", "onnx"], out="dist/model")
    report.raise_for_status()

Imports no ML framework, and nothing at all until it is used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from anyport._version import __version__
from anyport.errors import AnyportError, ConversionError, Interrupted, ParityError, RequestError, ToolchainError

if TYPE_CHECKING:
    from anyport.api import check, debug, embed, export, inspect
    from anyport.debugging import Divergence, Layer
    from anyport.inspection import Inspection, Outlook
    from anyport.report import Artifact, Report, Run

__all__ = [
    "AnyportError",
    "Artifact",
    "ConversionError",
    "Divergence",
    "Inspection",
    "Interrupted",
    "Layer",
    "Outlook",
    "ParityError",
    "Report",
    "RequestError",
    "Run",
    "ToolchainError",
    "__version__",
    "check",
    "debug",
    "embed",
    "export",
    "inspect",
]

_LAZY = {
    "export": "api",
    "check": "api",
    "debug": "api",
    "embed": "api",
    "inspect": "api",
    "Report": "report",
    "Artifact": "report",
    "Run": "report",
    "Divergence": "debugging",
    "Layer": "debugging",
    "Inspection": "inspection",
    "Outlook": "inspection",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f".{_LAZY[name]}", __name__), name)
