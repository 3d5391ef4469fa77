"""Guests: an answer, an explained failure and a death are told apart; for guests of their own and for forks.

The scripts run in this interpreter, through the very `bootstrap.py` and `zygote.py` that toolchains run.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from anyport import guests, process
from anyport.guests import Job, Outcome, Zygote

Script = Callable[[str, str], Path]
Execute = Callable[..., Outcome]

HEAD = """
import os, signal, sys, time
from anyport_guest import BadRequest, GuestError, Refused
def main(request, progress):
"""


@pytest.fixture
def job(tmp_path: Path, script: Script) -> Callable[..., Job]:
    """Make a job whose script's `main` has this body."""

    def make(body: str, *, name: str = "job", timeout: float = 20.0, request: Mapping[str, Any] | None = None) -> Job:
        text = HEAD + "".join(f"    {line}\n" for line in body.strip().splitlines())
        path = script(name, text)
        log = tmp_path / f"{name}.log"
        return Job(name=name, script=path, request=request or {}, folder=tmp_path, log=log, timeout=timeout)

    return make


@pytest.fixture
def zygote(tmp_path: Path) -> Iterator[Zygote]:
    """A zygote of this interpreter, which has imported nothing heavy."""
    started = Zygote(sys.executable, tmp_path / "zygote.log", ["json"])
    yield started
    started.close()


@pytest.fixture(params=["own process", "fork"])
def execute(request: pytest.FixtureRequest) -> Execute:
    """Run a job either way."""
    if request.param == "fork":
        zygote: Zygote = request.getfixturevalue("zygote")
        return lambda job, report=lambda step: None: zygote.run(job, report)
    return lambda job, report=lambda step: None: guests.run(sys.executable, job, report)


def test_the_answer_and_the_steps_come_back(execute: Execute, job: Callable[..., Job]) -> None:
    steps: list[str] = []
    body = "progress('half')\nprogress('whole')\nreturn {'double': request['number'] * 2}"
    outcome = execute(job(body, request={"number": 21}), steps.append)
    assert (outcome.result, outcome.kind) == ({"double": 42}, "done")
    assert steps == ["half", "whole"]
    assert outcome.max_rss > 1_000_000
    assert 0 < outcome.seconds < 20


def test_prints_of_any_kind_go_to_the_log_and_never_to_the_wire(execute: Execute, job: Callable[..., Job]) -> None:
    body = "print('from python')\nos.system('echo from a program')\nos.write(1, b'from a library')\nreturn {}"
    outcome = execute(job(body))
    assert outcome.result == {}
    text = outcome.log.read_text()
    assert "from python" in text
    assert "from a program" in text
    assert "from a library" in text


@pytest.mark.parametrize(
    ("error", "kind"), [("GuestError", "failed"), ("BadRequest", "request"), ("Refused", "refused")]
)
def test_an_explained_failure_keeps_its_kind_message_and_hint(
    execute: Execute, job: Callable[..., Job], error: str, kind: str
) -> None:
    outcome = execute(job(f"raise {error}('no such op', 'Leave it out.')"))
    assert outcome.result is None
    assert (outcome.kind, outcome.message, outcome.hint) == (kind, "no such op", "Leave it out.")


@pytest.mark.parametrize("statement", ["raise ValueError('what now')", "raise SystemExit('what now')"])
def test_an_unexpected_exception_is_named_and_its_traceback_is_in_the_log(
    execute: Execute, job: Callable[..., Job], statement: str
) -> None:
    outcome = execute(job(statement))
    assert outcome.result is None
    assert outcome.kind == "crashed"
    assert "what now" in outcome.message
    assert "Traceback" in outcome.log.read_text()


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "died of SIGSEGV (a crash in native code)"),
        ("os.abort()", "died of SIGABRT (it aborted itself)"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "died of SIGKILL (out of memory?)"),
        ("os._exit(3)", "ended with status 3 and no answer"),
    ],
)
def test_a_death_is_told_with_its_cause(execute: Execute, job: Callable[..., Job], statement: str, said: str) -> None:
    outcome = execute(job(statement))
    assert outcome.result is None
    assert outcome.kind == "died"
    assert outcome.message == f"job {said}"


def test_a_guest_that_hangs_is_ended_after_its_time(execute: Execute, job: Callable[..., Job], tmp_path: Path) -> None:
    body = "open(request['pid'], 'w').write(str(os.getpid()))\ntime.sleep(60)"
    outcome = execute(job(body, timeout=1.5, request={"pid": str(tmp_path / "pid")}))
    assert outcome.kind == "timeout"
    assert outcome.message == "job gave no answer in 2 s and was ended"
    assert outcome.seconds < 10
    assert gone(int((tmp_path / "pid").read_text()))


def gone(pid: int) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def test_an_answer_that_is_no_object_is_a_failure(execute: Execute, job: Callable[..., Job]) -> None:
    outcome = execute(job("return None"))
    assert (outcome.result, outcome.kind) == (None, "failed")
    assert outcome.message


def test_an_earlier_answer_is_not_taken_for_this_one(execute: Execute, job: Callable[..., Job]) -> None:
    assert execute(job("return {}")).kind == "done"
    assert execute(job("os._exit(0)")).kind == "died"


