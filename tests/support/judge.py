"""A naive search over records in plain Python: the judge of the catalog's SQL.

Shares only `fold` and the parsed query with the package; it works out intervals by itself.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from coexplorer.assets import parse_asset
from coexplorer.models import Asset, Membership, Record
from coexplorer.query import (
    Ago,
    AllTags,
    Compare,
    Day,
    DayBefore,
    Flag,
    Match,
    Never,
    Query,
    SortKey,
    Term,
    Word,
)
from coexplorer.query import fold as fold_anew
from tests.support.queries import IDS, KEYS, WORDS

fold = lru_cache(maxsize=20_000)(fold_anew)
"""The same few texts, asked for millions of times."""

_HOURS = {"h": 1, "d": 24, "w": 24 * 7, "m": 24 * 30, "y": 24 * 365}


def find_naively(records: Sequence[Record], query: Query, now: float) -> list[str]:
    """Return the ids of the records that `query` finds, in its order."""
    found = [record for record in records if matches(query, record, now)]
    sort = query.sort or (SortKey("created", descending=True),)
    found.sort(key=lambda record: record.asset.id, reverse=sort[-1].descending)
    for key in reversed(sort):
        found.sort(key=lambda record, key=key: _sort_key(record.asset, key.field), reverse=False)  # type: ignore[misc]  # bound at once
        if key.descending:
            found = _reversed_stably(found, key.field)
    return [record.asset.id for record in found]


def matches(query: Query, record: Record, now: float) -> bool:
    """Tell whether a record is found by `query`."""
    if not query.asks_for_archived and record.membership.archived:
        return False
    return all(
        any(_holds(term, record, now) is not term.negated for term in group)
        for group in _group(query)
    )


@lru_cache(maxsize=1)
def _group(query: Query) -> list[list[Term]]:
    """Put together what may hold instead of each other."""
    groups: dict[object, list[Term]] = {}
    for number, term in enumerate(query.terms):
        alike = isinstance(term, Match) and not term.negated
        key = (term.custom, fold(term.field)) if isinstance(term, Match) and alike else number
        groups.setdefault(key, []).append(term)
    return list(groups.values())


def _holds(term: Term, record: Record, now: float) -> bool:  # noqa: PLR0911 - one for each kind
    asset = record.asset
    match term:
        case Word():
            values = [value for key in asset.custom_metadata for value in _values(asset, fold(key))]
            texts = [asset.name, asset.description, *asset.tags, *map(_written, values)]
            begins = len(term.text) >= 6 and asset.id.startswith(term.text.lower())
            return begins or any(fold(term.text) in fold(text) for text in texts)
        case Match(custom=True):
            texts = [_written(value) for value in _values(asset, fold(term.field))]
            return any(fold(term.text) in fold(text) for text in texts)
        case Match():
            return _field_holds(term.field, fold(term.text), asset)
        case AllTags():
            return {fold(tag) for tag in term.tags} <= {fold(tag) for tag in asset.tags}
        case Flag():
            return _flag_holds(term.name, record)
        case Compare(custom=True):
            values = _values(asset, fold(term.field))
            numbers = [one for one in values if type(one) in {int, float}]
            return any(_compares(term, float(number), now) for number in numbers)
        case _:
            given = {
                "size": asset.size_bytes,
                "files": asset.files,
                "created": asset.created,
                "used": asset.last_used,
            }[term.field]
            if given == 0 and term.field == "used":  # never: before every date
                return isinstance(term.value, Never) or term.op in {"<", "<="}
            if given is None:
                return False
            return _compares(term, given, now)


def _values(asset: Asset, key: str) -> list[str | float]:
    found: list[str | float] = []
    for name, value in asset.custom_metadata.items():
        if fold(name) == key and value is not None:
            found += value if isinstance(value, list) else [value]
    return found


def _written(value: str | float) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _field_holds(field: str, text: str, asset: Asset) -> bool:  # noqa: PLR0911 - one a field
    source, made = asset.source, asset.provenance
    inputs = [*asset.contained, *(made.data_assets if made else ())]
    match field:
        case "name" | "description" | "owner" | "mount":
            return text in fold(getattr(asset, field) or "")
        case "type" | "state":
            return fold(getattr(asset, field)) == text
        case "tag":
            return text in [fold(tag) for tag in asset.tags]
        case "bucket":
            return source is not None and fold(source.bucket) == text
        case "prefix":
            return source is not None and fold(source.prefix).startswith(text)
        case "run_script":
            return made is not None and text in fold(made.run_script)
        case "commit_id":
            return made is not None and fold(made.commit).startswith(text)
        case "capsule" | "computation":
            return made is not None and fold(getattr(made, field)).startswith(text)
        case "contained_data_id":
            return any(one.startswith(text) for one in inputs)
        case _:
            return asset.id.startswith(text)


def _flag_holds(name: str, record: Record) -> bool:
    external = record.asset.source is not None and record.asset.source.external
    match name:
        case "any":
            return True
        case "external" | "internal":
            return external is (name == "external")
        case "unused":
            return record.asset.last_used == 0
        case "untagged":
            return not record.asset.tags
        case _:
            return bool(getattr(record.membership, name))


def _compares(term: Compare, number: float, now: float) -> bool:
    first, after = _ends(term.value, now)
    last = after if term.high is None else _ends(term.high, now)[1]
    match term.op:
        case "<":
            return number < first
        case ">":
            return number > first if first == after else number >= after
        case "<=":
            return number <= first if first == after else number < after
        case ">=":
            return number >= first
        case "" if isinstance(term.value, Ago):
            return number >= first
        case _:
            moment = term.value if term.high is None else term.high
            below = number < last if isinstance(moment, Day | DayBefore) else number <= last
            return number >= first and below


def _ends(value: float | Day | DayBefore | Ago | Never, now: float) -> tuple[float, float]:
    if isinstance(value, Ago):
        moment = now - timedelta(hours=value.amount * _HOURS[value.unit]).total_seconds()
        return moment, moment
    if isinstance(value, DayBefore):
        today = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        midnight = today - timedelta(days=value.days)
        return midnight.timestamp(), (midnight + timedelta(days=1)).timestamp()
    if isinstance(value, Day):
        start = datetime(value.year, value.month or 1, value.day or 1, tzinfo=UTC)
        after = start + timedelta(days=1)
        while value.day is None and (
            after.month == start.month if value.month else after.year == start.year
        ):
            after += timedelta(days=1)
        return start.timestamp(), after.timestamp()
    number = 0.0 if isinstance(value, Never) else value
    return number, number


def _sort_key(asset: Asset, field: str) -> tuple[bool, float | str]:
    value: float | str | None = {
        "name": fold(asset.name),
        "created": asset.created,
        "used": asset.last_used,
        "size": asset.size_bytes,
        "files": asset.files,
        "type": asset.type,
        "state": asset.state,
        "owner": fold(asset.owner),
    }[field]
    return (value is not None, 0 if value is None else value)


def _reversed_stably(records: list[Record], field: str) -> list[Record]:
    """Turn an ordered list round, but leave equals in the order that they have."""
    groups: dict[object, list[Record]] = {}
    for record in records:
        groups.setdefault(_sort_key(record.asset, field), []).append(record)
    return [record for group in reversed(groups.values()) for record in group]


def make_records(count: int, seed: int) -> list[Record]:
    """Make records up from the words that `tests.support.queries` asks for."""
    rng = random.Random(seed)

    def words(most: int) -> str:
        return rng.choice(["", " ", "_"]).join(rng.choices(WORDS, k=rng.randint(0, most)))

    def maybe(value: object) -> object:
        return value if rng.random() < 0.8 else None

    records = []
    for number in range(count):
        values = [words(2), rng.randint(-5, 5), rng.uniform(-5, 5), [words(1), words(1)], None]
        values += [rng.random() < 0.5, 1.7e9 * rng.random()]
        obj: dict[str, object] = {
            "id": IDS[number] if number < len(IDS) else f"{rng.getrandbits(32):08x}-{number}",
            "name": words(4) or "x",
            "description": maybe(words(5)),
            "tags": maybe([words(1) or "t" for _ in range(rng.randint(0, 4))]),
            "mount": maybe(words(1)),
            "type": rng.choice(["dataset", "result", "combined", "notebook"]),
            "state": rng.choice(["ready", "ready", "draft", "failed"]),
            "created": maybe(rng.choice([0, 1, rng.randint(0, 1_800_000_000)])),
            "last_used": maybe(rng.choice([0, 0, rng.randint(0, 1_800_000_000)])),
            "size": maybe(rng.choice([0, 5, 12, rng.randint(0, 2**62)])),
            "files": maybe(rng.randint(0, 12)),
            "owner": maybe(words(1)),
            "custom_metadata": {key: rng.choice(values) for key in KEYS if rng.random() < 0.5},
            "source_bucket": maybe(
                {"bucket": words(1), "prefix": words(2), "external": rng.random() < 0.5}
            ),
            "provenance": maybe(
                {
                    "commit": words(1),
                    "run_script": words(2),
                    "capsule": words(1),
                    "computation": words(1),
                    "data_assets": rng.sample(IDS, rng.randint(0, 2)),
                }
            ),
            "contained_data_assets": rng.sample(IDS, rng.randint(0, 2)),
        }
        flags = [rng.choice([None, False, False, True]) for _ in range(4)]
        records.append(Record(parse_asset(obj), Membership(*flags), 1.0))
    return records
