"""Searches in the dialect that the platform speaks.

It is asked for once, and again when it stops fitting. Walking over all pages is for `walk`.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

import anyio
import msgspec

from coexplorer.api import calls, wire
from coexplorer.api.paging import PageStart
from coexplorer.api.transport import Transport
from coexplorer.errors import ApiError, BadReply, PlatformFault
from coexplorer.models import Dialect, SearchRequest

NOT_HERE: Final = (404, 405)
"""What a platform answers to a call that it has in another form (design: api.md, Calls)."""

_MOST_SKIPPED: Final = 3
"""Rows of one page that may each be longer than any asset; of more, no answer makes sense."""


class Search:
    """Fetches pages, whichever dialect it takes.

    Args:
        transport: The way to the platform.
        dialect: As remembered; None to ask the platform.

    Attributes:
        dialect: The one in use; None before the first search.
    """

    def __init__(self, transport: Transport, dialect: Dialect | None) -> None:
        self.dialect = dialect
        self._transport = transport
        self._asking = anyio.Lock()
        self._has_answered = False

    async def fetch_dialect(self, *, deadline: float | None = None) -> Dialect:
        """Ask the platform how its search is spoken to: a search for one row, in each dialect.

        Raises:
            BadReply: It speaks neither; probably it is no Code Ocean.

        Args:
            deadline: Of what this is a part of; None: it is the whole.
        """
        deadline = self._transport.start_clock() if deadline is None else deadline
        said = ApiError("")
        for dialect in (Dialect.CURRENT, Dialect.LEGACY):
            try:
                await self._ask_for_one(dialect, deadline)
            except ApiError as error:
                if error.status not in NOT_HERE:
                    raise
                said = error
            else:
                self.dialect = dialect
                return dialect
        if said.by_page:
            raise said
        raise BadReply(
            "no data asset API was found at this address",
            hint="check the domain: it should be a Code Ocean deployment",
            status=404,
        )

    async def is_before(self, version: str) -> bool:
        """Tell whether the platform says that it is older than a version; False: it says nothing.

        It is asked to refuse a search for one row if it is; one that refuses that search anyway
        says nothing.
        """
        dialect = self.dialect or await self.fetch_dialect()
        deadline = self._transport.start_clock()
        plain = calls.build_search(SearchRequest(), dialect, offset=0, limit=1)
        call = msgspec.structs.replace(plain, wants=version)
        try:
            await self._transport.send(call, wire.parse_envelope, deadline=deadline)
        except ApiError as error:
            if error.status != HTTPStatus.BAD_REQUEST or error.by_page:
                return False
        else:
            return False
        try:
            await self._transport.send(plain, wire.parse_envelope, deadline=deadline)
        except ApiError:
            return False
        return True

    async def _ask_for_one(self, dialect: Dialect, deadline: float) -> None:
        """Ask for one row, and for another one where it is longer than any asset should be."""
        for offset in range(_MOST_SKIPPED):
            call = calls.build_search(SearchRequest(), dialect, offset=offset, limit=1)
            try:
                await self._transport.send(call, wire.parse_envelope, deadline=deadline)
            except ApiError as error:
                if not error.too_long or offset == _MOST_SKIPPED - 1:
                    raise
            else:
                return

    async def fetch(
        self, request: SearchRequest, place: PageStart, deadline: float | None = None
    ) -> wire.Envelope:
        """Fetch one page.

        Args:
            request: What to look for.
            place: Where the page starts, and how long it is.
            deadline: Of what this is a part of; None: it is the whole.

        Raises:
            BadReply: The platform has no search; probably it is no Code Ocean.
            PlatformFault: It had one a moment ago.
        """
        deadline = self._transport.start_clock() if deadline is None else deadline
        dialect = await self._ensure_dialect(deadline)
        try:
            return await self._send_search(request, dialect, place, deadline)
        except ApiError as error:
            if error.status not in NOT_HERE:
                raise
            misfit = error
        try:
            now = await self._replace_dialect(dialect, deadline)
            return await self._send_search(request, now, place, deadline)
        except ApiError as error:
            if error.status not in NOT_HERE or not self._has_answered:
                raise
        # The address is right, since it has answered: a balancer or an update is in the way.
        raise PlatformFault(
            "the platform's search was there, and is not any more",
            hint="try again in a while; if this goes on, tell who runs the platform",
            status=misfit.status,
        )

    async def _send_search(
        self,
        request: SearchRequest,
        dialect: Dialect,
        place: PageStart,
        deadline: float,
        skipped: list[int] | None = None,
    ) -> wire.Envelope:
        call = calls.build_search(
            request, dialect, offset=place.offset, limit=place.limit, next_token=place.token
        )
        try:
            envelope = await self._transport.send(call, wire.parse_envelope, deadline=deadline)
        except ApiError as error:
            if not error.too_long:
                raise
            self._has_answered = True
            is_whole = skipped is None
            skipped = [] if skipped is None else skipped
            if place.limit > 1:
                found = await self._send_in_parts(request, dialect, place, deadline, skipped)
                if is_whole and place.token and found.has_more and found.next_token is None:
                    # The last row was left out: the one behind it tells how to go on.
                    start = PageStart(place.offset + place.limit, 1)
                    more = await self._send_search(request, dialect, start, deadline, skipped)
                    found = wire.Envelope(found.rows + more.rows, more.has_more, more.next_token)
                return found
            skipped.append(place.offset)
            if len(skipped) > _MOST_SKIPPED:
                raise
            return wire.Envelope((b"null",), has_more=True, next_token=None)
        self._has_answered = True
        if dialect is Dialect.LEGACY:  # whose search takes no token, should it give one
            return wire.Envelope(envelope.rows, envelope.has_more, None)
        return envelope

    async def _send_in_parts(
        self,
        request: SearchRequest,
        dialect: Dialect,
        place: PageStart,
        deadline: float,
        skipped: list[int],
    ) -> wire.Envelope:
        """Fetch a page that is too long by halves; a row that is so by itself is left out.

        Args:
            request: What to look for.
            dialect: How it is asked.
            place: Where the page starts, and how long it is.
            deadline: Of the whole.
            skipped: Where rows were left out of this page, to which more are added.
        """
        half = place.limit // 2
        start = PageStart(place.offset, half, place.token)
        first = await self._send_search(request, dialect, start, deadline, skipped)
        if not first.has_more or len(first.rows) < half:
            return first
        start = PageStart(place.offset + half, place.limit - half, first.next_token)
        rest = await self._send_search(request, dialect, start, deadline, skipped)
        return wire.Envelope(first.rows + rest.rows, rest.has_more, rest.next_token)

    async def _ensure_dialect(self, deadline: float) -> Dialect:
        async with self._asking:
            return self.dialect or await self.fetch_dialect(deadline=deadline)

    async def _replace_dialect(self, misfit: Dialect, deadline: float) -> Dialect:
        """Ask again, unless somebody else just did."""
        async with self._asking:
            if self.dialect not in (None, misfit):
                return self.dialect
            return await self.fetch_dialect(deadline=deadline)
