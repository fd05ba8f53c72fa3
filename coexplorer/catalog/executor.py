"""Runs searches: each part of a query is a set of assets, cached until the catalog changes.

The sets are those of `coexplorer.catalog.number_sets`. The order of a list is a walk along an
index, as far as it was needed; all searches with the same sort share it.

The first rows of most searches need no set: they are among the first assets of the order, which are
checked one by one. Which of these ways is taken is one decision with one cache behind it, so it is
all here.
"""

from __future__ import annotations

import sqlite3
import threading
from array import array
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Hashable, Sequence
from functools import partial
from itertools import compress
from typing import Final, TypeVar, cast

import msgspec

from coexplorer.catalog.compiler import (
    ARCHIVED,
    LABELLED,
    AssetSet,
    Clause,
    CompiledQuery,
    Order,
    compile_search,
    expand_short,
    join_words,
    labels_of,
    words_of,
)
from coexplorer.catalog.conditions import Condition
from coexplorer.catalog.estimates import (
    ANY,
    count_tally,
    estimate_share,
    find_trigrams,
    measure_share,
)
from coexplorer.catalog.number_sets import (
    encode_numbers,
    fetch_numbers,
    find_beyond,
    list_members,
    mask_set,
    pack_set,
    read_change,
    read_counter,
)
from coexplorer.query import Query

_KEPT_SETS: Final = 48
_KEPT_LISTS: Final = 8
_KEPT_ORDERS: Final = 10
_FEW: Final = 1000
"""SQLite sorts up to this many found assets; more are taken from the order of all assets."""

_MANY: Final = 8000
"""Where more have one of several words as a label, each word is looked for by itself."""

_LOOKED_AT: Final = (128, 384, 1024)
"""How many assets of an order are looked at one by one, in steps, before sets are made."""

_REACHES: Final = (1024, 4096, 16384, 65536)
"""How much of an order is read, in steps, before all of it."""

_MOST: Final = 0.6
"""Where more than this part of all assets is in a set, the others are read."""

_ALL_OF_IT: Final = -1

_T = TypeVar("_T")


