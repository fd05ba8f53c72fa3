import pytest
from hypothesis import given
from hypothesis import strategies as st

from coexplorer.query import FIELDS, complete_at, parse_query


def test_a_word_may_become_a_field() -> None:
    found = complete_at("raw ta", 6)
    assert found is not None
    assert (found.kind, found.text, found.start, found.end) == ("field", "ta", 4, 6)
    assert [text for text, _ in found.choices] == ["tag:"]


@pytest.mark.parametrize(
    ("text", "field", "typed"),
    [
        ("tag:ra", "tag", "ra"),
        ("-tag:ra", "tag", "ra"),
        ('tag:"spike so', "tag", "spike so"),
        ("tag:all(raw, ep", "tag", "ep"),
        ("a owner:ja", "owner", "ja"),
        ("-tag:=ra", "tag", "ra"),
        ('name:^"raw d', "name", "raw d"),
        ("name:glob(a b*) tag:ra", "tag", "ra"),
        ("-has:des", "has", "des"),
        ('has:"subject i', "has", "subject i"),
        ("is:fa", "is", "fa"),
        ("sort:-cr", "sort", "cr"),
        ('name:"a b" type:re', "type", "re"),
    ],
)
def test_a_value_is_completed_in_its_field(text: str, field: str, typed: str) -> None:
    found = complete_at(text, len(text))
    assert found is not None
    assert (found.kind, found.field, found.text, found.end) == ("value", field, typed, len(text))


@pytest.mark.parametrize(
    ("text", "choices"),
    [
        ("is:fa", ["favorite"]),
        ("has:des", ["description"]),
        ('has:"des', []),
        ("state:", ["draft", "ready", "failed"]),
        ("used:n", ["never"]),
    ],
)
def test_known_values_are_offered(text: str, choices: list[str]) -> None:
    found = complete_at(text, len(text))
    assert found is not None
    assert [choice for choice, _ in found.choices] == choices


@pytest.mark.parametrize("text", ["size:>1", '"half', "nofield:x", "name:glob(a"])
def test_nothing_is_offered_where_nothing_fits(text: str) -> None:
    assert complete_at(text, len(text)) is None


@given(st.text('tag:all(is"\\) -,x=^h', max_size=20), st.integers(0, 20))
def test_completion_never_fails_and_stays_before_the_cursor(text: str, cursor: int) -> None:
    found = complete_at(text, min(cursor, len(text)))
    if found is not None:
        assert 0 <= found.start <= found.end <= len(text)


def test_every_field_has_a_help_and_an_example_that_is_understood() -> None:
    for field in FIELDS:
        assert field.help
        for example in field.example.split(" or "):
            for one in example.split(", "):
                parse_query(f"{field.name}:{one}")
