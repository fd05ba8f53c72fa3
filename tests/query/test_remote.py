import pytest

from coexplorer.models import Ownership, SearchRequest, SortField
from coexplorer.query import parse_query, platform_part

LONG = "ecephys_655019_2023-04-03"


@pytest.mark.parametrize(
    ("text", "request_", "whole"),
    [
        ("", SearchRequest(), True),
        ("raw data tag:rna", SearchRequest(query="raw data tag:rna"), True),
        ('name:"raw data"', SearchRequest(query='name:"raw data"'), True),
        (f"name:{LONG}", SearchRequest(query=f"name:{LONG[:20]}"), False),
        (f'name:"{LONG} x"', SearchRequest(query=f'name:"{LONG} x"'), True),
        ("is:mine type:result", SearchRequest(type="result", ownership=Ownership.OWNED), True),
        ("is:shared is:favorite", SearchRequest(ownership=Ownership.SHARED, favorite=True), True),
        ("is:mine is:shared", SearchRequest(ownership=Ownership.OWNED), False),
        ("type:result type:dataset", SearchRequest(), False),
        ("is:archived", SearchRequest(archived=True), True),
        ("is:any", SearchRequest(archived=None), True),
        ("-is:archived", SearchRequest(), True),
        ("-is:mine raw", SearchRequest(query="raw"), False),
        ("-tag:test", SearchRequest(), False),
        ("size:>1GB", SearchRequest(), False),
        ("is:external", SearchRequest(), False),
        ("tag:all(a,b)", SearchRequest(), False),
        ('"subject id":1', SearchRequest(), False),
        ("sort:-size", SearchRequest(sort_field=SortField.SIZE, descending=True), True),
        ("sort:files", SearchRequest(), False),
        ("sort:type sort:name", SearchRequest(sort_field=SortField.TYPE), False),
    ],
)
def test_the_platform_is_sent_what_it_understands(
    text: str,
    request_: SearchRequest,
    whole: bool,  # noqa: FBT001 - a row of a table
) -> None:
    assert platform_part(parse_query(text), 0.0) == (request_, whole)
