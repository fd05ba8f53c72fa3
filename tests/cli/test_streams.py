"""Standard streams that are closed, full or cut off: a message, an exit code, no half-done work."""

from __future__ import annotations

import os
import shlex
import subprocess

import pytest

from tests.support.program import TIMEOUT_S, Done, Program, program_command
from tests.support.server import RAW

EDIT = ("edit", RAW, "--add-tag", "kept", "--yes")
ANSWERS = [
    ("--version",),
    ("--help",),
    ("ls",),
    ("ls", "--help"),
    ("ls", "--json"),
    ("ls", "--json-lines"),
    ("ls", "--tsv"),
    ("ls", "--ids"),
    ("show", RAW),
    ("show", RAW, "--json"),
    ("files", RAW),
    ("tags",),
    ("stats",),
    ("log",),
    ("profiles",),
    ("completion", "bash"),
    EDIT,
]


@pytest.fixture
def known(program: Program) -> Program:
    program.ok("sync")
    program.server.log.clear()
    return program


def run_with(program: Program, streams: str, *args: str) -> Done:
    """Run a command in a shell that redirects its streams."""
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {shlex.join(program_command(*args))} {streams}"],
        env={**os.environ, **program.env},
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=TIMEOUT_S,
        check=False,
    )
    return Done(done.returncode, done.stdout, done.stderr)


@pytest.mark.parametrize("args", ANSWERS, ids=" ".join)
def test_a_full_standard_output_is_told(known: Program, args: tuple[str, ...]) -> None:
    done = run_with(known, ">/dev/full", *args)
    assert done.code == 9
    assert "can't be written to standard output: the disk is full" in done.err
    assert "Exception" not in done.err
    assert "Traceback" not in done.err


@pytest.mark.parametrize("args", ANSWERS, ids=" ".join)
def test_a_closed_standard_output_is_told_and_nothing_is_done(
    known: Program, args: tuple[str, ...]
) -> None:
    done = run_with(known, ">&-", *args)
    assert done.code == 9
    assert done.err.startswith("coexplorer: standard output is closed, so nothing was done\n")
    assert not known.server.log.find_all()


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full", "<&-", "<&- 2>&-"])
def test_what_can_be_answered_is_answered(known: Program, streams: str) -> None:
    done = run_with(known, streams, "show", RAW, "--json")
    assert (done.code, done.json[0]["id"], done.err) == (0, RAW, "")


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full", ">/dev/full 2>/dev/full"])
def test_a_change_is_made_once_whether_or_not_it_can_be_told(known: Program, streams: str) -> None:
    done = run_with(known, streams, *EDIT)
    assert done.code == (9 if ">/dev/full 2" in streams else 0)
    assert known.server.store.get(RAW).tags.count("kept") == 1
    assert "1 applied" in known.ok("log").out


@pytest.mark.parametrize("streams", ["2>&-", "2>/dev/full"])
def test_an_error_keeps_its_code_where_it_can_not_be_told(known: Program, streams: str) -> None:
    assert run_with(known, streams, "show", "no-such-asset").code == 4
    assert run_with(known, streams, "ls", "size:>many").code == 2
    assert run_with(known, streams, "no-such-command").code == 2


@pytest.mark.parametrize("args", [("ls",), ("--help",), ("ls", "--help"), ("log",)])
def test_a_reader_that_goes_away_is_no_trouble(known: Program, args: tuple[str, ...]) -> None:
    # The left side waits for the end of the right one, so that nobody reads when it is written.
    done = run_with(known, "> >(exec <&-; exit)", *args)
    assert done.code in {0, 141}
    assert done.err == ""


def test_a_file_that_is_opened_never_takes_the_place_of_a_closed_stream(known: Program) -> None:
    """SQLite's files and sockets would: what is printed would be written into them."""
    done = run_with(known, "<&- 2>&-", *EDIT)
    assert done.code == 0
    assert "kept" in known.server.store.get(RAW).tags
    assert known.ok("ls", "--offline", "--ids").lines


@pytest.mark.parametrize(
    "args",
    [
        ("log", "99999999999999999999"),
        ("log", "--limit", "99999999999999999999"),
        ("log", "0"),
        ("undo", "99999999999999999999"),
        ("undo", "--", "-1"),
        ("retry", "99999999999999999999"),
        ("retry", "--batch", "99999999999999999999"),
        ("discard", "99999999999999999999"),
        ("ls", "--limit", "99999999999999999999"),
        ("ls", "--offset", "99999999999999999999"),
        ("wait", RAW, "--timeout", "nan"),
        ("wait", RAW, "--timeout", "inf"),
        ("wait", RAW, "--timeout", "-1"),
        ("mount", "--allow-delete=99999999999999999999", "/nowhere"),
    ],
    ids=" ".join,
)
def test_a_number_out_of_range_is_wrong_usage(known: Program, args: tuple[str, ...]) -> None:
    done = known(*args)
    assert (done.code, done.out) == (2, "")
    assert "Invalid value" in done.err
    assert not known.server.log.find_all()


@pytest.mark.parametrize(
    "args",
    [
        ("show", "\udcff"),
        ("ls", "tag:\udcff"),
        ("edit", RAW, "--add-tag", "\udcff", "--yes"),
        ("edit", RAW, "--name", "a\udcff", "--yes"),
        ("edit", "--query", "\udcff", "--add-tag", "x", "--yes"),
        ("tags", "rename", "\udcff", "x", "--yes"),
        ("archive", "\udcff", "--yes"),
        ("--profile", "\udcff", "ls"),
        ("ls", "--profile", "\udcff"),
        ("login", "\udcff"),
    ],
)
def test_text_that_is_not_utf8_is_wrong_usage(known: Program, args: tuple[str, ...]) -> None:
    done = known(*args)
    assert (done.code, done.out) == (2, "")
    assert r"\xff is not UTF-8 text" in done.err
    assert not known.server.log.find_all()


@pytest.mark.parametrize("command", ["edit - --add-tag x --yes", "rm - --yes", "show -", "files -"])
def test_list_of_a_closed_standard_input_is_an_error(known: Program, command: str) -> None:
    done = run_with(known, "<&-", *shlex.split(command))
    assert (done.code, done.out) == (2, "")
    assert "standard input is closed: there is no list to read" in done.err
    assert known.server.requests() == []
