import pytest

from coexplorer.errors import QueryError
from coexplorer.models import Membership, Ownership, SearchRequest, SortField
from coexplorer.query import format_query, parse_query, platform_part

LONG = "ecephys_655019_2023-04-03"


@pytest.mark.parametrize(
    ("text", "request_", "rest"),
    [
        ("", SearchRequest(), ""),
        ("raw data tag:rna", SearchRequest(query="raw data tag:rna"), "tag:rna"),
        ('name:"raw data"', SearchRequest(query='name:"raw data"'), 'name:"raw data"'),
        (f"name:{LONG}", SearchRequest(query=f"name:{LONG[:20]}"), f"name:{LONG}"),
        (
            f"name:{LONG} name:x",
            SearchRequest(query=f"name:{LONG[:20]} name:x"),
            f"name:{LONG} name:x",
        ),
        (f'name:"{LONG} x"', SearchRequest(query=f'name:"{LONG} x"'), f'name:"{LONG} x"'),
        ("commit_id:1b", SearchRequest(query="commit_id:1b"), "commit_id:1b"),
        ("contained_data_id:3f2a", SearchRequest(), "contained_data_id:3f2a"),
        (
            f"contained_data_id:{'a' * 36}",
            SearchRequest(query=f"contained_data_id:{'a' * 36}"),
            f"contained_data_id:{'a' * 36}",
        ),
        (r'"a \"b\" c" d', SearchRequest(query="d"), r'"a \"b\" c"'),
        ("is:mine type:result", SearchRequest(type="result", ownership=Ownership.OWNED), ""),
        ("is:shared is:favorite", SearchRequest(ownership=Ownership.SHARED, favorite=True), ""),
        ("type:result type:dataset", SearchRequest(), "type:result type:dataset"),
        ("is:archived", SearchRequest(archived=True), ""),
        ("is:any", SearchRequest(archived=None), ""),
        ("is:any -is:archived", SearchRequest(archived=False), ""),
        ("-is:archived", SearchRequest(), ""),
        ("-tag:test raw", SearchRequest(query="raw"), "-tag:test"),
        ("size:>1GB", SearchRequest(), "size:>1GB"),
        ("is:external -is:unused", SearchRequest(), "is:external -is:unused"),
        ("tag:all(a,b)", SearchRequest(), "tag:all(a,b)"),
        ('"subject id":1', SearchRequest(), '"subject id":1'),
        ("sort:-size", SearchRequest(sort_field=SortField.SIZE, descending=True), ""),
        ("sort:files", SearchRequest(), "sort:files"),
        ("sort:type sort:name", SearchRequest(sort_field=SortField.TYPE), "sort:type sort:name"),
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
    ("text", "place"),
    [
        ("raw -is:mine", "-is:mine"),
        ("-is:favorite tag:x", "-is:favorite"),
        ("is:mine is:shared", "is:shared"),
        ("is:archived -is:archived", "is:archived"),
        ("-is:shared", "-is:shared"),
    ],
)
def test_what_neither_the_platform_nor_its_answer_can_tell_is_a_mistake(
    text: str, place: str
) -> None:
    with pytest.raises(QueryError, match="replies don't include it") as caught:
        platform_part(parse_query(text))
    error = caught.value
    assert error.text[error.start : error.end] == place
    assert "--remote" in error.hint


def test_what_a_search_finds_is_marked_by_it() -> None:
    part = platform_part(parse_query("is:favorite is:mine is:archived"))
    assert part.membership == Membership(archived=True, favorite=True, mine=True)
    assert platform_part(parse_query("raw")).membership == Membership(archived=False)
