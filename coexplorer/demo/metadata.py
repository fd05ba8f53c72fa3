"""The deployment's schema of custom metadata (``GET custom_metadata``)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec

from coexplorer.demo.importing import is_same_json
from coexplorer.demo.samples import METADATA_FIELDS


class SchemaField(msgspec.Struct, frozen=True, omit_defaults=True):
    """One field of the schema, as it goes over the wire."""

    name: str
    type: Literal["string", "number", "date"]
    range: dict[str, float | None] | None = None
    allowed_values: tuple[str | float, ...] | None = None
    multiple: bool | None = False
    units: str | None = None
    category: str | None = None
    required: bool | None = False


class _Schema(msgspec.Struct, frozen=True):
    fields: tuple[SchemaField, ...] | None = None


def parse_schema(content: bytes) -> tuple[SchemaField, ...]:
    """Read a deployment's schema as ``GET custom_metadata`` gives it.

    Raises:
        ValueError: It is none.
    """
    return msgspec.json.decode(content, type=_Schema).fields or ()


FIELDS = msgspec.convert(METADATA_FIELDS, tuple[SchemaField, ...])
"""The schema that an embedded deployment begins with."""

_LARGEST_NUMBER = 2.0**63


def find_metadata_mistake(
    metadata: Mapping[str, object],
    *,
    fields: Sequence[SchemaField],
    enforce_required: bool,
    present: Mapping[str, object],
    is_known: Callable[[str], bool],
) -> str | None:
    """Return what is wrong with values that are to be set, None when nothing is.

    That the platform checks values against its schema, and each of the rules below, is a guess: it
    documents the schema alone. What stays as it is passes: the schema may be younger than the
    asset.

    Args:
        metadata: All values as they will be.
        fields: The deployment's schema.
        enforce_required: Whether the required fields must be there.
        present: All values as they are.
        is_known: Tells whether a field that is not in the schema is one anyway: imported
            assets have those of another deployment.
    """
    by_name = {field.name: field for field in fields}
    if enforce_required:
        for required in (each.name for each in fields if each.required):
            if metadata.get(required) in (None, "", []):
                return f"custom metadata {required!r} is required"
    for name, value in metadata.items():
        if name in present and is_same_json(present[name], value):
            continue
        field = by_name.get(name)
        several = isinstance(value, list)
        for each in value if isinstance(value, list) else [value]:
            mistake = _find_mistake(field, each)
            if mistake:
                return f"custom metadata {name!r} {mistake}"
        if field is None and not is_known(name):
            return f"there is no custom metadata field {name!r}"
        if field is not None and several and not field.multiple:
            return f"custom metadata {name!r} takes one value"
    return None


def _find_mistake(field: SchemaField | None, value: object) -> str:
    """Return what is wrong with one value, as the end of a sentence; empty when nothing is."""
    number = value if isinstance(value, int | float) and not isinstance(value, bool) else None
    if number is None and not isinstance(value, str):
        return "must be text or a number"
    if number is not None and abs(number) >= _LARGEST_NUMBER:
        return "is too large a number"
    return _find_misfit(field, value, number) if field else ""


def _find_misfit(field: SchemaField, value: object, number: float | None) -> str:
    """Return how a value does not fit its field; empty if it does."""
    low, high = (field.range or {}).get("min"), (field.range or {}).get("max")
    mistake = ""
    if (field.type == "string") != (number is None):
        mistake = "must be text" if field.type == "string" else "must be a number"
    elif field.allowed_values and value not in field.allowed_values:
        mistake = f"must be one of {', '.join(map(str, field.allowed_values))}"
    elif number is not None and low is not None and number < low:
        mistake = f"must be {low:g} or more"
    elif number is not None and high is not None and number > high:
        mistake = f"must be {high:g} or less"
    return mistake
