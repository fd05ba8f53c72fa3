"""The real program in a real terminal: bytes, screens and signals."""

from __future__ import annotations

import os
import re
import select
import signal
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.pty_session import Session
from coexplorer.demo.server import DemoServer
from coexplorer.tui.opening import SWITCH
from tests.support.hostile import hostile_assets
from tests.support.server import COMBINED, FAILED, OUTSIDE

BAD = "\x00\x05\x0b\x0e\x7f\u2028\u202e\u2066\ufeff"
PROGRAM = [sys.executable, "-m", "coexplorer"]
TERMS = ["xterm-256color", "screen-256color", "tmux-256color", "linux", "vt100"]


@pytest.fixture(params=["layer", "stock"], autouse=True)
def _output(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the program with the output layer, and with what Textual itself would write."""
    if request.param == "stock":
        monkeypatch.setenv(SWITCH, "1")


only_with_the_layer = pytest.mark.parametrize("_output", ["layer"], indirect=True)
"""What Textual's own output does not promise."""

either_way = only_with_the_layer
"""What is the same whoever writes: what is read, kept and sent. Once is enough."""


def environment(server: DemoServer) -> dict[str, str]:
    return {
        "CODEOCEAN_DOMAIN": server.url,
        "CODEOCEAN_TOKEN": server.users[0].token,
        "COLORTERM": "",
    }


def open_program(server: DemoServer, *, columns: int = 120, rows: int = 36, **env: str) -> Session:
    given = {**environment(server), **env}
    term = given.pop("TERM", "xterm-256color")
    return Session(PROGRAM, columns=columns, rows=rows, env=given, term=term)


@only_with_the_layer
def test_a_terminal_that_brackets_pastes_is_asked_and_then_believed(server: DemoServer) -> None:
    with open_program(server) as session:
        session.wait_for("open data")
        session.wait_for("synced")
        assert b"\x1b[?2004$p\x1b[>c" in session.output
        session.write("\x1b[>41;390;0c")
        session.press("j")
        session.press("k")
        session.write("r one\rjr\x15two words\rjr\x15three\rj")
        session.wait_for("three")
        session.wait_idle()
    found = [server.store.find(each) for each in (OUTSIDE, COMBINED)]
    assert [each.name for each in found if each] == ["open data one", "two words"]


def test_it_opens_reads_the_assets_and_leaves_the_terminal_as_it_was(server: DemoServer) -> None:
    with open_program(server) as session:
        session.wait_for("open data")
        session.wait_for("synced")
        session.write("q")
        session.wait_exit()
        assert session.status == 0
        assert session.modes_left_on() == []
        assert b"?1003h" not in session.output
        assert not re.search(rb"\x1b\[>\d*u", session.output)


def test_it_draws_on_the_terminal_while_errors_go_to_a_file(
    server: DemoServer, tmp_path: Path
) -> None:
    errors = tmp_path / "errors"
    command = ["bash", "-c", 'exec "$0" -m coexplorer 2> "$1"', sys.executable, str(errors)]
    for _ in range(2):  # the second has a first frame to paint
        with Session(command, env=environment(server)) as session:
            session.wait_for("open data")
            session.write("q")
            session.wait_exit()
            assert session.status == 0
            assert session.modes_left_on() == []
    assert errors.read_text() == ""


@pytest.mark.parametrize("size", [(80, 24), (40, 12)])
def test_it_fits_small_terminals(server: DemoServer, size: tuple[int, int]) -> None:
    with open_program(server, columns=size[0], rows=size[1]) as session:
        session.wait_for("open data")
        session.write("enter")
        session.wait_for(re.compile(r"(?m)^name +open data"))
        session.write("esc")
        session.wait_for("both recordings")


@pytest.mark.parametrize("term", TERMS)
def test_it_works_in_every_kind_of_terminal(server: DemoServer, term: str) -> None:
    with Session(PROGRAM, env=environment(server), term=term) as session:
        session.wait_for("open data")
        session.write("/")
        session.write("atlas")
        session.wait_for("1 of 9")
        session.write("enter")
        session.write("r")
        session.wait_for("ctrl+s save")
        session.write("ctrl+u")
        session.write(f"seen in {term}\r")
        session.wait_for(lambda _: any(a.name == f"seen in {term}" for a in server.store.assets()))
        session.write("q")
        session.wait_exit()
        assert session.status == 0
        assert session.modes_left_on() == []


def test_no_control_character_of_foreign_text_reaches_the_terminal(server: DemoServer) -> None:
    foreign = "\x1b[35mA\x1b]52;c;b3du\x07B\x9b2JC\u202eD\u2066E\x00F\rG"
    server.store.update(FAILED, name=foreign, tags=(foreign,), description=foreign * 20)
    with open_program(server) as session:
        session.wait_for("\\x1b[35mA")
        session.write("g")
        for _ in range(8):
            session.press("j")
        session.press("enter")
        session.press("esc")
        session.write("/")
        session.wait_idle()
        output = session.output.decode()
    for piece in ("\x1b[35m", "\x1b]52", "\x9b", "\u202e", "\u2066", "\x00"):
        assert piece not in output


@only_with_the_layer
def test_foreign_text_in_the_editor_of_a_description_is_harmless_too(server: DemoServer) -> None:
    server.store.update(OUTSIDE, description="before\x1b]0;owned\x07after\x1b[35m")
    with open_program(server) as session:
        session.wait_for("open data")
        session.write("d")
        session.wait_for("ctrl+s save")
        session.wait_idle()
        assert b"owned\x07" not in session.output
        assert b"\x1b[35m" not in session.output


LEADER = """
import signal, subprocess, sys
signal.signal(signal.SIGHUP, lambda *_: None)
sys.exit(subprocess.call([sys.executable, "-m", "coexplorer"]))
"""
"""Like make: it learns that the terminal is gone, and waits for the program."""


def test_it_ends_with_its_terminal_although_nobody_passes_the_signal_on(server: DemoServer) -> None:
    master, slave = os.openpty()
    termios.tcsetwinsize(slave, (24, 80))
    leader = subprocess.Popen(
        ["setsid", "--ctty", sys.executable, "-c", LEADER],
        env={**os.environ, **environment(server), "TERM": "xterm-256color"},
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    try:
        shown = b""
        while b"open data" not in shown:
            assert select.select([master], [], [], 30)[0], shown
            shown += os.read(master, 65536)
        os.close(master)
        assert leader.wait(20) == 128 + signal.SIGHUP
    finally:
        with suppress(ProcessLookupError):
            os.killpg(leader.pid, signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGKILL])
def test_an_edit_that_a_signal_ends_is_offered_at_the_next_start(
    server: DemoServer, number: signal.Signals
) -> None:
    with open_program(server) as session:
        session.wait_for("open data")
        session.write("r")
        session.wait_for("ctrl+s save")
        session.write(" unfinished")
        session.wait_for("open data unfinished")
        session.wait_idle()
        session.kill(number)
        session.wait_exit()
        if number != signal.SIGKILL:
            assert session.modes_left_on() == []
    with open_program(server) as session:
        session.wait_for("you were editing open data, today ")
        session.wait_for("name: open data unfinished")
        session.write("enter")
        session.wait_for("ctrl+s save")
        session.wait_for("open data unfinished")
        session.wait_idle()
        session.write("enter")
        session.wait_for(lambda _: server.store.get(OUTSIDE).name == "open data unfinished")


@either_way
def test_what_one_app_changes_the_other_shows(server: DemoServer) -> None:
    with open_program(server) as first:
        first.wait_for("· 9 assets")
        with open_program(server) as second:
            second.wait_for("open data")
            second.write("r")
            second.wait_for("ctrl+s save")
            second.write(" here")
            second.write("enter")
            second.wait_for("open data here")
            first.wait_for("open data here")


def test_the_clipboard_gets_what_is_copied(server: DemoServer) -> None:
    with open_program(server) as session:
        session.wait_for("open data")
        session.write("y")
        session.wait_for("attach snippet")
        session.write("n")
        session.wait_output(b"\x1b]52;c;b3BlbiBkYXRh")


def test_the_clipboard_is_reached_through_gnu_screen(server: DemoServer) -> None:
    with open_program(server, STY="123.pts-0.host") as session:
        session.wait_for("open data")
        session.write("y")
        session.wait_for("attach snippet")
        session.write("n")
        session.wait_output(b"\x1bP\x1b]52;c;b3BlbiBkYXRh")
        session.wait_for("copied the name")


def test_where_there_is_no_clipboard_the_text_is_shown(server: DemoServer) -> None:
    with Session(PROGRAM, env=environment(server), term="vt100") as session:
        session.wait_for("open data")
        session.write("y")
        session.wait_for("attach snippet")
        session.write("n")
        session.wait_for("no clipboard; to select: open data")
        assert b"\x1b]52" not in session.output


def test_the_users_editor_gets_the_terminal_and_gives_it_back(
    server: DemoServer, tmp_path: Path
) -> None:
    script = tmp_path / "editor.sh"
    script.write_text(
        '#!/bin/sh\necho EDITING; read answer < /dev/tty\nsed -i "s/open data/$answer/" "$1"\n'
    )
    script.chmod(0o700)
    with open_program(server, VISUAL=str(script)) as session:
        session.wait_for("open data")
        session.write("E")
        session.wait_for("EDITING")
        session.write("from outside\r")
        session.wait_for("+ from outside")
        session.write("y")
        session.wait_for("1 done")
        assert server.store.get(OUTSIDE).name == "from outside"


@only_with_the_layer
def test_files_are_looked_into_and_the_pager_gets_the_terminal(
    server: DemoServer, tmp_path: Path
) -> None:
    """A log with colors in it obeys nobody; a copy of it, as it is, is the pager's."""
    script = tmp_path / "pager.sh"
    script.write_text(f'#!/bin/sh\necho PAGING; read answer < /dev/tty\ncp "$1" {tmp_path}/seen\n')
    script.chmod(0o700)
    with open_program(server, PAGER=str(script)) as session:
        session.wait_for("open data")
        session.write("/")
        session.write("655019 type:dataset\r")
        session.wait_for("1 of 9")
        session.write("f")
        session.wait_for("data_description.json")
        session.write("/")
        session.wait_for("names with")
        session.write("logs\r\r")
        session.wait_for("acquisition.log")
        session.write("j\r")
        session.wait_for("block 0 ok")
        session.press("tab")
        for _ in range(7):
            session.write("\x1b[6~")  # page down
        session.wait_for("\\x1b[31mERROR")
        session.write("|")
        session.wait_for("PAGING")
        assert b"\x1b[31mERROR" not in session.output
        session.write("\r")
        session.wait_for("acquisition.log")
        session.press("esc")
        session.press("esc")
    assert b"\x1b[31mERROR" in (tmp_path / "seen").read_bytes()


def write_waiting_editor(folder: Path) -> Path:
    """Write an editor that writes at once, and goes on when a file `go` is there."""
    script = folder / "editor.sh"
    script.write_text(
        '#!/bin/sh\ntrap "" INT\nsed -i "s/open data/written outside/" "$1"\necho EDITING\n'
        f"until [ -e {folder}/go ]; do sleep 0.05; done\n"
    )
    script.chmod(0o700)
    return script


def test_nothing_is_painted_over_the_users_editor_and_ctrl_c_is_its_own(
    server: DemoServer, tmp_path: Path
) -> None:
    with open_program(server, VISUAL=str(write_waiting_editor(tmp_path))) as session:
        session.wait_for("open data")
        with server.hooks.after("PATCH") as gate:
            session.write("a")
            gate.wait()
            session.write("k")
            session.write("E")
            session.wait_for("EDITING")
            session.wait_idle()
            written = len(session.output)
        # The answer changes the list, which is not seen.
        session.write("ctrl+c")
        session.wait_output(b"^C", since=written)
        session.wait_idle()
        assert session.output[written:] == b"^C"
        (tmp_path / "go").touch()
        session.wait_for("+ written outside")
        session.write("y")
        session.wait_for("1 done")
        assert server.store.get(OUTSIDE).name == "written outside"


@either_way
@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM, signal.SIGKILL])
def test_what_an_editor_had_when_the_app_was_ended_is_offered_again(
    server: DemoServer, tmp_path: Path, number: signal.Signals
) -> None:
    editor = str(write_waiting_editor(tmp_path))
    with open_program(server, VISUAL=editor) as session:
        session.wait_for("open data")
        session.write("E")
        session.wait_for("EDITING")
        session.kill(number)
        session.wait_exit()
        if number != signal.SIGKILL:
            assert session.modes_left_on() == []
    (tmp_path / "go").touch()
    with open_program(server, VISUAL=editor) as session:
        session.wait_for("you were writing in your editor")
        session.write("enter")
        session.wait_for("+ written outside")
        session.write("y")
        session.wait_for("1 done")
        assert server.store.get(OUTSIDE).name == "written outside"


