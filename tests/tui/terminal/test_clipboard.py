"""What is written to copy a text, by terminal and by multiplexer."""

from __future__ import annotations

import base64
import re

import pytest

from coexplorer.tui.terminal.clipboard import build_copies


def read_as_screen(written: str) -> str:
    """Return what GNU screen hands on: what is in its device control strings, if none is long."""
    parts = re.findall(r"\x1bP(.*?)\x1b\\", written, re.DOTALL)
    assert "".join(f"\x1bP{part}\x1b\\" for part in parts) == written
    assert all(len(part) <= 256 for part in parts)
    return "".join(parts)


def sequence(text: str) -> str:
    return f"\x1b]52;c;{base64.b64encode(text.encode()).decode()}\x07"


@pytest.mark.parametrize("text", ["", "id", "é 日本\n\x1b\\", "x" * 177, "y" * 100_000])
@pytest.mark.parametrize("term", ["xterm-256color", "screen-256color", "screen.xterm-256color"])
def test_gnu_screen_hands_the_whole_sequence_on(text: str, term: str) -> None:
    (written,) = build_copies(text, {"TERM": term, "STY": "123.pts-0.host"})
    assert read_as_screen(written) == sequence(text)


@pytest.mark.parametrize(
    "env",
    [
        {"TERM": "xterm-256color"},
        {"TERM": "tmux-256color", "TMUX": "tmux-0/default,1,0"},
        {"TERM": "screen-256color", "TMUX": "tmux-0/default,1,0"},
        {"TERM": "xterm-256color", "STY": ""},
        {},
    ],
)
def test_all_others_get_the_sequence_itself(env: dict[str, str]) -> None:
    assert build_copies("id", env) == [sequence("id")]


def test_one_in_the_other_gets_both() -> None:
    env = {"TERM": "screen", "TMUX": "tmux-0/default,1,0", "STY": "1.host"}
    plain, wrapped = build_copies("id", env)
    assert plain == sequence("id") == read_as_screen(wrapped)


@pytest.mark.parametrize("term", ["linux", "vt100", "vt220", "ansi", "cons25"])
def test_a_terminal_without_a_clipboard_gets_nothing(term: str) -> None:
    assert build_copies("id", {"TERM": term}) == []
