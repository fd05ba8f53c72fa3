"""Editors that need a terminal, driven through one: type, save, quit; and what they never do."""

from __future__ import annotations

import shlex
import signal
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.mounted import Mounted, make_asset, mounting, wait_until
from tests.support.server import make_id
from tests.support.terminal import in_terminal

ESCAPE = "\x1b"
VIM = "vim -N -u NONE -i NONE --cmd 'set backupskip= {}'"


def control(letter: str) -> str:
    return chr(ord(letter) & 0x1F)


ABANDON = control("C")
"""To vim: leaves the insert mode, and says how to abandon all changes when it has been left."""

LEAVE = f"{ESCAPE}:q!\r"
"""To vim after Ctrl-C, again and again: it throws away what it finds typed when it gets to it."""


@dataclass(frozen=True)
class Session:
    """An editor, and the keys that put ``new`` in front, save and leave.

    A pair waits for a text on the screen before its keys are typed.
    """

    id: str
    command: str
    keys: tuple[tuple[str, str], ...]
    puts: int = 1


SESSIONS = [
    Session(
        "vim",
        VIM.format(""),
        (("old text", f"inew {ESCAPE}"), ("new old text", ":w\r"), ("written", ":q\r")),
    ),
    Session(
        "vim_two_saves",
        VIM.format("backupcopy=yes"),
        (
            ("old text", f"ix{ESCAPE}"),
            ("xold text", ":w\r"),
            ("written", f"0snew {ESCAPE}"),
            ("new old text", ":wq\r"),
        ),
        puts=2,
    ),
    Session(
        "vim_interrupted",
        VIM.format(""),
        (("old text", "inew "), ("new old text", ABANDON), ("abandon", LEAVE)),
        puts=0,
    ),
    *(
        Session(
            id_,
            f"nano -I {options}",
            (
                ("old text", "new "),
                ("new old text", control("O")),
                ("Write", "\r"),
                ("", control("X")),
            ),
        )
        for id_, options in (("nano", ""), ("nano_backup", "-B"), ("nano_lock", "-G"))
    ),
    Session(
        "nano_abandoned",
        "nano -I",
        (("old text", "new "), ("new old", control("X")), ("?", "n")),
        puts=0,
    ),
    Session(
        "emacs",
        "emacs -nw -Q --eval '(setq backup-enable-predicate (lambda (_) t))'",
        (
            ("old text", "new "),
            ("new", control("X") + control("S")),
            ("Wrote", control("X") + control("C")),
        ),
    ),
    Session(
        "micro", "micro", (("old text", "new "), ("+ (", control("S")), ("Saved", control("Q")))
    ),
    Session(
        "joe", "joe -nodeadjoe -nobackups", (("old text", "new "), ("Modified", control("K") + "x"))
    ),
    Session(
        "joe_backup", "joe -nodeadjoe", (("old text", "new "), ("Modified", control("K") + "x"))
    ),
    Session(
        "mcedit",
        "mcedit",
        (("old text", "new "), ("new", f"{ESCAPE}2"), ("onfirm", "\r"), ("", f"{ESCAPE}0")),
    ),
    Session(
        "kak",
        "kak -n",
        (("old text", f"inew {ESCAPE}"), ("new", ":write\r"), ("", ":quit\r")),
    ),
]
NUMBERS = {session.id: number for number, session in enumerate(SESSIONS, 1)}
COLLEAGUES = {"theirs_vim": "", "theirs_vim_copy": "backupcopy=yes"}


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mounted]:
    assets = [make_asset(number, id_) for id_, number in NUMBERS.items()]
    assets += [make_asset(100 + number, id_) for number, id_ in enumerate(COLLEAGUES)]
    assets.append(make_asset(200, "ended"))
    with mounting(tmp_path_factory.mktemp("editors"), assets) as mounted:
        yield mounted


@pytest.mark.parametrize("session", SESSIONS, ids=lambda session: session.id)
def test_editor_saves_with_one_right_put(mounted: Mounted, session: Session) -> None:
    asset_id = make_id(NUMBERS[session.id])
    folder = mounted.asset(session.id)

    with in_terminal(
        [*shlex.split(session.command), str(folder / "description.md")], mounted.env, columns=200
    ) as terminal:
        for text, keys in session.keys:
            terminal.wait_for(text)
            if keys == ABANDON:
                terminal.send_until(keys, "abandon")
            elif keys == LEAVE:
                terminal.send_until_it_ends(keys)
            else:
                terminal.send(keys)
        terminal.wait()

    mounted.settle()
    expected = "new old text" if session.puts else "old text"
    assert mounted.writes(asset_id) == ["PUT"] * session.puts
    assert mounted.server.store.get(asset_id).description == expected
    mounted.settle()
    assert (folder / "description.md").read_text() == f"{expected}\n"


def test_an_editor_that_is_ended_sends_nothing_and_leaves_its_files_in_its_home(
    mounted: Mounted,
) -> None:
    path = mounted.asset("ended") / "description.md"
    with in_terminal(["joe", "-nobackups", str(path)], mounted.env, columns=200) as joe:
        joe.wait_for("old text")
        joe.send("new ")
        joe.wait_for("Modified")
        joe.process.send_signal(signal.SIGHUP)
        joe.wait()

    wait_until((mounted.home / "DEADJOE").exists, "what joe saves when its terminal goes")
    mounted.settle()
    assert mounted.writes(make_id(200)) == []
    assert path.read_text() == "old text\n"


@pytest.mark.parametrize("name", COLLEAGUES)
def test_vim_never_tramples_a_colleagues_change(mounted: Mounted, name: str) -> None:
    number = 100 + list(COLLEAGUES).index(name)
    path = mounted.asset(name) / "description.md"
    command = [*shlex.split(VIM.format(COLLEAGUES[name])), str(path)]

    with in_terminal(command, mounted.env, columns=200) as vim:
        vim.wait_for("old text")
        vim.send(f"imine {ESCAPE}")
        vim.wait_for("mine old text")
        before = path.stat().st_mtime
        done = mounted.cli("edit", make_id(number), "--description", "theirs", "--yes")
        assert done.returncode == 0, done.stderr
        wait_until(lambda: path.stat().st_mtime > before, "vim can see the change")
        vim.send(":w!\r")
        vim.wait_for("really want")
        vim.send("y\r")
        wait_until((path.parent / "error").exists, "the conflict's report")
        vim.send("\r:q!\r")
        vim.wait()

    mounted.settle()
    report = (path.parent / "error").read_text()
    assert all(text in report for text in ("old text", "mine old text", "theirs"))
    assert mounted.server.store.get(make_id(number)).description == "theirs"
    assert mounted.writes(make_id(number)) == ["PUT"]  # the colleague's
