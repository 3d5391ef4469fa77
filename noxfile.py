"""What is run on anyport itself: `nox` for everything, `nox -s NAME` for one session, `nox -l` for the list."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2024.4.15"
nox.options.sessions = [
    "lint",
    "types",
    "unit",
    "package",
    "contract",
    "sources",
    "repairs",
    "current",
    "noise",
    "mixtures",
    "devices",
    "servers",
    "parity",
    "variants",
    "debugger",
    "browsers",
]
nox.options.error_on_missing_interpreters = True
# Sessions find Python where nox itself was started from: the README asks for no more than that one.
PYTHON = sys.executable

TARGETS = ("saved_model", "tflite", "tfjs", "onnx")
ROOT = Path(__file__).parent
TESTING = ("pytest>=8", "numpy>=1.26", "hypothesis>=6")


def _install(session: nox.Session, *more: str) -> None:
    # setuptools builds in the tree and leaves what it built: a renamed module would stay in every later wheel.
    shutil.rmtree(ROOT / "build", ignore_errors=True)
    session.install(".", *more)


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff: rules and format."""
    session.install("ruff==0.17.6")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")


@nox.session
def types(session: nox.Session) -> None:
    """Mypy, strict, on the installed wheel: the package's names exist only there."""
    _install(session, "mypy==2.4.1", "types-jsonschema")
    temporary = Path(session.create_tmp()).resolve()
    guests = _guest_modules(temporary / "guests")
    session.chdir(temporary)
    config = ("--config-file", str(ROOT / "pyproject.toml"))
    session.run("mypy", *config, "-p", "anyport", env={"MYPYPATH": str(guests)})


def _guest_modules(folder: Path) -> Path:
    """Lay out what guests import by plain names, as `sys.path` does for them at run time."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "export" / "guest", folder)
    scripts = [*ROOT.glob("models/guest/*.py"), *ROOT.glob("targets/*/*.py")]
    for script in scripts:
        if script.name not in ("__init__.py", "convert.py", "preflight.py", "cut.py") and not script.name.startswith(
            "run_"
        ):
            shutil.copy(script, folder)
    return folder


@nox.session
def unit(session: nox.Session) -> None:
    """The host alone: no toolchain, seconds."""
    _install(session, *TESTING)
    session.run("pytest", "tests/unit", *session.posargs)


@nox.session
def package(session: nox.Session) -> None:
    """The wheel and the sdist: what is in them, and that they run in a bare environment."""
    session.install("build", "pytest>=8", "virtualenv")
    session.run("pytest", "tests/packaging", *session.posargs)


@nox.session
def contract(session: nox.Session) -> None:
    """What holds for every registered target, bad input and plug-ins; real toolchains."""
    _install(session, *TESTING)
    session.run("pytest", "tests/contract", *session.posargs)


@nox.session
def sources(session: nox.Session) -> None:
    """Every kind of source, good and bad, as TensorFlow's toolchain loads it."""
    _install(session, *TESTING)
    session.run("pytest", "tests/parity/test_sources.py", *session.posargs)


@nox.session
def repairs(session: nox.Session) -> None:
    """Every repair alone, state in the open, and every class of keras.layers in the catalogue."""
    _install(session, *TESTING)
    session.run(
        "pytest",
        "tests/parity/test_repairs.py",
        "tests/parity/test_catalogue.py",
        "tests/parity/test_state.py",
        *session.posargs,
    )


@nox.session
def current(session: nox.Session) -> None:
    """Every 40th case of the catalogue against what docs/matrix.json says of it, and the page against that."""
    _install(session)
    session.run("python", "tools/matrix_page.py", "--check")
    session.run("python", "tools/matrix.py", "--check", "40", *session.posargs)


@nox.session
def noise(session: nox.Session) -> None:
    """The verdict's multiple on a part of its study, and the study's page against its data."""
    _install(session, *TESTING)
    session.run("pytest", "tests/parity/test_tolerance.py", *session.posargs)
    session.run("python", "tools/tolerance_page.py", "--check")


@nox.session
def tolerance(session: nox.Session) -> None:
    """The study behind the verdict's multiple, and its page; resumes where it was ended (`-- --minutes M`)."""
    _install(session)
    session.run("python", "bench/tolerance/study.py", *session.posargs)
    session.run("python", "tools/tolerance_page.py")


@nox.session
def mixtures(session: nox.Session) -> None:
    """Random models of three layers of the catalogue; `-- --examples N` for more of them."""
    _install(session, *TESTING)
    session.run("pytest", "tests/parity/test_mixtures.py", *session.posargs)


