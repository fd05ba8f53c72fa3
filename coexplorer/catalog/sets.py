"""Runs searches: each part of a query is a set of assets, kept until the catalog changes.

A set is an integer with one byte for each asset number, so that and, or and not are single
operations on a hundred kilobytes. The order of a list is a walk along an index that all searches
with the same sort share, as far as it was needed. Numbers come out of SQLite as one text, which is
several times faster than a row each.

The first rows of most searches need no set: they are among the first assets of the order, which are
looked at one by one.
"""

from __future__ import annotations

import sqlite3
import threading
from array import array
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Sequence
from itertools import compress
from typing import Final, TypeVar, cast

import msgspec

from coexplorer.catalog.conditions import Condition
from coexplorer.catalog.schema import FLAG_BITS
from coexplorer.catalog.search import (
    ARCHIVED,
    TIME_ORDERS,
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
_KEPT_ORDERS: Final = 10
_FEW: Final = 2000
"""Up to so many found assets are ordered by SQLite; more along the order of all."""

_LOOKED_AT: Final = (128, 384, 1024)
"""How many assets of an order are looked at one by one, in steps, before sets are made."""

_REACHES: Final = (1024, 4096, 16384, 65536)
"""How much of an order is read, in steps, before all of it."""

_ALL_OF_IT: Final = -1

_decode = msgspec.json.Decoder(list[int]).decode
_T = TypeVar("_T")


class Sets:
    """What searches found, as long as the catalog stays as it is. Safe from several threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._kept: dict[str, OrderedDict[Hashable, tuple[int, object]]] = defaultdict(OrderedDict)

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
        near = self._look(connection, search, offset + limit)
        if near is not None:
            return near[offset : offset + limit]
        return self._ordered(connection, search, offset + limit)[offset : offset + limit]

    def position(
        self, connection: sqlite3.Connection, query: Query, number: int, now: float
    ) -> int | None:
        """Return the index of an asset in what `query` finds; None when it is not in there."""
        search = compile_search(query, now)
        if not _fitting(connection, search.condition, [number]):
            return None
        near = self._first(connection, search.order, _LOOKED_AT[-1])
        if number in near:
            before = near[: near.index(number)]
            return len(_fitting(connection, search.condition, before))
        mask = _mask(self._find(connection, search), self._beyond(connection))
        for reach in (*_REACHES, len(mask)):
            first = self._first(connection, search.order, reach)
            if number in first:
                return sum(map(mask.__getitem__, first[: first.index(number)]))
        raise AssertionError("what fits a condition is in every order")

    def prepare(self, connection: sqlite3.Connection, query: Query, now: float) -> None:
        """Make ready what all searches in the order of `query` stand on."""
        self._read_order(connection, compile_search(query, now).order, _ALL_OF_IT)
        self._find_part(connection, ARCHIVED)

    def numbers(self, connection: sqlite3.Connection, query: Query, now: float) -> array[int]:
        """Return the numbers of all assets that `query` finds, in its order."""
        return self._ordered(connection, compile_search(query, now), None)

    def _look(
        self, connection: sqlite3.Connection, search: Search, wanted: int
    ) -> list[int] | None:
        """Return at least the first `wanted` assets; None when they are not near the start."""
        found: list[int] = []
        done = 0
        for most in _LOOKED_AT:
            if done and len(found) / done * _LOOKED_AT[-1] < wanted:
                break
            near = self._first(connection, search.order, most)[done:most]
            fitting = _fitting(connection, search.condition, near)
            found += [number for number in near if number in fitting]
            done += len(near)
            if len(found) >= wanted or done < most:
                return found
        return None

    def _ordered(
        self, connection: sqlite3.Connection, search: Search, wanted: int | None
    ) -> array[int]:
        """Return the numbers of all found assets in order, or of at least the first `wanted`."""
        found = self._find(connection, search)
        count = found.bit_count()
        if wanted is not None and wanted < count > _FEW:
            return self._sift(connection, search.order, found, wanted)

        def order() -> array[int]:
            if count <= _FEW:
                few = _encode(_members(found))
                inside = "n IN (SELECT value FROM json_each(?))"
                sql = f"SELECT n FROM asset WHERE {inside} ORDER BY {search.order}"
                return array("q", _fetch(connection, sql, (few,)))
            return self._sift(connection, search.order, found, count)

        return self._keep(connection, "list", _KEPT_LISTS, search, order)

    def _sift(
        self, connection: sqlite3.Connection, order: str, found: int, wanted: int
    ) -> array[int]:
        """Return at least the first `wanted` of the found assets, which are not fewer."""
        mask = _mask(found, self._beyond(connection))
        sifted, done = array("q"), 0
        reach = 2 * wanted * len(mask) // found.bit_count()
        while len(sifted) < wanted:
            first = self._first(connection, order, reach)[done:reach]
            sifted.extend(compress(first, map(mask.__getitem__, first)))
            done += len(first)
            reach *= 2
        return sifted

    def _beyond(self, connection: sqlite3.Connection) -> int:
        """Return a number that is larger than those of all assets."""
        row = connection.execute("SELECT max(n) FROM asset").fetchone()
        return int(row[0] or 0) + 1

    def _first(self, connection: sqlite3.Connection, order: str, most: int) -> array[int]:
        """Return the first assets of an order, at least `most` of them where there are so many."""
        with self._guard:
            kept = self._kept["order"].get((order, _ALL_OF_IT))
        if kept is not None and kept[0] == _read_counter(connection, _counter_of(order)):
            return cast("array[int]", kept[1])
        reach = next((reach for reach in _REACHES if reach >= most), _ALL_OF_IT)
        return self._read_order(connection, order, reach)

    def _read_order(self, connection: sqlite3.Connection, order: str, reach: int) -> array[int]:
        sql = f"SELECT n FROM asset ORDER BY {order} LIMIT ?"
        return self._keep(
            connection,
            "order",
            _KEPT_ORDERS,
            (order, reach),
            lambda: array("q", _fetch(connection, sql, (reach,))),
            counter=_counter_of(order),
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

        counter = "places" if part is _ALL else "changes"
        return self._keep(connection, "set", _KEPT_SETS, part, find, counter=counter)

    def _has(self, connection: sqlite3.Connection, part: Part) -> bool:
        change = read_change(connection)
        with self._guard:
            kept = self._kept["set"].get(part)
        return kept is not None and kept[0] == change

    def _keep(
        self,
        connection: sqlite3.Connection,
        kind: str,
        most: int,
        key: Hashable,
        make: Callable[[], _T],
        *,
        counter: str = "changes",
    ) -> _T:
        """Return what was made for `key` since `counter` moved; make it when there is nothing."""
        stamp = _read_counter(connection, counter)
        with self._guard:
            kept = self._kept[kind]
            if key in kept and kept[key][0] == stamp:
                kept.move_to_end(key)
                return cast("_T", kept[key][1])
        made = make()
        with self._guard:
            if key not in kept or kept[key][0] < stamp:
                kept[key] = (stamp, made)
                kept.move_to_end(key)
                while len(kept) > most:
                    kept.popitem(last=False)
        return made


_ALL: Final = Part("SELECT n FROM asset", ())


def _counter_of(order: str) -> str:
    """Return the counter that tells whether an order still holds."""
    return "places" if order in TIME_ORDERS else "changes"


def read_change(connection: sqlite3.Connection) -> int:
    """Return the number of the newest change."""
    return _read_counter(connection, "changes")


def _read_counter(connection: sqlite3.Connection, name: str) -> int:
    row = connection.execute("SELECT value FROM counter WHERE name = ?", (name,)).fetchone()
    return int(row[0])


def _fetch(connection: sqlite3.Connection, sql: str, parameters: tuple[object, ...]) -> list[int]:
    row = connection.execute(f"SELECT group_concat(n) FROM ({sql})", parameters).fetchone()
    return _decode(f"[{row[0] or ''}]")


def _fitting(
    connection: sqlite3.Connection, condition: Condition, numbers: Sequence[int]
) -> set[int]:
    """Return which of these assets fulfil a condition."""
    rows = connection.execute(
        f"SELECT a.n FROM json_each(?) AS wanted {condition.source} WHERE {condition.test}",
        (_encode(numbers), *condition.parameters),
    )
    return {number for (number,) in rows}


def _encode(numbers: Sequence[int]) -> str:
    return msgspec.json.encode(list(numbers)).decode()


def _mask(found: int, beyond: int) -> bytes:
    """Return one byte for each number below `beyond`: 1 for those of a set."""
    return found.to_bytes(beyond, "little")


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
