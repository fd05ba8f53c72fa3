"""Custom metadata, typed by the deployment's schema: text ↔ value, and what is wrong with it. Pure.

A value is text, a number, or a date, which goes over the wire as whole seconds since the epoch; a
field that takes several has a list. Whoever edits text that `show_value` made gets the value back
that it stood for, however odd that is: see `read_value`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, TypeAlias, cast

import msgspec

from coexplorer.errors import InvalidField
from coexplorer.fields import Editable, EditableField, FieldKind, is_same_json
from coexplorer.lenient_json import decode_json, encode_json
from coexplorer.models import MetadataField
from coexplorer.text import list_like

Scalar: TypeAlias = str | int | float

LARGEST: Final = 2**63
"""No number as large as this is a value: nobody could keep it."""

_NAMED: Final = 20
"""Allowed values that a sentence names."""

_DATE: Final = re.compile(
    r"(\d{4})-(\d{1,2})-(\d{1,2})"
    r"(?:[T ](\d{1,2}):(\d{2})(?::(\d{2}))?(?:\s*([+-])(\d{2}):?([0-5]\d))?)?\s*(?:Z|UTC)?",
    re.ASCII,
)
_SECONDS: Final = re.compile(r"-?\d{5,12}", re.ASCII)
"""Seconds since the epoch, as scripts have them; fewer digits could be a year."""
_NUMBER: Final = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?", re.ASCII | re.IGNORECASE)
_ITEM: Final = re.compile(r'\s*+("(?:[^"\\]|\\.)*+"|[^,"][^,]*+|)\s*+(,|$)')
_DAY_S: Final = 86_400


class MetadataMistake(ValueError):
    """A text is not a value of its field; the message says why, and what is allowed."""


class MetadataSchema(msgspec.Struct, frozen=True):
    """The deployment's custom metadata.

    Attributes:
        fields: What assets can have, in the platform's order.
        known: False: it could not be read, so keys are edited as text and nothing is refused.
    """

    fields: tuple[MetadataField, ...] = ()
    known: bool = True

    def find(self, key: str) -> MetadataField | None:
        """Return the field of a key; None: there is none."""
        return next((field for field in self.fields if field.name == key), None)

    def require(self, key: str) -> MetadataField:
        """Return the field of a key.

        Raises:
            InvalidField: There is none.
        """
        field = self.find(key)
        if field is None:
            raise self.build_no_such(key)
        return field

    def build_no_such(self, key: str) -> InvalidField:
        """Return the mistake of who names a key that is not in the schema."""
        like = self.find_like(key)
        meant = f"; did you mean {' or '.join(map(repr, like))}?" if like else ""
        error = InvalidField(
            f"metadata.{key}", f"there is no such key in the custom metadata{meant}"
        )
        error.hint = "coexplorer metadata lists the keys, and what each takes"
        return error

    def list_lacking(self, metadata: Mapping[str, object] | None) -> tuple[str, ...]:
        """Return the required keys that an asset does not have."""
        there = metadata or {}
        return tuple(
            field.name for field in self.fields if field.required and field.name not in there
        )

    def find_like(self, key: str) -> tuple[str, ...]:
        """Return keys that could be meant by one that does not exist, the likeliest first."""
        tidy = key.replace("_", " ").replace("-", " ")
        return tuple(list_like(tidy, (field.name for field in self.fields), most=3))


UNKNOWN: Final = MetadataSchema(known=False)
"""The schema of a deployment that could not be asked."""


def encode_schema(schema: MetadataSchema) -> str:
    """Return a schema as the catalog keeps it."""
    return msgspec.json.encode(schema).decode()


def decode_schema(text: str) -> MetadataSchema | None:
    """Return a schema that the catalog kept; None: it can't be read."""
    try:
        return msgspec.json.decode(text, type=MetadataSchema)
    except msgspec.MsgspecError:
        return None


def describe_field(field: MetadataField) -> str:
    """Say what a field takes: ``number, 0 to 40,000 days``, ``one of F, M``, ``date``."""
    if field.allowed_values:
        some = _name_allowed(field)
        return f"{'any' if field.multiple else 'one'} of {some}"
    words = {"string": "text"}.get(field.type, field.type)
    limits = _describe_range(field)
    if limits:
        words += f", {limits}"
    elif field.units:
        words += f" in {field.units}"
    return f"{words}; several" if field.multiple else words


def _describe_range(field: MetadataField) -> str:
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


def allowed_texts(field: MetadataField) -> tuple[str, ...]:
    """Return the values that a field allows, as they are typed; empty: no list was given."""
    return tuple(_show_item(field, value, several=False) for value in field.allowed_values)


