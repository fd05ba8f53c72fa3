"""Typed values of custom metadata: text ↔ value."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coexplorer.metadata.reading import MetadataMistake, parse_date, read_value
from coexplorer.metadata.rules import describe_field, find_mistake
from coexplorer.metadata.schema import MetadataSchema
from coexplorer.metadata.showing import show_date, show_value
from coexplorer.metadata.written import read_written, write_value
from coexplorer.models import MetadataField
from tests.support.new_key import PLACES
from tests.support.pages import ROOT

TEXT = MetadataField("genotype")
SEX = MetadataField("sex", allowed_values=("F", "M"))
AGE = MetadataField("age", "number", units="days", minimum=0, maximum=40_000)
DAY = MetadataField("session date", "date", minimum=1_577_836_800)
PLATE = MetadataField("plate", "number", allowed_values=(6, 12, 24))
PEOPLE = MetadataField("people", multiple=True, allowed_values=("Lind, Jonas", "Ann", 'O"Hara'))
DEPTHS = MetadataField("depths", "number", multiple=True, units="µm")
BORN = MetadataField("born", "date")
NAMES = MetadataField("names", multiple=True, allowed_values=("\u00c9mile", "Zoe\u0308"))
EVERY = (TEXT, SEX, AGE, DAY, PLATE, PEOPLE, DEPTHS, None)


@pytest.mark.parametrize(
    ("field", "text", "value"),
    [
        (TEXT, " Ai14, wt ", "Ai14, wt"),
        (TEXT, "12", "12"),
        (SEX, "F", "F"),
        (AGE, "112", 112),
        (AGE, "112 days", 112),
        (AGE, "1.5e2days", 150),
        (AGE, "100.0", 100),
        (AGE, "1.5", 1.5),
        (DAY, "2024-03-01", 1_709_251_200),
        (DAY, "2024-3-1", 1_709_251_200),
        (DAY, "2024-03-01T14:30Z", 1_709_303_400),
        (DAY, "2024-03-01 14:30:05", 1_709_303_405),
        (DAY, "2024-03-01T16:30+02:00", 1_709_303_400),
        (DAY, "2024-03-01 09:00:00 -0530", 1_709_303_400),
        (DAY, "1709251200", 1_709_251_200),
        (PLATE, "12", 12),
        (PEOPLE, "Ann", ["Ann"]),
        (PEOPLE, '"Lind, Jonas", Ann, ', ["Lind, Jonas", "Ann"]),
        (PEOPLE, "Lind, Jonas", ["Lind, Jonas"]),
        (DEPTHS, "10, 20.5 µm", [10, 20.5]),
        (NAMES, "E\u0301mile, Zo\u00eb", ["\u00c9mile", "Zoe\u0308"]),
        (None, "anything, at all", "anything, at all"),
    ],
)
def test_text_is_read_as_its_field_says(
    field: MetadataField | None, text: str, value: object
) -> None:
    read = read_value(field, text)
    assert read == value
    assert type(read) is type(value)


@pytest.mark.parametrize(
    ("field", "text", "before"),
    [
        (AGE, "100", 100.0),
        (None, "Ann, Bo", ["Ann", "Bo"]),
        (DEPTHS, "10.0, 20", [10, 20.0]),
        (None, "1e2", 100),
        (AGE, "1e2", 100),
    ],
)
def test_a_number_written_otherwise_is_the_one_that_is_there(
    field: MetadataField | None, text: str, before: object
) -> None:
    assert read_value(field, text, before) is before


@pytest.mark.parametrize(
    ("text", "before", "value"),
    [
        ("Hana Sato", ["Ann", "Bo"], ["Hana Sato"]),
        ('Ann, "Lind, Jonas", Ann', ["Bo"], ["Ann", "Lind, Jonas"]),
        ("10, 20.5", [5], [10, 20.5]),
        ("10, deep", ["5"], ["10", "deep"]),
        ("Ann, Bo", "Bo", "Ann, Bo"),
    ],
)
def test_without_a_schema_a_value_is_like_the_one_that_was_there(
    text: str, before: object, value: object
) -> None:
    assert read_value(None, text, before) == value


@pytest.mark.parametrize(
    ("field", "text", "said"),
    [
        (SEX, "female", "must be one of F, M, not 'female'"),
        (SEX, "", "must be one of F, M, and can't be empty"),
        (AGE, "old", "must be a number (0 to 40,000 days), not 'old'"),
        (AGE, "-1", "must be 0 to 40,000 days, not '-1'"),
        (AGE, "1e400", "must be a number (0 to 40,000 days), not '1e400'"),
        (AGE, "nan", "must be a number (0 to 40,000 days), not 'nan'"),
        (DAY, "1.3.2024", "must be a date such as 2024-03-01, not '1.3.2024'"),
        (DAY, "2024-03-01+02:00", "must be a date such as 2024-03-01, not '2024-03-01+02:00'"),
        (DAY, "2024-02-30", "must be a date such as 2024-03-01, not '2024-02-30'"),
        (DAY, "2019-12-31", "must be 2020-01-01 or later, not '2019-12-31'"),
        (PLATE, "13", "must be one of 6, 12, 24, not '13'"),
        (PEOPLE, "Ann, Bob", """must be among Lind, Jonas, Ann, O"Hara, not 'Bob'"""),
        (DEPTHS, "10, deep", "must be a number, not 'deep'"),
        (DEPTHS, ",", "must be a number, and can't be empty"),
        (PEOPLE, " , ,", """must be among Lind, Jonas, Ann, O"Hara, and can't be empty"""),
        (BORN, "0001-01-01", "must be a date such as 2024-03-01, not '0001-01-01'"),
        (BORN, "-62135596800", "must be a date such as 2024-03-01, not '-62135596800'"),
    ],
)
def test_a_mistake_names_what_is_allowed(field: MetadataField, text: str, said: str) -> None:
    with pytest.raises(MetadataMistake) as raised:
        read_value(field, text)
    assert str(raised.value) == said


