from __future__ import annotations

from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st
from textual import events

from coexplorer.tui.terminal.pasting import BEGIN, END, MOST_KEPT, PasteFilter
from coexplorer.tui.terminal.reading import InputReader

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
    filter_ = PasteFilter()
    assert not list(filter_.feed(BEGIN))
    for _ in range(3):
        assert not list(filter_.feed("x" * MOST_KEPT))
    assert [(pasted, len(text)) for pasted, text in filter_.feed(END)] == [(True, MOST_KEPT)]
