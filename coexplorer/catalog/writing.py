"""Writes to the catalog; each function runs inside the caller's transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from typing import Final, Literal, TypeVar

import msgspec

from coexplorer.catalog.number_sets import read_change
from coexplorer.catalog.packing import Packer
from coexplorer.catalog.rows import Columns, build_columns, digest
from coexplorer.models import AssetId, Membership, Record
from coexplorer.query import SEPARATOR, fold

T = TypeVar("T")
Flag = Literal["archived", "favorite", "mine", "shared"]

STALE_REPLY_S: Final = 3600.0
"""A reply older than the row by less than this was overtaken by a newer one, e.g. by the reply to
an edit while a sweep was under way. If it is older than that, the clock was set back: take it."""

_ASSET: Final = (
    "id", "created", "last_used", "size_bytes", "files", "external", "type", "state",
    "id_order", "name_folded", "name_spelled", "owner_folded", "owner_spelled", "mount_folded",
    "mount_spelled", "has_mount", "tags", "letters",
)  # fmt: skip
PAD: Final = SEPARATOR * 2
"""Ends each text in full text, so that a word of one or two characters begins a trigram wherever it
stands."""

_PART: Final = 1000
_FLAGS: Final[tuple[Flag, ...]] = ("archived", "favorite", "mine", "shared")
_PERSON: Final = "(SELECT p FROM person WHERE id = :owner_id)"
_INSERT: Final = (
    f"INSERT INTO asset (n, change, person, {', '.join((*_ASSET, *_FLAGS))})"
    f" VALUES (:n, :change, {_PERSON}, {', '.join(f':{name}' for name in (*_ASSET, *_FLAGS))})"
)
_UPDATE: Final = (
    f"UPDATE asset SET change = :change, person = {_PERSON}, "
    f"{', '.join(f'{name} = :{name}' for name in (*_ASSET, *_FLAGS))} WHERE n = :n"
)


class _Known(msgspec.Struct, frozen=True):
    n: int
    digest: bytes
    fetched_at: float
    flags: tuple[int | None, ...]


class _Batch:
    """Gathers what a page of records changes, then writes table by table."""

    def __init__(self, number: int, change: int) -> None:
        self.number = number
        self.change = change
        self.inserts: list[dict[str, object]] = []
        self.updates: list[dict[str, object]] = []
        self.contents: list[tuple[int, bytes, bytes]] = []
        self.columns: list[tuple[int, Columns]] = []
        self.flags: list[tuple[int | None, ...]] = []
        self.seen: list[tuple[int, float]] = []

    def add(self, record: Record, known: _Known | None) -> None:

        given = tuple(
            None if flag is None else int(flag)
            for flag in msgspec.structs.astuple(record.membership)
        )
        fresh = digest(record)
        if known is None:
            self.number += 1
            self._write(self.number, record, fresh, given, self.inserts)
            self.seen.append((self.number, record.fetched_at))
            return
        overtaken = 0 < known.fetched_at - record.fetched_at < STALE_REPLY_S
        pairs = zip(given, known.flags, strict=True)
        merged = tuple(old if new is None else new for new, old in pairs)
        if overtaken:
            self.seen.append((known.n, known.fetched_at))
            return
        self.seen.append((known.n, record.fetched_at))
        if fresh != known.digest:
            self._write(known.n, record, fresh, merged, self.updates)
        elif merged != known.flags:
            self.flags.append((*merged, self.change, known.n))

    def _write(
        self,
        n: int,
        record: Record,
        fresh: bytes,
        flags: tuple[int | None, ...],
        into: list[dict[str, object]],
    ) -> None:
        columns = build_columns(record.asset)
        named: dict[str, object] = dict(zip(_FLAGS, flags, strict=True))
        into.append({"n": n, "change": self.change, **columns.asset, **named})
        self.contents.append((n, record.asset.raw, fresh))
        self.columns.append((n, columns))

    @property
    def changes_something(self) -> bool:
        return bool(self.inserts or self.updates or self.flags)


def upsert(
    connection: sqlite3.Connection, records: Sequence[Record], *, generation: int | None
) -> int:
    """Write records; unchanged ones only cost a look at their digest.

    Args:
        connection: Inside a transaction.
        records: Each with its `raw` JSON; the last one for an asset counts. What their membership
            does not know stays as it was.
        generation: The sweep that saw them; None outside sweeps.

    Returns:
        How many rows are new or different.
    """
    latest = {record.asset.id: record for record in records}
    known = _load_known(connection, latest)
    last = connection.execute("SELECT value FROM counter WHERE name = 'number'").fetchone()[0]
    batch = _Batch(last, read_change(connection) + 1)
    for asset_id, record in latest.items():
        batch.add(record, known.get(asset_id))
    connection.executemany(
        "INSERT INTO seen VALUES (?, ?, ?) ON CONFLICT (n) DO UPDATE SET"
        " generation = max(generation, excluded.generation), fetched_at = excluded.fetched_at",
        ((n, generation or 0, fetched_at) for n, fetched_at in batch.seen),
    )
    if batch.changes_something:
        _write_batch(connection, batch)
    return len(batch.inserts) + len(batch.updates) + len(batch.flags)


def _write_batch(connection: sqlite3.Connection, batch: _Batch) -> None:
    _delete_details(connection, [int(str(row["n"])) for row in batch.updates])
    people = {row["owner_id"] for row in (*batch.inserts, *batch.updates)} - {""}
    connection.executemany(
        "INSERT OR IGNORE INTO person (id) VALUES (?)", ((one,) for one in people)
    )
    connection.executemany(_INSERT, batch.inserts)
    connection.executemany(_UPDATE, batch.updates)
    connection.executemany(
        "UPDATE asset SET archived = ?, favorite = ?, mine = ?, shared = ?, change = ? WHERE n = ?",
        batch.flags,
    )
    packer = Packer(connection, [raw for _, raw, _ in batch.contents])
    connection.executemany(
        "INSERT INTO content VALUES (?, ?, ?)",
        ((n, packer.pack(raw), fresh) for n, raw, fresh in batch.contents),
    )
    _write_texts(connection, [(n, columns.folded, columns.labels) for n, columns in batch.columns])
    connection.executemany(
        "INSERT INTO tag VALUES (?, ?, ?)",
        ((key, n, text) for n, columns in batch.columns for key, text in columns.tags),
    )
    connection.executemany(
        "INSERT INTO metadata (key, position, text, number, name, n) VALUES (?, ?, ?, ?, ?, ?)",
        ((*row, n) for n, columns in batch.columns for row in columns.metadata),
    )
    connection.executemany(
        "INSERT INTO source VALUES (?, ?, ?, ?, ?, ?, ?)",
        ((n, *columns.source) for n, columns in batch.columns if columns.source),
    )
    connection.executemany(
        "INSERT INTO input (parent, kind, n) VALUES (?, ?, ?)",
        ((*pair, n) for n, columns in batch.columns for pair in columns.inputs),
    )
    connection.executemany(
        "DELETE FROM removed WHERE id = ?", ((row["id"],) for row in batch.inserts)
    )
    connection.execute("UPDATE counter SET value = ? WHERE name = 'number'", (batch.number,))
    set_change(connection, batch.change)


def _write_texts(
    connection: sqlite3.Connection,
    texts: Sequence[tuple[int, tuple[str, str], tuple[str, ...]]],
) -> None:
    """Write what full text finds: the numbers of assets, name and description, labels."""
    connection.executemany(
        "INSERT INTO folded VALUES (?, ?, ?)",
        ((n, description, SEPARATOR.join(labels)) for n, (_, description), labels in texts),
    )
    connection.executemany(
        "INSERT INTO words (rowid, name, description) VALUES (?, ?, ?)",
        ((n, *(text and text + PAD for text in both)) for n, both, _ in texts),
    )
    write_labels(connection, [(n, labels) for n, _, labels in texts])


def write_labels(
    connection: sqlite3.Connection, labelled: Sequence[tuple[int, Iterable[str]]]
) -> None:
    """Write which assets, by their numbers, are found by which labels (`rows.reduce_labels`)."""
    known = _number_labels(connection, {label for _, labels in labelled for label in labels})
    connection.executemany(
        "INSERT INTO label_use VALUES (?, ?)",
        sorted((known[label], n) for n, labels in labelled for label in labels),
    )


def _number_labels(connection: sqlite3.Connection, labels: AbstractSet[str]) -> dict[str, int]:
    """Return the numbers of labels; new ones are added."""
    find = "SELECT text, k FROM json_each(?) AS wanted CROSS JOIN label ON text = wanted.value"
    known: dict[str, int] = dict(connection.execute(find, (_json(labels),)))
    new = sorted(labels - known.keys())
    connection.executemany("INSERT INTO label (text) VALUES (?)", ((label,) for label in new))
    known.update(connection.execute(find, (_json(new),)))
    connection.executemany(
        "INSERT INTO label_words (rowid, text) VALUES (?, ?)",
        ((known[label], label + PAD) for label in new),
    )
    return known


def set_change(connection: sqlite3.Connection, change: int) -> None:
    """Note the number of the newest change."""
    connection.execute("UPDATE counter SET value = ? WHERE name = 'changes'", (change,))


def _load_known(connection: sqlite3.Connection, ids: Iterable[AssetId]) -> dict[AssetId, _Known]:
    rows = connection.execute(
        "SELECT asset.id, asset.n, digest, fetched_at, archived, favorite, mine, shared"
        " FROM json_each(?) AS wanted CROSS JOIN asset ON asset.id = wanted.value"
        " JOIN content USING (n) JOIN seen USING (n)",
        (_json(ids),),
    )
    return {row[0]: _Known(row[1], row[2], row[3], tuple(row[4:])) for row in rows}


def _json(values: Iterable[object]) -> str:
    return msgspec.json.encode(list(values)).decode()


def _delete_details(connection: sqlite3.Connection, numbers: Sequence[int]) -> None:
    """Delete what other tables hold of some assets; `asset` and `seen` stay."""
    if not numbers:
        return
    wanted = (_json(numbers),)
    connection.execute(
        "INSERT INTO words (words, rowid, name, description)"
        " SELECT 'delete', n, name, description FROM texts"
        " WHERE n IN (SELECT value FROM json_each(?))",
        wanted,
    )
    labels = connection.execute(
        "SELECT n, labels FROM folded WHERE labels != '' AND n IN (SELECT value FROM json_each(?))",
        wanted,
    ).fetchall()
    connection.executemany(
        "DELETE FROM label_use WHERE n = ? AND k = (SELECT k FROM label WHERE text = ?)",
        ((n, label) for n, joined in labels for label in joined.split(SEPARATOR)),
    )
    tags = connection.execute(
        "SELECT asset.n, tag.value FROM asset, json_each(asset.tags) AS tag"
        " WHERE asset.n IN (SELECT value FROM json_each(?))",
        wanted,
    ).fetchall()
    connection.executemany(
        "DELETE FROM tag WHERE folded = ? AND n = ?", ((fold(text), n) for n, text in tags)
    )
    for table in ("content", "folded", "source", "input", "metadata"):
        connection.execute(
            f"DELETE FROM {table} WHERE n IN (SELECT value FROM json_each(?))",
            wanted,
        )


def remove(connection: sqlite3.Connection, ids: Iterable[AssetId]) -> int:
    """Forget assets, and remember that they are gone; returns how many were known."""
    known = _load_known(connection, ids)
    if not known:
        return 0
    change = read_change(connection) + 1
    delete_rows(connection, [one.n for one in known.values()])
    connection.executemany(
        "INSERT OR REPLACE INTO removed VALUES (?, ?)", ((one, change) for one in known)
    )
    set_change(connection, change)
    return len(known)


def delete_rows(connection: sqlite3.Connection, numbers: Sequence[int]) -> None:
    """Delete assets by their row numbers, wherever something of them is kept."""
    _delete_details(connection, numbers)
    for table in ("seen", "asset"):
        connection.execute(
            f"DELETE FROM {table} WHERE n IN (SELECT value FROM json_each(?))",
            (_json(numbers),),
        )


def set_membership(
    connection: sqlite3.Connection,
    ids: Iterable[AssetId],
    membership: Membership,
    *,
    known_at: float | None = None,
) -> int:
    """Set the flags that `membership` knows on some assets; returns how many changed."""
    wanted = _json(ids)
    if known_at is not None:
        connection.execute(
            "UPDATE seen SET fetched_at = max(fetched_at, ?1) WHERE n IN"
            " (SELECT n FROM asset WHERE id IN (SELECT value FROM json_each(?2)))",
            (known_at, wanted),
        )
    changed = 0
    for flag in _FLAGS:
        value = getattr(membership, flag)
        if value is not None:
            inside = "id IN (SELECT value FROM json_each(?2))"
            changed += _set_flag(connection, flag, inside, wanted, value=value)
    return changed


def set_members(connection: sqlite3.Connection, flag: Flag, ids: Iterable[AssetId]) -> int:
    """Set a flag on exactly these assets and take it off all others; returns how many changed.

    Works in parts, because SQLite would keep a statement's whole list, and all rows it finds, in
    memory.
    """
    wanted = frozenset(ids)
    rows = connection.execute(f"SELECT n, id FROM asset WHERE {flag} IS NOT 0")
    others = [n for n, asset_id in rows if asset_id not in wanted]
    changed = 0
    for part in _split(tuple(wanted)):
        inside = "id IN (SELECT value FROM json_each(?2))"
        changed += _set_flag(connection, flag, inside, _json(part), value=True)
    for numbers in _split(others):
        inside = "n IN (SELECT value FROM json_each(?2))"
        changed += _set_flag(connection, flag, inside, _json(numbers), value=False)
    return changed


def _split(items: Sequence[T]) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), _PART):
        yield items[start : start + _PART]


def _set_flag(
    connection: sqlite3.Connection, flag: Flag, where: str, wanted: str, *, value: bool
) -> int:
    change = read_change(connection) + 1
    cursor = connection.execute(
        f"UPDATE asset SET {flag} = ?1, change = {change} WHERE {flag} IS NOT ?1 AND {where}",
        (int(value), wanted),
    )
    if cursor.rowcount:
        set_change(connection, change)
    return cursor.rowcount
