"""Sweeps: generations, the last one's outcome, and who is sweeping now.

Each function runs inside the caller's transaction.
"""

from __future__ import annotations

import sqlite3

import msgspec

from coexplorer.catalog.executor import read_change
from coexplorer.catalog.writing import set_change
from coexplorer.models import AssetId, Dialect

STALE_AFTER_S = 30.0
"""A sweeper that gave no sign of life for so long is taken to be dead."""


class SyncState(msgspec.Struct, frozen=True):
    """How fresh and how whole the catalog is.

    Attributes:
        synced_at: Epoch seconds of the end of the last complete sweep; None: there was none.
        refreshed_at: Epoch seconds of the last look at the newest pages, or sweep; None: none.
        complete: Whether the last sweep that ended saw everything.
        total: Assets that the last sweep saw; None when there was none.
        duration_s: How long it took.
        dialect: How the platform was spoken to; None: not known.
        generation: The newest sweep's number; 0: none has begun.
        assets: Assets in the catalog now, archived ones too.
        sweeper: Who is sweeping, as given to `acquire`; empty: nobody.
        beat_at: Epoch seconds of the sweeper's last sign of life.
    """

    synced_at: float | None = None
    refreshed_at: float | None = None
    complete: bool = False
    total: int | None = None
    duration_s: float | None = None
    dialect: Dialect | None = None
    generation: int = 0
    assets: int = 0
    sweeper: str = ""
    beat_at: float = 0.0

    def is_swept_by_other(self, owner: str, *, now: float) -> bool:
        """Tell whether somebody else sweeps, and has given a sign of life lately."""
        return self.sweeper not in {"", owner} and abs(now - self.beat_at) < STALE_AFTER_S


def load_state(connection: sqlite3.Connection) -> SyncState:
    """Return what is known of syncing."""
    row = connection.execute(
        "SELECT synced_at, refreshed_at, complete, total, duration_s, dialect,"
        " (SELECT value FROM counter WHERE name = 'generation'),"
        " (SELECT coalesce(sum(assets), 0) FROM tally),"
        " coalesce((SELECT owner FROM sweeper), ''), coalesce((SELECT beat_at FROM sweeper), 0)"
        " FROM sync"
    ).fetchone()
    synced_at, refreshed_at, complete, total, duration_s, dialect, *rest = row
    known = Dialect(dialect) if dialect in set(Dialect) else None
    return SyncState(synced_at, refreshed_at, complete == 1, total, duration_s, known, *rest)


def begin(connection: sqlite3.Connection) -> int:
    """Begin a sweep; returns its generation."""
    connection.execute("UPDATE counter SET value = value + 1 WHERE name = 'generation'")
    row = connection.execute("SELECT value FROM counter WHERE name = 'generation'").fetchone()
    return int(row[0])


def find_unseen(connection: sqlite3.Connection, generation: int) -> list[AssetId]:
    """Return the assets that neither this sweep nor a later one saw."""
    rows = connection.execute(
        "SELECT id FROM seen JOIN asset USING (n) WHERE generation < ? ORDER BY id", (generation,)
    )
    return [AssetId(asset_id) for (asset_id,) in rows]


def finish(
    connection: sqlite3.Connection,
    *,
    complete: bool,
    total: int,
    now: float,
    duration_s: float,
    dialect: Dialect | None,
) -> None:
    """Note how a sweep ended."""
    connection.execute(
        "UPDATE sync SET synced_at = iif(?1, ?2, synced_at), refreshed_at = ?2, complete = ?1,"
        " total = ?3, duration_s = ?4, dialect = coalesce(?5, dialect)",
        (int(complete), now, total, duration_s, dialect),
    )
    set_change(connection, read_change(connection) + 1)


def note_refresh(connection: sqlite3.Connection, now: float) -> None:
    """Note that the newest pages were looked at."""
    connection.execute("UPDATE sync SET refreshed_at = ?", (now,))


def acquire(
    connection: sqlite3.Connection, owner: str, *, now: float, stale_after_s: float
) -> bool:
    """Become the one sweeping process; False while another one is alive.

    A sign from the future (the clock was set back) counts as stale too.
    """
    connection.execute(
        "DELETE FROM sweeper WHERE owner = ?1 OR beat_at <= ?2 - ?3 OR beat_at > ?2 + ?3",
        (owner, now, stale_after_s),
    )
    cursor = connection.execute("INSERT OR IGNORE INTO sweeper VALUES (1, ?, ?)", (owner, now))
    return cursor.rowcount == 1


def beat(connection: sqlite3.Connection, owner: str, *, now: float) -> bool:
    """Send a heartbeat; False when somebody else has taken over and must not be disturbed."""
    cursor = connection.execute("UPDATE sweeper SET beat_at = ? WHERE owner = ?", (now, owner))
    return cursor.rowcount == 1


def release(connection: sqlite3.Connection, owner: str) -> None:
    """Give the lock back, if it is still ours."""
    connection.execute("DELETE FROM sweeper WHERE owner = ?", (owner,))
