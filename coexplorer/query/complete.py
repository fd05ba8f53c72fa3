"""What is being typed at the cursor, for completion in the search box and the shell."""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from coexplorer.query.fields import FIELDS, ValueKind, find_field
from coexplorer.query.scan import FIELD_START, NEGATION, find_end, skip_spaces

_OPERATORS = ("=", "^")
_LISTS = ("tag:all", ":glob")
"""What stands before a parenthesis that blanks may be in."""

_KEY = re.compile(r'"(?P<key>(?:\\.|[^"\\])*)(?:":(?P<value>.*))?')
"""A key in quotes that is not closed, or is closed and has a value."""


class Completion(msgspec.Struct, frozen=True):
    """What a choice would complete.

    Attributes:
        kind: ``field``: a word that may become a field; ``value``: the value of `field`.
        field: Name of the field whose value is typed; empty for `kind` ``field``.
        text: What is typed so far, without quotes.
        start: Index of the first character that a choice replaces.
        end: Index after the last one; the cursor.
        choices: ``(text, help)`` of the known ones that continue `text`; for tags, owners and such,
            ask the catalog's `field_values`.
    """

    kind: Literal["field", "value"]
    field: str
    text: str
    start: int
    end: int
    choices: tuple[tuple[str, str], ...] = ()


def complete_at(text: str, cursor: int) -> Completion | None:
    """Return what is being typed at `cursor`; None where nothing can be completed.

    Args:
        text: The whole text of the search box.
        cursor: Index of the character that the cursor is on.
    """
    before = text[:cursor]
    start = _last_token(before)
    negation = NEGATION.match(before, start)
    if negation is not None:
        start = negation.end()
    if before.startswith('"', start):
        return None
    found = FIELD_START.match(before, start)
    if found is None:
        return _complete_field(before, start)
    field = find_field(found[1])
    if field is None or field.kind in {ValueKind.SIZE, ValueKind.COUNT}:
        return None
    start, typed = found.end(), before[found.end() :]
    if field.name == "tag" and typed.startswith("all("):
        start = max(start + 4, start + typed.rfind(",") + 1)
        start = skip_spaces(before, start)
        typed = before[start:]
    if field.kind is ValueKind.SORT and typed.startswith("-"):
        start, typed = start + 1, typed[1:]
    if field.kind is ValueKind.TEXT and typed.startswith(_OPERATORS):
        start, typed = start + 1, typed[1:]
    if typed.startswith("glob(") and field.kind is ValueKind.TEXT:
        return None
    if field.kind is ValueKind.HAS and typed.startswith('"'):
        return Completion("value", field.name, typed[1:], start, cursor)
    typed = typed.removeprefix('"')
    choices = tuple(choice for choice in field.choices if choice[0].startswith(typed.lower()))
    return Completion("value", field.name, typed, start, cursor, choices)


def find_key_at(text: str, cursor: int) -> tuple[int, str, str | None] | None:
    """Return what is typed at `cursor` of a key of custom metadata in quotes, or of its value.

    Returns:
        Where the key's quote is, the key, and the value with its operator; None for the value: the
        key is not ended.
        None for all of it where no such key is typed.
    """
    before = text[:cursor]
    start = _last_token(before)
    negation = NEGATION.match(before, start)
    start = start if negation is None else negation.end()
    if not before.startswith('"', start):
        return None
    found = _KEY.fullmatch(before, start)
    if found is None:
        return None
    value = found["value"]
    key = re.sub(r'\\(["\\])', r"\1", found["key"])
    return start, key, None if value is None else value.removeprefix('"')


def _complete_field(before: str, start: int) -> Completion:
    typed = before[start:]
    choices = tuple(
        (f"{field.name}:", field.help) for field in FIELDS if field.name.startswith(typed.lower())
    )
    return Completion("field", "", typed, start, len(before), choices)


def _last_token(before: str) -> int:
    """Return where the token starts that goes up to the end; the end when there is none."""
    pos, start = 0, 0
    while pos <= len(before):
        start = pos = skip_spaces(before, pos)
        pos = _token_end(before, pos)
        if pos >= len(before):
            return start
    return start


def _token_end(text: str, pos: int) -> int:
    quoted = inside = False
    start = pos
    while pos < len(text):
        char = text[pos]
        if char == "\\" and quoted:
            pos += 1
        elif char == '"':
            quoted = not quoted
        elif not quoted and char == "(" and text[start:pos].endswith(_LISTS):
            inside = True
        elif not quoted and char == ")":
            inside = False
        elif char.isspace() and not quoted and not inside:
            return pos
        pos += 1
    return max(pos, find_end(text, len(text)))
