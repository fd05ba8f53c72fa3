"""What the catalog and the journal hold that goes on from what is typed: for the shell.

A shell waits for each answer with the cursor standing still, so nothing is opened but the file
itself, for reading alone: no session, no network, no sweep. Whatever is wrong with a file, there
is nothing to offer, and nothing is said: that is told by the command itself.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

from coexplorer.metadata.rules import describe_field
from coexplorer.metadata.schema import UNKNOWN, MetadataSchema, decode_schema
from coexplorer.metadata.showing import allowed_texts
from coexplorer.query.fold import fold
from coexplorer.sharing.roles import kind_of, title_of
from coexplorer.text import plural

_MOST = 100
"""More choices than that help nobody at a prompt."""

_LAST = "\U0010ffff"
"""Behind all that begins with the same text."""

_WAIT_S = 0.2

_VALUES = {
    "type": "SELECT type, '' FROM asset GROUP BY type ORDER BY count(*) DESC LIMIT ?",
    "state": "SELECT state, '' FROM asset GROUP BY state ORDER BY count(*) DESC LIMIT ?",
    "owner": """SELECT owner, '' FROM asset WHERE owner != '' GROUP BY owner
    ORDER BY count(*) DESC LIMIT ?""",
    "bucket": "SELECT DISTINCT bucket, '' FROM source WHERE bucket != '' ORDER BY 1 LIMIT ?",
    "prefix": "SELECT DISTINCT prefix, '' FROM source WHERE prefix != '' ORDER BY 1 LIMIT ?",
    "run_script": "SELECT DISTINCT run_script, '' FROM source WHERE run_script != '' LIMIT ?",
    "capsule": "SELECT DISTINCT capsule, '' FROM source WHERE capsule != '' LIMIT ?",
    "mount": "SELECT DISTINCT mount, '' FROM asset WHERE mount != '' ORDER BY 1 LIMIT ?",
}
_MOST_VALUES = 2000
_NAMED = ("user", "group")


class Candidate(NamedTuple):
    """Something that can be typed, and what to say of it."""

    text: str
    help: str = ""


def find_assets(catalog: Path, typed: str) -> list[Candidate]:
    """Return assets whose names or ids go on from what is typed, names first."""
    folded, small = fold(typed), typed.lower()
    by_name = _read(
        catalog,
        "SELECT name, substr(id, 1, 8) FROM asset WHERE name_folded >= ? AND name_folded < ?"
        " ORDER BY name_folded LIMIT ?",
        (folded, folded + _LAST, _MOST),
    )
    by_id = _read(
        catalog,
        "SELECT id, name FROM asset WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
        (small, small + _LAST, _MOST if typed else 0),
    )
    return [Candidate(*row) for row in (*by_name, *by_id)]


def find_tags(catalog: Path, typed: str) -> list[Candidate]:
    """Return tags that go on from what is typed, the most used first."""
    folded = fold(typed)
    return _read_counted(
        catalog,
        "SELECT text, count(*) FROM tag WHERE folded >= ? AND folded < ?"
        " GROUP BY folded, text ORDER BY 2 DESC, 1 LIMIT ?",
        (folded, folded + _LAST, _MOST),
    )


def find_values(catalog: Path, field: str, typed: str) -> list[Candidate]:
    """Return values of a query's field that go on from what is typed."""
    if field in {"name", "id"}:
        small = typed.lower()
        return [each for each in find_assets(catalog, typed) if each.text.lower().startswith(small)]
    if field == "tag":
        return find_tags(catalog, typed)
    if field == "has":
        return find_metadata_keys(catalog, typed)
    if field not in _VALUES:
        return []
    folded = fold(typed)
    rows = _read(catalog, _VALUES[field], (_MOST_VALUES,))
    return [Candidate(*row) for row in rows if fold(row[0]).startswith(folded)][:_MOST]


def find_schema(catalog: Path) -> MetadataSchema:
    """Return the deployment's schema of custom metadata, as it was last read."""
    rows = _read(catalog, "SELECT schema, '' FROM metadata_schema", ())
    return (decode_schema(rows[0][0]) if rows else None) or UNKNOWN


def find_schema_keys(catalog: Path, typed: str) -> list[Candidate]:
    """Return the keys of the schema that go on from what is typed, with what they take."""
    folded = fold(typed)
    return [
        Candidate(field.name, describe_field(field))
        for field in find_schema(catalog).fields
        if fold(field.name).startswith(folded)
    ]


def find_allowed(catalog: Path, key: str, typed: str) -> list[Candidate]:
    """Return the values that the schema allows for a key and that go on from what is typed."""
    field, folded = find_schema(catalog).find(key), fold(typed)
    texts = allowed_texts(field) if field else ()
    return [Candidate(text) for text in texts if fold(text).startswith(folded)]


def find_metadata_keys(catalog: Path, typed: str) -> list[Candidate]:
    """Return the keys of custom metadata that go on from what is typed, the most used first.

    Those of the schema that no asset has come last.
    """
    folded = fold(typed)
    used = _read_counted(
        catalog,
        "SELECT name, count(DISTINCT n) FROM metadata WHERE key >= ? AND key < ?"
        " GROUP BY key, name ORDER BY 2 DESC, 1 LIMIT ?",
        (folded, folded + _LAST, _MOST),
    )
    names = {each.text for each in used}
    return [*used, *(each for each in find_schema_keys(catalog, typed) if each.text not in names)]


