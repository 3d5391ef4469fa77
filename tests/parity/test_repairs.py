"""Every rule of every target, alone: it does what it is about, and changes no number."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import anyport
from anyport import targets

HERE = Path(__file__).parent


def test_every_rule_keeps_the_numbers(tensorflow_python: Path) -> None:
    guest = Path(anyport.__file__).parent / "guest"
    script = [
        str(tensorflow_python),
        str(HERE / "repairs" / "check.py"),
        str(guest),
        str(Path(targets.__file__).parent),
    ]
    ran = subprocess.run(
        script, capture_output=True, text=True, check=False, env={**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}
    )
    assert ran.returncode == 0, ran.stderr[-3000:]
    found = json.loads(ran.stdout)
    assert found
    assert {name: item["problems"] for name, item in found.items() if item["problems"]} == {}
