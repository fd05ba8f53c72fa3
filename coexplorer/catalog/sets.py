"""Runs searches: each part of a query is a set of assets, kept until the catalog changes.

A set is an integer with one byte for each asset number, so that and, or and not are single
operations on a hundred kilobytes. The order of a list is one long walk along an index that all
searches with the same sort share. Numbers come out of SQLite as one JSON text, which is several
times faster than a row each.
"""

from __future__ import annotations

import sqlite3
import threading
from array import array
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from itertools import compress
from typing import Final, TypeVar, cast

import msgspec

from coexplorer.catalog.schema import FLAG_BITS
from coexplorer.catalog.search import (
    Clause,
    Part,
    Search,
    compile_search,
    expand_short,
    join_words,
)
from coexplorer.query import Query

_KEPT_SETS: Final = 48
_KEPT_LISTS: Final = 8
_FEW: Final = 2000
"""Up to so many found assets are ordered by SQLite; more along the whole order."""

_FIRST_ROWS: Final = 1000
"""Windows that end by this row of a query about flags are walked to, without any set."""

_decode = msgspec.json.Decoder(list[int]).decode
_T = TypeVar("_T")


class Sets:
    """What searches found, as long as the catalog stays as it is. Safe from several threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._change = -1
        self._kept: dict[str, OrderedDict[Hashable, object]] = {}

    def count(self, connection: sqlite3.Connection, query: Query, now: float) -> int:
        """Return how many assets `query` finds."""
        search = compile_search(query, now)
        if search.flags is not None:
            return _count_flags(connection, *search.flags)
        return self._find(connection, search).bit_count()

    def window(
        self, connection: sqlite3.Connection, query: Query, *, offset: int, limit: int, now: float
    ) -> Sequence[int]:
        """Return the numbers of `limit` assets that `query` finds, from `offset` on, in order."""
        search = compile_search(query, now)
        if search.where and offset + limit <= _FIRST_ROWS:
            sql = f"SELECT n FROM asset WHERE {search.where} ORDER BY {search.order}"
            rows = connection.execute(f"{sql} LIMIT ? OFFSET ?", (limit, offset))
            return [number for (number,) in rows]
        return self._ordered(connection, search)[offset : offset + limit]

    def numbers(self, connection: sqlite3.Connection, query: Query, now: float) -> array[int]:
        """Return the numbers of all assets that `query` finds, in its order."""
        return self._ordered(connection, compile_search(query, now))

    def _ordered(self, connection: sqlite3.Connection, search: Search) -> array[int]:
        def order() -> array[int]:
            found = self._find(connection, search)
            if found.bit_count() <= _FEW:
                few = msgspec.json.encode(_members(found)).decode()
                inside = "n IN (SELECT value FROM json_each(?))"
                sql = f"SELECT n FROM asset WHERE {inside} ORDER BY {search.order}"
                return array("q", _fetch(connection, sql, (few,)))
            everything = self._everything(connection, search.order)
            mask = found.to_bytes(max(everything, default=0) + 1, "little")
            return array("q", compress(everything, map(mask.__getitem__, everything)))

        return self._keep(connection, "list", _KEPT_LISTS, search, order)

    def _everything(self, connection: sqlite3.Connection, order: str) -> array[int]:
        sql = f"SELECT n FROM asset ORDER BY {order}"
        return self._keep(
            connection, "order", _KEPT_LISTS, order, lambda: array("q", _fetch(connection, sql, ()))
        )

    def _find(self, connection: sqlite3.Connection, search: Search) -> int:
        wanted = [clause for clause in search.clauses if not clause.negated]
        found = self._find_all(connection, wanted)
        for clause in search.clauses:
            if clause.negated and found:
                found &= ~self._find_any(connection, clause)
        return found

    def _find_all(self, connection: sqlite3.Connection, clauses: Sequence[Clause]) -> int:
        """Return the assets in all clauses; those about words that are new are asked as one."""
        found = -1
        new: list[Part] = []
        for clause in clauses:
            part = clause.parts[0]
            if len(clause.parts) == 1 and part.words and not self._has(connection, part):
                new.append(part)
            else:
                found &= self._find_any(connection, clause)
        if new and found:
            found &= self._find_part(connection, new[0] if len(new) == 1 else join_words(new))
        return found if found != -1 else self._find_part(connection, _ALL)

    def _find_any(self, connection: sqlite3.Connection, clause: Clause) -> int:
        found = 0
        for part in clause.parts:
            found |= self._find_part(connection, part)
        return found

    def _find_part(self, connection: sqlite3.Connection, part: Part) -> int:
        def find() -> int:
            use: Part | None = part
            if part.short:
                trigrams = _find_trigrams(connection, part.short)
                use = part if trigrams is None else expand_short(part, trigrams)
            return 0 if use is None else _pack(_fetch(connection, use.sql, use.parameters))

        return self._keep(connection, "set", _KEPT_SETS, part, find)

    def _has(self, connection: sqlite3.Connection, part: Part) -> bool:
        change = read_change(connection)
        with self._guard:
            return change == self._change and part in self._kept.get("set", ())

    def _keep(
        self,
        connection: sqlite3.Connection,
        kind: str,
        most: int,
        key: Hashable,
        make: Callable[[], _T],
    ) -> _T:
        """Return what was made for `key` since the last change; make it when there is nothing."""
        change = read_change(connection)
        with self._guard:
            if change > self._change:
                self._kept.clear()
                self._change = change
            kept = self._kept.setdefault(kind, OrderedDict())
            if change == self._change and key in kept:
                kept.move_to_end(key)
                return cast("_T", kept[key])
        made = make()
        with self._guard:
            if change == self._change:
                kept[key] = made
                while len(kept) > most:
                    kept.popitem(last=False)
        return made


_ALL: Final = Part("SELECT n FROM asset", ())


def read_change(connection: sqlite3.Connection) -> int:
    """Return the number of the newest change."""
    row = connection.execute("SELECT value FROM counter WHERE name = 'changes'").fetchone()
    return int(row[0])


def _fetch(connection: sqlite3.Connection, sql: str, parameters: tuple[object, ...]) -> list[int]:
    row = connection.execute(f"SELECT json_group_array(n) FROM ({sql})", parameters)
    return _decode(row.fetchone()[0])


def _pack(numbers: Sequence[int]) -> int:
    mask = bytearray(max(numbers, default=0) + 1)
    for number in numbers:
        mask[number] = 1
    return int.from_bytes(mask, "little")


def _members(found: int) -> list[int]:
    mask = found.to_bytes((found.bit_length() + 7) // 8, "little")
    return list(compress(range(len(mask)), mask))


def _find_trigrams(connection: sqlite3.Connection, word: str) -> list[str] | None:
    """Return the trigrams that begin with a short word; None when a scan is faster."""
    total = connection.execute("SELECT sum(assets) FROM tally").fetchone()[0] or 0
    terms: list[str] = []
    rows = connection.execute(
        "SELECT term, doc FROM trigrams WHERE term >= ? AND term < ?", (word, word + "\U0010ffff")
    )
    for term, assets in rows:
        terms.append(term)
        total -= assets
        if total < 0:
            return None
    return terms


def _count_flags(connection: sqlite3.Connection, mask: int, wanted: int, state: str | None) -> int:
    sql = "SELECT coalesce(sum(assets), 0) FROM tally WHERE flags & ? = ?"
    if state is None:
        row = connection.execute(sql, (mask, wanted)).fetchone()
    else:
        row = connection.execute(f"{sql} AND state = ?", (mask, wanted, state)).fetchone()
    return int(row[0])


def count_archived(connection: sqlite3.Connection) -> int:
    """Return how many assets are archived."""
    return _count_flags(connection, FLAG_BITS["archived"], FLAG_BITS["archived"], None)
