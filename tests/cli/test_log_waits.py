"""Where standard error is no terminal, a long wait is told in a line, and not in many."""

import pytest

from coexplorer.cli import session
from coexplorer.models import Wait
from tests.support.program import Program


@pytest.mark.parametrize("quiet", [True, False])
def test_a_wait_is_told_once_on_a_pipe(
    program: Program, monkeypatch: pytest.MonkeyPatch, *, quiet: bool
) -> None:
    monkeypatch.setattr(session, "_LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(session, "TELL_AFTER_S", 0.0)
    program.server.faults.add(429, "*", "**", times=1, retry_after=1)
    done = program(*(["--quiet"] if quiet else []), "sync")
    assert done.code == 0
    assert done.err.count("the platform asks us to slow down: waiting") == (not quiet)


def test_each_pause_is_told_on_a_pipe(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "_LOOK_EVERY_S", 0.01)
    monkeypatch.setattr(session, "SLOW_S", 0.5)
    program.server.faults.add(429, "*", "**", times=2, retry_after=1)
    assert program.ok("sync").err.count("waiting") == 2


def test_no_pause_is_told_as_one_of_no_time() -> None:
    assert Wait(0.2, "the platform failed").sentence.endswith("trying again in 1 s")
    assert Wait(3.2, "slow down", asked=True).sentence.endswith("waiting 4 s, as it asks")


def test_a_short_wait_is_not_worth_a_line(program: Program) -> None:
    program.server.faults.add(503, "*", "**", times=1)
    assert "trying again" not in program.ok("sync").err


@pytest.mark.parametrize("quiet", [True, False])
def test_a_long_sync_tells_on_a_pipe_how_far_it_is(
    program: Program, monkeypatch: pytest.MonkeyPatch, *, quiet: bool
) -> None:
    monkeypatch.setattr(session, "TELL_AFTER_S", 0.0)
    done = program.ok(*(["--quiet"] if quiet else []), "sync")
    assert ("reading the platform's assets: 8 so far (assets)" in done.err) is not quiet
    assert done.err.count("so far") == (not quiet)
