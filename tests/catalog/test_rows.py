"""What is written of an asset: labels that are found elsewhere are left out, ids become numbers."""

import sqlite3
import string
from contextlib import closing
from pathlib import Path
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from coexplorer.catalog import Catalog
from coexplorer.catalog.rows import order_of, reduce_labels
from coexplorer.query import parse_query
from tests.support.naive_search import make_records

ALPHABET = string.ascii_letters + string.digits + "-_.~:@ \u00e9\u65e5"
NOW = 1_780_000_000.0


@given(one=st.text(ALPHABET, min_size=1, max_size=14), other=st.text(ALPHABET, max_size=14))
def test_the_number_of_an_id_sorts_as_the_id_does(one: str, other: str) -> None:
    first, second = sorted((one, other))
    assert 0 <= order_of(first) <= order_of(second) < 2**63


@given(one=st.uuids(), other=st.uuids())
def test_ids_of_the_platform_have_numbers_of_their_own(one: UUID, other: UUID) -> None:
    if str(one)[:12] != str(other)[:12]:
        assert (order_of(str(one)) < order_of(str(other))) is (str(one) < str(other))


@pytest.mark.parametrize(
    ("name", "description", "labels", "kept"),
    [
        ("ecephys_1_raw", "", ["ecephys", "1", "raw"], ()),
        ("a", "mus musculus, rig 4", ["mus musculus", "rig 5"], ("rig 5",)),
        ("x", "", ["raw", "raw data", "raw"], ("raw data",)),
        ("ab", "cd", ["bc", "abcd", ""], ("abcd",)),
    ],
)
def test_only_labels_that_nothing_else_contains_are_kept(
    name: str, description: str, labels: list[str], kept: tuple[str, ...]
) -> None:
    assert reduce_labels(name, description, labels) == kept


@given(
    name=st.text("ab", max_size=6),
    description=st.text("ab", max_size=6),
    labels=st.lists(st.text("ab", max_size=6), max_size=6),
    word=st.text("ab", min_size=1, max_size=6),
)
def test_a_word_is_found_as_before(
    name: str, description: str, labels: list[str], word: str
) -> None:
    whole = (name, description, *labels)
    reduced = (name, description, *reduce_labels(name, description, labels))
    assert any(word in text for text in whole) is any(word in text for text in reduced)


def test_a_tag_that_left_or_entered_the_name_is_still_found(tmp_path: Path) -> None:
    """What is listed of a label depends on the other texts, so each edit lists it anew."""
    (record,) = make_records(1, 3)

    def write(catalog: Catalog, number: int, name: str, tags: list[str]) -> None:
        raw = msgspec.json.encode({"id": record.asset.id, "name": name, "tags": tags})
        asset = msgspec.structs.replace(record.asset, name=name, tags=tuple(tags), raw=raw)
        catalog.upsert([msgspec.structs.replace(record, asset=asset, fetched_at=NOW + number)])

    path = tmp_path / "c.sqlite3"
    with Catalog.open(path) as catalog:
        for number, (name, tags, found) in enumerate(
            [
                ("zebrafish run", ["zebrafish"], True),
                ("run", ["zebrafish"], True),
                ("zebrafish", [], True),
                ("run", [], False),
                ("run", ["a zebrafish b", "zebrafish"], True),
                ("run", ["zebrafish"], True),
                ("run", ["fish"], False),
            ]
        ):
            write(catalog, number, name, tags)
            assert catalog.count(parse_query("is:any zebrafish"), now=NOW) == int(found)
            assert catalog.count(parse_query("is:any zebrafish run"), now=NOW) == int(
                found and "run" in name
            )
            assert catalog.count(parse_query("is:any -zebrafish"), now=NOW) == int(not found)
            with closing(sqlite3.connect(path)) as connection:
                for table in ("words", "label_words"):
                    check = f"INSERT INTO {table} ({table}, rank) VALUES ('integrity-check', 1)"  # noqa: S608
                    connection.execute(check)
