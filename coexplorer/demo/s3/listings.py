"""Lists of objects and buckets as S3 writes them: XML, in which a key can be encoded."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from urllib.parse import quote
from xml.sax.saxutils import escape

from coexplorer.demo.s3.errors import S3Error
from coexplorer.demo.s3.objects import Objects

MOST_KEYS: Final = 1000
_NAMESPACE: Final = "http://s3.amazonaws.com/doc/2006-03-01/"
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ufffe\uffff]")


def write_objects(
    objects: Objects, bucket: str, params: Mapping[str, str], archived: Mapping[str, str]
) -> str:
    """Return a page of the objects of a bucket.

    Args:
        objects: What is in it.
        bucket: Its name.
        params: Those of the request: of the first version of this call or of the second.
        archived: Prefixes of objects to their storage class.

    Raises:
        S3Error: A parameter is none.
    """
    prefix, delimiter = params.get("prefix", ""), params.get("delimiter", "")
    is_second, encoded = params.get("list-type") == "2", params.get("encoding-type") == "url"
    most = _parse_most(params.get("max-keys", ""))
    begin = params.get("start-after" if is_second else "marker", "")
    token = params.get("continuation-token", "") if is_second else ""
    after = _read_token(token) if token else begin
    page = objects.list_page(prefix, delimiter, after, most)

    def show(name: str, text: str) -> str:
        return _element(name, quote(text, safe="/") if encoded else text)

    parts = [
        _element("Name", bucket),
        show("Prefix", prefix),
        _element("MaxKeys", str(most)),
        _element("IsTruncated", "true" if page.next else "false"),
    ]
    if delimiter:
        parts.append(show("Delimiter", delimiter))
    if encoded:
        parts.append(_element("EncodingType", "url"))
    if is_second:
        parts.append(_element("KeyCount", str(len(page.found) + len(page.folders))))
        parts += [_element("ContinuationToken", token)] if token else []
        parts += [show("StartAfter", begin)] if begin else []
        parts += [_element("NextContinuationToken", _write_token(page.next))] if page.next else []
    else:
        parts.append(show("Marker", begin))
        parts += [show("NextMarker", page.next)] if page.next else []
    for key, content in page.found:
        kind = next((kind for start, kind in archived.items() if key.startswith(start)), "STANDARD")
        facts = (
            show("Key", key)
            + _element("LastModified", _show_time(content.modified))
            + _element("ETag", f'"{content.etag}"')
            + _element("Size", str(content.size))
            + _element("StorageClass", kind)
        )
        parts.append(f"<Contents>{facts}</Contents>")
    parts += [f"<CommonPrefixes>{show('Prefix', each)}</CommonPrefixes>" for each in page.folders]
    return _document("ListBucketResult", "".join(parts))


def write_buckets(names: list[str]) -> str:
    """Return the list of all buckets."""
    created = _element("CreationDate", _show_time(0))
    buckets = "".join(f"<Bucket>{_element('Name', name)}{created}</Bucket>" for name in names)
    owner = "<Owner><ID>institute</ID><DisplayName>institute</DisplayName></Owner>"
    return _document("ListAllMyBucketsResult", f"{owner}<Buckets>{buckets}</Buckets>")


def write_location(region: str) -> str:
    """Return where a bucket is; the first region of all has no name here."""
    return _document("LocationConstraint", "" if region == "us-east-1" else escape(region))


def _parse_most(text: str) -> int:
    if not text:
        return MOST_KEYS
    if not (text.isascii() and text.isdigit()):
        raise S3Error(400, "InvalidArgument", "max-keys is not a number", ArgumentName="max-keys")
    return min(int(text), MOST_KEYS)


def _write_token(key: str) -> str:
    return base64.urlsafe_b64encode(key.encode()).decode()


def _read_token(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        message = "The continuation token provided is incorrect"
        raise S3Error(400, "InvalidArgument", message) from None


@lru_cache(maxsize=256)
def _show_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _document(name: str, inner: str) -> str:
    header = '<?xml version="1.0" encoding="UTF-8"?>\n'
    return f'{header}<{name} xmlns="{_NAMESPACE}">{inner}</{name}>'


def _element(name: str, text: str) -> str:
    # S3 writes control characters like this, too: XML has no other way, and hardly this one.
    shown = _CONTROL.sub(lambda match: f"&#x{ord(match[0]):x};", escape(text))
    return f"<{name}>{shown}</{name}>"
