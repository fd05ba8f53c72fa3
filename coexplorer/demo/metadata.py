"""The deployment's schema of custom metadata (``GET custom_metadata``)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec

from coexplorer.demo.asset import MetadataValue
from coexplorer.demo.samples import METADATA_FIELDS


class Field(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """One field of the schema, as it goes over the wire."""

    name: str
    type: Literal["string", "number", "date"]
    range: dict[str, float] | None = None
    allowed_values: tuple[str, ...] | None = None
    multiple: bool = False
    units: str | None = None
    category: str | None = None
    required: bool = False


FIELDS = msgspec.convert(METADATA_FIELDS, tuple[Field, ...])
"""The schema of every embedded deployment."""

_BY_NAME = {field.name: field for field in FIELDS}


def find_metadata_mistake(metadata: Mapping[str, MetadataValue]) -> str | None:
    """Return what is wrong with values, None when nothing is.

    A field that the schema lacks is let pass: an imported asset may have fields of another
    deployment.
    """
    for name, value in metadata.items():
        field = _BY_NAME.get(name)
        if field is None:
            continue
        for each in value if isinstance(value, list) else [value]:
            if field.type == "string" and not isinstance(each, str):
                return f"custom metadata {name!r} must be text"
            if field.type != "string" and isinstance(each, str):
                return f"custom metadata {name!r} must be a number"
        if isinstance(value, list) and not field.multiple:
            return f"custom metadata {name!r} takes one value"
    return None
