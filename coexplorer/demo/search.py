"""The platform's search: its query syntax, filters, order and paging, as SQL over the store.

Where the manual is silent, this says what the platform was seen to do, or a guess (marked so).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence

import msgspec

from coexplorer.demo.asset import StoredAsset
from coexplorer.demo.people import find_groups
from coexplorer.demo.store import EVERYONE, FINDERS, SEPARATOR, Store

NAME_LIMIT = 20
"""The platform finds nothing for an unquoted ``name:`` longer than this (design: api.md)."""

TERM = re.compile(
    r"""(?:(?P<field>name|tag|run_script|commit_id|contained_data_id):)?
        (?:"(?P<phrase>[^"]*)"?|(?P<word>\S+))""",
    re.VERBOSE | re.IGNORECASE,
)
_COLUMNS = {"name": "name_key", "run_script": "run_script_key"}
_SORT_COLUMNS = {"created": "created", "type": "type", "name": "name_key", "size": "size"}
_FREE_TEXT = ("name_key", "tags_key", "description_key", "custom_key")
# Emails and the like as JSON, since their number is not known.
_READER = (
    "EXISTS (SELECT 1 FROM reader WHERE reader.seq = asset.seq"
    " AND reader.email IN (SELECT value FROM json_each({})))"
)
_VISIBLE = f"(owner = :me OR {_READER.format(':as_finder')})"
_KNOWN_SHARING = "(SELECT shared FROM sharing WHERE sharing.seq = asset.seq AND email = :me)"
_NOT_MINE = f"owner <> :me AND {_READER.format(':as_reader')}"
_OWNERSHIP = {
    "created": "owner = :me",
    # What can only be found is not shared (a guess).
    "shared": f"coalesce({_KNOWN_SHARING}, {_NOT_MINE})",
    "private": "owner = :me AND NOT EXISTS (SELECT 1 FROM reader WHERE reader.seq = asset.seq)",
}
_EACH_VALUE = (
    "json_each(asset.custom) AS field, json_each(CASE field.type WHEN 'array' THEN field.value"
    " ELSE json_array(field.value) END) AS each"
)
_LARGEST_INTEGER = 2**63 - 1


class BadToken(ValueError):
    """A ``next_token`` that no search of this kind gave."""


class Range(msgspec.Struct, frozen=True):
    """Bounds of a number, both included."""

    min: float | None = None
    max: float | None = None


class Filter(msgspec.Struct, frozen=True):
    """A condition on one field (current platforms).

    Attributes:
        key: ``name``, ``description``, ``tags`` or a field of the custom metadata.
        exclude: Leave out what fits.
    """

    key: str
    value: str | float | None = None
    values: list[str | float] | None = None
    range: Range | None = None
    exclude: bool | None = None


class Search(msgspec.Struct, frozen=True, kw_only=True):
    """One search, in neither dialect.

    Attributes:
        ownership: ``created``, ``shared``, ``private``, or None for all that can be seen.
        hidden_types: Types of which nothing is found.
        favorite: False is no restriction.
        archived: None is no restriction.
        sort_field: None is the newest first (a guess).
        token: Where the last page ended; wins over the offset.
    """

    query: str = ""
    type: str | None = None
    hidden_types: Sequence[str] = ()
    ownership: str | None = None
    origin: str | None = None
    favorite: bool = False
    archived: bool | None = None
    filters: Sequence[Filter] = ()
    sort_field: str | None = None
    descending: bool = False
    offset: int = 0
    limit: int = 100
    token: str | None = None


class Found(msgspec.Struct, frozen=True):
    """A page. `token` is where the next one starts, None after the last."""

    assets: list[StoredAsset]
    token: str | None


class _Values:
    """Named parameters of one SQL statement."""

    def __init__(self, email: str) -> None:
        reader = [email, *(EVERYONE + group for group in ("", *find_groups(email)))]
        finder = [*reader, *(FINDERS + group for group in ("", *find_groups(email)))]
        self.named: dict[str, object] = {
            "me": email,
            "as_reader": msgspec.json.encode(reader).decode(),
            "as_finder": msgspec.json.encode(finder).decode(),
        }

    def add(self, value: object) -> str:
        name = f"v{len(self.named)}"
        self.named[name] = value
        return f":{name}"


def run_search(store: Store, email: str, search: Search) -> Found:
    """Return the page of what a user can see and asked for.

    Raises:
        BadToken: The token is none, or one of a search in another order.
    """
    values = _Values(email)
    where = [_VISIBLE, *_conditions(search, values)]
    field = search.sort_field or "created"
    descending = search.descending if search.sort_field else True
    column = _SORT_COLUMNS[field]
    order = f"{field}-{'desc' if descending else 'asc'}"
    offset = search.offset
    if search.token:
        key, seq = _parse_token(search.token, order)
        sign = "<" if descending else ">"
        where.append(f"({column}, seq) {sign} ({values.add(key)}, {values.add(seq)})")
        offset = 0
    way = "DESC" if descending else "ASC"
    rows = store.select(
        where,
        f"ORDER BY {column} {way}, seq {way}"
        f" LIMIT {values.add(search.limit + 1)} OFFSET {values.add(offset)}",
        values.named,
    )
    page = rows[: search.limit]
    token = None
    if len(rows) > search.limit and page:
        seq, last = page[-1]
        token = _build_token(order, _sort_key(last, field), seq)
    return Found([asset for _, asset in page], token)


