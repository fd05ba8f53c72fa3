"""The catalog's schema, brought from any earlier version to this one.

The catalog is a cache: everything in it can be fetched again. So an older schema that can't be
migrated is thrown away, and a newer one is left alone (a newer coexplorer is using it).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from coexplorer.catalog.letters import letters_of
from coexplorer.catalog.schema import TABLES
from coexplorer.catalog.writing import delete_rows
from coexplorer.models import is_asset_id


def _create(connection: sqlite3.Connection) -> None:
    for statement in _split(TABLES):
        connection.execute(statement)


def _note_letters(connection: sqlite3.Connection) -> None:
    """Note which single characters each asset has: searches for one letter use that."""
    connection.create_function("letters_of", -1, lambda *texts: letters_of(texts))
    connection.execute("ALTER TABLE asset ADD COLUMN letters INTEGER NOT NULL DEFAULT 0")
    connection.execute(
        "UPDATE asset SET letters = coalesce((SELECT letters_of(name, description, labels)"
        " FROM folded WHERE folded.n = asset.n), 0)"
    )
    connection.execute("CREATE INDEX asset_by_letters ON asset (letters)")


def _count_places(connection: sqlite3.Connection) -> None:
    """Count changes to the list of all assets by time separately: few changes affect it."""
    connection.execute("INSERT INTO counter VALUES ('places', 0)")
    for event, test in (
        ("INSERT", ""),
        ("DELETE", ""),
        ("UPDATE OF created", "WHEN old.created IS NOT new.created"),
    ):
        connection.execute(
            f"CREATE TRIGGER place_{event.split()[0].lower()} AFTER {event} ON asset {test} BEGIN"
            " UPDATE counter SET value = value + 1 WHERE name = 'places'; END"
        )


def _tally_more(connection: sqlite3.Connection) -> None:
    """Tally types and owners too: the most common counts then need no rows."""
    for event in ("came", "went", "moved"):
        connection.execute(f"DROP TRIGGER asset_{event}")
    connection.execute("DROP TABLE tally")
    columns = ("flags", "state", "type", "owner_folded")
    named = ", ".join(columns)
    connection.execute(
        "CREATE TABLE tally (flags INTEGER NOT NULL, state TEXT NOT NULL, type TEXT NOT NULL,"
        f" owner_folded TEXT NOT NULL, assets INTEGER NOT NULL, PRIMARY KEY ({named}))"
        " WITHOUT ROWID"
    )
    connection.execute(f"INSERT INTO tally SELECT {named}, count(*) FROM asset GROUP BY {named}")
    new = ", ".join(f"new.{column}" for column in columns)
    more = f"INSERT INTO tally VALUES ({new}, 1) ON CONFLICT DO UPDATE SET assets = assets + 1"
    old = " AND ".join(f"{column} = old.{column}" for column in columns)
    less = f"UPDATE tally SET assets = assets - 1 WHERE {old}"
    other = " OR ".join(f"old.{column} IS NOT new.{column}" for column in columns)
    for event, when, what in (
        ("came", "INSERT ON asset", more),
        ("went", "DELETE ON asset", less),
        ("moved", f"UPDATE ON asset WHEN {other}", f"{less}; {more}"),
    ):
        connection.execute(f"CREATE TRIGGER asset_{event} AFTER {when} BEGIN {what}; END")


def _forget_bad_ids(connection: sqlite3.Connection) -> None:
    """Forget rows with invalid ids: a NUL in one kept every later page from being written."""
    connection.create_function("is_asset_id", 1, is_asset_id)
    bad = connection.execute("SELECT n FROM asset WHERE NOT is_asset_id(id)").fetchall()
    delete_rows(connection, [n for (n,) in bad])
    for table, column in (("input", "parent"), ("removed", "id")):
        connection.execute(f"DELETE FROM {table} WHERE NOT is_asset_id({column})")


def _split(script: str) -> list[str]:
    """Return the statements of a script; `executescript` would commit the transaction."""
    statements: list[str] = []
    pending = ""
    for line in script.splitlines(keepends=True):
        pending += line
        if sqlite3.complete_statement(pending):
            statements.append(pending)
            pending = ""
    return statements


MIGRATIONS: tuple[tuple[str, Callable[[sqlite3.Connection], None]], ...] = (
    ("create the catalog", _create),
    ("note the letters of each asset", _note_letters),
    ("count what changes the order of all assets", _count_places),
    ("tally types and owners", _tally_more),
    ("forget what has no usable id", _forget_bad_ids),
)
"""Each takes the file from the version of its index to the next, inside one transaction."""

VERSION = len(MIGRATIONS)
"""The schema's version (PRAGMA user_version)."""
