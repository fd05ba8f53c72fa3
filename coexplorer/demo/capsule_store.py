"""Capsules, pipelines and computations in the embedded server's database, beside the assets."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from threading import RLock

import msgspec

from coexplorer.demo.capsule import StoredCapsule, StoredComputation

SCHEMA = """
CREATE TABLE IF NOT EXISTS capsule (
    seq INTEGER PRIMARY KEY,    -- order of arrival
    id TEXT NOT NULL UNIQUE,
    record BLOB NOT NULL        -- the whole StoredCapsule as JSON
);
CREATE TABLE IF NOT EXISTS computation (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    capsule TEXT NOT NULL,      -- id of the capsule or pipeline
    created INTEGER NOT NULL,   -- epoch seconds
    running INTEGER NOT NULL,   -- 1 for what a request has started, until its end
    record BLOB NOT NULL        -- the whole StoredComputation as JSON
);
CREATE INDEX IF NOT EXISTS computation_capsule ON computation (capsule, created);
CREATE INDEX IF NOT EXISTS computation_running ON computation (seq) WHERE running;
"""

_encoder = msgspec.json.Encoder()
_capsules = msgspec.json.Decoder(StoredCapsule)
_computations = msgspec.json.Decoder(StoredComputation)


class CapsuleStore:
    """Capsules, pipelines and computations.

    Args:
        db: The assets' own connection.
        lock: Guards it.
    """

    def __init__(self, db: sqlite3.Connection, lock: RLock) -> None:
        self._db = db
        self._lock = lock
        db.executescript(SCHEMA)

    def insert(
        self,
        capsules: Iterable[StoredCapsule] = (),
        computations: Iterable[StoredComputation] = (),
    ) -> None:
        """Add all or none; what is there already is replaced."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:
                self._db.executemany(
                    "INSERT OR REPLACE INTO capsule (id, record) VALUES (?, ?)",
                    ((each.id, _encoder.encode(each)) for each in capsules),
                )
                self._db.executemany(
                    "INSERT OR REPLACE INTO computation (id, capsule, created, running, record)"
                    " VALUES (?, ?, ?, ?, ?)",
                    ((each.id, *_row(each)) for each in computations),
                )

    def capsules(self) -> list[StoredCapsule]:
        """Return all capsules and pipelines in order of arrival, whoever may see them."""
        with self._lock:
            rows = self._db.execute("SELECT record FROM capsule ORDER BY seq").fetchall()
        return [_capsules.decode(record) for (record,) in rows]

    def find_capsule(self, capsule_id: str) -> StoredCapsule | None:
        """Return a capsule or pipeline whoever may see it, or None."""
        sql = "SELECT record FROM capsule WHERE id = ?"
        with self._lock:
            row = self._db.execute(sql, (capsule_id,)).fetchone()
        return None if row is None else _capsules.decode(row[0])

    def find_computation(self, computation_id: str) -> StoredComputation | None:
        """Return a computation whoever may see it, or None."""
        sql = "SELECT record FROM computation WHERE id = ?"
        with self._lock:
            row = self._db.execute(sql, (computation_id,)).fetchone()
        return None if row is None else _computations.decode(row[0])

    def computations(self, capsule_id: str) -> list[StoredComputation]:
        """Return the computations of a capsule or pipeline, the newest first."""
        sql = "SELECT record FROM computation WHERE capsule = ? ORDER BY created DESC, seq DESC"
        with self._lock:
            rows = self._db.execute(sql, (capsule_id,)).fetchall()
        return [_computations.decode(record) for (record,) in rows]

    def unfinished(self) -> list[StoredComputation]:
        """Return the runs that a request has started and that have no end."""
        sql = "SELECT record FROM computation WHERE running ORDER BY seq"
        with self._lock:
            rows = self._db.execute(sql).fetchall()
        return [_computations.decode(record) for (record,) in rows]

    def update_capsule(self, capsule_id: str, **changes: object) -> StoredCapsule:
        """Change attributes of a capsule or pipeline and return it as it is now.

        Raises:
            KeyError: There is none with this id.
        """
        with self._lock:
            before = self.find_capsule(capsule_id)
            if before is None:
                raise KeyError(capsule_id)
            capsule = msgspec.structs.replace(before, **changes)
            sql = "UPDATE capsule SET record = ? WHERE id = ?"
            self._db.execute(sql, (_encoder.encode(capsule), capsule_id))
            return capsule

    def update_computation(self, computation_id: str, **changes: object) -> StoredComputation:
        """Change attributes of a computation and return it as it is now.

        Raises:
            KeyError: There is none with this id.
        """
        with self._lock:
            before = self.find_computation(computation_id)
            if before is None:
                raise KeyError(computation_id)
            computation = msgspec.structs.replace(before, **changes)
            sql = (
                "UPDATE computation SET capsule = ?, created = ?, running = ?, record = ?"
                " WHERE id = ?"
            )
            self._db.execute(sql, (*_row(computation), computation_id))
            return computation

    def delete_capsule(self, capsule_id: str) -> None:
        """Remove a capsule or pipeline with its computations."""
        with self._lock:
            self._db.execute("DELETE FROM capsule WHERE id = ?", (capsule_id,))
            self._db.execute("DELETE FROM computation WHERE capsule = ?", (capsule_id,))

    def delete_computation(self, computation_id: str) -> None:
        """Remove a computation; nothing happens when it is not there."""
        with self._lock:
            self._db.execute("DELETE FROM computation WHERE id = ?", (computation_id,))


def _row(computation: StoredComputation) -> tuple[object, ...]:
    return (
        computation.capsule,
        computation.created,
        computation.running_here,
        _encoder.encode(computation),
    )