class Sets:
    """Results of searches, cached until the catalog changes. Safe from several threads."""

    def __init__(self) -> None:
        self._guard = threading.Lock()
        self._kept: dict[str, OrderedDict[Hashable, tuple[int, object]]] = defaultdict(OrderedDict)

    def count(self, connection: sqlite3.Connection, query: Query, now: float) -> int:
        """Return how many assets `query` finds."""
        search = compile_search(query, now)
        if search.tally is not None:
            return count_tally(connection, search.tally)
        return self._find(connection, search).bit_count()

    def window(
        self, connection: sqlite3.Connection, query: Query, *, offset: int, limit: int, now: float
    ) -> Sequence[int]:
        """Return the numbers of `limit` assets that `query` finds, from `offset` on, in order."""
        search = compile_search(query, now)
        wanted = offset + limit
        numbers: Sequence[int] | None = self._look(connection, search, wanted)
        if numbers is None:
            numbers = self._look_among(connection, search, wanted)
        if numbers is None:
            numbers = self._ordered(connection, search, wanted)
        return numbers[offset:wanted]

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
        mask = mask_set(self._find(connection, search), find_beyond(connection))
        for reach in (*_REACHES, len(mask)):
            first = self._first(connection, search.order, reach)
            if number in first:
                return sum(map(mask.__getitem__, first[: first.index(number)]))
        raise AssertionError("what fits a condition is in every order")

    def prepare(self, connection: sqlite3.Connection, query: Query, now: float) -> None:
        """Prepare what all searches in the order of `query` need."""
        self._read_order(connection, Order(compile_search(query, now).order.by), _ALL_OF_IT)
        self._find_part(connection, ARCHIVED)

    def numbers(self, connection: sqlite3.Connection, query: Query, now: float) -> array[int]:
        """Return the numbers of all assets that `query` finds, in its order."""
        return self._ordered(connection, compile_search(query, now), None)

    def _look(
        self, connection: sqlite3.Connection, search: CompiledQuery, wanted: int
    ) -> list[int] | None:
        """Return at least the first `wanted` assets; None when they are not near the start."""

        def is_promising(share: float) -> bool:
            """Judge by the assets seen so far; the newest are seldom like the others."""
            if share * _LOOKED_AT[-1] >= wanted or search.order.within:
                return share * _LOOKED_AT[-1] >= wanted
            return estimate_share(connection, search) * _LOOKED_AT[-1] >= wanted

        first = partial(self._first, connection, search.order)
        return _look_at(connection, search.condition, wanted, first, is_promising)

    def _look_among(
        self, connection: sqlite3.Connection, search: CompiledQuery, wanted: int
    ) -> list[int] | None:
        """Return what `_look` does, looking only at what is found without reading texts."""
        easy = tuple(clause for clause in search.clauses if clause.is_easy)
        if len(easy) == len(search.clauses) or all(clause.negated for clause in easy):
            return None
        among = self._find(connection, msgspec.structs.replace(search, clauses=easy))
        count = among.bit_count()

        def first(most: int) -> array[int]:
            return self._sift(connection, search.order, among, min(most, count))

        return _look_at(
            connection,
            search.condition,
            wanted,
            first,
            lambda share: share * _LOOKED_AT[-1] >= wanted,
        )

    def _ordered(
        self, connection: sqlite3.Connection, search: CompiledQuery, wanted: int | None
    ) -> array[int]:
        """Return the numbers of all found assets in order, or of at least the first `wanted`."""
        found = self._find(connection, search)
        count = found.bit_count()
        if wanted is not None and wanted < count > _FEW:
            return self._sift(connection, search.order, found, wanted)

        def order() -> array[int]:
            if count <= _FEW:
                few = encode_numbers(list_members(found))
                inside = "n IN (SELECT value FROM json_each(?))"
                sql = f"SELECT n FROM asset WHERE {inside} ORDER BY {search.order.by}"
                return array("q", fetch_numbers(connection, sql, (few,)))
            return self._sift(connection, search.order, found, count)

        return self._keep(connection, "list", _KEPT_LISTS, search, order)

    def _sift(
        self, connection: sqlite3.Connection, order: Order, found: int, wanted: int
    ) -> array[int]:
        """Return at least the first `wanted` of the found assets, which are not fewer."""
        mask = mask_set(found, find_beyond(connection))
        sifted, done = array("q"), 0
        if not wanted:
            return sifted
        reach = 2 * wanted * len(mask) // found.bit_count()
        while len(sifted) < wanted:
            first = self._first(connection, order, reach)[done:reach]
            sifted.extend(compress(first, map(mask.__getitem__, first)))
            done += len(first)
            reach *= 2
        return sifted

    def _first(self, connection: sqlite3.Connection, order: Order, most: int) -> array[int]:
        """Return the first assets of an order: at least `most`, or all if there are fewer."""
        with self._guard:
            kept = self._kept["order"].get((order, _ALL_OF_IT))
        if kept is not None and kept[0] == read_counter(connection, order.counter):
            return cast("array[int]", kept[1])
        reach = next((reach for reach in _REACHES if reach >= most), _ALL_OF_IT)
        return self._read_order(connection, order, reach)

    def _read_order(self, connection: sqlite3.Connection, order: Order, reach: int) -> array[int]:
        return self._keep(
            connection,
            "order",
            _KEPT_ORDERS,
            (order, reach),
            lambda: array("q", fetch_numbers(connection, order.sql, (*order.parameters, reach))),
            counter=order.counter,
        )

    def _find(self, connection: sqlite3.Connection, search: CompiledQuery) -> int:
        """Return the assets in all clauses; what is asked of words that is new is asked as one."""
        found = -1
        new: list[AssetSet] = []
        without: list[AssetSet] = []
        for clause in search.clauses:
            part = clause.parts[0]
            if len(clause.parts) == 1 and part.words and not self._has(connection, part):
                (without if clause.negated else new).append(part)
            elif not clause.negated and found:
                found &= self._find_any(connection, clause)
        if new and found:
            found &= self._find_words(connection, search.condition, new, without)
        elif found == -1:
            found = self._find_part(connection, _ALL)
        asked = set(without) if new else set()
        for clause in search.clauses:
            if clause.negated and found and clause.parts[0] not in asked:
                found &= ~self._find_any(connection, clause)
        return found

    def _find_words(
        self,
        connection: sqlite3.Connection,
        condition: Condition,
        new: Sequence[AssetSet],
        without: Sequence[AssetSet],
    ) -> int:
        """Return the assets in all of some full-text parts, and in none of others.

        Full text joins names and descriptions fastest; what the labels add is mostly little.
        """
        if len(new) == 1 and not without:
            return self._find_part(connection, new[0])
        labelled = {part: self._find_labels(connection, part) for part in (*new, *without)}
        more, unsure = _narrow(connection, labelled, without)
        if unsure.bit_count() > _FEW:
            found = -1
            for part, labels in labelled.items():
                one = labels | self._find_part(connection, words_of(part))
                found &= ~one if part in without else one
            return found
        found = self._find_part(connection, join_words(new, without))
        for part in without:
            found &= ~labelled[part]
        unsure &= ~found
        fitting = _fitting(connection, condition, list_members(unsure)) if unsure else ()
        return found | (more & ~unsure) | pack_set(list(fitting), find_beyond(connection))

    def _find_labels(self, connection: sqlite3.Connection, part: AssetSet) -> int:
        return self._find_part(connection, labels_of(part)) if part.labelled else 0

    def _find_any(self, connection: sqlite3.Connection, clause: Clause) -> int:
        found = 0
        for part in clause.parts:
            found |= self._find_part(connection, part)
        return found

    def _find_part(self, connection: sqlite3.Connection, part: AssetSet) -> int:
        beyond = find_beyond(connection)

        def find() -> int:
            if part is _ALL and count_tally(connection, ANY) == beyond - 1:
                return int.from_bytes(b"\0" + b"\1" * (beyond - 1), "little")  # none is gone
            use: AssetSet | None = part
            if part.short:
                trigrams = find_trigrams(connection, part.short)
                use = part if trigrams is None else expand_short(part, trigrams)
            if use is None:
                return 0
            if use.rest and measure_share(connection, use.test, use.parameters) > _MOST:
                rest = pack_set(fetch_numbers(connection, use.rest, use.parameters), beyond)
                return self._find_part(connection, _ALL) & ~rest
            numbers = fetch_numbers(connection, use.sql, use.parameters)
            if use.labelled:
                numbers += fetch_numbers(connection, LABELLED, use.parameters)
            return pack_set(numbers, beyond)

        counter = "places" if part is _ALL else "changes"
        return self._keep(connection, "set", _KEPT_SETS, part, find, counter=counter)

    def _has(self, connection: sqlite3.Connection, part: AssetSet) -> bool:
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
        stamp = read_counter(connection, counter)
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


