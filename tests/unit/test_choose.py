"""`target[:variant][@runtime]`, and targets of other packages."""

from __future__ import annotations

import dataclasses
import importlib.metadata
from collections.abc import Iterator
from pathlib import Path

import pytest

from anyport import targets
from anyport.errors import RequestError
from anyport.protocols import Runtime, Target

RUNTIMES = tuple(Runtime(name=name, summary="", script=Path("run.py")) for name in ("alpha", "beta"))
SLOW = Runtime(name="slow", summary="", script=Path("run.py"), default=False, cannot={"small": "it has no room"})
FAKE = Target(
    name="fake", summary="", variants=("plain", "small"), convert=Path("convert.py"), runtimes=(*RUNTIMES, SLOW)
)


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> None:
    """One registered target, with two variants, two runtimes and one that waits to be asked for."""
    monkeypatch.setattr(targets, "registry", lambda: {"fake": FAKE})


def chosen(*texts: str) -> list[tuple[str, str, list[str]]]:
    return [
        (choice.target.name, choice.variant, [runtime.name for runtime in choice.runtimes])
        for choice in targets.choose(texts)
    ]


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["fake"], [("fake", "plain", ["alpha", "beta"])]),
        (["fake:small"], [("fake", "small", ["alpha", "beta"])]),
        (["fake@beta"], [("fake", "plain", ["beta"])]),
        (["fake:small@alpha"], [("fake", "small", ["alpha"])]),
        (["fake@beta", "fake:plain@alpha"], [("fake", "plain", ["beta", "alpha"])]),
        (["fake", "fake"], [("fake", "plain", ["alpha", "beta"])]),
        (["fake:small", "fake"], [("fake", "small", ["alpha", "beta"]), ("fake", "plain", ["alpha", "beta"])]),
        (["fake@slow"], [("fake", "plain", ["slow"])]),
        (["fake@all"], [("fake", "plain", ["alpha", "beta", "slow"])]),
        (["fake:small@all"], [("fake", "small", ["alpha", "beta"])]),
        ([], []),
    ],
)
def test_words_become_choices(texts: list[str], expected: list[tuple[str, str, list[str]]]) -> None:
    assert chosen(*texts) == expected


@pytest.mark.usefixtures("fake")
@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("fak", "there is no target 'fak'; there are fake", "Did you mean 'fake'?"),
        ("xyz", "there is no target 'xyz'", "anyport targets"),
        ("", "there is no target ''", "anyport targets"),
        ("FAKE:small", "there is no target 'FAKE'", "anyport targets"),
        ("fake:smal", "there is no variant of fake 'smal'; there are plain, small", "Did you mean 'small'?"),
        ("fake@gamma", "there is no runtime of fake 'gamma'; there are alpha, beta", "anyport targets"),
        ("fake:small@slow", "slow can't run fake:small: it has no room", "Name one that can: alpha, beta."),
        ("fake@bta", "there is no runtime of fake 'bta'", "Did you mean 'beta'?"),
        ("fake@beta:small", "there is no runtime of fake 'beta:small'", "beta"),
    ],
)
def test_an_unknown_word_is_refused_with_the_nearest_known(text: str, said: str, hint: str) -> None:
    with pytest.raises(RequestError, match=said) as caught:
        targets.choose([text])
    assert hint in caught.value.hint


@pytest.fixture
def _fresh_registry() -> Iterator[None]:
    targets.registry.cache_clear()
    yield
    targets.registry.cache_clear()


def _announce(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    point = importlib.metadata.EntryPoint(name="any", value=value, group=targets.GROUP)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [point] if group == targets.GROUP else [])


@pytest.mark.usefixtures("_fresh_registry")
@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("no_such_package:TARGET", "can't be imported: ModuleNotFoundError"),
        ("anyport.targets.tflite:NO_SUCH_NAME", "can't be imported: AttributeError"),
        ("anyport.targets.tflite:HERE", "not an anyport.protocols.Target"),
        ("anyport.targets.tflite:TARGET", "is named 'tflite', as another target is"),
    ],
)
def test_a_plug_in_that_is_none_is_named(monkeypatch: pytest.MonkeyPatch, value: str, said: str) -> None:
    _announce(monkeypatch, value)
    with pytest.raises(RequestError, match=said) as caught:
        targets.registry()
    assert value in str(caught.value)


@pytest.mark.parametrize("name", targets.BUILT_IN)
def test_a_built_in_target_is_what_it_is_called(name: str) -> None:
    assert targets.registry()[name].name == name


def test_the_default_variant_has_the_plain_folder_and_the_others_their_own() -> None:
    assert (FAKE.directory("plain"), FAKE.directory("small")) == ("fake", "fake-small")
    assert dataclasses.replace(FAKE, folder="elsewhere").directory("small") == "elsewhere-small"


@pytest.mark.usefixtures("fake")
def test_a_runtime_alone_means_every_artifact_that_it_can_run() -> None:
    pairs = [("fake", "plain"), ("fake", "small"), ("of a plug-in that is gone", "x")]
    assert targets.named("beta", pairs) == ["fake:plain@beta", "fake:small@beta"]
    assert targets.named("slow", pairs) == ["fake:plain@slow"]


@pytest.mark.usefixtures("fake")
def test_a_runtime_that_nothing_can_be_run_in_is_refused() -> None:
    with pytest.raises(
        RequestError, match="no runtime in what this export holds, 'bata'; there are alpha, beta"
    ) as caught:
        targets.named("bata", [("fake", "plain")])
    assert "'beta'" in caught.value.hint
    with pytest.raises(RequestError, match="slow can't run fake:small: it has no room"):
        targets.named("slow", [("fake", "small")])
