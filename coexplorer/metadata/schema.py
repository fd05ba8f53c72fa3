"""Which custom metadata a deployment has. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from coexplorer.errors import InvalidField
from coexplorer.models import MetadataField
from coexplorer.text import list_like


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
