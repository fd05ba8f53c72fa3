"""The platform's answers: replies in both dialects → models (design: api.md).

Pure and tolerant: a strange row or value never breaks a reply. Only a reply of a completely
different shape raises ValueError, which the transport turns into `errors.BadReply`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Sequence
from typing import Final, cast

import msgspec

from coexplorer.api.calls import LARGEST_PAGE
from coexplorer.api.refusal_text import find_page_title
from coexplorer.api.splitting import split_page
from coexplorer.assets import asset_from_json, parse_asset, read_object
from coexplorer.fields import FIELDS, FieldKind, same_value
from coexplorer.lenient_json import decode_exactly, decode_json, encode_json
from coexplorer.metadata.reading import parse_date, parse_number
from coexplorer.models import Asset, AssetId, MetadataField, NewAsset, is_asset_id

_log = logging.getLogger(__name__)
LONGEST_ASSET: Final = 4 * 1024 * 1024
"""Bytes of one asset. In memory, what is made of small pieces takes up to thirty times as much, so
that nothing longer is decoded but into the few shapes that are expected."""

_MANY_COMMAS: Final = 400_000
"""A thousand rows have no more, and no more rows than commas are ever found in a page."""


_NO_LIST: Final = re.compile(rb'"results"\s*:\s*(?:NaN|-?Infinity)')
"""What a lenient decoder takes for null, which means that nothing was found."""


class Envelope(msgspec.Struct, frozen=True):
    """A page whose rows are still JSON: enough to ask for the next one while these are read.

    Attributes:
        rows: One JSON object each; most are views of the page, which is not copied.
        next_token: Where the next page starts; None where the platform gives none.
    """

    rows: tuple[bytes | msgspec.Raw, ...]
    has_more: bool
    next_token: str | None


class _PlainEnvelope(msgspec.Struct):
    results: list[msgspec.Raw] | None
    has_more: bool = False
    next_token: str | None = None


_ENVELOPE: Final = msgspec.json.Decoder(_PlainEnvelope)

_TELLING = ("created", "state", "type")
"""What an answer about one asset holds on every platform (the vendor's own client can't read one
without), however little is known of the asset."""


_TIDIED: Final = (FieldKind.TEXT, FieldKind.MAP)
TOLD_APART: Final = tuple(field for field in FIELDS if field.kind not in _TIDIED)
"""Fields by which a new asset is known again; the platform may tidy a long text or a map."""


def parse_envelope(body: bytes) -> Envelope:
    """Split a page into its rows.

    Raises:
        ValueError: It is no page of results.
    """
    envelope = _parse_page(body)
    if len(envelope.rows) > LARGEST_PAGE:
        raise ValueError("a page of more rows than anybody asks for")
    return envelope


def _parse_page(body: bytes) -> Envelope:
    if body.count(b",") > _MANY_COMMAS:
        return _take_apart(body)
    try:
        page = _ENVELOPE.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _parse_strange_page(body)
    return Envelope(tuple(page.results or ()), page.has_more, page.next_token or None)


def _parse_strange_page(body: bytes) -> Envelope:
    if len(body) > LONGEST_ASSET:
        return _take_apart(body)
    if _NO_LIST.search(body):
        raise ValueError("a page whose results are not a list")
    try:
        page = decode_json(body)
    except ValueError:
        # One row may be nested so deeply that nobody reads the whole.
        return _take_apart(body)
    return _parse_strange_envelope(page)


def _take_apart(body: bytes) -> Envelope:
    """Split a page without decoding its rows: in memory these take many times their length."""
    rest, rows = split_page(body, most=LARGEST_PAGE)
    if len(rest) > LONGEST_ASSET:
        raise ValueError("a page with more beside its rows than in them")
    envelope = _parse_strange_envelope(decode_json(rest))
    return Envelope(rows, envelope.has_more, envelope.next_token)


def _parse_strange_envelope(page: object) -> Envelope:
    if isinstance(page, list) and page:
        page = {"results": page}
    if not isinstance(page, dict) or "results" not in page:
        raise ValueError("a page without results")
    results = page["results"] if page["results"] is not None else []
    if not isinstance(results, list):
        raise ValueError("a page whose results are not a list")
    has_more = page.get("has_more", page.get("hasMore"))
    token = page.get("next_token", page.get("nextToken"))
    return Envelope(
        tuple(_encode_row(row) for row in results),
        has_more is True or has_more in (1, "true"),
        str(token) if isinstance(token, (str, int)) and token != "" else None,
    )


def _encode_row(row: object) -> bytes:
    try:
        return encode_json(row)
    except ValueError:
        return b"null"  # counts as a row that names no asset


def parse_rows(rows: Sequence[bytes | msgspec.Raw]) -> tuple[Asset, ...]:
    """Read a page's rows; those without a usable id name no asset and are left out."""
    assets = []
    for row in rows:
        try:
            assets.append(_parse_row(bytes(row)))
        except ValueError as error:
            _log.info("left out a row of a search: %s", error)
    return tuple(assets)


