"""Custom metadata on one line that is read back exactly, whatever they are. Pure."""

from __future__ import annotations

from typing import cast

import msgspec

from coexplorer.fields import is_same_json
from coexplorer.lenient_json import encode_json
from coexplorer.metadata.reading import MetadataMistake, read_value
from coexplorer.metadata.rules import find_misfit, find_mistake, tell_typed, tell_what_fits
from coexplorer.metadata.showing import show_value
from coexplorer.models import MetadataField


def write_value(field: MetadataField | None, value: object) -> str:
    """Return a value on one line, so that `read_written` reads it back exactly, whatever it is.

    As it is shown, with its units, wherever that is enough; otherwise a text in quotes, as a JSON
    string, or ``=`` and its JSON.
    """
    text = show_value(field, value, units=True)
    fits = bool(text) and text.isprintable() and text == text.strip()
    if fits and _reads_back(field, text, value):
        return text
    if isinstance(value, str) and _reads_back(field, quoted := encode_json(value).decode(), value):
        return quoted
    return f"={encode_json(value).decode()}"


def _reads_back(field: MetadataField | None, text: str, value: object) -> bool:
    if text.startswith("="):
        return False
    try:
        return is_same_json(read_written(field, text), value)
    except MetadataMistake:
        return False


def read_written(
    field: MetadataField | None, text: str, before: object = None, *, strict: bool = True
) -> object:
    """Read a line that `write_value` wrote, or that somebody wrote in its place.

    Args:
        field: The key's field; None: the schema does not say.
        text: The line. In double quotes it is a JSON string, as everywhere in a document.
        before: The value that is there; None: none.
        strict: Refuse a value, new in this line, that does not fit its field.

    Raises:
        MetadataMistake: Says what is wrong, and what is allowed.
    """
    if before is not None and text == write_value(field, before):
        return before
    if text.startswith('"') and (field is None or not field.multiple):
        return _read_string(field, text, before)
    if not text.startswith("="):
        return read_value(field, text, before)
    try:
        value = cast("object", msgspec.json.decode(text[1:].encode()))
    except (msgspec.MsgspecError, UnicodeError):
        raise MetadataMistake(f"has no JSON behind the = sign: {text[:40]}") from None
    if strict and field is not None and (mistake := find_mistake(field, value)):
        raise MetadataMistake(mistake)
    return value


def _read_string(field: MetadataField | None, text: str, before: object) -> object:
    """Read a text in quotes, blanks and all; where a number or date belongs, what it writes."""
    try:
        value = msgspec.json.decode(text.encode(), type=str)
    except (msgspec.MsgspecError, UnicodeError):
        raise MetadataMistake(f"is not a JSON string, as its quotes say: {text[:40]}") from None
    if field is not None and field.type in ("number", "date"):
        return read_value(field, value, before)
    if field is not None and (not value or (mistake := find_misfit(field, value))):
        raise MetadataMistake(mistake if value else f"{tell_what_fits(field)}{tell_typed(value)}")
    return value