@only_with_the_layer
@pytest.mark.parametrize(("no_color", "term"), [("1", "xterm-256color"), ("", "vt100")])
def test_without_colours_the_cursor_of_every_list_is_told(
    server: DemoServer, no_color: str, term: str
) -> None:
    def is_told(text: str) -> bool:
        """Tell whether the line with this text looks unlike all lines around it."""
        y = next(y for y, line in enumerate(session.lines()) if text in line)
        return [each for each in (y - 1, y, y + 1) if session.screen.buffer[each][6].reverse] == [y]

    with open_program(server, NO_COLOR=no_color, TERM=term) as session:
        session.wait_for("open data")
        session.wait_for("synced")
        session.wait_idle()
        assert is_told("open data")
        session.write("a")
        session.wait_for("both recordings")
        session.write("L")
        session.wait_for("Log: 1 change")
        session.wait_idle()
        assert is_told("archive")
        session.write("esc")
        session.wait_for("synced")
        session.write("  ")
        session.write("+")
        session.wait_for("add tag")
        session.write("new")
        session.write("enter")
        session.wait_for("y do it")
        session.wait_idle()
        assert is_told("both recordings")
        colored = rb"\x1b\[(?:[0-9;]*;)?(?:[34][0-8]|9[0-7]|10[0-7])(?:;[0-9;]*)?m"
        assert not re.search(colored, session.output)


