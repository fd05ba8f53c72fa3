"""Statistics on the catalog: tags, values for completion, counts and bytes, duplicates, lineage."""

from __future__ import annotations

import math
import sqlite3
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from itertools import compress
from typing import Any, Final, Literal

import msgspec

from coexplorer.catalog.rows import ROW_COLUMNS, build_row
from coexplorer.catalog.schema import FLAG_BITS
from coexplorer.models import AssetId, Duplicates, Relative, Row, Share, Stats
from coexplorer.query import find_field

_DAY_S: Final = 86400


_CHOSEN: Final = "WITH chosen (n) AS MATERIALIZED (SELECT value FROM json_each(?)) "
_EVERYTHING: Final = "WITH chosen (n) AS (SELECT n FROM asset) "


def _chosen(numbers: Sequence[int] | None) -> tuple[str, tuple[str, ...]]:
    if numbers is None:
        return _EVERYTHING, ()
    return _CHOSEN, (msgspec.json.encode(list(numbers)).decode(),)


def count_tags(
    connection: sqlite3.Connection, numbers: Sequence[int] | None, *, any_case: bool = False
) -> list[tuple[str, int]]:
    """Return every tag with the number of its assets, most used first.

    Args:
        connection: Inside a transaction.
        numbers: The assets to look at; None for all.
        any_case: Spellings that differ only in case count as one tag, as in a search.
    """
    if any_case:
        with_chosen, parameters = _chosen(numbers)
        # Uses first: else SQLite looks each asset up under each tag, which takes seconds.
        sql = (
            f"{with_chosen}, used (k, n) AS MATERIALIZED"
            " (SELECT k, n FROM tag_use WHERE n IN (SELECT n FROM chosen))"
            " SELECT max(text), count(DISTINCT n) FROM used JOIN tag_word USING (k) GROUP BY folded"
        )
        return sorted(connection.execute(sql, parameters).fetchall(), key=_most_used)
    if numbers is None:
        (counted,) = connection.execute(_TAGS).fetchone()
        return sorted(_decode_tags(counted), key=_most_used)
    with_chosen, parameters = _chosen(numbers)
    sql = (
        f"{with_chosen} SELECT tag.value, count(*) FROM chosen JOIN asset USING (n),"
        " json_each(asset.tags) AS tag GROUP BY tag.value"
    )
    return sorted(connection.execute(sql, parameters).fetchall(), key=_most_used)


_TAGS: Final = """
SELECT json_group_array(json_array(text, uses)) FROM tag_word JOIN
(SELECT k, count(*) AS uses FROM tag_use GROUP BY k) USING (k)
"""
"""One value: each row that SQLite hands out would take Python's lock from a key that is typed."""
_decode_tags = msgspec.json.Decoder(list[tuple[str, int]]).decode


def _most_used(counted: tuple[str, int]) -> tuple[int, str]:
    return -counted[1], counted[0]


_VALUES: Final = {
    "tag": "SELECT text FROM tag GROUP BY folded, text ORDER BY count(*) DESC, text",
    "type": "SELECT type FROM asset WHERE type != '' GROUP BY type ORDER BY count(*) DESC, type",
    "state": (
        "SELECT state FROM asset WHERE state != '' GROUP BY state ORDER BY count(*) DESC, state"
    ),
    "owner": (
        "SELECT owner FROM asset WHERE owner != '' GROUP BY owner ORDER BY count(*) DESC, owner"
    ),
    "bucket": (
        "SELECT bucket FROM source WHERE bucket != '' GROUP BY bucket"
        " ORDER BY count(*) DESC, bucket"
    ),
    "prefix": "SELECT DISTINCT prefix FROM source WHERE prefix != '' ORDER BY prefix",
    "run_script": "SELECT DISTINCT run_script FROM source WHERE run_script != '' ORDER BY 1",
    "capsule": "SELECT DISTINCT capsule FROM source WHERE capsule != '' ORDER BY 1",
    "mount": "SELECT DISTINCT mount FROM asset WHERE mount != '' ORDER BY 1",
    "name": "SELECT DISTINCT name FROM asset ORDER BY name_folded",
    "has": "SELECT name FROM metadata_value GROUP BY name ORDER BY count(*) DESC, name",
}


def list_values(connection: sqlite3.Connection, field: str, limit: int) -> list[str]:
    """Return known values of a query field, or of a key of custom metadata, for completion."""
    known = find_field(field)
    if known is not None:
        sql = _VALUES.get(known.name)
        rows = connection.execute(f"{sql} LIMIT ?", (limit,)) if sql else ()
    else:
        rows = connection.execute(
            "SELECT text FROM metadata WHERE name = ? GROUP BY text"
            " ORDER BY count(*) DESC, text LIMIT ?",
            (field, limit),
        )
    return [value for (value,) in rows]


_UNKNOWN: Final = "unknown"
_AGES: Final = (("last 30 days", 30), ("30 days to 1 year", 365), ("1 to 3 years", 3 * 365))

