"""Where standard error is no terminal, a long wait is told in a line, and not in many."""

import pytest

from coexplorer.cli import session
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