def _parse_row(row: bytes) -> Asset:
    if len(row) > LONGEST_ASSET:
        raise ValueError("it is too long")
    return asset_from_json(row)


class _Named(msgspec.Struct):
    """Of an asset, what says which one it is."""

    id: str


_NAMED: Final = msgspec.json.Decoder(_Named)


def parse_ids(rows: Sequence[bytes | msgspec.Raw]) -> tuple[AssetId, ...]:
    """Read only the ids of a page's rows, of the ones that `parse_rows` keeps."""
    ids: list[AssetId] = []
    for row in rows:
        if len(memoryview(row)) > LONGEST_ASSET:
            continue
        try:
            text = _NAMED.decode(row).id
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            ids.extend(asset.id for asset in parse_rows([row]))
        else:
            if is_asset_id(text):
                ids.append(AssetId(text))
    return tuple(ids)


def _read_whole(body: bytes) -> tuple[Asset, dict[str, object]]:
    """Read an answer about one asset; return it, and the object that it was read from.

    An edit sends all fields back as it has read them, so what the answer lost would be emptied on
    the platform: each platform says at least one of `_TELLING`. A value of another kind than
    expected is no loss: it goes back as it came (`assets.encode_changed`).

    Raises:
        ValueError: It is no asset, or not a whole one.
    """
    obj, raw, odd = read_object(body)
    asset = parse_asset(obj, raw=raw, odd=odd)
    if all(obj.get(name) is None for name in _TELLING):
        raise ValueError("it is only part of an asset")
    return asset, obj


def read_asset_of(asset_id: AssetId) -> Callable[[bytes], Asset]:
    """Return the reader of the answer to a get or an update of an asset.

    It raises ValueError where the answer is no asset, or another one: a cache or a proxy in between
    mixed the replies up, and believing it would show or change the wrong asset.
    """

    def read(body: bytes) -> Asset:
        asset, _ = _read_whole(body)
        if asset.id != asset_id:
            raise ValueError("it is about another asset")
        return asset

    return read


def read_created(new: NewAsset, since: float) -> Callable[[bytes], Asset]:
    """Return the reader of the answer to a create that was sent at `since`, in epoch seconds.

    It raises ValueError where the answer is no asset, one that was there before, or another new
    one: what it says of the editable fields is what was asked for.
    """

    def read(body: bytes) -> Asset:
        asset, said = _read_whole(body)
        if asset.created is not None and asset.created < since:
            raise ValueError("it is about an asset that existed before")
        for field in TOLD_APART:
            if said.get(field.key) is not None and not same_value(new, asset, field.name):
                raise ValueError(f"it is about an asset with another {field.title}")
        return asset

    return read


