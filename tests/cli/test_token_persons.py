"""A program that prints a token may print another person's the next moment: whose is what?"""

import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from coexplorer.config import load_settings
from coexplorer.library.people import place_person
from tests.cli.test_token_programs import write_profile
from tests.support.program import Program
from tests.support.server import DERIVED, RAW, THEIRS

Print = Callable[[int], None]


@pytest.fixture
def switch(program: Program, tmp_path: Path) -> Print:
    """A profile whose program prints a person's token: the first's, until it is called."""
    place = tmp_path / "token"

    def print_token_of(number: int) -> None:
        place.write_text(program.server.users[number].token)

    print_token_of(0)
    write_profile(program, f"cat {shlex.quote(str(place))}")
    return print_token_of


def ids(program: Program, *options: str) -> set[str]:
    return set(program.ok("ls", "--ids", "is:any", *options).lines)


def test_every_answer_is_of_whose_token_there_is(program: Program, switch: Print) -> None:
    mine = ids(program)
    program.ok("edit", RAW, "--add-tag", "mine")
    switch(1)
    theirs = program.ok("ls", "--ids", "is:any")
    assert set(theirs.lines) != mine
    assert "is now that of jonas.lind@example.org" in theirs.err
    assert "is now that of" not in program.ok("ls").err, "it is said once"
    assert RAW not in ids(program, "--offline")
    for args in (("show", RAW), ("edit", RAW, "--add-tag", "x"), ("show", "--offline", RAW)):
        done = program(*args)
        assert done.code == 4, (args, done)
    assert "Nothing was done here yet." in program.ok("log").out
    assert program("undo").code != 0
    assert "mine" in program.server.store.get(RAW).tags
    switch(0)
    # Known by now: no question to the platform tells them apart.
    asked = len(program.server.requests())
    assert ids(program, "--offline") == mine
    assert "1 asset" in program.ok("log").out or "ecephys" in program.ok("log").out
    assert len(program.server.requests()) == asked
    program.ok("undo", "--yes")
    assert "mine" not in program.server.store.get(RAW).tags


@pytest.mark.parametrize("first", ["log", "whoami", "doctor", "stats --offline", "ls --offline"])
def test_the_first_command_after_a_switch_shows_nothing_of_the_former(
    program: Program, switch: Print, first: str
) -> None:
    switch(1)
    program.ok("ls")
    switch(0)
    program.ok("ls")
    program.ok("edit", RAW, "--add-tag", "mine")
    switch(1)
    done = program(*first.split())
    assert "ecephys_655019_2023-04-03_18-17-07 " not in done.out
    if first != "doctor":
        assert "jonas.lind@example.org" in done.out + done.err
        assert program.ok("ls").err.find("is now that of") < 0, "it was said"


def test_what_waits_is_sent_with_no_other_token(program: Program, switch: Print) -> None:
    program.ok("ls")
    program.server.stop()
    assert program("edit", DERIVED, "--add-tag", "mine").code == 6
    program.server.start()
    switch(1)
    program("retry")
    assert "mine" not in program.server.store.get(DERIVED).tags
    switch(0)
    program.ok("retry")
    assert "mine" in program.server.store.get(DERIVED).tags


@pytest.mark.parametrize("other", [1, 2], ids=["an owner", "somebody without assets"])
def test_a_left_text_is_of_who_typed_it(
    program: Program, switch: Print, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: int
) -> None:
    script = tmp_path / "ed.sh"
    script.write_text("#!/bin/sh\nsed -i 's/^tags: /broken /' \"$1\"\n")
    script.chmod(0o755)
    monkeypatch.setenv("EDITOR", str(script))
    program.ok("ls")
    assert program("edit", DERIVED).code != 0
    (path,) = (tmp_path / "home").rglob("edits/edit-*.coexplorer")
    text = path.read_text()

    switch(other)
    log = program.ok("log")
    assert str(path) not in log.out + log.err
    assert "not here: 1 text of who used profile lab before" in log.err
    assert str(path) not in program("doctor").out
    for given in ((), ("1",), (str(path),)):
        assert program("edit", "--resume", *given).code == 5
    assert path.read_text() == text
    script.write_text("#!/bin/sh\nsed -i 's/^tags: /broken /' \"$1\"\n")
    assert program("edit", THEIRS if other == 1 else RAW).code != 0
    assert path.read_text() == text, "another left text removes none of the first person's"

    switch(0)
    assert str(path) in program.ok("log").out
    script.write_text("#!/bin/sh\nsed -i 's/^broken /tags: typed, /' \"$1\"\n")
    program.ok("edit", "--resume", str(path))
    assert "typed" in program.server.store.get(DERIVED).tags
    assert not path.exists()


def test_a_token_of_nobody_knows_whom_keeps_its_number(program: Program, switch: Print) -> None:
    """Out of reach, two persons whom nobody could ask about don't get each other's files."""
    program.ok("ls")
    program.server.stop()
    numbers = []
    for number in (1, 2, 1, 0):
        switch(number)
        program("ls")
        numbers.append(place_person(load_settings()).person)
    assert numbers == [1, 2, 1, 0]
    program.server.start()
    switch(1)
    program.ok("ls")
    assert place_person(load_settings()).person == 1


def test_a_program_that_prints_a_new_token_of_the_same_person_keeps_all(
    program: Program, switch: Print, tmp_path: Path
) -> None:
    mine = ids(program)
    place = tmp_path / "token"
    for _ in range(3):
        place.write_text(program.server.sign_in.issue(program.server.users[0]))
        done = program.ok("log")
        assert "is now that of" not in done.err
        assert ids(program) == mine
    assert "is now that of" not in program.ok("ls").err


def test_a_program_that_fails_leaves_what_is_known(program: Program, switch: Print) -> None:
    """Without a key to the vault it is the same person, as far as anybody knows."""
    mine = ids(program)
    write_profile(program, "exit 7")
    assert ids(program, "--offline") == mine
    assert "exit code 7" in program("whoami").err
