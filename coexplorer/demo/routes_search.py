"""Search, in each dialect: ``GET data_assets`` (legacy) and ``POST data_assets/search``."""

from __future__ import annotations

from typing import Literal

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response

from coexplorer.demo.asset import User
from coexplorer.demo.bodies import decode_body
from coexplorer.demo.deployment import get_deployment, sign_in
from coexplorer.demo.dialects import LATER_TYPES, encode_page
from coexplorer.demo.replies import Refusal, build_raw_reply
from coexplorer.demo.search import BadToken, Filter, Found, Search, run_search

MAX_LIMIT = 1_000
"""Largest page (manual)."""

LEGACY_LIMIT = 20
CURRENT_LIMIT = 100
"""Page sizes when the request names none."""

WALL = 10_000
"""Results that an offset reaches without ``next_token`` (design: api.md, Search parameters)."""

_LARGEST_OFFSET = 2**63 - 1

_SORT_FIELDS = ("created", "type", "name", "size")
_LEGACY_OWNERSHIP = {"owner": "created", "shared": "shared"}


class SearchBody(msgspec.Struct, frozen=True):
    """Body of a current search; null is the same as left out."""

    query: str | None = None
    next_token: str | None = None
    offset: int | None = None
    limit: int | None = None
    sort_field: Literal["created", "type", "name", "size"] | None = None
    sort_order: Literal["asc", "desc"] | None = None
    type: Literal["dataset", "result", "combined", "model"] | None = None
    ownership: Literal["created", "shared", "private"] | None = None
    origin: Literal["internal", "external"] | None = None
    favorite: bool | None = None
    archived: bool | None = None
    filters: list[Filter] | None = None


async def search_legacy(request: Request) -> Response:
    """Answer ``GET data_assets``: offsets up to the wall, no token.

    Nothing says that there is a wall: what lies behind it is left out, as if there were no more.
    """
    user = sign_in(request).user
    return _search_to_the_wall(request, user, parse_legacy_search(request.query_params))


async def search_without_token(request: Request) -> Response:
    """Answer ``POST data_assets/search`` as before 3.1: no ``next_token`` is given, or taken.

    That the wall is as silent there as on older platforms is a guess.
    """
    user = sign_in(request).user
    search = parse_current_search(await request.body())
    if search.type in LATER_TYPES:
        raise Refusal(400, "bad request: type must be one of dataset, result")
    return _search_to_the_wall(
        request, user, msgspec.structs.replace(search, hidden_types=LATER_TYPES, token=None)
    )


def _search_to_the_wall(request: Request, user: User, search: Search) -> Response:
    within = max(0, min(search.limit, WALL - search.offset))
    deployment = get_deployment(request)
    found = Found([], None)
    if within:
        search = msgspec.structs.replace(search, limit=within)
        found = run_search(deployment.store, user.email, search)
    objects = [deployment.describe(asset) for asset in found.assets]
    has_more = found.token is not None and search.offset + within < WALL
    return build_raw_reply(encode_page(objects, has_more=has_more, token=None))


async def search_current(request: Request) -> Response:
    """Answer ``POST data_assets/search``."""
    user = sign_in(request).user
    search = parse_current_search(await request.body())
    deployment = get_deployment(request)
    try:
        found: Found = run_search(deployment.store, user.email, search)
    except BadToken as error:
        raise Refusal(400, str(error)) from error
    objects = [deployment.describe(asset) for asset in found.assets]
    return build_raw_reply(
        encode_page(objects, has_more=found.token is not None, token=found.token)
    )


def parse_current_search(body: bytes) -> Search:
    """Read the body of a current search; an empty one asks for everything.

    Raises:
        Refusal: 400.
    """
    asked = decode_body(body, SearchBody)
    for each in asked.filters or ():
        _check_filter(each)
    return Search(
        query=asked.query or "",
        type=asked.type,
        ownership=asked.ownership,
        origin=asked.origin,
        favorite=asked.favorite or False,
        archived=asked.archived,
        filters=asked.filters or (),
        sort_field=asked.sort_field,
        descending=asked.sort_order == "desc",
        offset=_checked_offset("offset", asked.offset),
        limit=_checked_limit(asked.limit, CURRENT_LIMIT),
        token=asked.next_token or None,
    )


def parse_legacy_search(params: QueryParams) -> Search:
    """Read the parameters of a legacy search; an empty one is the same as left out.

    Raises:
        Refusal: 400.
    """
    sort_field = _one_of(params, "sort_field", _SORT_FIELDS)
    ownership = _one_of(params, "ownership", tuple(_LEGACY_OWNERSHIP))
    return Search(
        query=params.get("query", ""),
        type=_one_of(params, "type", ("dataset", "result")),
        ownership=_LEGACY_OWNERSHIP[ownership] if ownership else None,
        favorite=parse_flag(params, "favorite") or False,
        archived=parse_flag(params, "archived"),
        sort_field=sort_field,
        descending=_one_of(params, "sort_order", ("asc", "desc")) == "desc",
        offset=_checked_offset("start", _whole_number(params, "start")),
        limit=_checked_limit(_whole_number(params, "limit"), LEGACY_LIMIT),
    )


def parse_flag(params: QueryParams, key: str) -> bool | None:
    """Read a boolean parameter in any case, None when it is left out.

    Raises:
        Refusal: 400.
    """
    text = params.get(key, "").lower()
    if text not in ("", "true", "false"):
        raise Refusal(400, f"bad request: {key} must be true or false")
    return text == "true" if text else None


def _one_of(params: QueryParams, key: str, allowed: tuple[str, ...]) -> str | None:
    text = params.get(key, "")
    if text and text not in allowed:
        raise Refusal(400, f"bad request: {key} must be one of {', '.join(allowed)}")
    return text or None


def _whole_number(params: QueryParams, key: str) -> int | None:
    text = params.get(key, "")
    if not text:
        return None
    try:
        return int(text)
    except ValueError as error:
        raise Refusal(400, f"bad request: {key} must be a whole number") from error


def _checked_limit(limit: int | None, default: int) -> int:
    if limit is None:
        return default
    if not 1 <= limit <= MAX_LIMIT:
        raise Refusal(400, f"bad request: limit must be from 1 to {MAX_LIMIT}")
    return limit


def _checked_offset(key: str, offset: int | None) -> int:
    if (offset or 0) < 0:
        raise Refusal(400, f"bad request: {key} must not be negative")
    return min(offset or 0, _LARGEST_OFFSET)


def _check_filter(each: Filter) -> None:
    bounds = (each.range.min, each.range.max) if each.range else ()
    if each.range and bounds == (None, None):
        raise Refusal(400, "bad request: a range needs one of min and max")
    given = [part for part in (each.value, each.values or None, each.range) if part is not None]
    if not each.key or len(given) != 1:
        raise Refusal(400, "bad request: a filter has a key and one of value, values and range")
