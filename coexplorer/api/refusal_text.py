"""Finds the one line that people can read in a refusal's body, whatever its form. Pure."""

from __future__ import annotations

import re
from html import unescape
from http import HTTPStatus
from typing import Final

from coexplorer.api.masking import mask_queries
from coexplorer.lenient_json import decode_json

LONGEST_LINE: Final = 200
"""Characters of a platform's message that a sentence can carry; the log has the rest."""

_MESSAGE_KEYS: Final = ("message", "error", "detail", "details", "reason", "title", "errors")
_LONGEST_BODY: Final = 64 * 1024
_LONGEST_PAGE: Final = 20_000
_DEEPEST: Final = 8
_SKIPPED: Final = {"<?xml": ">", "<!--": "-->"}


def find_message(body: bytes) -> str:
    """Return one readable line out of an error's body, whatever its form; empty if there is none.

    JSON objects, lists and texts, a proxy's HTML page and plain text are understood (design:
    api.md, Errors), and S3's XML. Only the beginning of a long body is looked at, and everything
    here takes time in proportion to that: whoever stands in between may send what he likes.
    """
    body = body[:_LONGEST_BODY]
    if not body.strip():
        return ""
    if page := find_page_title(body):
        return page
    # Signed addresses lead to S3, whose errors are XML.
    if _is_xml(body):
        # Never the whole of it: it repeats the keys and signatures of the address.
        for opening, end in ((b"<Message>", b"</Message>"), (b"<Code>", b"</Code>")):
            if said := _between(body, opening, end, after=b"<Error"):
                return shorten_line(unescape(_drop_tags(said.decode("utf-8", "replace"))))
        return ""
    try:
        text = _said(decode_json(body))
    except ValueError:
        text = body.decode("utf-8", "replace")
    return shorten_line(text)


def drop_phrase(said: str, status: int) -> str:
    """Take HTTP's own name of a status off a message: in a sentence it says nothing.

    ``Forbidden: your role is viewer`` becomes ``your role is viewer``; of ``403 Forbidden``
    nothing is left.
    """
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        return said
    ends = r"(?:\s*[:;,.\-\u2013\u2014]\s*|\W*$)"
    found = re.match(rf"(?:{status}\W+)?{re.escape(phrase)}{ends}", said, re.IGNORECASE)
    return said[found.end() :] if found else said


def find_page_title(body: bytes) -> str:
    """Return the title of an HTML page; empty when `body` is none."""
    text = body[:_LONGEST_PAGE].decode("utf-8", "replace")
    lowered = text.lower()
    if len(lowered) != len(text):  # some letters are longer in lower case
        text = lowered
    start = _skip_prologue(lowered)
    if not lowered.startswith(("<!doctype", "<html", "<head", "<body"), start):
        return ""
    for tag in ("title", "h1", "body"):
        if inner := _find_inner(text, lowered, tag):
            line = shorten_line(unescape(_drop_tags(inner)))
            if line:
                return line
    return "a page without a title"


def _skip_prologue(text: str) -> int:
    """Return where a page begins behind white space, an XML declaration and comments."""
    place = 0
    while True:
        while place < len(text) and text[place].isspace():
            place += 1
        opening = next((each for each in _SKIPPED if text.startswith(each, place)), None)
        if opening is None:
            return place
        end = text.find(_SKIPPED[opening], place + len(opening))
        if end < 0:
            return len(text)
        place = end + len(_SKIPPED[opening])


def _find_inner(text: str, lowered: str, tag: str) -> str:
    """Return what stands in the first element of this name; to the end where it is not closed."""
    start = lowered.find(f"<{tag}")
    opened = text.find(">", start) + 1 if start >= 0 else 0
    if not opened:
        return ""
    end = lowered.find(f"</{tag}>", opened)
    return text[opened:] if end < 0 else text[opened:end]


def _drop_tags(text: str) -> str:
    """Put a blank in the place of each tag."""
    pieces = text.split("<")
    kept = [pieces[0]]
    for piece in pieces[1:]:
        _, closed, behind = piece.partition(">")
        kept.append(behind if closed else f"<{piece}")
    return " ".join(kept)


def _is_xml(body: bytes) -> bool:
    start = body.lstrip(b"\xef\xbb\xbf \t\r\n")[:6]
    return start in {b"<?xml ", b"<Error"}


def _between(body: bytes, start: bytes, end: bytes, *, after: bytes) -> bytes:
    place = body.find(after)
    opened = body.find(start, place) if place >= 0 else -1
    closed = body.find(end, opened) if opened >= 0 else -1
    return body[opened + len(start) : closed] if closed >= 0 else b""


def _said(value: object, depth: int = 0) -> str:
    if depth > _DEEPEST:
        return ""
    match value:
        case str():
            return value
        case dict():
            found = (_said(value[key], depth + 1) for key in _MESSAGE_KEYS if value.get(key))
            return next(filter(None, found), "")
        case list():
            return "; ".join(filter(None, (_said(item, depth + 1) for item in value)))
        case _:
            return ""


def shorten_line(text: str) -> str:
    """Return a text as one line of printable characters, cut where it is too long.

    Addresses in it lose their parameters: those of a signed one work like a key.
    """
    text = mask_queries(text[:_LONGEST_BODY])
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    if len(line) > LONGEST_LINE:
        line = line[: LONGEST_LINE - 1] + "…"
    return line.rstrip(". ")
