"""`anyport embed`: the sources of a firmware compile, hold the file, and register the operators that the file has."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from command import Answer, Anyport

PROGRAM = """\
#include <cstdio>
#include "model.h"

// Takes every call that MicroMutableOpResolver would, and says which.
struct Resolver {
  int status = 0;
%(methods)s
};

int main(int count, char**) {
  Resolver resolver;
  resolver.status = count - 1;
  bool added = AddOperators(resolver);
  if (count > 1) return added ? 1 : 0;
  std::fwrite(kModel, 1, kModelSize, stderr);
  std::printf("%%d %%u %%d %%zu\\n", added, kOperatorCount, int(reinterpret_cast<std::size_t>(kModel) %% 16), kTensorArenaSize);
  return 0;
}
"""
KNOWN = ("Conv2D", "MaxPool2D", "Shape", "StridedSlice", "Pack", "Reshape", "FullyConnected")
"""What the digits model is made of, by the names of TFLM's methods."""
OPERATORS = """
import sys
from ai_edge_litert.interpreter import Interpreter
details = Interpreter(sys.argv[1])._get_ops_details()
print(*sorted({item["op_name"] for item in details} - {"DELEGATE"}))
"""


@pytest.fixture(scope="module")
def firmware(anyport: Anyport, digits: tuple[Answer, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The digits model as sources."""
    folder = tmp_path_factory.mktemp("firmware")
    answer = anyport("embed", digits[1], "-o", "src", cwd=folder)
    assert answer.code == 0, answer.err
    assert answer.out.split() == ["src/model.h", "src/model.cc"]
    return folder / "src"


@pytest.fixture(scope="module")
def program(firmware: Path) -> Path:
    """A program made of them, and of a resolver that writes down what it is asked for."""
    methods = "\n".join(f'  int Add{name}() {{ std::printf("{name} "); return status; }}' for name in KNOWN)
    (firmware / "main.cc").write_text(PROGRAM % {"methods": methods})
    compiler = shutil.which("g++") or shutil.which("c++")
    assert compiler, "no C++ compiler is on PATH: sources that were never compiled prove nothing"
    command = [compiler, "-std=c++17", "-Wall", "-Wextra", "-Werror", "-o", "program", "main.cc", "model.cc"]
    subprocess.run(command, cwd=firmware, check=True)
    return firmware / "program"


def test_the_array_is_the_file_and_aligned(program: Path, digits: tuple[Answer, Path]) -> None:
    done = subprocess.run([program], capture_output=True, check=True)
    assert done.stderr == (digits[1] / "tflite" / "model.tflite").read_bytes()
    added, count, misaligned, arena = done.stdout.decode().split()[-4:]
    assert (added, misaligned) == ("1", "0")
    assert int(count) == len(KNOWN)
    assert 4096 < int(arena) < 65536, "an arena of a network this small"


def test_the_operators_are_exactly_the_file_s(program: Path, digits: tuple[Answer, Path]) -> None:
    from anyport import publish
    from anyport.targets.tflite import LITERT
    from anyport.targets.tflite.tflm_sources import method
    from anyport.terminal import Quiet
    from anyport.workshop import provide_toolchain

    python = provide_toolchain(LITERT, Quiet(), publish.new_log_folder()).python
    command = [python, "-I", "-c", OPERATORS, digits[1] / "tflite" / "model.tflite"]
    there = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    registered = subprocess.run([program], capture_output=True, check=True).stdout.decode().split()[:-4]
    assert sorted(f"Add{name}" for name in registered) == sorted(map(method, there))


def test_an_operator_that_the_resolver_does_not_take_is_told(program: Path) -> None:
    assert subprocess.run([program, "refuse"], capture_output=True, check=False).returncode == 0


def test_the_same_artifact_gives_the_same_sources(
    anyport: Anyport, digits: tuple[Answer, Path], firmware: Path, tmp_path: Path
) -> None:
    assert anyport("embed", digits[1], "-o", ".", "--only", "tflite", "-q", cwd=tmp_path) == Answer(0, "", "")
    for name in ("model.h", "model.cc"):
        assert (tmp_path / name).read_bytes() == (firmware / name).read_bytes()


def test_what_is_not_right_there_is_not_written(anyport: Anyport, exported: Path, tmp_path: Path) -> None:
    with (exported / "tflite" / "model.tflite").open("ab") as file:
        file.write(b"more")
    answer = anyport("embed", exported, "-o", "src", cwd=tmp_path)
    assert answer.code == 3
    assert "is not the file that was exported" in answer.err
    assert not (tmp_path / "src").exists()


@pytest.mark.parametrize(
    ("operator", "name"),
    [
        ("CONV_2D", "AddConv2D"),
        ("ADD_N", "AddAddN"),
        ("L2_POOL_2D", "AddL2Pool2D"),
        ("RELU6", "AddRelu6"),
        ("SELECT_V2", "AddSelectV2"),
        ("SPACE_TO_BATCH_ND", "AddSpaceToBatchNd"),
        ("PADV2", "AddPadV2"),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", "AddUnidirectionalSequenceLSTM"),
    ],
)
def test_methods_are_those_of_tflm_s_header(operator: str, name: str) -> None:
    from anyport.targets.tflite.tflm_sources import method

    assert method(operator) == name