def show_value(field: MetadataField | None, value: object, *, units: bool = False) -> str:
    """Return a value as people read and type it; `read_value` reads it back.

    Dates are days (``2024-03-01``), with the time (UTC) where it is not midnight. Several values
    stand between commas. What no field takes, such as a boolean, is shown as JSON.

    Args:
        field: Its field; None: the schema does not say.
        value: The value, as JSON has it.
        units: Put the field's units behind numbers.
    """
    unit = f" {field.units}" if units and field and field.units else ""
    if isinstance(value, list) and value and all(_is_scalar(item) for item in value):
        return ", ".join(_show_item(field, item, several=True) + unit for item in value)
    if not _is_scalar(value):
        return encode_json(value).decode()
    is_number = not isinstance(value, str)
    return _show_item(field, value, several=False) + (unit if is_number else "")


def show_field(
    field: EditableField, fields: Editable, schema: MetadataSchema = UNKNOWN, *, units: bool = True
) -> str:
    """Return the value of a field, or of a key of the metadata, as people read it.

    Empty where an asset has no such key.
    """
    if field.kind is FieldKind.SET:
        return ", ".join(field.set_of(fields))
    text = field.text_of(fields)
    if field.kind is not FieldKind.KEY or not text:
        return text
    return show_value(schema.find(field.part or ""), decode_json(text.encode()), units=units)


def _is_scalar(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _show_item(field: MetadataField | None, value: object, *, several: bool) -> str:
    if isinstance(value, str):
        odd = value != value.strip() or value.startswith('"') or "," in value or not value
        return encode_json(value).decode() if several and odd else value
    if isinstance(value, int | float):
        if field is not None and field.type == "date":
            return show_date(value)
        return encode_json(value).decode()
    return encode_json(value).decode()


def show_date(seconds: float) -> str:
    """Return a date on the wire as people read it; a number that is not a date stays one."""
    if not float(seconds).is_integer():
        return encode_json(seconds).decode()
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return encode_json(seconds).decode()
    if moment.year < 1000:  # noqa: PLR2004 - four digits
        return encode_json(seconds).decode()
    return f"{moment:%Y-%m-%d}" if seconds % _DAY_S == 0 else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


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
    if offset_s >= _DAY_S or (sign and text[-1] in "ZC"):
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
        field: The key's field; None: the schema does not say, so it is text, but a number where
            there was one.
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


def _are_same_numbers(one: object, other: object) -> bool:
    """Tell whether values are equal but for how their numbers are written: 100 is 100.0."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_are_same_numbers, one, other))
    return one == other and not isinstance(other, bool)


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
        raise MetadataMistake(mistake if value else f"{_must_be(field)}{_not(value)}")
    return value


def read_items(field: MetadataField, texts: Iterable[str]) -> object:
    """Read several values of one field, each in a text of its own.

    Raises:
        MetadataMistake: One is none, or the field takes one value only.
    """
    values = list(dict.fromkeys(read_item(field, text) for text in texts))
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
        value = text.strip()
    if value is None or value == "":
        raise MetadataMistake(f"{_must_be(field)}{_not(text)}")
    if mistake := find_misfit(field, value):
        raise MetadataMistake(f"{mistake}{_not(text)}")
    return value


def _not(text: str) -> str:
    shown = text if len(text) <= 40 else text[:39] + "…"  # noqa: PLR2004 - what fits a line
    return f", not {shown!r}" if shown.strip() else ", and can't be empty"


def _must_be(field: MetadataField) -> str:
    if field.allowed_values:
        return f"must be {'among' if field.multiple else 'one of'} {_name_allowed(field)}"
    if field.type == "date":
        return "must be a date such as 2024-03-01"
    if field.type == "number":
        return f"must be a number{f' ({limits})' if (limits := _describe_range(field)) else ''}"
    return "must be text"


def find_misfit(field: MetadataField, value: object) -> str:
    """Return how one value does not fit its field, and what is allowed; empty if it fits."""
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    if (field.type in ("number", "date")) is (number is None):
        return _must_be(field)
    if field.allowed_values and value not in field.allowed_values:
        return _must_be(field)
    low, high = field.minimum, field.maximum
    outside = number is not None and (
        abs(number) >= LARGEST
        or (low is not None and number < low)
        or (high is not None and number > high)
    )
    limits = _describe_range(field)
    return f"must be {limits or 'a smaller number'}" if outside else ""


def find_mistake(field: MetadataField, value: object) -> str:
    """Return what is wrong with the whole value of a key, as the end of a sentence; empty: nothing.

    Args:
        field: The key's field.
        value: One value, or a list of them.
    """
    several = value if isinstance(value, list) else [value]
    if isinstance(value, list) and not field.multiple:
        return "takes one value only"
    return next((mistake for each in several if (mistake := find_misfit(field, each))), "")
