"""The embedded server's own database: assets, who may read them, and whose favorites they are.

Safe from several threads (one connection behind a lock); tests reach in to change an asset "as a
colleague" while the server runs.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from threading import RLock

import msgspec

from coexplorer.demo.asset import Bucket, MetadataValue, Role, StoredAsset
from coexplorer.demo.capsule_store import CapsuleStore

EVERYONE, FINDERS = "*", "?"
"""Stand for all users: who may read an asset, and who may find it and see its object alone.

Either in front of a group's name stands for the members of the group.
"""

SCHEMA = """
CREATE TABLE IF NOT EXISTS asset (
    seq INTEGER PRIMARY KEY,       -- order of arrival; breaks the ties of every sort
    id TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,           -- email
    created INTEGER NOT NULL,      -- epoch seconds
    type TEXT NOT NULL,
    size INTEGER NOT NULL,         -- bytes; 0 when unknown
    archived INTEGER NOT NULL,     -- 0 or 1
    external INTEGER NOT NULL,     -- 0 or 1
    creating INTEGER NOT NULL,     -- 1 from the create until its outcome
    name_key TEXT NOT NULL,        -- case-folded name
    tags_key TEXT NOT NULL,        -- case-folded tags, each between two U+001F
    description_key TEXT NOT NULL, -- case-folded description
    custom_key TEXT NOT NULL,      -- case-folded values of the custom metadata, each on a line
    run_script_key TEXT NOT NULL,
    commit_key TEXT NOT NULL,
    contained_key TEXT NOT NULL,   -- ids in a combined asset, each between two U+001F
    custom TEXT NOT NULL,          -- custom metadata as JSON, for filters
    record BLOB NOT NULL           -- the whole StoredAsset as JSON
);
CREATE INDEX IF NOT EXISTS asset_created ON asset (created, seq);
CREATE INDEX IF NOT EXISTS asset_type ON asset (type, seq);
CREATE INDEX IF NOT EXISTS asset_name ON asset (name_key, seq);
CREATE INDEX IF NOT EXISTS asset_size ON asset (size, seq);
CREATE INDEX IF NOT EXISTS asset_creating ON asset (seq) WHERE creating;
CREATE TABLE IF NOT EXISTS reader (  -- who may read an asset, beside its owner
    email TEXT NOT NULL,             -- who it is, or EVERYONE or FINDERS, of a group or at all
    seq INTEGER NOT NULL REFERENCES asset (seq) ON DELETE CASCADE,
    PRIMARY KEY (seq, email)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sharing (  -- what a search for shared assets says, where it is known
    email TEXT NOT NULL,
    seq INTEGER NOT NULL REFERENCES asset (seq) ON DELETE CASCADE,
    shared INTEGER NOT NULL,         -- 0 or 1
    PRIMARY KEY (seq, email)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS favorite (
    email TEXT NOT NULL,
    seq INTEGER NOT NULL REFERENCES asset (seq) ON DELETE CASCADE,
    PRIMARY KEY (seq, email)
) WITHOUT ROWID;
"""

SEPARATOR = "\x1f"
"""Stands around each of several values in one searchable column."""

_COLUMNS = (
    *("id", "owner", "created", "type", "size", "archived", "external", "creating"),
    *("name_key", "tags_key", "description_key", "custom_key", "run_script_key", "commit_key"),
    *("contained_key", "custom", "record"),
)
_INSERT = (
    f"INSERT INTO asset (seq, {', '.join(_COLUMNS)})"  # noqa: S608 - names from this file only
    f" VALUES (?, {', '.join('?' * len(_COLUMNS))})"
)
_UPDATE = (
    f"UPDATE asset SET {', '.join(f'{name} = ?' for name in _COLUMNS)}"  # noqa: S608 - likewise
    " WHERE seq = ?"
)
_BATCH = 5_000

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(StoredAsset)


class Place(msgspec.Struct, frozen=True):
    """Where the files of an external asset are, and what is needed to make them up."""

    id: str
    created: int
    source: Bucket
    state: str = "ready"
    files: int | None = None
    folder: str | None = None


_place_decoder = msgspec.json.Decoder(Place)
_PLACES = frozenset(("source", "state", "files", "folder"))
"""Attributes that say where an external asset's files are."""


class Store:
    """Assets in a SQLite file.

    Args:
        path: The database; made with mode 0600 when it is not there.

    Attributes:
        workshop: The capsules, pipelines and computations.
        external_version: Another number whenever `external_places` may return something else.
    """

    workshop: CapsuleStore
    external_version: int = 0

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600)
        self._lock = RLock()
        self._db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        try:
            self._prepare(path)
        except BaseException:
            self._db.close()
            raise

    def _prepare(self, path: Path) -> None:
        # A power cut may cost the last writes of a stand-in; a killed process costs nothing. First,
        # as the next one waits for the disk otherwise.
        self._db.execute("PRAGMA synchronous = OFF")
        self._db.execute("PRAGMA journal_mode = WAL")
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.execute("PRAGMA cache_size = -65536")
        self._db.executescript(SCHEMA)
        self.workshop = CapsuleStore(self._db, self._lock)
        for suffix in ("-wal", "-shm"):
            side_file = path.with_name(path.name + suffix)
            if side_file.exists():
                os.chmod(side_file, 0o600)  # noqa: PTH101 - SQLite copies the mode; to be sure

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._db.close()

    def count(self) -> int:
        """Return the number of assets, whoever may see them."""
        with self._lock:
            row: tuple[int] = self._db.execute("SELECT count(*) FROM asset").fetchone()
            return row[0]

    def find(self, asset_id: str) -> StoredAsset | None:
        """Return an asset whoever may see it, or None."""
        with self._lock:
            row = self._db.execute("SELECT record FROM asset WHERE id = ?", (asset_id,)).fetchone()
        return None if row is None else _decoder.decode(row[0])

    def get(self, asset_id: str) -> StoredAsset:
        """Return an asset whoever may see it.

        Raises:
            KeyError: There is none with this id.
        """
        asset = self.find(asset_id)
        if asset is None:
            raise KeyError(asset_id)
        return asset

    def assets(self) -> list[StoredAsset]:
        """Return all assets in order of arrival."""
        with self._lock:
            rows = self._db.execute("SELECT record FROM asset ORDER BY seq").fetchall()
        return [_decoder.decode(record) for (record,) in rows]

    def external_places(self) -> list[Place]:
        """Return where S3 has the made-up files of external assets, in order of arrival."""
        sql = "SELECT record FROM asset WHERE external ORDER BY seq"
        with self._lock:
            rows = self._db.execute(sql).fetchall()
        places = (_place_decoder.decode(record) for (record,) in rows)
        return [
            place
            for place in places
            if place.state == "ready"
            and place.files != 0
            and place.folder is None
            and place.source.origin == "aws"
        ]

    def unfinished(self) -> list[StoredAsset]:
        """Return the assets whose creation was begun and has no outcome."""
        sql = "SELECT record FROM asset WHERE creating ORDER BY seq"
        with self._lock:
            rows = self._db.execute(sql).fetchall()
        return [_decoder.decode(record) for (record,) in rows]

    def insert(self, assets: Iterable[StoredAsset]) -> int:
        """Add all assets or none, and return their number.

        Raises:
            sqlite3.IntegrityError: An id is there already.
        """
        stream = iter(assets)
        added = 0
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:
                while batch := list(islice(stream, _BATCH)):
                    self._insert_batch(batch)
                    added += len(batch)
            self.external_version += 1
        return added

    def update(self, asset_id: str, **changes: object) -> StoredAsset:
        """Change attributes of an asset and return it as it is now.

        Raises:
            KeyError: There is no asset with this id.
        """
        with self._lock:
            before = self.get(asset_id)
            if before.wire:
                changes["edited"] = before.edited | changes.keys()
            asset = msgspec.structs.replace(before, **changes)
            (seq,) = self._db.execute("SELECT seq FROM asset WHERE id = ?", (asset_id,)).fetchone()
            self._db.execute("BEGIN IMMEDIATE")
            with self._db:
                self._db.execute(_UPDATE, (*_row(asset), seq))
                for table in ("reader", "favorite", "sharing"):
                    self._db.execute(f"DELETE FROM {table} WHERE seq = ?", (seq,))  # noqa: S608
                self._insert_people([(seq, asset)])
            if changes.keys() & _PLACES:
                self.external_version += 1
            return asset

    def delete(self, asset_id: str) -> None:
        """Remove an asset; nothing happens when it is not there."""
        with self._lock:
            self._db.execute("DELETE FROM asset WHERE id = ?", (asset_id,))
            self.external_version += 1

    def has_metadata_field(self, name: str) -> bool:
        """Tell whether any asset has a field of this name in its custom metadata."""
        sql = (
            "SELECT EXISTS (SELECT 1 FROM asset, json_each(asset.custom) AS field"
            " WHERE field.key = ?)"
        )
        with self._lock:
            (found,) = self._db.execute(sql, (name,)).fetchone()
        return bool(found)

    def clear(self) -> None:
        """Remove all assets."""
        with self._lock:
            self._db.execute("DELETE FROM asset")
            self.external_version += 1

    def select(
        self, where: Sequence[str], order: str, values: Mapping[str, object]
    ) -> list[tuple[int, StoredAsset]]:
        """Return ``(seq, asset)`` of the rows that a search asks for (`search`).

        Args:
            where: Conditions, all of which must hold; parts of SQL made by this package alone.
            order: What follows ``WHERE``: ``ORDER BY``, ``LIMIT`` and so on; likewise.
            values: What the named parameters in both stand for.
        """
        condition = " AND ".join(where) or "TRUE"
        sql = f"SELECT seq, record FROM asset WHERE {condition} {order}"  # noqa: S608 - see Args
        with self._lock:
            rows = self._db.execute(sql, dict(values)).fetchall()
        return [(seq, _decoder.decode(record)) for seq, record in rows]

    def _insert_batch(self, batch: Sequence[StoredAsset]) -> None:
        (last,) = self._db.execute("SELECT coalesce(max(seq), 0) FROM asset").fetchone()
        numbered = list(enumerate(batch, start=last + 1))
        self._db.executemany(_INSERT, ((seq, *_row(asset)) for seq, asset in numbered))
        self._insert_people(numbered)

    def _insert_people(self, numbered: Iterable[tuple[int, StoredAsset]]) -> None:
        numbered = list(numbered)
        self._db.executemany(
            "INSERT INTO reader (email, seq) VALUES (?, ?)",
            ((email, seq) for seq, asset in numbered for email in _readers(asset)),
        )
        self._db.executemany(
            "INSERT INTO favorite (email, seq) VALUES (?, ?)",
            ((email, seq) for seq, asset in numbered for email in asset.favorite_of),
        )
        self._db.executemany(
            "INSERT INTO sharing (email, seq, shared) VALUES (?, ?, ?)",
            (
                (email, seq, shared)
                for seq, asset in numbered
                for email, shared in asset.shared_to.items()
            ),
        )


def _readers(asset: StoredAsset) -> Iterator[str]:
    yield from asset.roles
    for group, role in asset.groups.items():
        yield (FINDERS if role is Role.DISCOVERABLE else EVERYONE) + group
    if asset.everyone == "viewer":
        yield EVERYONE
    elif asset.everyone == "discoverable":
        yield FINDERS


def _row(asset: StoredAsset) -> tuple[object, ...]:
    provenance = asset.provenance
    return (
        asset.id,
        asset.owner,
        asset.created,
        asset.type,
        asset.size or 0,
        asset.archived,
        asset.external,
        asset.creating,
        asset.name.casefold(),
        _joined(asset.tags),
        asset.description.casefold(),
        "\n".join(_list_texts(asset.custom_metadata.values())).casefold(),
        provenance.run_script.casefold() if provenance else "",
        provenance.commit.casefold() if provenance else "",
        _joined(part.id for part in asset.contained),
        _encoder.encode(asset.custom_metadata).decode(),
        _encoder.encode(asset),
    )


def _list_texts(values: Iterable[MetadataValue]) -> Iterator[str]:
    """Yield each value as text, and each one of a list."""
    for value in values:
        if isinstance(value, list):
            yield from _list_texts(value)
        else:
            yield f"{value:.0f}" if isinstance(value, float) and value.is_integer() else str(value)


def _joined(values: Iterable[str]) -> str:
    folded = [value.casefold() for value in values]
    return SEPARATOR + SEPARATOR.join(folded) + SEPARATOR if folded else ""
