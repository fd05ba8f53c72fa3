"""S3's lists of objects (ListObjectsV2): what to ask for, and how to read the answer. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Final
from urllib.parse import unquote_plus
from xml.etree import ElementTree as ET

import msgspec

MOST_BYTES: Final = 16 * 1024 * 1024
"""Of a page: 1,000 keys of 1,024 bytes each, however they are encoded."""

_LARGEST: Final = 2**63


class StoredObject(msgspec.Struct, frozen=True):
    """An object in a list.

    Attributes:
        size_bytes: Its size; None: the list does not tell.
        etag: The mark of its content; empty: none was given.
        modified: Epoch seconds; None: not said.
    """

    key: str
    size_bytes: int | None
    etag: str = ""
    modified: float | None = None


class ListPage(msgspec.Struct, frozen=True):
    """A page of a list.

    Attributes:
        folders: Beginnings of keys up to the next slash, with it.
        unreadable: How many keys are no text.
        next_token: Of the next page; empty: this is the last one.
    """

    objects: tuple[StoredObject, ...]
    folders: tuple[str, ...]
    unreadable: int = 0
    next_token: str = ""


def build_params(prefix: str, token: str = "", *, most: int = 1000) -> dict[str, str]:
    """Return the query for a page of what is directly below a prefix.

    Args:
        prefix: Beginning of the keys.
        token: Of the page; empty: the first.
        most: Entries of a page.
    """
    params = {
        "list-type": "2",
        "delimiter": "/",
        "encoding-type": "url",  # XML has no other way for control characters
        "max-keys": str(most),
        "prefix": prefix,
    }
    return params | ({"continuation-token": token} if token else {})


def parse_page(body: bytes) -> ListPage:
    """Read a page.

    Raises:
        ValueError: It is none.
    """
    if b"<!" in body[:4096]:  # no list has a DTD: nothing is to be expanded
        raise ValueError("no list of objects")
    try:
        root = ET.fromstring(body)  # noqa: S314 # without a DTD there is nothing to expand
    except (ET.ParseError, ValueError, LookupError):
        raise ValueError("a list of objects that can't be read") from None
    if _name(root) != "ListBucketResult":
        raise ValueError("no list of objects")
    said = {_name(child): child.text or "" for child in root}
    encoded = said.get("EncodingType") == "url"
    truncated = said.get("IsTruncated") == "true"
    token = said.get("NextContinuationToken", "")
    if truncated and not token:
        raise ValueError("a part of a list without a way to the rest")
    objects: list[StoredObject] = []
    folders: list[str] = []
    unreadable = 0
    for child in root:
        try:
            match _name(child):
                case "CommonPrefixes":
                    folders.append(_read_folder(child, encoded=encoded))
                case "Contents":
                    objects.append(_read_object(child, encoded=encoded))
        except UnicodeDecodeError:
            unreadable += 1
    return ListPage(tuple(objects), tuple(folders), unreadable, token if truncated else "")


def _name(element: ET.Element) -> str:
    """Return an element's name without its namespace, which not every storage gives."""
    return element.tag.rpartition("}")[2]


def _read_folder(element: ET.Element, *, encoded: bool) -> str:
    return _decode(element.findtext("{*}Prefix", ""), encoded=encoded)


def _read_object(element: ET.Element, *, encoded: bool) -> StoredObject:
    facts = {_name(each): each.text or "" for each in element}
    return StoredObject(
        _decode(facts.get("Key", ""), encoded=encoded),
        _read_size(facts.get("Size", "")),
        _read_mark(facts.get("ETag", "")),
        _read_time(facts.get("LastModified", "")),
    )


def _decode(text: str, *, encoded: bool) -> str:
    return unquote_plus(text, errors="strict") if encoded else text


def _read_size(text: str) -> int | None:
    if not (text.isascii() and text.isdecimal() and len(text) < len(str(_LARGEST))):
        return None
    return int(text)


def _read_mark(text: str) -> str:
    """Read an ETag as replies have it: in quotes."""
    if not text or text.startswith(('"', 'W/"')):
        return text
    return f'"{text}"'


def _read_time(text: str) -> float | None:
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        return None
