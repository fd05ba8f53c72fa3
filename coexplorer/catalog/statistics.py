"""Statistics on the catalog: tags, values for completion, counts and bytes, duplicates, lineage."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from coexplorer.catalog.rows import ROW_COLUMNS, build_row
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
        sql = (
            f"{with_chosen} SELECT max(text), count(DISTINCT n) FROM tag"
            " WHERE n IN (SELECT n FROM chosen) GROUP BY folded"
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
WITH spelled AS MATERIALIZED (
    SELECT folded, min(text) AS text, max(text) AS other, count(*) AS uses FROM tag GROUP BY folded
)
SELECT json_group_array(json_array(text, uses)) FROM (
    SELECT text, uses FROM spelled WHERE text = other
    UNION ALL
    SELECT tag.text, count(*) FROM spelled JOIN tag USING (folded)
    WHERE spelled.text != other GROUP BY tag.folded, tag.text
    ORDER BY 2 DESC, 1
)
"""
"""Read in the order of the table's key: only tags that are spelled in two ways are grouped again.
One value: each row that SQLite hands out would take Python's lock from a key that is typed."""
_decode_tags = msgspec.json.Decoder(list[tuple[str, int]]).decode


def _most_used(counted: tuple[str, int]) -> tuple[int, str]:
    return -counted[1], counted[0]


_VALUES: Final = {
    "tag": "SELECT text FROM tag GROUP BY folded, text ORDER BY count(*) DESC, text",
    "type": "SELECT type FROM asset GROUP BY type ORDER BY count(*) DESC, type",
    "state": "SELECT state FROM asset GROUP BY state ORDER BY count(*) DESC, state",
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


def list_metadata_keys(connection: sqlite3.Connection) -> list[str]:
    """Return the keys of custom metadata that are in use."""
    rows = connection.execute("SELECT DISTINCT name FROM metadata ORDER BY name")
    return [name for (name,) in rows]


_MONTH: Final = "coalesce(strftime('%Y-%m', created, 'unixepoch'), 'unknown')"


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

    def share(label: str, source: str = "asset", test: str = "1") -> tuple[Share, ...]:
        rows = connection.execute(
            f"{start} SELECT {label}, count(*), coalesce(sum(size_bytes), 0)"
            f" FROM chosen JOIN {source} USING (n) WHERE {test} GROUP BY 1 ORDER BY 3 DESC, 1",
            parameters,
        )
        return tuple(Share(*row) for row in rows)

    def one(label: str, test: str) -> Share:
        found = share(f"'{label}'", test=test)
        return found[0] if found else Share(label, 0, 0)

    order = ["last 30 days", "last year", "last 3 years", "older", "unknown"]
    age = (
        f"CASE WHEN created IS NULL THEN 'unknown'"
        f" WHEN created >= {now - 30 * _DAY_S} THEN 'last 30 days'"
        f" WHEN created >= {now - 365 * _DAY_S} THEN 'last year'"
        f" WHEN created >= {now - 3 * 365 * _DAY_S} THEN 'last 3 years' ELSE 'older' END"
    )
    rows = connection.execute(
        f"{start} SELECT {ROW_COLUMNS} FROM chosen JOIN asset AS a USING (n)"
        " WHERE a.size_bytes IS NOT NULL ORDER BY a.size_bytes DESC, a.id LIMIT ?",
        (*parameters, largest),
    )
    return Stats(
        total=one("all", "1"),
        archived=one("archived", "archived = 1"),
        never_used=one("never used", "last_used = 0"),
        by_state=share("state"),
        by_type=share("type"),
        by_owner=share("owner"),
        by_tag=share("text", "tag USING (n) JOIN asset"),
        by_age=tuple(sorted(share(age), key=lambda found: order.index(found.label))),
        by_month=tuple(sorted(share(_MONTH), key=lambda found: found.label)),
        by_place=share("iif(external, 'external', 'internal')"),
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
