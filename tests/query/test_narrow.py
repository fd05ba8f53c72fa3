"""What `T` writes: a search narrowed to one more tag."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from coexplorer.query import (
    Query,
    format_query,
    narrow_text,
    narrow_to_tag,
    parse_partial,
    parse_query,
)
from tests.support.naive_search import find_naively, make_records
from tests.support.queries import WORDS, queries

NOW = 1_777_593_600.0
RECORDS = make_records(80, 5)
TAGS = sorted({tag for record in RECORDS for tag in record.asset.tags})


@pytest.mark.parametrize(
    ("text", "tag", "narrowed"),
    [
        ("", "raw", "tag:raw"),
        ("tag:raw size:>1TB", "ecephys", "tag:all(raw,ecephys) size:>1TB"),
        ("size:>1TB  tag:raw", "ecephys", "size:>1TB tag:all(raw,ecephys)"),
        ("tag:all(raw, ecephys)", "spim", "tag:all(raw,ecephys,spim)"),
        ("tag:raw tag:all(a,b)", "c", "tag:all(raw,a,b,c)"),
        ("tag:raw tag:ecephys", "spim", "tag:raw tag:ecephys tag:all(spim)"),
        ("tag:raw tag:ecephys", "raw", "tag:raw"),
        ("tag:raw tag:ecephys tag:all(a)", "raw", "tag:all(a,raw)"),
        ("tag:raw", "RAW", "tag:raw"),
        ("tag:all(a,B)", "b", "tag:all(a,B)"),
        ("-tag:test foo", "raw", "-tag:test foo tag:raw"),
        ("-tag:all(a,b)", "a", "-tag:all(a,b) tag:a"),
        ('"tag":x', "raw", '"tag":x tag:raw'),
        ("sort:-size tag:a", "b", "sort:-size tag:all(a,b)"),
        ("TAG:Raw SIZE:>1gb", "b", "tag:all(Raw,b) SIZE:>1gb"),
        ("tag:a", "with blanks", 'tag:all(a,"with blanks")'),
        ("", "with blanks", 'tag:"with blanks"'),
        ("tag:a", "b,c)", 'tag:all(a,"b,c)")'),
        ('tag:"x y"', 'q"uo', 'tag:all("x y","q\\"uo")'),
        ("tag:a", "all(b", "tag:all(a,all(b)"),
        ("", "all(b", 'tag:"all(b"'),
        ("tag:^ec", "raw", "tag:^ec tag:all(raw)"),
        ("tag:glob(e*) tag:raw", "raw", "tag:raw"),
        ("tag:=raw", "b", "tag:all(raw,b)"),
        # Mistakes stay where they are, and take nothing that is written after them.
        ("size:>ten tag:a", "b", "size:>ten tag:all(a,b)"),
        ('"not closed', "b", 'tag:b "not closed'),
    ],
)
def test_a_search_is_narrowed_by_one_more_tag(text: str, tag: str, narrowed: str) -> None:
    assert narrow_text(text, tag) == narrowed


@settings(max_examples=400, deadline=None)
@given(query=queries(), tag=st.sampled_from([*TAGS, *WORDS]))
def test_it_finds_what_was_found_and_has_the_tag(query: Query, tag: str) -> None:
    found = find_naively(RECORDS, query, NOW)
    having = set(find_naively(RECORDS, parse_query(f"is:any {format_tag(tag)}"), NOW))
    expected = [each for each in found if each in having]
    assert find_naively(RECORDS, narrow_to_tag(query, tag), NOW) == expected
    written = narrow_text(format_query(query), tag)
    assert find_naively(RECORDS, parse_query(written), NOW) == expected


@settings(max_examples=400, deadline=None)
@given(
    text=st.text(st.sampled_from('tag:al(rw,)" -\\sizeof>1GB'), max_size=30),
    tag=st.sampled_from(WORDS),
)
def test_a_text_with_mistakes_is_narrowed_as_far_as_it_is_read(text: str, tag: str) -> None:
    before, _ = parse_partial(text)
    after, _ = parse_partial(narrow_text(text, tag))
    wanted = narrow_to_tag(before, tag)
    assert (set(after.terms), after.sort) == (set(wanted.terms), wanted.sort)


def format_tag(tag: str) -> str:
    escaped = tag.replace("\\", "\\\\").replace('"', '\\"')
    return f'tag:"{escaped}"'
