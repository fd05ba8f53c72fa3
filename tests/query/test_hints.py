"""What is said of a query that found nothing, and may have been meant otherwise."""

import pytest

from coexplorer.query import parse_query
from coexplorer.query.hints import explain_nothing


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ('type:"foo"', "no asset has the type 'foo'; types are dataset"),
        ('-type:"foo"', "no asset has the type 'foo'"),
        ("tag:a OR tag:b", "OR was looked for as a word"),
        ("a AND b", "AND was looked for as a word"),
        ("a || b", "|| was looked for as a word"),
        ("(raw", "the parenthesis in '(raw'"),
        ("tag:x (tag:raw", "the parenthesis in '(tag:raw'"),
        ("raw)", "the parenthesis in 'raw)'"),
        ("tag:any(raw,b)", "'any(raw,b)' was looked for as a tag"),
        ("name:glob([QS]*)", "[QS] in a pattern is those characters"),
        ('"key":glob(a[1-9])', "[1-9] in a pattern"),
        ('tag:glob("a(b)*")', ""),
        ("", ""),
        ("or and not_this", ""),
        ('"*" name:"a*"', ""),
        ("name:f(x) tag:raw type:result state:ready -owner:x size:>1GB is:mine", ""),
    ],
)
def test_what_strikes_is_said(text: str, says: str) -> None:
    told = explain_nothing(parse_query(text))
    assert told.startswith(says) if says else told == ""
