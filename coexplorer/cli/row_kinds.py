"""What a row for programs is: its kind, the keys that it has, and its values as JSON has them.

Sizes are whole numbers of bytes, times are RFC 3339 in UTC, and what is not known, or has never
been, is None. Pure. `coexplorer.cli.schema` has all kinds.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

Values = dict[str, object]
"""One row: key → value."""


class Holds(StrEnum):
    """What a key holds."""

    TEXT = "text"
    NUMBER = "number"
    BYTES = "bytes"
    TIME = "time"
    FLAG = "true or false"
    TEXTS = "list of texts"
    OBJECT = "object"
    OBJECTS = "list of objects"


class Key(msgspec.Struct, frozen=True):
    """One key of a row.

    Attributes:
        name: As JSON, the titles of CSV and TSV, and ``--columns`` have it.
        help: What it means.
        nullable: It may be null: not known, or none.
        detail: It is left out of a line of CSV or TSV, unless ``--columns`` asks for it.
        title: In tables for people; empty: the name.
    """

    name: str
    holds: Holds
    help: str
    nullable: bool = False
    detail: bool = False
    title: str = ""


class RowKind(msgspec.Struct, frozen=True):
    """A kind of row.

    Attributes:
        name: What it is called in the documentation.
        commands: Which commands print it.
        id_key: Which key ``-o ids`` prints; empty: such rows have none.
    """

    name: str
    commands: tuple[str, ...]
    keys: tuple[Key, ...]
    id_key: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its keys."""
        return tuple(key.name for key in self.keys)

    @property
    def flat_names(self) -> tuple[str, ...]:
        """The keys that a line of CSV or TSV has."""
        return tuple(key.name for key in self.keys if not key.detail)

    def find_key(self, name: str) -> Key | None:
        """Return the key of that name, if there is one."""
        return next((key for key in self.keys if key.name == name), None)


def time_text(epoch_s: float | None) -> str | None:
    """Return ``2024-01-31T10:00:00Z``; None for what is not known or can't be a time."""
    if epoch_s is None:
        return None
    try:
        moment = datetime.fromtimestamp(int(epoch_s // 1), UTC)
    except (OverflowError, ValueError, OSError):
        return None
    return moment.isoformat().replace("+00:00", "Z")


def used_time(epoch_s: float | None) -> str | None:
    """Return when something was last used; None for never, which is 0 on the platform."""
    return time_text(epoch_s or None)


def encode(values: Values, names: Sequence[str]) -> bytes:
    """Return a row as a JSON object with these keys."""
    return _encode({name: values[name] for name in names})


_encode: Callable[[object], bytes] = msgspec.json.Encoder().encode
