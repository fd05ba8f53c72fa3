"""`Asset` → what is sent of it: what is not changed goes back as it came, readable or not. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, cast

import msgspec

from coexplorer.assets import read_text
from coexplorer.fields import (
    FIELDS,
    MAPS,
    Editable,
    EditableField,
    FieldKind,
    Fields,
    Map,
    is_same_json,
    same_value,
)
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
    if value is None:
        return False
    if field.kind is FieldKind.MAP:
        return not isinstance(value, dict)
    if field.kind is not FieldKind.SET and isinstance(value, str):
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
        and (field.kind is FieldKind.MAP or read_text(odd[field.key]) is None)
        and not (field.kind is FieldKind.MAP and isinstance(odd[field.key], dict))
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
        if field.kind is FieldKind.MAP and field.key in body:
            body[field.key] = _spell_map(field.map_of(fields), seen, field)
            continue
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


def find_stayed(now: Asset, before: Fields, wanted: Fields) -> list[tuple[str, str]]:
    """Return keys of maps that were left out to take them away, and are there as before."""
    return [
        (field.key, key)
        for field in MAPS
        for key, value in field.map_of(before).items()
        if key not in field.map_of(wanted)
        and value is not None
        and is_same_json(value, field.map_of(now).get(key))
    ]


def _spell_map(wanted: Map, seen: Asset, field: EditableField) -> dict[str, object]:
    """Return a map as the platform takes it; what is not changed goes back to the byte.

    Args:
        wanted: As it should be.
        seen: What the platform has.
        field: Which map.
    """
    before = field.map_of(seen)
    said = _find_spelled(seen, field)
    spelled: dict[str, object] = {}
    for key, value in wanted.items():
        stays = key in before and is_same_json(before[key], value)
        name, as_said = said[key] if stays and key in said else (key, value)
        spelled[name] = as_said
    return spelled


def _find_spelled(seen: Asset, field: EditableField) -> dict[str, tuple[str, object]]:
    """Return the keys of a map as the platform sent them, each with its value as it came."""
    odd = seen.odd.get(field.key)
    if isinstance(odd, dict):  # with surrogates that stand alone
        return {str(clean_value(key)): (key, value) for key, value in odd.items()}
    for key in (field.key, *field.older):
        try:
            found = _RAW_MAPS.decode(seen.raw).get(key)
            held = _RAW_MAPS.decode(found) if found is not None else None
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            continue
        if held is not None:
            return {name: (name, raw) for name, raw in held.items()}
    return {}


_RAW_MAPS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
