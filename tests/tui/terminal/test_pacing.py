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
    pacer.note_answers(1, 0.5)
    assert pacer.may_send(0.5)
    assert pacer.unanswered == 1


def count_room(pacer: Pacer, now: float) -> int:
    """Send as many frames as may leave at once."""
    sent = 0
    while pacer.may_send(now):
        pacer.end_frame(now)
        sent += 1
    return sent


def test_a_long_link_holds_more_frames_until_they_queue() -> None:
    pacer = Pacer()
    assert count_room(pacer, 0.0) == 2
    pacer.note_answers(2, 0.2)
    # Both answers were as fast as any.
    assert count_room(pacer, 0.2) == 4
    pacer.note_answers(4, 0.5)
    assert count_room(pacer, 0.5) == 4
    # These took more than twice as long as the fastest ones: they waited behind each other.
    pacer.note_answers(4, 1.2)
    assert count_room(pacer, 1.2) == 2
    pacer.note_answers(1, 1.4)
    assert count_room(pacer, 1.4) == 2
    assert pacer.unanswered == 3


def test_a_fast_link_is_full_when_its_terminal_falls_behind() -> None:
    pacer = Pacer()
    for start in (0.0, 1.0):
        sent = count_room(pacer, start)
        pacer.note_answers(sent, start + 0.001)
    assert count_room(pacer, 2.0) == 4
    pacer.note_answers(4, 2.05)
    assert count_room(pacer, 3.0) == 2


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
    pacer.note_answers(1, 4.0)
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


def test_before_the_end_answers_are_waited_for_as_far_as_they_can_come() -> None:
    pacer = Pacer()
    assert pacer.patience_s(0.0) == 0.0  # nothing was asked
    pacer.end_frame(10.0)
    assert pacer.patience_s(10.0) == pytest.approx(0.1)  # it never answered, but may
    assert pacer.patience_s(10.45) == pytest.approx(0.05)
    assert pacer.patience_s(10.6) == 0.0  # it does not: nobody waits
    pacer.note_answers(1, 10.7)
    assert pacer.patience_s(10.7) == 0.0
    pacer.end_frame(11.0)
    assert pacer.patience_s(11.8) == 1.0  # a slow link: the answer comes
    pacer.forget()
    assert pacer.patience_s(11.8) == 0.0  # another program had the terminal
