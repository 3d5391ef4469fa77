"""The catalogue holds what it promises: every layer of Keras and every architecture of keras.applications."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

CASES = Path(__file__).parent / "cases"
ENVIRONMENT = {**os.environ, "CUDA_VISIBLE_DEVICES": "-1"}


@pytest.fixture(scope="module")
def listed(tensorflow_python: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder that `list_cases.py` filled, and what it listed."""
    folder = tmp_path_factory.mktemp("cases")
    script = [str(tensorflow_python), str(CASES / "list_cases.py"), str(folder)]
    ran = subprocess.run(script, capture_output=True, text=True, env=ENVIRONMENT, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]
    return folder, json.loads((folder / "cases.json").read_text(encoding="utf-8"))


def test_every_layer_of_keras_is_in_a_case(tensorflow_python: Path) -> None:
    script = [str(tensorflow_python), str(CASES / "covered.py")]
    ran = subprocess.run(script, capture_output=True, text=True, env=ENVIRONMENT, check=False)
    assert ran.returncode == 0, ran.stderr[-3000:]
    assert json.loads(ran.stdout) == {"missing": [], "needless": [], "failed": {}}


def test_every_architecture_of_keras_is_a_case(tensorflow_python: Path, listed: tuple[Path, dict[str, Any]]) -> None:
    code = "import keras.applications as a; print(*[n for n in dir(a) if n[0].isupper()])"
    ran = subprocess.run(
        [str(tensorflow_python), "-c", code], capture_output=True, text=True, env=ENVIRONMENT, check=True
    )
    names = ran.stdout.split()
    assert len(names) > 30
    assert [name for name in names if f"keras_applications.{name}_logits" not in listed[1]] == []


def test_every_module_has_cases_and_every_name_is_one_that_a_source_can_have(
    listed: tuple[Path, dict[str, Any]],
) -> None:
    modules = {path.stem for path in [*CASES.glob("keras_*.py"), *CASES.glob("tensorflow_*.py")]}
    assert {name.partition(".")[0] for name in listed[1]} == modules
    wrong = [name for name in listed[1] if not re.fullmatch(r"[a-z_]+\.[A-Za-z]\w*", name)]
    assert wrong == []


def test_samples_of_cases_can_be_read_without_pickle(listed: tuple[Path, dict[str, Any]]) -> None:
    folder, cases = listed
    given = {name: case["samples"] for name, case in cases.items() if case["samples"]}
    assert len(given) > 30
    for name, file in given.items():
        with np.load(folder / file, allow_pickle=False) as archive:
            assert archive.files, name
            assert all(archive[key].size for key in archive.files), name
