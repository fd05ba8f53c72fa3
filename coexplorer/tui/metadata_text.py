"""Custom metadata as lines of text that people edit, and what goes on from what is typed. Pure."""

from __future__ import annotations

from coexplorer.fields import MAPS, Editable, EditableField, Value, key_field
from coexplorer.lenient_json import decode_json, encode_json
from coexplorer.metadata.reading import MetadataMistake, read_value
from coexplorer.metadata.rules import describe_field
from coexplorer.metadata.schema import MetadataSchema
from coexplorer.metadata.showing import allowed_texts, show_field
from coexplorer.models import MetadataField
from coexplorer.tui.tag_text import find_tag_at, fit_values, quote_tag
from coexplorer.tui.widgets.choices import Choice

MOST_VALUES = 20


def list_keys(fields: Editable, schema: MetadataSchema) -> tuple[EditableField, ...]:
    """Return the keys that can be edited: those of the schema, then what else the asset has."""
    return tuple(
        key_field(field, key)
        for field in MAPS
        for key in dict.fromkeys([*(each.name for each in schema.fields), *field.map_of(fields)])
    )


def show_key(key: EditableField, fields: Editable, schema: MetadataSchema) -> str:
    """Return the value of a key as it is edited; empty: there is none."""
    return show_field(key, fields, schema, units=False)


def read_key(key: EditableField, text: str, fields: Editable, schema: MetadataSchema) -> Value:
    """Return what was typed for a key as JSON text; None: the key is taken away.

    A text that its field can't be is kept as a text: whoever sends it is told what is wrong.
    """
    if not text.strip():
        return None
    before = decode_json((key.text_of(fields) or "null").encode())
    try:
        value = read_value(schema.find(key.part or ""), text, before)
    except MetadataMistake:
        value = text
    return encode_json(value).decode()


def offer_values(
    field: MetadataField | None, text: str, cursor: int
) -> tuple[list[Choice], tuple[int, int]]:
    """Return the allowed values that go on from what is typed, and what each replaces."""
    allowed = allowed_texts(field) if field is not None else ()
    if field is None or not field.multiple:
        found = fit_values(allowed, text.strip(), MOST_VALUES)
        choices = [Choice(value) for value in found if value != text]
        return choices, (0, len(text))
    start, end, typed = find_tag_at(text, cursor)
    found = fit_values(allowed, typed, MOST_VALUES) if typed else []
    return [Choice(quote_tag(value), text=value) for value in found], (start, end)


def offer_settings(schema: MetadataSchema, typed: str) -> list[Choice]:
    """Return what goes on from ``KEY=VALUE``: keys, then the values that the key allows."""
    key, sign, value = typed.partition("=")
    if not sign:
        return [
            Choice(f"{each.name}=", text=each.name, help=describe_field(each))
            for each in schema.fields
            if key.strip().casefold() in each.name.casefold()
        ]
    field = schema.find(key.strip())
    allowed = allowed_texts(field) if field is not None else ()
    return [
        Choice(f"{key}={each}", text=each)
        for each in fit_values(allowed, value.strip(), MOST_VALUES)
    ]


def find_key(schema: MetadataSchema, typed: str) -> str:
    """Return the key that is meant by what was typed without a value; empty: none, or several."""
    names = [each.name for each in schema.fields]
    if typed in names or (typed and not schema.known):
        return typed
    folded = typed.casefold()
    same = [name for name in names if name.casefold() == folded]
    begun = [name for name in names if folded and name.casefold().startswith(folded)]
    fitting = same or begun
    return fitting[0] if len(fitting) == 1 else ""
