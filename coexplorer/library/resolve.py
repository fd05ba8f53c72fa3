"""Which asset a person means.

People give a whole name, a whole id, or the start of an id. Part of a name is never taken for the
name: derived assets' names begin with the raw asset's name, so the wrong asset would be hit as soon
as the right one is gone. It only produces a hint.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

import anyio
import msgspec

from coexplorer.errors import AmbiguousAsset, CoexplorerError, NotFound, Refused, UnknownAssets
from coexplorer.library.context import Context
from coexplorer.library.exception_groups import plain_errors
from coexplorer.library.named_assets import Named, holds_id, is_sayable, is_whole_id
from coexplorer.library.remote import search_remote
from coexplorer.library.settle import name_query
from coexplorer.library.sync import Sync
from coexplorer.models import AssetId, Membership, Row, SearchRequest
from coexplorer.query import fold

SHORTEST_ID = 6
"""Characters of the beginning of an id that are enough to change the asset."""

_BEGINNING = re.compile(r"[0-9a-f][0-9a-f-]{0,35}", re.IGNORECASE)
_ID_LENGTH = 36
_ASKED_SINGLY = 10
"""More that are not known are looked for by one sweep of the platform."""
_GETS_AT_ONCE = 8
_HINTS = 3
_HINTED = 20
"""Up to this many names that are not found get a closer look: ask, and suggest."""

_Found = dict[AssetId, str]
"""Ids with names."""


class Resolved(msgspec.Struct, frozen=True):
    """An asset that somebody meant.

    Attributes:
        name: As far as it is known here.
        by_name: It was given by its name, which others may give to another asset.
        is_guess: Only a beginning of its name, or a short one of its id, was given.
    """

    named: Named
    asset_id: AssetId
    name: str
    by_name: bool
    is_guess: bool


class Resolver:
    """Finds assets by names, ids and beginnings of ids.

    Args:
        context: What the session's modules share.
        sync: Reads the platform again when much of a list is not known.
    """

    def __init__(self, context: Context, sync: Sync) -> None:
        self._context = context
        self._sync = sync

    async def resolve(self, text: str, *, guess: bool = False) -> AssetId:
        """See `Assets.resolve`."""
        return (await self.resolve_all([Named((text,))], guess=guess))[0].asset_id

    async def resolve_all(self, named: Sequence[Named], *, guess: bool = False) -> list[Resolved]:
        """See `Assets.resolve_all`."""
        found = await self._find(named)
        named = [each for each in named if found[each] or not each.may_be_none]
        missing = [each for each in named if not found[each]]
        if missing and not self._context.offline:
            found |= await self._look_again(missing)
            found |= await self._ask([each for each in missing if not found[each]])
        problems: list[tuple[Named, CoexplorerError]] = []
        guessed: set[Named] = set()
        for each in named:
            if not found[each] and guess:
                guessed.add(each)
                found[each] = await self._guess(each)
            if each.may_be_title:
                problems.append((each, _tell_title(each)))
            elif len(found[each]) != 1:
                hinted = len(problems) < _HINTED
                similar = await self._find_similar(each.text) if hinted else []
                problems.append((each, _explain(each, found[each], similar)))
        if len(problems) == len(named) == 1 and not named[0].line:
            raise problems[0][1]
        if problems:
            unclear = sum(not isinstance(error, NotFound) for _, error in problems)
            raise UnknownAssets([_tell(*each) for each in problems], of=len(named), unclear=unclear)
        resolved: dict[AssetId, Resolved] = {}
        for each in named:
            ((asset_id, name),) = found[each].items()
            by_name = not any(asset_id.startswith(text.lower()) for text in each.spellings)
            resolved.setdefault(asset_id, Resolved(each, asset_id, name, by_name, each in guessed))
        return list(resolved.values())

    async def look_for_names(self, names: Sequence[str]) -> None:
        """See `Assets.look_for_names`."""
        client = await self._context.client()
        for name in names:
            query = name_query(name) if is_sayable(name) else ""
            if not query:
                continue
            async for page in client.iter_pages(SearchRequest(query=query, archived=None)):
                for asset in page:
                    if _compose(asset.name) == _compose(name):
                        await self._context.remember(asset)
                break  # of a name that thousands begin with: a change can't wait for them all

    async def _find(self, named: Sequence[Named]) -> dict[Named, _Found]:
        """Look into the catalog, with a query for each way of naming an asset."""
        run, catalog = self._context.run, self._context.catalog
        ids = [text.lower() for each in named for text in each.spellings if is_whole_id(text)]
        ids += [
            text for each in named if each.is_id and each.text.isascii() for text in each.spellings
        ]
        names = [text for each in named if not each.is_id for text in each.spellings]
        beginnings = [text.lower() for text in names if _is_beginning(text)]
        by_id = _group(
            (row.id, row) for row in await run(catalog.rows, [AssetId(each) for each in ids])
        )
        by_name = _group((_compose(row.name), row) for row in await run(catalog.find_named, names))
        by_beginning = _group(await run(catalog.find_beginnings, beginnings))
        found: dict[Named, _Found] = {}
        for each in named:
            rows: list[Row] = []
            for text in each.spellings:
                rows += by_id.get(text.lower(), [])
                if not each.is_id:
                    rows += by_name.get(_compose(text), [])
                    rows += by_beginning.get(text.lower(), [])
            found[each] = {row.id: row.name for row in rows}
        return found

    async def _look_again(self, named: Sequence[Named]) -> dict[Named, _Found]:
        """Read what many of a list, or the beginning of an id, are asked of: no search knows."""
        if len(named) > _ASKED_SINGLY:
            await self._sync.sweep()
        elif any(_is_beginning(text) for each in named for text in each.spellings):
            await self._sync.refresh()
        return await self._find(named)

    async def _ask(self, named: Sequence[Named]) -> dict[Named, _Found]:
        """Ask the platform for what the catalog does not know, and remember it.

        Once a number of them is known to be missing, nothing will be done: no more are asked for.
        """
        found: dict[Named, _Found] = {each: {} for each in named}
        todo = iter(named)
        missing = 0

        async def work() -> None:
            nonlocal missing
            for each in todo:  # shared: each worker takes the next one
                if missing >= _HINTED:
                    return
                for text in each.spellings:
                    found[each] |= await self._ask_one(text, is_id=each.is_id)
                missing += not found[each]

        with plain_errors():
            async with anyio.create_task_group() as group:
                for _ in range(min(_GETS_AT_ONCE, len(named))):
                    group.start_soon(work)
        return found

    async def _ask_one(self, text: str, *, is_id: bool) -> _Found:
        if is_whole_id(text):
            try:
                asset = (await self._context.fetch(AssetId(text.lower()))).asset
            except NotFound:
                return {}
            return {asset.id: asset.name}
        found: _Found = {}
        if is_id or not text.strip() or not is_sayable(text):
            return found
        for archived in (False, True):
            request = SearchRequest(query=name_query(text), archived=archived)
            async for asset in search_remote(self._context, request):
                if _compose(asset.name) == _compose(text):
                    await self._context.remember(asset, Membership(archived=archived))
                    found[asset.id] = asset.name
        return found

    async def _guess(self, named: Named) -> _Found:
        """Accept a beginning, for commands that only look."""
        rows = await self._find_beginning(named.text)
        same = [row for row in rows if fold(row.name) == fold(named.text)]
        return {row.id: row.name for row in same or rows}

    async def _find_beginning(self, text: str) -> list[Row]:
        if not text.strip():
            return []
        return await self._context.run(self._context.catalog.find_by_prefix, text)

    async def _find_similar(self, text: str) -> list[Row]:
        """Return a few assets that may have been meant."""
        found = await self._find_beginning(text)
        if not found and text.strip():
            found = await self._context.run(
                self._context.catalog.find_containing, text.strip(), limit=_HINTS + 1
            )
        return found


def _is_beginning(text: str) -> bool:
    return SHORTEST_ID <= len(text) < _ID_LENGTH and _BEGINNING.fullmatch(text) is not None


def _compose(text: str) -> str:
    """Return a name as it is compared: the same letters are the same, however they are encoded."""
    return unicodedata.normalize("NFC", text)


def _group(pairs: Iterable[tuple[str, Row]]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for key, row in pairs:
        groups.setdefault(key, []).append(row)
    return groups


def _explain(named: Named, found: _Found, similar: Sequence[Row]) -> CoexplorerError:
    text = named.text
    if found:
        return AmbiguousAsset(text, list(found.items()))
    short = f"{text[:80]}…" if len(text) > 80 else text  # noqa: PLR2004 - a line of a terminal
    hint = "give its full name, its id, or the start of its id; if it is new, sync first"
    if similar:
        told = " or ".join(f"{row.name} ({row.id[:8]})" for row in similar[:_HINTS])
        more = ", or another one" if len(similar) > _HINTS else ""
        hint = f"did you mean {told}{more}?"
    return NotFound(f"there is no asset {short!r}, or it is not shared with you", hint=hint)


def _tell_title(named: Named) -> CoexplorerError:
    return Refused(
        f"{named.text.strip()!r} could be the title of the names below, or the asset of this name:"
        " give ids"
    )


def _tell(named: Named, error: CoexplorerError) -> str:
    """Say in a line what is wrong with one of several."""
    place = f"line {named.line}: " if named.line else ""
    if isinstance(error, AmbiguousAsset):
        ids = ", ".join(asset_id for asset_id, _ in error.candidates[:_HINTS])
        more = ", …" if len(error.candidates) > _HINTS else ""
        return f"{place}{named.text!r} fits {len(error.candidates):,} assets: {ids}{more}"
    if named.may_be_title:
        return f"{place}{error.message}"
    if named.is_id and not is_whole_id(named.text):
        return f"{place}{named.text[:80]!r} is not an id; a column of ids must hold whole ids"
    hint = f": {error.hint}" if error.hint.startswith("did") else ""
    if named.line and holds_id(named.text):
        hint = ": put one asset on each line, or titles above the columns"
    return f"{place}no asset {named.text[:80]!r}{hint}"
