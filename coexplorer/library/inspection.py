"""Looks at a journal as it lies on the disk: nothing is made, migrated or settled."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec

from coexplorer.catalog.inspection import find_damage, open_untouched
from coexplorer.errors import JournalError
from coexplorer.library.entries import PENDING, Action, State
from coexplorer.library.journal_file import EmptiedJournalError, ensure_not_emptied, tell_unusable
from coexplorer.library.journal_schema import VERSION, NewerJournalError

_SO = "nothing can be sent"


class JournalFound(msgspec.Struct, frozen=True):
    """What is known of a journal.

    Attributes:
        error: Why it can't be used; None: it can.
        waiting: Changes that wait for the user: unsent, of unknown outcome, in conflict.
        refused: Changes that the platform refused, and whose text is kept.
        not_made: New assets that it refused, or that failed, likewise.
        stopped: Changes that the user stopped before they were sent.
        entries: Changes of any outcome.
        was_read: Whether all of the file was read; the largest take too long.
    """

    error: JournalError | None = None
    waiting: int = 0
    refused: int = 0
    not_made: int = 0
    stopped: int = 0
    entries: int = 0
    was_read: bool = True


def inspect_journal(path: Path, *, limit_s: float) -> JournalFound | None:
    """Look at a journal; None: there is none.

    Args:
        path: Its file.
        limit_s: How long to look for damage.
    """
    try:
        ensure_not_emptied(path)
        with open_untouched(path) as connection:
            return _look(connection, limit_s)
    except FileNotFoundError:
        return None
    except (
        OSError,
        NewerJournalError,
        EmptiedJournalError,
        sqlite3.Error,
        UnicodeDecodeError,
    ) as error:
        return JournalFound(tell_unusable(path, error, so=_SO))


def _look(connection: sqlite3.Connection, limit_s: float) -> JournalFound:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise NewerJournalError
    problem = find_damage(connection, limit_s)
    if problem:
        raise sqlite3.DatabaseError("malformed")
    rows = connection.execute("SELECT state, count(*) FROM entries GROUP BY state")
    states: dict[str, int] = dict(rows.fetchall())
    (not_made,) = connection.execute(
        "SELECT count(*) FROM entries WHERE state = ? AND action = ?",
        (State.REFUSED, Action.CREATE),
    ).fetchone()
    return JournalFound(
        waiting=sum(states.get(each, 0) for each in PENDING),
        refused=states.get(State.REFUSED, 0) - not_made,
        not_made=not_made,
        stopped=states.get(State.STOPPED, 0),
        entries=sum(states.values()),
        was_read=problem is not None,
    )
