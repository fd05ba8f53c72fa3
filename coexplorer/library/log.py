"""`library.log`: what was done from this machine, and what waits for the user.

It only reads the journal; `library.changes` acts on what is in it.
"""

from __future__ import annotations

from coexplorer.library.batch_reports import no_batch
from coexplorer.library.context import Context
from coexplorer.library.entries import (
    Action,
    Batch,
    Entry,
    Purpose,
    Reason,
    State,
)
from coexplorer.library.reversal import can_be_undone
from coexplorer.models import AssetId

_LOOKED_AT = 200
"""So many older changes are looked at for one that can be undone."""


class Log:
    """Reads the journal.

    Args:
        context: What the session's modules share.
    """

    def __init__(self, context: Context) -> None:
        self._context = context

    async def entries(self, *, limit: int = 100, offset: int = 0) -> list[Entry]:
        """Return what was done here, by any front end: waiting entries first, then newest."""
        return await self._context.run(self._context.journal.log, limit=limit, offset=offset)

    async def batches(
        self, *, limit: int = 100, offset: int = 0, tries: bool = True
    ) -> list[Batch]:
        """Return the batches, newest first, with their outcomes counted.

        Args:
            limit: How many.
            offset: How many of the newest to pass over.
            tries: Return failed saves of a mount that a later one replaced as well; programs may
                have made hundreds of them.
        """
        return await self._context.run(
            self._context.journal.batches, limit=limit, offset=offset, tries=tries
        )

    async def batch(self, batch_id: int) -> Batch:
        """Return one batch.

        Raises:
            NotThere: There is none of this number.
        """
        batch = await self._context.run(self._context.journal.batch, batch_id)
        if batch is None:
            raise no_batch(batch_id)
        return batch

    async def kept_batches(self, *, limit: int = 100) -> list[Batch]:
        """Return the batches of which something is kept, the one that was written to last first."""
        return await self._context.run(self._context.journal.kept_batches, limit=limit)

    async def count_kept(self) -> dict[str, int]:
        """Return how many entries are kept, by state."""
        return await self._context.run(self._context.journal.count_kept)

    async def version(self) -> int:
        """Return a number that is another one once another process has written something."""
        return await self._context.run(self._context.journal.version)

    async def count_batches(self, *, since: int = 0, tries: bool = True) -> int:
        """Return how many batches there are from a number on; `tries` as in `batches`."""
        count = self._context.journal.count_batches
        return await self._context.run(count, since=since, tries=tries)

    async def entry(self, entry_id: int) -> Entry | None:
        """Return an entry; None if there is no such number."""
        return await self._context.run(self._context.journal.entry, entry_id)

    async def entries_of(
        self, batch_id: int, *, limit: int = 100, offset: int = 0, kept_first: bool = False
    ) -> list[Entry]:
        """Return the entries of a batch in the order of its plan; none if there is no such batch.

        With `kept_first`, ones that can be sent again come before all others.
        """
        return await self._context.run(
            self._context.journal.entries_of,
            batch_id,
            limit=limit,
            offset=offset,
            kept_first=kept_first,
        )

    async def reasons(self, batch_id: int) -> list[Reason]:
        """Return why parts of a batch failed or were skipped, with counts, most frequent first."""
        return await self._context.run(self._context.journal.reasons_of, batch_id)

    async def unsent(self) -> list[Entry]:
        """Return the entries that wait for the user: unsent, unknown and in conflict."""
        return await self._context.run(self._context.journal.pending)

    async def waiting_assets(self) -> frozenset[AssetId]:
        """Return the assets that have changes which wait for the user."""
        return await self._context.run(self._context.journal.waiting_assets)

    async def find_text(self, asset_id: AssetId) -> Entry | None:
        """Return the newest text of an asset that its author typed and the platform lacks.

        What was only stopped, or is to take something back, is no such text.
        """
        kept = await self._context.run(self._context.journal.kept, asset_id)
        return next(
            (
                entry
                for entry in reversed(kept)
                if entry.action is Action.EDIT
                and entry.mine is not None
                and entry.reverses is None
                and entry.state is not State.STOPPED
                and not entry.set_aside
            ),
            None,
        )

    async def entries_about(self, asset_id: AssetId, *, limit: int = 1000) -> list[Entry]:
        """Return what was done with an asset, whatever became of it, newest first."""
        journal = self._context.journal
        return await self._context.run(journal.entries_about, asset_id, limit=limit)

    async def kept(self, asset_id: AssetId | None = None) -> list[Entry]:
        """Return the entries whose text is kept: everything in `unsent`, and what was refused.

        Of one asset, or of all.
        """
        return await self._context.run(self._context.journal.kept, asset_id)

    async def catch_up(self) -> None:
        """Settle what ended before that could be written down, here or in a process that died."""
        await self._context.run(self._context.journal.recover)

    async def last(self, purpose: Purpose, *, gone: bool = False) -> Batch | None:
        """Return the last change (to undo) or undo (to redo); None when there is none.

        It may not have been sent, or have failed: then `Batch.standing` is 0. What was undone,
        given up or not needed is passed over.

        Args:
            purpose: Undo or redo.
            gone: Also where an undo was tried and found all that is left of its assets gone.
        """
        is_undo = purpose is Purpose.UNDO
        purposes = (Purpose.DO, Purpose.REDO) if is_undo else (Purpose.UNDO,)
        return await self._context.run(self._context.journal.find_last, purposes, gone=gone)

    async def undoable(self, *, before: int | None = None) -> Batch | None:
        """Return what `undo` would undo; None if there is nothing.

        Args:
            before: Look for the newest batch with a smaller number that can be undone at all.
        """
        journal = self._context.journal
        if before is None:
            return await self._context.run(journal.find_undoable)
        # A share may not be taken back where the platform did not tell who could see it before.
        for _ in range(_LOOKED_AT):
            found = await self._context.run(journal.find_reversible, before=before)
            if found is None:
                break
            if can_be_undone(found, await self._context.run(journal.entries_of, found.id)):
                return found
            before = found.id
        return None

    async def redoable(self) -> Batch | None:
        """Return what `redo` would redo; None if there is nothing."""
        return await self._context.run(self._context.journal.find_redoable)

    async def ensure_journal(self) -> None:
        """Check that the journal is complete and can be written.

        Raises:
            JournalError: It can't be, so nobody can tell what is missing in it.
        """
        await self._context.run(self._context.journal.ensure_settled)
