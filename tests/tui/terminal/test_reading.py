from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from textual import events

from coexplorer.tui.terminal.reading import InputReader, PastesBracketed
from coexplorer.tui.terminal.splitting import BEGIN, END, MOST_KEPT, InputSplitter, Kind

TEXTS = st.text(st.sampled_from("ab\x1b[]20~1;\r\n\x00\x07数👨\u200d")).filter(
    lambda text: END not in f"\x1b[20{text}1~" and not (text + END).startswith(END)
)


@given(st.lists(TEXTS, min_size=1, max_size=3), st.lists(st.integers(0, 200), max_size=30))
@example(texts=["a", "b"], cuts=[14, 15])
@example(texts=["a", "\x1b"], cuts=[14, 15, 16, 17, 18])
def test_pasted_text_is_text_however_reads_cut_it(texts: list[str], cuts: list[int]) -> None:
    whole = "".join(f"{BEGIN}{text}{END}" for text in texts).encode()
    places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    reader = InputReader()
    found = [
        message for start, end in pairwise(places) for message in reader.feed(whole[start:end])
    ]
    assert all(isinstance(message, events.Paste) for message in found)
    pasted = [message.text for message in found if isinstance(message, events.Paste)]
    assert "".join(pasted) == "".join(texts)


def test_keys_around_a_paste_keep_their_order() -> None:
    found = list(InputReader().feed(f"r{BEGIN}x{END}\r".encode()))
    names = [m.key if isinstance(m, events.Key) else type(m).__name__ for m in found]
    assert names == ["r", "Paste", "enter"]


def test_what_only_began_like_a_bracket_is_keys() -> None:
    reader = InputReader()
    assert not list(reader.feed(b"\x1b[20"))
    found = [*reader.look_again(), *reader.feed(b"~")]  # F9
    assert [m.key for m in found if isinstance(m, events.Key)] == ["f9"]


def test_a_paste_without_end_is_kept_up_to_a_bound() -> None:
    splitter = InputSplitter()
    assert not list(splitter.feed(BEGIN))
    for _ in range(3):
        assert not list(splitter.feed("x" * MOST_KEPT))
    found = [(kind, len(text)) for kind, text in splitter.feed(END)]
    assert found == [(Kind.PASTE, MOST_KEPT)]


def read(*reads: bytes, alt_keys: tuple[str, ...] = ()) -> list[str]:
    """Return what these reads say, and what is said when nothing more comes."""
    reader = InputReader(alt_keys=alt_keys)
    found = [message for data in reads for message in reader.feed(data)]
    found += [message for _ in range(3) for message in reader.look_again()]
    return [m.key if isinstance(m, events.Key) else type(m).__name__ for m in found]


@pytest.mark.parametrize("cut", [False, True])
@pytest.mark.parametrize(
    ("typed", "keys"),
    [
        ("\x1b\r", ["escape", "enter"]),
        ("\x1bj", ["escape", "j"]),
        ("\x1bE", ["escape", "E"]),
        ("\x1b5", ["escape", "5"]),
        ("\x1b-x", ["escape", "minus", "x"]),
        ("\x1b\t", ["escape", "tab"]),
        ("\x1b\x1b", ["escape", "escape"]),
        ("\x1b\x1bj", ["escape", "escape", "j"]),
        ("\x1b\x1b[A", ["escape", "up"]),
        ("\x1b[", ["escape", "left_square_bracket"]),
        ("\x1b[j", ["escape", "left_square_bracket", "j"]),
        ("\x1bO", ["escape", "O"]),
        ("\x1b]", ["escape", "right_square_bracket"]),
        ("\x1b数", ["escape", "数"]),
        ("Q\x1byj", ["Q", "escape", "y", "j"]),
        ("zz\x1bfj\x1b", ["z", "z", "escape", "f", "j", "escape"]),
        ("\x1b[<0;5;5Mj", ["MouseDown", "j"]),
        ("\x1b[1;5Dj", ["ctrl+left", "j"]),
        ("\x1b[3$j", ["shift+delete", "j"]),
        ("\x1bOPj", ["f1", "j"]),
        ("\x1b[[Aj", ["f1", "j"]),
        ("\x1b\x7f", ["ctrl+w"]),
        ("\x1b[99~j", ["j"]),  # a key that nobody knows is none, and takes none with it
        ("\x1b]11;rgb:0000/0000/0000\x07j", ["j"]),
        ("\x1bP>|xterm(390)\x1b\\j", ["j"]),
        ("\x1b[?2004;2$yj", ["PastesBracketed", "j"]),
    ],
)
def test_esc_and_a_key_are_two_keys_and_a_sequence_is_one(
    typed: str, keys: list[str], *, cut: bool
) -> None:
    data = typed.encode()
    assert read(*([data[at : at + 1] for at in range(len(data))] if cut else [data])) == keys


def test_a_key_with_alt_is_one_where_it_does_something() -> None:
    alt_keys = ("alt+x", "alt+shift+y")
    assert read(b"\x1bxx", alt_keys=alt_keys) == ["alt+x", "x"]
    assert read(b"\x1bY", alt_keys=alt_keys) == ["alt+shift+y"]
    assert read(b"\x1by\x1bxj", alt_keys=alt_keys) == ["escape", "y", "alt+x", "j"]
    assert read(b"\x1bb") == ["ctrl+left"]  # what Option-Left sends


def test_esc_waits_for_the_rest_of_a_sequence_but_not_for_long() -> None:
    reader = InputReader()
    assert not [*reader.feed(b"\x1b"), *reader.look_again()]
    assert [m.key for m in reader.feed(b"[A") if isinstance(m, events.Key)] == ["up"]
    assert not [*reader.feed(b"\x1b"), *reader.look_again()]
    assert [m.key for m in reader.look_again() if isinstance(m, events.Key)] == ["escape"]
    # A slow link may bring the rest of a longer one much later.
    assert not [*reader.feed(b"\x1b[1;"), *(m for _ in range(4) for m in reader.look_again())]
    assert [m.key for m in reader.feed(b"5D") if isinstance(m, events.Key)] == ["ctrl+left"]


@pytest.mark.parametrize(
    ("answers", "bracketed"),
    [
        (b"\x1b[?2004;1$y", (True, True)),
        (b"\x1b[?2004;0$y", (False, True)),
        (b"\x1b[>84;0;0c", (True, False)),
        (b"\x1b[>83;40900;0c", (False, False)),
    ],
)
def test_a_terminal_tells_whether_it_marks_what_is_pasted(
    answers: bytes, bracketed: tuple[bool, bool]
) -> None:
    told = next(m for m in InputReader().feed(answers) if isinstance(m, PastesBracketed))
    assert (told.bracketed, told.said) == bracketed
