"""The debugger: which layer of an artifact is the first that is wrong by itself, and a reproduction without anyport.

`run_debug` is called by `anyport debug` and by `anyport.debug`.  What is debugged is the file that lies in the export, and the
runtime that it is run in: the file is cut open by the target's `cut.py`, run with its inner tensors as outputs, and compared,
segment by segment, with what the source computes from the same values (`anyport_tf.divergence`).  Rooms: `subject.py` reads
what was asked for, `session.py` takes the steps, `reproduction.py` writes the minimal reproduction, `divergence.py` is the result.
"""

from __future__ import annotations

from anyport.debugging.divergence import Divergence, Layer
from anyport.debugging.session import run_debug
from anyport.debugging.subject import DebugOptions

__all__ = ["DebugOptions", "Divergence", "Layer", "run_debug"]
