"""Graphics processors, for every target that can compute on one: whether this machine has one.

Targets and plug-ins may import this module, as they may `anyport.protocols`; what it returns is for `Runtime.lacking`.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

DEVICE = Path("/dev/nvidiactl")
"""What NVIDIA's driver makes on Linux, in containers too; elsewhere, WSL included, the driver brings `TOOL`."""
TOOL = "nvidia-smi"


def lacks_nvidia() -> str:
    """Return what an NVIDIA graphics processor needs and this machine lacks, as a clause; nothing where one is here."""
    if DEVICE.exists() or shutil.which(TOOL):
        return ""
    return f"no NVIDIA driver is here: neither {DEVICE} nor {TOOL} on PATH"


def lacks_nvidia_on_linux() -> str:
    """Return the same for a library whose CUDA packages exist for Linux alone."""
    return lacks_nvidia() if sys.platform == "linux" else "its CUDA packages exist for Linux alone"