@only_with_the_layer
def test_the_terminals_cursor_rests_on_the_chosen_row(server: DemoServer) -> None:
    def rests_on(session: Session, text: str) -> None:
        session.wait_for(lambda lines: text in lines[session.screen.cursor.y])

    with open_program(server) as session:
        session.wait_for("synced")
        rests_on(session, "open data")
        session.write("j")
        rests_on(session, "both recordings")
        session.write("/atlas")
        rests_on(session, "/ atlas")
        session.write("enter")
        rests_on(session, "Zebrafish atlas")
        session.write("L")
        session.wait_for("Log")
        session.write("esc")
        rests_on(session, "Zebrafish atlas")
        session.write("y")
        session.wait_for("attach snippet")
        session.write("down")
        rests_on(session, "name")


def test_keys_pressed_before_the_first_row_act_in_their_order(server: DemoServer) -> None:
    with Session(PROGRAM, env=environment(server), typed_ahead="") as session:
        session.wait_for("open data")
    with Session(PROGRAM, env=environment(server), typed_ahead="/atlas") as session:
        session.wait_for("/ atlas")
        session.wait_for("1 of 9")


@either_way
def test_offline_it_shows_what_was_known(server: DemoServer) -> None:
    with open_program(server) as session:
        session.wait_for("· 9 assets")
    server.stop()
    with open_program(server) as session:
        session.wait_for("open data")
        session.write("R")
        session.wait_for("offline, showing what was known")


