"""The journal's tables, the meaning of each column, and how one version becomes the next.

The journal is a separate SQLite file in the state directory (mode 0600, WAL): what was done
from this machine, and the texts that are not on the platform yet. Unlike the catalog it can't be
recreated, so a journal from a newer version is refused, never rebuilt. It never holds a secret.
"""

from __future__ import annotations

import sqlite3

from coexplorer.library.entries import FOUND, GIVEN_UP, RESTORED, SET_ASIDE
from coexplorer.library.refusals import was_final

VERSION = 12

_BATCHES = """
CREATE TABLE batches (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    at       REAL NOT NULL,    -- epoch seconds when it was written down
    origin   TEXT NOT NULL,    -- the front end: cli, tui, mount
    title    TEXT NOT NULL,    -- one line for people
    purpose  TEXT NOT NULL     -- do, undo, redo
) STRICT
"""

_ENTRIES = """
CREATE TABLE entries (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    batch_id      INTEGER NOT NULL REFERENCES batches (id),
    session       TEXT NOT NULL,  -- the process that wrote it: see sessions.py
    asset_id      TEXT NOT NULL,  -- empty for a create without an answer
    asset_name    TEXT NOT NULL,  -- as it was then, for people
    action        TEXT NOT NULL,  -- see entries.Action
    state         TEXT NOT NULL,  -- see entries.State
    base          TEXT,           -- JSON of Fields: what the edit is merged from
    mine          TEXT,           -- JSON of Fields: what the user wants
    before        TEXT,           -- JSON of Fields: what the platform had right before the write
    after         TEXT,           -- JSON of Fields: what was sent
    base_metadata TEXT,           -- JSON object: Entry.roles_before: shared or attached
    metadata      TEXT,           -- JSON object: Entry.roles: shared or attached
    reason        TEXT NOT NULL,  -- why it failed or was left out; else empty
    hint          TEXT NOT NULL,  -- what to do about it
    settled_at    REAL,           -- epoch seconds when the state became final
    undone_by     INTEGER         -- the batch that took all of it back
) STRICT
"""

_INDEXES = (
    "CREATE INDEX entries_by_asset ON entries (asset_id)",
    "CREATE INDEX entries_by_undoing ON entries (undone_by) WHERE undone_by IS NOT NULL",
    """CREATE INDEX entries_open ON entries (state)
    WHERE state IN ('planned', 'intended', 'unsent', 'unknown', 'conflict')""",
)


# What was refused for good was unsent in version 1, and a change counted as undone as soon as an
# undo was begun, whatever became of it. An old undo is recognized by its assets: each is there
# once.
_SECOND = (
    # the entry that this one takes back
    "ALTER TABLE entries ADD COLUMN reverses INTEGER",
    # 1: left out because nothing needed to change
    "ALTER TABLE entries ADD COLUMN needless INTEGER NOT NULL DEFAULT 0",
    """UPDATE entries SET needless = 1 WHERE state = 'skipped' AND (reason GLOB 'has no tag *'
    OR reason IN ('already so', 'not changed', 'already archived', 'not archived'))""",
    "UPDATE entries SET state = 'refused' WHERE state = 'unsent' AND was_final(reason)",
    """UPDATE entries SET reverses = earlier.id FROM entries AS earlier
    WHERE earlier.undone_by = entries.batch_id AND earlier.asset_id = entries.asset_id""",
    """UPDATE entries SET undone_by = NULL FROM entries AS reversal
    WHERE reversal.reverses = entries.id AND reversal.state NOT IN ('applied', 'unchanged')""",
    "DROP INDEX IF EXISTS entries_by_batch",
    # It holds all that a list of changes counts.
    "CREATE INDEX entries_by_batch ON entries (batch_id, state, undone_by)",
    "CREATE INDEX entries_by_reversal ON entries (reverses) WHERE reverses IS NOT NULL",
    "CREATE INDEX entries_refused ON entries (state) WHERE state = 'refused'",
)


