"""The driver and the layer in a real terminal: the same screen in far fewer bytes."""

import re
import sys
from pathlib import Path

import pytest

from benchmarks.pty_session import Link, Session

APP = """
from textual.widgets import Static, Input
from coexplorer.tui.terminal.app import TerminalApp

class Trial(TerminalApp[None]):
    BINDINGS = [("q", "quit", "Quit"), ("j", "next", "Next"), ("ctrl+l", "repaint", "Repaint")]
    CSS = "Static { width: 1fr; height: 1; } #hostile { height: 3; }"
    at = 0

    def compose(self):
        for n in range(12):
            yield Static(f"row {n} of the trial", id=f"row{n}", markup=False)
        text = "日本 é e\\u0301 HOSTILE end"
        yield Static(text, id="hostile", markup=False)

    def action_next(self):
        self.query_one(f"#row{self.at}").styles.background = None
        self.at = (self.at + 1) % 12
        self.query_one(f"#row{self.at}").styles.background = "blue"

    def action_repaint(self):
        self.repaint()

Trial().run()
"""
HOSTILE = r"\x1b]52;c;aGk=\x07 \x9b2J \u202e"


@pytest.fixture
def trial(tmp_path: Path) -> list[str]:
    script = tmp_path / "trial.py"
    script.write_text(APP.replace("HOSTILE", HOSTILE))
    return [sys.executable, str(script)]


@pytest.fixture
def harmless(tmp_path: Path) -> list[str]:
    """Return the same app without what only the layer keeps from a terminal."""
    script = tmp_path / "harmless.py"
    script.write_text(APP.replace("HOSTILE", "🐙"))
    return [sys.executable, str(script)]


TERMS = ["xterm-256color", "screen-256color", "tmux-256color", "linux", "vt100"]


@pytest.mark.parametrize("term", TERMS)
def test_the_same_is_seen_with_the_layer_and_without(harmless: list[str], term: str) -> None:
    seen = []
    for env in ({}, {"COEXPLORER_STOCK_OUTPUT": "1"}):
        with Session(harmless, columns=60, rows=20, term=term, env=env) as session:
            session.wait_for("row 11")
            for _ in range(3):
                session.press("j")
            session.wait_idle()
            session.lines()
            screen = session.screen
            rows = [[screen.buffer[y][x] for x in range(60)] for y in range(20)]
            # Of a blank the colour of its text is not seen, and not sent.
            seen.append([[(c.data, c.bg, c.data.strip() and c.fg) for c in row] for row in rows])
            assert "row 3 of the trial" in session.text()
            assert rows[3][0].bg != rows[2][0].bg
    assert seen[0] == seen[1]


def test_a_key_sends_only_what_it_changed(trial: list[str]) -> None:
    with Session(trial, columns=60, rows=20) as session:
        session.wait_for("row 11")
        session.press("j")
        before = len(session.output)
        session.write("j")
        # The question that ends the frame.
        session.wait_output(b"\x1b[5n", since=before)
        assert len(session.output) - before < 300


def test_no_control_byte_of_foreign_text_reaches_the_terminal(trial: list[str]) -> None:
    with Session(trial, columns=60, rows=20) as session:
        session.wait_for("end")
        session.wait_idle()
        output = session.output
    assert b"\x1b]52" not in output
    assert b"\x07" not in output
    assert "\x9b".encode() not in output
    assert "\u202e".encode() not in output


def test_nothing_is_switched_on_that_hurts_on_a_slow_link_and_all_is_switched_off(
    trial: list[str],
) -> None:
    with Session(trial, columns=60, rows=20) as session:
        session.wait_for("row 11")
        session.write("q")
        session.wait_exit()
        assert session.status == 0
        assert session.modes_left_on() == []
        output = session.output
    for mode in (b"?1003h", b"?1015h", b"?1004h", b"?2048"):
        assert mode not in output
    assert not re.search(rb"\x1b\[>[\d;]*[^\d;c]", output)  # asking who it is hurts nobody


def test_frames_are_merged_when_the_link_is_slower_than_the_keys(trial: list[str]) -> None:
    with Session(trial, columns=60, rows=20, link=Link(8000, 0.2)) as session:
        session.wait_for("row 11")
        session.wait_idle(quiet_s=1.0)
        before = session.output.count(b"\x1b[5n")
        for _ in range(40):
            session.write("j")
        session.wait_idle(quiet_s=1.0)
        frames = session.output.count(b"\x1b[5n") - before
        assert 1 <= frames < 20
        session.lines()
        colours = [session.screen.buffer[y][0].bg for y in range(12)]
        assert colours[40 % 12] != colours[0]
        assert colours.count(colours[0]) == 11


def test_a_repaint_sends_the_whole_screen_again(trial: list[str]) -> None:
    with Session(trial, columns=60, rows=20) as session:
        session.wait_for("row 11")
        session.wait_idle()
        before = len(session.output)
        session.write("ctrl+l")
        session.wait_output(b"row 5 of the trial", since=before)
