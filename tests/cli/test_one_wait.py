"""A command waits once for a platform that says nothing, however many things it has to ask."""

from collections.abc import Iterable

import pytest

from coexplorer.api import retry, transport
from tests.cli.test_odd_assets import ID, Keeper, Signed
from tests.support.rawserver import Asked, raw_server

PATIENCE = 5
"""Requests in all when replies are lost; see `Patience`."""


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have repetitions come at once, and every command ask for news."""

    def find_wait_s(*args: object, **kwargs: object) -> float | None:
        wait_s = retry.find_wait_s(*args, **kwargs)  # type: ignore[arg-type]
        return None if wait_s is None else 0.001

    monkeypatch.setattr(transport, "find_wait_s", find_wait_s)
    monkeypatch.setattr("coexplorer.cli.freshness.FRESH_S", 0.0)


@pytest.mark.parametrize(
    "command",
    [
        ("edit", "odd one", "--add-tag", "x"),
        ("edit", ID, "--add-tag", "x"),
        ("edit", "--query", "tag:a", "--add-tag", "x", "--yes"),
        ("archive", "odd one"),
        ("archive", ID),
        ("archive", "--query", "tag:a", "--yes"),
        ("tags", "rename", "a", "c", "--yes"),
        ("show", "odd one"),
        ("ls",),
        ("wait", ID),
        ("rm", ID, "--archive-first", "--yes"),
    ],
)
def test_one_dead_platform_is_waited_for_once(command: tuple[str, ...]) -> None:
    keeper = Keeper()
    is_dead = False

    def answer(asked: Asked) -> Iterable[bytes]:
        return [] if is_dead else keeper(asked)

    with raw_server(answer) as server:
        program = Signed(server)
        program.ok("sync")
        is_dead = True
        before = len(server.asked)
        done = program(*command)
        assert done.code in (0, 6), done
        assert "can't be reached" in done.err
        assert len(server.asked) - before == PATIENCE
        assert keeper.sent == []
        is_dead = False
        if command[0] in ("edit", "tags"):
            program.ok("retry")  # the next try is a try
            assert keeper.sent