def test_values_are_shown_as_dates_and_with_units() -> None:
    assert show_value(DAY, 1_709_251_200) == "2024-03-01"
    assert show_value(DAY, 1_709_303_405) == "2024-03-01T14:30:05Z"
    assert show_value(DAY, 1_709_251_200.5) == "1709251200.5"
    assert show_value(DAY, 1e300) == "1e300"
    assert show_value(AGE, 112, units=True) == "112 days"
    assert show_value(AGE, "unknown", units=True) == "unknown"
    assert show_value(DEPTHS, [10, 20.5], units=True) == "10 µm, 20.5 µm"
    assert show_value(PEOPLE, ["Lind, Jonas", "Ann"]) == '"Lind, Jonas", Ann'
    assert show_value(None, True) == "true"
    assert show_value(None, {"a": [1]}) == '{"a":[1]}'


def test_a_field_is_described_with_what_it_takes() -> None:
    said = [describe_field(field) for field in (TEXT, SEX, AGE, DAY, PEOPLE, DEPTHS)]
    assert said == [
        "text",
        "one of F, M",
        "number, 0 to 40,000 days",
        "date, 2020-01-01 or later",
        'any of Lind, Jonas, Ann, O"Hara',
        "number in µm; several",
    ]


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(max_size=6)
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=5,
)


@given(st.sampled_from(EVERY), JSON.filter(lambda value: value is not None))
def test_what_is_shown_and_not_touched_stays_as_it_is(
    field: MetadataField | None, value: object
) -> None:
    assert read_value(field, show_value(field, value), value) is value
    assert read_value(field, show_value(field, value, units=True), value) is value


VALUES = st.one_of(
    st.tuples(st.just(AGE), st.integers(0, 40_000) | st.floats(0, 40_000)),
    st.tuples(st.just(DAY), st.integers(1_577_836_800, 4_000_000_000)),
    st.tuples(
        st.just(PEOPLE), st.lists(st.sampled_from(PEOPLE.allowed_values), min_size=1, unique=True)
    ),
    st.tuples(st.just(SEX), st.sampled_from(SEX.allowed_values)),
)


