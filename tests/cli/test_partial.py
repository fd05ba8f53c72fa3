"""What the platform shows only in part is never taken for all of it, and never ends with 0."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from click.testing import CliRunner

from coexplorer.cli.commands import cli
from coexplorer.models import MOST_ROWS
from tests.support.listing import (
    IDS,
    Endless,
    Lists,
    Row,
    View,
    cut,
    in_circles,
    refused,
    row,
    spoiled,
    whole,
)
from tests.support.program import Done
from tests.support.rawserver import RawServer, raw_server, reply

PARTLY, REFUSED = 7, 5
HALF = b'POST /api/v1/data_assets/search HTTP/1.1\r\nContent-Length: 90\r\n\r\n{"lim'
MARKS = {"favorite": "favorite", "mine": "owned", "shared": "shared"}


class Signed:
    """Runs commands signed in to a raw server."""

    def __init__(self, server: RawServer) -> None:
        self._env = {"CODEOCEAN_DOMAIN": server.url, "CODEOCEAN_TOKEN": "cop_x"}

    def __call__(self, *args: str) -> Done:
        result = CliRunner(env=self._env).invoke(cli, args, catch_exceptions=False)
        return Done(result.exit_code, result.stdout, result.stderr)


@contextmanager
def signed(lists: Lists) -> Iterator[Signed]:
    with raw_server(lists) as server:
        yield Signed(server)


@pytest.fixture(autouse=True)
def _old_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every command that can ask the platform for news do so."""
    monkeypatch.setattr("coexplorer.cli.freshness.FRESH_S", 0.0)


@pytest.mark.parametrize("view", [cut, in_circles, spoiled, Endless(100), refused])
@pytest.mark.parametrize("mark", list(MARKS))
@pytest.mark.parametrize("sign", ["-", ""])
def test_no_decision_rests_on_a_part_of_a_list(
    monkeypatch: pytest.MonkeyPatch, mark: str, view: View, sign: str
) -> None:
    monkeypatch.setattr("coexplorer.library.sync.MOST_ROWS", 50)
    lists = Lists(**{MARKS[mark]: view})
    with signed(lists) as program:
        for command in (("archive",), ("edit", "--add-tag", "x")):
            done = program(*command, "--query", f"{sign}is:{mark}", "--yes")
            assert done.code == REFUSED, done
            assert "the platform did not show all of" in done.err
            assert lists.changed == []


@pytest.mark.parametrize("mark", list(MARKS))
def test_what_was_cut_off_is_decided_once_it_is_whole(mark: str) -> None:
    lists = Lists(**{MARKS[mark]: cut})
    with signed(lists) as program:
        assert program("sync").code == PARTLY
        lists.views[MARKS[mark]] = whole
        assert program("sync").code == 0
        assert program("archive", "--query", f"-is:{mark}", "--yes").code == 0
    assert sorted(lists.changed) == IDS[4:]


@pytest.mark.parametrize("mark", list(MARKS))
def test_a_new_asset_is_looked_for_in_the_list_before_a_decision(mark: str) -> None:
    """A refresh brings assets of which no list has said anything yet."""
    lists = Lists()
    new = {**lists.rows[0], "id": IDS[0][:-1] + "f", "name": "new", "created": 9}
    with signed(lists) as program:
        assert program("sync").code == 0
        lists.rows.insert(0, new)  # among the first four
        assert program("archive", "--query", f"-is:{mark}", "--yes").code == 0
    assert sorted(lists.changed) == IDS[3:]


@pytest.mark.parametrize("view", [cut, in_circles, spoiled])
@pytest.mark.parametrize("name", ["assets", "archived", "favorite", "owned", "shared"])
def test_a_part_never_ends_with_zero(name: str, view: View) -> None:
    lists = Lists(**{name: view})
    if name == "archived" and view is spoiled:
        lists.views[name] = lambda _, asked: spoiled(lists.rows[:2], asked)
    with signed(lists) as program:
        for command in ("sync", "ls", "ls --json", "ls --offline", "ls --ids", "stats", "tags"):
            done = program(*command.split())
            assert done.code == PARTLY, (command, done)
            said = done.err + done.out
            assert any(words in said for words in ("part", "left out", "did not show")), done


@pytest.mark.parametrize("view", [cut, in_circles, spoiled])
def test_a_part_of_the_platforms_own_answer_never_ends_with_zero(view: View) -> None:
    with signed(Lists(assets=view)) as program:
        for more in ((), ("--json",), ("--ids",), ("asset",)):
            done = program("ls", "--remote", *more)
            assert done.code == PARTLY, (more, done)


@pytest.mark.parametrize("name", ["assets", "archived"])
def test_a_platform_that_lists_without_end_is_given_up(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("coexplorer.library.sync.MOST_ROWS", 500)
    lists = Lists()
    with signed(lists) as program:
        assert program("sync").code == 0
        lists.views[name] = endless = Endless()
        done = program("sync")
        assert done.code == PARTLY
        assert "goes on listing without end" in done.out
        read = next(endless._numbers)
        assert read < 2000  # 500, and what was on its way
        assert program("ls", "--offline").code == PARTLY
        assert len(program("ls", "--offline", "--ids").lines) == 6  # none of what it invents
        lists.views[name] = whole
        assert program("sync").code == 0
        assert len(program("ls", "--ids").lines) == 6


def test_a_request_that_is_given_up_halfway_is_none() -> None:
    """A busy machine is slow enough for that; its server must not fall over it in a thread."""
    with raw_server(Lists()) as server:
        for sent in (b"", b"POST", b"POST /api/v1/data_assets/search HTTP/1.1\r\n", HALF):
            with socket.create_connection(("127.0.0.1", server.port)) as client:
                client.sendall(sent)
                client.shutdown(socket.SHUT_WR)
                assert client.recv(1) == b""
        assert server.asked == []


def make_rows(stop: int) -> list[Row]:
    return [row(f"{number:08x}-0000-4000-8000-{number:012x}") for number in range(7, stop)]


def test_six_assets_may_become_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was there before is no measure of what an honest platform lists."""
    monkeypatch.setattr("coexplorer.library.sync.MOST_ROWS", 500)
    lists = Lists()
    with signed(lists) as program:
        assert program("sync").code == 0
        lists.rows += [
            row(f"{number:08x}-0000-4000-8000-{number:012x}") for number in range(7, 400)
        ]
        assert program("sync").code == 0
        assert len(program("ls", "--offline", "--ids").lines) == 399
    assert MOST_ROWS >= 5 * 315_000


def test_rows_that_say_nothing_do_not_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("coexplorer.library.sweep.MOST_UNTOLD", 200)
    lists = Lists()
    with signed(lists) as program:
        assert program("sync").code == 0
        lists.views["assets"] = endless = Endless(bare=True)
        done = program("sync")
        assert done.code == PARTLY
        assert "goes on listing without end" in done.out
        assert next(endless._numbers) < 1000


def test_rows_that_can_not_be_used_are_no_assets_that_vanished() -> None:
    lists = Lists()
    lists.rows += make_rows(61)
    with signed(lists) as program:
        assert program("sync").code == 0
        lists.views["assets"] = lambda rows, _: reply(
            200,
            {
                "results": [
                    *rows[:31],
                    *({**each, "id": None, "name": each["id"]} for each in rows[31:]),
                ]
            },
        )
        for _ in range(2):
            done = program("sync", "-o", "json")
            assert done.code == PARTLY
            assert "left out 29 rows of the platform's that could not be used" in done.err
            assert "vanished" not in done.err
            assert json.loads(done.out)["left_out"] == 29
        assert len(program("ls", "--offline", "--ids").lines) == 60