@either_way
@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("SSL_CERT_FILE", "/no/such.pem", "SSL_CERT_FILE names /no/such.pem, which is not there"),
        ("ALL_PROXY", "socks4://host:1", "ALL_PROXY names a proxy of an unknown kind"),
        ("HTTPS_PROXY", "http://me:p#ss@host:port", "HTTPS_PROXY is not the address of a proxy"),
    ],
)
def test_wrong_settings_of_the_network_are_told_and_the_app_stays(
    variable: str, value: str, said: str
) -> None:
    env = {"CODEOCEAN_DOMAIN": "https://platform.invalid", "CODEOCEAN_TOKEN": "cop_t"}
    with Session(PROGRAM, env={**env, variable: value}) as session:
        session.wait_for(said)
        session.wait_for("offline")
        session.write("?")
        session.wait_for("Keys")


def test_a_first_start_signs_in_and_keeps_the_profile(server: DemoServer) -> None:
    with Session(PROGRAM) as session:
        session.wait_for("You are not signed in yet")
        session.write("s")
        session.wait_for("host or URL")
        session.write(server.url + "\r")
        session.wait_for("make one in your account")
        session.write("cop_wrong\r")
        session.wait_for("not signed in")
        session.write("ctrl+u")
        session.write(server.users[0].token + "\r")
        session.wait_for("open data")
        assert server.users[0].token not in session.text()
    with Session(PROGRAM) as session:
        session.wait_for("open data")


