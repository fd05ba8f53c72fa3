from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coexplorer.text import clean, clean_lines, cut, fit, list_like, width


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        ("plain name_1", "plain name_1"),
        ("a\x1b[31mred", "a\\x1b[31mred"),
        ("\x1b]52;c;AAAA\x07", "\\x1b]52;c;AAAA\\x07"),
        ("two\nlines\r\tand more", "two\\nlines\\r\\tand more"),
        ("\u202eevil", "\\u202eevil"),
        ("\x9b31m", "\\x9b31m"),
        ("no\u00a0break", "no break"),
        ("\U000e0041", "\\U000e0041"),
        ("\u0301x", "\u25cc\u0301x"),
        ("数据", "数据"),
    ],
)
def test_what_a_terminal_would_obey_becomes_visible(raw: str, shown: str) -> None:
    assert clean(raw) == shown


def test_marks_without_end_are_cut_short() -> None:
    assert clean("a" + "\u0301" * 50 + "b") == "a" + "\u0301" * 3 + "b"


@given(st.text())
def test_clean_text_holds_nothing_to_obey_and_cleaning_twice_is_cleaning_once(raw: str) -> None:
    shown = clean(raw)
    assert all(unicodedata.category(char)[0] not in "CZ" or char == " " for char in shown)
    assert clean(shown) == shown


@given(st.text(), st.integers(0, 40), st.booleans())
def test_fitted_text_takes_exactly_its_cells(raw: str, cells: int, right: bool) -> None:  # noqa: FBT001  hypothesis gives it by name
    assert width(fit(clean(raw), cells, right=right)) == cells


def test_cut_text_ends_in_an_ellipsis_and_never_splits_a_wide_character() -> None:
    assert cut("数据数据", 4) == "数…"
    assert width(fit("数据数据", 4)) == 4


def test_lines_are_kept_where_they_are_wanted() -> None:
    assert clean_lines("a\r\nb\tc\x00") == ["a", "b    c\\x00"]


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("ID", []),
        ("sub", ["subject id"]),
        ("ag", ["age"]),
        ("", []),
        ("subjekt id", ["subject id"]),
        ("modalty", ["modality"]),
    ],
)
def test_a_short_word_is_like_what_it_begins(word: str, meant: list[str]) -> None:
    assert list_like(word, ["subject id", "age", "modality", "plate id"]) == meant
