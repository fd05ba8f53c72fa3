from typing import Any

import pytest

from coexplorer.models import (
    Membership,
    MetadataField,
    Ownership,
    SearchFilter,
    SearchRequest,
    SortField,
)
from coexplorer.query import apply_types, format_query, format_term, parse_query, platform_part

LONG = "ecephys_655019_2023-04-03"
WHOLE = "8b4c01de-0000-4000-8000-000000000000"
SCHEMA = (
    MetadataField("Subject ID"),
    MetadataField("modality", allowed_values=("Ecephys", "SPIM"), multiple=True),
    MetadataField("age", "number"),
    MetadataField("session date", "date"),
)
NOW = 1_780_000_000.0
DAY = 86_400.0


def _ask(**asked: Any) -> SearchRequest:
    """Return a request for the newest first, unless another order is asked for."""
    order: dict[str, Any] = {"sort_field": SortField.CREATED, "descending": True}
    return SearchRequest(**((order if "sort_field" not in asked else {}) | asked))


@pytest.mark.parametrize(
    ("text", "request_", "rest"),
    [
        ("", _ask(), ""),
        ("raw data tag:rna", _ask(query="raw data tag:rna"), "tag:rna"),
        ('name:"raw data"', _ask(query='name:"raw data"'), 'name:"raw data"'),
        (f"name:{LONG}", _ask(query=f"name:{LONG[:20]}"), f"name:{LONG}"),
        (
            f"name:{LONG} name:x",
            _ask(query=f"name:{LONG[:20]} name:x"),
            f"name:{LONG} name:x",
        ),
        (f'name:"{LONG} x"', _ask(query=f'name:"{LONG} x"'), f'name:"{LONG} x"'),
        ("commit_id:1b", _ask(query="commit_id:1b"), "commit_id:1b"),
        ("contained_data_id:3f2a", _ask(), "contained_data_id:3f2a"),
        (
            f"contained_data_id:{WHOLE}",
            _ask(),
            f"contained_data_id:{WHOLE}",
        ),
        ("' raw", _ask(query="raw"), "'"),
        ("[] 'raw'", _ask(query="'raw'"), "[] 'raw'"),
        (r'"a \"b\" c" d', _ask(query="d"), r'"a \"b\" c"'),
        ("is:mine type:result", _ask(type="result", ownership=Ownership.OWNED), ""),
        ("is:shared is:favorite", _ask(ownership=Ownership.SHARED, favorite=True), ""),
        ("type:result type:dataset", _ask(), "type:result type:dataset"),
        ("is:archived", _ask(archived=True), ""),
        ("is:any", _ask(archived=None), ""),
        ("is:any -is:archived", _ask(archived=False), ""),
        ("-is:archived", _ask(), ""),
        ("-tag:test raw", _ask(query="raw"), "-tag:test"),
        ("size:>1GB", _ask(), "size:>1GB"),
        ("is:external -is:unused", _ask(origin="external"), "is:external -is:unused"),
        ("-is:external", _ask(), "-is:external"),
        ("is:writable", _ask(ownership=Ownership.OWNED), ""),
        (
            "tag:all(a,b)",
            _ask(filters=(SearchFilter("tags", "a"), SearchFilter("tags", "b"))),
            "tag:all(a,b)",
        ),
        ("-tag:all(a,b)", _ask(), "-tag:all(a,b)"),
        (r'name:x name:"a \"b\""', _ask(), r'name:x name:"a \"b\""'),
        ("tag:=a", _ask(query="tag:a"), "tag:=a"),
        ("tag:^a", _ask(), "tag:^a"),
        ("tag:x tag:^a", _ask(), "tag:x tag:^a"),
        ("name:=HCR_1", _ask(query="name:HCR_1"), "name:=HCR_1"),
        ("name:glob(*_a*_sorted?)", _ask(query="name:_sorted"), "name:glob(*_a*_sorted?)"),
        ("name:glob(*)", _ask(), "name:glob(*)"),
        ("commit_id:glob(1b*f)", _ask(query="commit_id:1b"), "commit_id:glob(1b*f)"),
        ('description:^"a b"', _ask(query='"a b"'), 'description:^"a b"'),
        ("description:a description:b", _ask(), "description:a description:b"),
        ("-has:description", _ask(), "-has:description"),
        ('"subject id":1', _ask(), '"subject id":1'),
        ("sort:-size", _ask(sort_field=SortField.SIZE, descending=True), ""),
        ("sort:files", _ask(sort_field=None), "sort:files"),
        ("sort:type sort:name", _ask(sort_field=SortField.TYPE), "sort:type sort:name"),
    ],
)
def test_what_the_platform_does_not_understand_is_left_to_be_judged(
    text: str, request_: SearchRequest, rest: str
) -> None:
    part = platform_part(parse_query(text))
    assert part.request == request_
    assert format_query(part.rest) == rest
    assert part.is_whole is (rest == "")