_GROUPS: Final = {
    "state": "SELECT state, group_concat(n) FROM asset GROUP BY state",
    "type": "SELECT type, group_concat(n) FROM asset GROUP BY type",
    "tag": (
        "SELECT text, ns FROM tag_word JOIN"
        " (SELECT k, group_concat(n) AS ns FROM tag_use GROUP BY k) USING (k)"
    ),
}
"""Each label with its assets, along an index. Numbers come as one text, which is several times
faster than a row each."""

_OWNERS: Final = (
    "SELECT owner_folded, group_concat(n) FROM asset GROUP BY owner_folded",
    "SELECT owner, group_concat(n) FROM asset WHERE owner != owner_folded GROUP BY owner",
)
"""Owners along an index, and again those that are spelled in another way."""


class _Chosen:
    """The assets to add up: which, and how large, by their numbers.

    Args:
        connection: Inside a transaction.
        numbers: None: all.
    """

    def __init__(self, connection: sqlite3.Connection, numbers: Sequence[int] | None) -> None:
        self._connection = connection
        source = "asset"
        parameters: tuple[str, ...] = ()
        if numbers is not None:
            source = "json_each(?) AS wanted CROSS JOIN asset ON n = wanted.value"
            parameters = (msgspec.json.encode(list(numbers)).decode(),)
        columns = ("n", "ifnull(size_bytes, 0)", "ifnull(created, 'null')", "flags")
        found = connection.execute(
            f"SELECT {', '.join(f'group_concat({each})' for each in columns)} FROM {source}",
            parameters,
        ).fetchone()
        self.numbers, self.sizes, created, self.flags = map(_decode_numbers, found)
        self.created: list[float | None] = created
        beyond = 1 + connection.execute("SELECT ifnull(max(n), 0) FROM asset").fetchone()[0]
        self._are_all = numbers is None
        self._counts = bytearray(beyond)
        self._bytes = [0] * beyond
        for number, size in zip(self.numbers, self.sizes, strict=True):
            self._counts[number] = 1
            self._bytes[number] = size

    def add_up(self, label: str, numbers: Sequence[int]) -> Share:
        """Return how many of some assets are chosen, and their bytes."""
        count = len(numbers)
        if not self._are_all:
            count = sum(map(self._counts.__getitem__, numbers))
        return Share(label, count, sum(map(self._bytes.__getitem__, numbers)))

    def group(self, sql: str) -> dict[str, Share]:
        """Return the shares of what a statement groups."""
        rows = self._connection.execute(sql)
        return {label: self.add_up(label, _decode_numbers(text)) for label, text in rows}

    def owners(self) -> list[Share]:
        """Return the share of each owner, as the platform spells them."""
        shares, spelled = map(self.group, _OWNERS)
        if spelled:
            other = "SELECT owner_folded, group_concat(n) FROM asset WHERE owner != owner_folded"
            for folded, apart in self.group(f"{other} GROUP BY owner_folded").items():
                whole = shares[folded]
                shares[folded] = Share(
                    folded, whole.assets - apart.assets, whole.size_bytes - apart.size_bytes
                )
        return [*shares.values(), *spelled.values()]

    def flagged(self, label: str, bit: int) -> Share:
        """Return the share of those with a flag."""
        has = [bool(flags & bit) for flags in self.flags]
        return Share(label, sum(has), sum(compress(self.sizes, has)))

    def ages(self, now: float) -> tuple[Share, ...]:
        """Return the shares of those made in the last 30 days, the year before that, and so on."""
        pairs = zip(self.created, self.sizes, strict=True)
        known = [(created, size) for created, size in pairs if created is not None]
        times, sizes = [created for created, _ in known], [size for _, size in known]
        shares, younger = [], Share("", 0, 0)
        bounds = [(label, now - days * _DAY_S) for label, days in _AGES]
        for label, bound in (*bounds, ("over 3 years", -math.inf)):
            has = [each >= bound for each in times]
            upto = Share(label, sum(has), sum(compress(sizes, has)))
            shares.append(_subtract(upto, younger))
            younger = upto
        everything = Share(_UNKNOWN, len(self.sizes), sum(self.sizes))
        return tuple(each for each in (*shares, _subtract(everything, younger)) if each.assets)

    def months(self) -> tuple[Share, ...]:
        """Return the share of each month (UTC), the earliest first."""
        days: dict[float | None, list[int]] = {}
        for created, size in zip(self.created, self.sizes, strict=True):
            day = None if created is None else created // _DAY_S
            found = days.get(day)
            if found is None:
                days[day] = [1, size]
            else:
                found[0] += 1
                found[1] += size
        months: dict[str, list[int]] = {}
        for day, (assets, size_bytes) in days.items():
            month = months.setdefault(_name_month(day), [0, 0])
            month[0] += assets
            month[1] += size_bytes
        return tuple(Share(label, *found) for label, found in sorted(months.items()))


_decode = msgspec.json.Decoder(list[int | float | None]).decode


def _decode_numbers(text: str | None) -> list[Any]:
    return _decode(f"[{text or ''}]")


def _subtract(whole: Share, part: Share) -> Share:
    return Share(whole.label, whole.assets - part.assets, whole.size_bytes - part.size_bytes)


