"""Journal entries ↔ the columns of its tables, and how they are read."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from coexplorer.fields import Fields
from coexplorer.library.entries import (
    ATTACHING,
    KEPT,
    NOT_THERE,
    Action,
    Cause,
    Entry,
    Purpose,
    State,
)
from coexplorer.library.journal_file import is_sound
from coexplorer.library.selection import Fit
from coexplorer.models import AssetId

T = TypeVar("T")

ENTRY_COLUMNS = (
    "id",
    "batch_id",
    "asset_id",
    "asset_name",
    "action",
    "state",
    "base",
    "mine",
    "before",
    "after",
    "base_metadata",
    "metadata",
    "reason",
    "hint",
    "settled_at",
    "undone_by",
    "reverses",
    "needless",
    "fit",
    "asked",
    "shown",
    "looked_at",
    "cause",
    "set_aside",
)
"""Columns of `entries` in the order that `build_entry` takes them, before ``at`` and ``origin``."""

_WITH_ROLES = (Action.SHARE, Action.TRANSFER, *ATTACHING)
_ROLES = {"base_metadata": "roles_before", "metadata": "roles"}
"""Columns → what they hold: they keep their names, as older programs may have the file open."""


def build_entry(row: Sequence[Any]) -> Entry:
    """Return the entry of `ENTRY_COLUMNS`, ``at`` and ``origin``."""
    values = dict(zip((*ENTRY_COLUMNS, "at", "origin"), row, strict=True))
    for column in ("base", "mine", "before", "after", "shown"):
        values[column] = _decode(values[column], Fields)
    for column, name in _ROLES.items():
        roles = values.pop(column)
        shares = values["action"] in _WITH_ROLES
        values[name] = (_decode(roles, dict[str, str]) if shares else None) or {}
    values["set_aside"] = bool(values["set_aside"])
    values["fit"] = _decode(values["fit"], Fit)
    values["asked"] = _decode(values["asked"], tuple[str, ...]) or ()
    values["needless"] = bool(values["needless"])
    values["action"] = Action(values["action"])
    values["state"] = State(values["state"])
    values["cause"] = None if values["cause"] is None else Cause(values["cause"])
    return Entry(**values)


def encode_value(value: object) -> str | None:
    """Return a value as JSON; None stays None."""
    return None if value is None else msgspec.json.encode(value).decode()


def encode_roles(action: Action, roles: Mapping[str, str]) -> str | None:
    """Return members' roles, or folders, as JSON; None where nothing is shared or attached."""
    return encode_value(roles) if action in _WITH_ROLES else None


def _decode(text: str | None, kind: type[T]) -> T | None:
    return None if text is None else msgspec.json.decode(text, type=kind)


OPEN = (State.PLANNED, State.INTENDED)
"""States of what is on its way."""

KEPT_MARKS = ", ".join("?" * len(KEPT))
NOT_THERE_MARKS = ", ".join("?" * len(NOT_THERE))

SELECT = (
    f"SELECT {', '.join(f'entries.{name}' for name in ENTRY_COLUMNS)}, batches.at, batches.origin"  # noqa: S608 - constants
    " FROM entries JOIN batches ON batches.id = batch_id"
)


def select(connection: sqlite3.Connection, tail: str, values: Sequence[object]) -> list[Entry]:
    """Return the readable entries of a query, inside a transaction."""
    return build_all(connection.execute(f"{SELECT} {tail}", values).fetchall())[0]


def _build(row: Sequence[Any]) -> Entry:
    """Return an entry.

    Raises:
        ValueError: Its bytes are not what was written.
    """
    if not is_sound(row):
        raise ValueError
    return build_entry(row)


def build_all(rows: Iterable[Sequence[Any]]) -> tuple[list[Entry], list[int]]:
    """Return the entries of rows, and the numbers of unreadable ones."""
    entries, bad = [], []
    for row in rows:
        try:
            entries.append(_build(row))
        except (ValueError, TypeError):  # msgspec's errors are ValueErrors
            bad.append(row[0])
    return entries, bad


def is_batch(row: Sequence[Any]) -> bool:
    """Tell whether a row of a batch is as it was written."""
    return is_sound(row) and row[4] in set(Purpose) and isinstance(row[1], int | float)


WRITES = (
    "WHERE asset_id = ? AND state = ? AND action = ? AND after IS NOT NULL"
    " ORDER BY settled_at, entries.id"
)
"""The edits of an asset that the platform has from here, latest last."""


def writes_of(asset_id: AssetId) -> Sequence[object]:
    """Return the values that `WRITES` takes."""
    return (asset_id, State.APPLIED, Action.EDIT)
