"""Which part of all assets a search finds, without finding them: exactly, or from a few of them."""

from __future__ import annotations

import sqlite3
from typing import Final

from coexplorer.catalog.compiler import CompiledQuery
from coexplorer.catalog.conditions import Test
from coexplorer.catalog.number_sets import encode_numbers, find_beyond

_SAMPLE: Final = 64
"""A sample of this size shows roughly which share of all assets a search finds."""

ANY: Final = ("1", ())
"""What every asset fulfils."""

_ASSET: Final = "CROSS JOIN asset AS a ON a.n = wanted.value"


def find_trigrams(connection: sqlite3.Connection, word: str) -> list[str] | None:
    """Return the trigrams that begin with a short word; None when a scan is faster."""
    total = connection.execute("SELECT sum(assets) FROM tally").fetchone()[0] or 0
    terms: list[str] = []
    rows = connection.execute(
        "SELECT term, doc FROM trigrams WHERE term >= ?1 AND term < ?2 UNION ALL"
        " SELECT term, doc FROM label_trigrams WHERE term >= ?1 AND term < ?2",
        (word, word + "\U0010ffff"),
    )
    for term, assets in rows:
        terms.append(term)
        total -= assets
        if total < 0:
            return None
    return list(dict.fromkeys(terms))


def count_tally(connection: sqlite3.Connection, test: Test) -> int:
    """Return how many assets fulfil a test that asks for flags and states alone."""
    sql = f"SELECT coalesce(sum(assets), 0) FROM tally WHERE {test[0]}"
    return int(connection.execute(sql, test[1]).fetchone()[0])


def estimate_share(connection: sqlite3.Connection, search: CompiledQuery) -> float:
    """Return about which part of all assets a search finds: exactly, or from a few of them."""
    if search.tally is not None:
        return count_tally(connection, search.tally) / max(1, count_tally(connection, ANY))
    condition = search.condition
    return measure_share(connection, condition.test, condition.parameters, condition.source)


def measure_share(
    connection: sqlite3.Connection, test: str, parameters: tuple[object, ...], source: str = _ASSET
) -> float:
    """Return which part of a few assets, spread over all, fulfils a test."""
    beyond = find_beyond(connection)
    sample = encode_numbers(range(1, beyond, max(1, beyond // _SAMPLE)))
    share = connection.execute(
        f"SELECT avg(ifnull({test}, 0) <> 0) FROM json_each(?) AS wanted {source}",
        (*parameters, sample),
    ).fetchone()[0]
    return float(share or 0)