_ALL: Final = AssetSet("SELECT n FROM asset", ())


def _look_at(
    connection: sqlite3.Connection,
    condition: Condition,
    wanted: int,
    first: Callable[[int], Sequence[int]],
    is_promising: Callable[[float], bool],
) -> list[int] | None:
    """Look at assets one by one, in steps; return at least `wanted` matches, or all.

    Args:
        connection: To the catalog.
        condition: What they must fulfil.
        wanted: How many are enough.
        first: Returns the first N of them, in order, or all if there are fewer.
        is_promising: Says whether to go on, by the share of matches so far.
    """
    found: list[int] = []
    done = 0
    for most in _LOOKED_AT:
        if done and not is_promising(len(found) / done):
            return None
        near = first(most)[done:most]
        fitting = _fitting(connection, condition, near)
        found += [number for number in near if number in fitting]
        done += len(near)
        if len(found) >= wanted or done < most:
            return found
    return None


def _fitting(
    connection: sqlite3.Connection, condition: Condition, numbers: Sequence[int]
) -> set[int]:
    """Return which of these assets fulfil a condition."""
    rows = connection.execute(
        f"SELECT a.n FROM json_each(?) AS wanted {condition.source} WHERE {condition.test}",
        (encode_numbers(sorted(numbers)), *condition.parameters),  # as they stand in the file
    )
    return {number for (number,) in rows}


def _narrow(
    connection: sqlite3.Connection, labelled: dict[AssetSet, int], without: Sequence[AssetSet]
) -> tuple[int, int]:
    """Return which assets are found by a label, and those among them that may not be in all parts.

    Args:
        connection: To the catalog.
        labelled: The full-text parts with what their labels find.
        without: Those of them that no asset may be in.
    """
    more = 0
    for part, labels in labelled.items():
        more |= 0 if part in without else labels
    for part in without:
        more &= ~labelled[part]
    if more.bit_count() > _MANY:  # asking first how many have each would only be in vain
        return more, more
    many = []
    for part, labels in labelled.items():
        words = _find_few(connection, part) if more else None
        if words is None:
            many.append(part)
        else:
            more &= ~words if part in without else labels | words
    unsure = 0
    for part in many:
        unsure |= more & ~labelled[part]
    return more, unsure


def _find_few(connection: sqlite3.Connection, part: AssetSet) -> int | None:
    """Return the assets of a full-text part, apart from its labels; None if they are not few."""
    use = words_of(part)
    found = fetch_numbers(connection, f"{use.sql} LIMIT {_FEW + 1}", use.parameters)
    return pack_set(found, find_beyond(connection)) if len(found) <= _FEW else None