def _conditions(search: Search, values: _Values) -> list[str]:
    where = _query_conditions(search.query, values)
    if search.type is not None:
        # The plus keeps SQLite from this column's index: the one of the order is the faster way.
        where.append(f"+type = {values.add(search.type)}")
    if search.hidden_types:
        hidden = ", ".join(values.add(each) for each in search.hidden_types)
        where.append(f"+type NOT IN ({hidden})")
    if search.ownership is not None:
        where.append(_OWNERSHIP[search.ownership])
    if search.origin is not None:
        where.append(f"external = {values.add(search.origin == 'external')}")
    if search.favorite:
        where.append(
            "EXISTS (SELECT 1 FROM favorite"
            " WHERE favorite.seq = asset.seq AND favorite.email = :me)"
        )
    if search.archived is not None:
        where.append(f"archived = {values.add(search.archived)}")
    where.extend(_filter_condition(each, values) for each in search.filters)
    return where


def _query_conditions(query: str, values: _Values) -> list[str]:
    """Same field repeated: either; different fields and all free words: every one (manual)."""
    alternatives: dict[str, list[str]] = {}
    where = []
    for match in TERM.finditer(query):
        phrase = match["phrase"]
        text = (phrase if phrase is not None else match["word"]).casefold()
        if not text:
            continue
        if match["field"] is None:
            parameter = values.add(text)
            found = " OR ".join(f"instr({column}, {parameter})" for column in _FREE_TEXT)
            where.append(f"({found})")
            continue
        field = match["field"].lower()
        condition = _field_condition(field, text, values, quoted=phrase is not None)
        alternatives.setdefault(field, []).append(condition)
    where.extend(f"({' OR '.join(each)})" for each in alternatives.values())
    return where


def _field_condition(field: str, text: str, values: _Values, *, quoted: bool) -> str:
    if field == "tag":
        # A guess, by the manual's example "tag:bioinforma": the beginning of a tag is enough. The
        # client's own language compares whole tags, and judges the platform's answer again.
        return f"instr(tags_key, {values.add(SEPARATOR + text)})"
    if field == "commit_id":
        return f"instr(commit_key, {values.add(text)}) = 1"
    if field == "contained_data_id":
        return f"instr(contained_key, {values.add(SEPARATOR + text + SEPARATOR)})"
    if field == "name" and not quoted and len(text) > NAME_LIMIT:
        return "FALSE"
    return f"instr({_COLUMNS[field]}, {values.add(text)})"


def _filter_condition(each: Filter, values: _Values) -> str:
    wanted = [*(each.values or ()), *(() if each.value is None else (each.value,))]
    parts = []
    if wanted:
        parts.append("(" + " OR ".join(_value_condition(each.key, v, values) for v in wanted) + ")")
    if each.range is not None:
        parts.append(_range_condition(each.key, each.range, values))
    condition = " AND ".join(parts) or "TRUE"
    return f"NOT ({condition})" if each.exclude else f"({condition})"


def _value_condition(key: str, value: str | float, values: _Values) -> str:
    text = str(value).casefold()
    if key == "tags":
        return f"instr(tags_key, {values.add(SEPARATOR + text + SEPARATOR)}) > 0"
    if key in ("name", "description"):
        return f"instr({key}_key, {values.add(text)}) > 0"
    name = values.add(key)
    wanted = values.add(text if isinstance(value, str) else value)
    # lower() folds ASCII alone, which is enough for the values of a schema.
    found = f"each.value = {wanted} OR lower(each.value) = {wanted}"
    return f"EXISTS (SELECT 1 FROM {_EACH_VALUE} WHERE field.key = {name} AND ({found}))"  # noqa: S608 - names of parameters


def _range_condition(key: str, bounds: Range, values: _Values) -> str:
    parts = [f"field.key = {values.add(key)}", "each.type IN ('integer', 'real')"]
    if bounds.min is not None:
        parts.append(f"each.value >= {values.add(bounds.min)}")
    if bounds.max is not None:
        parts.append(f"each.value <= {values.add(bounds.max)}")
    return f"EXISTS (SELECT 1 FROM {_EACH_VALUE} WHERE {' AND '.join(parts)})"  # noqa: S608 - likewise


def _sort_key(asset: StoredAsset, field: str) -> str | int:
    if field == "created":
        return asset.created
    if field == "size":
        return asset.size or 0
    return asset.name.casefold() if field == "name" else asset.type


def _build_token(order: str, key: str | int, seq: int) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((order, key, seq))).decode()


def _parse_token(token: str, order: str) -> tuple[str | int, int]:
    try:
        raw = base64.urlsafe_b64decode(token.encode())
        given, key, seq = msgspec.json.decode(raw, type=tuple[str, str | int, int])
    except ValueError as error:
        raise BadToken("next_token is not valid") from error
    if given != order:
        raise BadToken("next_token belongs to a search in another order")
    numbers = (each for each in (key, seq) if isinstance(each, int))
    if any(abs(number) > _LARGEST_INTEGER for number in numbers):
        raise BadToken("next_token is not valid")
    return key, seq
