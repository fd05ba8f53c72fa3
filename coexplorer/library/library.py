"""The one interface for every front end: what a user can do with data assets.

A front end opens it with `coexplorer.library.open_library` and calls it from asyncio or trio.
Reading answers from the catalog at once, even offline; `fetch` and the writes ask the platform.
Every method may raise `CatalogError`; the ones that ask the platform may raise any `ApiError`
(`Unreachable` at once when the session is offline). Queries are parsed by the front end
(`coexplorer.query.parse_query`), so a mistake is found before anything is asked or sent.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from anyio.streams.memory import MemoryObjectReceiveStream

from coexplorer.config import Settings
from coexplorer.errors import ApiError, CoexplorerError
from coexplorer.fields import Fields
from coexplorer.library.acknowledged import apply_acknowledged
from coexplorer.library.background import Background
from coexplorer.library.bulk import Bulk, Stopping, never
from coexplorer.library.changes import Change, Plan
from coexplorer.library.context import Context
from coexplorer.library.create import Creator
from coexplorer.library.edit import Editor, Heard
from coexplorer.library.entries import Batch, Entry, Purpose, Reason
from coexplorer.library.events import Event
from coexplorer.library.files import Files
from coexplorer.library.history import History
from coexplorer.library.lineage import LineageGraph, walk_lineage
from coexplorer.library.lists import Named
from coexplorer.library.reading import Reading
from coexplorer.library.remote import find_remote, search_remote
from coexplorer.library.resolve import Resolved, Resolver
from coexplorer.library.results import (
    BatchProgress,
    BatchReport,
    DownloadProgress,
    EditResult,
    Lineage,
    ReadyProgress,
    RemoteFound,
    SyncReport,
)
from coexplorer.library.selection import Fit
from coexplorer.library.status import Status
from coexplorer.library.sync import Sync
from coexplorer.models import (
    Asset,
    AssetId,
    Duplicates,
    Excerpt,
    FileEntry,
    MetadataValue,
    NewAsset,
    Record,
    Row,
    SearchRequest,
    Secret,
    Stats,
    Wait,
)
from coexplorer.query import Query


class Library:
    """Everything that a user can do. `open_library` makes it; its context closes it."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._reading = Reading(context.catalog, context.read)
        self._editor = Editor(context)
        self._creator = Creator(context)
        self._bulk = Bulk(context, self._editor)
        self._history = History(context, self._editor, self._bulk)
        self._sync = Sync(context)
        self._resolver = Resolver(context, self._sync)
        self._files = Files(context)

    @property
    def settings(self) -> Settings:
        """What the session was opened with."""
        return self._context.settings

    def tell_with(self, tell: Callable[[str], None]) -> None:
        """Pass sentences about what people are waiting for to `tell`, on the loop."""
        self._context.tell = tell

    def waiting(self) -> Wait | None:
        """Return what this session waits for on the way to the platform; None: nothing.

        Ask from time to time, on the loop, and show its `sentence`.
        """
        return self._context.waiting()

    def hear_answers(self, hear: Callable[[], None]) -> None:
        """Have `hear` called on the loop when such a wait ends, before what waited goes on."""
        self._context.hear_answers = hear

    async def ensure_journal(self) -> None:
        """Check that the journal is complete and can be written.

        Raises:
            JournalError: It can't be, so nobody can tell what is missing in it.
        """
        await self._history.ensure_journal()

    @property
    def offline(self) -> bool:
        """Whether the session was opened without the network."""
        return self._context.offline

    # --- Reading: from the catalog, never the network

    async def count(self, query: Query) -> int:
        """Return how many assets `query` finds."""
        return await self._reading.count(query)

    async def prepare(self, query: Query) -> None:
        """Prepare what the first search in the order of `query` would have to wait for."""
        await self._reading.prepare(query)

    async def window(self, query: Query, *, offset: int = 0, limit: int = 200) -> list[Row]:
        """Return `limit` rows of what `query` finds, in its order, from row `offset` on."""
        return await self._reading.window(query, offset, limit)

    async def ids(self, query: Query) -> list[AssetId]:
        """Return the ids of all that `query` finds, in its order."""
        return await self._reading.ids(query)

    async def records(self, target: Query | Sequence[AssetId]) -> list[Record]:
        """Return the full records of what a query finds, or of ids (unknown ones are left out)."""
        return await self._context.records(target)

    async def record(self, asset_id: AssetId) -> Record | None:
        """Return what the catalog knows about an asset; None if it does not know it."""
        return await self._context.known(asset_id)

    def peek(self, asset_id: AssetId) -> Excerpt | None:
        """Return the editable fields and the JSON of an asset, on this thread, in some 20 µs.

        None when the catalog does not know it, or can't be read.

        For the mount, which answers thousands of reads a second; a trip to a thread takes longer.
        """
        return self._context.peek(asset_id)

    async def rows(self, ids: Sequence[AssetId] | None = None) -> list[Row]:
        """Return a light row of each asset of `ids` (unknown ones are left out), or of all."""
        return await self._reading.rows(ids)

    async def position(self, asset_id: AssetId, query: Query) -> int | None:
        """Return the index of an asset in what `query` finds; None when it is not in there."""
        return await self._reading.position(asset_id, query)

    async def tag_counts(
        self, query: Query | None = None, *, any_case: bool = False
    ) -> list[tuple[str, int]]:
        """Return every tag with the number of its assets, most used first.

        Args:
            query: Count what it finds; None counts all assets.
            any_case: Count spellings that differ only in case as one tag, as a search does.
        """
        return await self._reading.tag_counts(query, any_case=any_case)

    async def field_values(self, field: str) -> list[str]:
        """Return the known values of a query field or metadata key, for completion."""
        return await self._reading.field_values(field)

    async def resolve(self, text: str, *, guess: bool = False) -> AssetId:
        """Find an asset by name, by id, or by the start of an id (6 characters or more).

        Asks the platform when the catalog does not know it, unless the session is offline.

        Args:
            text: What the person wrote. A name must be the whole name, with the same case.
            guess: Take the beginning of a name, or a shorter one of an id, too, if it fits only one
                asset: for who only looks at it, and says which one it is.

        Raises:
            AmbiguousAsset: It fits several assets; holds them.
            NotFound: It fits none; what may have been meant is its hint.
        """
        return await self._resolver.resolve(text, guess=guess)

    async def resolve_all(self, named: Sequence[Named], *, guess: bool = False) -> list[Resolved]:
        """Find all assets of a list (`lists.parse_list`) or none; each once, in its order.

        Raises:
            UnknownAssets: Some of several are unknown or fit several assets; names all of them.
            AmbiguousAsset, NotFound: See `resolve`, of a single one.
        """
        return await self._resolver.resolve_all(named, guess=guess)

    async def look_for_names(self, names: Sequence[str]) -> None:
        """Let the catalog know which assets have one of these names now, old ones, too.

        A refresh sees only what is new: an older asset that was given a name is in no page of it.
        That is one request for each name, of the first 1,000 that the platform finds for it.

        Raises:
            ApiError: The platform can't be asked.
        """
        await self._resolver.look_for_names(names)

    async def status(self) -> Status:
        """Return the figures of the status line; never asks the network."""
        return await self._context.status(syncing=self._sync.busy)

    async def stats(self, query: Query | None = None) -> Stats:
        """Return counts and bytes by state, type, owner, tag, age and place."""
        return await self._reading.stats(query)

    async def duplicates(self) -> list[Duplicates]:
        """Return groups of assets that look like the same: why, and which."""
        return await self._reading.duplicates()

    async def lineage(self, asset_id: AssetId) -> Lineage:
        """Return what an asset was made from, and what was made from it."""
        return await self._reading.lineage(asset_id)

    async def lineage_graph(self, asset_id: AssetId, depth: int) -> LineageGraph:
        """Return what an asset was made from and what from it, over `depth` steps."""
        return await walk_lineage(self._reading.lineage, asset_id, depth)

    async def data_version(self) -> int:
        """Return the number of the newest change; any process's change makes it larger."""
        return await self._reading.data_version()

    async def changed_since(self, change: int) -> tuple[int, list[AssetId]]:
        """Return the newest change's number and the rows changed after `change`, gone ones too.

        When the newest number is smaller than `change`, the catalog was rebuilt: read all again.
        """
        return await self._reading.changed_since(change)

    # --- The platform, asked again

    async def fetch(self, asset_id: AssetId) -> Record:
        """GET an asset and update the catalog with it.

        Raises:
            NotFound: It is gone, or not shared with this user; the catalog forgets it.
        """
        return await self._context.fetch(asset_id)

    async def fetch_many(
        self, ids: Sequence[AssetId], *, progress: Callable[[int], None] | None = None
    ) -> dict[AssetId, Record | ApiError]:
        """GET several assets, a few at a time, and update the catalog with them.

        Args:
            ids: The assets.
            progress: Told how many were answered, after each.

        Returns:
            For each its record, or why it could not be read: `NotFound` when it is gone. When the
            platform is out of reach or does not take the token, the rest is not tried.
        """
        return await self._context.fetch_many(ids, progress)

    def search_remote(
        self, request: SearchRequest, *, rows: int | None = None
    ) -> AsyncIterator[Asset]:
        """Stream what the platform itself finds, each asset once.

        Args:
            request: What to look for.
            rows: How many to ask for at a time; None: as many as the platform gives.
        """
        return search_remote(self._context, request, rows=rows)

    async def find_remote(
        self, query: Query, *, offset: int = 0, limit: int | None = None
    ) -> RemoteFound:
        """Return what the platform finds now (``ls --remote``), from number `offset` on.

        What it can't judge is judged here, over its answer.

        Raises:
            QueryError: Neither can judge a part of it; nothing was sent.
        """
        return await find_remote(self._context, query, offset, limit)

    async def sign_in(self, token: Secret) -> None:
        """Go on with another token of the same user, as when the old one has expired.

        Raises:
            NotSignedIn: The platform does not take it; the session stays as it was.
        """
        await self._context.sign_in(token)

    async def sign_in_again(self) -> bool:
        """Go on with the token that the settings have now: the user may have signed in elsewhere.

        False: it is the one tried last.

        Raises:
            NotSignedIn: The platform does not take it; the session stays as it was.
            ConfigError: There is none any more.
        """
        return await self._context.sign_in_again()

    async def ping(self) -> None:
        """Ask the platform for one row, to know whether it is there and takes the token.

        Raises:
            ApiError: It is not, or does not.
        """
        with self._context.noting_reach():
            await (await self._context.client()).fetch_dialect()

    # --- One asset

    async def edit(
        self,
        asset_id: AssetId,
        base: Fields,
        mine: Fields,
        *,
        base_metadata: Mapping[str, MetadataValue] | None = None,
        metadata: Mapping[str, MetadataValue] | None = None,
        fit: Fit | None = None,
        heard: Heard | None = None,
    ) -> EditResult:
        """Change fields of an asset, merged with what others did since `base` was read.

        The intent is journaled before anything is sent; whatever fails afterwards, the text is in
        the journal (`unsent`). Cancelled while the request is on its way, it is journaled as
        unknown, and settled by a look at the platform.

        Args:
            asset_id: The asset.
            base: The fields as the user was shown them.
            mine: The fields as they should be.
            base_metadata: Custom metadata as shown; only with `metadata`.
            metadata: All custom metadata as it should be; None leaves it alone.
            fit: What the asset must still be when it is read again.
            heard: Called once with the result, as soon as it is written down, and with the asset as
                the platform has it now; the catalog is updated next, before this returns. For the
                mount, where a program waits for each save. It must not raise.

        Returns:
            The result, in state ``applied``, or ``unchanged`` when the platform had it already.

        Raises:
            InvalidField: A changed value must not be sent; nothing was.
            EditConflict: Somebody changed the same field; nothing was sent, the text is kept.
            NoLongerFits: The asset is not what `fit` asks for any more; nothing was sent.
            JournalError: The intent could not be written down; nothing was sent.
            ApiError: The platform said no, or its reply was lost (``outcome_unknown``).
        """
        return await self._editor.edit(
            asset_id,
            base,
            mine,
            base_metadata=base_metadata,
            metadata=metadata,
            fit=fit,
            heard=heard,
        )

    async def keep(
        self, asset_id: AssetId, base: Fields, mine: Fields, error: CoexplorerError
    ) -> int:
        """Keep a text that `edit` refused among the unsent ones: its author has it nowhere else.

        For the mount: a program that saves a file and ends doesn't ask again.

        Returns:
            The number of its entry.

        Raises:
            JournalError: It can't be written down.
        """
        return await self._editor.keep(asset_id, base, mine, error)

    async def archive(self, asset_id: AssetId, *, archived: bool = True) -> EditResult:
        """Archive or unarchive an asset.

        Raises:
            JournalError: The intent could not be written down; nothing was sent.
            ApiError: The platform said no.
        """
        return await self._editor.archive(asset_id, archived=archived)

    async def delete(
        self, asset_id: AssetId, *, archive_first: bool = False, shown: Asset | None = None
    ) -> EditResult:
        """Delete an asset for good; this can't be undone.

        Args:
            asset_id: The asset.
            archive_first: Archive it first, if it is not archived.
            shown: What the user was shown; None: what the catalog has.

        Raises:
            ChangedSince: It is no longer what the user was shown; it was not deleted.
            Refused: It is not archived, and `archive_first` is not given; nothing was sent.
            JournalError: The intent could not be written down; nothing was sent.
            ApiError: The platform said no.
        """
        return await self._editor.delete(asset_id, archive_first=archive_first, shown=shown)

    async def create(self, new: NewAsset) -> Record:
        """Ask the platform for a new asset; it starts in ``draft``: see `wait_ready`.

        The AWS keys go to the platform and nowhere else. After a lost reply, look for the asset by
        name and mount; never ask twice.

        Raises:
            InvalidField: A value must not be sent; nothing was.
            JournalError: The intent could not be written down; nothing was sent.
            ApiError: The platform said no, or the outcome is unknown (``outcome_unknown``).
        """
        return await self._creator.create(new)

    async def wait_ready(
        self, asset_id: AssetId, *, progress: Callable[[ReadyProgress], None] | None = None
    ) -> Record:
        """Poll a draft (5 s, then slower) until it is ready or failed; the caller sets a deadline.

        Returns:
            The record, whose asset is in state ``ready`` or ``failed`` (with `failure_reason`).
        """
        return await self._creator.wait_ready(asset_id, progress)

    # --- Many assets

    async def plan(
        self,
        target: Query | str | Sequence[AssetId] | Sequence[Record],
        change: Change,
        *,
        fits: Mapping[AssetId, Fit] | None = None,
    ) -> Plan:
        """Say what `change` would do to each asset; sends nothing.

        What a query found is judged by it again when it is read, right before it is changed:
        what no longer fits is skipped, with the reason. An asset to delete must then be exactly as
        in the plan; otherwise it is skipped too.

        Args:
            target: A query, or ids, or assets as the user was shown them.
            change: What to do.
            fits: With ids: what they were chosen by, if that must be checked again.

        Raises:
            QueryError: The query has a mistake.
            NotFound: An id that the catalog does not know is not on the platform either.
            InvalidField: The change has a value that must not be sent.
            Refused: The change has nothing to do, or several kinds of change.
        """
        return await self._bulk.plan(target, change, fits)

    async def document(self, target: Query | str | Sequence[AssetId]) -> str:
        """Write the matched assets as one text document for an editor.

        Raises:
            QueryError: The query has a mistake.
        """
        return await self._bulk.document(target)

    async def plan_document(
        self, before: str, after: str, *, fits: Mapping[AssetId, Fit] | None = None
    ) -> Plan:
        """Say what the edits in a document would do.

        Args:
            before: The document.
            after: Its edited text.
            fits: See `plan`.

        Raises:
            DocumentError: The edited text can't be read; has the line's number.
            InvalidField: It has a value that must not be sent.
        """
        return await self._context.read(self._bulk.plan_document, before, after, fits)

    async def apply(
        self,
        plan: Plan,
        *,
        progress: Callable[[BatchProgress], None] | None = None,
        stopping: Stopping = never,
    ) -> BatchReport:
        """Carry out a plan: write everything into the journal, then send a few assets at a time.

        One asset's failure does not stop the others. If this is cancelled or killed, the journal
        knows what is done, what is not and what is unknown: `batch_report`, `resume`.

        Args:
            plan: What to do.
            progress: Called after each asset.
            stopping: Asked before each asset; once true, assets on their way finish and no other
                one starts.

        Raises:
            JournalError: The plan could not be written down; nothing was sent.
        """
        return await self._bulk.apply(plan, progress, stopping)

    async def batch_report(self, batch_id: int) -> BatchReport:
        """Return each asset's outcome in a batch."""
        return await self._bulk.report(batch_id)

    async def resume(
        self,
        batch_id: int,
        *,
        progress: Callable[[BatchProgress], None] | None = None,
        stopping: Stopping = never,
        refused: bool = False,
    ) -> BatchReport:
        """Do what is left of a batch: only failed, interrupted and unknown entries.

        It takes the same arguments as `apply`; `refused` retries refused changes too.
        """
        return await self._bulk.resume(batch_id, progress, stopping, refused=refused)

    # --- What was done here

    async def log(self, *, limit: int = 100, offset: int = 0) -> list[Entry]:
        """Return what was done here, by any front end: waiting entries first, then newest."""
        return await self._history.log(limit, offset)

    async def batches(self, *, limit: int = 100, offset: int = 0) -> list[Batch]:
        """Return the batches, newest first, with their outcomes counted."""
        return await self._history.batches(limit, offset)

    async def batch(self, batch_id: int) -> Batch:
        """Return one batch.

        Raises:
            Refused: There is none of this number.
        """
        return await self._history.batch(batch_id)

    async def count_batches(self) -> int:
        """Return how many batches there are."""
        return await self._history.count_batches()

    async def entries(
        self, batch_id: int, *, limit: int = 100, offset: int = 0, kept_first: bool = False
    ) -> list[Entry]:
        """Return the entries of a batch in the order of its plan; none if there is no such batch.

        With `kept_first`, ones that can be sent again come before all others.
        """
        return await self._history.entries(batch_id, limit, offset, kept_first=kept_first)

    async def unsent(self) -> list[Entry]:
        """Return the entries that wait for the user: unsent, unknown and in conflict."""
        return await self._history.unsent()

    async def kept(self) -> list[Entry]:
        """Return the entries whose text is kept: everything in `unsent`, and what was refused."""
        return await self._history.kept()

    async def apply_acknowledged(self) -> int:
        """Put into the catalog what the journal says was done, if a crash came between.

        Returns:
            How many assets the catalog learned something about.

        Raises:
            JournalError: The journal can't be read.
        """
        return await apply_acknowledged(self._context)

    async def settle(self) -> list[Entry]:
        """Ask the platform about every change of unknown outcome; return them as they are now."""
        return await self._history.settle()

    async def settle_batch(self, batch_id: int) -> None:
        """Ask the platform about what of a batch is of unknown outcome.

        Raises:
            ApiError: The platform can't be asked; what is settled by then stays so.
        """
        await self._history.settle_batch(batch_id)

    async def retry(self, entry_id: int) -> EditResult:
        """Resend a kept change, merged as `edit` does; raises what `edit` raises.

        This also resends a refused one, because it was named by its number.

        Raises:
            Refused: The entry is not kept for a retry, or its secrets were never kept.
        """
        return await self._history.retry(entry_id)

    async def amend(self, entry_id: int, base: Fields, mine: Fields, *, check: bool = True) -> bool:
        """Replace a kept text with a newer one; `retry` sends it.

        Args:
            entry_id: The entry.
            base: The fields as the user has seen them.
            mine: The fields as the user wants them now.
            check: Refuse what the platform would refuse; otherwise keep it as it is.

        Returns:
            False if it is no longer kept, or is not the user's own edit.

        Raises:
            InvalidField: A field is not allowed; nothing was written down.
            JournalError: It can't be written down.
        """
        return await self._history.amend(entry_id, base, mine, check=check)

    async def discard(self, entry_id: int) -> Entry:
        """Discard a kept change; its text stays readable in the log.

        If its reply was lost, the platform is asked first: what had arrived stays, as ``applied``.

        Raises:
            ApiError: It may have arrived, and the platform can't be asked; it is kept.
            Refused: The entry is not kept.
        """
        return await self._history.discard(entry_id)

    async def discard_batch(self, batch_id: int) -> int:
        """Discard everything that is kept of a batch; return how many changes that was.

        What had arrived although its reply was lost stays, as with `discard`.

        Raises:
            ApiError: Some may have arrived, and the platform can't be asked; nothing is discarded.
        """
        return await self._history.discard_batch(batch_id)

    async def last(self, purpose: Purpose) -> Batch | None:
        """Return the last change (to undo) or undo (to redo); None when there is none.

        It may not have been sent, or have failed: then `Batch.standing` is 0. What was undone,
        given up or not needed is passed over.
        """
        return await self._history.last(purpose)

    async def undoable(self, *, before: int | None = None) -> Batch | None:
        """Return what `undo` would undo; None if there is nothing.

        Args:
            before: Look for the newest batch with a smaller number that can be undone at all.
        """
        return await self._history.undoable(before)

    async def redoable(self) -> Batch | None:
        """Return what `redo` would redo; None if there is nothing."""
        return await self._history.redoable()

    async def reasons(self, batch_id: int) -> list[Reason]:
        """Return why parts of a batch failed or were skipped, with counts, most frequent first."""
        return await self._history.reasons(batch_id)

    async def plan_undo(self, batch_id: int) -> Plan:
        """Say what undoing a batch would do to each asset; sends nothing.

        If the reply to a part of it was lost, it asks the platform what arrived.

        Raises:
            ApiError: The platform can't be asked.
            Refused: There is no batch of this number.
            UndoRefused: There is nothing to undo, or it was a delete or a create.
        """
        return await self._history.plan_undo(batch_id)

    async def undo(
        self,
        batch_id: int | None = None,
        *,
        progress: Callable[[BatchProgress], None] | None = None,
        stopping: Stopping = never,
    ) -> BatchReport:
        """Undo a batch (None: the last change) by ordinary edits; an undo is redone.

        Tags are undone one by one. A text that somebody has changed since is left alone and named
        in `skipped_fields`; an asset with nothing left to undo is ``skipped``. What was left
        alone, was not sent or was refused still stands: the next undo tries it again. What of the
        batch itself was not sent is given up, and is in the report's `given_up`; a redo asks for it
        again.

        Raises:
            ApiError: The reply to a part of it was lost, and the platform can't be asked whether it
                arrived: nothing was written down or sent.
            UndoRefused: There is nothing to undo, or the last change did not go through, or it was
                a delete or a create, or another process is undoing the same right now.
        """
        return await self._history.undo(batch_id, progress, stopping)

    async def redo(self, *, progress: Callable[[BatchProgress], None] | None = None) -> BatchReport:
        """Do again what the last undo took back; one that was not sent yet is given up.

        Raises:
            UndoRefused: Nothing was undone, or the last undo did not go through.
        """
        return await self._history.redo(progress)

    # --- Keeping the catalog true

    async def sync(self, *, force: bool = False) -> SyncReport:
        """Sweep the platform once, or wait for the process that does. Progress comes as events.

        Args:
            force: Accept a sweep in which a large part of the assets vanished.

        Raises:
            Refused: A large part vanished, twice; nothing was removed.
        """
        return await self._sync.sync(force=force)

    async def refresh(self) -> SyncReport:
        """Read the newest pages until one holds nothing new."""
        return await self._sync.refresh()

    async def catch_up(self) -> SyncReport:
        """Bring the catalog up to date: what is new first, then everything.

        For users who ask for news: somebody else's edit of an old asset is news, and only a sweep
        that begins after the question is sure to see it (40 pages for 40,000 assets).

        Raises:
            Refused: See `sync`.
        """
        return await self._sync.catch_up()

    async def ensure_found(self, query: Query) -> float | None:
        """Bring the catalog up to date for a query whose assets will be changed.

        Sweeps, unless the last sweep was less than a minute ago, or less than ten times its length
        if that is longer; then it reads only what the platform itself finds for the query.

        Returns:
            Epoch seconds of the end of the last complete sweep; None if there was none.
        """
        return await self._sync.ensure_found(query)

    async def ensure_told(self, query: Query, ids: Sequence[AssetId]) -> bool:
        """Make sure that it is known of assets what a query asks of them that only lists tell.

        Only the platform's lists of favorites, one's own and shared assets say which they are. One
        of which it shows only a part says nothing of the rest.

        Args:
            query: What found the assets, which are going to be changed.
            ids: The assets.

        Returns:
            Whether a list was read anew, so that the query may find other assets now.

        Raises:
            Refused: The platform does not show all of such a list.
            ApiError: It could not be asked.
        """
        return await self._sync.ensure_told(query, ids)

    async def ensure_fresh(self, *, max_age_s: float = 60.0) -> SyncReport | None:
        """Sync or refresh if the catalog is older than `max_age_s`; None when it was not needed."""
        return await self._sync.ensure_fresh(max_age_s)

    async def run_background(self) -> None:
        """Keep the catalog fresh until cancelled: sweeps, refreshes, drafts, unknown outcomes.

        Run it in a task of the front end's own group. Failures become `SyncFailed` events.
        """
        await Background(self._context, self._sync).run()

    def subscribe(self) -> AbstractContextManager[MemoryObjectReceiveStream[Event]]:
        """Listen to events from now until the context ends."""
        return self._context.bus.subscribe()

    # --- Files

    async def list_files(
        self,
        asset_id: AssetId,
        path: str = "",
        *,
        trouble: Callable[[CoexplorerError], None] | None = None,
    ) -> tuple[FileEntry, ...]:
        """List one folder of an internal asset's files.

        Args:
            asset_id: The asset.
            path: The folder; empty: the root.
            trouble: Called with what is missing in the answer. None: raise it.

        Raises:
            BadReply: The platform lists only part of it, or nonsense.
        """
        return await self._files.list_files(asset_id, path, trouble)

    def walk_files(
        self,
        asset_id: AssetId,
        path: str = "",
        *,
        trouble: Callable[[CoexplorerError], None] | None = None,
    ) -> AsyncGenerator[FileEntry]:
        """Stream everything below a folder: each folder, then what is in it.

        Close it with ``aclosing``.

        Args:
            asset_id: The asset.
            path: The folder; empty: the root.
            trouble: Called with what is missing, while the rest goes on. None: raise it.

        Raises:
            Refused: Folders are nested without end; what came before was listed.
            BadReply: See `list_files`.
        """
        return self._files.walk(asset_id, path, trouble)

    async def download(
        self,
        asset_id: AssetId,
        path: str,
        folder: Path,
        *,
        progress: Callable[[DownloadProgress], None] | None = None,
        trouble: Callable[[CoexplorerError], None] | None = None,
        arrived: Callable[[Path], None] | None = None,
    ) -> list[Path]:
        """Download a file, or a folder with everything below it, into `folder`.

        Resumes what an earlier download left, and does not fetch a complete file again; never
        overwrites a different file of the same name. Checks the size.

        Args:
            asset_id: The asset.
            path: The file or folder; empty: all of them.
            folder: Where they go.
            progress: Called with how far each file is.
            trouble: Called with each file or folder that can't be read, while the others come.
                None: raise the first one.
            arrived: Called with each file once all of it is there, also of a download that ends
                with an error.

        Raises:
            Refused: A path from the platform would leave `folder`, or the size does not match.
            ApiError: No file can be read.
        """
        return await self._files.download(
            asset_id, path, folder, progress=progress, trouble=trouble, arrived=arrived
        )
