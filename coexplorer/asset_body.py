"""`Asset` → what is sent of it: what is not changed goes back as it came, readable or not. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

from coexplorer.assets import first_of, read_text
from coexplorer.fields import FIELDS, Editable, EditableField, FieldKind, same_value
from coexplorer.lenient_json import clean_value, decode_json
from coexplorer.models import Asset


def encode_fields(fields: Editable) -> dict[str, object]:
    """Return the editable fields as the platform takes them, leaving out absent ones."""
    values = ((field.key, field.value_of(fields)) for field in FIELDS)
    return {key: value for key, value in values if value is not None}


def find_odd(asset: Asset) -> dict[str, object]:
    """Return the editable fields, by their keys, that are not simply what the model has of them.

    A tag that is a number, say, or null; or a text that is not one. They are as the platform sent
    them.
    """
    obj = decode_json(asset.raw)
    if not isinstance(obj, dict):
        return {}
    odd = {field.key: obj[field.key] for field in FIELDS if _is_odd(field, obj.get(field.key))}
    return odd | asset.odd


def _is_odd(field: EditableField, value: object) -> bool:
    if value is None or (field.kind is not FieldKind.SET and isinstance(value, str)):
        return False
    is_list = field.kind is FieldKind.SET and isinstance(value, list)
    return not (is_list and all(isinstance(item, str) for item in cast("list[object]", value)))


def find_uneditable(asset: Asset) -> tuple[str, ...]:
    """Name the fields of which nothing could be read: an edit would destroy what is there."""
    odd = find_odd(asset)
    return tuple(
        field.name
        for field in FIELDS
        if field.key in odd
        and read_text(odd[field.key]) is None
        and not (field.kind is FieldKind.SET and isinstance(odd[field.key], list))
    )


def encode_changed(fields: Editable, seen: Asset) -> dict[str, object]:
    """Return the editable fields as the platform takes them; what is odd goes back as it came.

    A field that is not changed goes back untouched, and of a set each member that stays; so do
    members that nobody could read.

    Args:
        fields: As they should be.
        seen: What the platform has.
    """
    body = encode_fields(fields)
    for field in FIELDS:
        odd = find_odd(seen).get(field.key)
        if odd is None:
            continue
        if same_value(fields, seen, field.name):
            body[field.key] = odd
        elif isinstance(odd, list):
            body[field.key] = _weave(field.set_of(fields), odd)
    return body


def _weave(members: Sequence[str], odd: Sequence[object]) -> list[object]:
    """Return the members of a set as the platform spells those that it has."""
    spelled: dict[str, object] = {}
    unread = []
    for item in odd:
        text = read_text(clean_value(item))
        if text is None:
            unread.append(item)
        else:
            spelled.setdefault(text, item)
    return [*(spelled.get(each, each) for each in members), *unread]


def encode_metadata(metadata: Mapping[str, object], seen: Asset) -> dict[str, object]:
    """Return custom metadata as the platform takes it; what is not changed goes back as it came.

    Args:
        metadata: As it should be.
        seen: What the platform has.
    """
    obj = decode_json(seen.raw)
    said = first_of(obj, "custom_metadata") if isinstance(obj, dict) else None
    if not isinstance(said, dict):
        return dict(metadata)
    return {
        key: said.get(key, value) if seen.custom_metadata.get(key) == value else value
        for key, value in metadata.items()
    }
