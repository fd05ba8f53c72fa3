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
        ("raw or test", "or was looked for as a word: the same field twice means either"),
        ("not raw", "not was looked for as a word: a - in front of a word"),
        ("raw and test", "and was looked for as a word: everything must hold together without"),
        ("order android not_this", ""),
        (
            "tag:raw,test",
            "'raw,test' was looked for as it is; the same field twice means either: tag:raw tag:te",
        ),
        ('name:^"a b, c"', "'a b, c' was looked for as it is; the same field twice means either:"),
        ('"modality":ecephys,SPIM', "'ecephys,SPIM' was looked for as it is"),
        ("tag:raw, -tag:a,b", ""),
        ('"*" name:"a*"', ""),
        ("name:f(x) tag:raw type:result state:ready -owner:x size:>1GB is:mine", ""),
    ],
)
def test_what_strikes_is_said(text: str, says: str) -> None:
    told = explain_nothing(parse_query(text))
    assert told.startswith(says) if says else told == ""
