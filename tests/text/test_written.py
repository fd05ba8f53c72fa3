from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coexplorer.text import clean, show_signs
from coexplorer.tui.tag_text import join_pasted, parse_tags
from coexplorer.written import (
    is_text,
    join_lines,
    read_lines,
    split_lines,
    trim,
    unwrap_token,
    use_line_feeds,
)


@given(st.text())
def test_no_control_character_gets_in(text: str) -> None:
    assert all(char in "\n\t" or is_text(char) for char in read_lines(text))
    assert all(is_text(char) for char in join_lines(text))
    assert all(unicodedata.category(char) != "Cc" for line in split_lines(text) for char in line)


@given(st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="\ufeff")))
def test_what_can_be_seen_is_kept(text: str) -> None:
    assert join_lines(text) == read_lines(text) == text


@given(st.lists(st.text("ab \"',", min_size=1).map(trim).filter(bool), min_size=2, unique=True))
def test_each_line_without_commas_is_a_tag(lines: list[str]) -> None:
    lines = [line.replace(",", "") for line in lines]
    wanted = [line for line in map(trim, lines) if line and '"' not in line]
    if len(wanted) == len(lines):
        assert parse_tags(join_pasted("\r".join(lines))) == tuple(dict.fromkeys(wanted))


@given(st.text())
def test_trimming_twice_is_trimming_once(text: str) -> None:
    assert trim(trim(text)) == trim(text)


@pytest.mark.parametrize(
    "text",
    [
        "cop_1",
        "cop_1\r\n",
        "\ufeff cop_1 ",
        '"cop_1"\n',
        "'cop_1'",
        "“cop_1”",
        "CODEOCEAN_TOKEN=cop_1",
        'export TOKEN="cop_1"',
    ],
)
def test_a_token_is_found_in_what_is_around_it(text: str) -> None:
    assert unwrap_token(text) == "cop_1"


@pytest.mark.parametrize("text", ['"cop_1', "cop=1", "a b"])
def test_what_may_belong_to_a_token_stays(text: str) -> None:
    assert unwrap_token(text) == text


@given(st.text())
def test_a_text_that_nobody_changed_stays(text: str) -> None:
    assert use_line_feeds(text, before=text) == text


@given(st.text())
def test_each_sign_is_shown_in_its_place(text: str) -> None:
    shown = show_signs(text)
    assert len(shown) == len(text)
    assert "".join(shown) == clean(text)


def test_joined_emoji_are_shown_by_their_parts() -> None:
    assert clean("\U0001f468\u200d\U0001f469 \u2764\ufe0f\u200d\U0001f525") == "👨👩 ❤🔥"
    assert clean("a\u200db") == "a\\u200db"
