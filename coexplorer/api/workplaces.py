"""Capsules, pipelines and computations: what uses assets, and what new ones are captured from.

A face like `coexplorer.api.client`, of which it is a part: one method per endpoint.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final

from coexplorer.api import file_replies, wire, workplace_calls, workplace_replies
from coexplorer.api.calls import LARGEST_PAGE, Call
from coexplorer.api.paging import PageStart
from coexplorer.api.permissions import parse_sharing
from coexplorer.api.search import NOT_HERE
from coexplorer.api.transport import T, Transport
from coexplorer.api.walk import Walk
from coexplorer.computations import (
    AttachedAsset,
    Attachment,
    AttachOutcome,
    Capsule,
    CapsulePage,
    CapsuleSearch,
    Computation,
    NewRun,
    Workplace,
    WorkplaceKind,
)
from coexplorer.errors import ApiError, NotFound, Rejected, tell_too_old
from coexplorer.models import AssetId, FileUrls, Folder
from coexplorer.sharing.roles import Sharing

_OF_ROUTERS: Final = re.compile(
    r"(?:(?:error\W*)?404\W*)?(?:(?:page|route|path|url|resource)?\W*not found"
    r"|no (?:such )?route.*|cannot [a-z]+ \S+|no static resource.*)?\W*",
    re.IGNORECASE,
)
"""What is said of an address that leads nowhere, whatever was to be found there."""


class Workplaces:
    """A deployment's capsules, pipelines and computations.

    Every method may raise any `errors.ApiError`: `NotFound` for what is not there, or not for this
    user to see; `PlatformTooOld` where the platform can't do it at all.

    Args:
        transport: The way to the platform.
    """

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    async def attach(
        self, workplace: Workplace, attachments: Sequence[Attachment]
    ) -> tuple[AttachOutcome, ...]:
        """Attach assets; return what became of each, in their order.

        What is attached already stays so. The platform may refuse all of them for the sake of one:
        then it raises, and each has to be tried alone.

        Args:
            workplace: Where to; of computations, a running cloud workstation alone.
            attachments: Up to `computations.MOST_AT_ONCE`.

        Raises:
            ValueError: There are none, or more.
        """
        call = workplace_calls.build_attach(workplace, attachments)
        read = workplace_replies.read_outcomes_of([each.id for each in attachments])
        return await self._send(call, read, workplace)

    async def detach(self, workplace: Workplace, ids: Sequence[AssetId]) -> None:
        """Detach assets, up to `computations.MOST_AT_ONCE`.

        Raises:
            ValueError: There are none, or more.
        """
        call = workplace_calls.build_detach(workplace, ids)
        await self._send(call, wire.read_done_of(AssetId(workplace.id)), workplace)

    async def attached(self, workplace: Workplace) -> tuple[AttachedAsset, ...]:
        """Fetch what is attached: of a computation, what was from its start."""
        if workplace.kind is WorkplaceKind.COMPUTATION:
            return (await self.computation(workplace.id)).data_assets
        call = workplace_calls.build_app_panel(workplace)
        return await self._send(call, workplace_replies.read_attached, workplace)

    async def capsule(self, workplace: Workplace) -> Capsule:
        """Fetch a capsule or a pipeline."""
        call = workplace_calls.build_workplace(workplace)
        return await self._transport.send(call, workplace_replies.read_capsule_of(workplace))

    async def sharing(self, workplace: Workplace) -> Sharing:
        """Fetch who can see and change a capsule or a pipeline; v4.3 and later."""
        call = workplace_calls.build_permissions(workplace)
        return await self._send(call, parse_sharing, workplace)

    async def search(
        self,
        kind: WorkplaceKind,
        request: CapsuleSearch,
        *,
        offset: int = 0,
        limit: int = LARGEST_PAGE,
        next_token: str | None = None,
    ) -> CapsulePage:
        """Fetch one page of capsules or of pipelines.

        Args:
            kind: Which of the two.
            request: What to look for.
            offset: Rows to leave out.
            limit: Rows at most, within 1 and 1000.
            next_token: Where the page before said that this one starts; wins over `offset`.

        Raises:
            ValueError: There is no such page.
        """
        envelope = await self._fetch(kind, request, PageStart(offset, limit, next_token))
        rows = workplace_replies.read_capsule_rows(kind)(envelope.rows)
        left_out = len(envelope.rows) - len(rows)
        return CapsulePage(rows, envelope.has_more, left_out, envelope.next_token)

    def iter_pages(
        self, kind: WorkplaceKind, request: CapsuleSearch, *, limit: int = 100
    ) -> Walk[Capsule]:
        """Walk over all pages; `Walk.incomplete` tells afterwards whether the platform had more.

        Args:
            kind: Capsules or pipelines.
            request: What to look for.
            limit: Rows a page, within 1 and 1000.
        """
        return Walk(
            partial(self._fetch, kind, request),
            workplace_replies.read_capsule_rows(kind),
            lambda capsule: AssetId(capsule.id),
            limit=limit,
        )

    async def _fetch(
        self, kind: WorkplaceKind, request: CapsuleSearch, place: PageStart
    ) -> wire.Envelope:
        call = workplace_calls.build_search_capsules(kind, request, place)
        return await self._send(call, wire.parse_envelope)

    async def computations(self, workplace: Workplace) -> tuple[Computation, ...]:
        """Fetch all computations of a capsule or pipeline."""
        call = workplace_calls.build_list_computations(workplace)
        read = workplace_replies.read_computations_of(workplace)
        return await self._send(call, read, workplace)

    async def computation(self, computation_id: str) -> Computation:
        """Fetch a computation."""
        workplace = Workplace(WorkplaceKind.COMPUTATION, computation_id)
        call = workplace_calls.build_workplace(workplace)
        read = workplace_replies.read_computation_of(computation_id)
        return await self._transport.send(call, read)

    async def run(self, new: NewRun) -> Computation:
        """Start a run of a capsule or pipeline; it is never asked for twice.

        Raises:
            ApiError: With `outcome_unknown`: it may have started; look at the computations.
        """
        call = workplace_calls.build_run(new)
        return await self._transport.send(call, workplace_replies.read_started(new.workplace))

    async def list_results(self, computation_id: str, path: str = "") -> Folder:
        """List one folder of a computation's results."""
        call = workplace_calls.build_list_results(computation_id, path)
        return await self._transport.send(call, file_replies.read_folder(path))

    async def result_urls(self, computation_id: str, path: str) -> FileUrls:
        """Fetch the signed addresses of a result; platforms before v4.0 give one."""
        deadline = self._transport.start_clock()
        read = file_replies.parse_file_urls
        call = workplace_calls.build_result_urls(computation_id, path)
        try:
            return await self._transport.send(call, read, deadline=deadline)
        except ApiError as error:
            if error.status not in NOT_HERE or error.by_page:
                raise
            newest = error
        call = workplace_calls.build_result_download_url(computation_id, path)
        try:
            return await self._transport.send(call, read, deadline=deadline)
        except ApiError as error:
            if error.status not in NOT_HERE:
                raise
        raise newest

    async def _send(
        self, call: Call, parse: Callable[[bytes], T], workplace: Workplace | None = None
    ) -> T:
        """Send a call that not every version has.

        Where it is not found, a look at its workplace tells whether that is not there; if it is,
        the platform's words tell whether something else is missing, or the call.

        Raises:
            PlatformTooOld: The platform has no such call.
            Rejected: It has not found something that the call names.
        """
        deadline = self._transport.start_clock()
        try:
            return await self._transport.send(call, parse, deadline=deadline)
        except ApiError as error:
            if error.status not in NOT_HERE or error.by_page:
                raise
            refusal = error
        if isinstance(refusal, NotFound) and workplace is not None:
            look = workplace_calls.build_workplace(workplace)
            try:
                await self._transport.send(look, wire.decode_reply, deadline=deadline)
            except ApiError:
                refusal.hint += f"; platforms before version {call.since} don't have this"
                raise refusal from None
            if not _OF_ROUTERS.fullmatch(refusal.said):
                raise Rejected(
                    f"the platform refused this (status {refusal.status}): {refusal.said}",
                    hint="fix what its message names, then try again",
                    status=refusal.status,
                )
        raise tell_too_old(call.since, refusal.status)
