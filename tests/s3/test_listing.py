"""Lists of objects, as several storages write them."""

from __future__ import annotations

import pytest

from coexplorer.s3.listing import ListPage, StoredObject, parse_page

AWS = (
    b'<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
    b"<Name>lab</Name><Prefix>in/</Prefix><EncodingType>url</EncodingType>"
    b"<IsTruncated>true</IsTruncated><NextContinuationToken>1/t+=</NextContinuationToken>"
    b"<Contents><Key>in/a+b%2Bc%01%C3%A9</Key><LastModified>2026-01-02T03:04:05.000Z</LastModified>"
    b"<ETag>&quot;abc-2&quot;</ETag><Size>12</Size></Contents>"
    b"<Contents><Key>in/%FF</Key><Size>1</Size></Contents>"
    b"<CommonPrefixes><Prefix>in/deep/</Prefix></CommonPrefixes></ListBucketResult>"
)
PLAIN = (
    b"<ListBucketResult><IsTruncated>false</IsTruncated>"
    b"<Contents><Key>a+b%41</Key><ETag>abc</ETag><Size>?</Size></Contents></ListBucketResult>"
)


@pytest.mark.parametrize(
    ("body", "page"),
    [
        (
            AWS,
            ListPage(
                (StoredObject("in/a b+c\x01é", 12, '"abc-2"', 1_767_323_045.0),),
                ("in/deep/",),
                1,
                "1/t+=",
            ),
        ),
        (PLAIN, ListPage((StoredObject("a+b%41", None, '"abc"'),), ())),
    ],
)
def test_a_list_is_read_whoever_writes_it(body: bytes, page: ListPage) -> None:
    assert parse_page(body) == page


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><body>sign in</body></html>",
        AWS[:-30],
        AWS.replace(b"<NextContinuationToken>1/t+=</NextContinuationToken>", b""),
        b'<!DOCTYPE x [<!ENTITY a "aaaa">]><ListBucketResult>&a;</ListBucketResult>',
        b"\xff\xfe",
    ],
)
def test_what_is_no_list_is_refused(body: bytes) -> None:
    with pytest.raises(ValueError, match="list"):
        parse_page(body)
