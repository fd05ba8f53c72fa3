import uuid

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from coexplorer.names import (
    choose_file_name,
    cut_name,
    disambiguate,
    escape_name,
    file_name,
    unescape_name,
)

NASTY = st.text(
    st.one_of(
        st.sampled_from("%./~\0\n\x7f\x85 25aAfF"),
        st.characters(exclude_categories=()),  # lone surrogates too
    ),
    max_size=300,
)
ID = "0a1b2c3d-1111-2222-3333-444455556666"


@pytest.mark.parametrize(
    ("name", "escaped"),
    [
        ("ecephys_655019_2023-04-03", "ecephys_655019_2023-04-03"),
        ("a/b", "a%2Fb"),
        (".hidden", "%2Ehidden"),
        ("..", "%2E."),
        ("100%", "100%"),
        ("100%2F", "100%252F"),
        ("tab\there", "tab%09here"),
        ("\x85", "%C2%85"),
        ("", "%25"),
        ("Ünit ~ 日本", "Ünit ~ 日本"),
    ],
)
def test_names_are_escaped_only_where_a_folder_needs_it(name: str, escaped: str) -> None:
    assert escape_name(name) == escaped


@given(NASTY)
@example("%")
@example("%25")
@example("%%2F")
@example("\ud800\udc00")
@example("%2/")
def test_escaping_is_reversible(name: str) -> None:
    assert unescape_name(escape_name(name)) == name


@given(NASTY, st.uuids())
def test_every_file_name_is_safe(name: str, asset_id: uuid.UUID) -> None:
    made = file_name(name, str(asset_id))
    assert 0 < len(made.encode()) <= 255
    assert not made.startswith(".")
    assert not any(char == "/" or ord(char) < 32 or 127 <= ord(char) < 160 for char in made)


@given(st.lists(NASTY, max_size=12))
def test_file_names_are_unique(names: list[str]) -> None:
    taken: set[str] = set()
    for number, name in enumerate([*names, *names, *map(escape_name, names)]):
        chosen = choose_file_name(name, str(uuid.UUID(int=number)), taken.__contains__)
        assert chosen not in taken
        assert len(chosen.encode()) <= 255
        taken.add(chosen)


def test_the_first_keeps_its_name_and_the_next_gets_eight_of_its_id() -> None:
    assert choose_file_name("a", ID, set[str]().__contains__) == "a"
    assert choose_file_name("a", ID, {"a"}.__contains__) == "a~0a1b2c3d"
    assert choose_file_name("a", ID, {"a", "a~0a1b2c3d"}.__contains__) == "a~0a1b2c3d-"


def test_a_name_is_found_even_when_every_form_is_taken() -> None:
    refused = iter([True] * 60 + [False])
    assert choose_file_name("a", "x/y", lambda _: next(refused)).startswith("a~x_y_")


def test_long_names_are_cut_at_the_border_of_a_character_and_of_an_escape() -> None:
    assert cut_name("é" * 200, ID) == "é" * 123 + "~0a1b2c3d"
    escaped = escape_name("x" * 244 + "/" * 9)
    assert cut_name(escaped, ID) == "x" * 244 + "~0a1b2c3d"
    assert disambiguate("x" * 300, ID) == "x" * 246 + "~0a1b2c3d"


@pytest.mark.parametrize("typed", ["50%", "%FF", "%zz", "a b"])
def test_what_is_no_escape_is_taken_literally(typed: str) -> None:
    assert unescape_name(typed) == typed