@nox.session
def devices(session: nox.Session) -> None:
    """A network and an LSTM on emulated ARM boards and in TFLM, and the self-test that goes to a board."""
    _install(session, *TESTING)
    session.run("pytest", "tests/parity/test_devices.py", *session.posargs)


@nox.session
def servers(session: nox.Session) -> None:
    """Runtimes of servers that no export runs by default."""
    _install(session, *TESTING)
    session.run("pytest", "tests/parity/test_servers.py", *session.posargs)


@nox.session
@nox.parametrize("target", TARGETS, ids=TARGETS)
def parity(session: nox.Session, target: str) -> None:
    """The whole zoo to one target, in its real runtimes."""
    _install(session, *TESTING)
    session.run("pytest", "tests/parity/test_zoo.py", "--target", target, *session.posargs)


@nox.session
def variants(session: nox.Session) -> None:
    """Digits and an LSTM in every quantised variant and every runtime, and sabotage that the budgets must find."""
    _install(session, *TESTING)
    session.run("pytest", "tests/parity/test_variants.py", *session.posargs)


@nox.session
def debugger(session: nox.Session) -> None:
    """A sabotage of each target that the debugger must find, right artifacts that it must not blame, and its errors."""
    _install(session, *TESTING)
    session.run("pytest", "tests/parity/test_debugger.py", *session.posargs)


@nox.session(default=False)
def sabotages(session: nox.Session) -> None:
    """Every sabotage, and right artifacts of the zoo; `-- --write` writes the table of docs/debugger.md."""
    _install(session)
    session.run("python", "tools/sabotages.py", *session.posargs)


@nox.session(default=False)
def table_of_variants(session: nox.Session) -> None:
    """Measure every variant of the whole zoo; `-- --write` writes the table of docs/quantisation.md."""
    _install(session)
    session.run("python", "tools/variants.py", *session.posargs)


@nox.session(default=False)
def table_of_runtimes(session: nox.Session) -> None:
    """Prove the whole zoo in every variant in every runtime, for hours; `-- --write` writes docs/runtimes.md."""
    _install(session)
    session.run("python", "tools/runtimes.py", "--results", "dist/runtimes.json", *session.posargs)


@nox.session(default=False)
def table_of_exactness(session: nox.Session) -> None:
    """Compare quantised outputs of emulated ARM with this machine's; `-- --write` writes the table of docs/devices.md."""
    _install(session)
    session.run("python", "tools/exactness.py", *session.posargs)


@nox.session
def browsers(session: nox.Session) -> None:
    """A network and an LSTM in every browser runtime and backend, and what happens when a browser dies."""
    _install(session, *TESTING)
    session.run("pytest", "tests/parity/test_browsers.py", *session.posargs)


@nox.session(default=False)
def lock(session: nox.Session) -> None:
    """Regenerate every lock file: names, versions and hashes, no addresses."""
    session.install("uv", "packaging")
    session.run("python", "tools/lock.py", external=True)


@nox.session(default=False)
def export(session: nox.Session) -> None:
    """`nox -s export -- MODEL …`: each model to every target, below dist/."""
    _install(session)
    for model in session.posargs or ["digits"]:
        session.run("anyport", "export", model, *_all_targets(), "-o", f"dist/{_stem(model)}")


@nox.session(default=False)
def release(session: nox.Session) -> None:
    """The whole zoo to every target, into one folder with checksums."""
    _install(session)
    session.run("python", "tools/release.py", "dist/release", *session.posargs)


@nox.session(default=False)
def table(session: nox.Session) -> None:
    """Write the README's table of the zoo from what `nox -s release` left in dist/release."""
    session.run("python", "tools/zoo_table.py", "dist/release")


@nox.session(default=False)
def matrix(session: nox.Session) -> None:
    """Export the catalogue; with `--write`, docs/matrix.json, its page and the README's totals are made anew."""
    _install(session)
    session.run("python", "tools/matrix.py", *session.posargs)
    if "--write" in session.posargs:
        session.run("python", "tools/matrix_page.py")


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Anyport beside the official tools, in one run."""
    _install(session)
    session.run("python", "bench/compare.py", *session.posargs)


def _all_targets() -> list[str]:
    return [word for target in TARGETS for word in ("--to", target)]


def _stem(model: str) -> str:
    return os.path.splitext(os.path.basename(model.rpartition(":")[0] or model))[0]