@pytest.mark.parametrize(
    ("text", "asked"),
    [
        ('"subject id":655', _ask(query="655")),
        ('"subject id":=655019', _ask(filters=(SearchFilter("Subject ID", "655019"),))),
        ('"subject id":=1 "subject id":=2', _ask()),
        ('-"subject id":=655019', _ask()),
        ('"SUBJECT ID":glob(*65?19)', _ask(query="65")),
        ('"subject id":>5', _ask()),
        ('"modality":=ecephys', _ask(filters=(SearchFilter("modality", "Ecephys"),))),
        ('"age":6', _ask(filters=(SearchFilter("age", low=6, high=6),))),
        ('"age":=61', _ask(filters=(SearchFilter("age", low=61, high=61),))),
        ('"age":>3', _ask(filters=(SearchFilter("age", low=3),))),
        (
            '"age":>3 "age":<=9',
            _ask(filters=(SearchFilter("age", low=3), SearchFilter("age", high=9))),
        ),
        ('-"age":>3', _ask()),
        (
            '"session date":2024-01-31',
            _ask(filters=(SearchFilter("session date", low=1706659200, high=1706745600),)),
        ),
        ('"session date":>2d', _ask(filters=(SearchFilter("session date", low=NOW - 2 * DAY),))),
        ('"no such":=1', _ask()),
    ],
)
def test_custom_metadata_is_asked_for_as_the_schema_has_it(text: str, asked: SearchRequest) -> None:
    part = platform_part(parse_query(text), SCHEMA, NOW)
    assert part.request == asked
    assert part.rest == apply_types(parse_query(text), SCHEMA)


@pytest.mark.parametrize(
    ("text", "request_", "rest", "lists"),
    [
        ("raw -is:mine", _ask(query="raw"), "-is:mine", ("mine",)),
        ("-is:favorite tag:x", _ask(query="tag:x"), "-is:favorite tag:x", ("favorite",)),
        ("is:mine is:shared", _ask(ownership=Ownership.OWNED), "is:shared", ("shared",)),
        ("is:archived -is:archived", _ask(archived=True), "-is:archived", ()),
        ("-is:shared", _ask(), "-is:shared", ("shared",)),
        ("raw -is:writable", _ask(query="raw"), "-is:writable", ("mine",)),
    ],
)
def test_what_no_answer_tells_is_a_list_of_its_own(
    text: str, request_: SearchRequest, rest: str, lists: tuple[str, ...]
) -> None:
    part = platform_part(parse_query(text))
    assert (part.request, format_query(part.rest), part.lists) == (request_, rest, lists)


@pytest.mark.parametrize(
    ("text", "request_"),
    [
        ("é raw", _ask(query="raw")),
        ("name:café name:x", _ask()),
        ("name:glob(caf*é*x)", _ask(query="name:caf")),
        ('tag:all(é,x) "subject id":=é', _ask(filters=(SearchFilter("tags", "x"),))),
        ("0a1b2c raw", _ask(query="raw")),
        ('type:"capsule"', _ask()),
        ("type:model", _ask(type="model")),
    ],
)
def test_what_the_platform_may_find_less_of_is_not_sent(text: str, request_: SearchRequest) -> None:
    part = platform_part(parse_query(text), SCHEMA, NOW)
    assert part.request == request_
    assert part.is_whole is (text == "type:model")


def test_what_only_some_platforms_know_is_left_out_on_request() -> None:
    query = parse_query('type:model is:external tag:all(a,b) raw "age":>3')
    part = platform_part(query, SCHEMA, NOW, plain=True)
    assert part.request == _ask(query="raw")
    assert {format_term(each) for each in part.rest.terms} == {
        "type:model", "is:external", "tag:all(a,b)", '"age":>3',
    }  # fmt: skip


def test_what_a_search_finds_is_marked_by_it() -> None:
    part = platform_part(parse_query("is:favorite is:mine is:archived"))
    assert part.membership == Membership(archived=True, favorite=True, mine=True)
    assert platform_part(parse_query("raw")).membership == Membership(archived=False)