@either_way
@pytest.mark.parametrize("at_once", [False, True], ids=["by and by", "at once"])
def test_a_first_start_signs_in_by_pasting(server: DemoServer, at_once: bool) -> None:  # noqa: FBT001  a parameter
    domain = f"\x1b[200~{server.url}\r\n\x1b[201~"
    token = f'\x1b[200~"{server.users[0].token}"\n\x1b[201~'
    with Session(PROGRAM) as session:
        session.wait_for("You are not signed in yet")
        if at_once:
            session.write(f"s{domain}\r{token}\r")
        else:
            session.write("s")
            session.wait_for("host or URL")
            session.write(domain)
            session.wait_for(server.url)
            session.write("\r")
            session.wait_for("make one in your account")
            session.write(token)
            session.wait_for("•" * len(server.users[0].token))
            session.write("\r")
        session.wait_for("open data")
        session.write("/\x1b[200~atlas\x1b[201~\r")
        session.wait_for("1 of 9")


def paste(text: str) -> str:
    return f"\x1b[200~{text}\x1b[201~"


TOKEN_FIRST = "it was put into its field"
PASTES = {
    "both into the platform": ("{url}\r{token}", "", ""),
    "both into the platform, the other way round": ("{token}\r\n{url}\r\n", "", ""),
    "both as a shell file has them": ("export D={url}\nexport T='{token}'\n", "", ""),
    "the token into the platform": ("{token}\r", TOKEN_FIRST, "{url}"),
    "both into the token": ("\t{url}\r{token}", "", ""),
    "the platform into the token": ("\t{url}", "", "{token}"),
}


