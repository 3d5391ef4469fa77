"""What holds for every registered target."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

from anyport import targets
from anyport.protocols import Runtime, Target, Toolchain

TARGETS = list(targets.registry().values())
RUNTIMES = [(target, runtime) for target in TARGETS for runtime in target.runtimes]
TOOLCHAINS = [toolchain for _, runtime in RUNTIMES for toolchain in runtime.toolchains]

each_target = pytest.mark.parametrize("target_", TARGETS, ids=lambda target: target.name)
each_runtime = pytest.mark.parametrize(("target_", "runtime"), RUNTIMES, ids=lambda item: item.name)
each_toolchain = pytest.mark.parametrize("toolchain", TOOLCHAINS, ids=lambda toolchain: toolchain.name)


def guest_main(script: Path) -> tuple[list[str], str]:
    """Return the parameters of a guest script's `main`, and its docstring, without running it."""
    parsed = ast.parse(script.read_text(encoding="utf-8"))
    (main,) = [node for node in parsed.body if isinstance(node, ast.FunctionDef) and node.name == "main"]
    return [argument.arg for argument in main.args.args], ast.get_docstring(parsed) or ""


def repeated(names: list[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]


@each_target
def test_names_can_be_typed_and_are_their_own(target_: Target) -> None:
    names = [target_.name, *target_.variants, *(runtime.name for runtime in target_.runtimes)]
    assert [name for name in names if not name or set(name) & set(":@ /\\")] == []
    assert repeated(list(target_.variants)) == []
    assert repeated([*(runtime.name for runtime in target_.runtimes), targets.EVERY_RUNTIME]) == []
    assert targets.registry()[target_.name] is target_


@each_target
def test_a_target_has_a_summary_a_variant_and_a_runtime_that_proves_it(target_: Target) -> None:
    assert target_.summary
    assert target_.variants
    assert target_.runtimes
    for variant in target_.variants:
        assert [item for item in target_.runtimes if item.default and variant not in item.cannot], variant
    assert {variant for runtime in target_.runtimes for variant in runtime.cannot} <= set(target_.variants)


def test_no_two_artifacts_share_a_folder() -> None:
    assert repeated([target.directory(variant) for target in TARGETS for variant in target.variants]) == []


@each_target
def test_a_converter_is_a_guest_script_that_opens_with_its_wire_format(target_: Target) -> None:
    parameters, docstring = guest_main(target_.convert)
    assert parameters == ["request", "progress"]
    for word in ("Guest", "Request", "signatures", "notes"):
        assert word in docstring
    assert "Result" in docstring or "Returns" in docstring


@each_runtime
def test_a_runtime_is_a_guest_script_that_opens_with_its_wire_format(target_: Target, runtime: Runtime) -> None:
    parameters, docstring = guest_main(runtime.script)
    assert parameters == ["request", "progress"]
    for word in ("Guest", "Request", "Result", "seconds"):
        assert word in docstring
    assert runtime.summary


@each_runtime
def test_a_runtime_says_who_runs_it_and_with_what(target_: Target, runtime: Runtime) -> None:
    if runtime.interpreter == "toolchain":
        assert runtime.toolchains, "no toolchain whose Python could run it"
        assert runtime.toolchains[0].kind in ("python", "emulated")
    assert runtime.emulated == any(toolchain.kind == "emulated" for toolchain in runtime.toolchains)
    assert set(runtime.spares) <= {toolchain.name for toolchain in runtime.toolchains}
    if runtime.page:
        assert runtime.toolchains[0].kind == "npm"
        assert [str(path) for path in runtime.page.files.values() if not path.is_file()] == []
    local = runtime.local()
    assert local is None or all(isinstance(key, str) for key in local)


@each_toolchain
def test_a_toolchain_has_a_lock_and_a_name_that_no_other_lock_has(toolchain: Toolchain) -> None:
    files = (
        [toolchain.lock / name for name in ("package.json", "package-lock.json")]
        if toolchain.kind == "npm"
        else [toolchain.lock]
    )
    files += [file for file in (toolchain.setup, toolchain.machine) if file]
    assert [str(file) for file in files if not file.is_file()] == []
    assert (toolchain.machine is not None) == (toolchain.kind == "emulated")
    assert toolchain.summary
    assert {other.lock for other in TOOLCHAINS if other.name == toolchain.name} == {toolchain.lock}
