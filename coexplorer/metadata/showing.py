"""Custom metadata as people read and type them: value → text. Pure."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from coexplorer.fields import Editable, EditableField, FieldKind
from coexplorer.lenient_json import decode_json, encode_json
from coexplorer.metadata.schema import UNKNOWN, MetadataSchema
from coexplorer.models import MetadataField

DAY_S: Final = 86_400


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
    return f"{moment:%Y-%m-%d}" if seconds % DAY_S == 0 else f"{moment:%Y-%m-%dT%H:%M:%SZ}"
