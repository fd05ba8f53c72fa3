"""What a copy that comes back was made from."""

from __future__ import annotations

import pytest

from coexplorer.fs.core.last_served import CHECK_S, LastServed, goes_on_from

KEY = (1, 2)
OLD, NEW, MINE = b"old text\nof hers\n", b"new text\nof hers\n", b"mine\n"


class Clock:
    """A clock that a test sets."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_file_that_was_never_read_has_no_base() -> None:
    served = LastServed()
    assert served.find(KEY, MINE, NEW) is None
    served.note_told(KEY, MINE)  # written here, by who never read it
    assert served.find(KEY, MINE, NEW) is None


def test_it_is_what_was_read_last() -> None:
    clock = Clock()
    served = LastServed(clock=clock)
    served.note(KEY, OLD, 7)
    assert served.find(KEY, MINE, NEW) == OLD
    clock.now += 1000
    served.note(KEY, NEW, 8)
    clock.now += CHECK_S + 1
    assert served.find(KEY, MINE, NEW) == NEW


def test_what_a_script_compares_with_was_not_looked_at() -> None:
    clock = Clock()
    served = LastServed(clock=clock)
    served.note(KEY, OLD, 7)
    clock.now += 1000
    served.note(KEY, NEW, 8)
    assert served.find(KEY, MINE, NEW) == OLD
    assert served.find(KEY, OLD + MINE, NEW) == OLD
    assert served.find(KEY, NEW + MINE, NEW) == NEW
    served.note(KEY, b"newer\n", 9)  # and once more at once
    assert served.find(KEY, MINE, b"newer\n") == OLD


def test_what_was_written_or_told_here_is_known() -> None:
    served = LastServed()
    served.note(KEY, OLD, 7)
    served.note_told(KEY, NEW)
    assert served.find(KEY, MINE, NEW) == NEW
    assert not served.is_news(KEY, NEW)
    assert served.is_news(KEY, OLD)


@pytest.mark.parametrize(
    ("content", "old", "new", "goes_on"),
    [
        (b"mine\n", b"old\n", b"new\n", False),
        (b"new v2\n", b"old\n", b"new\n", True),
        (b"old v2\n", b"old\n", b"new\n", False),
        (b"NEW own words\n", b"old\n", b"new own words\n", True),
        (b"a\nb\nmine\n", b"a\nb\n", b"a\n", False),
        (b"a\nmine\n", b"a\nb\n", b"a\n", True),
        (b"\xff\n", b"old\n", b"new\n", False),
        (b"mine\n", b"same\n", b"same\n", True),
    ],
)
def test_a_text_goes_on_from_what_it_has_more_of(
    content: bytes, old: bytes, new: bytes, *, goes_on: bool
) -> None:
    assert goes_on_from(content, old, new) is goes_on


def test_the_oldest_are_forgotten_first() -> None:
    served = LastServed(budget_bytes=100_000)
    for number in range(1000):
        served.note((number, 0), b"%d" % number * 50, 7)
        assert served.used_bytes <= 100_000
    assert served.find((0, 0), MINE, NEW) is None
    assert served.find((999, 0), MINE, NEW) == b"999" * 50
