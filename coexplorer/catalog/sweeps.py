"""Sweeps: generations, the last one's outcome, and who is sweeping now.

Each function runs inside the caller's transaction.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final, Literal

import msgspec

from coexplorer.catalog.number_sets import read_change
from coexplorer.catalog.writing import set_change
from coexplorer.models import AssetId, Dialect

STALE_AFTER_S = 30.0
"""A sweeper that gave no sign of life for so long is taken to be dead."""


Listed = Literal["newest", "favorite", "mine", "shared"]
"""What is read besides all assets, each in a list of its own."""

_LISTED: Final[tuple[Listed, ...]] = ("newest", "favorite", "mine", "shared")
_CUT, _UNTOLD = 1, 2


class Gaps(msgspec.Struct, frozen=True):
    """What the platform did not show when it was read last.

    Attributes:
        left_out: Rows that name no asset: it has more than it told.
        cut: Lists of which it showed only a part: what is not in them may be in them anyway.
        untold: Lists that it does not have.
    """

    left_out: int = 0
    cut: tuple[Listed, ...] = ()
    untold: tuple[Listed, ...] = ()

    @property
    def is_partial(self) -> bool:
        """Whether what is known is only a part of what should be."""
        return self.left_out > 0 or bool(self.cut)


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
        gaps: What the platform did not show.
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
    gaps: Gaps = Gaps()

    @property
    def has_swept(self) -> bool:
        """Whether a sweep has ended, complete or not."""
        return self.total is not None

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
    generation, assets, sweeper, beat_at = rest
    return SyncState(
        synced_at,
        refreshed_at,
        complete == 1,
        total,
        duration_s,
        known,
        generation,
        assets,
        sweeper,
        beat_at,
        _load_gaps(connection),
    )


def _load_gaps(connection: sqlite3.Connection) -> Gaps:
    found = dict(connection.execute("SELECT name, value FROM counter WHERE name LIKE 'gap %'"))
    return Gaps(
        int(found.get("gap rows", 0)),
        tuple(each for each in _LISTED if found.get(f"gap {each}") == _CUT),
        tuple(each for each in _LISTED if found.get(f"gap {each}") == _UNTOLD),
    )


def note_gaps(connection: sqlite3.Connection, gaps: Gaps) -> None:
    """Write down what the platform did not show."""
    values = dict.fromkeys(gaps.cut, _CUT) | dict.fromkeys(gaps.untold, _UNTOLD)
    connection.execute("DELETE FROM counter WHERE name LIKE 'gap %'")
    connection.executemany(
        "INSERT INTO counter VALUES ('gap ' || ?, ?)", [("rows", gaps.left_out), *values.items()]
    )


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
    gaps: Gaps,
) -> None:
    """Note how a sweep ended."""
    note_gaps(connection, gaps)
    connection.execute(
        "UPDATE sync SET synced_at = iif(?1, ?2, synced_at), refreshed_at = ?2, complete = ?1,"
        " total = ?3, duration_s = ?4, dialect = coalesce(?5, dialect)",
        (int(complete), now, total, duration_s, dialect),
    )
    set_change(connection, read_change(connection) + 1)


def note_refresh(
    connection: sqlite3.Connection, now: float, *, cut: bool = False, left_out: int = 0
) -> None:
    """Note that the newest pages were looked at.

    Args:
        connection: The catalog's.
        now: Epoch seconds.
        cut: The platform had more of them than it showed.
        left_out: Rows in them that name no asset.
    """
    gaps = _load_gaps(connection)
    others = tuple(each for each in gaps.cut if each != "newest")
    changed = msgspec.structs.replace(
        gaps,
        left_out=max(gaps.left_out, left_out),
        cut=("newest", *others) if cut else others,
    )
    if changed != gaps:
        note_gaps(connection, changed)
    connection.execute("UPDATE sync SET refreshed_at = ?", (now,))


def has_untold(connection: sqlite3.Connection, flag: str, ids: Iterable[AssetId]) -> bool:
    """Tell whether no search has said yet whether some of these assets have a flag."""
    if flag not in _LISTED:
        raise ValueError(flag)
    wanted = msgspec.json.encode(list(ids)).decode()
    row = connection.execute(
        f"SELECT 1 FROM asset WHERE {flag} IS NULL AND id IN (SELECT value FROM json_each(?))"
        " LIMIT 1",
        (wanted,),
    ).fetchone()
    return row is not None


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
