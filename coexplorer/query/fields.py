"""Every field of the query language and its meaning: completion, help and docs come from it."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

import msgspec

from coexplorer.models import AssetState, AssetType
from coexplorer.text import list_like


class ValueKind(StrEnum):
    """What a field's value looks like."""

    TEXT = "text"
    CHOICE = "choice"
    SIZE = "size"
    COUNT = "count"
    DATE = "date"
    FLAG = "flag"
    HAS = "has"
    SORT = "sort"


class QueryField(msgspec.Struct, frozen=True):
    """A field of the query language.

    Attributes:
        expects: What a value must be, for the error message.
        example: A value, for the error message and the docs.
        match: How the text of a `ValueKind.TEXT` field is compared, always ignoring case.
        choices: The values that are known in advance, each with its help.
    """

    name: str
    kind: ValueKind
    help: str
    expects: str
    example: str
    match: Literal["contains", "starts", "whole"] = "contains"
    choices: tuple[tuple[str, str], ...] = ()


FLAGS = (
    ("favorite", "marked as a favorite on the platform"),
    ("mine", "made by you"),
    ("shared", "shared with you"),
    ("archived", "archived; archived assets are hidden unless you say is:archived or is:any"),
    ("any", "archived or not"),
    ("external", "its files stay in a bucket outside the platform"),
    ("internal", "its files are kept by the platform"),
    ("unused", "never used, the same as used:never"),
    ("untagged", "has no tags"),
    ("writable", "known to be yours to change: the same as is:mine; the platform reveals no more"),
)

SAME_FLAGS = {"writable": "mine"}
"""Flags that the platform tells no more of than another one. What is shared with you may be yours
to change or not: no search and no asset says which (only its permissions do, one by one)."""

HAS_FIELDS = (
    ("description", "has a description"),
    ("tag", "has any tag"),
    ("metadata", "has any custom metadata"),
    ("mount", "has a mount folder"),
    ("owner", "has a known owner"),
    ("size", "its size is known"),
    ("files", "its number of files is known"),
    ("created", "its creation time is known"),
    ("used", "has been used"),
    ("bucket", "has a source bucket"),
    ("prefix", "has a path in the source bucket"),
    ("run_script", "its run script is known"),
    ("commit_id", "its commit is known"),
    ("contained_data_id", "was made from assets, or contains some"),
    ("capsule", "its capsule is known"),
    ("computation", "its run is known"),
)
"""What ``has:`` may ask for, apart from keys of custom metadata."""

FORMS = (
    ("name:=HCR_1", "the whole text; works in every text field, for tags and metadata"),
    ("name:^HCR_", "what the text begins with"),
    ("name:glob(HCR_*)", "a pattern for all of it: * is any text, ? is one character"),
    ('"session date":2024-01-31', "a day in custom metadata; also 2024-01, yesterday, 1w"),
    (
        '"session date":>2024-01',
        "later; also <, <=, >=, 2023-11..2024-01, and 2023-11.. or ..2024-01",
    ),
    ('-has:"subject id"', "has no value"),
)
"""How a text may be asked for apart from the way of its field."""

SORT_FIELDS = (
    ("name", "by name, ignoring case"),
    ("created", "by creation time"),
    ("used", "by last use; never used counts as oldest"),
    ("size", "by size in bytes"),
    ("files", "by the number of files"),
    ("type", "by type"),
    ("state", "by state"),
    ("owner", "by owner"),
)

_TYPES = tuple((kind.value, f"a {kind.value}") for kind in AssetType)
_STATES = (
    (AssetState.DRAFT.value, "being created"),
    (AssetState.READY.value, "ready for use"),
    (AssetState.FAILED.value, "creation failed"),
)

_DAYS = (("today", "since midnight (UTC)"), ("yesterday", "the day before (UTC)"))

_TEXT, _ID = "a text", "an id, or the start of one"

FIELDS: tuple[QueryField, ...] = (
    QueryField("name", ValueKind.TEXT, "part of the name", _TEXT, '"raw data"'),
    QueryField("description", ValueKind.TEXT, "part of the description", _TEXT, "spikes"),
    QueryField(
        "tag",
        ValueKind.TEXT,
        "a whole tag; tag:all(a,b) for several",
        "a tag",
        "raw",
        match="whole",
    ),
    QueryField("type", ValueKind.CHOICE, "the kind of asset", "a type", "result", choices=_TYPES),
    QueryField(
        "state", ValueKind.CHOICE, "whether it is usable", "a state", "failed", choices=_STATES
    ),
    QueryField(
        "is", ValueKind.FLAG, "a property of the asset", "a property", "favorite", choices=FLAGS
    ),
    QueryField(
        "has",
        ValueKind.HAS,
        'has a value; custom metadata in quotes, has:"subject id"',
        "a field, or a key of custom metadata in quotes",
        'description or "subject id"',
        choices=HAS_FIELDS,
    ),
    QueryField("size", ValueKind.SIZE, "size of all files", "a number and a unit", ">10GB"),
    QueryField("files", ValueKind.COUNT, "number of files", "a whole number", ">100"),
    QueryField(
        "created",
        ValueKind.DATE,
        "when it was made; > is later: >1w is less than a week ago",
        "a date, yesterday, or a time ago",
        "2024-01-31, yesterday, 1w or -30d",
        choices=_DAYS,
    ),
    QueryField(
        "used",
        ValueKind.DATE,
        "last use; never counts as before every date, so < finds it too",
        "a date, yesterday, a time ago or never",
        "<2024-01, yesterday, 1w, -30d or never",
        choices=(*_DAYS, ("never", "never used")),
    ),
    QueryField(
        "owner",
        ValueKind.TEXT,
        "part of the owner's name or address, or the start of the owner's id",
        _TEXT,
        "jane",
    ),
    QueryField(
        "bucket", ValueKind.TEXT, "the source bucket", "a bucket", "my-bucket", match="whole"
    ),
    QueryField(
        "prefix", ValueKind.TEXT, "start of the path in it", "a path", "exp/", match="starts"
    ),
    QueryField("mount", ValueKind.TEXT, "part of the mount folder", _TEXT, "reads"),
    QueryField("run_script", ValueKind.TEXT, "part of the script that made it", _TEXT, "code/run"),
    QueryField(
        "commit_id", ValueKind.TEXT, "start of the commit", "a commit", "1b7", match="starts"
    ),
    QueryField("contained_data_id", ValueKind.TEXT, "id of an input", _ID, "3f2a", match="starts"),
    QueryField(
        "capsule", ValueKind.TEXT, "id of the capsule that made it", _ID, "9c1e", match="starts"
    ),
    QueryField(
        "computation", ValueKind.TEXT, "id of the run that made it", _ID, "77ab", match="starts"
    ),
    QueryField("id", ValueKind.TEXT, "the asset's id", _ID, "8b4c", match="starts"),
    QueryField("sort", ValueKind.SORT, "order", "a field", "-created", choices=SORT_FIELDS),
)

_BY_NAME = {field.name: field for field in FIELDS}


def find_field(name: str) -> QueryField | None:
    """Return the field of that name, whatever its case; None when there is no such field."""
    return _BY_NAME.get(name.lower())


def find_nearest(text: str, names: tuple[str, ...]) -> str | None:
    """Return the one of `names` that was probably meant by `text`."""
    near = list_like(text, names)
    starting = [name for name in names if text and name.startswith(text.lower())]
    return near[0] if near else (starting[0] if starting else None)


FIELD_NAMES = tuple(field.name for field in FIELDS)
