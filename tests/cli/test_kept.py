"""What could not be sent is kept, whichever command it was, and is sent on request."""

from collections.abc import Callable

import pytest

from coexplorer.demo.server import DemoServer
from tests.support.program import Program
from tests.support.server import DERIVED, OLD, RAW

EDITS = {
    "a tag": ("edit", RAW, "--add-tag", "later"),
    "a name by a name": ("edit", "ecephys_655019_2023-04-03_18-17-07", "--name", "later"),
    "a description": ("edit", RAW, "--description", "later"),
    "all tags": ("edit", RAW, "--tags", "later"),
    "several": ("edit", RAW, DERIVED, "--add-tag", "later", "--yes"),
    "a query": ("edit", "--query", "tag:ecephys", "--add-tag", "later", "--yes"),
    "a list": ("edit", "-", "--add-tag", "later", "--yes"),
    "archive": ("archive", RAW),
    "archive by a query": ("archive", "--query", "tag:ecephys", "--yes"),
    "unarchive": ("unarchive", OLD),
    "rename a tag": ("tags", "rename", "ecephys", "later", "--yes"),
    "merge tags": ("tags", "merge", "ecephys", "--into", "later", "--yes"),
}
TROUBLE: dict[str, Callable[[DemoServer], object]] = {
    "killed": lambda server: server.stop(),
    "503": lambda server: server.faults.add(503, "*", "**"),
    "a web page": lambda server: server.faults.add("html", "*", "**"),
    "signed out": lambda server: server.faults.add(401, "*", "**"),
    "409": lambda server: server.faults.add(409, "GET", "data_assets/*"),
}


@pytest.fixture(autouse=True)
def _old_catalog(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every command that can ask the platform for news do so."""
    monkeypatch.setattr("coexplorer.cli.freshness.FRESH_S", 0.0)


def is_there(server: DemoServer) -> bool:
    raw, old = server.store.get(RAW), server.store.get(OLD)
    return "later" in (raw.name, raw.description, *raw.tags) or raw.archived or not old.archived


KINDS = ("a tag", "a query", "archive", "rename a tag")
"""Edits that go different ways to the platform; in each trouble they do as the others do."""


@pytest.mark.parametrize(
    ("verb", "trouble"),
    [(verb, trouble) for verb in EDITS for trouble in TROUBLE if verb in KINDS or trouble == "503"],
)
def test_what_could_not_be_sent_is_kept_and_sent_later(
    program: Program, verb: str, trouble: str
) -> None:
    server = program.server
    program.ok("sync")
    TROUBLE[trouble](server)
    done = program(*EDITS[verb], stdin=f"{RAW}\n")
    assert done.code == (3 if trouble == "signed out" else 6)
    assert "coexplorer retry" in done.out
    assert "Waiting for you" in program.ok("log").out
    server.start()
    server.faults.clear()
    assert not is_there(server)
    program.ok("retry")
    assert is_there(server)
    assert "Waiting for you" not in program.ok("log").out
    program.ok("undo")
    assert not is_there(server)


@pytest.mark.parametrize("trouble", TROUBLE)
@pytest.mark.parametrize(
    "target", [(OLD,), ("--query", "is:archived tag:behavior"), (RAW, "--archive-first")]
)
def test_a_delete_never_happens_later_by_surprise(
    program: Program, trouble: str, target: tuple[str, ...]
) -> None:
    server = program.server
    program.ok("sync")
    count = len(server.store.assets())
    TROUBLE[trouble](server)
    assert program("rm", *target, "--yes").code == (3 if trouble == "signed out" else 6)
    server.start()
    server.faults.clear()
    program("retry")
    assert len(server.store.assets()) == count
    program("discard", "--all")
    assert "Waiting for you" not in program.ok("log").out


def test_a_delete_that_was_not_sent_is_sent_when_it_is_named(program: Program) -> None:
    program.ok("sync")
    rule = program.server.faults.add(429, "DELETE", "**")
    assert program("rm", OLD, "--yes").code == 6
    program.server.faults.remove(rule)
    done = program.ok("retry")
    assert "not deleted unless you name them: coexplorer retry 1" in done.err
    assert program.server.store.find(OLD) is not None
    program.ok("retry", "1")
    assert program.server.store.find(OLD) is None


def test_what_was_kept_is_merged_with_what_others_did_meanwhile(program: Program) -> None:
    program.ok("sync")
    program.server.stop()
    assert program("edit", RAW, "--add-tag", "later", "--name", "mine").code == 6
    program.server.start()
    tags = program.server.store.get(RAW).tags
    program.server.store.update(RAW, tags=(*tags, "theirs"), description="theirs")
    program.ok("retry")
    now = program.server.store.get(RAW)
    assert set(now.tags) == {*tags, "theirs", "later"}
    assert (now.name, now.description) == ("mine", "theirs")


def test_what_waits_is_listed_with_the_newest_first_however_few_are_shown(
    program: Program,
) -> None:
    program.ok("sync")
    program.server.faults.add(503, "*", "**")
    for asset in (RAW, DERIVED, OLD, RAW):
        program("edit", asset, "--description", "later")

    for options in ((), ("--entries",), ("-n", "2"), ("-n", "2", "--entries")):
        log = program.ok("log", *options).out
        waiting = log.partition("Waiting for you")[2].partition("\n\n")[0].splitlines()[2:]
        numbers = [int(line.split()[0]) for line in waiting if line.split()[0].isdigit()]
        assert numbers == [4, 3, 2][: len(numbers)]
        assert len(numbers) == (2 if "-n" in options else 3)


@pytest.mark.parametrize("command", ["edit", "archive", "rm"])
def test_an_asset_that_is_gone_is_named_and_what_was_typed_of_it_is_kept(
    program: Program, command: str
) -> None:
    program.ok("sync")
    name = program.server.store.get(RAW).name
    rule = program.server.faults.add(404, "GET", f"data_assets/{RAW}*")
    options = ("--description", "typed") if command == "edit" else ("--yes",)
    done = program(command, RAW, *options)
    assert done.code == 4
    assert f"{name} ({RAW[:8]})" in done.err
    program.server.faults.remove(rule)  # it is shared again
    if command == "edit":
        assert "coexplorer retry 1 sends it" in done.err
        program.ok("retry", "1")
        assert program.server.store.get(RAW).description == "typed"
    else:
        assert "Nothing was done here yet." in program.ok("log").out


def test_the_log_names_the_asset_of_a_single_change(program: Program) -> None:
    program.ok("sync")
    name = program.server.store.get(RAW).name
    program.ok("edit", RAW, "--add-tag", "new")
    assert f"add tag new ({name})" in program.ok("log").out


def test_an_editor_is_not_opened_over_an_earlier_text_in_silence(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    program.ok("sync")
    program.server.faults.add(503, "PUT", f"data_assets/{RAW}")
    assert program("edit", RAW, "--description", "typed before").code == 6
    monkeypatch.setenv("EDITOR", "true")
    done = program("edit", RAW)
    assert "an earlier text of " in done.err
    assert "coexplorer retry 1 sends it" in done.err
