"""What the tests share: the option `--target`, and toolchains provisioned once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--target", default=None, help="test this target alone")
    parser.addoption("--examples", type=int, default=0, help="how many random mixtures to export; a few by default")


@pytest.fixture(scope="session", autouse=True)
def _logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Logs of the tests' own runs stay out of the user's folder."""
    before = os.environ.get("ANYPORT_LOGS")
    os.environ["ANYPORT_LOGS"] = str(tmp_path_factory.mktemp("logs"))
    yield
    if before is None:
        del os.environ["ANYPORT_LOGS"]
    else:
        os.environ["ANYPORT_LOGS"] = before


@pytest.fixture(scope="session")
def tensorflow_python(_logs: None) -> Path:
    """The Python of the TensorFlow toolchain, provisioned if need be."""
    # Here, since the packaging tests run where anyport isn't installed.
    from anyport import models, publish
    from anyport.terminal import Quiet
    from anyport.workshop import provide_toolchain

    return provide_toolchain(models.TENSORFLOW, Quiet(), publish.new_log_folder()).python
