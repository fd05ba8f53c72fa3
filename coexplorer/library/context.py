"""What the modules of one session share: catalog, journal, events, and the client.

What is known of an asset is here as a whole (the catalog, and what it could not keep), since each
reply of the platform updates both. That makes it long: apart, one of them would be forgotten.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import anyio
import anyio.to_thread
import msgspec

from coexplorer.catalog import Catalog
from coexplorer.config import Settings
from coexplorer.errors import (
    ApiError,
    CatalogError,
    CoexplorerError,
    Conflict,
    Forbidden,
    JournalError,
    NotFound,
    NotSignedIn,
    Rejected,
    Unreachable,
)
from coexplorer.fields import Fields
from coexplorer.library.entries import PENDING, State
from coexplorer.library.events import EventBus, RowsChanged
from coexplorer.library.journal import Journal
from coexplorer.library.journal_outcomes import EntryOutcome
from coexplorer.library.reading import search_time
from coexplorer.library.reading_each import read_each
from coexplorer.library.status import Status, describe_gaps
from coexplorer.library.uncancelled import finish_in_thread
from coexplorer.models import Asset, AssetId, Dialect, Excerpt, Membership, Record, Secret, Wait
from coexplorer.query import Query

if TYPE_CHECKING:
    from coexplorer.api import Client  # imported late: it brings httpx
    from coexplorer.library.used_by import Uses

P = ParamSpec("P")
T = TypeVar("T")
TRUST_S = 60.0
"""For this long, what was read counts as current."""
SESSION_TRUST_S = 900.0
"""The same of what this session read."""
_NOTHING = Membership()
_UNKEPT = 10_000
"""How many assets to remember without a catalog; a mount may run for weeks."""
_log = logging.getLogger(__name__)


def _join(newer: Membership, older: Membership) -> Membership:
    """Return what the newer knows, and what only the older does."""
    known = {
        name: getattr(older, name)
        for name in newer.__struct_fields__
        if getattr(newer, name) is None
    }
    return msgspec.structs.replace(newer, **known)


class Context:
    """The servants of one session.

    Args:
        settings: Where everything is.
        catalog: What we know.
        journal: What we did.
        connect: Makes the api client, with a token or (None) with the settings' own; called when
            the network is first needed, and when the user signs in again.
        prove: Writes down whose token it is, once it has read somebody's assets.
        offline: Never use the network.
        catalog_problem: One line when the catalog had to be bypassed; else empty.
    """

    def __init__(
        self,
        settings: Settings,
        catalog: Catalog,
        journal: Journal,
        *,
        connect: Callable[[Secret | None], Awaitable[Client]],
        prove: Callable[[], Awaitable[None]],
        offline: bool,
        catalog_problem: str = "",
    ) -> None:
        self.settings = settings
        self.catalog = catalog
        self.journal = journal
        self.bus = EventBus()
        self.offline = offline
        self.prove = prove
        self.catalog_problem = catalog_problem
        self.out_of_reach = False
        self.asked_in_vain = False
        self._opened_at = time.time()
        self.tell: Callable[[str], None] = _log.warning
        self.hear_answers: Callable[[], None] | None = None
        self.forget_files: Callable[[Sequence[AssetId]], Awaitable[None]] | None = None
        self.uses: dict[AssetId, Uses] = {}
        self._unkept: dict[AssetId, Record] = {}  # read again, but the catalog can't be written
        self._connect = connect
        self._client: Client | None = None
        self._refused: Secret | None = None
        self._connecting = anyio.Lock()

    async def client(self) -> Client:
        """Return the way to the platform, made when it is first needed.

        Raises:
            Unreachable: The session is offline.
            ConfigError: There is no token.
        """
        if self.offline:
            raise Unreachable(
                "this session is offline", hint="leave out the offline option for this"
            )
        async with self._connecting:
            if self._client is None:
                self._client = await self._connect(None)
        return self._client

    def waiting(self) -> Wait | None:
        """Return what is waited for on the way to the platform."""
        if self._client is None:
            return None
        self._client.waits.on_end = self.hear_answers
        return self._client.waits.find()

    async def sign_in(self, token: Secret) -> None:
        """Go on with another token, once the platform takes it; see `Platform.sign_in`."""
        if self.offline:
            raise Unreachable(
                "this session is offline", hint="leave out the offline option for this"
            )
        async with self._connecting:
            client = await self._connect(token)
            await client.fetch_dialect()
            self._client = client

    async def sign_in_again(self) -> bool:
        """Go on with the token that the settings have now; see `Platform.sign_in_again`."""
        # A program that is asked for it may take long, and must not hold up the end.
        token = await anyio.to_thread.run_sync(self.settings.load_token, abandon_on_cancel=True)
        if self._refused is not None and token.reveal() == self._refused.reveal():
            return False
        self._refused = token
        await self.sign_in(token)
        return True

    @contextmanager
    def noting_reach(self) -> Iterator[None]:
        """Remember whether the platform could be reached, for the status line."""
        try:
            with self._noting_answers():
                yield
        except Unreachable:
            self.out_of_reach = True
            raise
        self.out_of_reach = False

    @contextmanager
    def _noting_answers(self) -> Iterator[None]:
        """Remember whether the platform said anything of an asset when it was asked last."""
        try:
            yield
        except (Forbidden, NotFound, Rejected, Conflict):
            raise
        except ApiError:
            self.asked_in_vain = True
            raise
        self.asked_in_vain = False

    def is_current(self, read_at: float | None) -> bool:
        """Tell whether what was read then says what the platform has now, near enough.

        Anything older must be read again before anybody is told that a change is not needed.

        Args:
            read_at: Epoch seconds; None: never.
        """
        if read_at is None or self.offline or self.asked_in_vain:
            return False
        now = time.time()
        # A sweep of many assets takes minutes, and what it read first is as good as the last.
        is_of_this_session = read_at >= max(self._opened_at, now - SESSION_TRUST_S)
        return is_of_this_session or read_at >= now - TRUST_S

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a blocking call in a thread; cancelling waits for it to end."""
        return await anyio.to_thread.run_sync(partial(call, *args, **kwargs))

    async def read(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a call that changes nothing in a thread; cancelling leaves it to itself.

        Nobody who goes on, or leaves, waits for what nobody wants to know any more: to read and
        compare 40,000 assets takes seconds.
        """
        work = partial(call, *args, **kwargs)
        return await anyio.to_thread.run_sync(work, abandon_on_cancel=True)

    async def write_down(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a journal's write in a thread; cancelling can't lose its result."""
        return await finish_in_thread(partial(call, *args, **kwargs))

    async def settle(
        self,
        entry_id: int,
        state: State,
        *,
        error: CoexplorerError | None = None,
        asset_id: AssetId | None = None,
        after: Fields | None = None,
        whole: bool = True,
        gone: bool = False,
        in_part: bool = False,
        found: bool = False,
        late: bool = False,
        set_aside: bool = False,
        roles: dict[str, str] | None = None,
    ) -> None:
        """Write an outcome down, as far as that is possible: see `Journal.settle`.

        An outcome that can't be written leaves its entry ``intended``: the next start finds it as
        unknown and looks at the platform. A success is no failure because its disk is full.
        """
        try:
            await self.write_down(
                self.journal.settle,
                entry_id,
                state,
                error=error,
                asset_id=asset_id,
                after=after,
                whole=whole,
                gone=gone,
                in_part=in_part,
                found=found,
                late=late,
                set_aside=set_aside,
                roles=roles,
            )
        except JournalError as problem:
            _log.warning("outcome %s of entry %s not written: %s", state, entry_id, problem)

    async def settle_together(self, outcomes: Sequence[EntryOutcome]) -> None:
        """Write several outcomes down at once, as `settle` does: see `Journal.settle_together`."""
        try:
            await self.write_down(self.journal.settle_together, outcomes)
        except JournalError as problem:
            _log.warning("%d outcomes not written: %s", len(outcomes), problem)

    async def remembered_dialect(self) -> Dialect | None:
        """Return how the platform was spoken to last time; None: ask it."""
        try:
            return (await self.read(self.catalog.sync_state)).dialect
        except CatalogError as error:
            self.note_catalog_problem(error)
            return None

    async def known(self, asset_id: AssetId) -> Record | None:
        """Return what is known of an asset; None also when the catalog can't be read."""
        try:
            known = await self.read(self.catalog.get, asset_id)
        except CatalogError as error:
            self.note_catalog_problem(error)
            known = None
        return self._newest(asset_id, known)

    def _newest(self, asset_id: AssetId, known: Record | None) -> Record | None:
        """Return what was read in this session and could not be kept, or what is `known`."""
        unkept = self._unkept.get(asset_id)
        if unkept is None or known is None:
            return unkept or known
        if known.fetched_at > unkept.fetched_at:
            return known
        return msgspec.structs.replace(
            unkept, membership=_join(unkept.membership, known.membership)
        )

    async def status(self, *, syncing: bool) -> Status:
        """Return what `Library.status` returns."""
        state = await self.read(self.catalog.sync_state)
        try:
            kept = await self.run(self.journal.count_kept)
        except JournalError:  # nothing is known of what is not sent; `problem` says so
            kept = {}
        problem = self.journal.problem or self.journal.damage
        return Status(
            total=state.assets,
            complete=state.complete,
            synced_at=state.refreshed_at if state.complete else state.synced_at,
            offline=self.offline or self.out_of_reach,
            syncing=syncing,
            unsent=sum(kept.get(each, 0) for each in PENDING),
            catalog_problem=self.catalog_problem,
            is_kept=self.catalog.path == self.settings.catalog_path,
            journal_problem=problem.message if problem else "",
            dialect=state.dialect or "",
            gaps=describe_gaps(state.gaps),
            refused=kept.get(State.REFUSED, 0),
            stopped=kept.get(State.STOPPED, 0),
            conflicts=kept.get(State.CONFLICT, 0),
            unknown=kept.get(State.UNKNOWN, 0),
        )

    def peek(self, asset_id: AssetId) -> Excerpt | None:
        """Return what `Assets.peek` returns."""
        try:
            return self.catalog.excerpt(asset_id)
        except CatalogError as error:
            self.note_catalog_problem(error)
            return None

    async def records(self, target: Query | Sequence[AssetId]) -> list[Record]:
        """Return full records from the catalog."""
        if isinstance(target, Query):
            return await self.read(self.catalog.records, target, now=search_time())
        records = await self.read(self.catalog.records, list(target), now=search_time())
        if not self._unkept:
            return records
        known = {record.asset.id: record for record in records}
        newest = (self._newest(each, known.get(each)) for each in target)
        return [record for record in newest if record is not None]

    async def names(self, asset_ids: Sequence[AssetId]) -> dict[AssetId, str]:
        """Return what assets are called now, as far as that is known."""
        try:
            records = await self.records(asset_ids)
        except CatalogError as error:
            self.note_catalog_problem(error)
            return {}
        return {record.asset.id: record.asset.name for record in records}

    async def fetch(self, asset_id: AssetId) -> Record:
        """GET an asset and let the catalog know.

        Raises:
            NotFound: It is gone, or not shared with this user; the catalog forgets it.
            ApiError: The platform can't be asked.
        """
        return await self.remember(await self.look(asset_id))

    async def fetch_many(
        self, ids: Sequence[AssetId], heard: Callable[[int], None] | None = None
    ) -> dict[AssetId, Record | ApiError]:
        """GET assets, a few at a time; see `Platform.fetch_many`."""
        return await read_each(ids, self.fetch, heard)

    async def look(self, asset_id: AssetId) -> Asset:
        """GET an asset; raises what `fetch` raises."""
        client = await self.client()
        try:
            with self._noting_answers():
                return await self._get_surely(client, asset_id)
        except NotFound:
            await self.forget([asset_id])
            raise
        except NotSignedIn as error:
            if not await self.is_signed_in():
                raise
            # It may be the token's scope, too: no proof that the asset is gone.
            raise Forbidden(
                "the platform takes your token, but refuses it for this asset",
                hint="it is gone or not shared with you, or the token lacks a scope",
                status=error.status,
            ) from error

    async def _get_surely(self, client: Client, asset_id: AssetId) -> Asset:
        """GET an asset, twice if it seems to be gone: a balancer in between answers 404 too."""
        try:
            return await client.get(asset_id)
        except NotFound:
            return await client.get(asset_id)

    async def is_signed_in(self) -> bool:
        """Ask whether the platform takes our token: some say 401 of an asset that is gone."""
        try:
            await (await self.client()).fetch_dialect()
        except ApiError:
            return False
        return True

    async def remember(
        self, asset: Asset, membership: Membership = _NOTHING, *, at: float | None = None
    ) -> Record:
        """Put a reply into the catalog; a catalog that fails is bypassed with one line.

        Args:
            asset: As the platform has it.
            membership: What else is known of it.
            at: When the platform said so, if not just now, in epoch seconds.
        """
        record = Record(asset, membership, time.time() if at is None else at)

        def keep() -> Record | None:
            self.catalog.upsert([record])
            return self.catalog.get(asset.id)

        try:
            kept = await self.run(keep)
        except CatalogError as error:
            self.note_catalog_problem(error)
            self._unkept[asset.id] = record
            while len(self._unkept) > _UNKEPT:
                del self._unkept[next(iter(self._unkept))]
            return record
        self._unkept.pop(asset.id, None)
        self.bus.publish(RowsChanged((asset.id,)))
        return kept or record

    async def set_membership(self, asset_ids: Sequence[AssetId], membership: Membership) -> None:
        """Let the catalog know what the object itself does not say, e.g. that it is archived."""
        try:
            await self.run(
                self.catalog.set_membership, list(asset_ids), membership, known_at=time.time()
            )
        except CatalogError as error:
            self.note_catalog_problem(error)
        self.bus.publish(RowsChanged(tuple(asset_ids)))

    async def forget(self, asset_ids: Sequence[AssetId]) -> None:
        """Remove assets that the platform said are gone."""
        for asset_id in asset_ids:
            self._unkept.pop(asset_id, None)
        try:
            await self.run(self.catalog.remove, list(asset_ids))
        except CatalogError as error:
            self.note_catalog_problem(error)
        if self.forget_files is not None:
            await self.forget_files(asset_ids)
        self.bus.publish(RowsChanged(tuple(asset_ids)))

    def note_catalog_problem(self, error: CatalogError) -> None:
        """Keep a catalog's failure for the status line: the program works on without it."""
        if not self.catalog_problem:
            _log.warning("catalog: %s", error)
        self.catalog_problem = error.message
