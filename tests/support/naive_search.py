"""A naive search over records in plain Python: the judge of the catalog's SQL.

Shares only `fold` and the parsed query with the package; it works out intervals by itself.
"""

from __future__ import annotations

import random
import re
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
    Has,
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


def _holds(term: Term, record: Record, now: float) -> bool:  # noqa: C901,PLR0911 - one for each kind
    asset = record.asset
    match term:
        case Word():
            values = [value for key in asset.custom_metadata for value in _values(asset, fold(key))]
            texts = [asset.name, asset.description, *asset.tags, *map(_written, values)]
            begins = len(term.text) >= 6 and asset.id.startswith(term.text.lower())
            return begins or any(fold(term.text) in fold(text) for text in texts)
        case Match(custom=True):
            values = _values(asset, fold(term.field))
            return any(
                _text_holds(term.how or "contains", fold(term.text), fold(_written(value)))
                or (type(value) in {int, float} and _means(term, float(value), now))
                for value in values
            )
        case Match():
            if term.field == "owner" and _is_owner_id(term, asset):
                return True
            way = term.how or _WAYS.get(term.field, "contains")
            texts = [fold(text) for text in _field_texts(term.field, asset)]
            return any(_text_holds(way, fold(term.text), text) for text in texts)
        case Has(custom=True):
            return any(_written(value) for value in _values(asset, fold(term.field)))
        case Has():
            return _says(term.field, asset)
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


def _is_owner_id(term: Match, asset: Asset) -> bool:
    text = term.text.lower()
    if term.how == "whole":
        return text == asset.owner_id
    return term.how != "glob" and len(text) >= 6 and asset.owner_id.startswith(text)


_WAYS = {
    "type": "whole", "state": "whole", "tag": "whole", "bucket": "whole", "prefix": "starts",
    "commit_id": "starts", "capsule": "starts", "computation": "starts", "id": "starts",
    "contained_data_id": "starts",
}  # fmt: skip
_MADE = {"commit_id": "commit", "run_script": "run_script"}


def _field_texts(field: str, asset: Asset) -> list[str]:
    """Return what an asset says in a field; an empty text is none."""
    source, made = asset.source, asset.provenance
    match field:
        case "tag":
            return list(asset.tags)
        case "bucket" | "prefix":
            found = getattr(source, field, "")
        case "run_script" | "commit_id" | "capsule" | "computation":
            found = getattr(made, _MADE.get(field, field), "")
        case "contained_data_id":
            return [*asset.contained, *(made.data_assets if made else ())]
        case _:
            found = getattr(asset, field) or ""
    return [found] if found else []


def _text_holds(way: str, wanted: str, text: str) -> bool:
    match way:
        case "contains":
            return wanted in text
        case "starts":
            return text.startswith(wanted)
        case "whole":
            return text == wanted
        case _:
            return text != "" and _glob(wanted).fullmatch(text) is not None


@lru_cache(maxsize=200)
def _glob(pattern: str) -> re.Pattern[str]:
    signs = {"*": ".*", "?": "."}
    return re.compile("".join(signs.get(one) or re.escape(one) for one in pattern), re.DOTALL)


def _means(term: Match, number: float, now: float) -> bool:
    """Tell whether the number of a value is what a text says: a day, or a number after ``=``."""
    if term.how in {"starts", "glob"}:
        return False
    date = re.fullmatch(r"(\d{4})-(\d{1,2})(?:-(\d{1,2}))?", term.text)
    ago = re.fullmatch(r"-?(\d+)([hdwmy])", term.text)
    if date is not None and 1 <= int(date[2]) <= 12:
        ends = _ends(Day(*(int(part) for part in date.groups() if part)), now)
    elif term.text in {"today", "yesterday"}:
        ends = _ends(DayBefore(("today", "yesterday").index(term.text)), now)
    elif ago is not None and not term.how:
        return number >= _ends(Ago(int(ago[1]), ago[2]), now)[0]  # type: ignore[arg-type]  # as matched
    elif term.how and re.fullmatch(r"-?(?!0\d)\d+(\.\d+)?(e\d+)?", term.text):
        return number == float(term.text)
    else:
        return False
    return ends[0] <= number < ends[1]


def _says(field: str, asset: Asset) -> bool:
    match field:
        case "metadata":
            values = [value for key in asset.custom_metadata for value in _values(asset, fold(key))]
            return any(map(_written, values))
        case "size" | "files" | "created":
            known = {"size": asset.size_bytes}.get(field, getattr(asset, field, None))
            return known is not None
        case "used":
            return asset.last_used is not None and asset.last_used > 0
        case _:
            return bool(_field_texts(field, asset))


def _flag_holds(name: str, record: Record) -> bool:
    external = record.asset.source is not None and record.asset.source.external
    match name:
        case "any":
            return True
        case "writable":
            return bool(record.membership.mine)
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
            "owner_email": maybe(words(1)),
            "owner": maybe(rng.choice(IDS[:5])),
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
