"""`library.changes`: every change of assets that are there, and taking it back.

Each is written into the journal before anything is sent: whatever happens then, `library.log` tells
what arrived, what did not, and what nobody knows yet.

It is a face, so it is one long list: a method for each thing, which leads to who does it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from coexplorer.errors import EditConflict
from coexplorer.fields import Fields
from coexplorer.library.acknowledged import apply_acknowledged
from coexplorer.library.bulk import Bulk, Stopping, never
from coexplorer.library.bulk_change import Change
from coexplorer.library.context import Context
from coexplorer.library.edit import Editor, Heard
from coexplorer.library.entries import Entry, Purpose
from coexplorer.library.history import History
from coexplorer.library.log import Log
from coexplorer.library.metadata import known_schema
from coexplorer.library.planner import Planner
from coexplorer.library.plans import Plan, show_by
from coexplorer.library.results import BatchProgress, BatchReport, EditResult
from coexplorer.library.selection import Fit
from coexplorer.models import Asset, AssetId, Record
from coexplorer.query import Query
from coexplorer.sharing.roles import Sharing


class Changes:
    """Changes one asset or many, now or after a plan; undoes, redoes and resends.

    Args:
        context: What the session's modules share.
        editor: Carries out journal entries.
        log: Reads the journal.
    """

    def __init__(self, context: Context, editor: Editor, log: Log) -> None:
        self._context = context
        self._editor = editor
        self._planner = Planner(context, editor.sharer)
        self._bulk = Bulk(context, self._editor)
        self._history = History(context, self._editor, self._bulk, log)

    async def edit(
        self,
        asset_id: AssetId,
        base: Fields,
        mine: Fields,
        *,
        fit: Fit | None = None,
        heard: Heard | None = None,
        file: str = "",
        continues: Collection[int] = (),
    ) -> EditResult:
        """Change fields of an asset, merged with what others did since `base` was read.

        The intent is journaled before anything is sent; whatever fails afterwards, the text is in
        the journal (`unsent`). Cancelled while the request is on its way, it is journaled as
        unknown, and settled by a look at the platform.

        Args:
            asset_id: The asset.
            base: The fields as the user was shown them.
            mine: The fields as they should be.
            fit: What the asset must still be when it is read again.
            heard: Called once with the result, as soon as it is written down, and with the asset as
                the platform has it now; the catalog is updated next, before this returns. For the
                mount, where a program waits for each save. It must not raise.
            file: The field that is saved as a whole, as a file: earlier tries to save it are over.
            continues: Kept entries whose author was told that they failed, and goes on from them.

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
            asset_id, base, mine, fit=fit, heard=heard, file=file, continues=continues
        )

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

    async def share(self, asset_id: AssetId, before: Sharing, after: Sharing) -> EditResult:
        """Change who can see an asset, merged with what others did since `before` was read.

        Args:
            asset_id: The asset.
            before: Who can see it, as the user was shown it.
            after: Who should.

        Returns:
            The result, in state ``applied`` or ``unchanged``; what the platform did not do of it is
            in its `lacking`.

        Raises:
            Conflict: Somebody gave the same user or group another role; nothing was sent.
            Refused: This user would no longer be an owner; nothing was sent.
            JournalError: The intent could not be written down; nothing was sent.
            ApiError: The platform said no, or its reply was lost (``outcome_unknown``).
        """
        return await self._editor.share(asset_id, before, after)

    async def plan(
        self,
        target: Query | str | Sequence[AssetId] | Sequence[Record],
        change: Change,
        *,
        fits: Mapping[AssetId, Fit] | None = None,
        heard: Callable[[int], None] | None = None,
    ) -> Plan:
        """Say what `change` would do to each asset; sends nothing.

        What a query found is judged by it again when it is read, right before it is changed:
        what no longer fits is skipped, with the reason. An asset to delete must then be exactly as
        in the plan; otherwise it is skipped too.

        Args:
            target: A query, or ids, or assets as the user was shown them.
            change: What to do.
            fits: With ids: what they were chosen by, if that must be checked again.
            heard: Where they are shared, the platform is asked who can see each: told how many
                were asked about, after each.

        Raises:
            QueryError: The query has a mistake.
            NotFound: An id that the catalog does not know is not on the platform either.
            InvalidField: The change has a value that must not be sent.
            Refused: The change has nothing to do, or several kinds of change.
        """
        plan = await self._planner.plan(target, change, fits, heard)
        return await self._show_typed(plan)

    async def document(self, target: Query | str | Sequence[AssetId]) -> str:
        """Write the matched assets as one text document for an editor.

        Raises:
            QueryError: The query has a mistake.
        """
        return await self._planner.document(target)

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
        plan = await self._planner.plan_document(before, after, fits)
        return await self._show_typed(await self._planner.leave_out_done(plan))

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

        A plan of `plan_undo` takes back just what it shows: what of the change is not as it was
        then is left, and named in the report's `notes`.

        Args:
            plan: What to do.
            progress: Called after each asset.
            stopping: Asked before each asset; once true, assets on their way finish and no other
                one starts.

        Raises:
            JournalError: The plan could not be written down; nothing was sent.
            UndoRefused: Nothing of the change is as the plan showed it; nothing was sent.
        """
        if plan.about is not None:
            return await self._history.undo(plan.about, progress, stopping, plan)
        return await self._bulk.apply(plan, progress, stopping)

    async def wait_mounted(
        self, batch_id: int, *, progress: Callable[[int, int], None] | None = None
    ) -> BatchReport:
        """Wait until the files of what a change has attached are there, or could not be mounted.

        What could not is ``refused`` then. The caller sets a deadline.

        Args:
            batch_id: The change.
            progress: Told how many are settled, of how many, before each look.

        Raises:
            ApiError: The platform can't be asked any more; what was attached stays attached.
        """
        await self._editor.attacher.wait_mounted(batch_id, progress)
        return await self.report(batch_id)

    async def wait_moved(
        self, batch_id: int, *, progress: Callable[[int, int], None] | None = None
    ) -> BatchReport:
        """Wait until the files of what a change has transferred have moved, or could not.

        What could not is ``refused`` then, with the platform's reason. The caller sets a deadline.

        Args:
            batch_id: The change.
            progress: Told how many are settled, of how many, before each look.

        Raises:
            ApiError: The platform can't be asked any more; it goes on by itself.
        """
        report = await self.report(batch_id)
        begun = [each.entry_id for each in report.results if each.moving]
        await self._editor.transferer.wait_moved(begun, progress)
        return await self.report(batch_id)

    async def unfinished_transfers(self, ids: Collection[AssetId]) -> list[Entry]:
        """Return the transfers of assets that have not ended, as far as anybody knows."""
        return await self._editor.transferer.find_unfinished(ids)

    async def follow_transfers(
        self, entries: Sequence[Entry], *, progress: Callable[[int, int], None] | None = None
    ) -> BatchReport:
        """Wait for transfers that some earlier run has begun, as `wait_moved` does; sends nothing.

        Args:
            entries: From `unfinished_transfers`, of whichever changes; at least one.
            progress: Told how many are settled, of how many, before each look.

        Raises:
            ApiError: The platform can't be asked any more; it goes on by itself.
        """
        await self._editor.transferer.wait_moved([each.id for each in entries], progress)
        return await self.transfers_report(entries)

    async def transfers_report(self, entries: Sequence[Entry]) -> BatchReport:
        """Say how transfers stand, as far as that is written down; at least one."""
        return await self._editor.transferer.report([each.id for each in entries])

    async def resume(
        self,
        batch_id: int,
        *,
        progress: Callable[[BatchProgress], None] | None = None,
        stopping: Stopping = never,
        refused: bool = False,
        only: Collection[AssetId] | None = None,
    ) -> BatchReport:
        """Do what is left of a batch: only failed, interrupted and unknown entries.

        It takes the same arguments as `apply`; `refused` retries refused changes too, and `only`
        names the assets that the user has been shown, where not all are meant.
        """
        return await self._bulk.resume(batch_id, progress, stopping, refused=refused, only=only)

    async def report(self, batch_id: int) -> BatchReport:
        """Return each asset's outcome in a batch."""
        return await self._bulk.report(batch_id)

    async def retry(self, entry_id: int) -> EditResult:
        """Resend a kept change, merged as `edit` does; raises what `edit` raises.

        This also resends a refused one, because it was named by its number.

        Raises:
            Refused: The entry is not kept for a retry, or its secrets were never kept.
        """
        return await self._history.retry(entry_id)

    async def retry_attaching(self, entries: Sequence[Entry]) -> list[EditResult]:
        """Resend kept entries that attach or detach, up to 100 with one request.

        Returns:
            A result for each that was still kept, or had arrived; nothing is raised for what
            failed.

        Raises:
            ApiError: Some may have arrived, and the platform can't be asked.
        """
        return await self._history.retry_attaching(entries)

    async def amend(self, entry_id: int, base: Fields, mine: Fields, *, check: bool = True) -> bool:
        """Replace a kept text with a newer one; `retry` sends it.

        What may have arrived is never replaced: `edit` finds out, and goes on from it.

        Args:
            entry_id: The entry.
            base: The fields as the user has seen them.
            mine: The fields as the user wants them now.
            check: Refuse what the platform would refuse; otherwise keep it as it is.

        Returns:
            False if it is no longer kept, or may have arrived, or is not the user's own edit.

        Raises:
            InvalidField: A field is not allowed; nothing was written down.
            JournalError: It can't be written down.
        """
        return await self._history.amend(entry_id, base, mine, check=check)

    async def find_conflict(self, entry_id: int) -> EditConflict | None:
        """Read the asset of a kept edit, and say what of it conflicts now; sends nothing.

        Returns:
            The three versions; None: it could be sent as it is.

        Raises:
            ApiError: The asset can't be read.
            Refused: The entry is not kept.
        """
        return await self._history.find_conflict(entry_id)

    async def discard(self, entry_id: int) -> Entry:
        """Discard a kept change; its text stays readable in the log.

        If its reply was lost, the platform is asked first: what had arrived stays, as ``applied``.

        Raises:
            ApiError: It may have arrived, and the platform can't be asked; it is kept.
            Refused: The entry is not kept.
        """
        return await self._history.discard(entry_id)

    async def discard_batch(self, batch_id: int, only: Collection[int] | None = None) -> int:
        """Discard everything that is kept of a batch; return how many changes that was.

        Of the entries in `only`, where the user was shown those.

        What had arrived although its reply was lost stays, as with `discard`.

        Raises:
            ApiError: Some may have arrived, and the platform can't be asked; nothing is discarded.
        """
        return await self._history.discard_batch(batch_id, only)

    async def settle(self) -> list[Entry]:
        """Ask the platform about every change of unknown outcome; return them as they are now."""
        return await self._history.settle()

    async def settle_batch(self, batch_id: int) -> None:
        """Ask the platform about what of a batch is of unknown outcome.

        Raises:
            ApiError: The platform can't be asked; what is settled by then stays so.
        """
        await self._history.settle_batch(batch_id)

    async def plan_undo(
        self,
        batch_id: int | None = None,
        *,
        purpose: Purpose = Purpose.UNDO,
        look: bool = True,
        heard: Callable[[int], None] | None = None,
    ) -> Plan:
        """Say what `undo` or `redo` would do to each asset if it was called now; sends nothing.

        If the reply to a part of the batch was lost, it asks the platform what arrived.

        Args:
            batch_id: The batch; None: what a plain undo or redo is about.
            purpose: Of a plain one: undo or redo.
            look: Read each asset again, so that it is exactly what would be done; otherwise say it
                as far as the catalog knows.
            heard: Told how many assets were read, after each.

        Raises:
            ApiError: Nobody can tell what of the batch arrived.
            Refused: There is no batch of this number.
            StillSending: Another command or window is still sending some of the batch.
            UndoRefused: See `undo`.
        """
        plan = await self._history.plan_undo(batch_id, purpose, heard, look=look)
        return await self._show_typed(plan)

    async def _show_typed(self, plan: Plan) -> Plan:
        """Return a plan that shows custom metadata as people write them."""
        return show_by(plan, await known_schema(self._context))

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
            StillSending: Another command or window is still sending some of it.
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

    async def apply_acknowledged(self) -> int:
        """Put into the catalog what the journal says was done, if a crash came between.

        Returns:
            How many assets the catalog learned something about.

        Raises:
            JournalError: The journal can't be read.
        """
        return await apply_acknowledged(self._context)