@either_way
@pytest.mark.parametrize("how", PASTES)
def test_a_platform_and_a_token_go_where_they_belong(server: DemoServer, how: str) -> None:
    first, said, then = (
        text.format(url=server.url, token=server.users[0].token) for text in PASTES[how]
    )
    with Session(PROGRAM) as session:
        session.wait_for("You are not signed in yet")
        session.write("s")
        session.wait_for("host or URL")
        if first.startswith("\t"):
            session.write("\t")
        session.write(paste(first.lstrip("\t")))
        if said:
            session.wait_for(said)
        if then:
            session.wait_for("first say" if said else "make one in your account")
            session.write(paste(then))
        session.wait_for(f"goes to {server.url}")
        session.wait_for("•" * len(server.users[0].token))
        assert server.users[0].token not in session.text()
        session.write("\r")
        session.wait_for("open data")
        assert server.users[0].token.encode() not in session.output


@either_way
@pytest.mark.parametrize(
    ("platform", "said"),
    [("", "first say which platform"), ("  ", "first say"), ("a b", "is not the address")],
)
def test_no_token_is_taken_for_a_platform_that_is_none(
    server: DemoServer, platform: str, said: str
) -> None:
    with Session(PROGRAM) as session:
        session.wait_for("You are not signed in yet")
        session.write("s")
        session.wait_for("host or URL")
        session.write(f"{platform}\r")
        session.wait_for(said)
        session.write("ctrl+u")
        session.write(f"{server.url}\r")
        session.wait_for(f"goes to {server.url}")
        session.write("\r")
        session.wait_for("put in the access token first")
        session.write(f"{server.users[0].token}\r")
        session.wait_for("open data")


@either_way
def test_a_paste_with_escapes_in_it_is_one_text(server: DemoServer) -> None:
    with open_program(server) as session:
        session.wait_for("open data")
        session.write("r")
        session.wait_for("ctrl+s save")
        session.write("ctrl+u")
        session.write("\x1b[200~one\x1b[31m two\x1baD\x1b[201~\r")
        wanted = "one[31m twoaD"
        session.wait_for(lambda _: any(a.name == wanted for a in server.store.assets()))


@either_way
def test_a_first_start_offers_the_demo(server: DemoServer) -> None:
    with Session(PROGRAM) as session:
        session.wait_for("look around")
        session.write("d")
        session.wait_for("1,200 assets")
        session.write("q")
        session.wait_exit()
        assert session.status == 0


@either_way
def test_keys_that_come_in_one_packet_act_in_their_order(server: DemoServer) -> None:
    with open_program(server) as session:
        session.wait_for("open data")
        session.write("e\x15new nmae\x7f\x7f\x7fame\tin words\t\x15keep\t\x15place\x13")
        session.wait_for("new name")
        session.wait_for(lambda _: server.store.get(OUTSIDE).name == "new name")
        stored = server.store.get(OUTSIDE)
        assert stored.description == "in words"
        assert stored.tags == ("keep",)
        assert stored.mount == "place"


def test_ten_thousand_hostile_names_put_no_control_character_on_the_wire(
    server: DemoServer,
) -> None:
    server.store.clear()
    server.store.insert(hostile_assets(10_000, server.users[0].email))
    with open_program(server, columns=100, rows=200) as session:
        session.wait_for("10,000 assets", timeout_s=60)
        session.write("zzz")
        session.wait_for(lambda lines: sum("asset" in line for line in lines) > 180)
        for _ in range(60):
            session.press("pagedown", quiet_s=0.02)
        session.wait_for("asset 0 ")
        output = session.output.decode()
    found = {char for char in output if "\x80" <= char <= "\x9f" or char in BAD}
    assert not found
    assert "\x1b[35m" not in output
    assert "\x1b]52" not in output


@only_with_the_layer
@pytest.mark.parametrize("term", ["dumb", "unknown"])
def test_a_terminal_that_cannot_move_its_cursor_is_refused_at_once(
    server: DemoServer, term: str
) -> None:
    with Session(PROGRAM, env=environment(server), term=term) as session:
        session.wait_for(f"the app can't be drawn, as TERM is '{term}'")
        session.wait_exit()
        assert session.status == 2
        assert b"\x1b" not in session.output.replace(b"\x1b[0m", b"")
    assert not server.log.find_all("GET")
