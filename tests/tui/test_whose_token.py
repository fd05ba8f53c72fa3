"""The app of a profile whose token program prints another person's token."""

import os
import shlex
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from coexplorer.config import find_paths, load_settings
from coexplorer.config.environment import TOKENS
from coexplorer.demo.server import DemoServer
from coexplorer.library import open_library
from coexplorer.library.drafts import AllDrafts
from coexplorer.library.people import place_person
from coexplorer.tui.quickstart.first_frame import build_key
from tests.cli.test_token_programs import write_profile
from tests.support.program import Program
from tests.support.server import RAW
from tests.support.terminal import Terminal, in_terminal
from tests.support.tui import running_app

APP = [sys.executable, "-m", "coexplorer"]
MINE = "ecephys_655019_2023-04-03"
ATLAS = "Zebrafish atlas"


@pytest.fixture
def program(server: DemoServer) -> Program:
    return Program(server)


@pytest.fixture
def switch(program: Program, tmp_path: Path) -> Callable[[int], None]:
    place = tmp_path / "token"

    def print_token_of(number: int) -> None:
        place.write_text(program.server.users[number].token)

    print_token_of(0)
    write_profile(program, f"cat {shlex.quote(str(place))}")
    return print_token_of


def open_app() -> AbstractContextManager[Terminal]:
    return in_terminal(APP, {"HOME": os.environ["HOME"]}, columns=120, lines=30)


def test_the_app_opens_with_what_is_of_whose_token_there_is(
    program: Program, switch: Callable[[int], None]
) -> None:
    program.ok("sync")
    with open_app() as terminal:
        terminal.wait_for("synced")
        terminal.send_until_it_ends("q")
    assert not (find_paths().cache_dir / "frame").exists(), "it would be the next person's, too"
    switch(1)
    with open_app() as terminal:
        terminal.wait_for("is now that of")
        terminal.wait_for(ATLAS)
        assert "behavior_2019" not in terminal.plain
        assert "open data" not in terminal.plain
        terminal.send("N")
        terminal.wait_for("new asset from")
        terminal.send("s")
        terminal.wait_for("bucket")
        terminal.send("typed by the colleague")
        terminal.wait_for("colleague")
        terminal.hang_up()
        terminal.process.wait(60)
    theirs = AllDrafts(place_person(load_settings()).journal_path).forms.take()
    assert [draft.texts["name"] for _, draft in theirs] == ["typed by the colleague"]
    switch(0)
    assert not AllDrafts(place_person(load_settings()).journal_path).forms.take()


def test_an_open_app_ends_once_the_token_is_proven_to_be_somebody_elses(
    program: Program, switch: Callable[[int], None]
) -> None:
    program.ok("sync")
    with open_app() as terminal:
        terminal.wait_for("synced")
        terminal.send("r")
        terminal.wait_for("save")
        terminal.send(" begun by the first")
        terminal.wait_for("begun by the first")
        switch(1)
        program.ok("whoami")
        terminal.wait_for("belongs to somebody else")
        assert terminal.wait() == 3
    assert not AllDrafts(place_person(load_settings()).journal_path).edits.take()
    switch(0)
    (found,) = AllDrafts(place_person(load_settings()).journal_path).edits.take()
    assert found[1].asset_id
    assert "begun by the first" in found[1].mine.name
    assert "begun" not in program.server.store.get(RAW).name


async def test_another_persons_token_typed_at_the_sign_in_ends_the_app(
    program: Program, switch: Callable[[int], None]
) -> None:
    switch(0)
    server = program.server
    async with open_library(load_settings(profile="lab"), origin="cli") as library:
        await library.sync.sweep()
    async with running_app(server, load_settings(profile="lab")) as running:
        server.sign_in.expire(server.users[0].token)
        running.app.show_sign_in(None)
        await running.until_shown("Sign in to")
        await running.type(server.users[1].token)
        await running.press("enter")
        await running.until(lambda: running.app.other is not None, "the end")
        assert running.app.has_ended
    assert "belongs to somebody else" in str(running.app.other)


@pytest.mark.parametrize("name", TOKENS)
def test_a_first_frame_is_of_one_token(name: str) -> None:
    keys = {build_key({name: token}, (80, 24), "1", "no file") for token in ("a", "b", "")}
    assert len(keys) == 3
