"""Custom metadata as somebody types them: text → value, or what is wrong with it. Pure.

Whoever edits text that `coexplorer.metadata.showing.show_value` made gets the value back that it
stood for, however odd that is: see `read_value`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final, TypeAlias

import msgspec

from coexplorer.metadata.rules import (
    LARGEST,
    find_misfit,
    spell_allowed,
    tell_typed,
    tell_what_fits,
)
from coexplorer.metadata.showing import DAY_S, allowed_texts, show_value
from coexplorer.models import MetadataField

Scalar: TypeAlias = str | int | float

_DATE: Final = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:[T ](\d{1,2}):(\d{2})(?::(\d{2}))?(?:\s*([+-])(\d{2}):?([0-5]\d))?)?\s*(?:Z|UTC)?",
    re.ASCII,
)
_SECONDS: Final = re.compile(r"-?\d{5,12}", re.ASCII)
"""Seconds since the epoch, as scripts have them; fewer digits could be a year."""
_NUMBER: Final = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_ITEM: Final = re.compile(r'\s*+("(?:[^"\\]|\\.)*+"|[^,"][^,]*+|)\s*+(,|$)')


class MetadataMistake(ValueError):
    """A text is not a value of its field; the message says why, and what is allowed."""


def parse_date(text: str) -> int | None:
    """Return the seconds since the epoch of ``2024-03-01`` or ``2024-03-01T14:30Z``.

    A time is in UTC, unless its offset is given: ``2024-03-01T14:30+02:00``.
    A whole number of five digits or more is taken as seconds. None: it is not a date.
    """
    text = text.strip()
    if _SECONDS.fullmatch(text):
        return int(text)
    found = _DATE.fullmatch(text)
    if found is None:
        return None
    try:
        year, month, day, hour, minute, second = (int(part or 0) for part in found.groups()[:6])
        moment = datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()
    except ValueError:
        return None
    sign, hours, minutes = found.group(7, 8, 9)
    offset_s = int(hours or 0) * 3600 + int(minutes or 0) * 60
    if offset_s >= DAY_S or (sign and text[-1] in "ZC"):
        return None
    return int(moment) + (offset_s if sign == "-" else -offset_s)


def parse_number(text: str) -> int | float | None:
    """Return a number, as an integer where it is whole; None: it is not one, or too large."""
    text = text.strip()
    if len(text) > 40 or not _NUMBER.fullmatch(text):  # noqa: PLR2004 - longer is none
        return None
    if text.lstrip("+-").isdigit():
        number: int | float = int(text)
    else:
        number = float(text)
        number = int(number) if number.is_integer() else number
    return number if math.isfinite(number) and abs(number) < LARGEST else None


def read_value(field: MetadataField | None, text: str, before: object = None) -> object:
    """Read what somebody typed for a key.

    Text that shows the value that is there (`show_value`) means that value, odd as it may be.

    Args:
        field: The key's field; None: the schema does not say, so it is text, but a number or
            several values where there were such.
        text: What was typed.
        before: The value that is there; None: none.

    Raises:
        MetadataMistake: Says what is wrong, and what is allowed.
    """
    if before is not None and text in (
        show_value(field, before),
        show_value(field, before, units=True),
    ):
        return before
    if field is None and isinstance(before, list):
        return _read_like(before, text)
    if field is None:
        was_number = isinstance(before, int | float) and not isinstance(before, bool)
        number = parse_number(text) if was_number else None
        return text if number is None else before if number == before else number
    if not field.multiple or text.strip() in allowed_texts(field):
        item = read_item(field, text)
        value: object = [item] if field.multiple else item
    else:
        value = read_items(field, split_items(text))
    return before if _are_same_numbers(value, before) else value


def _read_like(before: Sequence[object], text: str) -> object:
    """Read several values where there were several; no schema says more of the key."""
    items = split_items(text)
    if not items:
        raise MetadataMistake("must be text, and can't be empty")
    like = before[0] if before and isinstance(before[0], int | float) else None
    return [*dict.fromkeys(read_value(None, item, like) for item in items)]


def _are_same_numbers(one: object, other: object) -> bool:
    """Tell whether values are equal but for how their numbers are written: 100 is 100.0."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_are_same_numbers, one, other))
    return one == other and not isinstance(other, bool)


def read_items(field: MetadataField, texts: Iterable[str]) -> object:
    """Read several values of one field, each in a text of its own.

    Raises:
        MetadataMistake: One is none, there is none, or the field takes one value only.
    """
    values = list(dict.fromkeys(read_item(field, text) for text in texts))
    if not values:
        raise MetadataMistake(f"{tell_what_fits(field)}{tell_typed('')}")
    if len(values) > 1 and not field.multiple:
        raise MetadataMistake("takes one value only")
    return values if field.multiple else values[0]


def read_texts(field: MetadataField | None, texts: Sequence[str], before: object = None) -> object:
    """Read what was typed for a key: one text, or a text for each of several values.

    Raises:
        MetadataMistake: Says what is wrong, and what is allowed.
    """
    if len(texts) == 1:
        return read_value(field, texts[0], before)
    return list(texts) if field is None else read_items(field, texts)


def split_items(text: str) -> list[str]:
    """Return the values of a line, which commas separate; one with a comma is a JSON string.

    Raises:
        MetadataMistake: A quote is not closed.
    """
    items: list[str] = []
    place = 0
    while place < len(text):
        match = _ITEM.match(text, place)
        if match is None:
            raise MetadataMistake(
                "must be values with commas between; write one with a comma or quote in it as a"
                " JSON string"
            )
        item = match[1].strip()
        if item.startswith('"'):
            try:
                item = msgspec.json.decode(item, type=str)
            except msgspec.MsgspecError:
                raise MetadataMistake(f"has a value that is not a JSON string: {item}") from None
            items.append(item)
        elif item:  # an extra comma adds nothing
            items.append(item)
        place = match.end()
    return items


def read_item(field: MetadataField, text: str) -> Scalar:
    """Read one value of a field.

    Raises:
        MetadataMistake: Says what is wrong, and what is allowed.
    """
    value: Scalar | None
    if field.type == "date":
        value = parse_date(text)
    elif field.type == "number":
        stripped = text.strip()
        value = parse_number(stripped.removesuffix(field.units) if field.units else stripped)
    else:
        value = spell_allowed(field, text.strip())
    if value is None or value == "":
        raise MetadataMistake(f"{tell_what_fits(field)}{tell_typed(text)}")
    if mistake := find_misfit(field, value):
        raise MetadataMistake(f"{mistake}{tell_typed(text)}")
    return value
