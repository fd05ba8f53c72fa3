"""`library.saves`: texts that their author may have nowhere else, kept until the platform has them.

A program saves a file of a mount again and again. Each try that failed is in the journal until the
platform has a later one, or its author has been told.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import msgspec

from coexplorer.errors import CoexplorerError, Refused
from coexplorer.fields import Fields, changed_fields, changed_rows
from coexplorer.library.context import Context
from coexplorer.library.edit import build_edit_title
from coexplorer.library.entries import WAITING, Action, Entry, EntryDraft, State
from coexplorer.library.kept_texts import is_same_file, may_give_up
from coexplorer.library.log import Log
from coexplorer.library.refusals import failed_state
from coexplorer.models import AssetId


class Saves:
    """Keeps texts, and lets go of them.

    Args:
        context: What the session's modules share.
        log: Reads the journal.
    """

    def __init__(self, context: Context, log: Log) -> None:
        self._context = context
        self._log = log

    async def keep(
        self,
        asset_id: AssetId,
        base: Fields,
        mine: Fields,
        error: CoexplorerError,
        *,
        continues: Collection[int] = (),
    ) -> int:
        """Keep a text that `Changes.edit` refused: its author may have it nowhere else.

        A program that saves a file in a mount and ends doesn't ask again.

        Args:
            asset_id: The asset.
            base: The fields as the user has seen them.
            mine: The fields as the user wants them.
            error: Why it is not sent.
            continues: As in `Changes.edit`.

        Returns:
            The number of its entry.

        Raises:
            JournalError: It can't be written down.
        """
        state = failed_state(error, sent=False)
        if isinstance(error, Refused):
            state = State.REFUSED  # our own guard: nothing may send it unasked
        draft = EntryDraft(
            asset_id,
            base.name,
            Action.EDIT,
            base,
            mine,
            state=state,
            reason=error.message,
            hint=error.hint,
            file=changed_rows(base, mine)[0],
            continues=tuple(continues),
        )
        return await self._write_down_kept(draft)

    async def keep_waiting(self, asset_id: AssetId, base: Fields, mine: Fields) -> int:
        """Write a text down that is going to be sent, in case this process ends before that.

        It is planned until then, so nobody else sends it, and earlier texts stay. `let_go` ends it.

        Returns:
            The number of its entry.

        Raises:
            JournalError: It can't be written down.
        """
        draft = EntryDraft(asset_id, base.name, Action.EDIT, base, mine, waits=True)
        hint = "coexplorer retry sends it"
        draft = msgspec.structs.replace(draft, reason=WAITING, hint=hint)
        return await self._write_down_kept(draft)

    async def find_tries(
        self,
        asset_id: AssetId,
        base: Fields,
        mine: Fields,
        file: str,
        continues: Collection[int] = (),
    ) -> tuple[list[Entry], list[Entry]]:
        """Return kept tries to save the file that is saved next, by the rule of `Changes.edit`.

        It takes what that takes.

        Returns:
            All of them, and those that stay whatever becomes of that save. Oldest first.

        Raises:
            JournalError: The journal can't be read.
        """
        draft = _build_save(asset_id, base, mine, file, continues)
        kept = await self._log.kept(asset_id)
        tries = [entry for entry in kept if is_same_file(draft, entry)]
        return tries, [entry for entry in tries if not may_give_up(entry, draft)]

    async def end_tries(
        self,
        asset_id: AssetId,
        base: Fields,
        mine: Fields,
        file: str,
        entry_ids: Sequence[int],
        *,
        aside: bool,
        continues: Collection[int] = (),
    ) -> None:
        """Give up kept tries to save a file, now that the platform has its text.

        Args:
            asset_id: The asset.
            base: The fields as the user has seen them.
            mine: What the platform has.
            file: As in `Changes.edit`.
            entry_ids: The tries that were kept before.
            aside: Set those aside that may not be given up; otherwise they wait as before.
            continues: As in `Changes.edit`.

        Raises:
            JournalError: It can't be written down.
        """
        draft = _build_save(asset_id, base, mine, file, continues)
        await self._context.write_down(
            self._context.journal.end_tries, draft, entry_ids, aside=aside
        )

    async def note_look(self, entry_ids: Collection[int]) -> None:
        """Note that somebody has read why changes failed: their texts may be replaced now.

        Raises:
            JournalError: It can't be written down.
        """
        await self._context.write_down(self._context.journal.note_look, entry_ids)

    async def let_go(self, entry_id: int, *, aside: bool = False) -> None:
        """Let go of a text that was written down only in case this process would end.

        It leaves no trace if it is blank or another entry has it; else it is discarded.

        Args:
            entry_id: Its entry.
            aside: Keep it to be read rather than discard it: its program was told that it failed.

        Raises:
            JournalError: It can't be written down.
        """
        await self._context.write_down(self._context.journal.let_go, entry_id, aside=aside)

    async def _write_down_kept(self, draft: EntryDraft) -> int:
        if draft.base is None or draft.mine is None:
            raise AssertionError("a text can't be kept without what it was made from")
        base, mine = draft.base, draft.mine
        title = build_edit_title(changed_fields(base, mine), base)
        begin = self._context.journal.begin
        _, numbers = await self._context.write_down(begin, [draft], title=title)
        return numbers[0]


def _build_save(
    asset_id: AssetId, base: Fields, mine: Fields, file: str, continues: Collection[int]
) -> EntryDraft:
    """Return the draft of a file that a mount saves as a whole."""
    draft = EntryDraft(asset_id, base.name, Action.EDIT, base, mine, file=file)
    return msgspec.structs.replace(draft, continues=tuple(continues))