def find_metadata_values(catalog: Path, key: str, typed: str) -> list[Candidate]:
    """Return values of a key of custom metadata that go on from what is typed; dates as days."""
    folded = fold(typed)
    field = find_schema(catalog).find(key)
    if field is not None and field.type == "date":
        rows = _read(
            catalog,
            "SELECT date(number, 'unixepoch') AS day, count(*) FROM metadata"
            " WHERE key = ? AND day IS NOT NULL GROUP BY day ORDER BY day DESC LIMIT ?",
            (fold(key), _MOST_VALUES),
        )
        days = [Candidate(day, plural(int(uses), "asset")) for day, uses in rows]
        return [each for each in days if each.text.startswith(folded)][:_MOST]
    return _read_counted(
        catalog,
        "SELECT text, count(*) FROM metadata WHERE key = ? AND text >= ? AND text < ?"
        " GROUP BY text ORDER BY 2 DESC, 1 LIMIT ?",
        (fold(key), folded, folded + _LAST, _MOST),
    )


def find_changes(journal: Path) -> list[Candidate]:
    """Return the numbers of the last changes, the newest first."""
    rows = _read(journal, "SELECT id, title FROM batches ORDER BY id DESC LIMIT ?", (_MOST,))
    return [Candidate(str(number), title) for number, title in rows]


def find_members(journal: Path, kind: str, typed: str) -> list[Candidate]:
    """Return users or groups that assets were shared with from here, the last ones first.

    Args:
        journal: What was done.
        kind: ``user``, ``group``; empty: both.
        typed: What a name goes on from.
    """
    rows = _read(
        journal,
        "SELECT key, '' FROM (SELECT id, base_metadata, metadata FROM entries"
        " WHERE action = 'share' AND metadata IS NOT NULL ORDER BY id DESC LIMIT 500) AS shared,"
        " json_each(json_patch(coalesce(shared.base_metadata, '{}'), shared.metadata))"
        " GROUP BY key ORDER BY max(shared.id) DESC, key LIMIT ?",
        (_MOST_VALUES,),
    )
    titles = [title_of(each) for each, _ in rows if kind_of(each) in ((kind,) if kind else _NAMED)]
    return [Candidate(each) for each in titles if fold(each).startswith(fold(typed))][:_MOST]


def find_workplaces(journal: Path, typed: str, *, to_run: bool = False) -> list[Candidate]:
    """Return the ids of workplaces that were attached to from here, the last ones first.

    Args:
        journal: What was done.
        typed: The beginning of an id, or a part of what it is called.
        to_run: Only capsules and pipelines, which can be run.
    """
    rows = _read(
        journal,
        "SELECT key, title FROM (SELECT entries.id, base_metadata, metadata, title FROM entries"
        " JOIN batches ON batches.id = batch_id WHERE action IN ('attach', 'detach')"
        " ORDER BY entries.id DESC LIMIT 2000) AS sent,"
        " json_each(json_patch(coalesce(sent.base_metadata, '{}'), coalesce(sent.metadata, '{}')))"
        " GROUP BY key ORDER BY max(sent.id) DESC LIMIT ?",
        (_MOST_VALUES,),
    )
    found = [
        (key.partition("/")[2], _read_place(title))
        for key, title in rows
        if not (to_run and key.startswith("computations/"))
    ]
    return [
        Candidate(place, told)
        for place, told in found
        if place.lower().startswith(typed.lower()) or fold(typed) in fold(told)
    ][:_MOST]


def _read_place(title: str) -> str:
    """Return what a workplace is called in the title of a change: ``attach to capsule 'x'``."""
    return title.partition(" to ")[2] or title.partition(" from ")[2]


def find_kept_entries(journal: Path) -> list[Candidate]:
    """Return the numbers of entries that can be sent again or given up, the newest first."""
    rows = _read(
        journal,
        "SELECT id, action || ' ' || asset_name || ': ' || state FROM entries WHERE state IN"
        " ('unsent', 'unknown', 'conflict', 'refused') ORDER BY id DESC LIMIT ?",
        (_MOST,),
    )
    return [Candidate(str(number), told) for number, told in rows]


def _read_counted(path: Path, statement: str, values: Sequence[object]) -> list[Candidate]:
    """Return texts, each with how many assets have it."""
    rows = _read(path, statement, values)
    return [Candidate(text, plural(int(count), "asset")) for text, count in rows]


def _read(path: Path, statement: str, values: Sequence[object]) -> list[tuple[str, str]]:
    """Return the rows of a file that is only read; none, and no word, if that goes wrong."""
    address = f"file:{quote(str(path))}?mode=ro"
    with (
        contextlib.suppress(sqlite3.Error, OSError, UnicodeError),
        contextlib.closing(sqlite3.connect(address, uri=True, timeout=_WAIT_S)) as connection,
    ):
        return connection.execute(statement, values).fetchall()
    return []