def test_a_guest_imports_its_neighbours_but_nothing_of_the_host(
    execute: Execute, job: Callable[..., Job], script: Script
) -> None:
    script("neighbour", "VALUE = 5")
    outcome = execute(job("import neighbour\nimport rich_is_host_only".replace("_is_host_only", "x"), name="job"))
    assert "No module named 'richx'" in outcome.message
    body = "import neighbour\nleaked = [p for p in sys.path if p.endswith('tests') or p == request['cwd']]\nreturn {'value': neighbour.VALUE, 'leaked': leaked}"  # noqa: E501
    outcome = execute(job(body, request={"cwd": str(Path.cwd())}))
    assert outcome.result == {"value": 5, "leaked": []}


def test_an_interpreter_that_is_not_there_is_a_death_with_its_name(job: Callable[..., Job]) -> None:
    outcome = guests.run("/no/such/python", job("return {}"), lambda step: None)
    assert outcome.kind == "died"
    assert "/no/such/python can't be started" in outcome.message


def test_a_preloaded_module_is_there_in_every_child(tmp_path: Path, job: Callable[..., Job]) -> None:
    zygote = Zygote(sys.executable, tmp_path / "zygote.log", ["decimal"])
    try:
        body = "return {'there': 'decimal' in sys.modules}"
        assert zygote.run(job(body), lambda step: None).result == {"there": True}
    finally:
        zygote.close()


def test_a_module_that_cannot_be_preloaded_is_left_to_who_needs_it(zygote: Zygote, job: Callable[..., Job]) -> None:
    zygote.preload(["no_such_module"])
    assert zygote.run(job("return {}"), lambda step: None).kind == "done"
    outcome = zygote.run(job("import no_such_module"), lambda step: None)
    assert (outcome.kind, outcome.message) == ("crashed", "ModuleNotFoundError: No module named 'no_such_module'")


def test_a_child_that_dies_takes_only_its_own_step(zygote: Zygote, job: Callable[..., Job]) -> None:
    assert zygote.run(job("os.abort()"), lambda step: None).kind == "died"
    assert zygote.run(job("return {}"), lambda step: None).kind == "done"


def test_children_run_side_by_side_and_answers_do_not_mix(
    zygote: Zygote, job: Callable[..., Job], tmp_path: Path
) -> None:
    # None ends before all have begun: one after the other they would wait for ever.
    body = """
open(f"{request['here']}/{request['i']}.here", "w").close()
while len([name for name in os.listdir(request['here']) if name.endswith('.here')]) < 8:
    time.sleep(0.01)
progress(str(request['i']))
return {'i': request['i']}"""
    jobs = [job(body, name=f"job{i}", request={"i": i, "here": str(tmp_path)}) for i in range(8)]
    steps: dict[int, list[str]] = {i: [] for i in range(8)}
    outcomes: dict[int, Outcome] = {}

    def work(i: int) -> None:
        outcomes[i] = zygote.run(jobs[i], steps[i].append)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert {i: outcome.result for i, outcome in outcomes.items()} == {i: {"i": i} for i in range(8)}
    assert steps == {i: [str(i)] for i in range(8)}


def test_when_the_zygote_dies_whoever_waits_is_told_and_its_children_die(
    zygote: Zygote, job: Callable[..., Job], tmp_path: Path
) -> None:
    outcomes: list[Outcome] = []
    body = "open(request['pid'], 'w').write(str(os.getpid()))\nprogress('ready')\ntime.sleep(60)"
    ready = threading.Event()
    waiting = job(body, request={"pid": str(tmp_path / "pid")})
    thread = threading.Thread(target=lambda: outcomes.append(zygote.run(waiting, lambda step: ready.set())))
    thread.start()
    assert ready.wait(10)
    os.kill(zygote._process.pid, signal.SIGKILL)
    thread.join(10)
    assert outcomes[0].kind == "died"
    assert outcomes[0].message == "the TensorFlow process died of SIGKILL (out of memory?)"
    assert gone(int((tmp_path / "pid").read_text()))
    assert zygote.run(job("return {}"), lambda step: None).kind == "died", "and the next one doesn't wait for ever"


def test_closing_the_zygote_ends_its_children(tmp_path: Path, job: Callable[..., Job]) -> None:
    zygote = Zygote(sys.executable, tmp_path / "zygote.log", [])
    ready = threading.Event()
    body = "open(request['pid'], 'w').write(str(os.getpid()))\nprogress('ready')\ntime.sleep(60)"
    waiting = job(body, request={"pid": str(tmp_path / "pid")})
    thread = threading.Thread(target=lambda: zygote.run(waiting, lambda step: ready.set()))
    thread.start()
    assert ready.wait(10)
    zygote.close()
    thread.join(10)
    assert not thread.is_alive()
    assert gone(int((tmp_path / "pid").read_text()))


def test_an_interrupt_is_told_from_a_death(job: Callable[..., Job]) -> None:
    outcome = guests.run(sys.executable, job("os._exit(1)"), lambda step: None)
    guests.check_interrupted(outcome)
    process.stop_all()
    with pytest.raises(guests.Interrupted):
        guests.check_interrupted(outcome)