@given(VALUES)
def test_what_is_shown_is_read_back_without_knowing_what_was_there(
    one: tuple[MetadataField, object],
) -> None:
    field, value = one
    assert read_value(field, show_value(field, value)) == value
    assert not find_mistake(field, value)


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        (AGE, -5, "must be 0 to 40,000 days, not '-5'"),
        (PEOPLE, ["Ann", "Bob"], """must be among Lind, Jonas, Ann, O"Hara, not 'Bob'"""),
        (PEOPLE, [], """must be among Lind, Jonas, Ann, O"Hara, and can't be empty"""),
        (DAY, 1_000_000_000, "must be 2020-01-01 or later, not '2001-09-09T01:46:40Z'"),
        (BORN, -62_135_596_800, "must be a date such as 2024-03-01, not '-62135596800'"),
    ],
)
def test_a_whole_value_that_does_not_fit_is_named(
    field: MetadataField, value: object, said: str
) -> None:
    assert find_mistake(field, value) == said


@given(st.integers(-62_135_596_800, 253_402_300_799))
def test_a_shown_date_is_read_as_the_same_second(seconds: int) -> None:
    assert parse_date(show_date(seconds)) == seconds


def test_a_key_that_does_not_exist_is_told_with_what_is_like_it() -> None:
    schema = MetadataSchema((MetadataField("subject id"), AGE))
    assert schema.find("age") is AGE
    assert schema.find("Subject_ID") is None
    assert schema.find_like("Subject_ID") == ("subject id",)


@pytest.mark.parametrize("place", PLACES)
def test_a_test_looks_for_a_new_key_in_each_place(place: str) -> None:
    path, _, name = PLACES[place].partition("::")
    assert f"def {name}(" in (ROOT / path).read_text("utf-8"), "tests/support/new_key.py names it"


WRITTEN = {
    "a text": (None, "plain", "plain"),
    "quotes": (None, '"plain"', '"\\"plain\\""'),
    "blanks": (None, " x ", '" x "'),
    "lines": (None, "a\nb", '"a\\nb"'),
    "a sign": (None, "=1", '"=1"'),
    "quotes of a schema": (MetadataField("k"), '"plain"', '"\\"plain\\""'),
    "a number": (MetadataField("k", "number"), 12, "12"),
    "a text for a number": (MetadataField("k", "number"), "x", '="x"'),
    "a text for several": (MetadataField("k", multiple=True), "x", '="x"'),
    "several": (MetadataField("k", multiple=True), ["x", "y, z"], 'x, "y, z"'),
}


@pytest.mark.parametrize(("field", "value", "written"), WRITTEN.values(), ids=WRITTEN)
def test_a_line_is_read_back_as_it_was_written(
    field: MetadataField | None, value: object, written: str
) -> None:
    assert write_value(field, value) == written
    assert read_written(field, written, strict=False) == value


@pytest.mark.parametrize(
    ("field", "line", "value"),
    [
        (None, '"plain"', "plain"),
        (MetadataField("k"), '"plain"', "plain"),
        (MetadataField("k", allowed_values=("F", "M")), '"M"', "M"),
        (MetadataField("k", multiple=True), '"plain"', ["plain"]),
        (MetadataField("k", "number"), '"12"', 12),
        (MetadataField("k", "date"), '"2024-03-01"', 1_709_251_200),
    ],
)
def test_quotes_mean_the_same_in_every_line(
    field: MetadataField | None, line: str, value: object
) -> None:
    assert read_written(field, line, "before") == value


@pytest.mark.parametrize("line", ['"plain', '"a" b', '""', '"X"'])
def test_a_text_in_quotes_that_is_none_is_refused(line: str) -> None:
    with pytest.raises(MetadataMistake):
        read_written(MetadataField("k", allowed_values=("F", "M")), line, "F")
