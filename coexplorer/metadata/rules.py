"""What a field of custom metadata takes, and how a value does not fit it. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final
from unicodedata import normalize

from coexplorer.metadata.showing import allowed_texts, show_date, show_value
from coexplorer.models import MetadataField

LARGEST: Final = 2**63
"""No number as large as this is a value: nobody could keep it."""

_NAMED: Final = 20
"""Allowed values that a sentence names."""


_FIRST_DATE_S: Final = datetime(1000, 1, 1, tzinfo=UTC).timestamp()
_LAST_DATE_S: Final = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp()
"""Between these, dates can be written with a year of four digits."""


def describe_field(field: MetadataField) -> str:
    """Say what a field takes: ``number, 0 to 40,000 days``, ``one of F, M``, ``date``."""
    if field.allowed_values:
        some = _name_allowed(field)
        return f"{'any' if field.multiple else 'one'} of {some}"
    words = {"string": "text"}.get(field.type, field.type)
    limits = describe_range(field)
    if limits:
        words += f", {limits}"
    elif field.units:
        words += f" in {field.units}"
    return f"{words}; several" if field.multiple else words


def describe_range(field: MetadataField) -> str:
    """Say between which limits a number or a date may be; empty: there are none."""
    low, high = field.minimum, field.maximum
    unit = f" {field.units}" if field.units else ""
    if low is not None and high is not None:
        return f"{_show_limit(field, low)} to {_show_limit(field, high)}{unit}"
    if low is not None:
        return f"{_show_limit(field, low)}{unit} or {_more(field)}"
    if high is not None:
        return f"{_show_limit(field, high)}{unit} or {_less(field)}"
    return ""


def _more(field: MetadataField) -> str:
    return "later" if field.type == "date" else "more"


def _less(field: MetadataField) -> str:
    return "earlier" if field.type == "date" else "less"


def _show_limit(field: MetadataField, number: float) -> str:
    if field.type == "date":
        return show_date(number)
    return f"{int(number):,}" if float(number).is_integer() else f"{number:g}"


def _name_allowed(field: MetadataField) -> str:
    texts = allowed_texts(field)
    more = len(texts) - _NAMED
    return ", ".join(texts[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def tell_what_fits(field: MetadataField) -> str:
    """Say what a value must be, as the end of a sentence: ``must be a number (0 to 40 days)``."""
    if field.allowed_values:
        return f"must be {'among' if field.multiple else 'one of'} {_name_allowed(field)}"
    if field.type == "date":
        return "must be a date such as 2024-03-01"
    if field.type == "number":
        return f"must be a number{f' ({limits})' if (limits := describe_range(field)) else ''}"
    return "must be text"


def find_misfit(field: MetadataField, value: object) -> str:
    """Return how one value does not fit its field, and what is allowed; empty if it fits."""
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    if (field.type in ("number", "date")) is (number is None):
        return tell_what_fits(field)
    if field.allowed_values and value not in field.allowed_values:
        return tell_what_fits(field)
    if field.type == "date" and not _FIRST_DATE_S <= (number or 0) <= _LAST_DATE_S:
        return tell_what_fits(field)
    low, high = field.minimum, field.maximum
    outside = number is not None and (
        abs(number) >= LARGEST
        or (low is not None and number < low)
        or (high is not None and number > high)
    )
    limits = describe_range(field)
    return f"must be {limits or 'a smaller number'}" if outside else ""


def find_mistake(field: MetadataField, value: object) -> str:
    """Return what is wrong with the whole value of a key, as the end of a sentence; empty: nothing.

    It names the value that is wrong.

    Args:
        field: The key's field.
        value: One value, or a list of them.
    """
    several = value if isinstance(value, list) else [value]
    if isinstance(value, list) and not field.multiple:
        return "takes one value only"
    if not several:
        return f"{tell_what_fits(field)}{tell_typed('')}"
    for each in several:
        if mistake := find_misfit(field, each):
            return f"{mistake}{tell_typed(show_value(field, each))}"
    return ""


def tell_typed(text: str) -> str:
    """Return how a sentence of what was expected ends: with what was typed."""
    shown = text if len(text) <= 40 else text[:39] + "…"  # noqa: PLR2004 - what fits a line
    return f", not {shown!r}" if shown.strip() else ", and can't be empty"


def spell_allowed(field: MetadataField, text: str) -> str:
    """Return a text as the field allows it, where it is that but for how its accents are made.

    What is pasted on a Mac may have them apart from their letters, which nobody can see.
    """
    if text.isascii() or text in field.allowed_values:
        return text
    whole = normalize("NFC", text)
    texts = (each for each in field.allowed_values if isinstance(each, str))
    return next((each for each in texts if normalize("NFC", each) == whole), text)
