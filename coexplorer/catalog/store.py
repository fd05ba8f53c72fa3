"""The catalog: each method is one transaction and may be called from any thread.

It is the face of this package, so it is long; what a method does is in the module that it calls.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import msgspec

from coexplorer.assets import asset_from_json, excerpt_from_json
from coexplorer.catalog import statistics, sweeps, writing
from coexplorer.catalog.connections import Connections
from coexplorer.catalog.executor import Sets
from coexplorer.catalog.number_sets import read_change
from coexplorer.catalog.packing import SAMPLE_NUMBER, fingerprint_of, unpack
from coexplorer.catalog.rows import ROW_COLUMNS, build_row
from coexplorer.catalog.sweeps import SyncState
from coexplorer.catalog.writing import Flag
from coexplorer.metadata.schema import decode_schema
from coexplorer.models import (
    AssetId,
    Dialect,
    Duplicates,
    Excerpt,
    Membership,
    Record,
    Relative,
    Row,
    Stats,
)
from coexplorer.query import Query, apply_types, asks_typed, fold

_RECORD = (
    "SELECT raw, archived, favorite, mine, shared, fetched_at"
    " FROM asset JOIN content USING (n) JOIN seen USING (n)"
)
_EXCERPT = "SELECT raw FROM content WHERE n = (SELECT n FROM asset WHERE id = ?)"
_SAMPLE = "SELECT raw FROM content WHERE n = ?"
BeginsSo = tuple[str, Row]
"""A text, and an asset whose id begins with it."""

_BEYOND = "\U0010ffff"


class Catalog:
    """What is known about the platform's assets, in one SQLite file.

    Safe from several threads and processes. Every method may raise `CatalogError` (damaged, locked,
    disk full); the program works on without the catalog then.

    Args:
        connections: To the prepared file; see `open`.
    """

    def __init__(self, connections: Connections) -> None:
        self._connections = connections
        self._sets = Sets()
        self._sample = (b"", fingerprint_of(b""))

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the catalog at `path`, private (0600); made, migrated or, when damaged, rebuilt.

        Raises:
            CatalogError: It can't be used: locked, unreadable, a full disk, made by a newer
                coexplorer, or another program's file.
        """
        return cls(Connections(path))

    @property
    def problem(self) -> str:
        """One line when the catalog had to be rebuilt; otherwise empty."""
        return self._connections.problem

    @property
    def path(self) -> Path:
        """The file."""
        return self._connections.path

    @property
    def why_frozen(self) -> str:
        """Why it can only be read; empty if it can be written."""
        return self._connections.why_frozen

    def copy_to(self, path: Path) -> None:
        """Write a copy to a new, private file."""
        self._connections.copy_to(path)

    def close(self) -> None:
        """Close all connections; the catalog can't be used afterwards."""
        self._connections.close()

    def follow_file(self) -> bool:
        """Go on with the file that is at the path now; True: it is a new one."""
        if not self._connections.follow_file():
            return False
        self._sets = Sets()
        return True

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    # --- Searching

    def count(self, query: Query, *, now: float) -> int:
        """Return how many assets `query` finds; `now` is what relative dates count back from."""
        query = self.read_types(query)
        with self._connections.reading() as connection:
            return self._sets.count(connection, query, now)

    def window(self, query: Query, *, offset: int, limit: int, now: float) -> list[Row]:
        """Return `limit` rows of what `query` finds, in its order, from row `offset` on."""
        query = self.read_types(query)
        with self._connections.reading() as connection:
            numbers = self._sets.window(connection, query, offset=offset, limit=limit, now=now)
            return _load_rows(connection, numbers)

    def prepare(self, query: Query, *, now: float) -> None:
        """Prepare what the first search in the order of `query` would have to wait for."""
        query = self.read_types(query)
        with self._connections.reading() as connection:
            self._sets.prepare(connection, query, now)

    def ids(self, query: Query, *, now: float) -> list[AssetId]:
        """Return the ids of all that `query` finds, in its order."""
        query = self.read_types(query)
        with self._connections.reading() as connection:
            numbers = self._sets.numbers(connection, query, now)
            rows = connection.execute(
                "SELECT asset.id FROM json_each(?) AS wanted CROSS JOIN asset ON n = wanted.value"
                " ORDER BY wanted.key",
                (_json(numbers),),
            )
            return [AssetId(asset_id) for (asset_id,) in rows]

    def position(self, asset_id: AssetId, query: Query, *, now: float) -> int | None:
        """Return the index of an asset in what `query` finds; None when it is not in there."""
        query = self.read_types(query)
        with self._connections.reading() as connection:
            row = connection.execute("SELECT n FROM asset WHERE id = ?", (asset_id,)).fetchone()
            return self._sets.position(connection, query, row[0], now) if row else None

    def read_types(self, query: Query) -> Query:
        """Return what a query means, given the schema of custom metadata as far as it is known."""
        if not asks_typed(query) or (noted := self.metadata_schema()) is None:
            return query
        schema = _decode_schema(noted[0])
        return query if schema is None else apply_types(query, schema.fields)

    # --- Single assets

    def get(self, asset_id: AssetId) -> Record | None:
        """Return what is known of an asset; None when it is not known."""
        with self._connections.told():
            row = self._connections.fetch_one(f"{_RECORD} WHERE asset.id = ?", (asset_id,))
            return None if row is None else self._build_record(row)

    def excerpt(self, asset_id: AssetId) -> Excerpt | None:
        """Return what an asset's files are made from, as cheaply as possible.

        The row itself is not read: that saves a disk access if nothing is in memory.
        """
        with self._connections.told():
            row = self._connections.fetch_one(_EXCERPT, (asset_id,))
            return None if row is None else excerpt_from_json(self._unpack(row[0]))

    def records(self, target: Query | Sequence[AssetId], *, now: float = 0.0) -> list[Record]:
        """Return the records of what a query finds, or of ids (unknown ones are left out)."""
        target = self.read_types(target) if isinstance(target, Query) else target
        with self._connections.reading() as connection:
            if isinstance(target, Query):
                wanted, key = _json(self._sets.numbers(connection, target, now)), "asset.n"
            else:
                wanted, key = _json(target), "asset.id"
            rows = connection.execute(
                f"{_RECORD} JOIN json_each(?) AS wanted ON {key} = wanted.value"
                " ORDER BY wanted.key",
                (wanted,),
            )
            return [self._build_record(row) for row in rows]

    def _build_record(self, columns: Sequence[Any]) -> Record:
        kept, archived, favorite, mine, shared, fetched_at = columns
        flags = [None if flag is None else flag == 1 for flag in (archived, favorite, mine, shared)]
        return Record(asset_from_json(self._unpack(kept)), Membership(*flags), fetched_at)

    def _unpack(self, kept: bytes) -> bytes:
        """Return an object as it came, by the sample that was used last, or the one that is there.

        Another process may have made it, or another file.
        """
        try:
            return unpack(kept, *self._sample)
        except ValueError:
            row = self._connections.fetch_one(_SAMPLE, (SAMPLE_NUMBER,))
            sample = row[0] if row else b""
            self._sample = (sample, fingerprint_of(sample))
            return unpack(kept, *self._sample)

    def rows(self, ids: Sequence[AssetId]) -> list[Row]:
        """Return light rows of some assets, in the order of `ids`; unknown ones are left out."""
        with self._connections.reading() as connection:
            rows = connection.execute(
                f"SELECT {ROW_COLUMNS} FROM json_each(?) AS wanted CROSS JOIN asset AS a"
                " ON a.id = wanted.value ORDER BY wanted.key",
                (_json(ids),),
            )
            return [build_row(row) for row in rows]

    def iter_rows(self) -> list[Row]:
        """Return a light row of every asset, archived ones too, in the order of their numbers."""
        with self._connections.reading() as connection:
            rows = connection.execute(f"SELECT {ROW_COLUMNS} FROM asset AS a ORDER BY a.n")
            return [build_row(row) for row in rows]

    def find_named(self, names: Sequence[str]) -> list[Row]:
        """Return the assets that have one of these names, as far as case and encoding go.

        Callers compare the names again, because ``run`` finds ``Run``.
        """
        with self._connections.reading() as connection:
            rows = connection.execute(
                f"SELECT {ROW_COLUMNS} FROM json_each(?) AS wanted CROSS JOIN asset AS a"
                " ON a.name_folded = wanted.value ORDER BY a.created, a.id",
                (_json(dict.fromkeys(map(fold, names))),),
            )
            return [build_row(row) for row in rows]

    def find_beginnings(self, beginnings: Sequence[str], *, limit: int = 20) -> list[BeginsSo]:
        """Return the assets whose id begins with one of these texts, a few of each, oldest first.

        Returns:
            Pairs of the beginning and the asset.
        """
        with self._connections.reading() as connection:
            found = connection.execute(
                f"SELECT wanted.value, {ROW_COLUMNS} FROM json_each(?) AS wanted CROSS JOIN asset"
                " AS a ON a.n IN (SELECT n FROM asset WHERE id >= wanted.value"
                " AND id < wanted.value || ? ORDER BY created, id LIMIT ?)",
                (_json(dict.fromkeys(beginnings)), _BEYOND, limit),
            )
            return [(beginning, build_row(row)) for beginning, *row in found]

    def find_by_prefix(self, prefix: str, *, limit: int = 20) -> list[Row]:
        """Return assets whose id or name begins with `prefix`, ignoring case; oldest first."""
        start = fold(prefix)
        test = "(a.id >= ? AND a.id < ?) OR (a.name_folded >= ? AND a.name_folded < ?)"
        return self._find(test, (start, start + _BEYOND) * 2, limit=limit)

    def find_containing(self, text: str, *, limit: int) -> list[Row]:
        """Return assets with `text` in their name, ignoring case; oldest first."""
        return self._find("instr(a.name_folded, ?)", (fold(text),), limit=limit)

    def _find(self, test: str, parameters: tuple[object, ...], *, limit: int = -1) -> list[Row]:
        with self._connections.reading() as connection:
            rows = connection.execute(
                f"SELECT {ROW_COLUMNS} FROM asset AS a WHERE {test}"
                " ORDER BY a.created, a.id LIMIT ?",
                (*parameters, limit),
            )
            return [build_row(row) for row in rows]

    # --- Figures

    def tag_counts(
        self, query: Query | None = None, *, any_case: bool = False, now: float = 0.0
    ) -> list[tuple[str, int]]:
        """Return every tag of what `query` finds (None: of all assets), most used first."""
        query = query and self.read_types(query)
        with self._connections.reading() as connection:
            numbers = None if query is None else self._sets.numbers(connection, query, now)
            return statistics.count_tags(connection, numbers, any_case=any_case)

    def field_values(self, field: str, *, limit: int = 1000) -> list[str]:
        """Return known values of a query field or a metadata key, for completion."""
        with self._connections.reading() as connection:
            return statistics.list_values(connection, field, limit)

    def stats(self, query: Query | None = None, *, now: float, largest: int = 10) -> Stats:
        """Return counts and bytes of what `query` finds (None: of all assets)."""
        query = query and self.read_types(query)
        with self._connections.reading() as connection:
            numbers = None if query is None else self._sets.numbers(connection, query, now)
            return statistics.build_stats(connection, numbers, now=now, largest=largest)

    def duplicates(self) -> list[Duplicates]:
        """Return groups of assets that look alike: same name, S3 location, or inputs."""
        with self._connections.reading() as connection:
            return statistics.list_duplicates(connection)

    def parents(self, asset_id: AssetId) -> list[Relative]:
        """Return what an asset was made from, and what it contains."""
        with self._connections.reading() as connection:
            return statistics.list_parents(connection, asset_id)

    def children(self, asset_id: AssetId) -> list[Relative]:
        """Return what was made from an asset, and what contains it."""
        with self._connections.reading() as connection:
            return statistics.list_children(connection, asset_id)

    # --- Changes

    def data_version(self) -> int:
        """Return the number of the newest change; any process's change makes it larger."""
        with self._connections.reading() as connection:
            return read_change(connection)

    def changed_since(self, change: int) -> tuple[int, list[AssetId]]:
        """Return the newest change's number and the assets changed after `change`, gone ones too.

        An asset that is gone is one that `get` no longer knows. After a rebuild the numbers start
        again: when the newest is smaller than `change`, everything may have changed.
        """
        with self._connections.reading() as connection:
            rows = connection.execute(
                "SELECT id FROM asset WHERE change > ?1"
                " UNION ALL SELECT id FROM removed WHERE change > ?1",
                (change,),
            )
            return read_change(connection), [AssetId(asset_id) for (asset_id,) in rows]

    # --- Writing

    def upsert(self, records: Sequence[Record], *, generation: int | None = None) -> int:
        """Write records as one transaction; pages of about 1,000 hold others up for little.

        What a record's membership does not know (None) stays as it was. A record that is older than
        the row by less than an hour was overtaken, and changes nothing.

        Args:
            records: With their `raw` JSON, from which assets are read back.
            generation: The sweep that saw them.

        Returns:
            How many rows are new or different.
        """
        with self._connections.writing() as connection:
            return writing.upsert(connection, records, generation=generation)

    def set_membership(
        self, ids: Iterable[AssetId], membership: Membership, *, known_at: float | None = None
    ) -> int:
        """Set the flags that `membership` knows on these assets; returns how many changed.

        Args:
            ids: The assets; unknown ones are left out.
            membership: The flags.
            known_at: Epoch seconds when the platform was made so, if it was: a page of a sweep that
                was asked for earlier, and comes later, does not turn it back.
        """
        with self._connections.writing() as connection:
            return writing.set_membership(connection, ids, membership, known_at=known_at)

    def set_members(self, flag: Flag, ids: Iterable[AssetId]) -> int:
        """Set a flag on exactly these assets and take it off all others, after a complete walk."""
        with self._connections.writing() as connection:
            return writing.set_members(connection, flag, ids)

    def remove(self, ids: Iterable[AssetId]) -> int:
        """Forget assets; returns how many were known."""
        with self._connections.writing() as connection:
            return writing.remove(connection, ids)

    # --- Sweeps

    def sync_state(self) -> SyncState:
        """Return how fresh and how whole the catalog is."""
        with self._connections.reading() as connection:
            return sweeps.load_state(connection)

    def begin_sweep(self) -> int:
        """Begin a sweep; returns the generation that its pages are written with."""
        with self._connections.writing() as connection:
            return sweeps.begin(connection)

    def unseen(self, generation: int) -> list[AssetId]:
        """Return the assets that this sweep has not seen."""
        with self._connections.reading() as connection:
            return sweeps.find_unseen(connection, generation)

    def finish_sweep(
        self,
        *,
        complete: bool,
        total: int,
        now: float,
        duration_s: float = 0.0,
        dialect: Dialect | None = None,
        gaps: sweeps.Gaps = sweeps.Gaps(),  # noqa: B008 # frozen
    ) -> None:
        """Note how a sweep ended; an incomplete one leaves `synced_at` as it was."""
        with self._connections.writing() as connection:
            sweeps.finish(
                connection,
                complete=complete,
                total=total,
                now=now,
                duration_s=duration_s,
                dialect=dialect,
                gaps=gaps,
            )

    def metadata_schema(self) -> tuple[str, float] | None:
        """Return the schema of custom metadata as it was noted, and when; None: it never was."""
        with self._connections.reading() as connection:
            row = connection.execute("SELECT schema, read_at FROM metadata_schema").fetchone()
        return row and (row[0], row[1])

    def note_metadata_schema(self, schema: str, now: float) -> None:
        """Keep the schema of custom metadata, as JSON."""
        with self._connections.writing() as connection:
            connection.execute(
                "INSERT OR REPLACE INTO metadata_schema VALUES (1, ?, ?)", (schema, now)
            )

    def note_refresh(self, now: float, *, cut: bool = False, left_out: int = 0) -> None:
        """Note that the newest pages were looked at; see `sweeps.note_refresh`."""
        with self._connections.writing() as connection:
            sweeps.note_refresh(connection, now, cut=cut, left_out=left_out)

    def note_gaps(self, gaps: sweeps.Gaps) -> None:
        """Write down what the platform did not show."""
        with self._connections.writing() as connection:
            sweeps.note_gaps(connection, gaps)

    def has_untold(self, flag: Flag, ids: Sequence[AssetId]) -> bool:
        """Tell whether no search has said yet whether some of these assets have a flag."""
        with self._connections.reading() as connection:
            return sweeps.has_untold(connection, flag, ids)

    def acquire_sweep(self, owner: str, *, now: float, stale_after_s: float) -> bool:
        """Become the one sweeping process; False while another one is alive."""
        with self._connections.writing() as connection:
            return sweeps.acquire(connection, owner, now=now, stale_after_s=stale_after_s)

    def heartbeat(self, owner: str, *, now: float) -> bool:
        """Send a heartbeat; False when another process has taken over: stop sweeping."""
        with self._connections.writing() as connection:
            return sweeps.beat(connection, owner, now=now)

    def release_sweep(self, owner: str) -> None:
        """Give the sweep lock back."""
        with self._connections.writing() as connection:
            sweeps.release(connection, owner)


_decode_schema = lru_cache(maxsize=2)(decode_schema)


def _json(values: Iterable[object]) -> str:
    return msgspec.json.encode(list(values)).decode()


def _load_rows(connection: sqlite3.Connection, numbers: Sequence[int]) -> list[Row]:
    rows = connection.execute(
        f"SELECT {ROW_COLUMNS} FROM json_each(?) AS wanted CROSS JOIN asset AS a"
        " ON a.n = wanted.value ORDER BY wanted.key",
        (_json(numbers),),
    )
    return [build_row(row) for row in rows]
