"""Frames wait for the link, terminals that never answer are not waited for."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coexplorer.tui.terminal.pacing import ANSWER, QUESTION, AnswerFilter, Pacer


def test_two_unanswered_frames_hold_the_third_back_until_an_answer() -> None:
    pacer = Pacer()
    for _ in range(2):
        assert pacer.may_send(0.0)
        assert pacer.end_frame(0.0) == QUESTION
    assert not pacer.may_send(0.5)
    assert pacer.wait_s(0.5) == pytest.approx(1.5)
    pacer.note_answers(1)
    assert pacer.may_send(0.5)
    assert pacer.unanswered == 1


def test_a_terminal_that_never_answers_is_given_up_after_two_timeouts() -> None:
    pacer = Pacer()
    for start in (0.0, 10.0):
        pacer.end_frame(start)
        pacer.end_frame(start)
        assert not pacer.may_send(start + 1.9)
        assert pacer.may_send(start + 2.0)
    assert not pacer.asks
    assert pacer.end_frame(20.0) == ""
    assert pacer.may_send(20.0)


def test_one_slow_answer_does_not_end_the_pacing() -> None:
    pacer = Pacer()
    pacer.end_frame(0.0)
    assert pacer.may_send(3.0)
    pacer.end_frame(3.0)
    pacer.note_answers(1)
    pacer.end_frame(6.0)
    assert pacer.may_send(9.0)
    assert pacer.asks


@given(
    st.lists(st.sampled_from([b"j", b"\x1b[A", ANSWER, b"\xc3\xa9", b"\x1b[0;5n"]), max_size=12),
    st.lists(st.integers(0, 60), max_size=8),
)
def test_answers_are_taken_out_wherever_the_reads_are_cut(
    parts: list[bytes], cuts: list[int]
) -> None:
    data = b"".join(parts)
    places = sorted({min(cut, len(data)) for cut in cuts} | {0, len(data)})
    answers = AnswerFilter()
    rest, count = b"", 0
    for start, end in pairwise(places):
        some, found = answers.feed(data[start:end])
        rest += some
        count += found
    rest += answers.flush()
    keys = b"".join(part for part in parts if part != ANSWER)
    if all(data[cut - 1 : cut] != b"\x1b" for cut in places):
        assert count == parts.count(ANSWER)
        assert rest == keys


def test_a_lone_escape_is_a_key_and_not_kept_back() -> None:
    assert AnswerFilter().feed(b"\x1b") == (b"\x1b", 0)
