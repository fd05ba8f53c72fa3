"""What the schema of custom metadata makes of a query; what comes out needs no schema."""

import pytest

from coexplorer.models import MetadataField
from coexplorer.query import apply_types, format_query, interval, parse_query
from coexplorer.query.tree import Compare

SCHEMA = (
    MetadataField("subject id"),
    MetadataField("age", "number", units="days"),
    MetadataField("session date", "date"),
)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ('"session date":>2024', '"session date":>2024-12'),
        ('"Session Date":>=2024', '"Session Date":>=2024-01'),
        ('-"session date":<2024', '-"session date":<2024-01'),
        ('"session date":<=2024', '"session date":<=2024-12'),
        ('"session date":2023..2024', '"session date":2023-01..2024-12'),
        ('"session date":2023..2024-03', '"session date":2023-01..2024-03'),
        ('"session date":2024', '"session date":2024-01..2024-12'),
        ('-"session date":=2024', '-"session date":2024-01..2024-12'),
        ('"session date":>1706659200', '"session date":>1706659200'),
        ('"session date":1706659200', '"session date":=1706659200'),
        ('"session date":2024-01', '"session date":2024-01'),
        ('"session date":20', '"session date":20'),
        ('"session date":^2024', '"session date":^2024'),
        ('"age":12', '"age":=12'),
        ('"age":=12.0', '"age":=12'),
        ('"age":012', '"age":=12'),
        ('"age":12d', '"age":12d'),
        ('"age":"12 days"', '"age":=12'),
        ('-"age":="12 Days"', '-"age":=12'),
        ('"age":"days"', '"age":days'),
        ('"age":>2024', '"age":>2024'),
        ('"age":glob(1*)', '"age":glob(1*)'),
        ('"subject id":2024', '"subject id":2024'),
        ('"no such":12 "age":x sort:name', '"no such":12 "age":x sort:name'),
    ],
)
def test_a_bare_number_is_what_its_key_holds(text: str, meant: str) -> None:
    found = apply_types(parse_query(text), SCHEMA)
    assert format_query(found) == meant
    assert parse_query(meant) == found


def test_years_stay_alternatives_of_each_other() -> None:
    found = apply_types(parse_query('"session date":2023 "session date":2024-05'), SCHEMA)
    texts = [f"2023-{month:02}" for month in range(1, 13)]
    assert found == parse_query(" ".join(f'"session date":{text}' for text in [*texts, "2024-05"]))


@pytest.mark.parametrize("op", ["<", "<=", ">", ">=", ".."])
def test_a_year_is_the_span_that_it_is_for_created(op: str) -> None:
    value = "2023..2024" if op == ".." else f"{op}2024"
    (term,) = apply_types(parse_query(f'"session date":{value}'), SCHEMA).terms
    (known,) = parse_query(f"created:{value}").terms
    assert isinstance(term, Compare)
    assert isinstance(known, Compare)
    assert interval(term, 0) == interval(known, 0)