def _name_month(day: float | None) -> str:
    if day is None:
        return _UNKNOWN
    try:
        return datetime.fromtimestamp(day * _DAY_S, UTC).strftime("%Y-%m")
    except (OverflowError, ValueError, OSError):
        return _UNKNOWN


def _by_size(shares: Iterable[Share]) -> tuple[Share, ...]:
    return tuple(
        sorted((each for each in shares if each.assets), key=lambda s: (-s.size_bytes, s.label))
    )


def build_stats(
    connection: sqlite3.Connection, numbers: Sequence[int] | None, *, now: float, largest: int
) -> Stats:
    """Return counts and bytes of some assets, or of all.

    Args:
        connection: Inside a transaction.
        numbers: The assets to look at; None for all.
        now: Epoch seconds that ages count back from.
        largest: How many of the largest assets to list.
    """
    start, parameters = _chosen(numbers)
    rows = connection.execute(
        f"{start} SELECT {ROW_COLUMNS} FROM chosen JOIN asset AS a USING (n)"
        " WHERE a.size_bytes IS NOT NULL ORDER BY a.size_bytes DESC, a.id_order DESC LIMIT ?"
        if numbers is not None
        else f"SELECT {ROW_COLUMNS} FROM asset AS a"
        " WHERE a.size_bytes IS NOT NULL ORDER BY a.size_bytes DESC, a.id_order DESC LIMIT ?",
        (*parameters, largest),
    )
    chosen = _Chosen(connection, numbers)
    total = Share("all", len(chosen.sizes), sum(chosen.sizes))
    external = chosen.flagged("external", FLAG_BITS["external"])
    groups = {
        name: _by_size(
            msgspec.structs.replace(each, label=each.label or _UNKNOWN)
            for each in chosen.group(sql).values()
        )
        for name, sql in _GROUPS.items()
    }
    return Stats(
        total=total,
        archived=chosen.flagged("archived", FLAG_BITS["archived"]),
        never_used=chosen.flagged("never used", FLAG_BITS["unused"]),
        by_state=groups["state"],
        by_type=groups["type"],
        by_owner=_by_size(chosen.owners()),
        by_tag=groups["tag"],
        by_age=chosen.ages(now),
        by_month=chosen.months(),
        by_place=_by_size(
            (external, _subtract(Share("internal", total.assets, total.size_bytes), external))
        ),
        largest=tuple(build_row(row) for row in rows),
    )


_SAME: Final[tuple[tuple[Literal["name", "location", "inputs"], str], ...]] = (
    ("name", "SELECT name, n FROM asset"),
    ("location", "SELECT 's3://' || bucket || '/' || prefix, n FROM source WHERE bucket != ''"),
    (
        "inputs",
        (
            "SELECT capsule || char(31) || group_concat(parent), n FROM ("
            " SELECT capsule, parent, n FROM input JOIN source USING (n)"
            " WHERE kind = 'made_from' AND capsule != '' ORDER BY n, parent) GROUP BY n"
        ),
    ),
)


def list_duplicates(connection: sqlite3.Connection) -> list[Duplicates]:
    """Return groups of assets that look alike, archived ones too, the largest groups first."""
    groups: list[Duplicates] = []
    for why, sql in _SAME:
        rows = connection.execute(
            f"WITH alike (common, n) AS MATERIALIZED ({sql})"
            f" SELECT common, {ROW_COLUMNS} FROM alike JOIN asset AS a USING (n) WHERE common IN"
            " (SELECT common FROM alike GROUP BY common HAVING count(*) > 1)"
            " ORDER BY common, a.created, a.id"
        )
        gathered: dict[str, list[Row]] = {}
        for shared, *columns in rows:
            gathered.setdefault(shared, []).append(build_row(tuple(columns)))
        found = [
            Duplicates(why, shared.partition("\x1f")[0], tuple(alike))
            for shared, alike in gathered.items()
        ]
        groups += sorted(found, key=lambda group: -len(group.rows))
    return groups


def list_parents(connection: sqlite3.Connection, asset_id: AssetId) -> list[Relative]:
    """Return what an asset was made from, and what it contains."""
    rows = connection.execute(
        f"SELECT parent, kind, {ROW_COLUMNS} FROM input LEFT JOIN asset AS a ON a.id = parent"
        " WHERE input.n = (SELECT n FROM asset WHERE id = ?) ORDER BY kind DESC, parent",
        (asset_id,),
    )
    return [_relative(row) for row in rows]


def list_children(connection: sqlite3.Connection, asset_id: AssetId) -> list[Relative]:
    """Return what was made from an asset, and what contains it, oldest first."""
    rows = connection.execute(
        f"SELECT a.id, kind, {ROW_COLUMNS} FROM input JOIN asset AS a USING (n)"
        " WHERE parent = ? ORDER BY kind DESC, a.created, a.id",
        (asset_id,),
    )
    return [_relative(row) for row in rows]


def _relative(columns: tuple[object, ...]) -> Relative:
    related, kind, *rest = columns
    row = None if rest[0] is None else build_row(tuple(rest))
    return Relative(AssetId(str(related)), "contains" if kind == "contains" else "made_from", row)
