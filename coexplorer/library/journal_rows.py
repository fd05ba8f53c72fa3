"""Journal entries ↔ the columns of its tables. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from coexplorer.fields import Fields
from coexplorer.library.entries import Action, Entry, State
from coexplorer.library.selection import Fit
from coexplorer.models import MetadataValue

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
)
"""Columns of `entries` in the order that `build_entry` takes them, before ``at`` and ``origin``."""


def build_entry(row: Sequence[Any]) -> Entry:
    """Return the entry of `ENTRY_COLUMNS`, ``at`` and ``origin``."""
    values = dict(zip((*ENTRY_COLUMNS, "at", "origin"), row, strict=True))
    for column in ("base", "mine", "before", "after", "shown"):
        values[column] = _decode(values[column], Fields)
    for column in ("base_metadata", "metadata"):
        values[column] = _decode(values[column], dict[str, MetadataValue])
    values["fit"] = _decode(values["fit"], Fit)
    values["asked"] = _decode(values["asked"], tuple[str, ...]) or ()
    values["needless"] = bool(values["needless"])
    values["action"] = Action(values["action"])
    values["state"] = State(values["state"])
    return Entry(**values)


def encode_value(value: object) -> str | None:
    """Return a value as JSON; None stays None."""
    return None if value is None else msgspec.json.encode(value).decode()


def _decode(text: str | None, kind: type[T]) -> T | None:
    return None if text is None else msgspec.json.decode(text, type=kind)