# JSON of Fit: what the asset must still be when it is read right before it is changed.
_THIRD = ("ALTER TABLE entries ADD COLUMN fit TEXT",)


# JSON list: fields that were given as a whole, even if they seemed to need no change.
_FOURTH = ("ALTER TABLE entries ADD COLUMN asked TEXT",)


# JSON of Fields: what the user had been shown, where `base` had to be put back to what the platform
# had, as the text that was shown was not sent yet.
_FIFTH = ("ALTER TABLE entries ADD COLUMN shown TEXT",)


# From here on there is a state that older programs can't read.
_SIXTH = ("CREATE INDEX entries_stopped ON entries (state) WHERE state = 'stopped'",)


# Epoch seconds when somebody read in a mount why it failed.
_SEVENTH = ("ALTER TABLE entries ADD COLUMN looked_at REAL",)


# From here on there is an action that older programs can't read: assets are shared.
_EIGHTH = ()


# From here on Fields hold custom metadata, which older programs would lose.
_NINTH = ()


# What the state alone does not tell (see entries.Cause); it was told by the reason's words before.
# An undo that found its asset gone had counted as done.
_TENTH = (
    "ALTER TABLE entries ADD COLUMN cause TEXT",
    f"UPDATE entries SET cause = 'given_up' WHERE reason = '{GIVEN_UP}'",  # noqa: S608 - our words
    f"UPDATE entries SET cause = 'restored' WHERE reason = '{RESTORED}'",  # noqa: S608 - our words
    """UPDATE entries SET cause = 'gone' WHERE state = 'skipped' AND NOT needless AND EXISTS
    (SELECT 1 FROM entries AS left_alone
     WHERE left_alone.id = entries.reverses AND left_alone.undone_by = entries.batch_id)""",
    """UPDATE entries SET undone_by = NULL FROM entries AS reversal
    WHERE reversal.reverses = entries.id AND reversal.cause = 'gone'
    AND entries.undone_by = reversal.batch_id""",
)


# What had arrived though its reply was lost, and texts that are set aside, were told by the
# reason's words. What is set aside can be in part on the platform, which is its cause.
_ELEVENTH = (
    "ALTER TABLE entries ADD COLUMN set_aside INTEGER NOT NULL DEFAULT 0",
    f"UPDATE entries SET set_aside = 1 WHERE state = 'refused' AND reason = '{SET_ASIDE}'",  # noqa: S608 - our words
    f"""UPDATE entries SET cause = 'found'
    WHERE state = 'applied' AND cause IS NULL AND reason = '{FOUND}'""",  # noqa: S608 - our words
)


# From here on there are actions that older programs can't read: assets are attached and detached.
_TWELFTH = ()


_LATER: tuple[tuple[str, ...], ...] = (
    *(_THIRD, _FOURTH, _FIFTH, _SIXTH, _SEVENTH, _EIGHTH, _NINTH),
    _TENTH,
    _ELEVENTH,
    _TWELFTH,
)


class NewerJournalError(Exception):
    """A newer coexplorer wrote this journal."""


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the file to `VERSION`, in one transaction.

    Raises:
        NewerJournalError: The file is of a later version.
        sqlite3.Error: It can't be read or written.
    """
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found == VERSION:
        return
    if found > VERSION:
        raise NewerJournalError
    connection.execute("BEGIN IMMEDIATE")
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found < 1:  # another process may have made them while this one waited for the lock
        for statement in (_BATCHES, _ENTRIES, *_INDEXES):
            connection.execute(statement)
    if found < 2:  # noqa: PLR2004 - the version
        connection.create_function("was_final", 1, was_final, deterministic=True)
        for statement in _SECOND:
            connection.execute(statement)
    for version, statements in enumerate(_LATER, start=3):
        if found < version:
            for statement in statements:
                connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    connection.execute("COMMIT")