def read_done_of(asset_id: AssetId) -> Callable[[bytes], None]:
    """Return the reader of what archive and delete answer.

    Any body will do, or none (design: api.md, Calls), but for a web page, which is not the
    platform's however well it means, and for another asset: these raise ValueError.
    """

    def read(body: bytes) -> None:
        if find_page_title(body):
            raise ValueError("a web page")
        try:
            reply = decode_json(body)
        except ValueError:
            if body.lstrip()[:1] in (b"{", b"[") or body.lstrip()[:5] == b"<?xml":
                raise ValueError("it is only part of an answer") from None
            return
        if isinstance(reply, dict) and reply.get("id") not in (None, asset_id):
            raise ValueError("it is about another asset")

    return read


def parse_metadata_schema(body: bytes) -> tuple[MetadataField, ...]:
    """Read the deployment's custom metadata fields; those without a name are left out.

    Raises:
        ValueError: It is no schema, or one that nobody could fill in.
    """
    reply = decode_reply(body)
    fields = reply.get("fields")
    if "fields" not in reply or not isinstance(fields, list | None):
        raise ValueError("a schema without a list of fields")
    if fields is not None and len(fields) > _MOST_FIELDS:
        raise ValueError(f"a schema of more than {_MOST_FIELDS:,} fields")
    found = [
        _metadata_field(item)
        for item in fields or ()
        if isinstance(item, dict) and isinstance(item.get("name"), str) and item["name"]
    ]
    if fields and not found:
        raise ValueError("a schema whose fields have no names")
    return tuple({field.name: field for field in found}.values())


_MOST_FIELDS: Final = 2_000
"""Fields of a schema, many times what a form can show."""

_METADATA_TYPES: Final = ("string", "number", "date")


def _metadata_field(item: dict[str, object]) -> MetadataField:
    def text(key: str) -> str:
        value = item.get(key)
        return value if isinstance(value, str) else ""

    kind = text("type").lower()
    kind = kind if kind in _METADATA_TYPES else "string"
    category = item.get("category")
    if isinstance(category, dict):
        category = category.get("name")
    limits = item.get("range")
    low, high = (
        (_limit(limits.get("min")), _limit(limits.get("max")))
        if isinstance(limits, dict)
        else (None, None)
    )
    values = item.get("allowed_values")
    allowed = [
        _allowed_value(kind, value)
        for value in (values if isinstance(values, list) else ())
        if isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""
    ]
    return MetadataField(
        name=text("name"),
        type=kind,
        required=item.get("required") in (True, "true"),
        units=text("units"),
        category=category if isinstance(category, str) else "",
        multiple=item.get("multiple") in (True, "true"),
        allowed_values=tuple(dict.fromkeys(allowed)),
        minimum=low,
        maximum=high,
    )


def _limit(value: object) -> int | float | None:
    """Read one end of a range; a number may come as text."""
    if isinstance(value, str):
        value = parse_number(value)
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    return int(value) if float(value).is_integer() else value


def _allowed_value(kind: str, value: str | float) -> str | int | float:
    """Read an allowed value as assets have it, in whatever type the schema has it."""
    if kind == "string":
        return value if isinstance(value, str) else str(value)
    if not isinstance(value, str):
        return value
    number = parse_date(value) if kind == "date" else parse_number(value)
    return value if number is None else number


def decode_exact_reply(body: bytes) -> dict[str, object]:
    """Decode a reply whose texts may be names of files: broken ones stay as they came.

    Raises:
        ValueError: It is not a JSON object.
    """
    reply = decode_exactly(body)
    if not isinstance(reply, dict):
        raise ValueError("a reply that is not a JSON object")
    return cast("dict[str, object]", reply)


def decode_reply(body: bytes) -> dict[str, object]:
    """Decode a reply.

    Raises:
        ValueError: It is not a JSON object.
    """
    reply = decode_json(body)
    if not isinstance(reply, dict):
        raise ValueError("a reply that is not a JSON object")
    return cast("dict[str, object]", reply)
